package inventory

import (
	"context"
	"errors"
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// errAllRefused rolls a request back of which nothing is left to do.
var errAllRefused = errors.New("every line is refused")

// adjust carries a request out, once for each key, and gives each line its verdict.
func (i *Inventory) adjust(ctx context.Context, who identity.Principal, r *adjusting) ([]BulkVerdict, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	hash, err := idempotency.HashOf(r.input)
	if err != nil {
		return nil, err
	}
	variants, err := i.examine(ctx, who, r.lines)
	if err != nil {
		return nil, err
	}
	refusals := make([]error, len(r.lines))
	for n, a := range r.lines {
		refusals[n] = a.refused
	}
	if len(variants) == 0 {
		return r.verdicts(refusals, nil), nil
	}
	var (
		now    = i.now()
		shelf  *Shelf
		judged []error
	)
	done, err := idempotency.Once(ctx, i.db, idempotency.Request{
		Staff: who.Staff, Operation: r.operation, Key: r.key, Hash: hash, Now: now,
	}, func(ctx context.Context, tx *db.Tx) (_ string, err error) {
		if shelf, err = LockTx(ctx, tx, variants); err != nil {
			return "", err
		}
		if judged, err = r.carryOutTx(ctx, tx, shelf, who.Staff, now); err != nil {
			return "", err
		}
		return remember(judged)
	})
	switch {
	case errors.Is(err, errAllRefused):
		return r.verdicts(judged, nil), nil
	case err != nil:
		return nil, err
	case !done.Repeated:
		i.committed(shelf.Changed())
		return r.verdicts(judged, shelf.all()), nil
	}
	before, err := recall(done.Made)
	if err != nil {
		return nil, err
	}
	for n, refusal := range before {
		refusals[n] = refusal
	}
	stand, err := i.Stocks(ctx, variants)
	if err != nil {
		return nil, err
	}
	states := make([]Stock, len(stand))
	for n, s := range stand {
		states[n] = *s
	}
	i.committed(states) // the answer to the first commit may have been lost
	return r.verdicts(refusals, states), nil
}

// carryOutTx moves what can be moved and says, line by line, why the rest cannot.
func (r *adjusting) carryOutTx(ctx context.Context, tx *db.Tx, shelf *Shelf, staff typeid.Staff, now time.Time) ([]error, error) {
	refusals := make([]error, len(r.lines))
	reports := newReports(r)
	good := 0
	for n, a := range r.lines {
		if refusals[n] = a.refused; a.refused != nil {
			continue
		}
		current, ok := shelf.Stock(a.variant)
		if !ok {
			refusals[n] = a.notFound()
			continue
		}
		delta, refusal := a.decide(current)
		if refusals[n] = refusal; refusal != nil {
			reports.refused(current.ShopID)
			continue
		}
		good++
		reports.adjusted(current, delta)
		if delta == 0 {
			continue // counted, and as many as we thought
		}
		if err := shelf.Move(Movement{Variant: a.variant, Kind: Adjusted, OnHand: delta, Staff: staff, Reason: r.reason}); err != nil {
			return nil, err
		}
	}
	if good == 0 {
		return refusals, errAllRefused
	}
	if err := shelf.WriteTx(ctx, tx, now); err != nil {
		return nil, err
	}
	return refusals, audit.RecordTx(ctx, tx, now, reports.acts(staff)...)
}

// verdicts puts refusals and stocks together.
func (r *adjusting) verdicts(refusals []error, stocks []Stock) []BulkVerdict {
	byVariant := make(map[typeid.Variant]*Stock, len(stocks))
	for n := range stocks {
		byVariant[stocks[n].VariantID] = &stocks[n]
	}
	out := make([]BulkVerdict, len(r.lines))
	for n, a := range r.lines {
		out[n] = BulkVerdict{VariantID: a.VariantID, Err: refusals[n]}
		if out[n].Err == nil {
			out[n].Stock = byVariant[a.variant]
		}
	}
	return out
}
