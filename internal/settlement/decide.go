package settlement

import (
	"fmt"

	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/typeid"
)

// books are what has become of an order's money and goods. What is refunded counts from when it was decided.
type books struct {
	order    typeid.Order
	checkout typeid.Checkout
	payment  typeid.Payment
	shop     typeid.Shop
	status   order.Status
	total    money.Money
	refunded int64
	lines    []bookLine
	splits   []typeid.Split
	shares   []share // one for each split
}

// bookLine is one order line: how many were bought, how many have left, and of how many the money or the goods are back.
type bookLine struct {
	id        typeid.OrderLine
	variant   typeid.Variant
	unit      money.Money
	quantity  int
	shipped   int
	refunded  int
	restocked int
}

// refundPlan is a refund that may be carried out.
type refundPlan struct {
	amount  money.Money
	lines   []bookLine // how many of each line this refund gives back and puts on sale
	returns []int64    // what each share gives back
}

// decide says what a refund comes to, or why it cannot be. It is pure.
func (b *books) decide(in RefundInput) (refundPlan, error) {
	switch b.status {
	case order.Paid, order.Shipped, order.Completed, order.Refunded:
	case order.PendingPayment:
		return refundPlan{}, fault.New(fault.Conflict, "the order has not been paid; cancel its checkout instead").At("input", "orderId")
	case order.Cancelled, order.Expired:
		return refundPlan{}, fault.New(fault.Conflict, "the order was let go; what is paid late goes back by itself").At("input", "orderId")
	}
	var p refundPlan
	worth, err := b.take(&p, "lines", in.Lines, func(had, now *bookLine, n int) bool {
		now.refunded += n
		return had.refunded+now.refunded <= had.quantity
	})
	if err != nil {
		return refundPlan{}, err
	}
	if _, err := b.take(&p, "restock", in.Restock, func(had, now *bookLine, n int) bool {
		now.restocked += n
		return had.restocked+now.restocked <= had.quantity
	}); err != nil {
		return refundPlan{}, err
	}
	p.neverShip(b)
	left := b.total.Amount - b.refunded
	switch {
	case in.Amount != nil && in.Amount.Currency != b.total.Currency:
		return refundPlan{}, fault.New(fault.CurrencyMismatch, "the order was paid in %s", string(b.total.Currency)).At("input", "amount", "currency")
	case in.Amount != nil:
		p.amount = *in.Amount
	case in.Lines != nil:
		p.amount = worth
	default:
		p.amount = money.New(left, b.total.Currency)
	}
	if p.amount.Amount > left || left == 0 {
		return refundPlan{}, fault.New(fault.AmountExceeded, "no more than %d is left", left).At("input", "amount")
	}
	if p.amount.Amount <= 0 {
		return refundPlan{}, fault.New(fault.Invalid, "a refund is more than nothing").At("input", "lines")
	}
	p.returns, err = divide(b.shares, p.amount.Amount)
	if err != nil {
		return refundPlan{}, fmt.Errorf("divide refund of %s: %w", b.order, err)
	}
	return p, nil
}

// neverShip has the refund be for what goes back on sale without having left, too: it must not be shipped any more.
func (p *refundPlan) neverShip(b *books) {
	for i := range p.lines {
		now, had := &p.lines[i], b.line(p.lines[i].id)
		now.refunded += max(0, had.restocked+now.restocked-had.shipped-had.refunded-now.refunded)
	}
}

// take adds the lines that an input names to the plan, as add says, and tells what they are worth. add is false when there
// are more than were bought.
func (b *books) take(p *refundPlan, list string, input []order.LineInput, add func(had, now *bookLine, n int) bool) (money.Money, error) {
	worth := money.New(0, b.total.Currency)
	var refused fault.Refusals
	seen := make(map[string]bool, len(input))
	for i, in := range input {
		id, _ := typeid.Parse[typeid.OrderLine](in.OrderLineID)
		had := b.line(id)
		switch {
		case had == nil:
			refused = append(refused, fault.New(fault.NotFound, "the order has no such line").At(at(list, i, "orderLineId")...))
		case seen[in.OrderLineID]:
			refused = append(refused, fault.New(fault.Invalid, "name each line once").At(at(list, i, "orderLineId")...))
		case in.Quantity < 1 || in.Quantity > had.quantity:
			refused = append(refused, fault.New(fault.Invalid, "quantity must be %d to %d", 1, had.quantity).At(at(list, i, "quantity")...))
		case !add(had, p.line(had), in.Quantity):
			refused = append(refused, fault.New(fault.AmountExceeded, "fewer than %d are left of this line", in.Quantity).At(at(list, i, "quantity")...))
		default:
			part, err := had.unit.Times(in.Quantity)
			if err == nil {
				worth, err = worth.Add(part)
			}
			if err != nil {
				return worth, fmt.Errorf("price refund of %s: %w", b.order, err)
			}
		}
		seen[in.OrderLineID] = true
	}
	if len(refused) > 0 {
		return worth, refused
	}
	return worth, nil
}

func (b *books) line(id typeid.OrderLine) *bookLine {
	for i := range b.lines {
		if b.lines[i].id == id {
			return &b.lines[i]
		}
	}
	return nil
}

// line is the plan's entry of an order line, made if need be.
func (p *refundPlan) line(of *bookLine) *bookLine {
	for i := range p.lines {
		if p.lines[i].id == of.id {
			return &p.lines[i]
		}
	}
	p.lines = append(p.lines, bookLine{id: of.id, variant: of.variant})
	return &p.lines[len(p.lines)-1]
}
