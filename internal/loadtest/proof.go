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

// rowsOf is what one order of this test consists of, in Holdfast and in the SQL beside it: else they do not do the same work.
//
//nolint:gochecknoglobals // a constant
var rowsOf = []struct {
	rows  string
	times int
	lines bool // so many for each line, not for each order
}{
	{"checkouts", 1, false},
	{"payments", 1, false},
	{"payment_splits WHERE role IN ('MERCHANT', 'PLATFORM')", 2, false}, // and a third in the shop beside
	{"holds", 1, true},
	{"stock_movements WHERE kind = 'HELD'", 1, true},
}

// become is what becomes of checkouts through what their buyers do.
//
//nolint:gochecknoglobals // a constant
var become = []struct {
	rows   string
	action action
}{
	{"orders", ordering},
	{"checkouts WHERE status = 'PAID'", paying},
	{"checkouts WHERE status = 'CANCELLED'", cancelling},
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
	number := func(query string) int {
		n, err := count(ctx, pool, "SELECT "+query)
		errs = append(errs, err)
		return n
	}
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(p.who+": "+format, args...)) }
	errs = append(errs, p.invariants(ctx, l))
	orders, lines, held := number("COUNT(*) FROM orders"), number("COUNT(*) FROM order_lines"), number("COALESCE(SUM(held), 0) FROM stocks")
	if n := number("COUNT(*) FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.status = 'PENDING_PAYMENT'"); held != n {
		wrong("%d are held for %d lines of unpaid orders", held, n)
	}
	if lines < p.told.lines || lines > p.told.lines+p.told.unsureLines {
		wrong("%d lines, but clients were told of %d and left in doubt of %d", lines, p.told.lines, p.told.unsureLines)
	}
	for _, t := range become {
		told, unsure := p.told.done[t.action], p.told.unsure[t.action]
		if n := number("COUNT(*) FROM " + t.rows); n < told || n > told+unsure {
			wrong("%d rows in %s, but clients were told of %d and left in doubt of %d", n, t.rows, told, unsure)
		}
	}
	for _, t := range rowsOf {
		of := orders
		if t.lines {
			of = lines
		}
		if n := number("COUNT(*) FROM " + t.rows); n != t.times*of {
			wrong("%d rows in %s for %d orders of %d lines", n, t.rows, orders, lines)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(p.told.faults)) {
		wrong("a fault was answered %d times: %s", p.told.faults[code], code)
	}
	verdict := "holds"
	if err := errors.Join(errs...); err != nil {
		verdict = "IS BROKEN"
	}
	_, _ = fmt.Fprintf(out, "%-8s %d orders acknowledged, %d in doubt, %d in the database, %d units held; everything %s\n",
		p.who+":", p.told.done[ordering], p.told.unsure[ordering], orders, held, verdict)
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
