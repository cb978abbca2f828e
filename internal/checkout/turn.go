package checkout

import (
	"context"
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

// turnOne carries a turn out and tells whether it won: of pay, cancel and expire, the first to commit.
func (c *Checkouts) turnOne(ctx context.Context, t turn) (bool, error) {
	for {
		out, err := c.moves.Do(ctx, move{turn: &t})
		if err != nil || !out.undecided {
			return out.won, err
		}
	}
}

// outcome is what becomes of a checkout whose turn it is.
type outcome struct {
	turn
	from Status
	// giveBack is set for late money whose goods are gone: the checkout stays as it is, and the money goes back.
	giveBack bool
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
