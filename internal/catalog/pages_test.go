package catalog_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// walk reads a list page by page and wants each page but the last to be full and to say that there are more.
func walk[T any](t *testing.T, first int, id func(T) typeid.UUID, read func(q page.Query) (page.Page[T], error)) []T {
	t.Helper()
	var all []T
	q := page.Query{First: first}
	for range 100 {
		got, err := read(q)
		must(t, err)
		all = append(all, got.Items...)
		if !got.HasNext {
			return all
		}
		if len(got.Items) != first {
			t.Fatalf("a page of %d says that there are more than its %d", first, len(got.Items))
		}
		q.After = id(got.Items[first-1])
	}
	t.Fatal("the list has no end")
	return nil
}

func titles(products []*catalog.Product) []string {
	out := make([]string, len(products))
	for i, p := range products {
		out[i] = p.Title
	}
	return out
}

func TestProductsOf(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		want := make([][]string, 3)
		for i := range 25 {
			for _, shop := range []int{0, 2} { // the second shop has none
				title := fmt.Sprintf("product %d of %d", i, shop)
				status := []catalog.ProductStatus{catalog.Active, catalog.Active, catalog.Draft, catalog.Active, catalog.Archived}[i%5]
				w.product(t, shop, title, status)
				if status == catalog.Active {
					want[shop] = append(want[shop], title)
				}
			}
		}
		ctx := t.Context()
		clerk := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}.WithRole(w.shops[0], identity.Clerk)
		operator := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now()), Operator: true}
		for name, tc := range map[string]struct {
			who  identity.Principal
			all0 bool
			all2 bool
		}{
			"nobody": {}, "a buyer": {who: identity.Principal{Buyer: typeid.New[typeid.Buyer](w.clock.Now())}},
			"a clerk": {clerk, true, false}, "the owner": {w.owner, true, true}, "an operator": {operator, true, true},
		} {
			for shop, all := range []bool{tc.all0, true, tc.all2} {
				got := walk(t, 10, func(p *catalog.Product) typeid.UUID { return p.ID.UUID }, func(q page.Query) (page.Page[*catalog.Product], error) {
					pages, err := w.catalog.ProductsOf(ctx, tc.who, w.shops, catalog.ProductQuery{Query: q})
					return pages[w.shops[shop]], err
				})
				if !all {
					if d := cmp.Diff(want[shop], titles(got)); d != "" {
						t.Errorf("%s, shop %d (-want +got):\n%s", name, shop, d)
					}
				} else if len(got) != 25*[]int{1, 0, 1}[shop] {
					t.Errorf("%s, shop %d: %d products", name, shop, len(got))
				}
			}
		}
		for _, first := range []int{0, -1, 101} {
			_, err := w.catalog.ProductsOf(ctx, w.owner, w.shops, catalog.ProductQuery{Query: page.Query{First: first}})
			if !fault.Is(err, fault.BadRequest) {
				t.Errorf("first %d: %v", first, err)
			}
		}
	})
}

func TestProductVisibleTo(t *testing.T) {
	t.Parallel()
	shop := typeid.New[typeid.Shop](time.Unix(1, 0))
	clerk := identity.Principal{Staff: typeid.New[typeid.Staff](time.Unix(1, 0))}.WithRole(shop, identity.Clerk)
	for _, status := range []catalog.ProductStatus{catalog.Draft, catalog.Active, catalog.Archived} {
		p := &catalog.Product{ShopID: shop, Status: status}
		other := &catalog.Product{ShopID: typeid.New[typeid.Shop](time.Unix(1, 0)), Status: status}
		public := status == catalog.Active
		if p.VisibleTo(identity.Principal{}) != public || !p.VisibleTo(clerk) || other.VisibleTo(clerk) != public || !other.VisibleTo(identity.Principal{Operator: true}) {
			t.Errorf("%s is seen by whom it should not be, or not by whom it should", status)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, title := range []string{"龙井 Tea", "Green tea cup", "100% cotton", "1000 cottons", "a_b", "axb", `back\slash`, "Étoile"} {
			w.product(t, 0, title, catalog.Active)
		}
		for search, want := range map[string][]string{
			"":             {"龙井 Tea", "Green tea cup", "100% cotton", "1000 cottons", "a_b", "axb", `back\slash`, "Étoile"},
			"tea":          {"龙井 Tea", "Green tea cup"},
			"TEA":          {"龙井 Tea", "Green tea cup"},
			" tea  cup ":   {"Green tea cup"},
			"cup tea":      {"Green tea cup"},
			"龙":            {"龙井 Tea"},
			"100%":         {"100% cotton"},
			"0% c":         {"100% cotton"},
			"a_b":          {"a_b"},
			`k\s`:          {`back\slash`},
			"Étoile":       {"Étoile"},
			"'; DROP--":    nil,
			"nothing here": nil,
		} {
			pages, err := w.catalog.ProductsOf(t.Context(), w.owner, w.shops, catalog.ProductQuery{Query: page.Query{First: 10}, Search: search})
			must(t, err)
			if d := cmp.Diff(append([]string{}, want...), titles(pages[w.shops[0]].Items)); d != "" {
				t.Errorf("search %q (-want +got):\n%s", search, d)
			}
		}
	})
}

func TestVariantsOfShops(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var want, low, green []string
		for i := range 25 {
			w.clock.Advance(time.Microsecond)
			in := catalog.NewProduct{ShopID: w.shops[0].String(), Title: []string{"Tea", "Cup"}[i%2], Status: []catalog.ProductStatus{catalog.Active, catalog.Draft, catalog.Archived}[i%3]}
			v := catalog.NewVariant{SKU: "sku-" + strconv.Itoa(100+i), Title: []string{"green", "black", "white"}[i%3], Price: cny(1), OnHand: i, LowStockThreshold: 7}
			in.Variants = []catalog.NewVariant{v}
			made, err := w.catalog.CreateProduct(ctx, w.owner, in)
			must(t, err)
			want = append(want, v.SKU)
			if i == 1 { // what is no longer sold is not told to be low
				variants, err := w.catalog.VariantsOf(ctx, []typeid.Product{made.ID})
				must(t, err)
				_, err = w.catalog.UpdateVariant(ctx, w.owner, catalog.VariantChange{VariantID: variants[0].ID.String(), Archived: new(true)})
				must(t, err)
			} else if i <= 7 {
				low = append(low, v.SKU)
			}
			if i%3 == 0 {
				green = append(green, v.SKU)
			}
			in.ShopID, in.Variants[0].SKU = w.shops[1].String(), "other-"+strconv.Itoa(i)
			_, err = w.catalog.CreateProduct(ctx, w.owner, in)
			must(t, err)
		}
		for name, tc := range map[string]struct {
			q    catalog.VariantQuery
			want []string
		}{
			"all":               {catalog.VariantQuery{}, want},
			"low":               {catalog.VariantQuery{OnlyLow: true}, low},
			"by a sku":          {catalog.VariantQuery{Search: "SKU-11"}, want[10:20]},
			"by a title":        {catalog.VariantQuery{Search: "green"}, green},
			"by a product":      {catalog.VariantQuery{Search: "tea", OnlyLow: true}, []string{"sku-100", "sku-102", "sku-104", "sku-106"}},
			"by what is not":    {catalog.VariantQuery{Search: "coffee"}, nil},
			"by part of no sku": {catalog.VariantQuery{Search: "sku_1"}, nil},
		} {
			got := walk(t, 10, func(v *catalog.Variant) typeid.UUID { return v.ID.UUID }, func(q page.Query) (page.Page[*catalog.Variant], error) {
				tc.q.Query = q
				pages, err := w.catalog.VariantsOfShops(ctx, []typeid.Shop{w.shops[1], w.shops[0], w.shops[2]}, tc.q)
				if len(pages[w.shops[2]].Items) > 0 {
					t.Error("a shop without goods has some")
				}
				return pages[w.shops[0]], err
			})
			var skus []string
			for _, v := range got {
				skus = append(skus, v.SKU)
			}
			if d := cmp.Diff(tc.want, skus); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
	})
}

func TestShopPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for len(w.shops) < 25 {
			w.addShop(t)
		}
		minis := []typeid.MiniProgram{typeid.New[typeid.MiniProgram](w.clock.Now()), typeid.New[typeid.MiniProgram](w.clock.Now()), typeid.New[typeid.MiniProgram](w.clock.Now())}
		for i, m := range minis {
			must(t, w.db.MiniProgram.Create().SetID(m).SetAppID("wx"+strconv.Itoa(i)).SetName("Mini").SetSubject("Test Ltd").SetCreatedAt(w.clock.Now()).Exec(ctx))
		}
		var odd []typeid.Shop
		link := func(m typeid.MiniProgram, s typeid.Shop) {
			w.clock.Advance(time.Microsecond)
			must(t, w.db.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](w.clock.Now())).SetMiniProgramID(m).SetShopID(s).Exec(ctx))
		}
		for i, v := range slices.Backward(w.shops) { // linked in another order than made
			link(minis[0], v)
			if i%2 == 1 {
				link(minis[1], v)
				odd = append(odd, v)
			}
		}
		slices.Reverse(odd)
		id := func(s *catalog.Shop) typeid.UUID { return s.ID.UUID }
		clerk := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}
		for _, s := range odd {
			clerk = clerk.WithRole(s, identity.Clerk)
		}
		of := func(n int) func(page.Query) (page.Page[*catalog.Shop], error) {
			return func(q page.Query) (page.Page[*catalog.Shop], error) {
				pages, err := w.catalog.ShopsOfMiniPrograms(ctx, minis, q)
				return pages[minis[n]], err
			}
		}
		staff := func(who identity.Principal) func(page.Query) (page.Page[*catalog.Shop], error) {
			return func(q page.Query) (page.Page[*catalog.Shop], error) { return w.catalog.ShopsOfStaff(ctx, who, q) }
		}
		for name, tc := range map[string]struct {
			read func(page.Query) (page.Page[*catalog.Shop], error)
			want []typeid.Shop
		}{
			"all":                         {func(q page.Query) (page.Page[*catalog.Shop], error) { return w.catalog.AllShops(ctx, q) }, w.shops},
			"of a mini-program":           {of(0), w.shops},
			"of another":                  {of(1), odd},
			"of one without any":          {of(2), nil},
			"of a clerk":                  {staff(clerk), odd},
			"of staff who work nowhere":   {staff(identity.Principal{Staff: clerk.Staff}), nil},
			"of an operator":              {staff(identity.Principal{Staff: clerk.Staff, Operator: true}), w.shops},
			"of an operator who works":    {staff(identity.Principal{Staff: clerk.Staff, Operator: true}.WithRole(odd[0], identity.Clerk)), w.shops},
			"of somebody who is no staff": {staff(identity.Principal{}), nil},
		} {
			for _, first := range []int{1, 10, 25, 100} {
				var got []typeid.Shop
				for _, s := range walk(t, first, id, tc.read) {
					got = append(got, s.ID)
				}
				if d := cmp.Diff(tc.want, got, ids()); d != "" {
					t.Errorf("%s, %d at a time (-want +got):\n%s", name, first, d)
				}
			}
			if _, err := tc.read(page.Query{First: 101}); !fault.Is(err, fault.BadRequest) {
				t.Errorf("%s, 101 at a time: %v", name, err)
			}
		}
	})
}
