package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// proof is a database, and what its clients were told, against which it is held.
type proof struct {
	database string
	who      string
	told     *tally
}

// claims are what must be true of every database, each a query for how many rows break it.
//
//nolint:gochecknoglobals // a constant
var claims = []struct{ says, broken string }{
	{"0 <= held <= on_hand", "SELECT COUNT(*) FROM stocks WHERE held < 0 OR held > on_hand"},
	{
		"held is the sum of open holds",
		"SELECT COUNT(*) FROM stocks s LEFT JOIN (SELECT variant_id, SUM(quantity) AS n FROM holds WHERE status = 'HELD' GROUP BY variant_id) h " +
			"ON h.variant_id = s.variant_id WHERE s.held <> COALESCE(h.n, 0)",
	},
	{
		"movements add up to the stock",
		"SELECT COUNT(*) FROM stocks s LEFT JOIN (SELECT variant_id, SUM(on_hand_delta) AS o, SUM(held_delta) AS h FROM stock_movements GROUP BY variant_id) m " +
			"ON m.variant_id = s.variant_id WHERE s.on_hand <> COALESCE(m.o, 0) OR s.held <> COALESCE(m.h, 0)",
	},
	{
		"splits add up to the order",
		"SELECT COUNT(*) FROM orders o LEFT JOIN (SELECT order_id, SUM(amount) AS n FROM payment_splits GROUP BY order_id) s ON s.order_id = o.id WHERE o.total <> COALESCE(s.n, 0)",
	},
	{
		"orders add up to the payment",
		"SELECT COUNT(*) FROM payments p LEFT JOIN (SELECT checkout_id, SUM(total) AS n FROM orders GROUP BY checkout_id) o ON o.checkout_id = p.checkout_id WHERE p.amount <> COALESCE(o.n, 0)",
	},
}

// perOrder is what one order of this test consists of, in Holdfast and in the SQL beside it: else they do not do the same work.
//
//nolint:gochecknoglobals // a constant
var perOrder = []struct {
	rows  string
	times int
}{
	{"checkouts", 1},
	{"order_lines", 1},
	{"holds WHERE status = 'HELD'", 1},
	{"payments", 1},
	{"payment_splits", 2},
	{"stock_movements WHERE kind = 'HELD'", 1},
}

// prove holds the databases against what clients were told, and prints it. Any claim that is broken, and any answer that
// was a fault, is an error.
func prove(ctx context.Context, l *lab, proofs []proof, out io.Writer) error {
	var errs []error
	for _, p := range proofs {
		errs = append(errs, p.prove(ctx, l, out))
	}
	return errors.Join(errs...)
}

func (p proof) prove(ctx context.Context, l *lab, out io.Writer) error {
	pool, err := l.pool(p.database)
	if err != nil {
		return err
	}
	defer pool.Close()
	var errs []error
	for _, c := range claims {
		n, err := count(ctx, pool, c.broken)
		errs = append(errs, err)
		if n > 0 {
			errs = append(errs, fmt.Errorf("%s: %q is not true of %d rows", p.who, c.says, n))
		}
	}
	orders, err := count(ctx, pool, "SELECT COUNT(*) FROM orders")
	held, err2 := count(ctx, pool, "SELECT COALESCE(SUM(held), 0) FROM stocks")
	errs = append(errs, err, err2)
	if held != orders {
		errs = append(errs, fmt.Errorf("%s: %d are held for %d orders", p.who, held, orders))
	}
	if orders < p.told.placed || orders > p.told.placed+p.told.unsure {
		errs = append(errs, fmt.Errorf("%s: %d orders, but clients were told of %d and left in doubt of %d", p.who, orders, p.told.placed, p.told.unsure))
	}
	for _, t := range perOrder {
		n, err := count(ctx, pool, "SELECT COUNT(*) FROM "+t.rows)
		errs = append(errs, err)
		if n != t.times*orders {
			errs = append(errs, fmt.Errorf("%s: %d rows in %s for %d orders", p.who, n, t.rows, orders))
		}
	}
	for _, code := range slices.Sorted(maps.Keys(p.told.faults)) {
		errs = append(errs, fmt.Errorf("%s: a fault was answered %d times: %s", p.who, p.told.faults[code], code))
	}
	verdict := "holds"
	if err := errors.Join(errs...); err != nil {
		verdict = "IS BROKEN"
	}
	_, _ = fmt.Fprintf(out, "%-8s %d orders acknowledged, %d in doubt, %d in the database, %d units held; everything %s\n",
		p.who+":", p.told.placed, p.told.unsure, orders, held, verdict)
	return errors.Join(errs...)
}

func count(ctx context.Context, pool *sql.DB, query string) (n int, err error) {
	if err := pool.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: %w", query, err)
	}
	return n, nil
}
