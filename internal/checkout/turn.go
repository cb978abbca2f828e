package checkout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	entcheckout "holdfast/ent/checkout"
	"holdfast/ent/hold"
	entpayment "holdfast/ent/payment"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/job"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// What holds are called in their rows.
const (
	holdHeld     = "HELD"
	holdSold     = "SOLD"
	holdReleased = "RELEASED"
)

// state is what a checkout's status means for everything that belongs to it.
type state struct {
	order   order.Status
	payment payment.Status
	hold    string
	split   string
}

func stateOf(s Status) state {
	switch s {
	case Paid:
		return state{order.Paid, payment.Paid, holdSold, payment.SplitPlanned}
	case Cancelled:
		return state{order.Cancelled, payment.Closed, holdReleased, payment.SplitCancelled}
	case Expired:
		return state{order.Expired, payment.Closed, holdReleased, payment.SplitCancelled}
	case Open:
		return state{order.PendingPayment, payment.Pending, holdHeld, payment.SplitPlanned}
	}
	return state{}
}

// turn takes an OPEN checkout to another status; with money, also one that was let go.
type turn struct {
	checkout typeid.Checkout
	to       Status
	// receipt is the provider's, when to is Paid.
	receipt payment.Answer
	// acts are written down in the audit log if the turn wins.
	acts []audit.Act
	// unanswered is set when the provider was not heard before the goods went: it may still say that it was paid.
	unanswered bool
}

// turns carries turns out, and tells which of them won: of pay, cancel and expire, the first to commit. A commit whose answer was
// lost is tried again: if it had happened, the second try loses, and whoever asks reads the status.
func (c *Checkouts) turns(ctx context.Context, list []turn) ([]bool, error) {
	if len(list) == 0 {
		return nil, nil
	}
	now := c.now()
	done, err := db.Repeat(ctx, c.db, func(ctx context.Context, tx *db.Tx) (turned, error) { return c.turnTx(ctx, tx, list, now) })
	if err != nil {
		return nil, err
	}
	c.hub.Committed(done.stocks)
	c.hub.OrdersMoved(done.orders)
	if done.jobs {
		c.jobs.Wake()
	}
	return done.won, nil
}

// turned is what turns have changed: told once it is committed.
type turned struct {
	won    []bool
	stocks []inventory.Stock
	orders []typeid.Order
	jobs   bool
}

// outcome is what becomes of a checkout whose turn it is.
type outcome struct {
	turn
	from Status
	// giveBack is set for late money whose goods are gone: the checkout stays as it is, and the money goes back.
	giveBack bool
}

// turnTx carries turns out in the transaction. What a checkout is about never changes, so it is read before the stock is
// locked; how it stands is decided after.
func (c *Checkouts) turnTx(ctx context.Context, tx *db.Tx, list []turn, now time.Time) (turned, error) {
	ids := make([]typeid.Checkout, len(list))
	for i, t := range list {
		ids[i] = t.checkout
	}
	held, err := heldTx(ctx, tx, ids)
	if err != nil {
		return turned{}, err
	}
	shelf, err := inventory.LockTx(ctx, tx, held.variants)
	if err != nil {
		return turned{}, err
	}
	statuses, err := lockTx(ctx, tx, ids)
	if err != nil {
		return turned{}, err
	}
	out := turned{won: make([]bool, len(list))}
	var winners []outcome
	for i, t := range list {
		from := statuses[t.checkout]
		if from != Open {
			if late, err := lateTx(ctx, tx, t, from); err != nil {
				return turned{}, err
			} else if !late {
				continue
			}
		}
		statuses[t.checkout] = Paid // the same checkout again in this list has lost
		o := outcome{turn: t, from: from, giveBack: from == Cancelled || from == Expired && !held.available(shelf, t.checkout)}
		if err := held.move(shelf, o); err != nil {
			return turned{}, err
		}
		out.won[i] = true
		winners = append(winners, o)
		out.orders = append(out.orders, held.orders(t.checkout)...)
	}
	if err := c.markTx(ctx, tx, winners, held, now); err != nil {
		return turned{}, err
	}
	for _, o := range winners {
		if err := audit.RecordTx(ctx, tx, now, o.acts...); err != nil {
			return turned{}, err
		}
	}
	if err := shelf.WriteTx(ctx, tx, now); err != nil {
		return turned{}, err
	}
	out.stocks = shelf.Changed()
	out.jobs, err = c.addJobsTx(ctx, tx, winners, held, now)
	return out, err
}

// addJobsTx asks for what is to be done once the turns are committed: money that goes on its way, and providers that have
// not answered.
func (c *Checkouts) addJobsTx(ctx context.Context, tx *db.Tx, winners []outcome, held held, now time.Time) (bool, error) {
	var share, refund, ask []typeid.UUID
	later := make(map[time.Time][]typeid.UUID) // what a sweep lets go together is one statement
	for _, o := range winners {
		switch {
		case o.to == Paid && o.giveBack:
			refund = append(refund, bytes(held.orders(o.checkout))...)
		case o.to == Paid:
			share = append(share, bytes(held.orders(o.checkout))...)
		case o.unanswered:
			ask = append(ask, held.payments[o.checkout].UUID)
		default: // a cashier that is open may still be paid at
			due := now
			if end := held.until[o.checkout]; end.After(now) {
				due = end
			}
			due = due.Add(askAfter[0])
			later[due] = append(later[due], held.payments[o.checkout].UUID)
		}
	}
	errs := []error{
		job.AddTx(ctx, tx, now, now.Add(c.provider.ShareAfter()), job.Order, share...),
		job.AddTx(ctx, tx, now, now, job.Order, refund...),
		job.AddTx(ctx, tx, now, now, job.Payment, ask...),
	}
	for due, payments := range later {
		errs = append(errs, job.AddTx(ctx, tx, now, due, job.Payment, payments...))
	}
	return len(share)+len(refund)+len(ask) > 0, errors.Join(errs...)
}

func bytes(orders []typeid.Order) []typeid.UUID {
	out := make([]typeid.UUID, len(orders))
	for i, o := range orders {
		out[i] = o.UUID
	}
	return out
}

// heldLine is what one order line holds, held, or would have to hold again.
type heldLine struct {
	variant  typeid.Variant
	order    typeid.Order
	quantity int
}

// held is what checkouts hold.
type held struct {
	of       map[typeid.Checkout][]heldLine
	payments map[typeid.Checkout]typeid.Payment
	until    map[typeid.Checkout]time.Time
	variants []typeid.Variant
}

// orders are those of a checkout.
func (h held) orders(of typeid.Checkout) []typeid.Order {
	var out []typeid.Order
	for _, line := range h.of[of] {
		if !slices.Contains(out, line.order) {
			out = append(out, line.order)
		}
	}
	return out
}

// available tells whether all that a checkout once held could be held again.
func (h held) available(shelf *inventory.Shelf, of typeid.Checkout) bool {
	wanted := make(map[typeid.Variant]int)
	for _, line := range h.of[of] {
		if wanted[line.variant] += line.quantity; wanted[line.variant] > shelf.Available(line.variant) {
			return false
		}
	}
	return true
}

// move moves the goods of a checkout whose turn it is.
func (h held) move(shelf *inventory.Shelf, o outcome) error {
	if o.giveBack {
		return nil
	}
	for _, line := range h.of[o.checkout] {
		var moves []inventory.Movement
		if o.from != Open {
			moves = append(moves, inventory.Hold(line.variant, line.quantity, line.order))
		}
		if o.to == Paid {
			moves = append(moves, inventory.Sell(line.variant, line.quantity, line.order))
		} else {
			moves = append(moves, inventory.Release(line.variant, line.quantity, line.order))
		}
		for _, m := range moves {
			if err := shelf.Move(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func heldTx(ctx context.Context, tx *db.Tx, checkouts []typeid.Checkout) (held, error) {
	h, p := tx.SQL().Table(hold.Table).As("h"), tx.SQL().Table(entpayment.Table).As("p")
	out := held{of: make(map[typeid.Checkout][]heldLine), payments: make(map[typeid.Checkout]typeid.Payment), until: make(map[typeid.Checkout]time.Time)}
	_, err := db.Collect(ctx, tx, tx.SQL().Select(h.C(hold.FieldCheckoutID), h.C(hold.FieldVariantID), h.C(hold.FieldOrderID),
		h.C(hold.FieldQuantity), h.C(hold.FieldExpiresAt), p.C(entpayment.FieldID)).From(h).
		Join(p).On(p.C(entpayment.FieldCheckoutID), h.C(hold.FieldCheckoutID)).
		Where(sql.In(h.C(hold.FieldCheckoutID), db.Args(checkouts)...)),
		func(row db.Row) (struct{}, error) {
			var of typeid.Checkout
			var paid typeid.Payment
			var line heldLine
			var until time.Time
			err := row.Scan(&of, &line.variant, &line.order, &line.quantity, &until, &paid)
			out.of[of] = append(out.of[of], line)
			out.payments[of], out.until[of] = paid, until
			out.variants = append(out.variants, line.variant)
			return struct{}{}, err
		})
	if err != nil {
		return held{}, fmt.Errorf("read holds: %w", err)
	}
	return out, nil
}

// lockTx locks the checkouts in id order and tells how they stand.
func lockTx(ctx context.Context, tx *db.Tx, checkouts []typeid.Checkout) (map[typeid.Checkout]Status, error) {
	ids := slices.Clone(checkouts)
	slices.SortFunc(ids, func(a, b typeid.Checkout) int { return a.Compare(b.UUID) })
	t := tx.SQL().Table(entcheckout.Table)
	out := make(map[typeid.Checkout]Status, len(ids))
	_, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(entcheckout.FieldID, entcheckout.FieldStatus).From(t).
		Where(sql.In(entcheckout.FieldID, db.Args(ids)...)).OrderBy(entcheckout.FieldID)),
		func(row db.Row) (struct{}, error) {
			var id typeid.Checkout
			var status Status
			err := row.Scan(&id, &status)
			out[id] = status
			return struct{}{}, err
		})
	if err != nil {
		return nil, fmt.Errorf("lock checkouts: %w", err)
	}
	return out, nil
}

// lateTx tells whether a turn brings late money: for a checkout that was let go, once. The checkout is locked.
func lateTx(ctx context.Context, tx *db.Tx, t turn, from Status) (bool, error) {
	if t.to != Paid || from != Expired && from != Cancelled {
		return false, nil
	}
	n, err := tx.Payment.Query().Where(entpayment.CheckoutID(t.checkout), entpayment.Status(string(payment.Closed))).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("read payment: %w", err)
	}
	return n == 1, nil
}
