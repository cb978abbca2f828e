package sim

import "time"

// account is the money of a merchant number. What is frozen is part of the balance.
type account struct {
	Account
	balance, frozen int64
	flows           []flow
	receivers       map[string]receiver
}

// flow is one line of the fund flow bill.
type flow struct {
	at                 time.Time
	name, kind         string // 业务名称, 业务类型
	business           string // WeChat's number of what moved the money
	number             string // of the flow itself
	voucher, note      string
	amount, afterwards int64
}

// books are the money of one order. Always: total = fee - feeBack + refunded + what is shared and not returned + what the payee has.
type books struct {
	fee     int64
	unsplit int64 // frozen, and can still be shared
	pending int64 // frozen, and on its way to receivers
	over    bool  // what was left has been unfrozen: no more sharing

	refunded, feeBack int64
	out               int64 // with receivers or on the way there, less what came back
	gross             int64 // all that was ever shared, which is what the maximum ratio bounds

	refunds   []*refund
	shares    []*share
	lastShare time.Time
}

func (s *Sim) addAccount(a Account) {
	if s.accounts[a.ID] == nil {
		if a.MaxRatio == 0 {
			a.MaxRatio = 3000
		}
		s.accounts[a.ID] = &account{Account: a, balance: a.Balance, receivers: map[string]receiver{}}
	}
}

// move changes a balance and writes the flow. Whoever takes looks first whether it is there.
func (a *account) move(s *Sim, amount int64, f flow) {
	a.balance += amount
	f.at, f.amount, f.afterwards, f.number = s.now(), amount, a.balance, s.id(a.ID)
	a.flows = append(a.flows, f)
}

func (a *account) available() int64 { return a.balance - a.frozen }

// thaw gives the payee what was not shared.
func (s *Sim) thaw(t *trade) int64 {
	rest := t.unsplit
	t.payee.frozen -= rest
	t.unsplit = 0
	if !t.over {
		t.over = true
		s.effects["unfreeze"]++
	}
	return rest
}
