package check

import (
	"context"
	"database/sql"
	"fmt"
	"hash/maphash"
	"math/bits"
	"strconv"

	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// sketch is a sum of numbers, each weighed by what it is of: with a random number of 64 bits that only this run knows. Sketches
// of two tables are equal if all sums of what is of the same are, and, but for a chance of about one in 2^64, only then. So
// tables are compared with nothing to sort and nothing to remember. What is 0 weighs nothing.
type sketch struct {
	seed     maphash.Seed
	low, top uint64 // the sum, of 128 bits
}

func newSketch() sketch { return sketch{seed: maphash.MakeSeed()} }

// of is an empty sketch, to be compared with this one.
func (s *sketch) of() sketch { return sketch{seed: s.seed} }

// add adds n of what these ids and this word name.
func (s *sketch) add(n int64, word string, ids ...typeid.UUID) {
	var key [128]byte
	end := 0
	for _, id := range ids {
		end += copy(key[end:], id[:])
	}
	end += copy(key[end:], word)
	top, low := bits.Mul64(maphash.Bytes(s.seed, key[:end]), uint64(max(n, -n))) //nolint:gosec // not negative
	var carry uint64
	if n < 0 {
		s.low, carry = bits.Sub64(s.low, low, 0)
		s.top, _ = bits.Sub64(s.top, top, carry)
		return
	}
	s.low, carry = bits.Add64(s.low, low, 0)
	s.top, _ = bits.Add64(s.top, top, carry)
}

// books are sketches of what adds up.
type books struct {
	replay               *replay
	lines                sketch // what was bought
	subtotals, amounts   sketch // of orders, and of their lines
	totals, splits       sketch // of orders, and of their shares
	payments, ofPayments sketch // of payments, and of their orders
	// free says that there is what costs nothing, of which a sketch says nothing.
	free struct{ lines, shares, payments bool }
	done bool
}

// glance reads the books before it looks.
func (b *books) glance(strange func() bool) *glance {
	return &glance{look: func(ctx context.Context, q db.Querier) (bool, error) {
		if err := b.run(ctx, q); err != nil {
			return false, fmt.Errorf("add up: %w", err)
		}
		return strange(), nil
	}}
}

// run reads orders, lines, shares and payments once.
func (b *books) run(ctx context.Context, q db.Querier) error {
	if b.done {
		return nil
	}
	if _, err := b.replay.runHolds(ctx, q); err != nil {
		return err
	}
	b.subtotals, b.totals, b.payments = newSketch(), newSketch(), newSketch()
	b.lines, b.amounts, b.splits, b.ofPayments = b.replay.lines.of(), b.subtotals.of(), b.totals.of(), b.payments.of()
	for _, read := range []func(context.Context, db.Querier) error{b.readLines, b.readOrders, b.readSplits, b.readPayments} {
		if err := read(ctx, q); err != nil {
			return err
		}
	}
	b.done = true
	return nil
}

func (b *books) readLines(ctx context.Context, q db.Querier) error {
	var (
		id, order, variant typeid.UUID
		quantity, amount   int64
		currency           sql.RawBytes
	)
	return each(ctx, q, "SELECT id, order_id, variant_id, quantity, amount, currency FROM order_lines",
		[]any{&id, &order, &variant, &quantity, &amount, &currency}, func() {
			b.lines.add(1, strconv.FormatInt(quantity, 10), id, order, variant)
			b.amounts.add(amount, string(currency), order)
			b.free.lines = b.free.lines || amount == 0
		})
}

func (b *books) readOrders(ctx context.Context, q db.Querier) error {
	var (
		id, checkout    typeid.UUID
		subtotal, total int64
		currency        sql.RawBytes
	)
	return each(ctx, q, "SELECT id, checkout_id, subtotal, total, currency FROM orders",
		[]any{&id, &checkout, &subtotal, &total, &currency}, func() {
			b.subtotals.add(subtotal, string(currency), id)
			b.totals.add(total, string(currency), id)
			b.ofPayments.add(total, string(currency), checkout)
			b.free.lines = b.free.lines || subtotal == 0
			b.free.shares = b.free.shares || total == 0
			b.free.payments = b.free.payments || total == 0
		})
}

func (b *books) readSplits(ctx context.Context, q db.Querier) error {
	var (
		order    typeid.UUID
		amount   int64
		currency sql.RawBytes
	)
	return each(ctx, q, "SELECT order_id, amount, currency FROM payment_splits", []any{&order, &amount, &currency}, func() {
		b.splits.add(amount, string(currency), order)
		b.free.shares = b.free.shares || amount == 0
	})
}

func (b *books) readPayments(ctx context.Context, q db.Querier) error {
	var (
		checkout typeid.UUID
		amount   int64
		currency sql.RawBytes
	)
	return each(ctx, q, "SELECT checkout_id, amount, currency FROM payments", []any{&checkout, &amount, &currency}, func() {
		b.payments.add(amount, string(currency), checkout)
		b.free.payments = b.free.payments || amount == 0
	})
}
