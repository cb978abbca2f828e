package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/internal/db"
)

// statement is one that was sent.
type statement struct {
	query string
	args  []any
}

// spyDriver notes what is read through it.
type spyDriver struct {
	*entsql.Driver
	mu   sync.Mutex
	seen []statement
}

func (s *spyDriver) note(query string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, statement{query, args})
}

// Query implements dialect.ExecQuerier.
func (s *spyDriver) Query(ctx context.Context, query string, args, v any) error {
	defer s.end(ctx)
	if list, ok := args.([]any); ok {
		s.note(query, list)
	}
	return s.Driver.Query(ctx, query, args, v)
}

// QueryContext serves ent's raw QueryContext.
func (s *spyDriver) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s.note(query, args)
	return s.Driver.QueryContext(ctx, query, args...)
}

func (s *spyDriver) end(ctx context.Context) {
	if sweep, ok := ctx.Value(sweepKey{}).(sweeping); ok {
		sweep.looked()
	}
}

// spy is what a call reads.
func (p *pastDB) spy(ctx context.Context, c pastCall) ([]statement, error) {
	spy := &spyDriver{Driver: entsql.OpenDB(p.Dialect, p.pool)}
	d := &db.DB{Client: ent.NewClient(ent.Driver(spy)), Dialect: p.Dialect}
	err := c.call(ctx, pastApp(d))
	return spy.seen, err
}

// explain is the plan of a statement in one line: a word for each table, in the order in which they are read.
func (p *pastDB) explain(ctx context.Context, s statement) (string, error) {
	prefix := "EXPLAIN FORMAT=TRADITIONAL "
	if p.Dialect == dialect.SQLite {
		prefix = "EXPLAIN QUERY PLAN "
	}
	rows, err := p.pool.QueryContext(ctx, prefix+s.query, s.args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var steps []string
	for rows.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		row := make(map[string]string)
		for i, c := range columns {
			row[c] = values[i].String
		}
		step := stepOfMySQL(row)
		if p.Dialect == dialect.SQLite {
			step = stepOfSQLite(row["detail"])
		}
		if step != "" {
			steps = append(steps, step)
		}
	}
	return strings.Join(steps, "; "), rows.Err()
}

// stepOfMySQL is how a table is read; "" where pages are put together that were read before.
func stepOfMySQL(row map[string]string) string {
	if row["select_type"] == "UNION RESULT" || strings.HasPrefix(row["table"], "<") || row["table"] == "" {
		return ""
	}
	text := fmt.Sprintf("%s %s %s %s", row["table"], row["type"], row["key"], row["rows"])
	if strings.Contains(row["Extra"], "filesort") {
		text += " sorted"
	}
	return text
}

// stepOfSQLite is how a table is read; "" where pages are put together that were read before.
func stepOfSQLite(detail string) string {
	switch {
	case strings.HasPrefix(detail, "SEARCH "):
		return strings.TrimPrefix(detail, "SEARCH ")
	case strings.HasPrefix(detail, "SCAN ") && strings.Contains(detail, " USING "), detail == "SCAN o", detail == "SCAN l":
		return detail
	}
	return ""
}
