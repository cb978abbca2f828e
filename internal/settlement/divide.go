package settlement

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"
)

// share is one receiver's part of an order: what it was to get, and what of it has been given back or is on its way.
type share struct {
	amount, returned int64
}

// errUneven says that what was given back before cannot have come of this rule.
var errUneven = errors.New("the shares given back before are out of proportion")

// divide says what each share gives back of a refund. Of all that was refunded so far, this refund included, every receiver
// bears its share in proportion, rounded down or up to the minor unit, so that the parts add up exactly. The units that are
// left over by rounding down go to those whose next unit would be due first as refunds go on; of those that are alike, to the
// first in the plan. Nobody ever gives back more than it got, nor gets anything back.
//
// Fairness within one unit at every step, whatever the steps, is the quota rule of apportionment; earliest-deadline-first keeps
// it reachable (Steiner and Yeomans, "Level Schedules for Mixed-Model, Just-in-Time Processes", 1993).
func divide(shares []share, refund int64) ([]int64, error) {
	var total, done int64
	for _, s := range shares {
		total += s.amount
		done += s.returned
	}
	done += refund
	if refund < 0 || done > total {
		return nil, errUneven
	}
	parts := make([]int64, len(shares))
	if refund == 0 {
		return parts, nil
	}
	left := refund
	type next struct {
		share int
		due   int64 // of refunded money: when the share's next unit cannot wait any longer
	}
	var waiting []next
	for i, s := range shares {
		least, rest := mulDiv(s.amount, done, total)
		now := max(s.returned, least)
		parts[i] = now - s.returned
		left -= parts[i]
		if rest > 0 && now == least { // one more would still be no more than its part rounded up
			due, early := mulDiv(now+1, total, s.amount)
			if early > 0 {
				due++
			}
			waiting = append(waiting, next{i, due})
		}
	}
	slices.SortStableFunc(waiting, func(a, b next) int { return cmp.Compare(a.due, b.due) })
	if left < 0 || left > int64(len(waiting)) {
		return nil, errUneven
	}
	for _, n := range waiting[:left] {
		parts[n.share]++
	}
	return parts, nil
}

// mulDiv is a*b/c, and what is left, without overflow; none is negative, c is not 0, and the quotient fits.
func mulDiv(a, b, c int64) (quotient, rest int64) {
	hi, lo := bits.Mul64(uint64(a), uint64(b)) //nolint:gosec // not negative
	q, r := bits.Div64(hi, lo, uint64(c))      //nolint:gosec // not negative
	return int64(q), int64(r)                  //nolint:gosec // fits
}
