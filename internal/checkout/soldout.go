package checkout

import (
	"slices"
	"sync"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/inventory"
	"holdfast/internal/typeid"
)

// soldOut remembers for a moment what a crowd has just been refused, so that refusing the rest of it reads and locks no goods. What
// this process commits is forgotten at once, so that only what another one lets go may be told late, by no more than that moment.
type soldOut struct {
	moment time.Duration // 0 remembers nothing
	now    clock.Clock

	mu   sync.Mutex
	left map[typeid.Variant]map[typeid.MiniProgram]remnant
}

// remnant is what was left of a variant at a moment, and the shop in whose line its buyers stand.
type remnant struct {
	available int
	shop      typeid.Shop
	at        time.Time
}

// maxRemnants bounds what is remembered; beyond it everything is forgotten.
const maxRemnants = 10_000

func newSoldOut(moment time.Duration, now clock.Clock) *soldOut {
	return &soldOut{moment: moment, now: now, left: make(map[typeid.Variant]map[typeid.MiniProgram]remnant)}
}

// note remembers what a plan was short of.
func (s *soldOut) note(p *planned, short *inventory.ShortError) {
	if s.moment == 0 {
		return
	}
	shops := make(map[typeid.Variant]typeid.Shop)
	for _, o := range p.plan.Orders {
		for _, l := range o.Lines {
			shops[l.Item.ID] = o.Shop
		}
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
		s.left[v.Variant][p.mini] = remnant{available: v.Available, shop: shops[v.Variant], at: s.now()}
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

// refuses refuses a request of which every line is known to be short.
func (s *soldOut) refuses(p *planned, in Input) bool {
	if in.CartVersion != nil {
		return false // which may be at fault first
	}
	short, shop := s.short(p.mini, in.Lines)
	if short == nil {
		return false
	}
	p.refusal, p.recalled, p.line = short, true, shop
	return true
}

// short is the refusal of lines of which every one is known to be short, and the shop whose turn it takes; nil when the shelf has to
// be looked at.
func (s *soldOut) short(mini typeid.MiniProgram, lines []LineInput) (*inventory.ShortError, typeid.Shop) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(lines) == 0 || len(s.left) == 0 {
		return nil, typeid.Shop{}
	}
	now := s.now()
	var found []inventory.Shortage
	var shop typeid.Shop
	for i, l := range lines {
		named := func(before LineInput) bool { return before.VariantID == l.VariantID }
		id, ok := typeid.Parse[typeid.Variant](l.VariantID)
		known, remembered := s.left[id][mini]
		fresh := !now.Before(known.at) && now.Sub(known.at) < s.moment // a clock that is set back makes nothing last
		if !ok || !remembered || !fresh || l.Quantity > MaxQuantity || l.Quantity <= known.available || slices.ContainsFunc(lines[:i], named) {
			return nil, typeid.Shop{}
		}
		if i == 0 {
			shop = known.shop
		}
		found = append(found, inventory.Shortage{Variant: id, Requested: l.Quantity, Available: known.available})
	}
	return shortOf(found), shop
}

// shortOf is the refusal of what a checkout is short of.
func shortOf(found []inventory.Shortage) *inventory.ShortError {
	e := inventory.Short(found)
	e.Field = []string{"input", "lines"}
	return e
}
