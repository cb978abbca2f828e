package checkout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	entcheckout "holdfast/ent/checkout"
	"holdfast/ent/hold"
	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

const (
	sweepEvery   = 500 * time.Millisecond
	sweepBatch   = 100
	closeTimeout = time.Second     // at the end of a hold the provider has this long to answer
	giveUpAfter  = 5 * time.Second // from then on goods go without an answer
)

// Sweep lets overdue checkouts go until ctx ends. Every process may run it: the database decides who was first.
func (c *Checkouts) Sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if _, err := c.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			c.log.ErrorContext(ctx, "sweep overdue checkouts", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sweepOnce lets go what is overdue, batch after batch, and tells how many checkouts went.
func (c *Checkouts) sweepOnce(ctx context.Context) (int, error) {
	total := 0
	for {
		rows, err := c.db.Checkout.Query().Where(entcheckout.Status(string(Open)), entcheckout.HeldUntilLTE(c.now())).
			Order(entcheckout.ByHeldUntil()).Limit(sweepBatch).IDs(ctx)
		if err != nil {
			return total, fmt.Errorf("find overdue checkouts: %w", err)
		}
		n, err := c.expire(ctx, rows)
		total += n
		if err != nil || len(rows) < sweepBatch || n == 0 {
			return total, err
		}
	}
}

// releaseOverdue lets go the overdue checkouts that hold what a buyer is short of, and tells whether any went. It is what
// keeps expiry from being late for a buyer, so that a failure of it is no failure of the buyer's.
func (c *Checkouts) releaseOverdue(ctx context.Context, short *inventory.ShortError) bool {
	variants := make([]typeid.Variant, len(short.Shortages))
	for i, s := range short.Shortages {
		variants[i] = s.Variant
	}
	var ids []typeid.Checkout
	err := c.db.Hold.Query().Where(hold.VariantIDIn(variants...), hold.Status(holdHeld), hold.ExpiresAtLTE(c.now())).
		Limit(sweepBatch).Unique(true).Select(hold.FieldCheckoutID).Scan(ctx, &ids)
	n := 0
	if err == nil {
		n, err = c.expire(ctx, ids)
	}
	if err != nil {
		c.log.ErrorContext(ctx, "let overdue goods go for a buyer", "error", err)
	}
	return n > 0
}

// expire closes the payments of overdue checkouts at the provider, all at once, then lets their goods go in one transaction,
// and tells how many went. Those that were paid after all are paid. Those of which the provider says nothing stay until
// giveUpAfter.
func (c *Checkouts) expire(ctx context.Context, ids []typeid.Checkout) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	found, err := c.ByIDs(ctx, ids)
	if err != nil {
		return 0, err
	}
	payments, err := c.payments.ByCheckouts(ctx, ids)
	if err != nil {
		return 0, err
	}
	of := make(map[typeid.Checkout]*payment.Payment, len(payments))
	for _, p := range payments {
		of[p.CheckoutID] = p
	}
	var (
		list []turn
		mu   sync.Mutex
		wg   sync.WaitGroup
	)
	for _, f := range found {
		if f.Payment = of[f.ID]; f.Payment == nil || f.Status != Open {
			continue
		}
		wg.Go(func() {
			if t, ok := c.closeOverdue(ctx, f); ok {
				mu.Lock()
				list = append(list, t)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	won, err := c.turns(ctx, list)
	if errors.Is(err, db.ErrUnknownOutcome) {
		return 0, nil // the next sweep sees what became of it
	}
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	return n, err
}

// closeOverdue asks the provider to close one overdue payment, and says what follows.
func (c *Checkouts) closeOverdue(ctx context.Context, f *Checkout) (turn, bool) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	answer, err := c.provider.Close(ctx, f.trade())
	switch {
	case err == nil && answer.State == payment.TradePaid && answer.Amount == f.Payment.Amount:
		return turn{checkout: f.ID, to: Paid, receipt: answer}, true
	case err == nil && answer.State == payment.TradePaid:
		c.log.ErrorContext(ctx, "the provider was paid another amount", "payment_id", f.Payment.ID.String(),
			"paid", answer.Amount.String(), "owed", f.Payment.Amount.String())
		return turn{}, false
	case err == nil || !c.now().Before(f.HeldUntil.Add(giveUpAfter)):
		return turn{checkout: f.ID, to: Expired}, true
	default:
		c.log.WarnContext(ctx, "payment provider did not answer", "call", "close", "payment_id", f.Payment.ID.String(), "error", err)
		return turn{}, false
	}
}
