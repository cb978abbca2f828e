package checkout_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// TestSoldOut refuses a crowd without looking at the shelf again, for a moment, and never for longer.
func TestSoldOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const moment = 100 * time.Millisecond
		other := w.App // does not remember
		w.App = w.process(w.sandbox, moment)
		tea, cup := w.variant(t, 0, 1999, 3), w.variant(t, 0, 500, 100)
		winner, loser := w.buyer(t), w.buyer(t)
		won := w.buy(tea, 3)
		placed := w.place(t, winner, won)

		short := func(who identity.Principal, in checkout.Input, available ...int) {
			t.Helper()
			_, err := w.Checkouts.Place(t.Context(), who, in)
			var e *inventory.ShortError
			if !errors.As(err, &e) || len(e.Shortages) != len(available) {
				t.Fatalf("got %v, want OUT_OF_STOCK of %d lines", err, len(available))
			}
			for i, n := range available {
				if e.Shortages[i].Available != n || e.Shortages[i].Requested != in.Lines[i].Quantity {
					t.Errorf("short of %+v, want %d of %d", e.Shortages[i], n, in.Lines[i].Quantity)
				}
			}
		}
		looks := func(fn func()) (n int) {
			t.Helper()
			for _, query := range w.statements(fn) {
				if strings.Contains(query, "`stocks`") || strings.Contains(query, "`product_variants`") {
					n++
				}
			}
			return n
		}
		if looks(func() { short(loser, w.buy(tea, 1), 0) }) == 0 {
			t.Error("the first one was refused without looking")
		}
		if n := looks(func() { short(w.buyer(t), w.buy(tea, 2), 0) }); n != 0 {
			t.Errorf("the second one cost %d looks at the shelf", n)
		}
		late := w.buyer(t)
		if got := w.statements(func() { short(late, w.buy(tea, 2), 0) }); len(got) != 1 { // the look for the key
			t.Errorf("a refusal costs %d statements:\n%s", len(got), strings.Join(got, "\n"))
		}
		if again := w.place(t, winner, won); again.ID != placed.ID { // whoever has won is told so
			t.Error("the repeat gave another checkout")
		}
		reused := won
		reused.Lines = lines(tea, 1)
		_, err := w.Checkouts.Place(t.Context(), winner, reused)
		refused(t, err, fault.IdempotencyKeyReused)
		if looks(func() { w.place(t, loser, w.buy(cup, 1)) }) == 0 { // of something else
			t.Error("something else was sold without looking")
		}
		_, err = w.Checkouts.Place(t.Context(), loser, w.buy(tea, 1, cup, 101))
		refused(t, err, fault.OutOfStock) // of both, though only one is known to be short
		var both *inventory.ShortError
		if !errors.As(err, &both) || len(both.Shortages) != 2 {
			t.Errorf("short of %v, want both", err)
		}

		// What this process lets go is for sale at once.
		short(loser, w.buy(tea, 1), 0)
		w.cancel(t, winner, placed)
		placed = w.place(t, loser, w.buy(tea, 3))
		short(winner, w.buy(tea, 1), 0)
		w.adjust(t, tea, 2)
		w.place(t, winner, w.buy(tea, 1))
		short(winner, w.buy(tea, 2), 1)
		w.place(t, winner, w.buy(tea, 1)) // one is left, as was told

		// What another one lets go is for sale a moment later.
		short(winner, w.buy(tea, 1), 0)
		if _, err := other.Checkouts.Cancel(t.Context(), loser, placed.ID.String()); err != nil {
			t.Fatal(err)
		}
		short(winner, w.buy(tea, 1), 0)
		w.clock.Advance(-10 * time.Minute)
		third := w.buyer(t)
		w.place(t, third, w.buy(tea, 1)) // a clock that is set back makes nothing last
		w.clock.Advance(10 * time.Minute)
		short(third, w.buy(tea, 3), 2)
		w.clock.Advance(moment - time.Microsecond)
		if looks(func() { short(third, w.buy(tea, 3), 2) }) != 0 {
			t.Error("forgotten too early")
		}
		w.clock.Advance(time.Microsecond)
		if looks(func() { short(third, w.buy(tea, 3), 2) }) == 0 {
			t.Error("remembered for too long")
		}
	})
}

// adjust changes the number on hand.
func (w *world) adjust(t *testing.T, v typeid.Variant, delta int) {
	t.Helper()
	_, err := w.Inventory.Adjust(t.Context(), w.owner(0), inventory.AdjustInput{
		VariantID: v.String(), Delta: &delta, Reason: "count", IdempotencyKey: w.key(),
	})
	must(t, err)
}
