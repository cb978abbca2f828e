package checkout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"entgo.io/ent/dialect/sql"

	entcheckout "holdfast/ent/checkout"
	"holdfast/ent/hold"
	"holdfast/ent/predicate"
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
	failing := false
	for {
		_, err := c.sweepOnce(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			c.log.ErrorContext(ctx, "sweep overdue checkouts", "error", err) // once for each time that it fails
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sweepOnce lets go what is overdue, batch after batch, and tells how many checkouts are decided. It skips over those of which the
// provider says nothing, so that they keep nobody else waiting.
func (c *Checkouts) sweepOnce(ctx context.Context) (int, error) {
	gone, silent := 0, 0
	for {
		found, err := c.overdue(ctx, silent)
		if err != nil {
			return gone, err
		}
		n, err := c.expire(ctx, found)
		gone += n
		silent += len(found) - n
		if err != nil || len(found) < sweepBatch {
			return gone, err
		}
	}
}

// overdue is the next batch of overdue checkouts behind those that are skipped, oldest first, of any or of what is wanted.
func (c *Checkouts) overdue(ctx context.Context, skip int, which ...predicate.Checkout) ([]*Checkout, error) {
	rows, err := c.db.Checkout.Query().Where(entcheckout.Status(string(Open)), entcheckout.HeldUntilLTE(c.now())).Where(which...).
		Order(entcheckout.ByHeldUntil(), entcheckout.ByID()).Offset(skip).Limit(sweepBatch).All(ctx)
	return db.Map(rows, err, "find overdue checkouts", checkoutOf)
}

// releaseOverdue lets go the overdue checkouts that hold what a buyer is short of, and tells whether any is decided, by
// whomever. It is what keeps expiry from being late for a buyer, so that a failure of it is no failure of the buyer's. A crowd that is
// short of the same looks together.
func (c *Checkouts) releaseOverdue(ctx context.Context, short *inventory.ShortError) bool {
	variants := make([]typeid.Variant, len(short.Shortages))
	for i, s := range short.Shortages {
		variants[i] = s.Variant
	}
	out, _, _ := c.looks.Do(fmt.Sprint(variants), func() (any, error) {
		return c.releaseOverdueOf(context.WithoutCancel(ctx), variants), nil
	})
	released, _ := out.(bool)
	return released
}

func (c *Checkouts) releaseOverdueOf(ctx context.Context, variants []typeid.Variant) bool {
	found, err := c.overdue(ctx, 0, func(s *sql.Selector) {
		h := c.db.SQL().Table(hold.Table)
		s.Where(sql.In(s.C(entcheckout.FieldID), c.db.SQL().Select(h.C(hold.FieldCheckoutID)).From(h).Where(sql.And(
			sql.In(h.C(hold.FieldVariantID), db.Args(variants)...), sql.EQ(h.C(hold.FieldStatus), holdHeld), sql.LTE(h.C(hold.FieldExpiresAt), c.now())))))
	})
	n := 0
	if err == nil {
		n, err = c.expire(ctx, found)
	}
	if err != nil {
		c.log.ErrorContext(ctx, "let overdue goods go for a buyer", "error", err)
	}
	return n > 0
}

// expire closes the payments of overdue checkouts at the provider, all at once, then lets their goods go together,
// and tells how many are decided, by it or by others meanwhile. Those that were paid after all are paid. Those of which the
// provider says nothing stay until giveUpAfter.
func (c *Checkouts) expire(ctx context.Context, found []*Checkout) (int, error) {
	if len(found) == 0 {
		return 0, nil
	}
	ids := make([]typeid.Checkout, len(found))
	for i, f := range found {
		ids[i] = f.ID
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
		list []move
		mu   sync.Mutex
		wg   sync.WaitGroup
	)
	for _, f := range found {
		if f.Payment = of[f.ID]; f.Payment == nil {
			continue
		}
		wg.Go(func() {
			if t, ok := c.closeOverdue(ctx, f); ok {
				mu.Lock()
				list = append(list, move{turn: &t})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	results, errs := c.moves.DoAll(ctx, list)
	gone := 0
	for i, out := range results {
		switch {
		case errs[i] != nil:
			errs[i] = fmt.Errorf("let %s go: %w", list[i].turn.checkout, errs[i])
		case !out.undecided: // else the next sweep finds what is left
			gone++
		}
	}
	return gone, errors.Join(errs...)
}

// closeOverdue asks the provider to close one overdue payment, and says what follows.
func (c *Checkouts) closeOverdue(ctx context.Context, f *Checkout) (turn, bool) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	answer, err := usable(f)(c.provider.Close(ctx, f.trade()))
	switch {
	case err == nil && answer.State == payment.TradePaid:
		return turn{checkout: f.ID, to: Paid, receipt: answer}, true
	case err == nil:
		return turn{checkout: f.ID, to: Expired}, true
	}
	c.log.WarnContext(ctx, "payment provider did not answer", "call", "close", "payment_id", f.Payment.ID.String(), "error", err)
	givenUp := !c.now().Before(f.HeldUntil.Add(giveUpAfter))
	return turn{checkout: f.ID, to: Expired, unanswered: true}, givenUp
}

// askAfter is when the provider is asked again about a payment that was let go, counted from the end of its hold: the notice of
// late money may have been lost.
var askAfter = [...]time.Duration{time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} //nolint:gochecknoglobals // a constant

// followUp asks the provider about a payment that was let go, for a day, and until it answers: the money may have come.
func (c *Checkouts) followUp(ctx context.Context, about typeid.UUID) (time.Time, error) {
	found, err := c.payment(ctx, typeid.From[typeid.Payment](about))
	if err != nil || found.Status != payment.Closed {
		return time.Time{}, err
	}
	out, err := c.read(ctx, found.CheckoutID)
	if err != nil {
		return time.Time{}, err
	}
	asking, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	answer, err := usable(out)(c.provider.Close(asking, out.trade()))
	switch {
	case err != nil:
		return time.Time{}, err
	case answer.State == payment.TradePaid:
		_, err = c.settle(ctx, out, answer)
		return time.Time{}, err
	}
	for _, after := range askAfter {
		if next := out.HeldUntil.Add(after); next.After(c.now()) {
			return next, nil
		}
	}
	return time.Time{}, nil
}
