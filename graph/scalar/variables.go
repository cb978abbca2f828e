package scalar

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/fault"
)

// Variables is a gqlgen extension that coerces variables as the specification says, where gqlparser is lax: scalars of
// this package, the case of enum values, and @oneOf. What it refuses is a request error and nothing is executed; without
// it the same value fails only when its field runs, after other mutations of the request have.
type Variables struct {
	schema *ast.Schema
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = (*Variables)(nil)

// ExtensionName is for gqlgen.
func (*Variables) ExtensionName() string { return "HoldfastVariables" }

// Validate is for gqlgen, which calls it once, before the first request.
func (v *Variables) Validate(es graphql.ExecutableSchema) error {
	v.schema = es.Schema()
	return nil
}

// MutateOperationContext is for gqlgen, which calls it once gqlparser has looked at the variables.
func (v *Variables) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, def := range op.Operation.VariableDefinitions {
		path := ast.Path{ast.PathName("variable"), ast.PathName(def.Variable)}
		if err := v.check(def.Type, op.Variables[def.Variable], path); err != nil {
			return err
		}
	}
	return nil
}

// check leaves null, and what was not sent, to gqlparser, which has seen to it. It stops at the first mistake, so that
// siblings may share what path has room for.
func (v *Variables) check(typ *ast.Type, value any, path ast.Path) *gqlerror.Error {
	if value == nil {
		return nil
	}
	if typ.Elem != nil {
		for i, item := range graphql.CoerceList(value) {
			if err := v.check(typ.Elem, item, append(path, ast.PathIndex(i))); err != nil {
				return err
			}
		}
		return nil
	}
	def := v.schema.Types[typ.NamedType]
	switch def.Kind {
	case ast.Scalar:
		if err := check(def.Name, value); err != nil {
			return refuse(path, err.Error())
		}
	case ast.Enum:
		if name, ok := value.(string); !ok || def.EnumValues.ForName(name) == nil {
			return refuse(path, "must be a value of "+def.Name+", in upper and lower case as in the schema")
		}
	case ast.InputObject:
		return v.checkObject(def, value, path)
	case ast.Object, ast.Interface, ast.Union: // no types of variables: validation has refused them
	}
	return nil
}

func (v *Variables) checkObject(def *ast.Definition, value any, path ast.Path) *gqlerror.Error {
	object, ok := value.(map[string]any)
	if !ok {
		return refuse(path, "must be an object")
	}
	present, filled := 0, 0
	for _, field := range def.Fields {
		item, sent := object[field.Name]
		if !sent {
			continue
		}
		present++
		if item != nil {
			filled++
		}
		if err := v.check(field.Type, item, append(path, ast.PathName(field.Name))); err != nil {
			return err
		}
	}
	if def.Directives.ForName("oneOf") != nil && (present != 1 || filled != 1) {
		return refuse(path, "must have exactly one field, and not null")
	}
	return nil
}

func refuse(path ast.Path, message string) *gqlerror.Error {
	err := gqlerror.ErrorPathf(path, "%s", message)
	err.Extensions = map[string]any{"code": string(fault.BadRequest)}
	return err
}
