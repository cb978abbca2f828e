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
	"holdfast/internal/typeid"
)

// Movement is money that has moved: MoneyReceived, ShareMade, ShareWithheld, ShareReturned or MoneyRefunded.
type Movement interface {
	recordTx(context.Context, *db.Tx) (bool, error)
}

// RecordTx writes down that money moved, as the provider has confirmed. Every movement of money comes through here, and each
// has one effect: false says that it had been recorded before. Whoever calls it has locked the order, if there is one.
func RecordTx(ctx context.Context, tx *db.Tx, m Movement) (bool, error) {
	done, err := m.recordTx(ctx, tx)
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
}

func (m MoneyReceived) recordTx(ctx context.Context, tx *db.Tx) (bool, error) {
	of := make(map[typeid.Checkout]Answer, len(m))
	checkouts := make([]typeid.Checkout, len(m))
	for i, r := range m {
		if err := entpayment.TransactionIDValidator(r.TransactionID); err != nil {
			return false, fmt.Errorf("receipt of %s: %w", r.Checkout, err)
		}
		of[r.Checkout], checkouts[i] = r.Answer, r.Checkout
	}
	each := func(value func(Answer) any) sql.Querier {
		return db.PerRow(entpayment.FieldCheckoutID, checkouts, func(c typeid.Checkout) any { return value(of[c]) })
	}
	n, err := tx.Exec(ctx, tx.SQL().Update(entpayment.Table).
		Set(entpayment.FieldStatus, string(Paid)).
		Set(entpayment.FieldPaidAt, each(func(a Answer) any { return clock.Truncate(a.PaidAt) })).
		Set(entpayment.FieldTransactionID, each(func(a Answer) any { return a.TransactionID })).
		Where(sql.And(sql.In(entpayment.FieldCheckoutID, db.Args(checkouts)...),
			sql.In(entpayment.FieldStatus, string(Pending), string(Closed)))))
	return n == int64(len(m)), err
}

// ShareMade is a share that its receiver has.
type ShareMade struct{ Split typeid.Split }

func (m ShareMade) recordTx(ctx context.Context, tx *db.Tx) (bool, error) {
	n, err := tx.PaymentSplit.Update().Where(paymentsplit.ID(m.Split), paymentsplit.Status(SplitProcessing)).
		SetStatus(SplitSucceeded).Save(ctx)
	return n == 1, err
}

// ShareReturned is a share, or a part of it, that its receiver has given back.
type ShareReturned struct{ Return typeid.SplitReturn }

func (m ShareReturned) recordTx(ctx context.Context, tx *db.Tx) (bool, error) {
	return giveBackTx(ctx, tx, m.Return, SplitSucceeded)
}

// ShareWithheld is a part of a share that its receiver never gets: the share had not been paid out.
type ShareWithheld struct{ Return typeid.SplitReturn }

func (m ShareWithheld) recordTx(ctx context.Context, tx *db.Tx) (bool, error) {
	return giveBackTx(ctx, tx, m.Return, SplitPlanned, SplitFailed)
}

func giveBackTx(ctx context.Context, tx *db.Tx, id typeid.SplitReturn, from ...string) (bool, error) {
	row, err := tx.SplitReturn.Get(ctx, id)
	if err != nil {
		return false, err
	}
	n, err := tx.SplitReturn.Update().Where(splitreturn.ID(id), splitreturn.StatusNEQ(string(TransferSucceeded))).
		SetStatus(string(TransferSucceeded)).Save(ctx)
	if err != nil || n == 0 {
		return false, err
	}
	n, err = tx.PaymentSplit.Update().Where(paymentsplit.ID(row.SplitID), paymentsplit.StatusIn(from...)).AddReturned(row.Amount).Save(ctx)
	if err == nil && n == 0 {
		err = fmt.Errorf("share %s is not %v any more", row.SplitID, from)
	}
	if err != nil {
		return false, err
	}
	_, err = tx.PaymentSplit.Update().Where(paymentsplit.ID(row.SplitID), func(s *sql.Selector) {
		s.Where(sql.ColumnsEQ(s.C(paymentsplit.FieldReturned), s.C(paymentsplit.FieldAmount)))
	}).SetStatus(SplitReturned).Save(ctx)
	return err == nil, err
}

// MoneyRefunded is money that its buyer has again.
type MoneyRefunded struct {
	Refund typeid.Refund
	Now    time.Time
}

func (m MoneyRefunded) recordTx(ctx context.Context, tx *db.Tx) (bool, error) {
	row, err := tx.Refund.Get(ctx, m.Refund)
	if err != nil {
		return false, err
	}
	n, err := tx.Refund.Update().Where(refund.ID(m.Refund), refund.StatusNEQ(string(TransferSucceeded))).
		SetStatus(string(TransferSucceeded)).SetSucceededAt(m.Now).Save(ctx)
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := tx.Order.Update().Where(entorder.ID(row.OrderID)).AddRefunded(row.Amount).AddVersion(1).Save(ctx); err != nil {
		return false, err
	}
	if _, err := tx.Order.Update().Where(entorder.ID(row.OrderID), func(s *sql.Selector) {
		s.Where(sql.ColumnsEQ(s.C(entorder.FieldRefunded), s.C(entorder.FieldTotal)))
	}).SetStatus(orderRefunded).Save(ctx); err != nil {
		return false, err
	}
	return true, TurnTx(ctx, tx, row.PaymentID)
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
