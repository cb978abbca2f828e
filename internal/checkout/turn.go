package checkout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	entcheckout "holdfast/ent/checkout"
	"holdfast/ent/hold"
	entorder "holdfast/ent/order"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// What holds and splits are called in their rows.
const (
	holdHeld       = "HELD"
	holdSold       = "SOLD"
	holdReleased   = "RELEASED"
	splitPlanned   = "PLANNED"
	splitCancelled = "CANCELLED"
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
		return state{order.Paid, payment.Paid, holdSold, splitPlanned}
	case Cancelled:
		return state{order.Cancelled, payment.Closed, holdReleased, splitCancelled}
	case Expired:
		return state{order.Expired, payment.Closed, holdReleased, splitCancelled}
	case Open:
		return state{order.PendingPayment, payment.Pending, holdHeld, splitPlanned}
	}
	return state{}
}

// turn takes an OPEN checkout to another status.
type turn struct {
	checkout typeid.Checkout
	to       Status
	// receipt is the provider's, when to is Paid.
	receipt payment.Answer
}

// turns carries turns out, and tells which of them won: of pay, cancel and expire, the first to commit.
func (c *Checkouts) turns(ctx context.Context, list []turn) ([]bool, error) {
	if len(list) == 0 {
		return nil, nil
	}
	now := c.now()
	done, err := db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (turned, error) { return turnTx(ctx, tx, list, now) })
	if err != nil {
		return nil, err
	}
	c.hub.Committed(done.stocks)
	c.hub.OrdersMoved(done.orders)
	return done.won, nil
}

// turned is what turns have changed: told once it is committed.
type turned struct {
	won    []bool
	stocks []inventory.Stock
	orders []typeid.Order
}

// turnTx carries turns out in the transaction. What the checkouts hold never changes while they are OPEN, so it is read
// before the stock is locked; whether they are OPEN is decided after.
func turnTx(ctx context.Context, tx *db.Tx, list []turn, now time.Time) (turned, error) {
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
	open, err := lockOpenTx(ctx, tx, ids)
	if err != nil {
		return turned{}, err
	}
	won := make([]bool, len(list))
	winners := make(map[Status][]turn)
	for i, t := range list {
		if !open[t.checkout] {
			continue
		}
		open[t.checkout] = false // the same checkout again in this list has lost
		won[i] = true
		winners[t.to] = append(winners[t.to], t)
		for _, h := range held.of[t.checkout] {
			m := inventory.Release(h.variant, h.quantity, h.order)
			if t.to == Paid {
				m = inventory.Sell(h.variant, h.quantity, h.order)
			}
			if err := shelf.Move(m); err != nil {
				return turned{}, err
			}
		}
	}
	for _, to := range []Status{Paid, Cancelled, Expired} {
		if err := markTx(ctx, tx, to, winners[to], held, now); err != nil {
			return turned{}, err
		}
	}
	if err := shelf.WriteTx(ctx, tx, now); err != nil {
		return turned{}, err
	}
	out := turned{won: won, stocks: shelf.Changed()}
	for _, list := range winners {
		out.orders = append(out.orders, held.orders(list)...)
	}
	return out, nil
}

// heldLine is what one order line holds.
type heldLine struct {
	variant  typeid.Variant
	order    typeid.Order
	quantity int
}

// held is what checkouts hold.
type held struct {
	of       map[typeid.Checkout][]heldLine
	variants []typeid.Variant
}

// orders are those of these turns' checkouts.
func (h held) orders(of []turn) []typeid.Order {
	var out []typeid.Order
	for _, t := range of {
		for _, line := range h.of[t.checkout] {
			if !slices.Contains(out, line.order) {
				out = append(out, line.order)
			}
		}
	}
	return out
}

func heldTx(ctx context.Context, tx *db.Tx, checkouts []typeid.Checkout) (held, error) {
	rows, err := tx.Hold.Query().Where(hold.CheckoutIDIn(checkouts...), hold.Status(holdHeld)).All(ctx)
	if err != nil {
		return held{}, fmt.Errorf("read holds: %w", err)
	}
	out := held{of: make(map[typeid.Checkout][]heldLine)}
	for _, r := range rows {
		out.of[r.CheckoutID] = append(out.of[r.CheckoutID], heldLine{r.VariantID, r.OrderID, r.Quantity})
		out.variants = append(out.variants, r.VariantID)
	}
	return out, nil
}

// lockOpenTx locks the checkouts in id order and tells which are OPEN.
func lockOpenTx(ctx context.Context, tx *db.Tx, checkouts []typeid.Checkout) (map[typeid.Checkout]bool, error) {
	ids := slices.Clone(checkouts)
	slices.SortFunc(ids, func(a, b typeid.Checkout) int { return a.Compare(b.UUID) })
	t := tx.SQL().Table(entcheckout.Table)
	open := make(map[typeid.Checkout]bool, len(ids))
	_, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(entcheckout.FieldID, entcheckout.FieldStatus).From(t).
		Where(sql.In(entcheckout.FieldID, db.Args(ids)...)).OrderBy(entcheckout.FieldID)),
		func(row db.Row) (struct{}, error) {
			var id typeid.Checkout
			var status Status
			err := row.Scan(&id, &status)
			open[id] = status == Open
			return struct{}{}, err
		})
	if err != nil {
		return nil, fmt.Errorf("lock checkouts: %w", err)
	}
	return open, nil
}

// markTx writes the status of the winners and of everything that belongs to them. Every statement compares before it sets:
// what the lock promises, the rows prove.
func markTx(ctx context.Context, tx *db.Tx, to Status, winners []turn, held held, now time.Time) error {
	if len(winners) == 0 {
		return nil
	}
	ids := make([]typeid.Checkout, len(winners))
	for i, w := range winners {
		ids[i] = w.checkout
	}
	from, s := stateOf(Open), stateOf(to)
	n, err := tx.Checkout.Update().Where(entcheckout.IDIn(ids...), entcheckout.Status(string(Open))).SetStatus(string(to)).Save(ctx)
	if err != nil {
		return fmt.Errorf("turn checkouts: %w", err)
	}
	if n != len(ids) {
		return fmt.Errorf("turn checkouts: %d of %d were open", n, len(ids))
	}
	orders := tx.Order.Update().Where(entorder.CheckoutIDIn(ids...), entorder.Status(string(from.order))).SetStatus(string(s.order)).AddVersion(1)
	if to == Paid {
		orders.SetPaidAt(now)
	}
	if _, err := orders.Save(ctx); err != nil {
		return fmt.Errorf("turn orders: %w", err)
	}
	if _, err := tx.Hold.Update().Where(hold.CheckoutIDIn(ids...), hold.Status(from.hold)).SetStatus(s.hold).Save(ctx); err != nil {
		return fmt.Errorf("turn holds: %w", err)
	}
	if to == Paid {
		return payTx(ctx, tx, winners)
	}
	if _, err := tx.Payment.Update().Where(entpayment.CheckoutIDIn(ids...), entpayment.Status(string(from.payment))).SetStatus(string(s.payment)).Save(ctx); err != nil {
		return fmt.Errorf("close payments: %w", err)
	}
	if _, err := tx.PaymentSplit.Update().Where(paymentsplit.OrderIDIn(held.orders(winners)...), paymentsplit.Status(from.split)).SetStatus(s.split).Save(ctx); err != nil {
		return fmt.Errorf("cancel splits: %w", err)
	}
	return nil
}

// payTx writes the receipts: each payment has its own.
func payTx(ctx context.Context, tx *db.Tx, winners []turn) error {
	for _, w := range winners {
		n, err := tx.Payment.Update().Where(entpayment.CheckoutID(w.checkout), entpayment.Status(string(payment.Pending))).
			SetStatus(string(payment.Paid)).SetPaidAt(clock.Truncate(w.receipt.PaidAt)).SetTransactionID(w.receipt.TransactionID).Save(ctx)
		if err != nil {
			return fmt.Errorf("write receipt: %w", err)
		}
		if n != 1 {
			return fmt.Errorf("write receipt: the payment of %s was not pending", w.checkout)
		}
	}
	return nil
}
