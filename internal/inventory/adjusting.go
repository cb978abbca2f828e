package inventory

import (
	"context"
	"errors"

	"holdfast/internal/db"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// errAllRefused refuses a request of which nothing is left to do.
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
	variants, shop, err := i.examine(ctx, who, r.lines)
	if err != nil {
		return nil, err
	}
	if len(variants) == 0 {
		return r.verdicts(nil, nil), nil
	}
	var refusals map[int]error
	done, err := i.Do(ctx, &Deed{
		Request: idempotency.Request{Staff: who.Staff, Operation: r.operation, Key: r.key, Hash: hash, Now: i.now()},
		Shop:    shop, Variants: variants,
		Do: func(_ context.Context, _ *db.Tx, shelf *Shelf) (made Made, err error) {
			refusals, made, err = r.carryOut(shelf, who.Staff)
			return made, err
		},
	})
	if err != nil && !errors.Is(err, errAllRefused) {
		return nil, err
	}
	if done.Repeated {
		if refusals, err = recall(done.Made); err != nil {
			return nil, err
		}
		i.committed(done.Stocks) // the answer to the first commit may have been lost
	}
	return r.verdicts(refusals, done.Stocks), nil
}

// carryOut moves what can be moved and says, line by line, why the rest cannot.
func (r *adjusting) carryOut(shelf *Shelf, staff typeid.Staff) (map[int]error, Made, error) {
	refusals := make(map[int]error)
	reports := newReports(r)
	good := 0
	for n, a := range r.lines {
		if a.refused != nil {
			refusals[n] = a.refused
			continue
		}
		current, ok := shelf.Stock(a.variant)
		if !ok {
			refusals[n] = a.notFound()
			continue
		}
		delta, refusal := a.decide(current)
		if refusal != nil {
			refusals[n] = refusal
			reports.refused(current.ShopID)
			continue
		}
		good++
		reports.adjusted(current, delta)
		if delta == 0 {
			continue // counted, and as many as we thought
		}
		if err := shelf.Move(Movement{Variant: a.variant, Kind: Adjusted, OnHand: delta, Staff: staff, Reason: r.reason}); err != nil {
			return nil, Made{}, err
		}
	}
	if good == 0 {
		return refusals, Made{Refused: errAllRefused}, nil
	}
	result, err := remember(refusals)
	return refusals, Made{Result: result, Acts: reports.acts(staff)}, err
}

// verdicts puts refusals, by line, and stocks together. What was refused before anything was locked is refused.
func (r *adjusting) verdicts(refusals map[int]error, stocks []Stock) []BulkVerdict {
	byVariant := make(map[typeid.Variant]*Stock, len(stocks))
	for n := range stocks {
		byVariant[stocks[n].VariantID] = &stocks[n]
	}
	out := make([]BulkVerdict, len(r.lines))
	for n, a := range r.lines {
		out[n] = BulkVerdict{VariantID: a.VariantID, Err: a.refused}
		if refusals[n] != nil {
			out[n].Err = refusals[n]
		}
		if out[n].Err == nil {
			out[n].Stock = byVariant[a.variant]
		}
	}
	return out
}
