package sim

import (
	"fmt"
	"maps"
	"slices"
)

// Effects count what really happened, by name: pay, close, refund, refund.closed, share (one for each receiver), return, unfreeze, ship,
// message, login, token.
type Effects map[string]int

// Trade is what the simulator knows of one order. Amounts are fen.
type Trade struct {
	Merchant, SubMerchant, Number, Transaction, AppID, Payer, Description string
	Combined                                                              string // the combined order's number
	State                                                                 string
	Total, Fee, FeeBack                                                   int64
	Sharing                                                               bool
	// Unsplit is frozen and can be shared, Pending is on its way to receivers, Out is with them or on the way there.
	Unsplit, Pending, Out, Refunded int64
	Refunds                         []Refund
	Shares                          []Share
	Returns                         []Return
	// Shipped is what was uploaded of how the goods left; nil for nothing.
	Shipped *Shipped
}

// Shipped is how the goods of an order left.
type Shipped struct {
	Logistics, Mode int64 // as they are numbered in the documentation
	Complete        bool
	Parcels         []Parcel
}

// Parcel is one of those that were uploaded.
type Parcel struct{ Tracking, Company, Item, Contact string }

// Refund is one that was accepted.
type Refund struct {
	Number, ID, Status string
	Amount             int64
}

// Share is one receiver's part of a request to share, or what an unfreezing gave the payee.
type Share struct {
	Number, Account, Result, Reason string
	Amount                          int64
}

// Return is one that a receiver was asked for.
type Return struct {
	Number, ShareNumber, Account, Result string
	Amount                               int64
}

// Balance is the money of a merchant number; Frozen is a part of Total.
type Balance struct{ Total, Frozen int64 }

// Effects are the counts so far.
func (s *Sim) Effects() Effects {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	return maps.Clone(s.effects)
}

// Trades are all orders, as they were made, with all that became of them.
func (s *Sim) Trades() []Trade {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	out := make([]Trade, 0, len(s.order))
	for _, t := range s.order {
		out = append(out, t.audit())
	}
	return out
}

// Balances are of all who ever had money, by merchant number or openid.
func (s *Sim) Balances() map[string]Balance {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	out := map[string]Balance{}
	for id, a := range s.accounts {
		out[id] = Balance{Total: a.balance, Frozen: a.frozen}
	}
	return out
}

func (t *trade) audit() Trade {
	out := Trade{
		Merchant: t.maker.ID, SubMerchant: t.sub, Number: t.number, Transaction: t.transaction, AppID: t.appID, Payer: t.payer,
		Description: t.description, State: t.state, Total: t.total, Fee: t.fee, FeeBack: t.feeBack, Sharing: t.sharing, Unsplit: t.unsplit,
		Pending: t.pending, Out: t.out, Refunded: t.refunded,
	}
	if t.combined != nil {
		out.Combined = t.combined.number
	}
	if t.shipped.uploads > 0 {
		out.Shipped = t.shipped.show()
	}
	for _, r := range t.refunds {
		out.Refunds = append(out.Refunds, Refund{Number: r.number, ID: r.id, Status: r.status, Amount: r.amount})
	}
	for _, h := range t.shares {
		for _, p := range h.parts {
			out.Shares = append(out.Shares, Share{Number: h.number, Account: p.account, Result: p.result, Reason: p.reason, Amount: p.amount})
		}
		for _, g := range h.returns {
			out.Returns = append(out.Returns, Return{Number: g.number, ShareNumber: h.number, Account: g.part.account, Result: g.result, Amount: g.amount})
		}
	}
	return out
}

// Audit adds the simulator's own books up in every way and says what does not agree. It finds errors of the simulator, not of who
// calls it.
func (s *Sim) Audit() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	var wrong []string
	frozen := map[string]int64{}
	for _, t := range s.order {
		frozen[t.payee.ID] += t.unsplit + t.pending
		refunded, out := t.countRefunds(), t.countShares()
		if refunded != t.refunded || out != t.out || refunded > t.total || t.unsplit < 0 || t.pending < 0 {
			wrong = append(wrong, fmt.Sprintf("order %s: refunded %d and %d, out %d and %d", t.number, refunded, t.refunded, out, t.out))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.accounts)) {
		a := s.accounts[id]
		sum := a.Balance
		for _, f := range a.flows {
			sum += f.amount
		}
		if sum != a.balance || frozen[id] != a.frozen || a.balance < 0 {
			wrong = append(wrong, fmt.Sprintf("account %s: balance %d, flows %d, frozen %d and %d", id, a.balance, sum, a.frozen, frozen[id]))
		}
	}
	return wrong
}

func (t *trade) countRefunds() int64 {
	var sum int64
	for _, r := range t.refunds {
		if r.status != "CLOSED" {
			sum += r.amount
		}
	}
	return sum
}

// countShares is what receivers have or will have of an order.
func (t *trade) countShares() int64 {
	var sum int64
	for _, h := range t.shares {
		for _, p := range h.parts {
			if p.account != t.payee.ID && p.result != "CLOSED" {
				sum += p.amount
			}
		}
		for _, g := range h.returns {
			if g.result == "SUCCESS" {
				sum -= g.amount
			}
		}
	}
	return sum
}
