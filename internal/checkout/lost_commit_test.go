package checkout_test

import (
	"testing"

	"holdfast/internal/checkout"
	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
)

// TestLostCommit breaks the line at each COMMIT, before and after the server has seen it: whoever asked gets the answer all the
// same, and everything has happened once.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.MySQL)
	cable, through := testdb.NewCable(t, source)
	w := newWorld(t, testdb.Open(t, through, db.Options{}))
	ctx, tea := t.Context(), w.variant(t, 0, 1999, 1000)
	owner, sold := w.owner(0), 0
	for _, how := range []testdb.CommitCut{testdb.BeforeCommit, testdb.BeforeAnswer} {
		who := w.buyer(t)
		w.fill(t, who, tea, 2)
		cut := func(name string, fn func() error) {
			t.Helper()
			cable.Cut(how, 1, 1)
			if err := fn(); err != nil {
				t.Errorf("%s, %d: %v", name, how, err)
			}
			if cable.Left() > 0 {
				t.Errorf("%s, %d: nothing was committed", name, how)
			}
			w.check(t)
		}
		var placed *checkout.Checkout
		in := checkout.Input{IdempotencyKey: w.key()} // the cart: empty when it is looked for again
		cut("place", func() (err error) { placed, err = w.Checkouts.Place(ctx, who, in); return err })
		if again := w.place(t, who, in); again.ID != placed.ID {
			t.Error("the repeat gave another checkout")
		}
		w.sees(t, tea, 1000-sold, 2)
		cut("pay", func() error {
			p, err := w.Checkouts.SandboxConfirm(ctx, who, placed.Payment.ID.String())
			if err == nil && p.Status != payment.Paid {
				t.Errorf("paid, and answered %s", p.Status)
			}
			return err
		})
		sold += 2
		w.sees(t, tea, 1000-sold, 0)
		placed = w.place(t, who, w.buy(tea, 1))
		cut("cancel", func() error {
			out, err := w.Checkouts.Cancel(ctx, who, placed.ID.String())
			if err == nil && out.Status != checkout.Cancelled {
				t.Errorf("cancelled, and answered %s", out.Status)
			}
			return err
		})
		w.place(t, who, w.buy(tea, 1))
		w.clock.Advance(w.Checkouts.Hold())
		cut("expire", func() error { _, err := w.Checkouts.SweepOnce(ctx); return err })
		w.sees(t, tea, 1000-sold, 0)
		cut("adjust", func() error {
			delta := 2
			got, err := w.Inventory.Adjust(ctx, owner, inventory.AdjustInput{VariantID: tea.String(), Delta: &delta, Reason: "count", IdempotencyKey: w.key()})
			if err == nil && got.OnHand != 1000-sold+2 {
				t.Errorf("adjusted to %d", got.OnHand)
			}
			return err
		})
		sold -= 2
	}
}
