package inventory_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

func TestAdjust(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		v := w.variant(t, 10, 4)
		for _, tc := range []struct {
			name  string
			in    inventory.AdjustInput
			stays bool // on hand 10, held 4, at the same version
			want  int
			code  fault.Code
			field string
		}{
			{"counted more", inventory.AdjustInput{OnHand: new(25)}, false, 25, "", ""},
			{"counted as many", inventory.AdjustInput{OnHand: new(10)}, true, 10, "", ""},
			{"counted what is held", inventory.AdjustInput{OnHand: new(4)}, false, 4, "", ""},
			{"counted less than is held", inventory.AdjustInput{OnHand: new(3)}, true, 0, fault.Conflict, "onHand"},
			{"counted none", inventory.AdjustInput{OnHand: new(0)}, true, 0, fault.Conflict, "onHand"},
			{"counted less than none", inventory.AdjustInput{OnHand: new(-1)}, true, 0, fault.Invalid, "onHand"},
			{"counted the most", inventory.AdjustInput{OnHand: new(inventory.MaxOnHand)}, false, inventory.MaxOnHand, "", ""},
			{"counted more than the most", inventory.AdjustInput{OnHand: new(inventory.MaxOnHand + 1)}, true, 0, fault.Invalid, "onHand"},
			{"some more", inventory.AdjustInput{Delta: new(5)}, false, 15, "", ""},
			{"some less", inventory.AdjustInput{Delta: new(-6)}, false, 4, "", ""},
			{"less than is held", inventory.AdjustInput{Delta: new(-7)}, true, 0, fault.Conflict, "delta"},
			{"up to the most", inventory.AdjustInput{Delta: new(inventory.MaxOnHand - 10)}, false, inventory.MaxOnHand, "", ""},
			{"beyond the most", inventory.AdjustInput{Delta: new(inventory.MaxOnHand - 9)}, true, 0, fault.Invalid, "delta"},
			{"far beyond the most", inventory.AdjustInput{Delta: new(1 << 62)}, true, 0, fault.Invalid, "delta"},
			{"far below", inventory.AdjustInput{Delta: new(-1 << 63)}, true, 0, fault.Invalid, "delta"},
			{"no change", inventory.AdjustInput{Delta: new(0)}, true, 0, fault.Invalid, "delta"},
			{"both", inventory.AdjustInput{OnHand: new(11), Delta: new(1)}, true, 0, fault.Invalid, ""},
			{"neither", inventory.AdjustInput{}, true, 0, fault.Invalid, ""},
			{"no reason", inventory.AdjustInput{Delta: new(1), Reason: "-"}, true, 0, fault.Invalid, "reason"},
			{"a blank reason", inventory.AdjustInput{Delta: new(1), Reason: " \u3000"}, true, 0, fault.Invalid, "reason"},
			{"a long reason", inventory.AdjustInput{Delta: new(1), Reason: strings.Repeat("数", 500)}, false, 11, "", ""},
			{"a longer reason", inventory.AdjustInput{Delta: new(1), Reason: strings.Repeat("数", 501)}, true, 0, fault.Invalid, "reason"},
			{"no key", inventory.AdjustInput{Delta: new(1), IdempotencyKey: "-"}, true, 0, fault.Invalid, "idempotencyKey"},
			{"a bad key", inventory.AdjustInput{Delta: new(1), IdempotencyKey: "a b"}, true, 0, fault.Invalid, "idempotencyKey"},
		} {
			if tc.in.VariantID = v.String(); tc.in.Reason == "" {
				tc.in.Reason = "count"
			}
			if tc.in.IdempotencyKey == "" {
				tc.in.IdempotencyKey = w.key()
			}
			if tc.in.Reason == "-" {
				tc.in.Reason = ""
			}
			if tc.in.IdempotencyKey == "-" {
				tc.in.IdempotencyKey = ""
			}
			w.clock.Advance(time.Second)
			before := w.stock(t, v)
			got, err := w.inventory.Adjust(t.Context(), w.owner, tc.in)
			after := w.stock(t, v)
			if tc.code != "" {
				field := []string{"input", tc.field}[:1+len(tc.field)/max(1, len(tc.field))]
				if l := fault.List(err); got != nil || len(l) != 1 || l[0].Refused().Code != tc.code || cmp.Diff(field, l[0].Refused().Field) != "" {
					t.Errorf("%s: %+v, %v", tc.name, got, err)
				}
			} else if err != nil || got.OnHand != tc.want || got.Held != 4 || !same(*got, after) {
				t.Errorf("%s: %+v, %v; the row is %+v", tc.name, got, err, after)
			}
			if moved := after.Version != before.Version; moved == tc.stays || moved && (after.Version != before.Version+1 || !after.ChangedAt.Equal(w.clock.Now())) {
				t.Errorf("%s: %+v became %+v", tc.name, before, after)
			}
			if back := 10 - after.OnHand; back != 0 { // as it was, for the next
				_, err := w.inventory.Adjust(t.Context(), w.owner, inventory.AdjustInput{VariantID: v.String(), Delta: &back, Reason: "back", IdempotencyKey: w.key()})
				must(t, err)
			}
		}
		if n := w.count(t, "SELECT COUNT(*) FROM stock_movements WHERE kind = 'ADJUSTED' AND (staff_id IS NULL OR reason IS NULL OR order_id IS NOT NULL)"); n != 0 {
			t.Errorf("%d adjustments do not say who and why", n)
		}
	})
}

func TestAdjustIfVersion(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		v := w.variant(t, 10, 0)
		at := w.stock(t, v).Version
		adjust := func(version int64, key string) error {
			_, err := w.inventory.Adjust(t.Context(), w.owner, inventory.AdjustInput{VariantID: v.String(), Delta: new(1), IfVersion: &version, Reason: "count", IdempotencyKey: key})
			return err
		}
		for _, wrong := range []int64{at - 1, at + 1, 0, -1} {
			if err := adjust(wrong, "key"); !fault.Is(err, fault.VersionMismatch) {
				t.Errorf("at version %d of %d: %v", wrong, at, err)
			}
		}
		must(t, adjust(at, "key"))
		must(t, adjust(at, "key")) // a repeat asks for nothing any more
		if err := adjust(at, "other"); !fault.Is(err, fault.VersionMismatch) {
			t.Errorf("at the version before: %v", err)
		}
		if got := w.stock(t, v).OnHand; got != 11 {
			t.Errorf("%d on hand", got)
		}
	})
}

// TestAdjustRights wants a variant to be absent for all who do not work for its shop.
func TestAdjustRights(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		v := w.variant(t, 10, 0)
		elsewhere := identity.Principal{Staff: typeid.New[typeid.Staff](w.clock.Now())}.WithRole(typeid.New[typeid.Shop](w.clock.Now()), identity.Owner)
		for name, tc := range map[string]struct {
			who  identity.Principal
			id   string
			want fault.Code
		}{
			"the owner":          {w.owner, v.String(), ""},
			"a clerk":            {w.staff(identity.Clerk), v.String(), ""},
			"nobody":             {identity.Principal{}, v.String(), fault.NotFound},
			"a buyer":            {identity.Principal{Buyer: typeid.New[typeid.Buyer](w.clock.Now())}, v.String(), fault.NotFound},
			"an owner elsewhere": {elsewhere, v.String(), fault.NotFound},
			"no variant":         {w.owner, typeid.New[typeid.Variant](w.clock.Now()).String(), fault.NotFound},
			"no id":              {w.owner, "nonsense", fault.NotFound},
			"an id of a shop":    {w.owner, w.shop.String(), fault.NotFound},
		} {
			_, err := w.inventory.Adjust(t.Context(), tc.who, inventory.AdjustInput{VariantID: tc.id, Delta: new(1), Reason: "count", IdempotencyKey: w.key()})
			if tc.want == "" {
				must(t, err)
			} else if !fault.Is(err, tc.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := w.stock(t, v).OnHand; got != 12 {
			t.Errorf("%d on hand", got)
		}
	})
}

func TestAdjustRepeated(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, v, other := t.Context(), w.variant(t, 10, 4), w.variant(t, 10, 0)
		base := inventory.AdjustInput{VariantID: v.String(), Delta: new(5), Reason: "count", IdempotencyKey: "key"}
		refused := base
		refused.Delta = new(-7)
		if _, err := w.inventory.Adjust(ctx, w.owner, refused); !fault.Is(err, fault.Conflict) {
			t.Fatalf("got %v", err)
		}
		for range 3 { // what was refused left the key free
			got, err := w.inventory.Adjust(ctx, w.owner, base)
			if err != nil || got.OnHand != 15 {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		w.move(t, inventory.Sell(v, 2, typeid.New[typeid.Order](w.clock.Now())))
		got, err := w.inventory.Adjust(ctx, w.owner, base)
		if err != nil || got.OnHand != 13 {
			t.Errorf("a repeat gives %+v, %v; want the stock as it stands now", got, err)
		}
		version := int64(1)
		for name, change := range map[string]func(in *inventory.AdjustInput){
			"delta":     func(in *inventory.AdjustInput) { in.Delta = new(6) },
			"onHand":    func(in *inventory.AdjustInput) { in.Delta, in.OnHand = nil, new(5) },
			"variant":   func(in *inventory.AdjustInput) { in.VariantID = other.String() },
			"reason":    func(in *inventory.AdjustInput) { in.Reason = "other" },
			"ifVersion": func(in *inventory.AdjustInput) { in.IfVersion = &version },
		} {
			in := base
			change(&in)
			if _, err := w.inventory.Adjust(ctx, w.owner, in); !fault.Is(err, fault.IdempotencyKeyReused) {
				t.Errorf("another %s: %v", name, err)
			}
		}
		got, err = w.inventory.Adjust(ctx, w.staff(identity.Clerk), base) // a key is each person's own
		if err != nil || got.OnHand != 18 {
			t.Errorf("somebody else's key: %+v, %v", got, err)
		}
	})
}

// TestRaceAdjustSameKey sends one adjustment many times at once, and others beside it: each has one effect.
func TestRaceAdjustSameKey(t *testing.T) {
	t.Parallel()
	eachRace(t, func(t *testing.T, w *world) {
		v := w.variant(t, 100, 0)
		var other atomic.Int64
		atOnce(60, func(i int) {
			in := inventory.AdjustInput{VariantID: v.String(), Delta: new(10), Reason: "count", IdempotencyKey: "one"}
			if i%3 == 2 {
				in.Delta, in.IdempotencyKey = new(-1), w.key()
				other.Add(-1)
			}
			if _, err := w.inventory.Adjust(t.Context(), w.owner, in); err != nil {
				t.Error(err)
			}
		})
		if got, want := w.stock(t, v).OnHand, 110+int(other.Load()); got != want {
			t.Errorf("%d on hand, want %d", got, want)
		}
	})
}

// TestRaceAdjustRefusedKey sends requests of one key at once of which all but one value are refused: the key stays free until
// one succeeds.
func TestRaceAdjustRefusedKey(t *testing.T) {
	t.Parallel()
	eachRace(t, func(t *testing.T, w *world) {
		v := w.variant(t, 10, 5)
		var done atomic.Int64
		atOnce(30, func(i int) {
			in := inventory.AdjustInput{VariantID: v.String(), Delta: new(-6), Reason: "count", IdempotencyKey: "one"}
			if i%2 == 0 {
				in.Delta = new(-5)
			}
			_, err := w.inventory.Adjust(t.Context(), w.owner, in)
			switch {
			case err == nil:
				done.Add(1)
			case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.IdempotencyKeyReused):
				t.Error(err)
			}
		})
		if got := w.stock(t, v).OnHand; got != 5 || done.Load() != 15 {
			t.Errorf("%d on hand after %d answers", got, done.Load())
		}
	})
}

// TestRaceAdjustReusedKey uses one key for adjustments of different variants at once, which wait for no common stock: one is done,
// and the others are told that the key was used.
func TestRaceAdjustReusedKey(t *testing.T) {
	t.Parallel()
	eachRace(t, func(t *testing.T, w *world) {
		v := w.variants(t, 20, 10)
		var done atomic.Int64
		atOnce(len(v), func(i int) {
			in := inventory.AdjustInput{VariantID: v[i].String(), Delta: new(1), Reason: "count", IdempotencyKey: "one"}
			_, err := w.inventory.Adjust(t.Context(), w.owner, in)
			switch {
			case err == nil:
				done.Add(1)
			case !fault.Is(err, fault.IdempotencyKeyReused):
				t.Error(err)
			}
		})
		moved := w.count(t, "SELECT COUNT(*) FROM stocks WHERE on_hand = 11")
		if done.Load() != 1 || moved != 1 {
			t.Errorf("%d were done, and %d stocks moved", done.Load(), moved)
		}
	})
}
