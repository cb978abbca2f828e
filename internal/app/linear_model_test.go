package app_test

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"holdfast/internal/fault"
	"holdfast/internal/payment"
)

// What clients do to one SKU. Expire is what time does.
const (
	doPlace  = "place"
	doCancel = "cancel"
	doPay    = "pay"
	doExpire = "expire"
	doAdjust = "adjust"
	doRead   = "read"
)

// act is one thing done to a SKU. Whatever has a key of its own, a checkout or an adjustment, has a slot of its own.
type act struct {
	do       string
	sku      int
	slot     int
	quantity int    // of an adjustment: how many more
	version  *int64 // that an adjustment wants to find
}

// answer is what a client was told; unknown says that it was told nothing, and never learns whether it happened.
type answer struct {
	unknown   bool
	granted   bool           // and nothing else
	code      fault.Code     // "" is success
	available int            // of OUT_OF_STOCK
	payment   payment.Status // of a payment
	onHand    int
	held      int
	version   int64
}

// What a slot is in.
const (
	unused   = '.'
	heldOpen = 'O'
	paid     = 'P'
	letGo    = 'C' // cancelled
	expired  = 'X'
	backC    = 'c' // cancelled, and money that came late went back
	backX    = 'x' // the same of expired
	applied  = 'A' // an adjustment
)

// shelf is one SKU at a moment.
type shelf struct {
	onHand, held int
	slots        string
	// seen is the last version that somebody was told, and changes how often the stock has changed since: as many commits at most.
	seen    int64
	changes int
}

func (s shelf) available() int { return s.onHand - s.held }

// with is the shelf after a change.
func (s shelf) with(slot int, state byte, onHand, held int) shelf {
	b := []byte(s.slots)
	b[slot] = state
	s.slots = string(b)
	if onHand != 0 || held != 0 {
		s.onHand, s.held, s.changes = s.onHand+onHand, s.held+held, s.changes+1
	}
	return s
}

// versions are what the version may be now.
func (s shelf) versions() (least, most int64) {
	return s.seen + int64(min(s.changes, 1)), s.seen + int64(s.changes)
}

// told tells whether somebody may have been told this, and what follows of it.
func (s shelf) told(a answer) (bool, shelf) {
	least, most := s.versions()
	ok := a.onHand == s.onHand && a.held == s.held && a.version >= least && a.version <= most
	s.seen, s.changes = a.version, 0
	return ok, s
}

// skuModel says in which order things may have happened to one SKU that begins like this.
func skuModel(begin shelf) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return begin },
		Step: func(state, input, output any) (bool, any) {
			ok, after := state.(shelf).step(input.(act), output.(answer))
			return ok, after
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
	}
}

// step is what the shelf is after an act, and whether the answer may be true. Something unknown takes effect if it can: in case that
// it never did, it comes after everything else.
func (s shelf) step(a act, got answer) (bool, shelf) {
	switch a.do {
	case doPlace:
		return s.place(a, got)
	case doCancel:
		return s.cancel(a, got)
	case doPay:
		return s.pay(a, got)
	case doExpire:
		if s.slots[a.slot] == heldOpen {
			s = s.with(a.slot, expired, 0, -a.quantity)
		}
		return true, s
	case doAdjust:
		return s.adjust(a, got)
	default:
		return s.told(got)
	}
}

func (s shelf) place(a act, got answer) (bool, shelf) {
	fresh, enough := s.slots[a.slot] == unused, s.available() >= a.quantity
	after := s
	if fresh && enough {
		after = s.with(a.slot, heldOpen, 0, a.quantity)
	}
	switch {
	case got.unknown:
		return true, after
	case got.code == fault.OutOfStock:
		return fresh && !enough && got.available == s.available(), s
	default:
		return got.code == "" && (!fresh || enough), after
	}
}

func (s shelf) cancel(a act, got answer) (bool, shelf) {
	was, after := s.slots[a.slot], s
	if was == heldOpen {
		after = s.with(a.slot, letGo, 0, -a.quantity)
	}
	switch {
	case got.unknown:
		return true, after
	case got.code == fault.AlreadyPaid:
		return was == paid, s
	case got.code == fault.PaymentClosed:
		return was == expired || was == backX, s
	default:
		return got.code == "" && (was == heldOpen || was == letGo || was == backC), after
	}
}

func (s shelf) pay(a act, got answer) (bool, shelf) {
	was, after := s.slots[a.slot], s
	switch {
	case was == heldOpen:
		after = s.with(a.slot, paid, -a.quantity, -a.quantity)
	case was == expired && s.available() >= a.quantity:
		after = s.with(a.slot, paid, -a.quantity, 0)
	case was == expired:
		after = s.with(a.slot, backX, 0, 0)
	case was == letGo:
		after = s.with(a.slot, backC, 0, 0)
	}
	is := after.slots[a.slot]
	switch {
	case got.unknown:
		return true, after
	case got.code == fault.PaymentClosed: // while it is being closed, or after
		return was == heldOpen || was == expired || was == letGo, s
	case got.payment == payment.Paid:
		return got.code == "" && is == paid, after
	default:
		back := got.payment == payment.Refunding || got.payment == payment.Refunded
		return got.code == "" && back && (is == backC || is == backX), after
	}
}

func (s shelf) adjust(a act, got answer) (bool, shelf) {
	least, most := s.versions()
	fresh := s.slots[a.slot] == unused
	found := a.version == nil || *a.version >= least && *a.version <= most
	missed := a.version != nil && (least != most || *a.version != least)
	fits := s.onHand+a.quantity >= s.held
	after := s
	if fresh && found && fits {
		after = s.with(a.slot, applied, a.quantity, 0)
	}
	switch {
	case got.unknown:
		return true, after
	case got.code == fault.VersionMismatch:
		return fresh && missed, s
	case got.code == fault.Conflict:
		return fresh && found && !fits, s
	case got.code != "" || fresh && (!found || !fits):
		return false, s
	case got.granted:
		return true, after
	}
	ok, told := after.told(got)
	if fresh && a.version != nil {
		ok = ok && got.version == *a.version+1
	}
	return ok, told
}
