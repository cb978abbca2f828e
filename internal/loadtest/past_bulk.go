package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/typeid"
)

// bulk writes rows by the thousand: few long statements, on a database that nobody else uses yet.
type bulk struct {
	dialect string
	pool    *sql.DB
	batches map[string]*batch
	work    chan string
	group   *errgroup.Group
	ctx     context.Context //nolint:containedctx // of the group: it ends with the first statement that fails
	indexes []string        // that are made again at the end
}

// batch is the rows of one table that are yet to be written.
type batch struct {
	head string
	text []byte
}

// batchBytes is how long a statement grows: SQLite takes a million.
const batchBytes = 400_000

// bulkConns is how many connections write at once; SQLite has one writer.
const bulkConns = 3

// newBulk takes over an empty database that was migrated.
func newBulk(ctx context.Context, name string, pool *sql.DB) (*bulk, error) {
	b := &bulk{dialect: name, pool: pool, batches: make(map[string]*batch), work: make(chan string, bulkConns)}
	b.group, b.ctx = errgroup.WithContext(ctx)
	conns, before := bulkConns, []string{"SET SESSION unique_checks = 0, foreign_key_checks = 0", "SET SESSION sql_log_bin = 0"}
	if name == dialect.SQLite {
		conns, before = 1, []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA foreign_keys = OFF", "PRAGMA cache_size = -400000"}
		if err := b.dropIndexes(ctx); err != nil {
			return nil, err
		}
	}
	for range conns {
		conn, err := pool.Conn(ctx)
		if err != nil {
			return nil, err
		}
		for i, stmt := range before {
			// The log is for replicas. Who may not keep out of it writes it too.
			if _, err := conn.ExecContext(ctx, stmt); err != nil && (name == dialect.SQLite || i == 0) {
				return nil, errors.Join(fmt.Errorf("%s: %w", stmt, err), conn.Close())
			}
		}
		b.group.Go(func() error {
			defer conn.Close()
			return b.run(conn)
		})
	}
	return b, nil
}

func (b *bulk) run(conn *sql.Conn) error {
	for stmt := range b.work {
		if b.ctx.Err() != nil {
			continue // whoever adds must not wait
		}
		if _, err := conn.ExecContext(b.ctx, stmt); err != nil {
			return fmt.Errorf("%.60s: %w", stmt, err)
		}
	}
	return b.ctx.Err()
}

// dropIndexes leaves SQLite's primary keys alone: a whole index is made from rows several times faster than it grows.
func (b *bulk) dropIndexes(ctx context.Context) error {
	rows, err := b.pool.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
	if err != nil {
		return err
	}
	defer rows.Close()
	var drops []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return err
		}
		drops, b.indexes = append(drops, "DROP INDEX "+name), append(b.indexes, text)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return b.all(ctx, drops)
}

// into names a table and its columns once, for the rows that add is given.
func (b *bulk) into(table, columns string) func(values ...any) {
	rows := &batch{head: "INSERT INTO " + table + " (" + columns + ") VALUES "}
	b.batches[table] = rows
	return func(values ...any) {
		sep := byte('(')
		if len(rows.text) == 0 {
			rows.text = append(rows.text, rows.head...)
		} else {
			rows.text = append(rows.text, ',')
		}
		for _, v := range values {
			rows.text = b.literal(append(rows.text, sep), v)
			sep = ','
		}
		rows.text = append(rows.text, ')')
		if len(rows.text) >= batchBytes {
			b.flush(rows)
		}
	}
}

func (b *bulk) flush(rows *batch) {
	if len(rows.text) == 0 {
		return
	}
	select {
	case b.work <- string(rows.text):
	case <-b.ctx.Done(): // end says why
	}
	rows.text = rows.text[:0]
}

// literal spells a value as the driver would.
func (b *bulk) literal(text []byte, v any) []byte {
	const hex = "0123456789abcdef"
	raw := func(of []byte) []byte {
		text = append(text, 'x', '\'')
		for _, c := range of {
			text = append(text, hex[c>>4], hex[c&15])
		}
		return append(text, '\'')
	}
	switch v := v.(type) {
	case nil:
		return append(text, "NULL"...)
	case int:
		return strconv.AppendInt(text, int64(v), 10)
	case string:
		return append(append(append(text, '\''), strings.ReplaceAll(v, "'", "''")...), '\'')
	case time.Time:
		layout := "'2006-01-02 15:04:05.999999999'"
		if b.dialect == dialect.SQLite {
			layout = "'2006-01-02 15:04:05.999999999-07:00'"
		}
		return v.AppendFormat(text, layout)
	case [32]byte:
		return raw(v[:])
	case interface{ Bytes() typeid.UUID }:
		id := v.Bytes()
		return raw(id[:])
	}
	return append(text, fmt.Sprintf("no literal of %T", v)...) // which the database refuses
}

// end writes what is left, and waits until everything is written.
func (b *bulk) end() error {
	for _, rows := range b.batches {
		b.flush(rows)
	}
	close(b.work)
	if err := b.group.Wait(); err != nil {
		return err
	}
	return nil
}

// finish makes the indexes again, and has MySQL look at what it has; the server never has SQLite do so.
func (b *bulk) finish(ctx context.Context) error {
	if b.dialect == dialect.SQLite {
		return b.all(ctx, b.indexes)
	}
	var stmts []string
	for table := range b.batches {
		stmts = append(stmts, "ANALYZE TABLE "+table)
	}
	return b.all(ctx, stmts)
}

// all runs statements whose answers nobody reads.
func (b *bulk) all(ctx context.Context, stmts []string) error {
	for _, stmt := range stmts {
		if _, err := b.pool.ExecContext(ctx, stmt); err != nil {
			return fmt.Errorf("%s: %w", stmt, err)
		}
	}
	return nil
}
