package checkout

import (
	"context"
	"errors"
	"slices"
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/inventory"
	"holdfast/internal/job"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// Bounds of what is gathered: a transaction stays short, and what waits is answered before its client gives up.
const (
	maxBatch   = 128
	maxWaiting = 2048 // of one shop
	workers    = 2    // a crowd in one shop, and everybody else
)

// move is what moves stock: a checkout to place, the turn of one, or a deed of staff.
type move struct {
	place *planned
	turn  *turn
	deed  *inventory.Deed
}

// shop is the one whose turn a move takes: of what is placed the first that sells; turns go together.
func (m move) shop() typeid.Shop {
	switch {
	case m.deed != nil:
		return m.deed.Shop
	case m.place == nil:
		return typeid.Shop{}
	case len(m.place.plan.Orders) == 0:
		return typeid.Shop{}
	}
	return m.place.plan.Orders[0].Shop
}

// result is what became of a move.
type result struct {
	verdict                  // of what was to be placed
	won       bool           // a turn has won
	undecided bool           // a turn has to be tried again, after what has just been decided
	deed      inventory.Done // what a deed has made; if it was refused, the verdict says why
}

// Do has a deed of staff done together with all that moves stock at that moment. It fails with what the deed refuses, and with
// IDEMPOTENCY_KEY_REUSED and OVERLOADED. A caller who leaves hears nothing, and the deed is done all the same.
func (c *Checkouts) Do(ctx context.Context, d *inventory.Deed) (inventory.Done, error) {
	out, err := c.moves.Do(ctx, move{deed: d})
	if err == nil {
		err = out.err
	}
	return out.deed, err
}

// commit decides moves that arrived together in one transaction, then tells of what has changed. A commit whose answer is lost
// is tried again: what was placed or done is found by its key, and a turn that had won loses, so that whoever asks reads the status.
func (c *Checkouts) commit(ctx context.Context, moves []move) ([]result, error) {
	defer c.soldOut.decided(moves...)
	done, err := idempotency.Repeat(ctx, c.db, func(ctx context.Context, tx *db.Tx) (*round, error) {
		r := &round{now: c.now(), past: newPast(), turned: make(map[typeid.Checkout]Status)}
		return r, c.commitTx(ctx, tx, r, moves)
	})
	if err != nil {
		return nil, err
	}
	c.hub.Committed(done.shelf.Changed())
	c.hub.OrdersMoved(done.orders)
	done.deeds.Committed()
	if done.jobs {
		c.jobs.Wake()
	}
	return done.results, nil
}

// round is what one transaction has locked and decided.
type round struct {
	now time.Time

	carts    map[typeid.Buyer]int64
	past     *past
	deeds    *inventory.Deeds
	held     held
	shelf    *inventory.Shelf
	statuses map[typeid.Checkout]Status

	results  []result
	turned   map[typeid.Checkout]Status
	winners  []*planned
	outcomes []outcome
	orders   []typeid.Order // those that turned
	jobs     bool           // some are due now
}

// commitTx decides moves in the order of their arrival and writes those that win; nothing of the others stays. A refusal of one
// is its own verdict and no error of the transaction.
func (c *Checkouts) commitTx(ctx context.Context, tx *db.Tx, r *round, moves []move) error {
	if err := r.lockTx(ctx, tx, moves); err != nil {
		return err
	}
	for _, m := range moves {
		var out result
		var err error
		switch {
		case m.place != nil:
			out.verdict, err = r.place(m.place, c.set.MaxOpen)
		case m.turn != nil:
			out, err = r.turnTx(ctx, tx, *m.turn)
		default:
			out.deed, out.err, err = r.deeds.DoTx(ctx, tx, r.shelf, m.deed)
		}
		if err != nil {
			return err
		}
		r.results = append(r.results, out)
	}
	return c.writeTx(ctx, tx, r)
}

// lockTx locks what the moves are about, and reads how it stands: buyers, then stock, then checkouts.
func (r *round) lockTx(ctx context.Context, tx *db.Tx, moves []move) error {
	var placing []*planned
	var turning []typeid.Checkout
	var deeds []*inventory.Deed
	for _, m := range moves {
		switch {
		case m.place != nil:
			placing = append(placing, m.place)
		case m.turn != nil:
			turning = append(turning, m.turn.checkout)
		default:
			deeds = append(deeds, m.deed)
		}
	}
	var err error
	if len(turning) > 0 { // what a checkout is about never changes, so it needs no lock; how it stands is read under one
		if r.held, err = heldTx(ctx, tx, turning); err != nil {
			return err
		}
	}
	if len(placing) > 0 {
		if r.carts, err = r.past.lockTx(ctx, tx, placing, r.now); err != nil {
			return err
		}
	}
	r.deeds = inventory.NewDeeds(deeds, r.now)
	if r.shelf, err = inventory.LockTx(ctx, tx, slices.Concat(r.past.variants(placing), r.held.variants, r.deeds.Variants())); err != nil {
		return err
	}
	// Nobody else who needs what belongs to several checkouts gets at what belongs to these, so that it may be locked in any order.
	if checkouts := append(turning, r.deeds.Checkouts()...); len(checkouts) > 0 {
		if r.statuses, err = lockTx(ctx, tx, checkouts); err != nil {
			return err
		}
	}
	return r.deeds.LookUpTx(ctx, tx)
}

// place is the verdict on a request, whose goods it takes off the shelf when it wins.
func (r *round) place(p *planned, maxOpen int) (verdict, error) {
	if v, again := r.past.repeat(p); again {
		return v, nil
	}
	err := r.hold(p, maxOpen)
	switch {
	case err == nil:
		r.winners = append(r.winners, p)
		r.past.add(p)
		return verdict{made: p.checkout()}, nil
	case errors.Is(err, errCartMoved), fault.List(err) != nil:
		return verdict{err: err}, nil
	}
	return verdict{}, err
}

// turnTx tells whether a turn wins, and moves the goods if so.
func (r *round) turnTx(ctx context.Context, tx *db.Tx, t turn) (result, error) {
	if before, again := r.turned[t.checkout]; again { // money that comes right after the goods went is late
		return result{undecided: t.to == Paid && before != Paid}, nil
	}
	from := r.statuses[t.checkout]
	if from != Open {
		if late, err := lateTx(ctx, tx, t, from); err != nil || !late {
			return result{}, err
		}
	}
	o := outcome{turn: t, from: from, giveBack: from == Cancelled || from == Expired && !r.held.available(r.shelf, t.checkout)}
	if err := r.held.move(r.shelf, o); err != nil {
		return result{}, err
	}
	r.turned[t.checkout] = t.to
	r.outcomes = append(r.outcomes, o)
	r.orders = append(r.orders, r.held.orders(t.checkout)...)
	return result{won: true}, nil
}

// writeTx writes what was decided: new rows, parents before children, then the rows that turn, the stock, and the jobs last.
func (c *Checkouts) writeTx(ctx context.Context, tx *db.Tx, r *round) error {
	if err := insertTx(ctx, tx, r.winners); err != nil {
		return err
	}
	if err := markTx(ctx, tx, r); err != nil {
		return err
	}
	if err := r.deeds.WriteTx(ctx, tx); err != nil {
		return err
	}
	acts := r.deeds.Acts
	for _, o := range r.outcomes {
		acts = append(acts, o.acts...)
	}
	if err := audit.RecordTx(ctx, tx, r.now, acts...); err != nil {
		return err
	}
	if err := r.shelf.WriteTx(ctx, tx, r.now); err != nil {
		return err
	}
	return c.addJobsTx(ctx, tx, r)
}

// addJobsTx asks for what is to be done after the commit: money that goes on its way, and providers that have not answered.
func (c *Checkouts) addJobsTx(ctx context.Context, tx *db.Tx, r *round) error {
	var share, atOnce, ask []typeid.UUID
	later := make(map[time.Time][]typeid.UUID) // what is let go together is one statement
	for _, w := range r.winners {
		if w.status() == Paid { // what costs nothing
			atOnce = append(atOnce, bytes(w.orders)...)
		}
	}
	for _, o := range r.outcomes {
		switch {
		case o.to == Paid && o.giveBack:
			atOnce = append(atOnce, bytes(r.held.orders(o.checkout))...)
		case o.to == Paid:
			share = append(share, bytes(r.held.orders(o.checkout))...)
		case o.unanswered:
			ask = append(ask, r.held.payments[o.checkout].UUID)
		default: // a cashier that is open may still be paid at
			due := r.now
			if end := r.held.until[o.checkout]; end.After(due) {
				due = end
			}
			due = due.Add(askAfter[0])
			later[due] = append(later[due], r.held.payments[o.checkout].UUID)
		}
	}
	errs := []error{
		job.AddTx(ctx, tx, r.now, r.now.Add(c.provider.ShareAfter()), job.Order, share...),
		job.AddTx(ctx, tx, r.now, r.now, job.Order, slices.Concat(atOnce, r.deeds.Due)...),
		job.AddTx(ctx, tx, r.now, r.now, job.Payment, ask...),
	}
	for due, payments := range later {
		errs = append(errs, job.AddTx(ctx, tx, r.now, due, job.Payment, payments...))
	}
	errs = append(errs, c.notify.PaidTx(ctx, tx, r.paid(), r.now), c.notify.BackTx(ctx, tx, r.shelf.Back(), r.now))
	r.jobs = len(share)+len(atOnce)+len(ask) > 0 // whoever has done a deed sees to its jobs
	return errors.Join(errs...)
}

// paid are the orders that have become PAID, also with late money and without any.
func (r *round) paid() []typeid.Order {
	var out []typeid.Order
	for _, w := range r.winners {
		if w.status() == Paid {
			out = append(out, w.orders...)
		}
	}
	for _, o := range r.outcomes {
		if o.to == Paid && !o.giveBack {
			out = append(out, r.held.orders(o.checkout)...)
		}
	}
	return out
}

func bytes(orders []typeid.Order) []typeid.UUID {
	out := make([]typeid.UUID, len(orders))
	for i, o := range orders {
		out[i] = o.UUID
	}
	return out
}

// receipts are those of the money that came in.
func (r *round) receipts() payment.MoneyReceived {
	var out payment.MoneyReceived
	for _, o := range r.outcomes {
		if o.to == Paid {
			out = append(out, payment.Receipt{Checkout: o.checkout, Answer: o.receipt, Now: r.now})
		}
	}
	return out
}
