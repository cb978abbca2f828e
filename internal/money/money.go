// Package money is exact money: minor units in 64 bits and a currency. Nothing here rounds unless its name says so.
package money

import (
	"fmt"
	"math/bits"
)

// Currency is an ISO 4217 code.
type Currency string

// The currencies that shops may sell in.
const (
	CNY Currency = "CNY"
	HKD Currency = "HKD"
	USD Currency = "USD"
)

// Currencies are all that exist, for validators.
func Currencies() []string { return []string{string(CNY), string(HKD), string(USD)} }

// Max is the largest amount of any Money: what a JSON number carries exactly (2^53 - 1).
const Max int64 = 1<<53 - 1

// ErrOverflow says that a result does not fit into Max.
var ErrOverflow = fmt.Errorf("amount beyond %d", Max)

// ErrCurrencyMismatch says that two currencies met in one sum.
var ErrCurrencyMismatch = fmt.Errorf("two currencies in one sum")

// Money is an amount of minor units (fen, cents) of one currency.
type Money struct {
	Amount   int64
	Currency Currency
}

// New is amount minor units of c.
func New(amount int64, c Currency) Money { return Money{Amount: amount, Currency: c} }

// Add is m + n. It fails with ErrOverflow and ErrCurrencyMismatch.
func (m Money) Add(n Money) (Money, error) {
	if m.Currency != n.Currency {
		return Money{}, ErrCurrencyMismatch
	}
	sum := m.Amount + n.Amount // both are within 2^53, so int64 cannot wrap
	if sum > Max || sum < -Max {
		return Money{}, ErrOverflow
	}
	return Money{sum, m.Currency}, nil
}

// Times is m taken n times; neither may be negative. It fails with ErrOverflow.
func (m Money) Times(n int) (Money, error) {
	if m.Amount < 0 || n < 0 {
		return Money{}, fmt.Errorf("%d times %d: negative", m.Amount, n)
	}
	hi, lo := bits.Mul64(uint64(m.Amount), uint64(n))
	if hi != 0 || lo > uint64(Max) {
		return Money{}, ErrOverflow
	}
	return Money{int64(lo), m.Currency}, nil
}

// BasisPoints is the share of m in hundredths of a percent, rounded down to the minor unit; points is 0 to 10000.
func (m Money) BasisPoints(points int) Money {
	// amount = 10000q + r, so that nothing exceeds 64 bits on the way.
	q, r := m.Amount/10000, m.Amount%10000
	return Money{q*int64(points) + r*int64(points)/10000, m.Currency}
}

// String is for people who read logs and tests: "1234 CNY" (minor units).
func (m Money) String() string { return fmt.Sprintf("%d %s", m.Amount, m.Currency) }
