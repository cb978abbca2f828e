package main

import (
	"sync"
	"testing"
	"time"

	"holdfast/internal/demo"
)

// TestLateMoney is paid after the end of a hold, or after a cancel. The buyers watch what becomes of it.
func TestLateMoney(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		shops, merchant, other := w.shops(t), w.merchant(t), w.buyer(t, "in-time")
		buyer := w.buyer(t, "too-late")
		kept, gone, cancelled := w.goods(t, shops[0], 1234, 5)[0], w.goods(t, shops[0], 2345, 5)[0], w.goods(t, shops[0], 3456, 5)[0]
		elsewhere := w.goods(t, shops[1], 77, 5)[0]
		there := buyer.buy(t, vars{"lines": lines(kept, 2)})
		sold := buyer.buy(t, vars{"lines": lines(gone, 4)})
		half := buyer.buy(t, vars{"lines": lines(gone, 1, elsewhere, 1)})
		changed := buyer.buy(t, vars{"lines": lines(cancelled, 1)})
		buyer.cancel(t, changed.ID).refused(t)
		for _, c := range []*checkoutView{there, sold, half} {
			waitFor(t, "the hold to end", func() bool { return buyer.order(t, c.Orders[0].ID).Status == "EXPIRED" })
		}
		other.pays(t, vars{"lines": lines(gone, 3)}) // of 5: neither 4 nor, with those, 1 more
		other.pays(t, vars{"lines": lines(gone, 2)})
		s := buyer.socket(t)
		for name, this := range map[string]struct {
			of      *checkoutView
			was, is string
			payment string
		}{
			"goods are there":                    {there, "EXPIRED", "PAID", "PAID"},
			"goods are gone":                     {sold, "EXPIRED", "REFUNDED", "REFUNDED"},
			"goods are gone of one of two shops": {half, "EXPIRED", "REFUNDED", "REFUNDED"},
			"after a cancel":                     {changed, "CANCELLED", "REFUNDED", "REFUNDED"},
		} {
			o := this.of.Orders[0]
			id := s.watch(watchOrder, vars{"id": o.ID})
			last := told[orderView](s, id)
			if last.Status != this.was || last.PaidAt != nil {
				t.Errorf("%s: before it is paid, the order is %+v", name, last)
			}
			for range 3 { // confirmed again, it has no other effect
				if got := buyer.confirm(t, this.of.Payment.ID); len(got.UserErrors) > 0 || got.Payment.Status == "CLOSED" {
					t.Errorf("%s: paid late: %+v", name, got)
				}
			}
			for last.Status != this.is {
				next := told[orderView](s, id)
				if next.Version <= last.Version || next.Status != this.was && next.Status != this.is {
					t.Fatalf("%s: told of %+v after version %d", name, next, last.Version)
				}
				last = next
			}
			for _, o := range this.of.Orders {
				waitFor(t, "the order to be "+this.is, func() bool { return buyer.order(t, o.ID).Status == this.is })
				after := buyer.order(t, o.ID)
				if refunded := this.is == "REFUNDED"; after.PaidAt == nil || refunded != (after.Refunded == after.Total) || !refunded && after.Refunded.Amount != 0 {
					t.Errorf("%s: %+v", name, after)
				}
			}
			waitFor(t, "the payment to be "+this.payment, func() bool { return buyer.payment(t, this.of.Payment.ID).Status == this.payment })
			if m, ok := s.try(id, 50*time.Millisecond); ok && event[orderView](t, m.Payload).Status != this.is {
				t.Errorf("%s: and then told %s", name, m)
			}
		}
		checkStock(t, "sold late", merchant.stock(t, kept), 3, 0, 0)
		checkStock(t, "gone", merchant.stock(t, gone), 0, 0, 0)
		checkStock(t, "not sold late", merchant.stock(t, cancelled), 5, 0, 0)
		checkStock(t, "not sold late", merchant.stock(t, elsewhere), 5, 0, 0)
		merchant.refund(t, vars{"orderId": there.Orders[0].ID}).refused(t) // late money is money
		merchant.refund(t, vars{"orderId": sold.Orders[0].ID}).refused(t, "AMOUNT_EXCEEDED")
	}, withHold(time.Second))
}

// TestSandboxFaults has the provider misbehave, as the operator tells it to.
func TestSandboxFaults(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		operator := w.staff(t, demo.Operator, demo.Password)
		for _, who := range []*client{w.merchant(t), w.buyer(t, "tester")} {
			if got := who.outcome(t, mutation("sandboxFaultsSet", "SandboxFaultsInput", "faults { repeat }", vars{"isSilent": true})); got != forbidden {
				t.Errorf("faults set by a %s: %s", who.session.Viewer.Typename, got)
			}
		}
		for _, odd := range []vars{{"slowMs": -1}, {"repeat": 101}, {"lateMs": 3_600_001}} {
			if got := operator.outcome(t, mutation("sandboxFaultsSet", "SandboxFaultsInput", "faults { repeat }", odd)); got != "INVALID" {
				t.Errorf("%v: %s", odd, got)
			}
		}
		for _, story := range []struct {
			name   string
			faults vars
			tell   func(t *testing.T, w *world, heal func())
		}{
			{"late", vars{"lateMs": 500}, providerLate},
			{"slow", vars{"slowMs": 300}, providerSlow},
			{"wrong", vars{"isWrong": true}, providerWrong},
			{"silent", vars{"isSilent": true}, providerSilent},
			{"repeating itself at two servers", vars{"repeat": 100}, providerRepeats},
		} {
			t.Run(story.name, func(t *testing.T) {
				operator.misbehave(t, story.faults)
				heal := func() { operator.misbehave(t, vars{}) }
				defer heal()
				story.tell(t, w, heal)
			})
		}
	})
}

func (w *world) oneUnit(t *testing.T, buyer *client) *checkoutView {
	t.Helper()
	return buyer.buy(t, vars{"lines": lines(w.goods(t, w.shops(t)[0], 100, 5)[0], 1)})
}

func providerLate(t *testing.T, w *world, _ func()) {
	buyer := w.buyer(t, "late-notice")
	placed := w.oneUnit(t, buyer)
	got := buyer.confirm(t, placed.Payment.ID)
	if got.refused(t, "PAYMENT_PENDING"); got.Payment == nil || got.Payment.Status != "PENDING" {
		t.Errorf("before the notice: %+v", got.Payment)
	}
	waitFor(t, "the notice", func() bool { return buyer.order(t, placed.Orders[0].ID).Status == "PAID" })
}

func providerSlow(t *testing.T, w *world, _ func()) {
	start := time.Now()
	placed := w.oneUnit(t, w.buyer(t, "slow"))
	if took := time.Since(start); placed.Payment.WeChatPay == nil || took < 300*time.Millisecond {
		t.Errorf("after %v: %+v", took, placed.Payment)
	}
}

// providerWrong names another amount: it is not believed, until it says the right one.
func providerWrong(t *testing.T, w *world, heal func()) {
	buyer := w.buyer(t, "wronged")
	placed := w.oneUnit(t, buyer)
	for _, mutation := range []string{"sandboxPaymentConfirm", "paymentSync"} {
		got := buyer.pay(t, mutation, placed.Payment.ID)
		if got.refused(t, "PAYMENT_PENDING"); got.Payment.Status != "PENDING" {
			t.Errorf("%s: %+v", mutation, got.Payment)
		}
	}
	buyer.cancel(t, placed.ID).refused(t, "CONFLICT")
	heal()
	if got := buyer.pay(t, "paymentSync", placed.Payment.ID); got.Payment.Status != "PAID" {
		t.Errorf("once it says the right amount: %+v", got)
	}
}

// providerSilent holds the goods and loses no money: a checkout says PAYMENT_PENDING, and what was paid is found later.
func providerSilent(t *testing.T, w *world, heal func()) {
	buyer, v := w.buyer(t, "unheard"), w.goods(t, w.shops(t)[0], 100, 5)[0]
	key := unique("key")
	got := buyer.place(t, vars{"idempotencyKey": key, "lines": lines(v, 2)})
	got.refused(t, "PAYMENT_PENDING")
	if got.Checkout == nil || got.Checkout.Payment.WeChatPay != nil {
		t.Fatalf("the provider is silent: %+v", got.Checkout)
	}
	checkStock(t, "held", w.merchant(t).stock(t, v), 5, 2, 0)
	buyer.confirm(t, got.Checkout.Payment.ID).refused(t, "PAYMENT_PENDING")
	heal()
	if again := buyer.buy(t, vars{"idempotencyKey": key, "lines": lines(v, 2)}); again.ID != got.Checkout.ID {
		t.Errorf("the same key gives %+v", again)
	}
	if got := buyer.pay(t, "paymentSync", got.Checkout.Payment.ID); got.Payment.Status != "PAID" {
		t.Errorf("once it is heard: %+v", got)
	}
	next := w.oneUnit(t, buyer)
	if next.Payment.WeChatPay == nil {
		t.Errorf("the next checkout: %+v", next.Payment)
	}
}

// providerRepeats sends each notice 101 times, to two servers at once. One is enough.
func providerRepeats(t *testing.T, w *world, _ func()) {
	second := newWorld(t, w.source)
	second.staff(t, demo.Operator, demo.Password).misbehave(t, vars{"repeat": 100})
	buyer, v := w.buyer(t, "repeated"), w.goods(t, w.shops(t)[0], 100, 5)[0]
	confirm := func(payment string) {
		var wg sync.WaitGroup
		for _, at := range []*world{w, second} {
			wg.Go(func() {
				got, err := (&client{world: at, token: buyer.token}).try(payBody(payment), nil)
				if err != nil || len(got.Errors) > 0 {
					t.Errorf("confirmed: %v %s", err, got.Body)
				}
			})
		}
		wg.Wait()
	}
	placed := buyer.buy(t, vars{"lines": lines(v, 2)})
	held := w.merchant(t).stock(t, v)
	confirm(placed.Payment.ID)
	after := w.merchant(t).stock(t, v)
	if checkStock(t, "sold", after, 3, 0, held.Version); after.Version != held.Version+1 {
		t.Errorf("sold in %d steps", after.Version-held.Version)
	}
	o := buyer.order(t, placed.Orders[0].ID)
	if o.Status != "PAID" || o.Version != placed.Orders[0].Version+1 {
		t.Errorf("paid once: %+v", o)
	}

	late := buyer.buy(t, vars{"lines": lines(v, 1)})
	buyer.cancel(t, late.ID).refused(t)
	confirm(late.Payment.ID)
	waitFor(t, "the money to go back", func() bool { return buyer.order(t, late.Orders[0].ID).Status == "REFUNDED" })
	read := ask[struct {
		Order struct{ Refunds []refundView }
	}](t, buyer, `query($id: ID!) { order(id: $id) { refunds `+refundFields+` } }`, vars{"id": late.Orders[0].ID}).Order.Refunds
	if len(read) != 1 || read[0].Amount != late.Payment.Amount {
		t.Errorf("given back: %+v", read)
	}
}

// TestSilentToTheEnd lets goods go of a payment of which the provider has said nothing: when it is heard again, its money is late.
func TestSilentToTheEnd(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		operator, buyer := w.staff(t, demo.Operator, demo.Password), w.buyer(t, "unheard")
		v := w.goods(t, w.shops(t)[0], 100, 5)[0]
		placed := buyer.buy(t, vars{"lines": lines(v, 5)})
		operator.misbehave(t, vars{"isSilent": true})
		buyer.confirm(t, placed.Payment.ID).refused(t, "PAYMENT_PENDING")
		waitFor(t, "the goods to be let go", func() bool { return buyer.order(t, placed.Orders[0].ID).Status == "EXPIRED" })
		if past := time.Since(placed.HeldUntil); past < 5*time.Second {
			t.Errorf("let go %v after the end, without an answer", past)
		}
		operator.misbehave(t, vars{})
		waitFor(t, "the money to be found", func() bool { return buyer.order(t, placed.Orders[0].ID).Status == "PAID" })
		checkStock(t, "sold late", w.merchant(t).stock(t, v), 0, 0, 0)
	}, withHold(time.Second))
}
