package checkout_test

import (
	"context"
	"sync/atomic"
	"testing"
)

// hangUp gives fn a context that ends with the nth statement from now on.
func (w *world) hangUp(t *testing.T, nth int, fn func(ctx context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int64
	seen := func(string) {
		if int(n.Add(1)) == nth {
			cancel()
		}
	}
	w.seen.Store(&seen)
	fn(ctx)
	w.seen.Store(nil)
}

// TestHangUp lets the client go away at every statement of a checkout, of its payment and of its cancel: whatever happens
// happens whole, and asking again gives what it would have given.
func TestHangUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		tea, ball := w.variant(t, 0, 1999, 1000), w.variant(t, 1, 500, 1000)
		held, sold := 0, 0
		for nth := 1; nth <= 17; nth++ {
			who := w.buyer(t)
			version := w.fill(t, who, tea, 2)
			in := w.buy(tea, 2, ball, 1)
			in.RemoveFromCart = true
			w.hangUp(t, nth, func(ctx context.Context) { _, _ = w.Checkouts.Place(ctx, who, in) })
			w.check(t)
			placed := w.place(t, who, in)
			held += 2
			w.sees(t, tea, 1000-sold, held)
			if left, after := w.cartOf(t, who); len(left) != 0 || after != version+1 {
				t.Errorf("hung up at statement %d: %v left in the cart, version %d after %d", nth, left, after, version)
			}
			if nth%2 == 0 {
				w.hangUp(t, nth, func(ctx context.Context) { _, _ = w.Checkouts.SandboxConfirm(ctx, who, placed.Payment.ID.String()) })
				w.check(t)
				_, err := w.Checkouts.SandboxConfirm(t.Context(), who, placed.Payment.ID.String())
				must(t, err)
				sold += 2
			} else {
				w.hangUp(t, nth, func(ctx context.Context) { _, _ = w.Checkouts.Cancel(ctx, who, placed.ID.String()) })
				w.check(t)
				w.cancel(t, who, placed)
			}
			held -= 2
			w.sees(t, tea, 1000-sold, held)
		}
	})
}
