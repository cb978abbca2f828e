package checkout_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/ent"
	"holdfast/internal/cart"
	"holdfast/internal/checkout"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// buyers are n new buyers.
func (w *world) buyers(t *testing.T, n int) []identity.Principal {
	t.Helper()
	out := make([]identity.Principal, n)
	_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		buyers, carts := make([]*ent.BuyerCreate, n), make([]*ent.CartCreate, n)
		for i := range out {
			id := typeid.New[typeid.Buyer](w.clock.Now())
			out[i] = identity.Principal{Buyer: id, MiniProgram: w.mini}
			buyers[i] = tx.Buyer.Create().SetID(id).SetMiniProgramID(w.mini).SetOpenID(w.key()).SetCreatedAt(w.clock.Now())
			carts[i] = tx.Cart.Create().SetID(cart.IDOf(id)).SetVersion(1)
		}
		return struct{}{}, errors.Join(tx.Buyer.CreateBulk(buyers...).Exec(ctx), tx.Cart.CreateBulk(carts...).Exec(ctx))
	})
	must(t, err)
	return out
}

// rounds are how often a race is run: n times on MySQL, and a fifth of it on the others. SQLite is Go, so that the race
// detector watches all of it.
func (w *world) rounds(n int) int {
	if w.kind == testdb.MySQL {
		return n
	}
	return max(1, n/5)
}

// cancel cancels, however often it takes: the sandbox writes too, and so may not answer in time on a busy machine.
func (w *world) cancel(t *testing.T, who identity.Principal, c *checkout.Checkout) {
	t.Helper()
	_, err := w.Checkouts.Cancel(t.Context(), who, c.ID.String())
	for n := 0; n < 10 && fault.Is(err, fault.Conflict); n++ {
		_, err = w.Checkouts.Cancel(t.Context(), who, c.ID.String())
	}
	if err != nil {
		t.Errorf("cancel: %v", err)
	}
}

// lost tells whether a buyer lost to others, and wants nothing else to have gone wrong: no deadlock, no time-out.
func lost(t *testing.T, err error, code fault.Code) bool {
	t.Helper()
	if err != nil && !fault.Is(err, code) {
		t.Errorf("got %v, want %s or nothing", err, code)
	}
	return err != nil
}

// TestRaceLastUnit lets 200 buyers go for the last unit at once, twenty times: exactly one gets it.
func TestRaceLastUnit(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		buyers, rounds := w.buyers(t, 200), w.rounds(20)
		start := time.Now()
		for range rounds {
			last := w.variant(t, 0, 1999, 1)
			placed := make([]*checkout.Checkout, len(buyers))
			atOnce(len(buyers), func(i int) {
				var err error
				if placed[i], err = w.Checkouts.Place(t.Context(), buyers[i], checkout.Input{IdempotencyKey: last.String(), Lines: lines(last, 1)}); !lost(t, err, fault.OutOfStock) && placed[i] == nil {
					t.Error("nothing placed, nothing refused")
				}
			})
			winners := 0
			for i, p := range placed {
				if p == nil {
					continue
				}
				winners++
				w.sees(t, last, 1, 1)
				_, err := w.Checkouts.SandboxConfirm(t.Context(), buyers[i], p.Payment.ID.String())
				must(t, err)
			}
			if winners != 1 {
				t.Fatalf("%d buyers got the last unit", winners)
			}
			w.sees(t, last, 0, 0)
		}
		t.Logf("%d rounds of 200 buyers in %v", rounds, time.Since(start).Round(time.Millisecond))
	})
}

// TestRaceOverlappingCarts lets 64 buyers buy 5 of 8 variants each, in whatever order, until nothing is left, while those who
// got something pay or cancel.
func TestRaceOverlappingCarts(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		const onHand = 40
		variants := make([]typeid.Variant, 8)
		for i := range variants {
			variants[i] = w.variant(t, i%2, 100, onHand)
		}
		buyers := w.buyers(t, 64)
		sold := make(map[typeid.Variant]int)
		var mu sync.Mutex
		start := time.Now()
		atOnce(len(buyers), func(i int) {
			for range w.rounds(2) {
				var of []any
				for _, n := range rand.Perm(len(variants))[:5] {
					of = append(of, variants[n], 1)
				}
				in := w.buy(of...)
				if i%2 == 0 { // half of them by the cart
					w.fill(t, buyers[i], of...)
					in.Lines = nil
				}
				placed, err := w.Checkouts.Place(t.Context(), buyers[i], in)
				if lost(t, err, fault.OutOfStock) {
					continue
				}
				if rand.IntN(3) == 0 {
					w.cancel(t, buyers[i], placed)
				} else {
					_, err = w.Checkouts.SandboxConfirm(t.Context(), buyers[i], placed.Payment.ID.String())
					mu.Lock()
					for v, n := range w.bought(t, placed.ID) {
						sold[v] += n
					}
					mu.Unlock()
				}
				if err != nil {
					t.Errorf("pay: %v", err)
				}
			}
		})
		t.Logf("64 buyers of 5 variants, %d times each, in %v", w.rounds(2), time.Since(start).Round(time.Millisecond))
		for _, v := range variants {
			w.sees(t, v, onHand-sold[v], 0)
		}
	})
}

// TestRaceSameKeyOtherInput sends different inputs under one key at once: one is placed, the others are told.
func TestRaceSameKeyOtherInput(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		tea := w.variant(t, 0, 1999, 1000)
		for range 5 {
			who := w.buyer(t)
			var won atomic.Int64
			atOnce(16, func(i int) {
				in := checkout.Input{IdempotencyKey: "one", Lines: lines(tea, 1+i)}
				if _, err := w.Checkouts.Place(t.Context(), who, in); !lost(t, err, fault.IdempotencyKeyReused) {
					won.Add(1)
				}
			})
			if won.Load() != 1 {
				t.Errorf("%d inputs were placed under one key", won.Load())
			}
		}
	})
}

// TestRaceOverdue lets buyers go for the one unit whose hold has just ended, without a sweeper: exactly one gets it.
func TestRaceOverdue(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		buyers := w.buyers(t, 20)
		for range 5 {
			tea := w.variant(t, 0, 1999, 1)
			w.place(t, w.buyer(t), w.buy(tea, 1))
			w.clock.Advance(15 * time.Minute)
			var won atomic.Int64
			atOnce(len(buyers), func(i int) {
				if _, err := w.Checkouts.Place(t.Context(), buyers[i], w.buy(tea, 1)); !lost(t, err, fault.OutOfStock) {
					won.Add(1)
				}
			})
			if won.Load() > 1 {
				t.Errorf("%d buyers got one unit", won.Load())
			}
			if won.Load() == 0 { // those who lost the race to let it go may all have looked too early
				w.place(t, w.buyer(t), w.buy(tea, 1))
			}
			w.sees(t, tea, 1, 1)
		}
	})
}

// TestRaceAdjust changes the number on hand while buyers order, pay and cancel.
func TestRaceAdjust(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		tea := w.variant(t, 0, 1999, 30)
		owner, buyers := w.owner(0), w.buyers(t, 40)
		var onHand atomic.Int64
		onHand.Store(30)
		atOnce(60, func(i int) {
			ctx := t.Context()
			if i >= len(buyers) {
				delta := []int{-7, 5, -2, 3}[i%4]
				_, err := w.Inventory.Adjust(ctx, owner, inventory.AdjustInput{VariantID: tea.String(), Delta: &delta, Reason: "count", IdempotencyKey: w.key()})
				if !lost(t, err, fault.Conflict) {
					onHand.Add(int64(delta))
				}
				return
			}
			placed, err := w.Checkouts.Place(ctx, buyers[i], w.buy(tea, 1+i%3))
			if lost(t, err, fault.OutOfStock) {
				return
			}
			switch i % 3 {
			case 0:
				_, err = w.Checkouts.SandboxConfirm(ctx, buyers[i], placed.Payment.ID.String())
				onHand.Add(-1)
			case 1:
				w.cancel(t, buyers[i], placed)
			}
			if err != nil {
				t.Error(err)
			}
		})
		if got := w.stock(t, tea); got.OnHand != int(onHand.Load()) {
			t.Errorf("%d on hand, want %d", got.OnHand, onHand.Load())
		}
	})
}

// TestRaceCartEdits edits a cart while it is bought: always as many cups as teas, so every checkout has them too.
func TestRaceCartEdits(t *testing.T) {
	eachRace(t, func(t *testing.T, w *world) {
		tea, cup := w.variant(t, 0, 1999, 100_000), w.variant(t, 1, 50, 100_000)
		who := w.buyer(t)
		var (
			mu     sync.Mutex
			placed []*checkout.Checkout
		)
		atOnce(16, func(i int) {
			for n := range 5 {
				if i%2 == 0 {
					w.fill(t, who, tea, n+1, cup, n+1)
					continue
				}
				got, err := w.Checkouts.Place(t.Context(), who, checkout.Input{IdempotencyKey: w.key(), ShipTo: address()})
				if err != nil {
					for _, r := range fault.List(err) {
						switch r.Refused().Code {
						case fault.Invalid, fault.VersionMismatch, fault.HoldLimitReached: // empty, never at rest, too many
						default:
							t.Error(err)
						}
					}
					if fault.List(err) == nil {
						t.Error(err)
					}
					continue
				}
				mu.Lock()
				placed = append(placed, got)
				mu.Unlock()
				w.cancel(t, who, got)
			}
		})
		if len(placed) == 0 {
			t.Error("nothing was ever bought")
		}
		for _, p := range placed {
			if got := w.bought(t, p.ID); got[tea] != got[cup] || got[tea] == 0 {
				t.Errorf("bought %d teas and %d cups", got[tea], got[cup])
			}
		}
	})
}
