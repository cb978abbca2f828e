package money_test

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"

	"holdfast/internal/money"
)

func TestAdd(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		a, b money.Money
		want money.Money
		err  error
	}{
		{"plain", money.New(1, money.CNY), money.New(2, money.CNY), money.New(3, money.CNY), nil},
		{"below zero", money.New(1, money.CNY), money.New(-2, money.CNY), money.New(-1, money.CNY), nil},
		{"up to the largest", money.New(money.Max-1, money.USD), money.New(1, money.USD), money.New(money.Max, money.USD), nil},
		{"down to the smallest", money.New(-money.Max+1, money.USD), money.New(-1, money.USD), money.New(-money.Max, money.USD), nil},
		{"beyond", money.New(money.Max, money.HKD), money.New(1, money.HKD), money.Money{}, money.ErrOverflow},
		{"beyond below", money.New(-money.Max, money.HKD), money.New(-1, money.HKD), money.Money{}, money.ErrOverflow},
		{"twice the largest", money.New(money.Max, money.HKD), money.New(money.Max, money.HKD), money.Money{}, money.ErrOverflow},
		{"two currencies", money.New(1, money.HKD), money.New(1, money.CNY), money.Money{}, money.ErrCurrencyMismatch},
	} {
		got, err := tc.a.Add(tc.b)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %v + %v = %v, %v; want %v, %v", tc.name, tc.a, tc.b, got, err, tc.want, tc.err)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		amount int64
		n      int
		want   int64
		ok     bool
	}{
		{0, 9999, 0, true},
		{199, 0, 0, true},
		{199, 3, 597, true},
		{money.Max, 1, money.Max, true},
		{money.Max / 9999, 9999, money.Max / 9999 * 9999, true},
		{money.Max/9999 + 1, 9999, 0, false},
		{money.Max, 2, 0, false},
		{money.Max, 1 << 62, 0, false}, // wraps 64 bits
		{1 << 52, 1 << 12, 0, false},   // is 0 in 64 bits
		{-1, 2, 0, false},
		{1, -2, 0, false},
	} {
		got, err := money.New(tc.amount, money.CNY).Times(tc.n)
		if (err == nil) != tc.ok || got.Amount != tc.want || tc.ok && got.Currency != money.CNY {
			t.Errorf("%d × %d = %v, %v; want %d, ok %v", tc.amount, tc.n, got, err, tc.want, tc.ok)
		}
	}
}

// TestBasisPoints compares with arithmetic that cannot overflow.
func TestBasisPoints(t *testing.T) {
	t.Parallel()
	exact := func(amount int64, points int) int64 {
		product := new(big.Int).Mul(big.NewInt(amount), big.NewInt(int64(points)))
		return product.Div(product, big.NewInt(10000)).Int64()
	}
	check := func(amount int64, points int) {
		t.Helper()
		if got, want := money.New(amount, money.CNY).BasisPoints(points), money.New(exact(amount, points), money.CNY); got != want {
			t.Errorf("%d basis points of %d: %v, want %v", points, amount, got, want)
		}
	}
	for _, amount := range []int64{0, 1, 2, 99, 100, 9999, 10000, 10001, 19999, money.Max - 1, money.Max} {
		for _, points := range []int{0, 1, 2, 333, 3000, 5000, 9999, 10000} {
			check(amount, points)
		}
	}
	for range 20_000 {
		check(rand.Int64N(money.Max)>>rand.IntN(53), rand.IntN(10001))
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	if got := money.New(1234, money.CNY).String(); got != "1234 CNY" {
		t.Errorf("got %q", got)
	}
}
