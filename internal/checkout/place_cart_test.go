package checkout_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// cartOf is what lies in a cart, and its version.
func (w *world) cartOf(t *testing.T, who identity.Principal) (map[typeid.Variant]int, int64) {
	t.Helper()
	version, entries, err := w.Carts.Entries(t.Context(), who.Buyer)
	must(t, err)
	got := make(map[typeid.Variant]int)
	for _, e := range entries {
		got[e.Variant] = e.Quantity
	}
	return got, version
}

// bought is how many of each variant a checkout holds or sold.
func (w *world) bought(t *testing.T, id typeid.Checkout) map[typeid.Variant]int {
	t.Helper()
	var orders []typeid.Order
	for _, o := range w.ordersOf(t, id) {
		orders = append(orders, o.ID)
	}
	lines, err := w.Orders.Lines(t.Context(), orders)
	must(t, err)
	got := make(map[typeid.Variant]int)
	for _, l := range lines {
		got[l.VariantID] += l.Quantity
	}
	return got
}

func TestPlaceCart(t *testing.T) {
	parts(t,
		part{"cart or lines", testPlaceCart},
		part{"nothing to remove", testPlaceRemovesOnlyWhatIsThere},
		part{"51 lines", testPlaceLargeCart},
		part{"moves meanwhile", testPlaceCartThatMoves},
	)
}

func testPlaceCart(t *testing.T, w *world) {
	tea, cup, ball := w.variant(t, 0, 1999, 10), w.variant(t, 0, 50, 100), w.variant(t, 1, 500, 7)
	type goods = map[typeid.Variant]int
	for _, tc := range []struct {
		name    string
		in      checkout.Input
		by      int64 // cartVersion, counted from the cart's; 99 for none
		want    fault.Code
		bought  goods
		left    goods
		changes bool
	}{
		{"the cart", checkout.Input{}, 99, "", goods{tea: 1, cup: 2, ball: 1}, goods{}, true},
		{"the cart at its version", checkout.Input{}, 0, "", goods{tea: 1, cup: 2, ball: 1}, goods{}, true},
		{"the cart at an old version", checkout.Input{}, -1, fault.VersionMismatch, nil, goods{tea: 1, cup: 2, ball: 1}, false},
		{"the cart at a version to come", checkout.Input{}, 1, fault.VersionMismatch, nil, goods{tea: 1, cup: 2, ball: 1}, false},
		{"lines", checkout.Input{Lines: lines(tea, 1)}, 99, "", goods{tea: 1}, goods{tea: 1, cup: 2, ball: 1}, false},
		{"lines at its version", checkout.Input{Lines: lines(tea, 1)}, 0, "", goods{tea: 1}, goods{tea: 1, cup: 2, ball: 1}, false},
		{"lines at an old version", checkout.Input{Lines: lines(tea, 1)}, -1, fault.VersionMismatch, nil, goods{tea: 1, cup: 2, ball: 1}, false},
		{"lines out of it", checkout.Input{Lines: lines(cup, 1, tea, 2), RemoveFromCart: true}, 99, "", goods{tea: 2, cup: 1}, goods{ball: 1}, true},
		{"lines out of it at an old version", checkout.Input{Lines: lines(cup, 1), RemoveFromCart: true}, -1, fault.VersionMismatch, nil, goods{tea: 1, cup: 2, ball: 1}, false},
		{"out of stock", checkout.Input{Lines: lines(cup, 2000), RemoveFromCart: true}, 99, fault.OutOfStock, nil, goods{tea: 1, cup: 2, ball: 1}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			who := w.buyer(t)
			version := w.fill(t, who, tea, 1, cup, 2, ball, 1)
			if tc.by != 99 {
				at := version + tc.by
				tc.in.CartVersion = &at
			}
			tc.in.IdempotencyKey, tc.in.ShipTo = w.key(), address()
			out, err := w.Checkouts.Place(t.Context(), who, tc.in)
			if tc.want != "" {
				refused(t, err, tc.want)
			} else if must(t, err); diff(tc.bought, w.bought(t, out.ID)) != "" {
				t.Errorf("bought (-want +got):\n%s", diff(tc.bought, w.bought(t, out.ID)))
			}
			left, after := w.cartOf(t, who)
			if d := diff(tc.left, left); d != "" || (after > version) != tc.changes {
				t.Errorf("cart goes from version %d to %d (-want +got):\n%s", version, after, d)
			}
			if out != nil {
				_, err := w.Checkouts.Cancel(t.Context(), who, out.ID.String())
				must(t, err)
			}
		})
	}
}

// testPlaceRemovesOnlyWhatIsThere wants a cart in which nothing of the purchase lies to stay at its version.
func testPlaceRemovesOnlyWhatIsThere(t *testing.T, w *world) {
	tea, cup := w.variant(t, 0, 1999, 10), w.variant(t, 0, 50, 10)
	who := w.buyer(t)
	version := w.fill(t, who, cup, 1)
	in := w.buy(tea, 1)
	in.RemoveFromCart = true
	w.place(t, who, in)
	if left, after := w.cartOf(t, who); left[cup] != 1 || after != version {
		t.Errorf("%v left, version %d after %d", left, after, version)
	}
}

// testPlaceLargeCart wants a cart beyond what a checkout takes to be refused and kept.
func testPlaceLargeCart(t *testing.T, w *world) {
	who := w.buyer(t)
	var of []any
	for _, v := range w.variants(t, 51) {
		of = append(of, v, 1)
	}
	w.fill(t, who, of...)
	_, err := w.Checkouts.Place(t.Context(), who, checkout.Input{IdempotencyKey: w.key()})
	refused(t, err, fault.TooMany)
	w.fill(t, who, of[0], 0)
	got := w.place(t, who, checkout.Input{IdempotencyKey: w.key()})
	if n := len(w.bought(t, got.ID)); n != 50 {
		t.Errorf("bought %d of 50", n)
	}
}

// whilePlanning runs fn after a cart was read and before it is locked: when the next plan reads its goods.
func (w *world) whilePlanning(times int, fn func()) {
	var running atomic.Bool
	seen := func(query string) {
		if !strings.Contains(query, "mini_program_shops") || !running.CompareAndSwap(false, true) {
			return
		}
		if times > 0 {
			times--
			fn()
		}
		running.Store(false)
	}
	w.seen.Store(&seen)
}

func testPlaceCartThatMoves(t *testing.T, w *world) {
	tea, cup := w.variant(t, 0, 1999, 10), w.variant(t, 0, 50, 1000)
	t.Run("is read again", func(t *testing.T) {
		who := w.buyer(t)
		w.fill(t, who, tea, 1)
		w.whilePlanning(1, func() { w.fill(t, who, cup, 3) })
		got := w.place(t, who, checkout.Input{IdempotencyKey: w.key()})
		if d := diff(map[typeid.Variant]int{tea: 1, cup: 3}, w.bought(t, got.ID)); d != "" {
			t.Errorf("bought (-want +got):\n%s", d)
		}
		if left, _ := w.cartOf(t, who); len(left) > 0 {
			t.Errorf("left in the cart: %v", left)
		}
	})
	t.Run("to the version that the client named", func(t *testing.T) {
		who := w.buyer(t)
		version := w.fill(t, who, tea, 1) + 1
		w.whilePlanning(1, func() { w.fill(t, who, cup, 3) })
		got := w.place(t, who, checkout.Input{IdempotencyKey: w.key(), CartVersion: &version})
		if d := diff(map[typeid.Variant]int{tea: 1, cup: 3}, w.bought(t, got.ID)); d != "" {
			t.Errorf("bought what was in the cart before that version (-want +got):\n%s", d)
		}
	})
	t.Run("past the version that the client named", func(t *testing.T) {
		who := w.buyer(t)
		version := w.fill(t, who, tea, 1)
		w.whilePlanning(1, func() { w.fill(t, who, cup, 3) })
		_, err := w.Checkouts.Place(t.Context(), who, checkout.Input{IdempotencyKey: w.key(), CartVersion: &version})
		refused(t, err, fault.VersionMismatch)
	})
	t.Run("empty", func(t *testing.T) {
		who := w.buyer(t)
		w.fill(t, who, tea, 1)
		w.whilePlanning(1, func() { w.fill(t, who, tea, 0) })
		_, err := w.Checkouts.Place(t.Context(), who, checkout.Input{IdempotencyKey: w.key()})
		refused(t, err, fault.Invalid)
	})
	t.Run("again and again", func(t *testing.T) {
		who := w.buyer(t)
		w.fill(t, who, cup, 1)
		n := 1
		w.whilePlanning(100, func() { n++; w.fill(t, who, cup, n) })
		before := w.stock(t, cup)
		_, err := w.Checkouts.Place(t.Context(), who, checkout.Input{IdempotencyKey: w.key()})
		refused(t, err, fault.VersionMismatch)
		w.sees(t, cup, before.OnHand, before.Held)
	})
	w.seen.Store(nil)
}
