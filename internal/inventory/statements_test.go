package inventory_test

import (
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// TestStatements counts what an adjustment costs: as much for many variants as for one.
func TestStatements(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		var sent atomic.Int64
		d := testdb.Open(t, source, db.Options{OnStatement: func(string) { sent.Add(1) }})
		w := newWorld(t, d, clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)))
		one, many := w.variant(t, 10, 0), w.variants(t, 50, 10)
		other := w.foreign(t)
		who := w.owner.WithRole(w.stock(t, other).ShopID, identity.Clerk)
		in := w.bulk(count(other, 12))
		for _, v := range many {
			in.Lines = append(in.Lines, count(v, 11))
		}
		refused := w.bulk(append([]inventory.BulkLine{count(typeid.New[typeid.Variant](w.clock.Now()), 1)}, in.Lines...)...)
		// read; lock, the key, the request, audit log, movements, stock
		cost(t, &sent, "one", 7, func() error {
			_, err := w.inventory.Adjust(t.Context(), who, inventory.AdjustInput{VariantID: one.String(), Delta: new(1), Reason: "count", IdempotencyKey: w.key()})
			return err
		})
		cost(t, &sent, "many, of two shops", 7, func() error {
			_, err := w.inventory.AdjustMany(t.Context(), who, in)
			return err
		})
		// read; lock, the key
		cost(t, &sent, "a repeat", 3, func() error {
			_, err := w.inventory.AdjustMany(t.Context(), who, in)
			return err
		})
		// nothing moves any more, so no movements and no stock; what was refused is remembered with the request
		cost(t, &sent, "one of many refused", 5, func() error {
			_, err := w.inventory.AdjustMany(t.Context(), who, refused)
			return err
		})
	})
}

func cost(t *testing.T, sent *atomic.Int64, name string, want int64, do func() error) {
	t.Helper()
	before := sent.Load()
	must(t, do())
	if got := sent.Load() - before; got != want {
		t.Errorf("%s: %d statements, want %d", name, got, want)
	}
}
