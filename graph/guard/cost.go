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
	// mutationCost is what each mutation costs before its answer, so that one request does at most twenty.
	mutationCost = MaxCost / 20
	// listCost is how often the fields of a list are counted that has no `first`: lines, variants.
	listCost = 5
)

// Cost is a gqlgen extension that refuses operations that cost more than MaxCost with COST_EXCEEDED. What a query or a mutation
// costs is told in the extensions of its answer, of a refusal too.
type Cost struct {
	types int // in the schema
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
	graphql.ResponseInterceptor
} = (*Cost)(nil)

const costExtension = "HoldfastCost"

// ExtensionName is for gqlgen.
func (*Cost) ExtensionName() string { return costExtension }

// Validate is for gqlgen, which calls it once, before the first request.
func (c *Cost) Validate(es graphql.ExecutableSchema) error {
	c.types = len(es.Schema().Types)
	return nil
}

// MutateOperationContext is for gqlgen, which calls it once the operation is valid: its fragments form no circle.
func (c *Cost) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	p := pricing{variables: op.Variables, fragments: make(map[string]int), types: c.types}
	cost := p.set(op.Operation.SelectionSet)
	op.Stats.SetExtension(costExtension, cost)
	if cost <= MaxCost {
		return nil
	}
	return refusal(fault.CostExceeded, gqlerror.ErrorPosf(op.Operation.Position, "this asks for more than one request may; ask for fewer at a time"))
}

// Told is what extensions.cost of an answer says.
type Told struct {
	// Requested is what the operation costs. What costs too much is not added up to the end: it is MaxCost+1 then.
	Requested int `json:"requested"`
	// Limit is MaxCost.
	Limit int `json:"limit"`
}

// InterceptResponse is for gqlgen. Events of subscriptions say nothing: they are shared, and many.
func (*Cost) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	op := graphql.GetOperationContext(ctx)
	if cost, ok := op.Stats.GetExtension(costExtension).(int); ok && op.Operation.Operation != ast.Subscription {
		graphql.RegisterExtension(ctx, "cost", Told{cost, MaxCost})
	}
	return next(ctx)
}

// pricing adds up. Each fragment is priced once: fragments that double each other would take for ever otherwise. Sums stop
// growing beyond MaxCost, so that nothing overflows.
type pricing struct {
	variables map[string]any
	fragments map[string]int
	types     int
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
	if strings.HasPrefix(f.ObjectDefinition.Name, "__") {
		return p.introspected(f)
	}
	switch {
	case f.Definition.Type.Elem == nil, strings.HasSuffix(f.ObjectDefinition.Name, "Connection"), strings.HasPrefix(f.Name, "__"):
		return 1 // an object, or a page's list, which its connection has counted
	case f.ObjectDefinition.Name == "Query":
		return max(1, length(args["ids"]))
	}
	return listCost
}

// introspected is about how many there are in the schema, one type with the other: the answer is made of nothing but that.
func (p pricing) introspected(f *ast.Field) int {
	switch f.Name {
	case "types":
		return max(1, p.types)
	case "fields", "directives":
		return 5
	case "inputFields", "enumValues":
		return 2
	default:
		return 1
	}
}

func length(list any) int {
	if v := reflect.ValueOf(list); v.Kind() == reflect.Slice {
		return v.Len()
	}
	return 1
}
