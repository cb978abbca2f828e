package inventory_test

import (
	"context"
	"testing"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

func TestStock(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		onHand, held, threshold, available int
		low                                bool
	}{
		{10, 3, 6, 7, false}, {10, 3, 7, 7, true}, {10, 3, 8, 7, true}, {5, 5, 0, 0, true}, {1, 0, 0, 1, false}, {0, 0, 0, 0, true},
	} {
		s := inventory.Stock{OnHand: tc.onHand, Held: tc.held, LowStockThreshold: tc.threshold}
		if s.Available() != tc.available || s.IsLow() != tc.low {
			t.Errorf("%+v: available %d, low %v", tc, s.Available(), s.IsLow())
		}
	}
}

func TestShelf(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		a, b, absent := w.variant(t, 10, 4), w.variant(t, 3, 0), typeid.New[typeid.Variant](w.clock.Now())
		order := typeid.New[typeid.Order](w.clock.Now())
		beforeA, beforeB := w.stock(t, a), w.stock(t, b)
		w.clock.Advance(time.Minute)
		_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			shelf, err := inventory.LockTx(ctx, tx, []typeid.Variant{b, a, absent, a})
			if err != nil {
				return struct{}{}, err
			}
			if _, ok := shelf.Stock(absent); ok || shelf.Available(absent) != 0 || shelf.Available(a) != 6 {
				t.Error("the shelf has what is not there, or not what is")
			}
			for name, m := range map[string]inventory.Movement{
				"more held than on hand":    inventory.Hold(a, 7, order),
				"more released than held":   inventory.Release(a, 5, order),
				"more sold than held":       inventory.Sell(a, 5, order),
				"less on hand than is held": {Variant: a, Kind: inventory.Adjusted, OnHand: -7},
				"what is not on the shelf":  inventory.Hold(absent, 1, order),
			} {
				if err := shelf.Move(m); err == nil {
					t.Errorf("%s: moved", name)
				}
			}
			if s, _ := shelf.Stock(a); s != beforeA || len(shelf.Changed()) != 0 {
				t.Errorf("what was refused moved %+v to %+v", beforeA, s)
			}
			for _, m := range []inventory.Movement{inventory.Hold(a, 6, order), inventory.Sell(a, 8, order), inventory.Release(a, 1, order)} {
				if err := shelf.Move(m); err != nil {
					t.Error(err)
				}
			}
			if s, _ := shelf.Stock(a); s.OnHand != 2 || s.Held != 1 || s.Available() != 1 {
				t.Errorf("moved to %+v", s)
			}
			return struct{}{}, shelf.WriteTx(ctx, tx, w.clock.Now())
		})
		must(t, err)
		after := w.stock(t, a)
		if after.OnHand != 2 || after.Held != 1 || after.Version != beforeA.Version+1 || !after.ChangedAt.Equal(w.clock.Now()) {
			t.Errorf("%+v became %+v", beforeA, after)
		}
		if got := w.stock(t, b); got != beforeB {
			t.Errorf("what did not move became %+v", got)
		}
	})
}

// TestShelfRollsBack wants nothing to be left of a transaction that failed after its movements.
func TestShelfRollsBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		a := w.variant(t, 10, 4)
		before := w.stock(t, a)
		_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			shelf, err := inventory.LockTx(ctx, tx, []typeid.Variant{a})
			must(t, err)
			must(t, shelf.Move(inventory.Hold(a, 1, typeid.New[typeid.Order](w.clock.Now()))))
			must(t, shelf.WriteTx(ctx, tx, w.clock.Now()))
			return struct{}{}, context.Canceled
		})
		if err == nil || w.stock(t, a) != before {
			t.Errorf("got %v, %+v", err, w.stock(t, a))
		}
	})
}
