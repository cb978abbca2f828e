package db

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"entgo.io/ent/dialect"
)

// Trace is told when something is asked of the database: "transaction", from BEGIN to COMMIT or ROLLBACK, or a statement
// such as "SELECT stocks". What a transaction does gets a ctx that comes from the one returned for the transaction. End is
// called once. It is never given the text of a statement or its arguments.
type Trace func(ctx context.Context, what string) (inner context.Context, end func(error))

// rawQuerier is what ent's drivers and transactions have beyond their interfaces, for statements that are written by hand.
type rawQuerier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// tracedDriver tells trace of everything. It is only there when somebody traces.
type tracedDriver struct {
	dialect.Driver
	raw   *splitDriver // the same
	trace Trace
}

// Exec implements dialect.ExecQuerier.
func (d *tracedDriver) Exec(ctx context.Context, query string, args, v any) (err error) {
	ctx, end := d.trace(ctx, summary(query))
	defer func() { end(err) }()
	return d.Driver.Exec(ctx, query, args, v)
}

// Query implements dialect.ExecQuerier.
func (d *tracedDriver) Query(ctx context.Context, query string, args, v any) (err error) {
	ctx, end := d.trace(ctx, summary(query))
	defer func() { end(err) }()
	return d.Driver.Query(ctx, query, args, v)
}

// ExecContext serves ent's raw ExecContext.
func (d *tracedDriver) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	ctx, end := d.trace(ctx, summary(query))
	defer func() { end(err) }()
	return d.raw.ExecContext(ctx, query, args...)
}

// QueryContext serves ent's raw QueryContext.
func (d *tracedDriver) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx, end := d.trace(ctx, summary(query))
	rows, err := d.raw.QueryContext(ctx, query, args...)
	end(err)
	return rows, err
}

// Tx begins a transaction.
func (d *tracedDriver) Tx(ctx context.Context) (dialect.Tx, error) {
	return d.traced(ctx, d.Driver.Tx)
}

// BeginTx begins a transaction of the caller's kind.
func (d *tracedDriver) BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	return d.traced(ctx, func(ctx context.Context) (dialect.Tx, error) { return d.raw.BeginTx(ctx, opts) })
}

func (d *tracedDriver) traced(ctx context.Context, begin func(context.Context) (dialect.Tx, error)) (dialect.Tx, error) {
	inner, end := d.trace(ctx, "transaction")
	tx, err := begin(ctx)
	if err != nil {
		end(err)
		return nil, err
	}
	raw, ok := tx.(rawQuerier)
	if !ok {
		err := errors.Join(errors.New("trace transaction: its driver takes no statements"), tx.Rollback())
		end(err)
		return nil, err
	}
	return &tracedTx{Tx: tx, raw: raw, trace: d.trace, parent: inner, end: end}, nil
}

// tracedTx is one transaction that is traced.
type tracedTx struct {
	dialect.Tx
	raw    rawQuerier
	trace  Trace
	parent context.Context //nolint:containedctx // what its statements are traced under; they run under their own
	end    func(error)
}

// statement traces one statement under the transaction.
func (t *tracedTx) statement(query string) func(error) {
	_, end := t.trace(t.parent, summary(query))
	return end
}

// Exec implements dialect.ExecQuerier.
func (t *tracedTx) Exec(ctx context.Context, query string, args, v any) (err error) {
	end := t.statement(query)
	defer func() { end(err) }()
	return t.Tx.Exec(ctx, query, args, v)
}

// Query implements dialect.ExecQuerier.
func (t *tracedTx) Query(ctx context.Context, query string, args, v any) (err error) {
	end := t.statement(query)
	defer func() { end(err) }()
	return t.Tx.Query(ctx, query, args, v)
}

// ExecContext serves ent's raw ExecContext.
func (t *tracedTx) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	end := t.statement(query)
	defer func() { end(err) }()
	return t.raw.ExecContext(ctx, query, args...)
}

// QueryContext serves ent's raw QueryContext.
func (t *tracedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	end := t.statement(query)
	rows, err := t.raw.QueryContext(ctx, query, args...)
	end(err)
	return rows, err
}

// Commit implements driver.Tx.
func (t *tracedTx) Commit() error {
	err := t.Tx.Commit()
	t.end(err)
	return err
}

// ErrRolledBack is what a Trace is told of a transaction that was given up, which need be no fault.
var ErrRolledBack = errors.New("rolled back")

// Rollback implements driver.Tx.
func (t *tracedTx) Rollback() error {
	err := t.Tx.Rollback()
	t.end(errors.Join(ErrRolledBack, err))
	return err
}

// summary is the verb of a statement and the first table that it names, such as "UPDATE stocks".
func summary(query string) string {
	verb, rest, _ := strings.Cut(strings.TrimLeft(query, "( \n\t"), " ")
	for _, before := range []string{"FROM ", "INTO ", "UPDATE "} {
		_, after, found := strings.Cut(verb+" "+rest, before)
		after = strings.TrimLeft(after, "`\" (")
		if end := strings.IndexAny(after, "`\" (\n,"); found && end > 0 {
			return verb + " " + after[:end]
		}
	}
	return verb
}
