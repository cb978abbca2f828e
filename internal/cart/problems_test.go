package cart_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// change edits a variant as its shop's owner.
func (w *world) change(t *testing.T, v typeid.Variant, change catalog.VariantChange) {
	t.Helper()
	change.VariantID = v.String()
	_, err := w.catalog.UpdateVariant(t.Context(), w.owner, change)
	must(t, err)
}

func cny(n int64) money.Money { return money.New(n, money.CNY) }

// TestProblems has a line with each problem, with two at once, and with none.
func TestProblems(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		v, far := w.variants(t, 0, 6), w.variants(t, 1, 1)[0]
		_, err := w.carts.Set(ctx, who, lines(v[0], 1, v[1], 11, v[2], 2, v[3], 12, v[4], 11, v[5], 1, far, 1), nil)
		must(t, err)
		w.change(t, v[2], catalog.VariantChange{Price: new(cny(120))})
		w.change(t, v[3], catalog.VariantChange{Price: new(cny(80))})
		w.change(t, v[4], catalog.VariantChange{Archived: new(true), Price: new(cny(1))})
		must(t, w.db.Shop.UpdateOneID(w.shops[1]).SetStatus("CLOSED").Exec(ctx))
		want := []string{
			line(v[0], "100 CNY"), line(v[1], "1100 CNY OUT_OF_STOCK"), line(v[2], "240 CNY PRICE_CHANGED"),
			line(v[3], "960 CNY OUT_OF_STOCK PRICE_CHANGED"), line(v[4], "11 CNY NOT_FOR_SALE"), line(v[5], "100 CNY"), line(far, "100 HKD NOT_FOR_SALE"),
		}
		got, err := w.carts.Of(ctx, who)
		must(t, err)
		if d := cmp.Diff(want, brief(got)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		var (
			price *catalog.PriceError
			short *inventory.ShortError
		)
		if p := got.Lines[3].Problems; !errors.As(p[1], &price) || price.Expected != cny(100) || price.Actual != cny(80) ||
			!errors.As(p[0], &short) || short.Shortages[0] != (inventory.Shortage{Variant: v[3], Requested: 12, Available: 10}) {
			t.Errorf("problems %+v", p)
		}
		w.change(t, v[4], catalog.VariantChange{Archived: new(false), Price: new(cny(100))})
		w.setProduct(t, v[0], "DRAFT")
		got, err = w.carts.Of(ctx, who)
		must(t, err)
		for _, l := range got.Lines {
			if len(l.Problems) != 1 || l.Problems[0].Refused().Code != fault.NotForSale {
				t.Errorf("of a draft, or of a closed shop: %v", l.Problems)
			}
		}
	})
}

// TestPriceSeen wants the price that a line remembers to be the one at which its quantity was last set, to whatever number.
func TestPriceSeen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		v := w.variants(t, 0, 2)
		set := func(of ...any) *cart.Cart {
			got, err := w.carts.Set(ctx, who, lines(of...), nil)
			must(t, err)
			return got
		}
		set(v[0], 2, v[1], 1)
		price := int64(100)
		for _, n := range []int{2, 3} { // the same number, and another
			price += 10
			w.change(t, v[0], catalog.VariantChange{Price: new(cny(price))})
			before := set(v[1], 1)
			if p := before.Lines[0].Problems; len(p) != 1 || p[0].Refused().Code != fault.PriceChanged {
				t.Errorf("at %d: problems %v", price, p)
			}
			after := set(v[0], n)
			if p := after.Lines[0].Problems; len(p) != 0 || after.Version != before.Version+1 || after.Lines[0].ID != before.Lines[0].ID {
				t.Errorf("set to %d at %d: version %d after %d, problems %v", n, price, after.Version, before.Version, p)
			}
			if again := set(v[0], n); again.Version != after.Version {
				t.Errorf("set again at the same price: version %d after %d", again.Version, after.Version)
			}
		}
		w.change(t, v[0], catalog.VariantChange{Price: new(cny(100))})
		w.change(t, v[0], catalog.VariantChange{Price: new(cny(price))}) // and back
		if got := set(v[1], 1); len(got.Lines[0].Problems) != 0 {
			t.Errorf("problems %v", got.Lines[0].Problems)
		}
		// a line from before prices were kept
		must(t, w.db.CartLine.Update().ClearPrice().Exec(ctx))
		w.change(t, v[0], catalog.VariantChange{Price: new(cny(999))})
		got, err := w.carts.Of(ctx, who)
		if must(t, err); len(got.Lines[0].Problems) != 0 {
			t.Errorf("a line without a price: problems %v", got.Lines[0].Problems)
		}
		set(v[0], 3) // now it has one
		w.change(t, v[0], catalog.VariantChange{Price: new(cny(1))})
		if got := set(v[1], 1); len(got.Lines[0].Problems) != 1 {
			t.Errorf("problems %v", got.Lines[0].Problems)
		}
	})
}
