package app_test

import (
	"fmt"
	"slices"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// compare compares all that can be seen with the model.
func (h *history) compare() {
	h.Helper()
	h.compareStock()
	if len(h.m.deals) == 0 {
		return
	}
	type seen struct {
		Status  checkout.Status
		Until   string
		Payment payment.Status
		Amount  money.Money
		Orders  []string
	}
	want, got := make(map[string]*seen), make(map[string]*seen)
	var ids []typeid.Checkout
	for _, d := range h.m.deals {
		ids = append(ids, d.id)
		s := &seen{Status: d.status, Until: d.heldUntil.String(), Payment: d.paymentStatus(), Amount: d.total}
		for _, o := range d.orders {
			s.Orders = append(s.Orders, fmt.Sprint(h.shops[o.shop], o.status, o.total, o.refunded))
		}
		want[d.id.String()] = s
	}
	checkouts, err := h.Checkouts.ByIDs(h.ctx, ids)
	h.must(err)
	for _, c := range checkouts {
		got[c.ID.String()] = &seen{Status: c.Status, Until: c.HeldUntil.UTC().String()}
	}
	payments, err := h.Payments.ByCheckouts(h.ctx, ids)
	h.must(err)
	for _, p := range payments {
		got[p.CheckoutID.String()].Payment, got[p.CheckoutID.String()].Amount = p.Status, p.Amount
	}
	orders, err := h.Orders.ByCheckouts(h.ctx, ids)
	h.must(err)
	for _, o := range orders {
		s := got[o.CheckoutID.String()]
		s.Orders = append(s.Orders, fmt.Sprint(o.ShopID, o.Status, o.Total.Amount, o.Refunded.Amount))
	}
	h.same("checkouts", want, got)
}

func (h *history) compareStock() {
	h.Helper()
	var ids []typeid.Variant
	for _, g := range h.m.goods {
		ids = append(ids, g.id)
	}
	stocks, err := h.Inventory.Stocks(h.ctx, ids)
	h.must(err)
	if len(stocks) != len(ids) {
		h.Fatalf("%d stocks, want %d", len(stocks), len(ids))
	}
	for i, g := range h.m.goods {
		s := stocks[slices.IndexFunc(stocks, func(s *inventory.Stock) bool { return s.VariantID == g.id })]
		if s.OnHand != g.onHand || s.Held != g.held || s.Version < g.version || s.Version > g.most {
			h.Fatalf("stock %d is %d on hand, %d held at version %d; want %d, %d at %d to %d",
				i, s.OnHand, s.Held, s.Version, g.onHand, g.held, g.version, g.most)
		}
		g.version, g.most = s.Version, s.Version
	}
}

// end lets everything come to its end, and proves the books and the shelves.
func (h *history) end() {
	h.advance(25 * time.Hour)
	h.letGoOverdue()
	h.runJobs()
	h.compare()
	h.compareBooks()
	broken, err := h.broken(h.ctx)
	h.must(err)
	if len(broken) > 0 {
		h.Fatalf("%d invariants are broken: %s", len(broken), broken)
	}
}

// compareBooks compares what the provider has recorded with what everybody should have, to the fen.
func (h *history) compareBooks() {
	rows, err := h.db.SandboxTransfer.Query().All(h.ctx)
	h.must(err)
	for _, d := range h.m.deals {
		has := make(map[string]int64)
		for _, r := range rows {
			switch {
			case r.TradeID != d.payment.String():
			case r.Kind == "SHARE":
				has[r.Receiver] += r.Amount
			case r.Kind == "RETURN":
				has[r.Receiver] -= r.Amount
			case r.Kind == "REFUND":
				has["buyer"] += r.Amount
			}
		}
		var refunded int64
		for _, o := range d.orders {
			refunded += o.refunded
			if !d.known || d.status != checkout.Paid {
				continue
			}
			h.compareShares(o, has)
		}
		if has["buyer"] != refunded {
			h.Fatalf("the provider gave the buyer %d, want %d", has["buyer"], refunded)
		}
		delete(has, "buyer")
		for who, n := range has {
			if n != 0 {
				h.Fatalf("%s has %d more than it should have", who, n)
			}
		}
	}
}

// compareShares takes from the books what the receivers of an order should have: their shares of what was not refunded, rounded
// to a fen up or down, which add up.
func (h *history) compareShares(o *dealOrder, has map[string]int64) {
	left := o.total - o.refunded
	shares, merchant := make(map[string]int64), o.total
	if o.shop == 0 {
		for who, points := range rules() {
			shares[who] = o.total * points / 10_000
			merchant -= shares[who]
		}
	}
	shares[receiver(o.shop)] = merchant
	sum := int64(0)
	for who, share := range shares {
		if exact := has[who]*o.total - share*left; exact <= -o.total && o.total > 0 || exact >= o.total && o.total > 0 {
			h.Fatalf("%s has %d of %d, of which %d were refunded, and a share of %d", who, has[who], o.total, o.refunded, share)
		}
		sum += has[who]
		has[who] = 0
	}
	if sum != left {
		h.Fatalf("receivers have %d, want %d", sum, left)
	}
}
