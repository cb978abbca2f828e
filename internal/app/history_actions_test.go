package app_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// browse looks at the goods as a buyer does.
func (h *history) browse() {
	var ids []typeid.Variant
	for _, g := range h.m.goods {
		ids = append(ids, g.id)
	}
	items, err := h.Catalog.Items(h.ctx, h.mini, ids)
	h.must(err)
	for i, g := range h.m.goods {
		if got := items[g.id]; got == nil || got.Price != g.price || got.ForSale == g.archived {
			h.Fatalf("variant %d looks like %+v, want %s, archived %v", i, got, g.price, g.archived)
		}
	}
}

// drawAsk is something to buy.
func (h *history) drawAsk() placeAsk {
	var ask placeAsk
	for range rapid.IntRange(1, 4).Draw(h.T, "lines") {
		l := lineAsk{good: rapid.SampledFrom([]int{0, 1, 2, shipping + 2}).Draw(h.T, "good"), quantity: rapid.IntRange(1, 4).Draw(h.T, "quantity")}
		switch rapid.IntRange(0, 59).Draw(h.T, "odd") {
		case 57:
			l.good = foreign + 2 // of the other currency
		case 58:
			l.good = len(h.m.goods) // of none
		case 59:
			l.quantity = rapid.SampledFrom([]int{0, -1, catalog.MaxQuantity, catalog.MaxQuantity + 1}).Draw(h.T, "odd quantity")
		}
		ask.lines = append(ask.lines, l)
	}
	ask.address = rapid.IntRange(0, 19).Draw(h.T, "address") > 0
	switch rapid.IntRange(0, 9).Draw(h.T, "expects") {
	case 8: // the right sum
		if d, _ := h.m.plan(ask); d != nil {
			ask.expected = &d.total
		}
	case 9:
		ask.expected = new(money.New(rapid.Int64Range(0, 5000).Draw(h.T, "expected"), money.CNY))
	}
	return ask
}

func (a placeAsk) body() string { return fmt.Sprint(a.lines, a.expected, a.address) }

func (h *history) input(key string, ask placeAsk) checkout.Input {
	in := checkout.Input{IdempotencyKey: key, ExpectedTotal: ask.expected}
	if ask.address {
		in.ShipTo = address()
	}
	for _, l := range ask.lines {
		id := "var_00000000000000000000000000"
		if l.good < len(h.m.goods) {
			id = h.m.goods[l.good].id.String()
		}
		in.Lines = append(in.Lines, checkout.LineInput{VariantID: id, Quantity: l.quantity})
	}
	return in
}

// place buys something new.
func (h *history) place() {
	h.placeAs(rapid.IntRange(0, len(h.buyers)-1).Draw(h.T, "buyer"), h.newKey(), h.drawAsk())
}

// repeat uses the key of a deal again: for the same, for something else, or as somebody else.
func (h *history) repeat() {
	d := h.draw(anyDeal)
	switch rapid.IntRange(0, 3).Draw(h.T, "what") {
	case 0:
		h.placeAs(d.buyer, d.key, h.drawAsk())
	case 1:
		h.placeAs(1-d.buyer, d.key, d.ask)
	default:
		h.placeAs(d.buyer, d.key, d.ask)
	}
}

func (h *history) placeAs(buyer int, key string, ask placeAsk) {
	h.Helper()
	want, refusals, short := h.m.place(buyer, key, ask.body(), ask)
	got, err := h.Checkouts.Place(h.ctx, h.buyers[buyer], h.input(key, ask))
	h.refused(err, refusals)
	h.same("shortages", short, shortages(err))
	if want == nil {
		return
	}
	if want.id.IsZero() {
		want.id, want.payment = got.ID, got.Payment.ID
		for i, o := range h.ordersOf(got.ID) {
			want.orders[i].id = o.ID
		}
	}
	if got.ID != want.id || got.Status != want.status || got.Payment.Status != want.paymentStatus() || got.Payment.Amount != want.total {
		h.Fatalf("placed %+v, payment %+v; want %+v", got, got.Payment, want)
	}
	if asked := got.Payment.Parameters != nil; asked != (got.Payment.Status == payment.Pending) {
		h.Fatalf("a payment that is %s: parameters %v", got.Payment.Status, asked)
	}
}

// draw is a deal of the past: mostly one that is as it should be for what is done with it.
func (h *history) draw(mostly func(*deal) bool) *deal {
	h.Helper()
	if len(h.m.deals) == 0 {
		h.Skip("nothing was bought yet")
	}
	var fit []*deal
	for _, d := range h.m.deals {
		if mostly(d) {
			fit = append(fit, d)
		}
	}
	if fit == nil || rapid.IntRange(0, 4).Draw(h.T, "any") == 4 {
		fit = h.m.deals
	}
	return rapid.SampledFrom(fit).Draw(h.T, "deal")
}

func anyDeal(*deal) bool   { return true }
func isOpen(d *deal) bool  { return d.status == checkout.Open }
func isPaid(d *deal) bool  { return d.status == checkout.Paid }
func isOwing(d *deal) bool { return !d.known }
func isLate(d *deal) bool  { return !d.known && d.status != checkout.Open }

// isUnheard is paid, and the shop does not know.
func isUnheard(d *deal) bool { return d.status == checkout.Open && d.paid && !d.known }

// pay pays, whatever has become of the deal.
func (h *history) pay() {
	d := h.draw(isOwing)
	h.m.settle(d)
	got, err := h.Checkouts.SandboxConfirm(h.ctx, h.buyers[d.buyer], d.payment.String())
	h.must(err)
	if got.Status != d.paymentStatus() {
		h.Fatalf("paid, and the payment is %s; want %s", got.Status, d.paymentStatus())
	}
	if h.m.deals[0] == d { // somebody else's
		_, err := h.Checkouts.SandboxConfirm(h.ctx, h.buyers[1-d.buyer], d.payment.String())
		h.refused(err, []fault.Code{fault.NotFound})
	}
}

// unheard pays at the provider, and its notice is lost.
func (h *history) unheard() {
	for _, d := range h.m.deals {
		if d.paid && !d.known && d.status != checkout.Open {
			h.Skip("which of two late payments comes first is for jobs to say")
		}
	}
	which := isOwing
	if rapid.Bool().Draw(h.T, "late") {
		which = isLate
	}
	d := h.draw(which)
	if d.known {
		h.Skip("it is paid")
	}
	trade := payment.Trade{ID: d.payment, Amount: d.total, ExpiresAt: d.heldUntil}
	pay := h.sandbox.Pay
	if d.status != checkout.Open {
		pay = h.sandbox.PayLate
	}
	_, err := pay(h.ctx, trade)
	h.must(err)
	d.paid = true
	switch rapid.IntRange(0, 2).Draw(h.T, "and then") { // what may find it
	case 1:
		h.cancelDeal(d)
	case 2:
		h.advance(hold + time.Hour)
		h.runJobs()
	}
}

// sync asks where a payment stands.
func (h *history) sync() {
	d := h.draw(isOwing)
	if d.paid {
		h.m.settle(d)
	}
	got, err := h.Checkouts.Sync(h.ctx, h.buyers[d.buyer], d.payment.String())
	h.must(err)
	if got.Status != d.paymentStatus() {
		h.Fatalf("synced, and the payment is %s; want %s", got.Status, d.paymentStatus())
	}
}

func (h *history) cancel() {
	which := isOpen
	if slices.ContainsFunc(h.m.deals, isUnheard) {
		which = isUnheard
	}
	d := h.draw(which)
	if rapid.IntRange(0, 9).Draw(h.T, "who") == 9 {
		_, err := h.Checkouts.Cancel(h.ctx, h.buyers[1-d.buyer], d.id.String())
		h.refused(err, []fault.Code{fault.NotFound})
		return
	}
	h.cancelDeal(d)
}

func (h *history) cancelDeal(d *deal) {
	h.Helper()
	want := h.m.cancel(d)
	got, err := h.Checkouts.Cancel(h.ctx, h.buyers[d.buyer], d.id.String())
	h.refused(err, want)
	if got.Status != d.status {
		h.Fatalf("cancelled, and the checkout is %s; want %s", got.Status, d.status)
	}
}

// wait lets time pass, with a sweeper or without.
func (h *history) wait() {
	h.advance(rapid.SampledFrom([]time.Duration{
		time.Microsecond, time.Second, 5 * time.Minute, hold - time.Microsecond, hold, hold + time.Minute, time.Hour,
	}).Draw(h.T, "time"))
	if rapid.Bool().Draw(h.T, "sweeps") {
		h.letGoOverdue()
	}
}

func (h *history) advance(d time.Duration) {
	h.clock.Advance(d)
	h.m.now = h.clock.Now()
}

func (h *history) letGoOverdue() {
	h.m.expire(func(*deal) bool { return true })
	h.must(h.sweep(h.ctx))
}

// runJobs runs what is due.
func (h *history) runJobs() {
	h.m.work()
	_, err := h.Jobs.RunDue(h.ctx)
	h.must(err)
}
