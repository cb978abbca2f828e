package settlement

import (
	"context"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/ent/refund"
	"holdfast/ent/splitreturn"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// errRefused says that the provider said no to one transfer, which keeps no other waiting.
var errRefused = errors.New("the provider refused")

// errOnItsWay says that the provider has taken a transfer on and not finished it: nothing failed, and it is asked again.
var errOnItsWay = errors.New("the transfer is on its way")

// account is an order's money as the rows have it.
type account struct {
	order   *ent.Order
	payment *ent.Payment
	splits  []*ent.PaymentSplit // in the order of the plan
	refunds []*ent.Refund       // oldest first, with their returns
}

// advance takes every step that an order's money can take now, and tells when to look again. It begins with what was under way
// when it last ended; refunds come before shares, so that nothing is paid out that has to come back.
func (s *Settlement) advance(ctx context.Context, about typeid.UUID) (time.Time, error) {
	id := typeid.From[typeid.Order](about)
	a, err := s.account(ctx, id)
	if err != nil || a == nil {
		return time.Time{}, err
	}
	later, err := s.moveMoney(ctx, a)
	if errors.Is(err, errOnItsWay) {
		later, err = s.now().Add(askAgain), nil
	}
	due, failed := s.complete(ctx, id) // goods wait for no money
	return sooner(later, due), errors.Join(err, failed)
}

func (s *Settlement) moveMoney(ctx context.Context, a *account) (later time.Time, err error) {
	for _, p := range a.splits {
		if p.Status != payment.SplitProcessing {
			continue
		}
		if err := s.share(ctx, a, p); err != nil {
			return time.Time{}, err
		}
	}
	for _, r := range a.refunds {
		if r.Status == string(payment.TransferSucceeded) {
			continue
		}
		if err := s.refund(ctx, a, r); err != nil {
			return time.Time{}, err
		}
	}
	return s.shares(ctx, a)
}

// account reads the money of an order; nil when it was never paid.
func (s *Settlement) account(ctx context.Context, id typeid.Order) (*account, error) {
	a := &account{}
	var err error
	if a.order, err = s.db.Order.Get(ctx, id); err != nil {
		return nil, fmt.Errorf("read order: %w", err)
	}
	if a.payment, err = s.db.Payment.Query().Where(entpayment.CheckoutID(a.order.CheckoutID)).Only(ctx); err != nil {
		return nil, fmt.Errorf("read payment: %w", err)
	}
	if a.payment.PaidAt == nil {
		return nil, nil //nolint:nilnil // nothing to move
	}
	if a.splits, err = s.db.PaymentSplit.Query().Where(paymentsplit.OrderID(id)).Order(paymentsplit.ByPosition()).All(ctx); err != nil {
		return nil, fmt.Errorf("read splits: %w", err)
	}
	if a.refunds, err = s.db.Refund.Query().Where(refund.OrderID(id)).WithReturns().Order(refund.ByID()).All(ctx); err != nil {
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	return a, nil
}

func (a *account) in(amount int64) money.Money {
	return money.New(amount, money.Currency(a.payment.Currency))
}

// refund has the shares returned of one refund, then gives the money back.
func (s *Settlement) refund(ctx context.Context, a *account, r *ent.Refund) error {
	for _, back := range r.Edges.Returns {
		if back.Status == string(payment.TransferSucceeded) {
			continue
		}
		if err := s.takeBack(ctx, a, back); err != nil {
			return err
		}
	}
	state, err := s.ask(ctx, func(ctx context.Context) (payment.TransferState, error) {
		return s.provider.Refund(ctx, payment.RefundRequest{ID: r.ID, Payment: a.payment.ID, Amount: a.in(r.Amount), Reason: r.Reason})
	})
	failed := func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Refund.Update().Where(refund.ID(r.ID), refund.Status(string(payment.TransferProcessing))).SetStatus(string(payment.TransferFailed)).Save(ctx)
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Order.Update().Where(entorder.ID(a.order.ID)).AddVersion(1).Save(ctx)
		return err
	}
	return s.settle(ctx, a, state, err, payment.MoneyRefunded{Refund: r.ID, Now: s.now()}, failed)
}

// takeBack has one share, or a part of it, returned. What was not paid out yet is only withheld.
func (s *Settlement) takeBack(ctx context.Context, a *account, back *ent.SplitReturn) error {
	var of *ent.PaymentSplit
	for _, p := range a.splits {
		if p.ID == back.SplitID {
			of = p
		}
	}
	if of == nil {
		return fmt.Errorf("return share %s: it is not of the order", back.SplitID)
	}
	var moved payment.Movement = payment.ShareReturned{Return: back.ID}
	state, err := payment.TransferSucceeded, error(nil)
	switch of.Status {
	case payment.SplitPlanned, payment.SplitFailed:
		moved = payment.ShareWithheld{Return: back.ID}
	default:
		state, err = s.ask(ctx, func(ctx context.Context) (payment.TransferState, error) {
			return s.provider.ReturnShare(ctx, payment.ReturnRequest{ID: back.ID, Payment: a.payment.ID, Receiver: of.Receiver, Amount: a.in(back.Amount)})
		})
	}
	if err := s.settle(ctx, a, state, err, moved, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.SplitReturn.Update().Where(splitreturn.ID(back.ID), splitreturn.Status(string(payment.TransferProcessing))).
			SetStatus(string(payment.TransferFailed)).Save(ctx)
		return err
	}); err != nil {
		return err
	}
	of.Returned += back.Amount
	if of.Returned == of.Amount {
		of.Status = payment.SplitReturned
	}
	return nil
}

// shares pays out what is planned, once the provider takes it, and tells when that will be.
func (s *Settlement) shares(ctx context.Context, a *account) (later time.Time, err error) {
	due := a.payment.PaidAt.Add(s.provider.ShareAfter())
	var refused error
	for _, p := range a.splits {
		if p.Status != payment.SplitPlanned && p.Status != payment.SplitFailed {
			continue
		}
		if s.now().Before(due) {
			return due, nil
		}
		// Announced before it is paid: from now on a refund has to find out first whether the receiver has it.
		n, err := s.db.PaymentSplit.Update().Where(paymentsplit.ID(p.ID), paymentsplit.Status(p.Status), paymentsplit.Returned(p.Returned)).
			SetStatus(payment.SplitProcessing).Save(ctx)
		if err != nil {
			return time.Time{}, fmt.Errorf("announce share: %w", err)
		}
		if n == 0 {
			return s.now(), nil // somebody took a step meanwhile: look again
		}
		err = s.share(ctx, a, p)
		if errors.Is(err, errRefused) {
			refused = errors.Join(refused, err)
			continue
		}
		if err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, refused
}

// share pays one share out, less what was withheld of it.
func (s *Settlement) share(ctx context.Context, a *account, p *ent.PaymentSplit) error {
	amount := a.in(p.Amount - p.Returned)
	state, err := payment.TransferSucceeded, error(nil)
	if amount.Amount > 0 {
		state, err = s.ask(ctx, func(ctx context.Context) (payment.TransferState, error) {
			return s.provider.Share(ctx, payment.ShareRequest{ID: p.ID, Payment: a.payment.ID, Receiver: p.Receiver, Amount: amount})
		})
	}
	if err := s.settle(ctx, a, state, err, payment.ShareMade{Split: p.ID}, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.PaymentSplit.Update().Where(paymentsplit.ID(p.ID), paymentsplit.Status(payment.SplitProcessing)).
			SetStatus(payment.SplitFailed).Save(ctx)
		return err
	}); err != nil {
		return err
	}
	p.Status = payment.SplitSucceeded
	return nil
}

// ask asks the provider, who has so long to answer.
func (s *Settlement) ask(ctx context.Context, call func(context.Context) (payment.TransferState, error)) (payment.TransferState, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return call(ctx)
}

// settle records what the provider said of a transfer: that it happened, or that it was refused. It returns nil when the
// transfer is done; what was refused is tried again like everything that failed.
func (s *Settlement) settle(ctx context.Context, a *account, state payment.TransferState, answer error, moved payment.Movement, failed func(context.Context, *db.Tx) error) error {
	refused := fault.List(answer) != nil || answer == nil && state == payment.TransferFailed
	switch {
	case answer != nil && !refused:
		return fmt.Errorf("move money of %s: no answer: %w", a.order.ID, answer)
	case !refused && state == payment.TransferProcessing:
		return errOnItsWay
	}
	before := a.order.Version
	version, err := db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (int64, error) {
		if err := lockTx(ctx, tx, a.order.ID); err != nil {
			return 0, err
		}
		if refused {
			if err := failed(ctx, tx); err != nil {
				return 0, err
			}
		} else if _, err := payment.RecordTx(ctx, tx, moved); err != nil {
			return 0, err
		}
		row, err := tx.Order.Get(ctx, a.order.ID)
		if err != nil {
			return 0, err
		}
		return row.Version, nil
	})
	if err != nil {
		return fmt.Errorf("record money of %s: %w", a.order.ID, err)
	}
	if version != before {
		a.order.Version = version
		s.hub.OrdersMoved([]typeid.Order{a.order.ID})
	}
	if refused {
		return fmt.Errorf("move money of %s: %w", a.order.ID, errors.Join(errRefused, answer))
	}
	return nil
}

func lockTx(ctx context.Context, tx *db.Tx, id typeid.Order) error {
	_, err := tx.Order.Query().Where(func(q *sql.Selector) {
		q.Where(sql.EQ(q.C(entorder.FieldID), id))
		tx.ForUpdate(q)
	}).Only(ctx)
	if err != nil {
		return fmt.Errorf("lock order: %w", err)
	}
	return nil
}

// complete completes an order that was shipped long enough ago, and tells when it will be.
func (s *Settlement) complete(ctx context.Context, id typeid.Order) (time.Time, error) {
	row, err := s.db.Order.Get(ctx, id)
	if err != nil {
		return time.Time{}, fmt.Errorf("read order: %w", err)
	}
	if order.Status(row.Status) != order.Shipped {
		return time.Time{}, nil
	}
	type result struct {
		done bool
		next time.Time
	}
	now := s.now()
	out, err := db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (out result, err error) {
		out.done, out.next, err = s.desk.CompleteDueTx(ctx, tx, id, now)
		return out, err
	})
	if err == nil && out.done {
		s.hub.OrdersMoved([]typeid.Order{id})
	}
	return out.next, err
}

// sooner is the earlier of two moments; a zero one is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
