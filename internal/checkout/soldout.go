package checkout

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// soldOut remembers for a moment what a crowd has just been refused, so that the rest of it is refused without a look at goods, or a
// lock. What this process commits is forgotten at once, so that only what another one lets go may be told late, by no more than that
// moment.
type soldOut struct {
	moment time.Duration // 0 remembers nothing
	now    clock.Clock

	mu      sync.Mutex
	left    map[typeid.Variant]map[typeid.MiniProgram]remnant
	waiting map[buyerKey]bool // whose first request waits for its verdict
}

// remnant is what was left of a variant at a moment.
type remnant struct {
	available int
	at        time.Time
}

// maxRemnants bounds what is remembered; beyond it everything is forgotten.
const maxRemnants = 10_000

func newSoldOut(moment time.Duration, now clock.Clock) *soldOut {
	return &soldOut{
		moment: moment, now: now, left: make(map[typeid.Variant]map[typeid.MiniProgram]remnant), waiting: make(map[buyerKey]bool),
	}
}

// note remembers what a plan was short of.
func (s *soldOut) note(p *planned, short *inventory.ShortError) {
	if s.moment == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) >= maxRemnants {
		clear(s.left)
	}
	for _, v := range short.Shortages {
		if s.left[v.Variant] == nil {
			s.left[v.Variant] = make(map[typeid.MiniProgram]remnant)
		}
		s.left[v.Variant][p.mini] = remnant{available: v.Available, at: s.now()}
	}
}

// forget is told what was committed.
func (s *soldOut) forget(stocks []inventory.Stock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range stocks {
		delete(s.left, k.VariantID)
	}
}

// refuses refuses a request of which every line is known to be short; nil when the shelf has to be looked at, or when the first request
// with that key, which may win, has no verdict yet.
func (s *soldOut) refuses(p *planned, in Input) error {
	if s.moment == 0 || p.refusal != nil || in.CartVersion != nil { // which may be at fault first
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[buyerKey{p.buyer, p.key}] {
		return nil
	}
	if short := s.short(p.mini, in.Lines); short != nil {
		return short
	}
	s.waiting[buyerKey{p.buyer, p.key}] = true
	return nil
}

// decided is told of requests that have their verdict, or will have none.
func (s *soldOut) decided(moves ...move) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range moves {
		if m.place != nil {
			delete(s.waiting, buyerKey{m.place.buyer, m.place.key})
		}
	}
}

// short is the refusal of lines of which every one is known to be short.
func (s *soldOut) short(mini typeid.MiniProgram, lines []LineInput) *inventory.ShortError {
	if len(lines) == 0 || len(s.left) == 0 {
		return nil
	}
	now := s.now()
	var found []inventory.Shortage
	for i, l := range lines {
		named := func(before LineInput) bool { return before.VariantID == l.VariantID }
		id, ok := typeid.Parse[typeid.Variant](l.VariantID)
		known, remembered := s.left[id][mini]
		fresh := !now.Before(known.at) && now.Sub(known.at) < s.moment // a clock that is set back makes nothing last
		if !ok || !remembered || !fresh || l.Quantity > MaxQuantity || l.Quantity <= known.available || slices.ContainsFunc(lines[:i], named) {
			return nil
		}
		found = append(found, inventory.Shortage{Variant: id, Requested: l.Quantity, Available: known.available})
	}
	return shortOf(found)
}

// lookUp gives requests that are refused the checkouts that their keys have already.
func (c *Checkouts) lookUp(ctx context.Context, requests []*planned) ([]verdict, error) {
	return db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) ([]verdict, error) {
		known := newPast()
		if err := tx.ReadAll(ctx, known.lookUp(tx.ForShare(keysOf(tx, requests)))); err != nil {
			return nil, fmt.Errorf("look up idempotency keys: %w", err)
		}
		out := make([]verdict, len(requests))
		for i, p := range requests {
			v, again := known.repeat(p)
			if out[i] = v; !again {
				out[i].err = p.refusal
			}
		}
		return out, nil
	})
}

// shortOf is the refusal of what a checkout is short of.
func shortOf(found []inventory.Shortage) *inventory.ShortError {
	e := inventory.Short(found)
	e.Field = []string{"input", "lines"}
	return e
}
