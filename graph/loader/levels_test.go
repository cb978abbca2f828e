package loader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/generated"
	"holdfast/graph/model"
	"holdfast/internal/catalog"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// slow is an API whose fields begin late, each in its own time, above loaders that note their batches.
type slow struct {
	generated.ResolverRoot

	late     time.Duration // at most
	products *Loader[typeid.Shop, []*catalog.Product]
	variants *Loader[typeid.Product, []*catalog.Variant]
	stocks   *Loader[typeid.Variant, *inventory.Stock]
	shops    *Loader[typeid.Shop, *catalog.Shop]

	mu      sync.Mutex
	batches []string
}

type (
	slowQuery struct {
		generated.QueryResolver
		s *slow
	}
	slowShop struct {
		generated.ShopResolver
		s *slow
	}
	slowProduct struct {
		generated.ProductResolver
		s *slow
	}
	slowVariant struct {
		generated.ProductVariantResolver
		s *slow
	}
)

func (s *slow) Query() generated.QueryResolver                   { return slowQuery{s: s} }
func (s *slow) Shop() generated.ShopResolver                     { return slowShop{s: s} }
func (s *slow) Product() generated.ProductResolver               { return slowProduct{s: s} }
func (s *slow) ProductVariant() generated.ProductVariantResolver { return slowVariant{s: s} }

func (s *slow) dawdle() {
	if s.late > 0 {
		time.Sleep(rand.N(s.late))
	}
}

func (s *slow) note(what string, keys int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, fmt.Sprintf("%d %s", keys, what))
}

func (q slowQuery) Shops(context.Context, int, *string) (*model.ShopConnection, error) {
	q.s.dawdle()
	c := &model.ShopConnection{PageInfo: &model.PageInfo{}}
	for range 5 {
		shop := &catalog.Shop{ID: typeid.New[typeid.Shop](time.Now())}
		c.Nodes, c.Edges = append(c.Nodes, shop), append(c.Edges, &model.ShopEdge{Node: shop})
	}
	return c, nil
}

func (q slowQuery) Nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	out := make([]model.Node, len(ids))
	return out, Together(ctx, len(ids), func(i int) error {
		q.s.dawdle()
		shop, err := q.s.shops.Load(ctx, typeid.New[typeid.Shop](time.Now()))
		out[i] = shop
		if i == 0 {
			out[i] = &identity.Buyer{} // of another type
		}
		return err
	})
}

func (r slowShop) Products(ctx context.Context, shop *catalog.Shop, first int, _, search *string) (*model.ProductConnection, error) {
	r.s.dawdle()
	if search != nil {
		return &model.ProductConnection{Nodes: []*catalog.Product{{}}}, errors.New("nothing is looked for")
	}
	all, err := r.s.products.Load(ctx, shop.ID)
	return &model.ProductConnection{Nodes: all[:min(first, len(all))], PageInfo: &model.PageInfo{}}, err
}

func (r slowProduct) Variants(ctx context.Context, p *catalog.Product) ([]*catalog.Variant, error) {
	r.s.dawdle()
	return r.s.variants.Load(ctx, p.ID)
}

func (r slowVariant) Stock(ctx context.Context, v *catalog.Variant) (*inventory.Stock, error) {
	r.s.dawdle()
	return r.s.stocks.Load(ctx, v.ID)
}

// newSlow sells 10 products a shop, of which every third has no variants and each other two.
func newSlow(late time.Duration) *slow {
	s := &slow{late: late}
	s.shops = byKey(wait, func(_ context.Context, ids []typeid.Shop) (out []*catalog.Shop, err error) {
		s.note("shops", len(ids))
		for _, id := range ids {
			out = append(out, &catalog.Shop{ID: id})
		}
		return out, nil
	}, func(p *catalog.Shop) typeid.Shop { return p.ID })
	s.products = ofParent(wait, func(_ context.Context, shops []typeid.Shop) (out []*catalog.Product, err error) {
		s.note("lists of products", len(shops))
		for i := range 10 * len(shops) {
			out = append(out, &catalog.Product{ID: typeid.New[typeid.Product](time.Now()), ShopID: shops[i/10], Description: string(rune('0' + i%3))})
		}
		return out, nil
	}, func(p *catalog.Product) typeid.Shop { return p.ShopID })
	s.variants = ofParent(wait, func(_ context.Context, products []typeid.Product) (out []*catalog.Variant, err error) {
		s.note("lists of variants", len(products))
		for i, id := range products {
			for range 2 * min(1, i%3) {
				out = append(out, &catalog.Variant{ID: typeid.New[typeid.Variant](time.Now()), ProductID: id})
			}
		}
		return out, nil
	}, func(v *catalog.Variant) typeid.Product { return v.ProductID })
	s.stocks = byKey(wait, func(_ context.Context, ids []typeid.Variant) (out []*inventory.Stock, err error) {
		s.note("stocks", len(ids))
		for _, id := range ids {
			out = append(out, &inventory.Stock{VariantID: id})
		}
		return out, nil
	}, func(k *inventory.Stock) typeid.Variant { return k.VariantID })
	return s
}

// answer executes query and returns its errors.
func answer(t *testing.T, s *slow, query string, around ...graphql.RootFieldMiddleware) gqlerror.List {
	t.Helper()
	exec := executor.New(generated.NewExecutableSchema(generated.Config{Resolvers: s}))
	exec.Use(&Levels{})
	for _, f := range around {
		exec.AroundRootFields(f)
	}
	ctx := graphql.StartOperationTrace(t.Context())
	oc, errs := exec.CreateOperationContext(ctx, &graphql.RawParams{Query: query})
	if errs != nil {
		t.Fatal(errs)
	}
	respond, ctx := exec.DispatchOperation(ctx, oc)
	return respond(ctx).Errors
}

// A level is one batch however late its fields begin, and waits for nothing but them.
func TestALevelIsOneBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name, query string
			want        []string
		}{
			{
				"four levels", `{ shops(first: 5) { nodes { products(first: 20) { nodes { variants { stock { available } } } } } } }`,
				[]string{"5 lists of products", "50 lists of variants", "66 stocks"},
			},
			{
				"fragments and directives", `{ shops(first: 5) { nodes { ...S ...S x: name @include(if: false) } } }
					fragment S on Shop { ... on Node { id } products(first: 20) { nodes { title ... on Product { variants @skip(if: false) { ...V } variants { ...W @skip(if: true) } } } } }
					fragment V on ProductVariant { sku } fragment W on ProductVariant { stock { available } }`,
				[]string{"5 lists of products", "50 lists of variants"},
			},
			{
				"aliases", `{ shops(first: 5) { nodes { a: products(first: 2) { nodes { variants { sku } } } b: products(first: 4) { nodes { again: variants { stock { available } } } } } } }`,
				[]string{"5 lists of products", "20 lists of variants", "26 stocks"},
			},
			{
				"root fields", `{ a: shops(first: 5) { nodes { products(first: 20) { nodes { id } } } } b: shops(first: 5) { nodes { products(first: 20) { nodes { id } } } } __typename }`,
				[]string{"10 lists of products"},
			},
			{
				"nodes of two types, and in one field", `{ nodes(ids: ["a", "b", "c", "d"]) { id ... on Shop { products(first: 20) { nodes { variants { sku } } } } ... on Buyer { id } } }`,
				[]string{"4 shops", "3 lists of products", "30 lists of variants"},
			},
			{
				"edges before nodes", `{ shops(first: 5) { edges { node { products(first: 1) { nodes { id } } } } nodes { products(first: 20) { nodes { variants { sku } } } } } }`,
				[]string{"5 lists of products", "50 lists of variants"},
			},
		} {
			for _, late := range []time.Duration{0, time.Millisecond, patience / 2} {
				s := newSlow(late)
				from := time.Now()
				errs := answer(t, s, c.query)
				if diff := cmp.Diff(c.want, s.batches); diff != "" || errs != nil {
					t.Errorf("%s, up to %s late: %v (-want +got):\n%s", c.name, late, errs, diff)
				}
				if took := time.Since(from); took > 20*late {
					t.Errorf("%s, up to %s late: took %s", c.name, late, took)
				}
			}
		}
	})
}

// What fails, or is refused, is not waited for.
func TestALevelDoesNotWaitForWhatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow(0)
		const query = `{ shops(first: 5) { nodes { a: products(first: 20) { nodes { id } } b: products(first: 20, search: "x") { nodes { variants { sku } } } } } no: shops(first: 1) { nodes { id } } }`
		from := time.Now()
		errs := answer(t, s, query, func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
			if graphql.GetRootFieldContext(ctx).Field.Alias == "no" {
				graphql.AddErrorf(ctx, "refused")
				return graphql.Null
			}
			return next(ctx)
		})
		if diff := cmp.Diff([]string{"5 lists of products"}, s.batches); diff != "" || len(errs) != 6 || time.Since(from) > 0 {
			t.Errorf("%d errors, took %s (-want +got):\n%s", len(errs), time.Since(from), diff)
		}
	})
}

// A request that was refused has no level.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	exec := executor.New(generated.NewExecutableSchema(generated.Config{Resolvers: newSlow(0)}))
	exec.Use(&Levels{})
	ctx := graphql.StartOperationTrace(t.Context())
	oc, errs := exec.CreateOperationContext(ctx, &graphql.RawParams{Query: "{ nothing }"})
	for _, ctx := range []context.Context{ctx, graphql.WithOperationContext(ctx, oc)} {
		if got := exec.DispatchError(ctx, errs); len(errs) == 0 || len(got.Errors) != len(errs) {
			t.Errorf("%v became %v", errs, got.Errors)
		}
	}
}

// A field that was announced and never comes holds nobody up for long; one that is late, or a batch that is, is waited for.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSlow(0), &level{running: 3}
		ctx := context.WithValue(t.Context(), siblingsKey{}, &siblings{level: l})
		from := time.Now()
		load := func(id typeid.Shop) func() {
			return func() {
				if p, err := s.shops.Load(ctx, id); err != nil || p.ID != id {
					t.Errorf("%v, %v", p, err)
				}
				l.add(-1)
			}
		}
		var wg sync.WaitGroup
		wg.Go(load(typeid.New[typeid.Shop](from)))
		time.Sleep(patience - time.Millisecond)
		wg.Go(load(typeid.New[typeid.Shop](from))) // which is a move
		wg.Wait()
		if took := time.Since(from); took < 2*patience-time.Millisecond || took > 3*patience || !slices.Equal(s.batches, []string{"2 shops"}) {
			t.Errorf("took %s, %v", took, s.batches)
		}
	})
}

// atLevel loads keys as that many fields of one level do, and ends them.
func (s *slow) atLevel(t *testing.T, ids ...typeid.Shop) {
	t.Helper()
	l := &level{running: len(ids)}
	ctx := context.WithValue(t.Context(), siblingsKey{}, &siblings{level: l})
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if _, err := s.shops.Load(ctx, id); err != nil {
				t.Error(err)
			}
			l.add(-1)
		})
	}
	wg.Wait()
}

// More keys than a statement takes are several statements, of one batch.
func TestALevelIsCutToStatements(t *testing.T) {
	t.Parallel()
	s := newSlow(0)
	s.shops.capacity = 1000
	ids := make([]typeid.Shop, 2500)
	for i := range ids {
		ids[i] = typeid.New[typeid.Shop](time.Now())
	}
	s.atLevel(t, ids...)
	if diff := cmp.Diff([]string{"1000 shops", "1000 shops", "500 shops"}, s.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

// What is known takes no place in a batch, which would wait for it.
func TestALevelKnowsWhatWasLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, from := newSlow(0), time.Now()
		a, b := typeid.New[typeid.Shop](from), typeid.New[typeid.Shop](from)
		s.atLevel(t, a, a)
		s.atLevel(t, a, b)
		if diff := cmp.Diff([]string{"1 shops", "1 shops"}, s.batches); diff != "" || time.Since(from) > 0 {
			t.Errorf("took %s, batches (-want +got):\n%s", time.Since(from), diff)
		}
	})
}

// Levels knows every object that an abstract type may be of, as long as something can be loaded through it.
func TestEveryAbstractTypeIsKnown(t *testing.T) {
	t.Parallel()
	es := generated.NewExecutableSchema(generated.Config{})
	var e Levels
	if err := e.Validate(es); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, name := range goTypes {
		known[name] = true
	}
	for name, t0 := range es.Schema().Types {
		for _, object := range es.Schema().GetPossibleTypes(t0) {
			if !t0.IsAbstractType() || known[object.Name] {
				continue
			}
			for f := range e.asks {
				if f.object == object.Name {
					t.Errorf("%s may be %s, whose %s asks: goTypes does not have it", name, object.Name, f.name)
				}
			}
		}
	}
	for _, f := range []field{{"Product", "variants"}, {"AuditEntry", "staffEmail"}, {"Query", "nodes"}} {
		if !e.asks[f] {
			t.Errorf("%v is no resolver", f)
		}
	}
	if _, asks := e.asks[field{"ProductVariant", "price"}]; asks {
		t.Error("money asks for nothing")
	}
}
