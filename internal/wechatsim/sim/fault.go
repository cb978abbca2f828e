package sim

import (
	"path"
	"slices"
	"time"
)

// Kind is a way to misbehave.
type Kind string

// What an endpoint can do. Before means that nothing happened, After that it did and that only the answer is missing or wrong.
const (
	FailBefore   Kind = "failBefore"   // 500 SYSTEM_ERROR
	FailAfter    Kind = "failAfter"    // the effect, then 500 SYSTEM_ERROR
	HangBefore   Kind = "hangBefore"   // silence for Delay or until the caller leaves, then the line is cut
	HangAfter    Kind = "hangAfter"    // the effect, then silence
	CutAfter     Kind = "cutAfter"     // the effect, then the line is cut
	Limit        Kind = "limit"        // 429 FREQUENCY_LIMITED; the mini-program API says 45009
	BadSignature Kind = "badSignature" // the right answer under a wrong signature
)

// What can happen to a notice. The forged ones are sent before the true one, once, and what was answered is in Deliveries.
const (
	Lose           Kind = "lose"      // it never arrives
	Delay          Kind = "delay"     // it comes later by Delay
	Duplicate      Kind = "duplicate" // it comes three times
	Reorder        Kind = "reorder"   // it comes after the next one, or after Delay
	ForgeSerial    Kind = "forgeSerial"
	ForgeSignature Kind = "forgeSignature"
	ForgeProbe     Kind = "forgeProbe" // WECHATPAY/SIGNTEST/, which WeChat sends to see whether anyone looks
	ForgeOld       Kind = "forgeOld"   // rightly signed, 6 minutes ago
	ForgeBody      Kind = "forgeBody"  // changed after it was signed
	ForgeKey       Kind = "forgeKey"   // rightly signed, sealed with another APIv3 key
)

// How a refund or a share can end.
const (
	Abnormal Kind = "abnormal" // the refund cannot reach the buyer
	Reject   Kind = "reject"   // the refund is CLOSED, the share of a receiver is CLOSED, or the return FAILED, for Reason
	Stall    Kind = "stall"    // it stays PROCESSING for Delay longer
)

// Fault is a misbehaviour to come.
type Fault struct {
	// On names endpoints as path.Match does: login, token, phone, subscribe, ship, ship.combined, ship.query, certificates, prepay,
	// query, close, combine.prepay, combine.query, combine.close, refund, refund.query, share, share.query, unsplit, unfreeze,
	// receiver.add, receiver.delete, return, return.query, ratio, bill, download; notices are notice.transaction, notice.combine and notice.refund;
	// how things end is decided on refund.end, share.end and return.end. Empty is all.
	On   string `json:"on"`
	Kind Kind   `json:"kind"`
	// Times is how often; 0 is for ever.
	Times int `json:"times"`
	// Chance is 0 to 1; 0 is always.
	Chance float64       `json:"chance"`
	Delay  time.Duration `json:"delay"`
	// Reason is the fail_reason of what is rejected.
	Reason string `json:"reason"`
	// Account limits share.end and return.end to one receiver.
	Account string `json:"account"`
	spent   bool
}

// Misbehave adds faults; the first that fits and has its chance is taken.
func (s *Sim) Misbehave(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		s.faults = append(s.faults, &f)
	}
}

// Behave takes all faults away.
func (s *Sim) Behave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// draw gives the fault that happens now, or nil.
func (s *Sim) draw(name, account string, kinds ...Kind) *Fault {
	for _, f := range s.faults {
		fits, err := path.Match(f.On, name)
		if f.On != "" && (err != nil || !fits) || f.spent || !slices.Contains(kinds, f.Kind) || f.Account != "" && f.Account != account {
			continue
		}
		if f.Chance > 0 && s.random.Float64() >= f.Chance {
			continue
		}
		if f.Times > 0 {
			f.Times--
			f.spent = f.Times == 0
		}
		return f
	}
	return nil
}
