package checkout_test

import (
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/inventory"
	"holdfast/internal/live"
	"holdfast/internal/typeid"
)

// TestToldWhatIsCommitted watches stock with no poll running, and wants whatever changes it to tell its state at once, as it
// stands in its row. What is refused tells nothing.
func TestToldWhatIsCommitted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, who := t.Context(), w.buyer(t)
		tea, cup, sample := w.variant(t, 0, 1999, 10), w.variant(t, 0, 50, 10), w.variant(t, 0, 0, 10)
		reader, err := w.Hub.WatchStocks(ctx, []typeid.Variant{tea, cup, sample}, func(live.Stock) bool { return true }, func() {})
		must(t, err)
		defer reader.Close()
		told := func(name string, want ...typeid.Variant) {
			t.Helper()
			got, rows := make(map[typeid.Variant]inventory.Stock), make(map[typeid.Variant]inventory.Stock)
			for s, ok := reader.Take(); ok; s, ok = reader.Take() {
				got[s.VariantID] = s.Stock.Stock
			}
			for _, v := range want {
				rows[v] = w.stock(t, v)
			}
			if d := diff(rows, got); d != "" {
				t.Errorf("%s (-want +told):\n%s", name, d)
			}
		}
		told("the states now", tea, cup, sample)
		w.clock.Advance(time.Second)
		paid := w.place(t, who, w.buy(tea, 2, cup, 1))
		told("placed", tea, cup)
		w.clock.Advance(time.Second)
		_, err = w.Checkouts.SandboxConfirm(ctx, who, paid.Payment.ID.String())
		must(t, err)
		told("paid", tea, cup)
		_, err = w.Checkouts.SandboxConfirm(ctx, who, paid.Payment.ID.String())
		must(t, err)
		_, err = w.Checkouts.Place(ctx, who, w.buy(tea, 2, cup, 1000))
		refused(t, err, fault.OutOfStock)
		told("paid again, and out of stock")
		cancelled := w.place(t, who, w.buy(cup, 1))
		told("placed again", cup)
		_, err = w.Checkouts.Cancel(ctx, who, cancelled.ID.String())
		must(t, err)
		told("cancelled", cup)
		w.place(t, who, w.buy(tea, 1))
		told("placed once more", tea)
		w.clock.Advance(15 * time.Minute)
		w.sweep(t, 1)
		told("expired", tea)
		w.place(t, who, w.buy(sample, 3))
		told("placed for nothing", sample)
		delta := 5
		_, err = w.Inventory.Adjust(ctx, w.owner(0), inventory.AdjustInput{VariantID: tea.String(), Delta: &delta, Reason: "count", IdempotencyKey: w.key()})
		must(t, err)
		told("adjusted", tea)
	})
}
