package cart_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// leftOut is what AddAgain left out: code and variant.
func leftOut(t *testing.T, of []fault.Refusal) []string {
	t.Helper()
	out := []string{}
	for _, r := range of {
		var item *catalog.ItemError
		if !errors.As(r, &item) || r.Refused().Field != nil {
			t.Errorf("refused with %#v", r)
			continue
		}
		out = append(out, string(r.Refused().Code)+" "+item.VariantID)
	}
	return out
}

func TestAddAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		v := w.variants(t, 0, 5)
		draft, absent := w.variants(t, 0, 1)[0], typeid.New[typeid.Variant](w.clock.Now())
		w.setProduct(t, draft, "DRAFT")
		_, err := w.carts.Set(ctx, who, lines(v[0], 2, v[1], 9990, v[2], 1), nil)
		must(t, err)
		w.change(t, v[0], catalog.VariantChange{Price: new(cny(150))})
		w.change(t, v[2], catalog.VariantChange{Archived: new(true)})
		w.clock.Advance(time.Second)
		again := append(lines(v[3], 4, v[0], 3, draft, 1, v[1], 20, absent, 1, v[2], 5, v[4], 2, v[4], 1), cart.LineInput{VariantID: "nonsense", Quantity: 1})
		got, left, err := w.carts.AddAgain(ctx, who, again)
		must(t, err)
		want := []string{
			line(v[0], "750 CNY"), line(v[1], "999900 CNY OUT_OF_STOCK"), line(v[2], "100 CNY NOT_FOR_SALE"), line(v[3], "400 CNY"), line(v[4], "300 CNY"),
		}
		if d := cmp.Diff(want, brief(got)); d != "" || got.Version != 3 {
			t.Errorf("version %d (-want +got):\n%s", got.Version, d)
		}
		if d := cmp.Diff([]string{
			"NOT_FOR_SALE " + draft.String(), "QUANTITY_LIMIT " + v[1].String(), "NOT_FOUND " + absent.String(), "NOT_FOR_SALE " + v[2].String(), "NOT_FOUND nonsense",
		}, leftOut(t, left)); d != "" {
			t.Errorf("left out (-want +got):\n%s", d)
		}
		got, left, err = w.carts.AddAgain(ctx, who, lines(draft, 1, v[3], 0))
		if must(t, err); got.Version != 3 || len(got.Lines) != 5 || len(left) != 2 || left[1].Refused().Code != fault.Invalid {
			t.Errorf("nothing to add: %+v, %v", got, left)
		}
		if _, _, err := w.carts.AddAgain(ctx, who, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("no lines: %v", err)
		}
		if _, _, err := w.carts.AddAgain(ctx, who, make([]cart.LineInput, 201)); !fault.Is(err, fault.TooMany) {
			t.Errorf("201 lines: %v", err)
		}
	})
}

// TestAddAgainFull adds to a cart with room for one.
func TestAddAgainFull(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		v := append(w.variants(t, 0, 199), w.variants(t, 0, 2)...)
		var of []any
		for _, id := range v[:199] {
			of = append(of, id, 1)
		}
		_, err := w.carts.Set(ctx, who, lines(of...), nil)
		must(t, err)
		w.clock.Advance(time.Second)
		got, left, err := w.carts.AddAgain(ctx, who, lines(v[199], 1, v[200], 1, v[0], 1))
		must(t, err)
		if d := cmp.Diff([]string{"TOO_MANY " + v[200].String()}, leftOut(t, left)); d != "" || len(got.Lines) != 200 || got.Lines[0].Quantity != 2 {
			t.Errorf("%d lines (-want +got):\n%s", len(got.Lines), d)
		}
	})
}

// TestRaceAddAgain buys the same again many times at once: everything is added up.
func TestRaceAddAgain(t *testing.T) {
	t.Parallel()
	on(t, []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite}, func(t *testing.T, w *world) {
		ctx, who, v := t.Context(), w.buyer(t), w.variants(t, 0, 3)
		start, wg := make(chan struct{}), sync.WaitGroup{}
		for range 20 {
			wg.Go(func() {
				<-start
				if _, left, err := w.carts.AddAgain(ctx, who, lines(v[2], 1, v[0], 2, v[1], 3)); err != nil || len(left) > 0 {
					t.Errorf("left out %v, %v", left, err)
				}
			})
		}
		close(start)
		wg.Wait()
		got, err := w.carts.Of(ctx, who)
		must(t, err)
		for i, want := range []int{20, 40, 60} {
			if got.Lines[i].Quantity != want {
				t.Errorf("line %d has %d, want %d", i, got.Lines[i].Quantity, want)
			}
		}
	})
}
