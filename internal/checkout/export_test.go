package checkout

import (
	"context"
	"time"

	"holdfast/internal/catalog"
	"holdfast/internal/money"
	"holdfast/internal/order"
)

// What tests reach for inside.
const (
	GiveUpAfter  = giveUpAfter
	CloseTimeout = closeTimeout
	SweepBatch   = sweepBatch
	SweepEvery   = sweepEvery
)

// SweepOnce lets go what is overdue now.
func (c *Checkouts) SweepOnce(ctx context.Context) (int, error) { return c.sweepOnce(ctx) }

// Divide is divide.
func Divide(total money.Money, of *catalog.Item, rules []catalog.SplitRule) []PlannedSplit {
	return divide(total, of, rules)
}

// CheckAddress is checkAddress.
func CheckAddress(a *order.Address) error { return checkAddress(a) }

// CheckInput is checkInput.
func CheckInput(in Input) error { return checkInput(in) }

// OrderNumber is orderNumber.
func OrderNumber() string { return orderNumber() }

// Hold is how long this Checkouts holds goods.
func (c *Checkouts) Hold() time.Duration { return c.set.Hold }

// Waiting is how many requests wait for a transaction to share.
func (c *Checkouts) Waiting() int { return c.moves.Waiting() }

// Working is how many transactions are under way.
func (c *Checkouts) Working() int { return c.moves.Working() }
