package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/stock"
	"holdfast/ent/stockmovement"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// Kind says why stock moved.
type Kind string

// The kinds of movement.
const (
	Received Kind = "RECEIVED" // came into the shop
	Adjusted Kind = "ADJUSTED" // counted, or corrected
	Held     Kind = "HELD"     // ordered, not yet paid
	Sold     Kind = "SOLD"     // paid
	Released Kind = "RELEASED" // not paid after all
	Returned Kind = "RETURNED" // came back from a buyer
)

// Movement is one change of one stock.
type Movement struct {
	Variant typeid.Variant
	Kind    Kind
	OnHand  int // change of the number on hand
	Held    int // change of the number held
	Order   typeid.Order
	Staff   typeid.Staff
	Reason  string
}

// Hold keeps n for the order.
func Hold(v typeid.Variant, n int, o typeid.Order) Movement {
	return Movement{Variant: v, Kind: Held, Held: n, Order: o}
}

// Sell takes n that the order held.
func Sell(v typeid.Variant, n int, o typeid.Order) Movement {
	return Movement{Variant: v, Kind: Sold, OnHand: -n, Held: -n, Order: o}
}

// Release puts back n that the order held.
func Release(v typeid.Variant, n int, o typeid.Order) Movement {
	return Movement{Variant: v, Kind: Released, Held: -n, Order: o}
}

// Return puts n that the buyer of the order gave back on sale again.
func Return(v typeid.Variant, n int, o typeid.Order, staff typeid.Staff, reason string) Movement {
	return Movement{Variant: v, Kind: Returned, OnHand: n, Order: o, Staff: staff, Reason: reason}
}

// Shelf is the locked stock rows of one transaction. A stock that changes has the next version, for all that the transaction does
// to it; but what somebody was told keeps its version, so that two states never share one.
type Shelf struct {
	stocks    map[typeid.Variant]*Stock
	was       map[typeid.Variant]int // what was available when the row was locked
	touched   map[typeid.Variant]bool
	untold    map[typeid.Variant]bool // has a version of this transaction's that nobody was told
	movements []moved
	threshold bool // one has changed
}

// moved is a movement, and the version that came of it.
type moved struct {
	Movement
	version int64
}

func newShelf() *Shelf {
	return &Shelf{stocks: make(map[typeid.Variant]*Stock), was: make(map[typeid.Variant]int), touched: make(map[typeid.Variant]bool), untold: make(map[typeid.Variant]bool)}
}

// LockTx takes the stock rows of these variants off the shelf, in id order, until the transaction ends. Variants that
// have no stock are left out.
func LockTx(ctx context.Context, tx *db.Tx, variants []typeid.Variant) (*Shelf, error) {
	shelf := newShelf()
	ids := slices.Clone(variants)
	slices.SortFunc(ids, func(a, b typeid.Variant) int { return a.Compare(b.UUID) })
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return shelf, nil
	}
	t := tx.SQL().Table(stock.Table)
	rows, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(stock.FieldID, stock.FieldShopID, stock.FieldOnHand, stock.FieldHeld,
		stock.FieldLowStockThreshold, stock.FieldVersion, stock.FieldChangedAt).From(t).
		Where(sql.In(stock.FieldID, db.Args(ids)...)).OrderBy(stock.FieldID)),
		func(row db.Row) (*Stock, error) {
			var s Stock
			err := row.Scan(&s.VariantID, &s.ShopID, &s.OnHand, &s.Held, &s.LowStockThreshold, &s.Version, &s.ChangedAt)
			return &s, err
		})
	if err != nil {
		return nil, fmt.Errorf("lock stock: %w", err)
	}
	for _, s := range rows {
		shelf.stocks[s.VariantID], shelf.was[s.VariantID] = s, s.Available()
	}
	return shelf, nil
}

// Stock is the variant's stock as it stands after the movements so far.
func (s *Shelf) Stock(v typeid.Variant) (Stock, bool) {
	got, ok := s.stocks[v]
	if !ok {
		return Stock{}, false
	}
	return *got, true
}

// tell is Stock for somebody who is told of it once the transaction has committed at now: what moves after it has another version.
func (s *Shelf) tell(v typeid.Variant, now time.Time) (Stock, bool) {
	got, ok := s.Stock(v)
	if s.touched[v] {
		got.ChangedAt = now
	}
	delete(s.untold, v)
	return got, ok
}

// Available is how many of the variant can be ordered now; 0 of one that has no stock.
func (s *Shelf) Available(v typeid.Variant) int {
	if got, ok := s.stocks[v]; ok {
		return got.Available()
	}
	return 0
}

// Move carries out a movement in memory. It fails, and changes nothing, when the stock would break 0 <= held <= on hand:
// the caller has decided wrongly.
func (s *Shelf) Move(m Movement) error {
	got, ok := s.stocks[m.Variant]
	if !ok {
		return fmt.Errorf("move stock of %s: not on the shelf", m.Variant)
	}
	onHand, held := got.OnHand+m.OnHand, got.Held+m.Held
	if held < 0 || held > onHand {
		return fmt.Errorf("move stock of %s (%s): %d held of %d on hand", m.Variant, m.Kind, held, onHand)
	}
	got.OnHand, got.Held = onHand, held
	s.touch(got)
	s.movements = append(s.movements, moved{m, got.Version})
	return nil
}

func (s *Shelf) touch(k *Stock) {
	if !s.untold[k.VariantID] {
		k.Version++
	}
	s.touched[k.VariantID], s.untold[k.VariantID] = true, true
}

// SetThreshold makes the stock low at n and under it. No movement comes of it.
func (s *Shelf) SetThreshold(v typeid.Variant, n int) error {
	got, ok := s.stocks[v]
	if !ok {
		return fmt.Errorf("set threshold of %s: not on the shelf", v)
	}
	if got.LowStockThreshold != n {
		got.LowStockThreshold, s.threshold = n, true
		s.touch(got)
	}
	return nil
}

// WriteTx writes the movements, each with the version that came of it, and with one statement every stock that changed (or
// one for each updateRows of them). It is the last thing done with the shelf.
func (s *Shelf) WriteTx(ctx context.Context, tx *db.Tx, now time.Time) error {
	if len(s.touched) == 0 {
		return nil
	}
	for id := range s.touched {
		s.stocks[id].ChangedAt = now
	}
	rows := make([][]any, len(s.movements)) // their ids sort as they happened
	for i, m := range s.movements {
		rows[i] = []any{
			typeid.New[typeid.Movement](now.Add(time.Duration(i) * time.Microsecond)), s.stocks[m.Variant].ShopID, m.Variant, string(m.Kind), m.OnHand, m.Held,
			orNull(m.Order, m.Order.IsZero()), orNull(m.Staff, m.Staff.IsZero()), orNull(m.Reason, m.Reason == ""), m.version, now,
		}
	}
	if err := tx.InsertLater(ctx, stockmovement.Table, []string{
		stockmovement.FieldID, stockmovement.FieldShopID, stockmovement.FieldVariantID, stockmovement.FieldKind,
		stockmovement.FieldOnHandDelta, stockmovement.FieldHeldDelta, stockmovement.FieldOrderID, stockmovement.FieldStaffID,
		stockmovement.FieldReason, stockmovement.FieldVersion, stockmovement.FieldCreatedAt,
	}, rows); err != nil {
		return err
	}
	ids := slices.SortedFunc(maps.Keys(s.touched), func(a, b typeid.Variant) int { return a.Compare(b.UUID) })
	for some := range slices.Chunk(ids, updateRows) {
		if err := s.updateTx(ctx, tx, some, now); err != nil {
			return err
		}
	}
	return nil
}

// updateRows bounds what one UPDATE writes: each row looks for itself among all of its statement, and arguments are limited.
const updateRows = 500

func (s *Shelf) updateTx(ctx context.Context, tx *db.Tx, ids []typeid.Variant, now time.Time) error {
	// Whole values, not deltas: the rows are locked, and an UPDATE cannot bring a deleted row back.
	each := func(value func(*Stock) any) sql.Querier {
		return db.PerRow(stock.FieldID, ids, func(v typeid.Variant) any { return value(s.stocks[v]) })
	}
	update := tx.SQL().Update(stock.Table).
		Set(stock.FieldOnHand, each(func(k *Stock) any { return k.OnHand })).
		Set(stock.FieldHeld, each(func(k *Stock) any { return k.Held })).
		Set(stock.FieldVersion, each(func(k *Stock) any { return k.Version })).
		Set(stock.FieldChangedAt, now).
		Where(sql.In(stock.FieldID, db.Args(ids)...))
	if s.threshold {
		update.Set(stock.FieldLowStockThreshold, each(func(k *Stock) any { return k.LowStockThreshold }))
	}
	n, err := tx.Exec(ctx, update)
	if err != nil {
		return fmt.Errorf("write stock: %w", err)
	}
	if n != int64(len(ids)) {
		return fmt.Errorf("write stock: %d rows instead of %d", n, len(ids))
	}
	return nil
}

// Back are the variants of which nothing was available when the transaction began, and is now, in the order of their ids.
func (s *Shelf) Back() []typeid.Variant {
	var out []typeid.Variant
	for id := range s.touched {
		if was, locked := s.was[id]; locked && was <= 0 && s.Available(id) > 0 {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b typeid.Variant) int { return a.Compare(b.UUID) })
	return out
}

// Changed are the stocks that changed, as they stand once the transaction has committed.
func (s *Shelf) Changed() []Stock {
	out := make([]Stock, 0, len(s.touched))
	for id := range s.touched {
		out = append(out, *s.stocks[id])
	}
	return out
}

func orNull[T any](v T, null bool) any {
	if null {
		return nil
	}
	return v
}
