package db

import (
	"context"
	"database/sql"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"holdfast/internal/failpoint"
)

// splitDriver is an ent driver whose reads outside of transactions go to a pool of their own (on SQLite the writer's one
// connection would make them wait), and which tells an observer of every statement.
type splitDriver struct {
	*entsql.Driver
	read    *entsql.Driver
	observe func(string)
}

func (d *splitDriver) see(query string) {
	if d.observe != nil {
		for one := range strings.SplitSeq(query, ";") { // what is sent together
			d.observe(one)
		}
	}
}

// next is before a statement outside of transactions.
func (d *splitDriver) next(query string) {
	d.see(query)
	if failpoint.Enabled {
		failpoint.Reach(failpoint.Statement, "=> "+query)
	}
}

// Exec implements dialect.ExecQuerier.
func (d *splitDriver) Exec(ctx context.Context, query string, args, v any) error {
	d.next(query)
	return d.Driver.Exec(ctx, query, args, v)
}

// Query implements dialect.ExecQuerier.
func (d *splitDriver) Query(ctx context.Context, query string, args, v any) error {
	d.next(query)
	return d.read.Query(ctx, query, args, v)
}

// ExecContext serves ent's raw ExecContext.
func (d *splitDriver) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	d.next(query)
	return d.Driver.ExecContext(ctx, query, args...)
}

// QueryContext serves ent's raw QueryContext.
func (d *splitDriver) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	d.next(query)
	return d.read.QueryContext(ctx, query, args...)
}

// Tx begins a transaction on the writer.
func (d *splitDriver) Tx(ctx context.Context) (dialect.Tx, error) {
	if failpoint.Enabled {
		return d.mortal(ctx)
	}
	tx, err := d.Driver.Tx(ctx)
	if err != nil || d.observe == nil {
		return tx, err
	}
	inner, ok := tx.(*entsql.Tx)
	if !ok {
		return tx, nil
	}
	return &observedTx{Tx: inner, see: d.see}, nil
}

// observedTx tells the observer of the statements inside a transaction.
type observedTx struct {
	*entsql.Tx
	see func(string)
}

func (t *observedTx) Exec(ctx context.Context, query string, args, v any) error {
	t.see(query)
	return t.Tx.Exec(ctx, query, args, v)
}

func (t *observedTx) Query(ctx context.Context, query string, args, v any) error {
	t.see(query)
	return t.Tx.Query(ctx, query, args, v)
}

func (t *observedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.see(query)
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *observedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.see(query)
	return t.Tx.QueryContext(ctx, query, args...)
}
