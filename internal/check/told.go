package check

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"entgo.io/ent/dialect/sql"

	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// told is that what clients were told was committed: the rows that others name are there, and agree on whose they are.
func told(g *glances) []invariant {
	return []invariant{
		{
			number: "5a", words: "what a checkout's answer names was committed: orders, lines, holds, payment and shares, of one checkout",
			tables: []string{"checkouts", "orders", "order_lines", "holds", "payments", "payment_splits", "stock_movements"},
			queries: []string{
				`SELECT c.id AS checkout_id, 'payment' AS missing FROM checkouts c LEFT JOIN payments p ON p.checkout_id = c.id WHERE p.id IS NULL`,
				`SELECT l.id AS order_line_id, 'order' AS missing, l.order_id FROM order_lines l LEFT JOIN orders o ON o.id = l.order_id WHERE o.id IS NULL`,
				`SELECT m.id AS movement_id, 'order' AS missing, m.order_id FROM stock_movements m LEFT JOIN orders o ON o.id = m.order_id
				WHERE m.order_id IS NOT NULL AND o.id IS NULL`,
			},
			gated: []gated{
				{one(g.orders), `SELECT o.id AS order_id, 'checkout' AS missing, o.checkout_id FROM orders o LEFT JOIN checkouts c ON c.id = o.checkout_id WHERE c.id IS NULL`},
				{one(g.payments), `SELECT p.id AS payment_id, 'checkout' AS missing, p.checkout_id FROM payments p LEFT JOIN checkouts c ON c.id = p.checkout_id WHERE c.id IS NULL`},
				{[]*glance{g.lines, g.holds}, `SELECT h.id AS hold_id, 'order line' AS missing, h.order_line_id, h.order_id, h.checkout_id FROM holds h
				LEFT JOIN order_lines l ON l.id = h.order_line_id AND l.order_id = h.order_id
				LEFT JOIN orders o ON o.id = h.order_id AND o.checkout_id = h.checkout_id WHERE l.id IS NULL OR o.id IS NULL`},
				{one(g.splits), `SELECT s.id AS split_id, 'order of the payment' AS missing, s.order_id, s.payment_id FROM payment_splits s
				LEFT JOIN orders o ON o.id = s.order_id LEFT JOIN payments p ON p.id = s.payment_id AND p.checkout_id = o.checkout_id WHERE p.id IS NULL`},
			},
		},
		{
			number: "5b", words: "what a refund's or a shipment's answer names was committed: lines and returns, of one order",
			tables: []string{"refunds", "refund_lines", "split_returns", "shipments", "shipment_lines"},
			queries: []string{
				`SELECT r.id AS refund_id, 'order of the payment' AS missing, r.order_id, r.payment_id FROM refunds r
				LEFT JOIN orders o ON o.id = r.order_id LEFT JOIN payments p ON p.id = r.payment_id AND p.checkout_id = o.checkout_id WHERE p.id IS NULL`,
				`SELECT n.id AS refund_line_id, 'order line of the refund' AS missing, n.refund_id, n.order_line_id FROM refund_lines n
				LEFT JOIN refunds r ON r.id = n.refund_id LEFT JOIN order_lines l ON l.id = n.order_line_id AND l.order_id = r.order_id WHERE l.id IS NULL`,
				`SELECT t.id AS split_return_id, 'share of the refund' AS missing, t.refund_id, t.split_id FROM split_returns t
				LEFT JOIN refunds r ON r.id = t.refund_id LEFT JOIN payment_splits s ON s.id = t.split_id AND s.order_id = r.order_id WHERE s.id IS NULL`,
				`SELECT s.id AS shipment_id, 'order' AS missing, s.order_id FROM shipments s LEFT JOIN orders o ON o.id = s.order_id WHERE o.id IS NULL`,
				`SELECT n.id AS shipment_line_id, 'order line of the shipment' AS missing, n.shipment_id, n.order_line_id FROM shipment_lines n
				LEFT JOIN shipments s ON s.id = n.shipment_id LEFT JOIN order_lines l ON l.id = n.order_line_id AND l.order_id = s.order_id WHERE l.id IS NULL`,
			},
		},
		{
			number: "5c", words: "what staff were told a request made was committed",
			tables: []string{"staff_requests"},
			find:   lost,
		},
	}
}

// batch is how many remembered requests are looked at with one statement.
const batch = 1000

// request is a remembered request, and the id that it was answered with.
type request struct {
	id   typeid.StaffRequest
	made string
}

// made are the nouns that requests of staff make, and where their rows are.
func made() []struct{ prefix, table string } {
	return []struct{ prefix, table string }{
		{typeid.Prefix[typeid.Refund](), "refunds"},
		{typeid.Prefix[typeid.Shipment](), "shipments"},
	}
}

// lost finds the remembered requests that made a refund or a shipment of which there is no row. Ids are spelled in Go, so
// the requests are read page by page.
func lost(ctx context.Context, q db.Querier) (found, error) {
	var out found
	var after typeid.StaffRequest
	for {
		page, err := requests(ctx, q, after)
		if err != nil {
			return found{}, err
		}
		for _, noun := range made() {
			gone, err := missing(ctx, q, page, noun.prefix, noun.table)
			if err != nil {
				return found{}, err
			}
			out.add(gone)
		}
		if len(page) < batch {
			return out, nil
		}
		after = page[len(page)-1].id
	}
}

// requests is a page of the remembered requests that may have been answered with an id: a report is longer.
func requests(ctx context.Context, q db.Querier, after typeid.StaffRequest) ([]request, error) {
	query := sql.Raw(fmt.Sprintf("SELECT id, result FROM staff_requests WHERE id > x'%x' AND LENGTH(result) <= 32 ORDER BY id LIMIT %d", after.Bytes(), batch))
	return db.Collect(ctx, q, query, func(row db.Row) (r request, err error) { return r, row.Scan(&r.id, &r.made) })
}

// missing are the requests of a page that made a row of this table, which is not there.
func missing(ctx context.Context, q db.Querier, page []request, prefix, table string) (found, error) {
	there := make(map[typeid.UUID]bool)
	for _, r := range page {
		if p, id, err := typeid.Decode(r.made); err == nil && p == prefix {
			there[id] = false
		}
	}
	if len(there) == 0 {
		return found{}, nil
	}
	d := sql.Dialect("") // both understand it
	if _, err := db.Collect(ctx, q, d.Select("id").From(d.Table(table)).Where(sql.In("id", db.Args(slices.Collect(maps.Keys(there)))...)),
		func(row db.Row) (id typeid.UUID, err error) {
			err = row.Scan(&id)
			there[id] = true
			return id, err
		}); err != nil {
		return found{}, err
	}
	var out found
	for _, r := range page {
		if p, id, err := typeid.Decode(r.made); err == nil && p == prefix && !there[id] {
			out.rows = append(out.rows, Row{{"staff_request_id", r.id.String()}, {"missing", r.made}})
		}
	}
	out.total = int64(len(out.rows))
	return out, nil
}
