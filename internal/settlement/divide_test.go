package settlement

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"holdfast/internal/money"
)

// inProportion checks what has been given back against the exact proportion: within one unit, never more than the share.
func inProportion(t *testing.T, shares []share, refunded int64) bool {
	t.Helper()
	var total, sum int64
	for _, s := range shares {
		total += s.amount
		sum += s.returned
	}
	ok := sum == refunded
	for _, s := range shares {
		// |returned - amount*refunded/total| < 1
		diff := new(big.Int).Sub(new(big.Int).Mul(big.NewInt(s.returned), big.NewInt(total)), new(big.Int).Mul(big.NewInt(s.amount), big.NewInt(refunded)))
		ok = ok && diff.CmpAbs(big.NewInt(total)) < 0 && s.returned >= 0 && s.returned <= s.amount
	}
	return ok
}

func TestDivide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		amounts []int64
		refunds []int64
		want    [][]int64
	}{
		{"all at once", []int64{966, 33, 1}, []int64{1000}, [][]int64{{966, 33, 1}}},
		{"halves", []int64{966, 33, 1}, []int64{500, 500}, [][]int64{{483, 17, 0}, {483, 16, 1}}},
		{"fen by fen", []int64{3, 3, 3, 1}, []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, [][]int64{
			{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1},
		}},
		{"a share of nothing", []int64{0, 10}, []int64{3, 7}, [][]int64{{0, 3}, {0, 7}}},
		{"the largest amount", []int64{money.Max - 1, 1}, []int64{money.Max - 1, 1}, [][]int64{{money.Max - 1, 0}, {0, 1}}},
	} {
		shares := make([]share, len(c.amounts))
		for i, a := range c.amounts {
			shares[i].amount = a
		}
		var refunded int64
		for n, r := range c.refunds {
			parts, err := divide(shares, r)
			if err != nil {
				t.Errorf("%s, refund %d: %v", c.name, n, err)
				break
			}
			refunded += r
			for i, p := range parts {
				shares[i].returned += p
				if p != c.want[n][i] {
					t.Errorf("%s, refund %d: %v, want %v", c.name, n, parts, c.want[n])
					break
				}
			}
			if !inProportion(t, shares, refunded) {
				t.Errorf("%s, refund %d: %+v", c.name, n, shares)
			}
		}
	}
	if _, err := divide([]share{{10, 5}}, 6); err == nil {
		t.Error("more was given back than there was")
	}
	if _, err := divide([]share{{10, 5}}, -1); err == nil {
		t.Error("a negative refund")
	}
}

// TestDivideAnyRefunds refunds random orders in random steps. It covers what no table thinks of; TestMoneyOfAMillionOrders does
// it with plans of the checkout.
func TestDivideAnyRefunds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		shares := make([]share, 1+r.IntN(12))
		var total int64
		scale := int64(1) << (1 + r.IntN(40))
		for i := range shares {
			shares[i].amount = r.Int64N(scale)
			total += shares[i].amount
		}
		var refunded int64
		for refunded < total {
			refund := min(total-refunded, 1+r.Int64N(max(1, total/int64(1+r.IntN(20)))))
			parts, err := divide(shares, refund)
			if err != nil {
				t.Fatalf("seed %d: %+v, %d: %v", seed, shares, refund, err)
			}
			refunded += refund
			for i, p := range parts {
				if p < 0 {
					t.Fatalf("seed %d: a negative part %v", seed, parts)
				}
				shares[i].returned += p
			}
			if !inProportion(t, shares, refunded) {
				t.Fatalf("seed %d: %+v after %d", seed, shares, refunded)
			}
		}
	}
}
