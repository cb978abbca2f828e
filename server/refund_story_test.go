package main

import (
	"testing"

	"holdfast/internal/demo"
)

// TestRefunds is money that goes back: of an amount, of lines, of all that is left, with the shares of it.
func TestRefunds(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		t.Run("step by step", func(t *testing.T) { refundStepByStep(t, w) })
		t.Run("before the shares are paid out", func(t *testing.T) { refundAtOnce(t, w) })
		t.Run("one of two orders", func(t *testing.T) { refundOneOfTwo(t, w) })
		t.Run("who may", func(t *testing.T) { refundRights(t, w) })
	})
}

// checkReturned compares what each receiver gave back with its share of what was refunded: within one unit, and all together
// to the fen.
func checkReturned(t *testing.T, o *orderView) {
	t.Helper()
	var sum int64
	for _, s := range o.Splits {
		sum += s.Returned.Amount
		off := s.Returned.Amount*o.Total.Amount - s.Amount.Amount*o.Refunded.Amount
		if off <= -o.Total.Amount || off >= o.Total.Amount {
			t.Errorf("%s gave %d of %d back when %d of %d were refunded", s.Role, s.Returned.Amount, s.Amount.Amount, o.Refunded.Amount, o.Total.Amount)
		}
		if whole := o.Refunded == o.Total; whole != (s.Status == "RETURNED") {
			t.Errorf("the share of %s is %s when %d of %d were refunded", s.Role, s.Status, o.Refunded.Amount, o.Total.Amount)
		}
	}
	if sum != o.Refunded.Amount {
		t.Errorf("the receivers gave %d back, refunded were %d", sum, o.Refunded.Amount)
	}
}

func refundStepByStep(t *testing.T, w *world) {
	merchant, buyer, shop := w.merchant(t), w.buyer(t, "unhappy"), w.shops(t)[0]
	v := append(w.goods(t, shop, 3333, 10), w.goods(t, shop, 1001, 10)...)
	placed := buyer.buy(t, vars{"lines": lines(v[0], 3, v[1], 2)})
	unpaid := placed.Orders[0].ID
	merchant.refund(t, vars{"orderId": unpaid}).refused(t, "CONFLICT")
	buyer.confirm(t, placed.Payment.ID).refused(t)
	merchant.shared(t, unpaid)
	o := *merchant.order(t, unpaid)
	total := o.Total.Amount
	s := buyer.socket(t)
	id := s.watch(watchOrder, vars{"id": o.ID})
	seen := told[orderView](s, id)

	refused := func(input vars, code string) {
		t.Helper()
		input["orderId"] = o.ID
		if got := merchant.refund(t, input); got.Refund != nil {
			t.Errorf("%s, and refunded: %+v", code, got.Refund)
		} else {
			got.refused(t, code)
		}
	}
	refused(vars{"amount": moneyView{total + 1, "CNY"}}, "AMOUNT_EXCEEDED")
	refused(vars{"amount": moneyView{1, "HKD"}}, "CURRENCY_MISMATCH")
	refused(vars{"amount": moneyView{0, "CNY"}}, "INVALID")
	refused(vars{"reason": " "}, "INVALID")
	refused(vars{"lines": []vars{lineOf(o, 0, 4)}}, "INVALID")
	refused(vars{"lines": []vars{{"orderLineId": "x", "quantity": 1}}}, "NOT_FOUND")

	left := total
	step := func(input vars, amount int64, payment string) *refundView {
		t.Helper()
		input["orderId"] = o.ID
		got := merchant.refund(t, input)
		got.refused(t)
		left -= amount
		if r := got.Refund; r.Amount.Amount != amount || r.Status != "SUCCEEDED" || got.Order.Refunded.Amount != total-left {
			t.Errorf("refunded %+v, in all %d; want %d, in all %d", r, got.Order.Refunded.Amount, amount, total-left)
		}
		checkReturned(t, got.Order)
		if p := buyer.payment(t, placed.Payment.ID); p.Status != payment {
			t.Errorf("the payment is %s, want %s", p.Status, payment)
		}
		for seen.Refunded.Amount < total-left { // as the buyer hears of it
			next := told[orderView](s, id)
			if next.Version <= seen.Version || next.Refunded.Amount < seen.Refunded.Amount || next.Splits != nil {
				t.Errorf("told of %+v after version %d, %d refunded", next, seen.Version, seen.Refunded.Amount)
			}
			seen = next
		}
		return got.Refund
	}
	key := unique("key")
	first := step(vars{"amount": moneyView{1000, "CNY"}, "idempotencyKey": key}, 1000, "PARTIALLY_REFUNDED")
	for range 3 { // a repeat changes nothing
		again := merchant.refund(t, vars{"orderId": o.ID, "amount": moneyView{1000, "CNY"}, "idempotencyKey": key})
		if again.refused(t); again.Refund.ID != first.ID || again.Order.Refunded.Amount != 1000 {
			t.Errorf("the repeat refunds %+v, in all %d", again.Refund, again.Order.Refunded.Amount)
		}
	}
	refused(vars{"amount": moneyView{1001, "CNY"}, "idempotencyKey": key}, "IDEMPOTENCY_KEY_REUSED")

	before := merchant.stock(t, v[0])
	step(vars{"lines": []vars{lineOf(o, 0, 2)}, "restock": []vars{lineOf(o, 0, 1)}}, 2*3333, "PARTIALLY_REFUNDED")
	checkStock(t, "restocked", merchant.stock(t, v[0]), *before.OnHand+1, 0, before.Version)
	refused(vars{"lines": []vars{lineOf(o, 0, 2)}}, "AMOUNT_EXCEEDED") // one is left
	refused(vars{"amount": moneyView{1, "CNY"}, "restock": []vars{lineOf(o, 0, 3)}}, "AMOUNT_EXCEEDED")
	refused(vars{"amount": moneyView{left + 1, "CNY"}}, "AMOUNT_EXCEEDED")
	step(vars{"amount": moneyView{1, "CNY"}}, 1, "PARTIALLY_REFUNDED")
	if seen.Status != "PAID" {
		t.Errorf("partly refunded, the order is %s", seen.Status)
	}
	step(vars{}, left, "REFUNDED")
	refused(vars{}, "AMOUNT_EXCEEDED")
	merchant.ship(t, vars{"orderId": o.ID, "method": "PICKUP"}).refused(t, "CONFLICT")
	if seen.Status != "REFUNDED" {
		t.Errorf("all was refunded, and the buyer was told of %s", seen.Status)
	}
	read := ask[struct {
		Order struct{ Refunds []refundView }
	}](t, buyer, `query($id: ID!) { order(id: $id) { refunds `+refundFields+` } }`, vars{"id": o.ID}).Order.Refunds
	if len(read) != 4 || read[0].ID != first.ID || read[0].Reason != "broken" {
		t.Errorf("the buyer reads the refunds %+v", read)
	}
}

// refundAtOnce refunds as soon as an order is paid: what was not paid out yet is withheld, to the same proportion.
func refundAtOnce(t *testing.T, w *world) {
	merchant, buyer := w.merchant(t), w.buyer(t, "rash")
	v := w.goods(t, w.shops(t)[0], 7777, 50)[0]
	for range 4 {
		o := buyer.pays(t, vars{"lines": lines(v, 3)})[0]
		merchant.refund(t, vars{"orderId": o.ID, "amount": moneyView{5555, "CNY"}}).refused(t)
		merchant.refund(t, vars{"orderId": o.ID, "lines": []vars{lineOf(o, 0, 1)}}).refused(t)
		merchant.shared(t, o.ID)
		waitFor(t, "the refunds", func() bool { return merchant.order(t, o.ID).Refunded.Amount == 5555+7777 })
		checkReturned(t, merchant.order(t, o.ID))
	}
}

func refundOneOfTwo(t *testing.T, w *world) {
	merchant, buyer, shops := w.merchant(t), w.buyer(t, "half-hearted"), w.shops(t)
	placed := buyer.buy(t, vars{"lines": lines(w.goods(t, shops[0], 50, 9)[0], 1, w.goods(t, shops[1], 70, 9)[0], 1)})
	buyer.confirm(t, placed.Payment.ID).refused(t)
	for i, status := range []string{"PARTIALLY_REFUNDED", "REFUNDED"} {
		got := merchant.refund(t, vars{"orderId": placed.Orders[i].ID})
		if got.refused(t); got.Order.Status != "REFUNDED" {
			t.Errorf("order %d is %s", i, got.Order.Status)
		}
		if p := buyer.payment(t, placed.Payment.ID); p.Status != status {
			t.Errorf("with %d of 2 orders refunded the payment is %s, want %s", i+1, p.Status, status)
		}
	}
}

func refundRights(t *testing.T, w *world) {
	c, shops := &cast{world: w}, w.shops(t)
	o := w.buyer(t, "wary").pays(t, vars{"lines": lines(w.goods(t, shops[0], 100, 9)[0], 1)})[0]
	elsewhere := c.hire(t, unique("elsewhere")+"@example.test", shops[1].ID)
	for name, this := range map[string]struct {
		who  *client
		want string
	}{
		"a clerk":            {w.staff(t, demo.Clerk, demo.Password), forbidden},
		"the buyer":          {w.buyer(t, "wary"), forbidden},
		"an operator":        {w.staff(t, demo.Operator, demo.Password), forbidden},
		"an owner elsewhere": {elsewhere, notFound},
		"nobody":             {w.anonymous(), unauthorized},
	} {
		ask := mutation("orderRefund", "OrderRefundInput", "refund { id }", keyed(vars{"orderId": o.ID, "reason": "x"}, nil))
		if got := this.who.outcome(t, ask); got != this.want {
			t.Errorf("%s: %s, want %s", name, got, this.want)
		}
	}
	if got := w.merchant(t).order(t, o.ID); got.Refunded.Amount != 0 {
		t.Errorf("%d was refunded by who may not", got.Refunded.Amount)
	}
	w.merchant(t).refund(t, vars{"orderId": o.ID}).refused(t)
}
