package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func cancelled(t *testing.T, w *world) {
	buyer, merchant := w.buyer(t, "fickle"), w.merchant(t)
	v := w.goods(t, w.shops(t)[0], 100, 2)[0]
	placed := buyer.buy(t, vars{"lines": lines(v, 2)})
	held := merchant.stock(t, v)
	for range 2 { // again changes nothing
		got := buyer.cancel(t, placed.ID)
		got.refused(t)
		if o := got.Checkout.Orders[0]; o.Status != "CANCELLED" || o.HeldUntil != nil {
			t.Errorf("the order once cancelled: %+v", o)
		}
		if p := got.Checkout.Payment; p.Status != "CLOSED" || p.WeChatPay != nil {
			t.Errorf("the payment once cancelled: %+v", p)
		}
	}
	checkStock(t, "cancelled", merchant.stock(t, v), 2, 0, held.Version)
	checkClosed(t, w, buyer, placed, "CANCELLED")
	w.buyer(t, "grateful").buy(t, vars{"lines": lines(v, 2)})
}

// checkClosed asks for the payment of what is closed. It must change nothing; what is paid all the same is late money.
func checkClosed(t *testing.T, w *world, buyer *client, placed *checkoutView, status string) {
	t.Helper()
	variant := placed.Orders[0].Lines[0].Variant.ID
	before := w.merchant(t).stock(t, variant)
	got := buyer.pay(t, "paymentPrepare", placed.Payment.ID)
	got.refused(t, "PAYMENT_CLOSED")
	if got.Payment == nil || got.Payment.Status != "CLOSED" || got.Payment.WeChatPay != nil {
		t.Errorf("a closed payment is prepared: %+v", got.Payment)
	}
	synced := buyer.pay(t, "paymentSync", placed.Payment.ID)
	if synced.refused(t); synced.Payment.Status != "CLOSED" {
		t.Errorf("a closed payment syncs to %s", synced.Payment.Status)
	}
	if got := buyer.order(t, placed.Orders[0].ID); got.Status != status || got.PaidAt != nil {
		t.Errorf("the order is %s, paid at %v; want %s", got.Status, got.PaidAt, status)
	}
	if diff := cmp.Diff(before, w.merchant(t).stock(t, variant)); diff != "" {
		t.Errorf("paying for what is closed moved the stock (-before +after):\n%s", diff)
	}
}

// TestExpiry waits for the end of a hold.
func TestExpiry(t *testing.T) {
	const hold = 2 * time.Second
	eachWorld(t, func(t *testing.T, w *world) {
		buyer, merchant, other := w.buyer(t, "forgetful"), w.merchant(t), w.buyer(t, "patient")
		shops := w.shops(t)
		v := w.goods(t, shops[0], 100, 2, 1)
		key := unique("key")
		input := vars{"idempotencyKey": key, "lines": lines(v[0], 2)}
		placed := buyer.buy(t, input)
		wanted := buyer.buy(t, vars{"lines": lines(v[1], 1)})
		other.place(t, vars{"lines": lines(v[1], 1)}).refused(t, "OUT_OF_STOCK")
		paid := buyer.buy(t, vars{"lines": lines(w.goods(t, shops[0], 100, 1)[0], 1)})
		buyer.confirm(t, paid.Payment.ID).refused(t)
		held := merchant.stock(t, v[0])
		if until := time.Until(placed.HeldUntil); until > hold {
			t.Errorf("held for %v, want at most %v", until, hold)
		}

		// A buyer never waits for the sweeper.
		time.Sleep(time.Until(wanted.HeldUntil) + 10*time.Millisecond)
		other.buy(t, vars{"lines": lines(v[1], 1)})

		// The sweeper lets go within 2 s of the end.
		waitFor(t, "the order to expire", func() bool { return buyer.order(t, placed.Orders[0].ID).Status == "EXPIRED" })
		if late := merchant.stock(t, v[0]).ChangedAt.Sub(placed.HeldUntil); late < 0 || late > 2*time.Second {
			t.Errorf("the goods were let go %v after the end of the hold", late)
		}
		checkStock(t, "expired", merchant.stock(t, v[0]), 2, 0, held.Version)
		checkClosed(t, w, buyer, placed, "EXPIRED")
		over := buyer.cancel(t, placed.ID)
		if over.refused(t, "PAYMENT_CLOSED"); over.Checkout == nil || over.Checkout.Orders[0].Status != "EXPIRED" {
			t.Errorf("cancelled once expired: %+v", over.Checkout)
		}

		// The key still means that checkout, even expired.
		again := buyer.place(t, input)
		again.refused(t)
		if again.Checkout.ID != placed.ID || again.Checkout.Orders[0].Status != "EXPIRED" || again.Checkout.Payment.WeChatPay != nil {
			t.Errorf("the same key answers %+v", again.Checkout)
		}
		other.buy(t, vars{"lines": lines(v[0], 2)})
		if got := buyer.order(t, paid.Orders[0].ID); got.Status != "PAID" {
			t.Errorf("what is paid never expires, and is %s", got.Status)
		}
	}, withHold(hold))
}
