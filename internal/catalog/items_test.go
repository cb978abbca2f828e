package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/typeid"
)

func TestItems(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, now := t.Context(), w.clock.Now()
		mini, other := typeid.New[typeid.MiniProgram](now), typeid.New[typeid.MiniProgram](now)
		for id, name := range map[typeid.MiniProgram]string{mini: "wxone", other: "wxtwo"} {
			must(t, w.db.MiniProgram.Create().SetID(id).SetAppID(name).SetName("Mini").SetSubject("Test Ltd").SetCreatedAt(now).Exec(ctx))
		}
		for _, s := range []typeid.Shop{w.shops[0], w.shops[2]} {
			must(t, w.db.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(mini).SetShopID(s).Exec(ctx))
		}
		must(t, w.db.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(other).SetShopID(w.shops[0]).Exec(ctx))
		must(t, w.db.Shop.UpdateOneID(w.shops[2]).SetStatus("CLOSED").Exec(ctx))

		made, err := w.catalog.CreateProduct(ctx, w.owner, catalog.NewProduct{
			ShopID: w.shops[0].String(), Title: "Tea", ImageURLs: []string{"/1.png", "/2.png"}, Status: catalog.Active, RequiresShipping: true,
			Variants: []catalog.NewVariant{{SKU: "a", Title: "100 g", Price: cny(1999)}, {SKU: "b", Price: cny(1)}},
		})
		must(t, err)
		active, err := w.catalog.VariantsOf(ctx, []typeid.Product{made.ID})
		must(t, err)
		of := func(shop int, status catalog.ProductStatus) typeid.Variant {
			got, err := w.catalog.VariantsOf(ctx, []typeid.Product{w.product(t, shop, "Other", status).ID})
			must(t, err)
			return got[0].ID
		}
		draft, archived, elsewhere, closed := of(0, catalog.Draft), of(0, catalog.Archived), of(1, catalog.Active), of(2, catalog.Active)
		absent := typeid.New[typeid.Variant](now)
		got, err := w.catalog.Items(ctx, mini, []typeid.Variant{active[0].ID, active[1].ID, draft, archived, elsewhere, closed, absent, draft})
		must(t, err)
		if len(got) != 6 || got[absent] != nil {
			t.Fatalf("%d items", len(got))
		}
		want := &catalog.Item{
			Variant: *active[0], Receiver: "merchant", MaxShare: 3000, ProductTitle: "Tea", ImageURL: "/1.png", RequiresShipping: true, ForSale: true,
		}
		if d := cmp.Diff(want, got[active[0].ID], ids()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if a, b := got[active[0].ID].FullTitle(), got[active[1].ID].FullTitle(); a != "Tea · 100 g" || b != "Tea" {
			t.Errorf("titles %q and %q", a, b)
		}
		if got[draft].ImageURL != "" || got[draft].RequiresShipping {
			t.Errorf("got %+v", got[draft])
		}
		for name, v := range map[string]typeid.Variant{"a draft": draft, "archived": archived, "of a shop elsewhere": elsewhere, "of a closed shop": closed} {
			if got[v].ForSale {
				t.Errorf("%s is for sale", name)
			}
		}
		none, err := w.catalog.Items(ctx, mini, nil)
		if must(t, err); len(none) != 0 {
			t.Errorf("%d items of none", len(none))
		}
	})
}

func TestMiniProgramByAppID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := typeid.New[typeid.MiniProgram](w.clock.Now())
		must(t, w.db.MiniProgram.Create().SetID(id).SetAppID("wxdemo").SetName("Demo").SetSubject("Test Ltd").SetCreatedAt(w.clock.Now()).Exec(ctx))
		for appID, found := range map[string]bool{"wxdemo": true, "WXDEMO": false, "wxdemo ": false, "": false, "wx": false} {
			got, err := w.catalog.MiniProgramByAppID(ctx, appID)
			if must(t, err); (got != nil) != found || found && (got.ID != id || got.Name != "Demo") {
				t.Errorf("%q: %+v", appID, got)
			}
		}
	})
}
