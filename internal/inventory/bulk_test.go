package inventory_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// brief is a verdict in a few words: what is on hand, or the refusal and where.
func brief(verdicts []inventory.BulkVerdict) []string {
	out := []string{}
	for _, v := range verdicts {
		l := fault.List(v.Err)
		switch {
		case len(l) == 1 && v.Stock == nil:
			e := l[0].Refused()
			out = append(out, fmt.Sprintf("%s %s: %s", e.Code, strings.Join(e.Field, "."), e))
		case v.Err == nil && v.Stock != nil && v.Stock.VariantID.String() == v.VariantID:
			out = append(out, fmt.Sprintf("%d on hand", v.Stock.OnHand))
		default:
			out = append(out, fmt.Sprintf("%+v", v))
		}
	}
	return out
}

func count(v typeid.Variant, n int) inventory.BulkLine {
	return inventory.BulkLine{VariantID: v.String(), OnHand: &n}
}

func (w *world) bulk(lines ...inventory.BulkLine) inventory.BulkInput {
	return inventory.BulkInput{IdempotencyKey: w.key(), Reason: "count", Lines: lines}
}

// TestAdjustManyVerdicts refuses lines for each reason there is, between lines that are good.
func TestAdjustManyVerdicts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		v := make([]typeid.Variant, 8)
		for i := range v {
			v[i] = w.variant(t, 10, 4)
		}
		foreign := w.foreign(t)
		at, stale := w.stock(t, v[1]).Version, w.stock(t, v[2]).Version-1
		w.told = nil
		w.clock.Advance(time.Second)
		in := w.bulk(
			count(v[0], 25),
			inventory.BulkLine{VariantID: v[1].String(), Delta: new(-6), IfVersion: &at},
			inventory.BulkLine{VariantID: v[2].String(), Delta: new(1), IfVersion: &stale},
			count(v[3], 3),
			count(v[0], 26),
			inventory.BulkLine{VariantID: "nonsense", Delta: new(1)},
			count(foreign, 1),
			inventory.BulkLine{VariantID: v[4].String()},
			inventory.BulkLine{VariantID: v[5].String(), Delta: new(inventory.MaxOnHand)},
			count(v[6], -1),
			count(v[7], 10), // as many as there are
			count(typeid.New[typeid.Variant](w.clock.Now()), 1),
		)
		want := []string{
			"25 on hand", "4 on hand",
			"VERSION_MISMATCH input.lines.2.ifVersion: the stock has changed since; read it again",
			"CONFLICT input.lines.3.onHand: 4 are held for orders; no fewer can be on hand",
			"INVALID input.lines.4.variantId: name each variant once",
			"NOT_FOUND input.lines.5.variantId: there is no such variant",
			"NOT_FOUND input.lines.6.variantId: there is no such variant",
			"INVALID input.lines.7: give exactly one of onHand and delta",
			"INVALID input.lines.8.delta: at most 1000000 can be on hand",
			"INVALID input.lines.9.onHand: onHand must be 0 to 1000000",
			"10 on hand",
			"NOT_FOUND input.lines.11.variantId: there is no such variant",
		}
		got, err := w.inventory.AdjustMany(t.Context(), w.owner, in)
		must(t, err)
		if d := cmp.Diff(want, brief(got)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		for i, id := range v {
			moved := i < 2
			if s := w.stock(t, id); (s.Version == 4) != moved || s.ChangedAt.Equal(w.clock.Now()) != moved {
				t.Errorf("variant %d is at %+v", i, s)
			}
		}
		if len(w.told) != 2 {
			t.Errorf("told %+v", w.told)
		}
		if n := w.stock(t, foreign).OnHand; n != 10 {
			t.Errorf("%d on hand in another shop", n)
		}

		// much happens, and the same request is sent again
		for i := range 2 {
			w.move(t, inventory.Sell(v[i], 1, typeid.New[typeid.Order](w.clock.Now())))
		}
		w.move(t, inventory.Release(v[3], 4, typeid.New[typeid.Order](w.clock.Now()))) // now it could be done
		want[0], want[1] = "24 on hand", "3 on hand"
		again, err := w.inventory.AdjustMany(t.Context(), w.owner, in)
		must(t, err)
		if d := cmp.Diff(want, brief(again)); d != "" {
			t.Errorf("a repeat (-want +got):\n%s", d)
		}
		for i := range got {
			if got[i].Err != nil && cmp.Diff(fault.List(got[i].Err)[0].Refused(), fault.List(again[i].Err)[0].Refused()) != "" {
				t.Errorf("line %d was refused with %#v, and then with %#v", i, got[i].Err, again[i].Err)
			}
		}
		in.Lines[0].OnHand = new(26)
		if _, err := w.inventory.AdjustMany(t.Context(), w.owner, in); !fault.Is(err, fault.IdempotencyKeyReused) {
			t.Errorf("another input: %v", err)
		}
		if n := w.count(t, "SELECT COUNT(*) FROM stock_movements WHERE kind = 'ADJUSTED'"); n != 2 {
			t.Errorf("%d movements", n)
		}
		if d := cmp.Diff([]string{fmt.Sprintf(
			`stockAdjustMany %s {"reason":"count","adjusted":3,"refused":3,"lines":[{"variantId":"%s","onHand":25,"delta":15},{"variantId":"%s","onHand":4,"delta":-6},{"variantId":"%s","onHand":10,"delta":0}]}`,
			w.shop, v[0], v[1], v[7])}, w.audit(t)); d != "" {
			t.Errorf("audit log (-want +got):\n%s", d)
		}
	})
}

func TestAdjustManyRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		v := w.variant(t, 10, 4)
		many := make([]inventory.BulkLine, inventory.MaxBulk+1)
		for want, in := range map[string]inventory.BulkInput{
			"INVALID input.lines":          {IdempotencyKey: "k", Reason: "r"},
			"TOO_MANY input.lines":         {IdempotencyKey: "k", Reason: "r", Lines: many},
			"INVALID input.reason":         {IdempotencyKey: "k", Reason: " ", Lines: []inventory.BulkLine{count(v, 1)}},
			"INVALID input.idempotencyKey": {IdempotencyKey: "", Reason: "r", Lines: []inventory.BulkLine{count(v, 1)}},
		} {
			got, err := w.inventory.AdjustMany(t.Context(), w.owner, in)
			if l := fault.List(err); got != nil || len(l) != 1 || string(l[0].Refused().Code)+" "+strings.Join(l[0].Refused().Field, ".") != want {
				t.Errorf("got %+v, %v; want %s", got, err, want)
			}
		}
		// a key of which nothing was done is free
		in := w.bulk(count(v, 3))
		got, err := w.inventory.AdjustMany(t.Context(), w.owner, in)
		if must(t, err); !fault.Is(got[0].Err, fault.Conflict) {
			t.Errorf("got %+v", got)
		}
		in.Lines[0].OnHand = new(4)
		got, err = w.inventory.AdjustMany(t.Context(), w.owner, in)
		if must(t, err); got[0].Err != nil || got[0].Stock.OnHand != 4 {
			t.Errorf("got %+v", got)
		}
		if len(w.audit(t)) != 1 {
			t.Errorf("audit log %v", w.audit(t))
		}
	})
}

// TestAdjustManyRights wants each line to be a matter of its own shop, also when the request is sent again.
func TestAdjustManyRights(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		here, there := w.variant(t, 10, 0), w.foreign(t)
		both := w.owner.WithRole(w.stock(t, there).ShopID, identity.Clerk)
		in := w.bulk(count(here, 11), count(there, 12))
		got, err := w.inventory.AdjustMany(t.Context(), both, in)
		must(t, err)
		if d := cmp.Diff([]string{"11 on hand", "12 on hand"}, brief(got)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if log := w.audit(t); len(log) != 2 {
			t.Errorf("audit log %v", log)
		}
		for name, who := range map[string]identity.Principal{
			"nobody": {}, "an operator": {Staff: w.owner.Staff, Operator: true}, "a buyer": {Buyer: typeid.New[typeid.Buyer](w.clock.Now())},
		} {
			got, err := w.inventory.AdjustMany(t.Context(), who, w.bulk(count(here, 1), count(there, 1)))
			if must(t, err); !fault.Is(got[0].Err, fault.NotFound) || !fault.Is(got[1].Err, fault.NotFound) {
				t.Errorf("%s: %+v", name, got)
			}
		}
		got, err = w.inventory.AdjustMany(t.Context(), w.owner, in) // who works in the other shop no more
		if must(t, err); got[0].Err != nil || !fault.Is(got[1].Err, fault.NotFound) {
			t.Errorf("got %+v", got)
		}
	})
}

// TestAdjustManyMost adjusts as many as may be, all refused but one, and remembers it.
func TestAdjustManyMost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		var (
			lines []inventory.BulkLine
			held  []inventory.Movement
		)
		stale := int64(99)
		for _, v := range w.variants(t, inventory.MaxBulk, 10) {
			lines = append(lines, inventory.BulkLine{VariantID: v.String(), OnHand: new(1), IfVersion: &stale})
			held = append(held, inventory.Hold(v, 5, typeid.New[typeid.Order](w.clock.Now())))
		}
		w.move(t, held...)
		lines[7].IfVersion, lines[7].OnHand, lines[9].IfVersion = nil, new(9), nil
		in := w.bulk(lines...)
		first, err := w.inventory.AdjustMany(t.Context(), w.owner, in)
		must(t, err)
		again, err := w.inventory.AdjustMany(t.Context(), w.owner, in)
		must(t, err)
		if d := cmp.Diff(brief(first), brief(again)); d != "" || first[7].Stock == nil || !fault.Is(first[9].Err, fault.Conflict) {
			t.Errorf("%+v, %+v (-want +got):\n%s", first[7], first[9], d)
		}
	})
}

// TestRaceAdjustMany runs requests over the same variants in shuffled orders, beside checkouts that hold and sell them, and
// some requests twice: nothing is lost, nothing happens twice, and nobody waits for a circle.
func TestRaceAdjustMany(t *testing.T) {
	t.Parallel()
	eachRace(t, func(t *testing.T, w *world) {
		v := w.variants(t, 10, 1000)
		at := w.stock(t, v[0]).Version
		var won, held atomic.Int64
		atOnce(40, func(n int) {
			order := slices.Clone(v)
			for i := range order { // as many orders as goroutines
				j := (i*7 + n) % len(order)
				order[i], order[j] = order[j], order[i]
			}
			if n%4 == 3 {
				var moves []inventory.Movement
				for _, id := range order {
					moves = append(moves, inventory.Hold(id, 2, typeid.New[typeid.Order](w.clock.Now())), inventory.Sell(id, 1, typeid.New[typeid.Order](w.clock.Now())))
				}
				w.move(t, moves...)
				held.Add(1)
				return
			}
			in := w.bulk()
			in.IdempotencyKey = fmt.Sprintf("bulk-%d", n/2)
			for _, id := range v {
				in.Lines = append(in.Lines, inventory.BulkLine{VariantID: id.String(), Delta: new(5)})
			}
			if n/2%2 == 0 {
				slices.Reverse(in.Lines)
			}
			in.Lines[slices.IndexFunc(in.Lines, func(l inventory.BulkLine) bool { return l.VariantID == v[0].String() })].IfVersion = &at
			got, err := w.inventory.AdjustMany(t.Context(), w.owner, in)
			if err != nil {
				t.Error(err)
			}
			for _, g := range got {
				switch {
				case g.Err == nil && g.VariantID == v[0].String():
					won.Add(1)
				case g.Err != nil && (g.VariantID != v[0].String() || !fault.Is(g.Err, fault.VersionMismatch)):
					t.Error(g.Err)
				}
			}
		})
		// 40 calls: 10 are checkouts; of the other 30, keys n/2: 0 to 19, those of even n/2 sent twice
		keys := int64(20)
		if got := w.stock(t, v[1]); got.OnHand != 1000+5*int(keys)-int(held.Load()) || got.Held != int(held.Load()) || got.Version != at+keys+held.Load() {
			t.Errorf("%+v after %d checkouts", got, held.Load())
		}
		if got := w.stock(t, v[0]); got.OnHand != 1000-int(held.Load())+5*int(min(1, won.Load())) || won.Load() > 2 {
			t.Errorf("%+v: %d told that the version was right", got, won.Load())
		}
		w.checkVersions(t)
	})
}

// TestRaceAdjustManySameKey sends one request many times at once: it happens once, and all are told the same.
func TestRaceAdjustManySameKey(t *testing.T) {
	t.Parallel()
	eachRace(t, func(t *testing.T, w *world) {
		a, b := w.variant(t, 10, 5), w.variant(t, 10, 5)
		in := w.bulk(inventory.BulkLine{VariantID: a.String(), Delta: new(-3)}, inventory.BulkLine{VariantID: b.String(), Delta: new(-6)})
		var (
			mu   sync.Mutex
			told = make(map[string]int)
		)
		atOnce(20, func(int) {
			got, err := w.inventory.AdjustMany(t.Context(), w.owner, in)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			told[strings.Join(brief(got), ", ")]++
		})
		want := map[string]int{"7 on hand, CONFLICT input.lines.1.delta: 5 are held for orders; no fewer can be on hand": 20}
		if d := cmp.Diff(want, told); d != "" || w.stock(t, a).OnHand != 7 {
			t.Errorf("%+v (-want +got):\n%s", w.stock(t, a), d)
		}
	})
}
