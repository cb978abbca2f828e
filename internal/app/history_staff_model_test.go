package app_test

import (
	"holdfast/internal/fault"
	"holdfast/internal/inventory"
	"holdfast/internal/order"
)

// asked is a request that was granted under a key of its own.
type asked[T any] struct {
	body string
	ask  T
}

// granted tells whether a key was used before, and refuses it when it was for something else.
func granted[T any](before map[string]asked[T], key, body string) (bool, []fault.Code) {
	old, ok := before[key]
	if ok && old.body != body {
		return false, []fault.Code{fault.IdempotencyKeyReused}
	}
	return ok, nil
}

// adjustment is a change of one stock: a delta, or what was counted.
type adjustment struct {
	good      int
	count     bool
	n         int
	ifVersion *int64
}

// adjust is why a stock cannot be adjusted, if it cannot.
func (m *model) adjust(key, body string, ask adjustment) []fault.Code {
	if again, codes := granted(m.adjusts, key, body); again || codes != nil {
		return codes
	}
	g := m.goods[ask.good]
	after := ask.n
	if !ask.count {
		after += g.onHand
	}
	switch {
	case ask.ifVersion != nil && *ask.ifVersion != g.version:
		return []fault.Code{fault.VersionMismatch}
	case after < g.held:
		return []fault.Code{fault.Conflict}
	case after > inventory.MaxOnHand:
		return []fault.Code{fault.Invalid}
	}
	if after != g.onHand {
		g.onHand = after
		g.moved()
	}
	m.adjusts[key] = asked[adjustment]{body, ask}
	return nil
}

// refundAsk is a refund: of an amount, else of lines, else of all that is left. Lines are indexes into the order's.
type refundAsk struct {
	of      *dealOrder
	amount  int64 // 0 is none
	lines   []lineAsk
	restock []lineAsk
	came    int64 // what it came to
}

// refund is why a refund cannot be, if it cannot, and what it comes to.
func (m *model) refund(key, body string, ask refundAsk) (int64, []fault.Code) {
	if again, codes := granted(m.refunds, key, body); again || codes != nil {
		return m.refunds[key].ask.came, codes
	}
	o := ask.of
	switch o.status {
	case order.Paid, order.Refunded:
	default:
		return 0, []fault.Code{fault.Conflict}
	}
	if codes := o.check(ask.lines, func(l *dealLine) int { return l.quantity - l.refunded }); codes != nil {
		return 0, codes
	}
	if codes := o.check(ask.restock, func(l *dealLine) int { return l.quantity - l.restocked }); codes != nil {
		return 0, codes
	}
	amount, left := ask.amount, o.total-o.refunded-o.onItsWay
	if ask.amount == 0 && ask.lines != nil {
		for _, l := range ask.lines {
			amount += o.lines[l.good].price * int64(l.quantity)
		}
	} else if ask.amount == 0 {
		amount = left
	}
	switch {
	case amount > left || left == 0:
		return 0, []fault.Code{fault.AmountExceeded}
	case amount == 0:
		return 0, []fault.Code{fault.Invalid}
	}
	o.takeBack(ask)
	o.giveBack(amount)
	ask.came = amount
	m.refunds[key] = asked[refundAsk]{body, ask}
	return amount, nil
}

// takeBack puts what is restocked on sale, and counts what the refund is for: what is on sale again is never shipped.
func (o *dealOrder) takeBack(ask refundAsk) {
	for _, l := range ask.lines {
		o.lines[l.good].refunded += l.quantity
	}
	for _, l := range ask.restock {
		line := o.lines[l.good]
		line.restocked += l.quantity
		line.good.onHand += l.quantity
		line.good.moved()
	}
	for _, l := range o.lines {
		l.refunded = max(l.refunded, l.restocked)
	}
}

// check is what is wrong with lines of a refund, in their order.
func (o *dealOrder) check(lines []lineAsk, left func(*dealLine) int) []fault.Code {
	var codes []fault.Code
	seen := make(map[int]bool)
	for _, in := range lines {
		switch {
		case in.good == len(o.lines):
			codes = append(codes, fault.NotFound)
		case seen[in.good], in.quantity < 1, in.quantity > o.lines[in.good].quantity:
			codes = append(codes, fault.Invalid)
		case in.quantity > left(o.lines[in.good]):
			codes = append(codes, fault.AmountExceeded)
		}
		seen[in.good] = true
	}
	return codes
}
