package db

import (
	"context"
	"database/sql"
	"runtime"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"holdfast/internal/failpoint"
)

// mortalTx is a transaction in which the process may die: see failpoint. No other program has one.
type mortalTx struct {
	*entsql.Tx
	see  func(string)
	sent []string
}

func (t *mortalTx) next(query string) {
	t.see(query)
	failpoint.Reach(failpoint.Statement, strings.Join(t.sent, "\n")+"\n=> "+query)
	t.sent = append(t.sent, query)
}

func (t *mortalTx) Exec(ctx context.Context, query string, args, v any) error {
	t.next(query)
	return t.Tx.Exec(ctx, query, args, v)
}

func (t *mortalTx) Query(ctx context.Context, query string, args, v any) error {
	t.next(query)
	return t.Tx.Query(ctx, query, args, v)
}

func (t *mortalTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.next(query)
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *mortalTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.next(query)
	return t.Tx.QueryContext(ctx, query, args...)
}

// Commit implements driver.Tx.
func (t *mortalTx) Commit() error {
	all := strings.Join(t.sent, "\n")
	failpoint.Reach(failpoint.Commit, all)
	err := t.Tx.Commit()
	if err == nil {
		failpoint.Reach(failpoint.Committed, all)
	}
	return err
}

// mortal begins a transaction in which the process may die.
func (d *splitDriver) mortal(ctx context.Context) (dialect.Tx, error) {
	failpoint.Reach(failpoint.Begin, callers())
	tx, err := d.Driver.Tx(ctx)
	if inner, ok := tx.(*entsql.Tx); err == nil && ok {
		return &mortalTx{Tx: inner, see: d.see}, nil
	}
	return tx, err
}

// callers are the functions of this program that have called, one a line.
func callers() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	var out strings.Builder
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		out.WriteString(f.Function + "\n")
	}
	return out.String()
}
