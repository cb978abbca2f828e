package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"holdfast/internal/check"
	"holdfast/internal/db"
)

// proof is a database, and what its clients were told, against which it is held.
type proof struct {
	database string
	who      string
	told     *tally
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
	{"payment_splits WHERE role IN ('MERCHANT', 'PLATFORM')", 2}, // and a third in the shop beside
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
	errs := []error{p.invariants(ctx, l)}
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

// invariants are those that `server check` proves. The SQL beside keeps them as well.
func (p proof) invariants(ctx context.Context, l *lab) error {
	d, err := db.Open(ctx, l.source(p.database), db.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	report, err := check.Run(ctx, d)
	errs := []error{err, d.Close()}
	for _, r := range report.Results {
		if r.Broken > 0 {
			errs = append(errs, fmt.Errorf("%s: %s %q is not true of %d rows, such as %s", p.who, r.Number, r.Words, r.Broken, r.Rows[0]))
		}
	}
	return errors.Join(errs...)
}

func count(ctx context.Context, pool *sql.DB, query string) (n int, err error) {
	if err := pool.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: %w", query, err)
	}
	return n, nil
}
