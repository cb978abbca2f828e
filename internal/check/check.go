// Package check proves the invariants of the books and the shelves on every row of a database, as it stands: one snapshot,
// so that a live database gives no false alarm, and no locks, so that nobody waits.
package check

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/db"
)

// maxRows is how many of the rows that break an invariant are told.
const maxRows = 20

// Report is what became of every invariant, in the order of their numbers.
type Report struct{ Results []Result }

// Result is what became of one invariant.
type Result struct {
	Number string // such as 1b
	Words  string
	Looked int64 // rows that were looked at: of all tables that the invariant speaks of
	Broken int64 // rows that break it
	Rows   []Row // the first of them, at most 20
}

// Row is one row that breaks an invariant: what names it, and the numbers that do not fit.
type Row []Field

// Field is one value: a TypeID, another text, an int64, or nil.
type Field struct {
	Name  string
	Value any
}

// Broken is how many invariants are broken.
func (r Report) Broken() int {
	n := 0
	for _, res := range r.Results {
		if res.Broken > 0 {
			n++
		}
	}
	return n
}

// Looked is how many rows there were, each counted once for every invariant that speaks of it.
func (r Report) Looked() (n int64) {
	for _, res := range r.Results {
		n += res.Looked
	}
	return n
}

// invariant is one line of the report.
type invariant struct {
	number, words string
	// tables are those whose rows it looks at.
	tables []string
	// queries select the rows that break it. A column whose name is one of nouns is an id of it.
	queries []string
	// gated are queries that need not run when glances have found nothing.
	gated []gated
	// find, if set, looks where SQL cannot.
	find func(ctx context.Context, q db.Querier) (found, error)
}

// gated is a query that selects no row unless one of the glances finds something strange.
type gated struct {
	by    []*glance
	query string
}

// found is the rows that break an invariant, and how many there are in all.
type found struct {
	rows  []Row
	total int64
}

func (f *found) add(more found) {
	f.total += more.total
	f.rows = append(f.rows, more.rows[:min(len(more.rows), maxRows-len(f.rows))]...)
}

// all are the invariants.
func all() []invariant {
	g := newGlances()
	return slices.Concat(shelves(g), checkouts(g), sums(g), refunds(), settled(g), parcels(), once(), told(g), notified(), bookkeeping(g), fees(g))
}

// Run checks all invariants at one moment of the database, which has to have this program's schema. It needs memory for
// what it reports, and for three numbers of each variant. A broken invariant is no error.
func Run(ctx context.Context, d *db.DB) (Report, error) {
	var out Report
	err := db.Snapshot(ctx, d, func(ctx context.Context, q db.Querier) error {
		list := all()
		sizes, err := count(ctx, q, list)
		if err != nil {
			return err
		}
		for _, inv := range list {
			res, err := inv.check(ctx, q)
			if err != nil {
				return fmt.Errorf("check invariant %s: %w", inv.number, err)
			}
			for _, t := range inv.tables {
				res.Looked += sizes[t]
			}
			out.Results = append(out.Results, res)
		}
		return nil
	})
	return out, err
}

// count counts the rows of all tables with one statement.
func count(ctx context.Context, q db.Querier, list []invariant) (map[string]int64, error) {
	var tables []string
	for _, inv := range list {
		tables = append(tables, inv.tables...)
	}
	slices.Sort(tables)
	tables = slices.Compact(tables)
	var counts []string
	for _, t := range tables {
		counts = append(counts, "(SELECT COUNT(*) FROM "+t+") AS "+t)
	}
	rows, err := read(ctx, q, "SELECT "+strings.Join(counts, ", "))
	if err != nil {
		return nil, fmt.Errorf("count rows: %w", err)
	}
	sizes := make(map[string]int64)
	for _, f := range rows[0] {
		sizes[f.Name], _ = f.Value.(int64)
	}
	return sizes, nil
}

func (inv invariant) check(ctx context.Context, q db.Querier) (Result, error) {
	var all found
	queries := slices.Clone(inv.queries)
	for _, one := range inv.gated {
		strange, err := anyFinds(ctx, q, one.by)
		if err != nil {
			return Result{}, err
		}
		if strange {
			queries = append(queries, one.query)
		}
	}
	for _, query := range queries {
		one, err := search(ctx, q, query)
		if err != nil {
			return Result{}, err
		}
		all.add(one)
	}
	if inv.find != nil {
		one, err := inv.find(ctx, q)
		if err != nil {
			return Result{}, err
		}
		all.add(one)
	}
	return Result{Number: inv.number, Words: inv.words, Broken: all.total, Rows: all.rows}, nil
}

// search runs a query for rows that break an invariant. Every query selects two columns or more, and the first names the row.
func search(ctx context.Context, q db.Querier, query string) (found, error) {
	rows, err := read(ctx, q, "SELECT b.*, COUNT(*) OVER () AS broken FROM ("+query+") b ORDER BY 1, 2 LIMIT "+strconv.Itoa(maxRows))
	if err != nil || len(rows) == 0 {
		return found{}, err
	}
	var out found
	for _, r := range rows {
		last := len(r) - 1
		out.total, _ = r[last].Value.(int64)
		out.rows = append(out.rows, r[:last])
	}
	return out, nil
}

// read reads every row of a query.
func read(ctx context.Context, q db.Querier, query string, args ...any) (out []Row, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make(Row, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i].Value
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i, c := range columns {
			row[i] = Field{Name: c.Name(), Value: valueOf(c, row[i].Value)}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// valueOf gives a column's value the type that it has in a Field. MySQL's sums are DECIMAL, which its driver leaves as text.
func valueOf(c *sql.ColumnType, v any) any {
	raw, ok := v.([]byte)
	if !ok {
		return v
	}
	if spell, ok := nouns[c.Name()]; ok && len(raw) == 16 {
		return spell([16]byte(raw))
	}
	if c.DatabaseTypeName() == "DECIMAL" {
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return n
		}
	}
	return string(raw)
}
