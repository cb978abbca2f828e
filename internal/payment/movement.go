package payment

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/ent/refund"
	"holdfast/ent/splitreturn"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Movement is money that has moved: MoneyReceived, ShareMade, ShareWithheld, ShareReturned, MoneyRefunded
// or FeesTaken.
type Movement interface {
	// recordTx turns the rows, and returns what goes into the books: nothing when it had been recorded before.
	recordTx(context.Context, *db.Tx) (done bool, books []posting, err error)
}

// RecordTx writes down that money moved, as the provider has confirmed, in the rows and in the books. Every movement of money comes
// through here, and each has one effect: false says that it had been recorded before. Whoever calls it has locked the order, if there
// is one.
func RecordTx(ctx context.Context, tx *db.Tx, m Movement) (bool, error) {
	done, books, err := m.recordTx(ctx, tx)
	if err == nil {
		err = postTx(ctx, tx, books)
	}
	if err != nil {
		return false, fmt.Errorf("record %T: %w", m, err)
	}
	return done, nil
}

// MoneyReceived is buyers' money that came in: of payments that are open, or late, of ones that were closed.
type MoneyReceived []Receipt

// Receipt is what the provider says of the money of one checkout.
type Receipt struct {
	Checkout typeid.Checkout
	Answer
	// Now is when it is recorded; the zero time stands for PaidAt.
	Now time.Time
}

func (m MoneyReceived) recordTx(ctx context.Context, tx *db.Tx) (bool, []posting, error) {
	of := make(map[typeid.Checkout]Receipt, len(m))
	checkouts := make([]typeid.Checkout, len(m))
	for i, r := range m {
		if err := entpayment.TransactionIDValidator(r.TransactionID); err != nil {
			return false, nil, fmt.Errorf("receipt of %s: %w", r.Checkout, err)
		}
		of[r.Checkout], checkouts[i] = r, r.Checkout
	}
	each := func(value func(Receipt) any) sql.Querier {
		return db.PerRow(entpayment.FieldCheckoutID, checkouts, func(c typeid.Checkout) any { return value(of[c]) })
	}
	n, err := tx.Exec(ctx, tx.SQL().Update(entpayment.Table).
		Set(entpayment.FieldStatus, string(Paid)).
		Set(entpayment.FieldPaidAt, each(func(r Receipt) any { return clock.Truncate(r.PaidAt) })).
		Set(entpayment.FieldTransactionID, each(func(r Receipt) any { return r.TransactionID })).
		Where(sql.And(sql.In(entpayment.FieldCheckoutID, db.Args(checkouts)...),
			sql.In(entpayment.FieldStatus, string(Pending), string(Closed)))))
	if err != nil || n != int64(len(m)) {
		return false, nil, err
	}
	books, err := receivedTx(ctx, tx, of, checkouts)
	return err == nil, books, err
}

// receivedTx is what each order of these checkouts has of the money that came in, read with one statement for all.
func receivedTx(ctx context.Context, tx *db.Tx, of map[typeid.Checkout]Receipt, checkouts []typeid.Checkout) ([]posting, error) {
	o, p := tx.SQL().Table(entorder.Table).As("o"), tx.SQL().Table(entpayment.Table).As("p")
	return db.Collect(ctx, tx, tx.SQL().Select(o.C(entorder.FieldID), o.C(entorder.FieldCheckoutID), o.C(entorder.FieldShopID),
		o.C(entorder.FieldTotal), o.C(entorder.FieldCurrency), p.C(entpayment.FieldID)).From(o).
		Join(p).On(p.C(entpayment.FieldCheckoutID), o.C(entorder.FieldCheckoutID)).
		Where(sql.In(o.C(entorder.FieldCheckoutID), db.Args(checkouts)...)).OrderBy(o.C(entorder.FieldID)),
		func(row db.Row) (posting, error) {
			in := posting{kind: EntryReceived, from: OfBuyer, to: OfOrder}
			var checkout typeid.Checkout
			err := row.Scan(&in.order, &checkout, &in.shop, &in.amount.Amount, &in.amount.Currency, &in.movement)
			in.at = or(of[checkout].Now, of[checkout].PaidAt)
			return in, err
		})
}

// ShareMade is a share that its receiver has.
type ShareMade struct {
	Split typeid.Split
	// Now is when it is recorded; the zero time stands for when the payment was paid.
	Now time.Time
}

func (m ShareMade) recordTx(ctx context.Context, tx *db.Tx) (bool, []posting, error) {
	n, err := tx.PaymentSplit.Update().Where(paymentsplit.ID(m.Split), paymentsplit.Status(SplitProcessing)).
		SetStatus(SplitSucceeded).ClearFailure().Save(ctx)
	if err != nil || n == 0 {
		return false, nil, err
	}
	s, p := tx.SQL().Table(paymentsplit.Table).As("s"), tx.SQL().Table(entpayment.Table).As("p")
	books, err := db.Collect(ctx, tx, tx.SQL().Select(s.C(paymentsplit.FieldOrderID), s.C(paymentsplit.FieldShopID), s.C(paymentsplit.FieldReceiver),
		s.C(paymentsplit.FieldAmount), s.C(paymentsplit.FieldReturned), s.C(paymentsplit.FieldCurrency), p.C(entpayment.FieldPaidAt)).From(s).
		Join(p).On(p.C(entpayment.FieldID), s.C(paymentsplit.FieldPaymentID)).Where(sql.EQ(s.C(paymentsplit.FieldID), m.Split)),
		func(row db.Row) (posting, error) {
			out := posting{kind: EntryShared, movement: m.Split.UUID, from: OfOrder, to: OfReceiver}
			var amount, withheld int64
			err := row.Scan(&out.order, &out.shop, &out.receiver, &amount, &withheld, &out.amount.Currency, &out.at)
			out.amount.Amount = amount - withheld // which is what was paid out
			out.at = or(m.Now, out.at)
			return out, err
		})
	return err == nil, books, err
}

// ShareReturned is a share, or a part of it, that its receiver has given back.
type ShareReturned struct {
	Return typeid.SplitReturn
	// Now is when it is recorded; the zero time stands for when it was asked for.
	Now time.Time
}

func (m ShareReturned) recordTx(ctx context.Context, tx *db.Tx) (bool, []posting, error) {
	row, err := giveBackTx(ctx, tx, m.Return, SplitSucceeded)
	if err != nil || row == nil {
		return false, nil, err
	}
	of, err := tx.PaymentSplit.Get(ctx, row.SplitID)
	if err != nil {
		return false, nil, err
	}
	return true, []posting{{
		kind: EntryReturned, movement: row.ID.UUID, order: of.OrderID, shop: of.ShopID, from: OfReceiver, to: OfOrder, receiver: of.Receiver,
		amount: money.New(row.Amount, money.Currency(row.Currency)), at: or(m.Now, row.CreatedAt),
	}}, nil
}

// or is the moment that was given, or else the other.
func or(given, other time.Time) time.Time {
	if given.IsZero() {
		return other
	}
	return given
}

// ShareWithheld is a part of a share that its receiver never gets: the share had not been paid out. No money moves.
type ShareWithheld struct{ Return typeid.SplitReturn }

func (m ShareWithheld) recordTx(ctx context.Context, tx *db.Tx) (bool, []posting, error) { //nolint:unparam // nothing goes into the books
	row, err := giveBackTx(ctx, tx, m.Return, SplitPlanned, SplitFailed)
	return row != nil, nil, err
}

// giveBackTx takes a return out of its share, and returns it; nil when that was done before.
func giveBackTx(ctx context.Context, tx *db.Tx, id typeid.SplitReturn, from ...string) (*ent.SplitReturn, error) {
	row, err := tx.SplitReturn.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	n, err := tx.SplitReturn.Update().Where(splitreturn.ID(id), splitreturn.StatusNEQ(string(TransferSucceeded))).
		SetStatus(string(TransferSucceeded)).ClearFailure().Save(ctx)
	if err != nil || n == 0 {
		return nil, err
	}
	n, err = tx.PaymentSplit.Update().Where(paymentsplit.ID(row.SplitID), paymentsplit.StatusIn(from...)).AddReturned(row.Amount).Save(ctx)
	if err == nil && n == 0 {
		err = fmt.Errorf("share %s is not %v any more", row.SplitID, from)
	}
	if err != nil {
		return nil, err
	}
	_, err = tx.PaymentSplit.Update().Where(paymentsplit.ID(row.SplitID), func(s *sql.Selector) {
		s.Where(sql.ColumnsEQ(s.C(paymentsplit.FieldReturned), s.C(paymentsplit.FieldAmount)))
	}).SetStatus(SplitReturned).ClearFailure().Save(ctx)
	return row, err
}

// MoneyRefunded is money that its buyer has again.
type MoneyRefunded struct {
	Refund typeid.Refund
	Now    time.Time
}

func (m MoneyRefunded) recordTx(ctx context.Context, tx *db.Tx) (bool, []posting, error) {
	row, err := tx.Refund.Get(ctx, m.Refund)
	if err != nil {
		return false, nil, err
	}
	n, err := tx.Refund.Update().Where(refund.ID(m.Refund), refund.StatusNEQ(string(TransferSucceeded))).
		SetStatus(string(TransferSucceeded)).ClearFailure().SetSucceededAt(m.Now).Save(ctx)
	if err != nil || n == 0 {
		return false, nil, err
	}
	if _, err := tx.Order.Update().Where(entorder.ID(row.OrderID)).AddRefunded(row.Amount).AddVersion(1).Save(ctx); err != nil {
		return false, nil, err
	}
	if _, err := tx.Order.Update().Where(entorder.ID(row.OrderID), func(s *sql.Selector) {
		s.Where(sql.ColumnsEQ(s.C(entorder.FieldRefunded), s.C(entorder.FieldTotal)))
	}).SetStatus(orderRefunded).Save(ctx); err != nil {
		return false, nil, err
	}
	return true, []posting{{
		kind: EntryRefunded, movement: row.ID.UUID, order: row.OrderID, shop: row.ShopID, from: OfOrder, to: OfBuyer,
		amount: money.New(row.Amount, money.Currency(row.Currency)), at: m.Now,
	}}, TurnTx(ctx, tx, row.PaymentID)
}

// orderRefunded is what an order is called whose money was all given back.
const orderRefunded = "REFUNDED"

// TurnTx brings the status of a payment in line with its refunds, and moves its orders' versions on when that changes it. Whoever
// changes refunds calls it, in the same transaction, and has locked all orders of the payment's checkout.
func TurnTx(ctx context.Context, tx *db.Tx, id typeid.Payment) error {
	row, err := tx.Payment.Query().Where(func(s *sql.Selector) {
		s.Where(sql.EQ(s.C(entpayment.FieldID), id))
		tx.ForUpdate(s) // refunds of two orders of one payment wait for each other here, and see what the first wrote
	}).Only(ctx)
	if err != nil {
		return fmt.Errorf("lock payment: %w", err)
	}
	refunds, err := tx.Refund.Query().Where(refund.PaymentID(id)).All(ctx)
	if err != nil {
		return fmt.Errorf("read refunds: %w", err)
	}
	status := statusOf(row, refunds)
	if string(status) == row.Status {
		return nil
	}
	if _, err := tx.Payment.Update().Where(entpayment.ID(id)).SetStatus(string(status)).Save(ctx); err != nil {
		return fmt.Errorf("turn payment: %w", err)
	}
	if _, err := tx.Order.Update().Where(entorder.CheckoutID(row.CheckoutID)).AddVersion(1).Save(ctx); err != nil {
		return fmt.Errorf("turn orders of payment: %w", err)
	}
	return nil
}

// statusOf is the status of a payment that was paid and of which so much was given back or is on its way.
func statusOf(p *ent.Payment, refunds []*ent.Refund) Status {
	var done, under int64
	for _, r := range refunds {
		if r.Status == string(TransferSucceeded) {
			done += r.Amount
		} else {
			under += r.Amount
		}
	}
	switch {
	case done+under == 0:
		return Paid
	case done == p.Amount:
		return Refunded
	case done+under == p.Amount:
		return Refunding
	case done > 0:
		return PartiallyRefunded
	}
	return Paid
}
