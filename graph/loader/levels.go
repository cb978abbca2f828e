package loader

import (
	"context"
	"reflect"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/graph/generated"
	"holdfast/internal/addressbook"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/identity"
	"holdfast/internal/job"
	"holdfast/internal/order"
	"holdfast/internal/payment"
)

// Levels tells loaders which fields of a response are still to come, so that a level of it costs one statement however goroutines
// are delayed. It looks ahead in what was selected: when a field has led to a list of 20 products, all that these have to ask is
// announced before the first of them asks. What it does not foresee costs a statement more, and is as correct.
//
// It is an extension for gqlgen's Server.Use. Without it batches go after Sources.Wait.
type Levels struct {
	// asks are the fields that load something, or lead to objects that do; true for those that have a resolver.
	asks map[field]bool
	// satisfies are, of each object, its name and those of its abstract types.
	satisfies map[string][]string
	abstract  map[string]bool
}

type field struct{ object, name string }

// goTypes are the objects that abstract types may be of, as resolvers return them.
//
//nolint:gochecknoglobals // a constant
var goTypes = map[reflect.Type]string{
	reflect.TypeFor[*identity.Buyer]():       "Buyer",
	reflect.TypeFor[*identity.StaffMember](): "Staff",
	reflect.TypeFor[*catalog.MiniProgram]():  "MiniProgram",
	reflect.TypeFor[*catalog.Shop]():         "Shop",
	reflect.TypeFor[*catalog.Product]():      "Product",
	reflect.TypeFor[*catalog.Variant]():      "ProductVariant",
	reflect.TypeFor[*cart.Cart]():            "Cart",
	reflect.TypeFor[*checkout.Checkout]():    "Checkout",
	reflect.TypeFor[*order.Order]():          "Order",
	reflect.TypeFor[*order.Line]():           "OrderLine",
	reflect.TypeFor[*order.Refund]():         "Refund",
	reflect.TypeFor[*order.Shipment]():       "Shipment",
	reflect.TypeFor[*payment.Payment]():      "Payment",
	reflect.TypeFor[*payment.Split]():        "PaymentSplit",
	reflect.TypeFor[*addressbook.Entry]():    "SavedAddress",
	reflect.TypeFor[*job.Job]():              "Job",
}

// ExtensionName names it in gqlgen's errors.
func (*Levels) ExtensionName() string { return "Levels" }

// Validate learns the schema.
func (e *Levels) Validate(es graphql.ExecutableSchema) error {
	schema, resolvers := es.Schema(), resolved()
	e.asks, e.satisfies, e.abstract = make(map[field]bool), make(map[string][]string), make(map[string]bool)
	for name, t := range schema.Types {
		e.abstract[name] = t.IsAbstractType()
		if t.Kind == ast.Object {
			e.satisfies[name] = []string{name}
			for _, above := range schema.GetImplements(t) {
				e.satisfies[name] = append(e.satisfies[name], above.Name)
			}
		}
	}
	leads := make(map[string]bool) // types that have fields that ask
	for e.learn(schema, resolvers, leads) {
	}
	return nil
}

// learn adds the fields that ask through those that are known already, and tells whether there were any.
func (e *Levels) learn(schema *ast.Schema, resolvers map[field]bool, leads map[string]bool) (more bool) {
	for name, types := range e.satisfies {
		for _, f := range schema.Types[name].Fields {
			key := field{name, f.Name}
			isResolver := resolvers[field{strings.ToLower(name), strings.ToLower(f.Name)}]
			if _, known := e.asks[key]; known || !isResolver && !leads[f.Type.Name()] {
				continue
			}
			e.asks[key], more = isResolver, true
			for _, t := range types {
				leads[t] = true
			}
		}
	}
	return more
}

// resolved are the fields that have a resolver, in lower case: gqlgen spells them as Go does.
func resolved() map[field]bool {
	out := make(map[field]bool)
	for object := range reflect.TypeFor[generated.ResolverRoot]().Methods() {
		for f := range object.Type.Out(0).Methods() {
			out[field{strings.ToLower(object.Name), strings.ToLower(f.Name)}] = true
		}
	}
	return out
}

// InterceptResponse gives each response a level, and announces the root fields of a query, which all begin at the same time.
func (e *Levels) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if !graphql.HasOperationContext(ctx) {
		return next(ctx)
	}
	oc := graphql.GetOperationContext(ctx)
	if oc.Operation == nil { // the request was refused, and nothing will be asked
		return next(ctx)
	}
	s := &siblings{level: &level{}}
	if oc.Operation.Operation == ast.Query {
		s.announced = true
		s.level.running, _ = e.below(oc, oc.Operation.SelectionSet, "Query")
	}
	return next(context.WithValue(ctx, siblingsKey{}, s))
}

// InterceptRootField ends a root field that was refused. Mutations begin one after the other and announce themselves.
func (e *Levels) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	all := siblingsOf(ctx)
	if all == nil || !all.announced || !e.asks[field{"Query", graphql.GetRootFieldContext(ctx).Field.Name}] { // all of them have resolvers
		return next(ctx)
	}
	s := &siblings{level: all.level, announced: true, root: true}
	defer func() {
		if !s.begun {
			s.level.add(-1)
		}
	}()
	return next(context.WithValue(ctx, siblingsKey{}, s))
}

// InterceptField ends a field that was announced, and announces those below it.
func (e *Levels) InterceptField(ctx context.Context, next graphql.Resolver) (result any, err error) {
	fc := graphql.GetFieldContext(ctx)
	if !fc.IsResolver && len(fc.Field.Selections) == 0 { // most of all fields
		return next(ctx)
	}
	s := siblingsOf(ctx)
	if _, asks := e.asks[field{fc.Object, fc.Field.Name}]; s == nil || !asks {
		return next(ctx)
	}
	if s.root {
		s.begun = true
	}
	if first := s.first[fc.Object]; !s.announced || first != "" && first != fc.Field.Alias {
		s.level.add(1)
	}
	under := &siblings{level: s.level}
	fields := 0
	defer func() { s.level.add(fields - 1) }() // also after a panic, which gqlgen makes an error of
	result, err = next(context.WithValue(ctx, siblingsKey{}, under))
	if err == nil && len(fc.Field.Selections) > 0 {
		fields = e.announce(graphql.GetOperationContext(ctx), fc.Field, result, under)
	}
	return result, err
}

// announce counts what the objects of result ask at once, and tells it to them, unless one is of a type that is not known.
func (e *Levels) announce(oc *graphql.OperationContext, f graphql.CollectedField, result any, under *siblings) (fields int) {
	list := []reflect.Value{reflect.ValueOf(result)}
	if f.Definition.Type.Elem != nil {
		list = elements(list[0])
	}
	for _, value := range list {
		if value.Kind() == reflect.Interface {
			value = value.Elem()
		}
		if !value.IsValid() || value.Kind() == reflect.Pointer && value.IsNil() {
			continue
		}
		object := f.Definition.Type.Name()
		if e.abstract[object] {
			if object = goTypes[value.Type()]; object == "" {
				return 0
			}
		}
		n, first := e.below(oc, f.Selections, object)
		fields += n
		if first != "" {
			if under.first == nil {
				under.first = make(map[string]string)
			}
			under.first[object] = first
		}
	}
	under.announced = true
	return fields
}

func elements(list reflect.Value) []reflect.Value {
	if list.Kind() != reflect.Slice {
		return nil
	}
	out := make([]reflect.Value, list.Len())
	for i := range out {
		out[i] = list.Index(i)
	}
	return out
}

// below counts what one object asks at once, with fragments, aliases, @skip and @include as gqlgen has them. Fields without a resolver,
// such as the nodes and edges of a connection, come one after the other with everything below them, and before all others: of an
// object that has such only the first is counted, and named.
func (e *Levels) below(oc *graphql.OperationContext, selected ast.SelectionSet, object string) (fields int, first string) {
	for _, f := range graphql.CollectFields(oc, selected, e.satisfies[object]) {
		switch isResolver, asks := e.asks[field{object, f.Name}]; {
		case asks && isResolver:
			fields++
		case asks:
			return 1, f.Alias
		}
	}
	return fields, ""
}
