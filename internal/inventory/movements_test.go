package inventory_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ent/stockmovement"
	"holdfast/internal/fault"
	"holdfast/internal/inventory"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

func TestMovementsOf(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, order := t.Context(), typeid.New[typeid.Order](w.clock.Now())
		v, other, none := w.variant(t, 10, 0), w.variant(t, 3, 0), w.variant(t, 0, 0)
		start := w.clock.Now()
		w.clock.Advance(time.Second)
		w.move(t, inventory.Hold(v, 4, order), inventory.Release(v, 1, order), inventory.Sell(v, 3, order))
		w.clock.Advance(time.Second)
		w.move(t, inventory.Return(v, 2, order, w.owner.Staff, "damaged"), inventory.Hold(other, 1, order))
		w.clock.Advance(time.Second)
		_, err := w.inventory.Adjust(ctx, w.owner, inventory.AdjustInput{VariantID: v.String(), OnHand: new(20), Reason: "盘点", IdempotencyKey: w.key()})
		must(t, err)
		record := func(kind inventory.Kind, onHand, held int, o *typeid.Order, s *typeid.Staff, reason *string, version int64, after time.Duration) *inventory.Record {
			return &inventory.Record{
				ShopID: w.shop, VariantID: v, Kind: kind, OnHandDelta: onHand, HeldDelta: held, OrderID: o, StaffID: s, Reason: reason,
				Version: version, CreatedAt: start.Add(after),
			}
		}
		want := []*inventory.Record{
			record(inventory.Adjusted, 11, 0, nil, &w.owner.Staff, new("盘点"), 5, 3*time.Second),
			record(inventory.Returned, 2, 0, &order, &w.owner.Staff, new("damaged"), 4, 2*time.Second),
			record(inventory.Sold, -3, -3, &order, nil, nil, 3, time.Second),
			record(inventory.Released, 0, -1, &order, nil, nil, 3, time.Second),
			record(inventory.Held, 0, 4, &order, nil, nil, 3, time.Second),
			record(inventory.Received, 10, 0, nil, &w.owner.Staff, nil, 2, 0),
		}
		all := w.records(t, v)
		if d := cmp.Diff(want, all, cmp.Comparer(func(a, b inventory.Record) bool {
			a.ID, b.ID = typeid.Movement{}, typeid.Movement{}
			at := a.CreatedAt.Equal(b.CreatedAt)
			a.CreatedAt = b.CreatedAt
			return at && equal(a.OrderID, b.OrderID) && equal(a.StaffID, b.StaffID) && equal(a.Reason, b.Reason) &&
				blank(a) == blank(b)
		})); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		var read []*inventory.Record
		q := page.Query{First: 4}
		for range 2 {
			got, err := w.inventory.MovementsOf(ctx, []typeid.Variant{other, v, none}, q)
			must(t, err)
			if q.After.IsZero() && (len(got[other].Items) != 2 || got[other].HasNext || len(got[none].Items) != 0) {
				t.Errorf("of others: %+v", got)
			}
			read = append(read, got[v].Items...)
			if got[v].HasNext != (len(read) == 4) {
				t.Errorf("%d of 6 read, more: %v", len(read), got[v].HasNext)
			}
			q.After = read[len(read)-1].ID.UUID
		}
		if len(read) != 6 || read[5].ID != all[5].ID {
			t.Errorf("read %d in pages", len(read))
		}
		if _, err := w.inventory.MovementsOf(ctx, []typeid.Variant{v}, page.Query{First: 101}); !fault.Is(err, fault.BadRequest) {
			t.Errorf("101 at a time: %v", err)
		}
		w.checkVersions(t)
	})
}

func equal[T comparable](a, b *T) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// blank is a record without what it points to.
func blank(r inventory.Record) inventory.Record {
	r.OrderID, r.StaffID, r.Reason = nil, nil, nil
	return r
}

// TestEachMovement exports a shop whose movements fill several pages, within one variant and across many.
func TestEachMovement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.move(t, inventory.Hold(w.foreign(t), 1, typeid.New[typeid.Order](w.clock.Now())))
		counts := []int{3, 2100, 0, 950, 1, 1000, 60}
		want, made := make(map[string]int), 0
		var few typeid.Variant
		for _, n := range counts {
			v := w.variant(t, 0, 0)
			var rows []inventory.Movement
			for i := range n {
				delta := 1 - i%2*2
				rows = append(rows, inventory.Movement{Variant: v, Kind: inventory.Adjusted, OnHand: delta})
			}
			if n > 0 {
				w.move(t, rows...)
			}
			made += n
			want["key-"+strconv.FormatInt(w.keys.Load(), 10)] = n
			if n == 3 {
				few = v
			}
		}
		delete(want, "key-4") // it has none
		got := make(map[string]int)
		seen := make(map[typeid.Movement]bool)
		var last inventory.Exported
		must(t, w.inventory.EachMovement(t.Context(), w.shop, nil, nil, func(m *inventory.Exported) error {
			if c := last.VariantID.Compare(m.VariantID.UUID); c > 0 || c == 0 && last.ID.Compare(m.ID.UUID) >= 0 {
				t.Errorf("%s comes after %s", m.ID, last.ID)
			}
			last = *m
			got[m.SKU]++
			seen[m.ID] = true
			return nil
		}))
		if d := cmp.Diff(want, got); d != "" || len(seen) != made {
			t.Errorf("%d of %d (-want +got):\n%s", len(seen), made, d)
		}

		w.clock.Advance(time.Minute)
		from := w.clock.Now()
		w.move(t, inventory.Return(few, 1, typeid.New[typeid.Order](from), typeid.Staff{}, ""))
		w.clock.Advance(time.Minute)
		before := w.clock.Now()
		w.move(t, inventory.Return(few, 2, typeid.New[typeid.Order](before), typeid.Staff{}, ""))
		for _, tc := range []struct {
			from, before *time.Time
			want         int
		}{{nil, nil, made + 2}, {&from, nil, 2}, {nil, &before, made + 1}, {&from, &before, 1}, {&before, &from, 0}} {
			n := 0
			for _, zone := range []string{"UTC", "Asia/Shanghai"} {
				in, err := time.LoadLocation(zone)
				must(t, err)
				shift := func(at *time.Time) *time.Time {
					if at == nil {
						return nil
					}
					return new(at.In(in))
				}
				must(t, w.inventory.EachMovement(t.Context(), w.shop, shift(tc.from), shift(tc.before), func(*inventory.Exported) error {
					n++
					return nil
				}))
			}
			if n != 2*tc.want {
				t.Errorf("from %v before %v: %d in two zones, want %d in each", tc.from, tc.before, n, tc.want)
			}
		}
		stop, n := errors.New("enough"), 0
		if err := w.inventory.EachMovement(t.Context(), w.shop, nil, nil, func(*inventory.Exported) error {
			if n++; n == 5 {
				return stop
			}
			return nil
		}); !errors.Is(err, stop) || n != 5 {
			t.Errorf("stopped after %d with %v", n, err)
		}
		if n, err := w.db.StockMovement.Query().Where(stockmovement.ShopID(w.shop)).Count(t.Context()); err != nil || n != made+2 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}
