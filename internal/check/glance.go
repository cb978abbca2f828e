package check

import (
	"context"

	"holdfast/internal/db"
)

// glance looks once at rows of which several invariants speak. When it finds nothing strange, none of them is broken; when it
// does, their own queries run and say what is.
type glance struct {
	look          func(ctx context.Context, q db.Querier) (strange bool, err error)
	done, strange bool
}

// finds looks, the first time that it is asked.
func (g *glance) finds(ctx context.Context, q db.Querier) (bool, error) {
	if g.done {
		return g.strange, nil
	}
	var err error
	g.strange, err = g.look(ctx, q)
	g.done = err == nil
	return g.strange, err
}

// anyRow is a look for a row that a query finds.
func anyRow(query string) *glance {
	return &glance{look: func(ctx context.Context, q db.Querier) (bool, error) {
		rows, err := read(ctx, q, query+" LIMIT 1")
		return len(rows) > 0, err
	}}
}

// anyFinds tells whether one of them finds something strange.
func anyFinds(ctx context.Context, q db.Querier, list []*glance) (bool, error) {
	for _, g := range list {
		if strange, err := g.finds(ctx, q); strange || err != nil {
			return strange, err
		}
	}
	return false, nil
}

func one(g *glance) []*glance { return []*glance{g} }

// What is strange in a row beside those that it belongs to.
const (
	strayHold  = `h.status <> CASE c.status WHEN 'OPEN' THEN 'HELD' WHEN 'PAID' THEN 'SOLD' ELSE 'RELEASED' END`
	strayOrder = `CASE o.status WHEN 'PENDING_PAYMENT' THEN 'OPEN' WHEN 'SHIPPED' THEN 'PAID' WHEN 'COMPLETED' THEN 'PAID'
					WHEN 'REFUNDED' THEN CASE c.status WHEN 'OPEN' THEN 'none' ELSE c.status END ELSE o.status END <> c.status`
	strayPayment = `CASE c.status WHEN 'OPEN' THEN p.status <> 'PENDING' WHEN 'PAID' THEN p.status IN ('PENDING', 'CLOSED') ELSE p.status = 'PENDING' END`
	straySplit   = `(s.status = 'CANCELLED') <> (c.status IN ('CANCELLED', 'EXPIRED'))`
	earlySplit   = `s.status NOT IN ('PLANNED', 'CANCELLED') AND (o.paid_at IS NULL OR o.status NOT IN ('PAID', 'SHIPPED', 'COMPLETED', 'REFUNDED'))`
)

// glances are what the invariants of one run share.
type glances struct {
	replay *replay
	moves  *glance // movements beside holds
	lines  *glance // order lines beside holds
	costs  *glance // orders beside their lines
	shares *glance // orders beside their shares
	totals *glance // payments beside their orders
	ledger *glance // the books beside what moved
	fees   *glance // that the books have any
	// Rows beside those that they belong to: that these are there, and where they stand.
	holds, orders, payments, splits *glance
}

func newGlances() *glances {
	r := &replay{}
	b, l := &books{replay: r}, &ledger{}
	entries := &glance{look: l.differs}
	return &glances{
		replay: r,
		moves: &glance{look: func(ctx context.Context, q db.Querier) (bool, error) {
			same, err := r.runHolds(ctx, q)
			return !same, err
		}},
		lines:  b.glance(func() bool { return b.lines != r.lines }),
		costs:  b.glance(func() bool { return b.subtotals != b.amounts || b.free.lines }),
		shares: b.glance(func() bool { return b.totals != b.splits || b.free.shares }),
		totals: b.glance(func() bool { return b.payments != b.ofPayments || b.free.payments }),
		ledger: entries,
		fees: &glance{look: func(ctx context.Context, q db.Querier) (bool, error) {
			_, err := entries.finds(ctx, q)
			return l.fees, err
		}},
		holds: anyRow(`SELECT h.id FROM holds h LEFT JOIN orders o ON o.id = h.order_id AND o.checkout_id = h.checkout_id
			LEFT JOIN checkouts c ON c.id = h.checkout_id WHERE o.id IS NULL OR ` + strayHold),
		orders:   anyRow(`SELECT o.id FROM orders o LEFT JOIN checkouts c ON c.id = o.checkout_id WHERE c.id IS NULL OR ` + strayOrder),
		payments: anyRow(`SELECT p.id FROM payments p LEFT JOIN checkouts c ON c.id = p.checkout_id WHERE c.id IS NULL OR ` + strayPayment),
		splits: anyRow(`SELECT s.id FROM payment_splits s LEFT JOIN orders o ON o.id = s.order_id LEFT JOIN checkouts c ON c.id = o.checkout_id
			LEFT JOIN payments p ON p.id = s.payment_id AND p.checkout_id = o.checkout_id
			WHERE p.id IS NULL OR ` + straySplit + ` OR ` + earlySplit),
	}
}
