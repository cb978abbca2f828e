package check

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/maphash"

	"holdfast/internal/db"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// What the books should say, as rows of due: from what was paid, what was refunded, and what shares were paid out and given back.
// Of a return that succeeded the rows do not say whether its receiver had the money: if the books have it, it is as large as they
// say, and the share was paid out for so much more.
const (
	dueReceived = `SELECT 'RECEIVED' AS kind, p.id AS movement, o.id AS order_id, o.shop_id AS shop, o.currency AS currency, o.total AS amount, '' AS receiver
					FROM orders o JOIN payments p ON p.checkout_id = o.checkout_id WHERE p.paid_at IS NOT NULL`
	dueRefunded = `SELECT 'REFUNDED' AS kind, r.id AS movement, r.order_id AS order_id, r.shop_id AS shop, r.currency AS currency, r.amount AS amount, '' AS receiver
					FROM refunds r WHERE r.status = 'SUCCEEDED'`
	paidOut     = `s.status IN ('SUCCEEDED', 'RETURNED')`
	cameBack    = `t.status = 'SUCCEEDED' AND EXISTS (SELECT 1 FROM ledger_entries e WHERE e.movement_id = t.id AND e.kind = 'RETURNED')`
	dueReturned = `SELECT 'RETURNED' AS kind, t.id AS movement, s.order_id AS order_id, s.shop_id AS shop, s.currency AS currency, t.amount AS amount,
						s.receiver AS receiver
					FROM split_returns t JOIN payment_splits s ON s.id = t.split_id WHERE ` + cameBack
	dueShared = `SELECT 'SHARED' AS kind, s.id AS movement, s.order_id AS order_id, s.shop_id AS shop, s.currency AS currency, s.amount - s.returned
						+ COALESCE((SELECT SUM(t.amount) FROM split_returns t WHERE t.split_id = s.id AND ` + cameBack + `), 0) AS amount, s.receiver AS receiver
					FROM payment_splits s WHERE ` + paidOut
)

// sides are the two sides of what one of the queries above selects.
func sides(due, from, to string) string {
	side := func(account, sign string) string {
		receiver := "''"
		if account == "RECEIVER" {
			receiver = "receiver"
		}
		return "SELECT kind, movement, order_id, shop, currency, '" + account + "' AS account, " + receiver + " AS receiver, 0 AS entered, " + sign +
			"amount AS due FROM (" + due + ") d"
	}
	return side(from, "-") + " UNION ALL " + side(to, "")
}

// bookkeeping is that the books say what moved: two entries for each movement, and no others.
func bookkeeping(g *glances) []invariant {
	return []invariant{
		{
			number: "6a", words: "the entries of each movement of money add up to zero, in one currency",
			tables: []string{"ledger_entries"},
			gated: []gated{
				{one(g.ledger), `SELECT order_id, kind, SUM(amount) AS amount, COUNT(DISTINCT currency) AS currencies, MIN(id) AS ledger_entry_id FROM ledger_entries
				GROUP BY movement_id, kind, order_id HAVING SUM(amount) <> 0 OR COUNT(DISTINCT currency) > 1`},
			},
		},
		{
			number: "6b", words: "an order's account = what was paid, less what was shared out and what was refunded",
			tables: []string{"ledger_entries", "orders", "payment_splits", "refunds"},
			gated: []gated{
				{one(g.ledger), `SELECT order_id, SUM(entered) AS in_the_books, SUM(due) AS due FROM (
					SELECT order_id, amount AS entered, 0 AS due FROM ledger_entries WHERE account = 'ORDER'
					UNION ALL SELECT o.id, 0, o.total FROM orders o JOIN payments p ON p.checkout_id = o.checkout_id WHERE p.paid_at IS NOT NULL
					UNION ALL SELECT s.order_id, 0, s.returned - s.amount FROM payment_splits s WHERE ` + paidOut + `
					UNION ALL SELECT order_id, 0, -amount FROM refunds WHERE status = 'SUCCEEDED') u
				GROUP BY order_id HAVING SUM(entered) <> SUM(due)`},
			},
		},
		{
			number: "6c", words: "an order's account is never below zero",
			tables: []string{"ledger_entries"},
			// Of an order that nothing was refunded of, only if its shares add up to more than was paid, or the books are wrong.
			queries: []string{
				`SELECT order_id, SUM(amount) AS in_the_books FROM ledger_entries WHERE account = 'ORDER' AND order_id IN (SELECT order_id FROM refunds)
				GROUP BY order_id HAVING SUM(amount) < 0`,
			},
			gated: []gated{
				{[]*glance{g.ledger, g.shares, g.splits}, `SELECT order_id, SUM(amount) AS in_the_books FROM ledger_entries
				WHERE account = 'ORDER' AND order_id NOT IN (SELECT order_id FROM refunds) GROUP BY order_id HAVING SUM(amount) < 0`},
			},
		},
		{
			number: "6d", words: "what a receiver has of an order, before fees = its shares that were paid out, less what it gave back",
			tables: []string{"ledger_entries", "payment_splits"},
			gated: []gated{
				{one(g.ledger), `SELECT order_id, receiver, SUM(entered) AS in_the_books, SUM(due) AS due FROM (
					SELECT order_id, receiver, amount AS entered, 0 AS due FROM ledger_entries WHERE account = 'RECEIVER' AND kind NOT IN ('FEE', 'FEE_RETURNED')
					UNION ALL SELECT s.order_id, s.receiver, 0, s.amount - s.returned FROM payment_splits s WHERE ` + paidOut + `) u
				GROUP BY order_id, receiver HAVING SUM(entered) <> SUM(due)`},
			},
		},
		{
			number: "6e", words: "what moved is in the books, once, between the right accounts; and, but for fees, nothing else is",
			tables: []string{"ledger_entries", "orders", "payments", "payment_splits", "split_returns", "refunds"},
			gated: []gated{
				{one(g.ledger), `SELECT order_id, kind, account, NULLIF(receiver, '') AS of_receiver, SUM(entered) AS in_the_books, SUM(due) AS due FROM (
					SELECT kind, movement_id AS movement, order_id, shop_id AS shop, currency, account, receiver, amount AS entered, 0 AS due FROM ledger_entries
					WHERE kind NOT IN ('FEE', 'FEE_RETURNED')
					UNION ALL ` + sides(dueReceived, "BUYER", "ORDER") + `
					UNION ALL ` + sides(dueShared, "ORDER", "RECEIVER") + `
					UNION ALL ` + sides(dueReturned, "RECEIVER", "ORDER") + `
					UNION ALL ` + sides(dueRefunded, "ORDER", "BUYER") + `) u
				GROUP BY kind, movement, order_id, shop, currency, account, receiver HAVING SUM(entered) <> SUM(due)`},
			},
		},
	}
}

// fees is that the books say no more of them than can be. What they should be, only the provider's bill says.
func fees(g *glances) []invariant {
	return []invariant{
		{
			number: "6f", words: "fees go from merchants to the provider, for what was paid, never more than that; and back with refunds, never more than fees",
			tables: []string{"ledger_entries"},
			gated: []gated{
				{one(g.fees), `SELECT e.order_id, e.kind, e.account, e.amount, e.id AS ledger_entry_id FROM ledger_entries e LEFT JOIN orders o ON o.id = e.order_id
					LEFT JOIN payments p ON p.id = e.movement_id AND p.checkout_id = o.checkout_id
					LEFT JOIN refunds r ON r.id = e.movement_id AND r.order_id = e.order_id
				WHERE e.kind IN ('FEE', 'FEE_RETURNED') AND (e.account NOT IN ('RECEIVER', 'PROVIDER') OR o.id IS NULL OR o.shop_id <> e.shop_id
					OR o.currency <> e.currency OR (e.amount > 0) <> ((e.kind = 'FEE') = (e.account = 'PROVIDER'))
					OR CASE e.kind WHEN 'FEE' THEN p.paid_at IS NULL ELSE r.id IS NULL END
					OR e.account = 'RECEIVER' AND NOT EXISTS (SELECT 1 FROM payment_splits s WHERE s.order_id = e.order_id AND s.role = 'MERCHANT'
						AND s.receiver = e.receiver))`},
				{one(g.fees), `SELECT e.order_id, SUM(CASE WHEN e.kind = 'FEE' THEN e.amount ELSE 0 END) AS fees, SUM(CASE WHEN e.kind = 'FEE' THEN 0 ELSE -e.amount END) AS returned,
					MIN(o.total) AS total FROM ledger_entries e JOIN orders o ON o.id = e.order_id
				WHERE e.kind IN ('FEE', 'FEE_RETURNED') AND e.account = 'PROVIDER' GROUP BY e.order_id
				HAVING SUM(CASE WHEN e.kind = 'FEE' THEN e.amount ELSE 0 END) > MIN(o.total) OR SUM(e.amount) < 0`},
			},
		},
	}
}

// ledger is what the books say beside what they should, each in one sum. Nothing but the provider's bill says what fees should be: of
// those, what merchants bear is beside what the provider has.
type ledger struct {
	entered, due sketch
	borne, taken sketch
	fees         bool // there are any
}

// differs tells whether any entry is not as it should be, or is missing.
func (l *ledger) differs(ctx context.Context, q db.Querier) (bool, error) {
	l.entered = newSketch()
	l.due, l.borne, l.taken, l.fees = l.entered.of(), l.entered.of(), l.entered.of(), false
	if err := l.readEntries(ctx, q); err != nil {
		return false, fmt.Errorf("read books: %w", err)
	}
	for _, read := range []struct{ due, from, to string }{
		{dueReceived, "BUYER", "ORDER"},
		{dueShared, "ORDER", "RECEIVER"},
		{dueReturned, "RECEIVER", "ORDER"},
		{dueRefunded, "ORDER", "BUYER"},
	} {
		if err := l.readDue(ctx, q, read.due, read.from, read.to); err != nil {
			return false, fmt.Errorf("read what the books should say: %w", err)
		}
	}
	return l.entered != l.due || l.borne != l.taken, nil
}

func (l *ledger) readEntries(ctx context.Context, q db.Querier) error {
	var (
		movement, order, shop             typeid.UUID
		kind, currency, account, receiver sql.RawBytes
		amount                            int64
	)
	return each(ctx, q, "SELECT kind, movement_id, order_id, shop_id, currency, account, receiver, amount FROM ledger_entries",
		[]any{&kind, &movement, &order, &shop, &currency, &account, &receiver, &amount}, func() {
			if k := payment.EntryKind(kind); k == payment.EntryFee || k == payment.EntryFeeReturned {
				l.fees = true
				side := &l.taken
				if payment.Account(account) == payment.OfReceiver {
					side, amount = &l.borne, -amount
				}
				side.add(amount, string(kind)+string(currency), movement, order, shop)
				return
			}
			add(&l.entered, amount, string(kind)+string(account)+string(currency), receiver, movement, order, shop)
		})
}

func (l *ledger) readDue(ctx context.Context, q db.Querier, due, from, to string) error {
	var (
		movement, order, shop    typeid.UUID
		kind, currency, receiver sql.RawBytes
		amount                   int64
	)
	side := func(account string, moved int64) {
		of := receiver
		if account != "RECEIVER" {
			of = nil
		}
		add(&l.due, moved, string(kind)+account+string(currency), of, movement, order, shop)
	}
	return each(ctx, q, due, []any{&kind, &movement, &order, &shop, &currency, &amount, &receiver}, func() {
		side(from, -amount)
		side(to, amount)
	})
}

// add adds what is of a receiver, too: of its name only a hash, for names may be longer than what a sketch tells apart.
func add(to *sketch, n int64, word string, receiver []byte, movement, order, shop typeid.UUID) {
	var name typeid.UUID
	binary.BigEndian.PutUint64(name[:], maphash.Bytes(to.seed, receiver))
	to.add(n, word, movement, order, shop, name)
}
