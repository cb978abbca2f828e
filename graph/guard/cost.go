package guard

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/fault"
	"holdfast/internal/page"
)

const (
	// MaxCost is what one operation may cost: a field costs 1 for each time that it may be in the answer.
	MaxCost = 200_000
	// mutationCost is what each mutation costs before its answer, so that one request does at most twenty.
	mutationCost = MaxCost / 20
	// listCost is how often the fields of a list are counted that has no `first`: lines, variants.
	listCost = 5
)

// Cost is a gqlgen extension that refuses operations that cost more than MaxCost with COST_EXCEEDED.
type Cost struct{}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = Cost{}

// ExtensionName is for gqlgen.
func (Cost) ExtensionName() string { return "HoldfastCost" }

// Validate is for gqlgen.
func (Cost) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext is for gqlgen, which calls it once the operation is valid: its fragments form no circle.
func (Cost) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	p := pricing{variables: op.Variables, fragments: make(map[string]int)}
	if p.set(op.Operation.SelectionSet) <= MaxCost {
		return nil
	}
	err := gqlerror.ErrorPosf(op.Operation.Position, "this asks for more than one request may; ask for fewer at a time")
	err.Extensions = map[string]any{"code": string(fault.CostExceeded)}
	return err
}

// pricing adds up. Each fragment is priced once: fragments that double each other would take for ever otherwise. Sums stop
// growing beyond MaxCost, so that nothing overflows.
type pricing struct {
	variables map[string]any
	fragments map[string]int
}

func (p pricing) set(set ast.SelectionSet) int {
	sum := 0
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			sum += p.field(s)
		case *ast.InlineFragment:
			sum += p.set(s.SelectionSet)
		case *ast.FragmentSpread:
			known, ok := p.fragments[s.Name]
			if !ok {
				known = p.set(s.Definition.SelectionSet)
				p.fragments[s.Name] = known
			}
			sum += known
		}
		sum = min(sum, MaxCost+1)
	}
	return sum
}

func (p pricing) field(f *ast.Field) int {
	own := 1
	if f.ObjectDefinition != nil && f.ObjectDefinition.Name == "Mutation" {
		own = mutationCost
	}
	return min(own+p.times(f)*p.set(f.SelectionSet), MaxCost+1)
}

// times is how often what is below the field may be in the answer.
func (p pricing) times(f *ast.Field) int {
	if f.Definition == nil || f.ObjectDefinition == nil {
		return 1
	}
	args := f.ArgumentMap(p.variables)
	if first, ok := args["first"]; ok {
		n, err := strconv.Atoi(fmt.Sprint(first))
		if err != nil {
			return 1
		}
		return max(1, min(n, page.Max)) // more than that is refused where it is read
	}
	switch {
	case f.Definition.Type.Elem == nil, strings.HasSuffix(f.ObjectDefinition.Name, "Connection"), strings.HasPrefix(f.Name, "__"):
		return 1 // an object, or a page's list, which its connection has counted
	case f.ObjectDefinition.Name == "Query":
		return max(1, length(args["ids"]))
	}
	return listCost
}

func length(list any) int {
	if v := reflect.ValueOf(list); v.Kind() == reflect.Slice {
		return v.Len()
	}
	return 1
}
