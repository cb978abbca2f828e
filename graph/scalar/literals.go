package scalar

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// Literals is the validation rule for literals that gqlparser's own rules let through: every one of Int64 and DateTime,
// an Int of more than 32 bits, and an object in the place of a scalar. Without it they fail only when their field runs, after other fields have.
func Literals() core.Rule {
	return core.Rule{Name: "HoldfastLiterals", RuleFunc: func(observers *core.Events, addError core.AddErrFunc) {
		observers.OnValue(func(_ *core.Walker, value *ast.Value) {
			if err := checkLiteral(value); err != nil {
				addError(core.Message("%s", err.Error()), core.At(value.Position))
			}
		})
	}}
}

func checkLiteral(value *ast.Value) error {
	switch {
	case value.Definition == nil || value.ExpectedType == nil || value.Definition.Kind != ast.Scalar:
		return nil
	case value.Kind == ast.Variable || value.Kind == ast.NullValue:
		return nil
	case value.Kind == ast.ListValue && value.ExpectedType.Elem != nil:
		return nil // its elements come one by one
	case value.Definition.BuiltIn && value.Kind != ast.IntValue && value.Kind != ast.ObjectValue:
		return nil // gqlparser has said so already
	}
	v, err := value.Value(nil)
	if err != nil && value.Definition.BuiltIn {
		return nil // likewise
	}
	return check(value.Definition.Name, v)
}

// check tells whether v is of the scalar, nil when it is. Scalars that are not of this package are left to gqlparser.
func check(name string, v any) error {
	var err error
	switch name {
	case "Int":
		_, err = UnmarshalInt(v)
	case "Int64":
		_, err = UnmarshalInt64(v)
	case "DateTime":
		_, err = UnmarshalDateTime(v)
	case "String":
		_, err = UnmarshalString(v)
	case "ID":
		_, err = UnmarshalID(v)
	case "Boolean":
		_, err = UnmarshalBoolean(v)
	}
	return err
}
