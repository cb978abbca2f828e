// Package guard bounds what one operation may ask for, before anything of it is executed.
package guard

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/fault"
)

// MaxDepth is how deep fields may nest. The way from a member of staff by shop, order and checkout to a product takes 15.
const MaxDepth = 20

// Depth is a gqlgen extension that refuses operations that nest deeper than MaxDepth with COST_EXCEEDED.
type Depth struct{}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = Depth{}

// ExtensionName is for gqlgen.
func (Depth) ExtensionName() string { return "HoldfastDepth" }

// Validate is for gqlgen.
func (Depth) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext is for gqlgen, which calls it once the operation is valid: its fragments form no circle.
func (Depth) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if depth(op.Operation.SelectionSet, make(map[string]int)) <= MaxDepth {
		return nil
	}
	err := gqlerror.ErrorPosf(op.Operation.Position, "fields may nest at most %d deep", MaxDepth)
	err.Extensions = map[string]any{"code": string(fault.CostExceeded)}
	return err
}

// depth looks at each fragment once: fragments that double each other would take for ever otherwise.
func depth(set ast.SelectionSet, fragments map[string]int) int {
	deepest := 0
	for _, selection := range set {
		below := 0
		switch s := selection.(type) {
		case *ast.Field:
			below = 1 + depth(s.SelectionSet, fragments)
		case *ast.InlineFragment:
			below = depth(s.SelectionSet, fragments)
		case *ast.FragmentSpread:
			known, ok := fragments[s.Name]
			if !ok {
				known = depth(s.Definition.SelectionSet, fragments)
				fragments[s.Name] = known
			}
			below = known
		}
		deepest = max(deepest, below)
	}
	return deepest
}
