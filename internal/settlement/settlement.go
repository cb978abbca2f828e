// Package settlement moves the money of paid orders: shares to their receivers, refunds to buyers, and shares back before
// them. What has to be done is decided in one transaction and written down; a job for each order then takes it step by step
// to the provider. A step is announced in the rows before it is taken, taken with a number of its own that the provider knows
// again, and recorded after it was confirmed: whoever dies in between is followed by somebody who takes the same step.
//
// The money of one order moves in one job at a time, so that a share is never paid out while it is being returned.
package settlement

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"holdfast/ent"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/job"
	"holdfast/internal/live"
	"holdfast/internal/notify"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

const (
	// stepTimeout is how long the provider has for one answer.
	stepTimeout = 10 * time.Second
	// answerWithin is how long whoever asks for a refund waits for it to arrive; it goes on after that.
	answerWithin = 3 * time.Second
	// askAgain is how soon, and askAtLeast how late, the provider is asked again about a transfer that is on its way: the
	// longer it takes, the later.
	askAgain   = 5 * time.Second
	askAtLeast = 15 * time.Minute
)

// Settlement decides refunds and carries out what was decided.
type Settlement struct {
	db        *db.DB
	now       clock.Clock
	inventory *inventory.Inventory
	orders    *order.Orders
	desk      *order.Desk
	provider  payment.Provider
	jobs      *job.Queue
	hub       *live.Hub
	notify    *notify.Notifier
	log       *slog.Logger
}

// Deps are what a Settlement needs.
type Deps struct {
	DB        *db.DB
	Now       clock.Clock
	Inventory *inventory.Inventory // what is refunded goes back on sale with whatever else moves stock
	Orders    *order.Orders
	Desk      *order.Desk
	Provider  payment.Provider
	Jobs      *job.Queue
	Hub       *live.Hub        // is told what was committed
	Notify    *notify.Notifier // tells buyers; nil tells nobody
	Log       *slog.Logger
}

// New is the Settlement on d. It handles the queue's jobs about orders.
func New(d Deps) *Settlement {
	s := &Settlement{
		db: d.DB, now: d.Now, inventory: d.Inventory, orders: d.Orders, desk: d.Desk, provider: d.Provider, jobs: d.Jobs, hub: d.Hub, notify: d.Notify, log: d.Log,
	}
	d.Jobs.Handle(job.Order, s.advance)
	return s
}

// Told has the order's money looked at of a refund of which the provider has said something without being asked. A refund that is not
// known changes nothing.
func (s *Settlement) Told(ctx context.Context, id typeid.Refund) error {
	row, err := s.db.Refund.Get(ctx, id)
	if ent.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read refund: %w", err)
	}
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, job.AddTx(ctx, tx, s.now(), s.now(), job.Order, row.OrderID.UUID)
	})
	if err == nil {
		s.jobs.Wake()
	}
	return err
}

// one is the only element of a list that was asked for by its id.
func one[T any](list []T, err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if len(list) != 1 {
		return none, fmt.Errorf("read one row: found %d", len(list))
	}
	return list[0], nil
}
