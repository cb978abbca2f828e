package app_test

import (
	"slices"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/order"
)

// releaseOverdue lets go what is overdue of what is short, and tells whether there was any.
func (m *model) releaseOverdue(short []shortage) bool {
	return m.expire(func(d *deal) bool {
		return slices.ContainsFunc(d.lines(), func(l *dealLine) bool {
			return slices.ContainsFunc(short, func(s shortage) bool { return s.Variant == l.good.id.String() })
		})
	}) > 0
}

// expire lets overdue deals go, but those that were paid after all, and tells how many there were.
func (m *model) expire(which func(*deal) bool) int {
	n := 0
	first := make(map[*good]bool)
	for _, d := range m.deals {
		if d.status != checkout.Open || d.heldUntil.After(m.now) || !which(d) {
			continue
		}
		n++
		before := make(map[*good]int64)
		d.each(func(g *good, _ int) { before[g] = g.version })
		if d.paid {
			m.settle(d)
		} else {
			m.letGo(d, checkout.Expired, order.Expired)
		}
		for g, version := range before { // what goes together may be one commit
			if first[g] {
				g.version = version
			}
			first[g] = true
		}
	}
	return n
}

// letGo gives back what an open deal holds. The provider is asked once more later.
func (m *model) letGo(d *deal, s checkout.Status, o order.Status) {
	d.each(func(g *good, n int) { g.held -= n; g.moved() })
	d.become(s, o)
	d.followUp = m.now
	if d.heldUntil.After(m.now) {
		d.followUp = d.heldUntil
	}
	d.followUp = d.followUp.Add(time.Minute)
}

// settle takes the money of a deal in, once: it buys the goods if they are held, or if time alone has let them go and they are
// still there; else it goes back.
func (m *model) settle(d *deal) {
	if d.known {
		return
	}
	d.paid, d.known = true, true
	switch {
	case d.status == checkout.Open:
		d.each(func(g *good, n int) { g.held -= n; g.onHand -= n; g.moved() })
		d.become(checkout.Paid, order.Paid)
	case d.status == checkout.Expired && d.holdable():
		d.each(func(g *good, n int) { g.onHand -= n; g.moved() })
		d.become(checkout.Paid, order.Paid)
	default:
		for _, o := range d.orders {
			o.onItsWay = o.total
		}
	}
}

// cancel is why a deal cannot be cancelled, if it cannot.
func (m *model) cancel(d *deal) []fault.Code {
	if d.status == checkout.Open && d.paid {
		m.settle(d)
	}
	switch d.status {
	case checkout.Open:
		m.letGo(d, checkout.Cancelled, order.Cancelled)
	case checkout.Paid:
		return []fault.Code{fault.AlreadyPaid}
	case checkout.Expired:
		return []fault.Code{fault.PaymentClosed}
	case checkout.Cancelled:
	}
	return nil
}

// work is what jobs do when they run: the provider is asked about what was let go, and money goes back.
func (m *model) work() {
	for _, d := range m.deals {
		if !d.followUp.IsZero() && !d.followUp.After(m.now) {
			d.followUp = m.askAgain(d)
		}
		for _, o := range d.orders {
			if o.onItsWay > 0 {
				o.giveBack(o.onItsWay)
				o.onItsWay = 0
			}
		}
	}
}

func (m *model) askAgain(d *deal) time.Time {
	if d.known {
		return time.Time{}
	}
	if d.paid {
		m.settle(d)
		return time.Time{}
	}
	for _, after := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} {
		if next := d.heldUntil.Add(after); next.After(m.now) {
			return next
		}
	}
	return time.Time{}
}

func (o *dealOrder) giveBack(amount int64) {
	if o.refunded += amount; o.refunded == o.total {
		o.status = order.Refunded
	}
}
