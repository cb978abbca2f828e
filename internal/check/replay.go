package check

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// replay reads all movements once, by variant and version, for the invariants that speak of them: a database that groups
// millions of rows writes them all to disk and back for each. It remembers three numbers for each variant.
type replay struct {
	done            bool
	sums            found  // of 1c
	behind, outside found  // of 1d
	moments         found  // of 1e
	moved, held     sketch // what movements say that orders hold and have bought, and what holds say
	lines           sketch // of holds: what is held for which line
	holdsDone       bool

	shelves map[typeid.UUID]shelf
	variant typeid.UUID
	shelf   shelf // the variant's, so far
	at      step
}

// shelf is what the movements of a variant add up to, and the last version that they have.
type shelf struct{ onHand, held, version int64 }

// step is the movements of one version.
type step struct {
	version, movements int64
	first              []byte // when the first of them was made
	apart              bool   // they were made at several moments
}

// movement is a row of stock_movements.
type movement struct {
	variant               typeid.UUID
	version, onHand, held int64
	order, kind, at       sql.RawBytes
}

// run replays, the first time that it is asked.
func (r *replay) run(ctx context.Context, q db.Querier) error {
	if r.done {
		return nil
	}
	r.moved, r.shelves = newSketch(), make(map[typeid.UUID]shelf)
	var m movement
	// Sorted from one end to the other: for SQLite the plus hides the index, through which each row would be looked up.
	err := each(ctx, q, `SELECT variant_id, version, on_hand_delta, held_delta, order_id, kind, CAST(created_at AS CHAR) FROM stock_movements
		ORDER BY +variant_id, version`, []any{&m.variant, &m.version, &m.onHand, &m.held, &m.order, &m.kind, &m.at}, func() { r.take(&m) })
	if err != nil {
		return fmt.Errorf("replay movements: %w", err)
	}
	r.endStep()
	r.endShelf()
	if err := r.compare(ctx, q); err != nil {
		return fmt.Errorf("read stocks: %w", err)
	}
	r.done = true
	return nil
}

func (r *replay) take(m *movement) {
	if next := r.variant != m.variant; next || r.at.version != m.version {
		r.endStep()
		if next {
			r.endShelf()
			r.variant = m.variant
		}
		r.at = step{version: m.version, first: append(r.at.first[:0], m.at...)}
	}
	r.at.movements++
	r.at.apart = r.at.apart || !bytes.Equal(m.at, r.at.first)
	r.shelf = shelf{r.shelf.onHand + m.onHand, r.shelf.held + m.held, m.version}
	if len(m.order) == 0 {
		return
	}
	var order typeid.UUID
	copy(order[:], m.order)
	switch string(m.kind) {
	case isSold:
		r.moved.add(-m.onHand, isSold, order, m.variant)
		r.moved.add(m.held, isHeld, order, m.variant)
	case isHeld, "RELEASED":
		r.moved.add(m.held, isHeld, order, m.variant)
	}
}

// endStep looks at the stock as it was after a version.
func (r *replay) endStep() {
	if r.at.movements == 0 {
		return
	}
	if r.shelf.held < 0 || r.shelf.held > r.shelf.onHand {
		r.outside.note(r.variant, Field{"after_version", r.at.version}, Field{"on_hand", r.shelf.onHand}, Field{"held", r.shelf.held})
	}
	if r.at.apart && r.at.version > 0 {
		r.moments.note(r.variant, Field{"version", r.at.version}, Field{"movements", r.at.movements})
	}
	r.at = step{first: r.at.first}
}

func (r *replay) endShelf() {
	if r.shelf != (shelf{}) {
		r.shelves[r.variant] = r.shelf
	}
	r.shelf = shelf{}
}

// compare compares every stock with its movements, and what has moved without a stock with nothing.
func (r *replay) compare(ctx context.Context, q db.Querier) error {
	var (
		variant typeid.UUID
		row     shelf
	)
	differ := func(row, moved shelf) {
		if row.onHand != moved.onHand || row.held != moved.held {
			r.sums.note(variant, Field{"on_hand", row.onHand}, Field{"on_hand_moved", moved.onHand}, Field{"held", row.held}, Field{"held_moved", moved.held})
		}
	}
	err := each(ctx, q, "SELECT variant_id, on_hand, held, version FROM stocks ORDER BY variant_id", []any{&variant, &row.onHand, &row.held, &row.version}, func() {
		moved := r.shelves[variant]
		differ(row, moved)
		if moved.version > row.version {
			r.behind.note(variant, Field{"version", row.version}, Field{"moved_at_version", moved.version})
		}
		delete(r.shelves, variant)
	})
	for _, variant = range slices.SortedFunc(maps.Keys(r.shelves), typeid.UUID.Compare) {
		differ(shelf{}, r.shelves[variant])
	}
	r.shelves = nil
	return err
}

// note adds a row about a variant.
func (f *found) note(variant typeid.UUID, fields ...Field) {
	f.total++
	if len(f.rows) < maxRows {
		f.rows = append(f.rows, append(Row{{"variant_id", typeid.From[typeid.Variant](variant).String()}}, fields...))
	}
}

// find runs the replay, and gives what one invariant takes of it.
func (r *replay) find(of ...*found) func(ctx context.Context, q db.Querier) (found, error) {
	return func(ctx context.Context, q db.Querier) (found, error) {
		if err := r.run(ctx, q); err != nil {
			return found{}, err
		}
		var all found
		for _, f := range of {
			all.add(*f)
		}
		return all, nil
	}
}

const (
	isHeld = "HELD"
	isSold = "SOLD"
)

// runHolds reads all holds once, and tells whether they are the movements of their orders.
func (r *replay) runHolds(ctx context.Context, q db.Querier) (same bool, err error) {
	if err := r.run(ctx, q); err != nil {
		return false, err
	}
	if !r.holdsDone {
		r.held, r.lines = r.moved.of(), newSketch()
		var (
			line, order, variant typeid.UUID
			status               sql.RawBytes
			quantity             int64
		)
		if err := each(ctx, q, "SELECT order_line_id, order_id, variant_id, quantity, status FROM holds",
			[]any{&line, &order, &variant, &quantity, &status}, func() {
				if s := string(status); s == isHeld || s == isSold {
					r.held.add(quantity, s, order, variant)
				}
				r.lines.add(1, strconv.FormatInt(quantity, 10), line, order, variant)
			}); err != nil {
			return false, fmt.Errorf("read holds: %w", err)
		}
		r.holdsDone = true
	}
	return r.held == r.moved, nil
}

// each scans every row of a query into the same places.
func each(ctx context.Context, q db.Querier, query string, into []any, row func()) (err error) {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row()
	}
	return rows.Err()
}
