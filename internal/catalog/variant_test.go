package catalog_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

func (w *world) variantsOf(t *testing.T, p typeid.Product) []*catalog.Variant {
	t.Helper()
	got, err := w.catalog.VariantsOf(t.Context(), []typeid.Product{p})
	must(t, err)
	return got
}

func (w *world) stockOf(t *testing.T, v typeid.Variant) inventory.Stock {
	t.Helper()
	got, err := w.inventory.Stocks(t.Context(), []typeid.Variant{v})
	must(t, err)
	return *got[0]
}

func TestAddVariant(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.product(t, 0, "Tea", catalog.Active)
		first := w.variantsOf(t, p.ID)[0]
		clerk := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}.WithRole(w.shops[0], identity.Clerk)
		w.clock.Advance(time.Second)
		second, err := w.catalog.AddVariant(ctx, w.owner, p.ID.String(), catalog.NewVariant{SKU: " second ", Title: " 100 g ", Price: cny(5), OnHand: 7, LowStockThreshold: 3})
		must(t, err)
		w.clock.Advance(time.Second)
		third, err := w.catalog.AddVariant(ctx, clerk, p.ID.String(), catalog.NewVariant{SKU: "third", Price: cny(0)})
		must(t, err)
		if d := cmp.Diff([]*catalog.Variant{first, second, third}, w.variantsOf(t, p.ID), ids()); d != "" || second.SKU != "second" || second.Title != "100 g" {
			t.Errorf("%+v (-want +got):\n%s", second, d)
		}
		if s := w.stockOf(t, second.ID); s.OnHand != 7 || s.LowStockThreshold != 3 || s.ShopID != w.shops[0] {
			t.Errorf("stock %+v", s)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM stock_movements WHERE kind = 'RECEIVED' AND on_hand_delta = 7 AND staff_id IS NOT NULL"); n != 1 {
			t.Errorf("%d movements", n)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM audit_entries WHERE action = 'productVariantAdd' AND subject = '"+second.ID.String()+"'"); n != 1 {
			t.Errorf("%d entries in the audit log", n)
		}
		for want, v := range map[string]catalog.NewVariant{
			"CONFLICT input.sku":              {SKU: first.SKU, Price: cny(1)},
			"INVALID input.sku":               {SKU: " ", Price: cny(1)},
			"INVALID input.title":             {SKU: "x", Title: "a\nb", Price: cny(1)},
			"INVALID input.price":             {SKU: "x", Price: money.New(1, money.HKD)},
			"INVALID input.onHand":            {SKU: "x", Price: cny(1), OnHand: -1},
			"INVALID input.lowStockThreshold": {SKU: "x", Price: cny(1), LowStockThreshold: -1},
		} {
			if _, err := w.catalog.AddVariant(ctx, w.owner, p.ID.String(), v); told(err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		for name, who := range w.strangers() {
			if _, err := w.catalog.AddVariant(ctx, who, p.ID.String(), catalog.NewVariant{SKU: "x", Price: cny(1)}); told(err) != "NOT_FOUND input.productId" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := w.variantsOf(t, p.ID); len(got) != 3 || w.count(t, "SELECT COUNT(*) FROM stocks") != 3 {
			t.Errorf("%d variants", len(got))
		}
	})
}

// TestAddVariantAtOnce adds to a product that has room for two, many at the same time.
func TestAddVariantAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		in := catalog.NewProduct{ShopID: w.shops[0].String(), Title: "Tea", Status: catalog.Active}
		for range catalog.MaxVariants - 2 {
			in.Variants = append(in.Variants, catalog.NewVariant{SKU: w.key(), Price: cny(1)})
		}
		p, err := w.catalog.CreateProduct(t.Context(), w.owner, in)
		must(t, err)
		var added atomic.Int64
		atOnce(10, func() {
			_, err := w.catalog.AddVariant(t.Context(), w.owner, p.ID.String(), catalog.NewVariant{SKU: w.key(), Price: cny(1)})
			if err == nil {
				added.Add(1)
			} else if told(err) != "TOO_MANY input" {
				t.Error(err)
			}
		})
		if got := w.variantsOf(t, p.ID); added.Load() != 2 || len(got) != catalog.MaxVariants {
			t.Errorf("%d added, %d variants", added.Load(), len(got))
		}
		if n := w.count(t, "SELECT COUNT(DISTINCT position) FROM product_variants"); n != catalog.MaxVariants {
			t.Errorf("%d positions", n)
		}
	})
}

func TestUpdateVariant(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.product(t, 0, "Tea", catalog.Active)
		beside, err := w.catalog.AddVariant(ctx, w.owner, p.ID.String(), catalog.NewVariant{SKU: "beside", Price: cny(7)})
		must(t, err)
		want := *w.variantsOf(t, p.ID)[0]
		stock := w.stockOf(t, want.ID)
		for _, step := range []struct {
			name   string
			change catalog.VariantChange
			wants  func(v *catalog.Variant)
		}{
			{"sku", catalog.VariantChange{SKU: new(" tea-1 ")}, func(v *catalog.Variant) { v.SKU = "tea-1" }},
			{"the same sku", catalog.VariantChange{SKU: new("tea-1")}, func(*catalog.Variant) {}},
			{"title", catalog.VariantChange{Title: new(strings.Repeat("茶", 197))}, func(v *catalog.Variant) { v.Title = strings.Repeat("茶", 197) }},
			{"no title", catalog.VariantChange{Title: new("")}, func(v *catalog.Variant) { v.Title = "" }},
			{"price", catalog.VariantChange{Price: new(cny(catalog.MaxPrice))}, func(v *catalog.Variant) { v.Price = cny(catalog.MaxPrice) }},
			{"archive", catalog.VariantChange{Archived: new(true)}, func(v *catalog.Variant) { v.IsArchived = true }},
			{"archive, price", catalog.VariantChange{Archived: new(true), Price: new(cny(0))}, func(v *catalog.Variant) { v.Price = cny(0) }},
			{"bring back", catalog.VariantChange{Archived: new(false)}, func(v *catalog.Variant) { v.IsArchived = false }},
		} {
			w.clock.Advance(time.Second)
			step.change.VariantID = want.ID.String()
			step.wants(&want)
			got, err := w.catalog.UpdateVariant(ctx, w.owner, step.change)
			must(t, err)
			if d := cmp.Diff(want, *got, ids()) + cmp.Diff([]*catalog.Variant{&want, beside}, w.variantsOf(t, p.ID), ids()); d != "" {
				t.Errorf("%s (-want +got):\n%s", step.name, d)
			}
		}
		if got := w.stockOf(t, want.ID); got.Version != stock.Version || len(w.told) != 0 {
			t.Errorf("the stock became %+v, and %d were told", got, len(w.told))
		}
		for want, change := range map[string]catalog.VariantChange{
			"INVALID input":                   {},
			"CONFLICT input.sku":              {SKU: new("beside"), LowStockThreshold: new(9)},
			"INVALID input.sku":               {SKU: new("")},
			"INVALID input.title":             {Title: new(strings.Repeat("茶", 198))},
			"INVALID input.price":             {Price: new(money.New(1, money.USD))},
			"INVALID input.lowStockThreshold": {LowStockThreshold: new(-1)},
		} {
			change.VariantID = w.variantsOf(t, p.ID)[0].ID.String()
			if _, err := w.catalog.UpdateVariant(ctx, w.owner, change); told(err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		for name, who := range w.strangers() {
			if _, err := w.catalog.UpdateVariant(ctx, who, catalog.VariantChange{VariantID: want.ID.String(), Price: new(cny(1))}); told(err) != "NOT_FOUND input.variantId" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if d := cmp.Diff([]*catalog.Variant{&want, beside}, w.variantsOf(t, p.ID), ids()); d != "" || w.stockOf(t, want.ID).LowStockThreshold != 0 {
			t.Errorf("what was refused changed something (-want +got):\n%s", d)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM audit_entries WHERE action = 'productVariantUpdate'"); n != 8 {
			t.Errorf("%d entries in the audit log", n)
		}
		if got := w.text(t, "SELECT detail FROM audit_entries WHERE action = 'productVariantUpdate' ORDER BY id LIMIT 1"); got != `{"sku":"tea-1"}` {
			t.Errorf("the audit log says %s", got)
		}
	})
}

// TestThreshold wants a threshold to be a change of the stock like any other, without a movement.
func TestThreshold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		v := w.variantsOf(t, w.product(t, 0, "Tea", catalog.Active).ID)[0]
		before := w.stockOf(t, v.ID)
		w.clock.Advance(time.Second)
		for range 2 { // the second changes nothing
			_, err := w.catalog.UpdateVariant(ctx, w.owner, catalog.VariantChange{VariantID: v.ID.String(), LowStockThreshold: new(10)})
			must(t, err)
		}
		after := w.stockOf(t, v.ID)
		if after.LowStockThreshold != 10 || !after.IsLow() || after.Version != before.Version+1 || after.OnHand != before.OnHand || !after.ChangedAt.Equal(w.clock.Now()) {
			t.Errorf("%+v became %+v", before, after)
		}
		if len(w.told) != 1 || w.told[0].Version != after.Version || w.told[0].LowStockThreshold != 10 {
			t.Errorf("told %+v", w.told)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM stock_movements"); n != 1 {
			t.Errorf("%d movements", n)
		}
		// beside it, stock is counted: neither is lost
		atOnce(10, func() {
			_, err := w.inventory.Adjust(ctx, w.owner, inventory.AdjustInput{VariantID: v.ID.String(), Delta: new(1), Reason: "count", IdempotencyKey: w.key()})
			if err != nil {
				t.Error(err)
			}
			if _, err := w.catalog.UpdateVariant(ctx, w.owner, catalog.VariantChange{VariantID: v.ID.String(), LowStockThreshold: new(3)}); err != nil {
				t.Error(err)
			}
		})
		if got := w.stockOf(t, v.ID); got.OnHand != before.OnHand+10 || got.LowStockThreshold != 3 || got.Version != after.Version+11 {
			t.Errorf("%+v became %+v", after, got)
		}
	})
}

// TestArchivedVariant wants an archived variant not to be for sale, and all else to stay: what can be read, and its stock.
func TestArchivedVariant(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, now := t.Context(), w.clock.Now()
		mini := typeid.New[typeid.MiniProgram](now)
		must(t, w.db.MiniProgramShop.Create().SetID(typeid.New[typeid.Link](now)).SetMiniProgramID(mini).SetShopID(w.shops[0]).Exec(ctx))
		p := w.product(t, 0, "Tea", catalog.Active)
		v := w.variantsOf(t, p.ID)[0] // the only one
		for _, archived := range []bool{false, true, false} {
			_, err := w.catalog.UpdateVariant(ctx, w.owner, catalog.VariantChange{VariantID: v.ID.String(), Archived: &archived})
			must(t, err)
			items, err := w.catalog.Items(ctx, mini, []typeid.Variant{v.ID})
			must(t, err)
			if got := items[v.ID]; got == nil || got.ForSale == archived || got.IsArchived != archived {
				t.Errorf("archived %v: %+v", archived, got)
			}
			of := w.variantsOf(t, p.ID)
			byID, err := w.catalog.Variants(ctx, []typeid.Variant{v.ID})
			must(t, err)
			if len(of) != 1 || len(byID) != 1 || of[0].IsArchived != archived || byID[0].IsArchived != archived || w.stockOf(t, v.ID).OnHand != 10 {
				t.Errorf("archived %v: %+v, %+v", archived, of, byID)
			}
			if _, err := w.inventory.Adjust(ctx, w.owner, inventory.AdjustInput{VariantID: v.ID.String(), OnHand: new(10), Reason: "count", IdempotencyKey: w.key()}); err != nil {
				t.Error(err)
			}
		}
		if _, err := w.catalog.AddVariant(ctx, w.owner, p.ID.String(), catalog.NewVariant{SKU: v.SKU, Price: cny(1)}); !fault.Is(err, fault.Conflict) {
			t.Errorf("its sku given to another: %v", err)
		}
	})
}
