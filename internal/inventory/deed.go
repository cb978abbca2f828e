package inventory

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/checkout"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/idempotency"
	"holdfast/internal/job"
	"holdfast/internal/typeid"
)

// Deed is something that staff do to stock, once for each idempotency key, in one transaction with whatever else moves stock at
// the same moment.
//
// What it is about is locked first, its stock and then its checkout, and its key is looked up after that: so whoever used the same
// key before has committed or is gone.
type Deed struct {
	Request idempotency.Request
	// Shop is in whose line the deed waits.
	Shop typeid.Shop
	// Variants are those whose stock it moves.
	Variants []typeid.Variant
	// Checkout is the one whose orders and money it is about; zero is none.
	Checkout typeid.Checkout
	// Do decides the deed, moves the stock in memory and writes rows of its own. A transaction may be tried again, so it has no effect
	// but on these, and on what nobody reads before the deed is done. An error fails the transaction, with all who share it.
	Do func(ctx context.Context, tx *db.Tx, shelf *Shelf) (Made, error)
	// Committed, if set, is called once what Do did is committed. It must not block.
	Committed func()
}

// Made is what has come of a deed.
type Made struct {
	// Result is what a repeat is told.
	Result string
	// Refused is why nothing was done: nothing may have been moved or written, and the key stays free.
	Refused error
	// Acts are for the audit log.
	Acts []audit.Act
	// Due are the orders for which something is to be done now.
	Due []typeid.Order
}

// Done is a deed that was done, now or before.
type Done struct {
	idempotency.Result

	// Stocks are those of its variants: as they stand after it, or, of a repeat, now.
	Stocks []Stock
}

// ShareWith has deeds done by together, with whatever else moves stock. It is set before anything is done.
func (i *Inventory) ShareWith(together func(context.Context, *Deed) (Done, error)) {
	i.together = together
}

// Do has a deed done. One that moves no stock stands in nobody's line. It fails with what the deed refuses, and with
// IDEMPOTENCY_KEY_REUSED and OVERLOADED.
func (i *Inventory) Do(ctx context.Context, d *Deed) (Done, error) {
	if i.together != nil && len(d.Variants) > 0 {
		return i.together(ctx, d)
	}
	return i.alone(ctx, d)
}

// alone does a deed in a transaction of its own.
func (i *Inventory) alone(ctx context.Context, d *Deed) (Done, error) {
	type round struct {
		deeds   *Deeds
		shelf   *Shelf
		done    Done
		refused error
	}
	r, err := idempotency.Repeat(ctx, i.db, func(ctx context.Context, tx *db.Tx) (*round, error) {
		r := &round{deeds: NewDeeds([]*Deed{d}, i.now())}
		var err error
		if r.shelf, err = LockTx(ctx, tx, r.deeds.Variants()); err != nil {
			return nil, err
		}
		if err := lockCheckoutTx(ctx, tx, d.Checkout); err != nil {
			return nil, err
		}
		if err := r.deeds.LookUpTx(ctx, tx); err != nil {
			return nil, err
		}
		if r.done, r.refused, err = r.deeds.DoTx(ctx, tx, r.shelf, d); err != nil {
			return nil, err
		}
		return r, r.deeds.writeAloneTx(ctx, tx, r.shelf)
	})
	if err != nil {
		return Done{}, err
	}
	i.committed(r.shelf.Changed())
	r.deeds.Committed()
	return r.done, r.refused
}

// writeAloneTx writes all that has come of deeds that share their transaction with nothing else.
func (d *Deeds) writeAloneTx(ctx context.Context, tx *db.Tx, shelf *Shelf) error {
	if err := d.WriteTx(ctx, tx); err != nil {
		return err
	}
	if err := audit.RecordTx(ctx, tx, d.now, d.Acts...); err != nil {
		return err
	}
	if err := shelf.WriteTx(ctx, tx, d.now); err != nil {
		return err
	}
	return job.AddTx(ctx, tx, d.now, d.now, job.Order, d.Due...)
}

func lockCheckoutTx(ctx context.Context, tx *db.Tx, id typeid.Checkout) error {
	if id.IsZero() {
		return nil
	}
	t := tx.SQL().Table(checkout.Table)
	_, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(checkout.FieldID).From(t).Where(sql.EQ(checkout.FieldID, id))),
		func(row db.Row) (id typeid.Checkout, err error) { return id, row.Scan(&id) })
	if err != nil {
		return fmt.Errorf("lock checkout: %w", err)
	}
	return nil
}

// Deeds are the deeds of one transaction.
type Deeds struct {
	// Acts and Due are those of what was done so far.
	Acts []audit.Act
	Due  []typeid.UUID

	now  time.Time
	list []*Deed
	past *idempotency.Past
	done []*Deed
}

// NewDeeds are deeds that are done at now.
func NewDeeds(list []*Deed, now time.Time) *Deeds { return &Deeds{list: list, now: now} }

// Variants are those whose stock has to be locked.
func (d *Deeds) Variants() []typeid.Variant {
	var out []typeid.Variant
	for _, k := range d.list {
		out = append(out, k.Variants...)
	}
	return out
}

// Checkouts are those that have to be locked after the stock.
func (d *Deeds) Checkouts() []typeid.Checkout {
	var out []typeid.Checkout
	for _, k := range d.list {
		if !k.Checkout.IsZero() {
			out = append(out, k.Checkout)
		}
	}
	return out
}

// LookUpTx finds out, with one statement, which deeds were done before. All that they are about is locked.
func (d *Deeds) LookUpTx(ctx context.Context, tx *db.Tx) (err error) {
	requests := make([]idempotency.Request, len(d.list))
	for i, k := range d.list {
		requests[i] = k.Request
	}
	d.past, err = idempotency.LookUpTx(ctx, tx, requests)
	return err
}

// DoTx does one of the deeds, unless it was done before, also in this transaction. A refusal is its own verdict and no error of the
// transaction.
func (d *Deeds) DoTx(ctx context.Context, tx *db.Tx, shelf *Shelf, deed *Deed) (out Done, refused, err error) {
	out.Result, refused = d.past.Of(deed.Request)
	if refused != nil {
		return Done{}, refused, nil
	}
	if !out.Repeated {
		made, err := deed.Do(ctx, tx, shelf)
		if err != nil || made.Refused != nil {
			return Done{}, made.Refused, err
		}
		out.Made = made.Result
		d.past.Add(deed.Request, made.Result)
		d.done = append(d.done, deed)
		d.Acts = append(d.Acts, made.Acts...)
		for _, o := range made.Due {
			d.Due = append(d.Due, o.UUID)
		}
	}
	for _, v := range deed.Variants {
		if stands, ok := shelf.tell(v, d.now); ok {
			out.Stocks = append(out.Stocks, stands)
		}
	}
	return out, nil, nil
}

// WriteTx writes the keys of what was done, with what it made. It runs under idempotency.Repeat.
func (d *Deeds) WriteTx(ctx context.Context, tx *db.Tx) error { return d.past.WriteTx(ctx, tx) }

// Committed tells those whose deeds were done that they are committed.
func (d *Deeds) Committed() {
	for _, k := range d.done {
		if k.Committed != nil {
			k.Committed()
		}
	}
}
