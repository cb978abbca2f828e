package app_test

import (
	"fmt"

	"pgregory.net/rapid"

	"holdfast/internal/catalog"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/settlement"
	"holdfast/internal/typeid"
)

// price changes what something costs, or takes it off sale, or puts it back.
func (h *history) price() {
	g := rapid.SampledFrom(h.m.goods).Draw(h.T, "good")
	change := catalog.VariantChange{VariantID: g.id.String()}
	if rapid.IntRange(0, 3).Draw(h.T, "what") == 3 || g.archived {
		g.archived = !g.archived
		change.Archived = new(g.archived)
	} else {
		g.price = money.New(rapid.Int64Range(0, 3000).Draw(h.T, "price"), currency(g.shop))
		change.Price = new(g.price)
	}
	_, err := h.Catalog.UpdateVariant(h.ctx, h.staff, change)
	h.must(err)
}

// keyOf is a new key, or one that a request before has used: with what that request asked for, if again.
func keyOf[T any](h *history, before map[string]asked[T], prefix string) (key string, again *asked[T]) {
	what := rapid.IntRange(0, 5).Draw(h.T, "key")
	if what < 4 || len(before) == 0 {
		return prefix + h.newKey(), nil
	}
	var keys []string
	for n := range h.used + 1 { // in an order that a replay has too
		if key := fmt.Sprintf("%sk%d", prefix, n); before[key].body != "" {
			keys = append(keys, key)
		}
	}
	key = rapid.SampledFrom(keys).Draw(h.T, "old key")
	if what == 4 {
		old := before[key]
		return key, &old
	}
	return key, nil
}

// adjust counts or corrects a stock.
func (h *history) adjust() {
	key, again := keyOf(h, h.m.adjusts, "a")
	var ask adjustment
	if again != nil {
		ask = again.ask
	} else {
		ask = adjustment{good: rapid.IntRange(0, len(h.m.goods)-1).Draw(h.T, "good"), count: rapid.Bool().Draw(h.T, "count")}
		if ask.n = rapid.IntRange(0, 12).Draw(h.T, "n"); !ask.count {
			ask.n = rapid.SampledFrom([]int{-8, -2, -1, 1, 3, 6, inventory.MaxOnHand}).Draw(h.T, "delta")
		}
		switch g := h.m.goods[ask.good]; rapid.IntRange(0, 5).Draw(h.T, "version") {
		case 4:
			ask.ifVersion = new(g.version)
		case 5:
			ask.ifVersion = new(g.version - 1)
		}
	}
	in := inventory.AdjustInput{VariantID: h.m.goods[ask.good].id.String(), IfVersion: ask.ifVersion, Reason: "count", IdempotencyKey: key}
	if ask.count {
		in.OnHand = &ask.n
	} else {
		in.Delta = &ask.n
	}
	body := fmt.Sprint(ask.good, ask.count, ask.n, ask.ifVersion != nil)
	if ask.ifVersion != nil {
		body += fmt.Sprint(*ask.ifVersion)
	}
	want := h.m.adjust(key, body, ask)
	got, err := h.Inventory.Adjust(h.ctx, h.staff, in)
	h.refused(err, want)
	if g := h.m.goods[ask.good]; err == nil && (got.OnHand != g.onHand || got.Held != g.held || got.Version != g.version) {
		h.Fatalf("adjusted to %+v, want %+v", got, g)
	}
}

// refund gives money back, and goods, of any order.
func (h *history) refund() {
	d := h.draw(isPaid)
	key, again := keyOf(h, h.m.refunds, "r")
	ask := h.drawRefund(rapid.SampledFrom(d.orders).Draw(h.T, "order"))
	if again != nil {
		ask = again.ask
	}
	in := h.refundInput(key, ask)
	amount, want := h.m.refund(key, fmt.Sprint(ask.of.id, ask.amount, ask.lines, ask.restock), ask)
	after, made, err := h.Settlement.Refund(h.ctx, h.staff, in)
	h.refused(err, want)
	if err == nil && (made.Amount.Amount != amount || after.Refunded.Amount != ask.of.refunded || after.Status != ask.of.status) {
		h.Fatalf("refunded %s, and the order is %s with %s back; want %d, %s, %d",
			made.Amount, after.Status, after.Refunded, amount, ask.of.status, ask.of.refunded)
	}
}

func (h *history) drawRefund(of *dealOrder) refundAsk {
	ask := refundAsk{of: of}
	lines := func(name string) []lineAsk {
		var out []lineAsk
		for range rapid.IntRange(1, 2).Draw(h.T, name) {
			l := lineAsk{good: rapid.IntRange(0, len(of.lines)-1).Draw(h.T, "line"), quantity: rapid.IntRange(1, 3).Draw(h.T, "quantity")}
			if rapid.IntRange(0, 19).Draw(h.T, "odd") == 19 {
				l.good = len(of.lines)
			}
			out = append(out, l)
		}
		return out
	}
	switch rapid.IntRange(0, 3).Draw(h.T, "what") {
	case 0:
		ask.amount = rapid.Int64Range(1, max(1, of.total)+1).Draw(h.T, "amount")
	case 1, 2:
		ask.lines = lines("lines")
	}
	if rapid.Bool().Draw(h.T, "restock") {
		ask.restock = lines("restocked")
	}
	return ask
}

func (h *history) refundInput(key string, ask refundAsk) settlement.RefundInput {
	rows, err := h.Orders.Lines(h.ctx, []typeid.Order{ask.of.id})
	h.must(err)
	named := func(lines []lineAsk) []order.LineInput {
		var out []order.LineInput
		for _, l := range lines {
			id := "oline_00000000000000000000000000"
			if l.good < len(rows) {
				id = rows[l.good].ID.String()
			}
			out = append(out, order.LineInput{OrderLineID: id, Quantity: l.quantity})
		}
		return out
	}
	in := settlement.RefundInput{
		OrderID: ask.of.id.String(), IdempotencyKey: key, Reason: "flawed", Lines: named(ask.lines), Restock: named(ask.restock),
	}
	if ask.amount > 0 {
		in.Amount = new(money.New(ask.amount, currency(ask.of.shop)))
	}
	return in
}
