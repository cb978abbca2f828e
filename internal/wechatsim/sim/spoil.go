package sim

import "time"

// Misreport has trade bills say of an order that so much was paid, or below 0 nothing at all of it, for tests of those who read them; false
// when there is no such order. What was really paid stays as it is.
func (s *Sim) Misreport(merchant, number string, total int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trades[tradeKey{merchant, number}]
	if t == nil {
		return false
	}
	t.billed = &total
	return true
}

// Invent moves money of a merchant that nobody asked for: a share of so much that goes out under a number, which its fund-flow bill has
// at that moment.
func (s *Sim) Invent(merchant, number string, amount int64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[merchant]
	a.move(s, -amount, flow{name: "分账", kind: "分账", business: s.id("3000"), voucher: number})
	a.flows[len(a.flows)-1].at = at
}

// inBill is what bills say was paid.
func (t *trade) inBill() int64 {
	if t.billed != nil {
		return *t.billed
	}
	return t.total
}
