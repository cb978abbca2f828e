package settlement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	entpayment "holdfast/ent/payment"
	"holdfast/ent/paymentsplit"
	"holdfast/ent/refund"
	"holdfast/ent/splitreturn"
	"holdfast/internal/catalog"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// errRefused says that the provider said no to one transfer: it is tried again, and keeps no other waiting.
var errRefused = errors.New("the provider refused")

// onItsWay says that the provider has taken a transfer on and not finished it: nothing failed, and it is asked again.
type onItsWay struct{ since time.Time }

func (onItsWay) Error() string { return "the transfer is on its way" }

// results gathers what came of the steps of one run, each of which keeps no other waiting.
type results struct {
	now   time.Time
	later time.Time // when to look again
	err   error
}

// add takes a result in, and returns the errors that end the run: those of which nobody knows what they mean.
func (r *results) add(err error) error {
	var slow onItsWay
	switch {
	case errors.Is(err, errRefused):
		r.err = errors.Join(r.err, err)
	case errors.As(err, &slow):
		r.later = sooner(r.later, r.now.Add(min(max(r.now.Sub(slow.since)/8, askAgain), askAtLeast)))
	default:
		return err
	}
	return nil
}

// account is an order's money as the rows have it.
type account struct {
	order   *ent.Order
	shop    *ent.Shop
	payment *ent.Payment
	splits  []*ent.PaymentSplit // in the order of the plan
	refunds []*ent.Refund       // oldest first, with their returns
}

// advance takes every step that an order's money can take now, and tells when to look again. It begins with what was under way
// when it last ended; refunds come before shares, so that nothing is paid out that has to come back.
func (s *Settlement) advance(ctx context.Context, about typeid.UUID) (time.Time, error) {
	id := typeid.From[typeid.Order](about)
	due, failed := s.complete(ctx, id) // goods wait for no money, but money may wait for goods
	a, err := s.account(ctx, id)
	if err != nil || a == nil {
		return due, errors.Join(err, failed)
	}
	later, err := s.moveMoney(ctx, a)
	return sooner(later, due), errors.Join(err, failed)
}

func (s *Settlement) moveMoney(ctx context.Context, a *account) (later time.Time, err error) {
	run := results{now: s.now()}
	for _, p := range a.splits {
		if p.Status != payment.SplitProcessing {
			continue
		}
		if err := run.add(s.share(ctx, a, p)); err != nil {
			return time.Time{}, err
		}
	}
	for _, r := range a.refunds {
		if r.Status == string(payment.TransferSucceeded) {
			continue
		}
		if err := s.refund(ctx, a, r, &run); err != nil {
			return time.Time{}, err
		}
	}
	if err := s.shares(ctx, a, &run); err != nil {
		return time.Time{}, err
	}
	return run.later, run.err
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
	if a.shop, err = s.db.Shop.Get(ctx, a.order.ShopID); err != nil {
		return nil, fmt.Errorf("read shop: %w", err)
	}
	if a.splits, err = s.db.PaymentSplit.Query().Where(paymentsplit.OrderID(id)).Order(paymentsplit.ByPosition()).All(ctx); err != nil {
		return nil, fmt.Errorf("read splits: %w", err)
	}
	if a.refunds, err = s.db.Refund.Query().Where(refund.OrderID(id)).WithReturns(func(q *ent.SplitReturnQuery) { q.Order(splitreturn.ByID()) }).Order(refund.ByID()).All(ctx); err != nil {
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	return a, nil
}

func (a *account) in(amount int64) money.Money {
	return money.New(amount, money.Currency(a.payment.Currency))
}

// refund has the shares returned of one refund, then gives the money back.
func (s *Settlement) refund(ctx context.Context, a *account, r *ent.Refund, run *results) error {
	complete := true
	for _, back := range r.Edges.Returns {
		if back.Status == string(payment.TransferSucceeded) {
			continue
		}
		err := s.takeBack(ctx, a, back)
		complete = complete && err == nil
		if err := run.add(err); err != nil {
			return err
		}
	}
	if !complete {
		return nil // the buyer's money waits for the shares that it is made of
	}
	state, err := s.ask(ctx, func(ctx context.Context) (payment.TransferState, error) {
		return s.provider.Refund(ctx, payment.RefundRequest{
			ID: r.ID, Payment: a.payment.ID, Order: a.order.ID, Amount: a.in(r.Amount), Reason: r.Reason,
		})
	})
	failed := func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Refund.Update().Where(refund.ID(r.ID), refund.Status(string(payment.TransferProcessing))).SetStatus(string(payment.TransferFailed)).Save(ctx)
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Order.Update().Where(entorder.ID(a.order.ID)).AddVersion(1).Save(ctx)
		return err
	}
	return run.add(s.settle(ctx, a, transfer{state, err, r.CreatedAt}, payment.MoneyRefunded{Refund: r.ID, Now: s.now()}, failed))
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
	var moved payment.Movement = payment.ShareReturned{Return: back.ID, Now: s.now()}
	state, err := payment.TransferSucceeded, error(nil)
	switch of.Status {
	case payment.SplitProcessing:
		return onItsWay{back.CreatedAt} // whether the receiver has it is not known yet
	case payment.SplitPlanned, payment.SplitFailed:
		moved = payment.ShareWithheld{Return: back.ID}
	default:
		state, err = s.ask(ctx, func(ctx context.Context) (payment.TransferState, error) {
			return s.provider.ReturnShare(ctx, payment.ReturnRequest{
				ID: back.ID, Attempt: back.Attempts, Share: of.ID, ShareAttempt: of.Attempts, Payment: a.payment.ID, Order: a.order.ID,
				Receiver: of.Receiver, Amount: a.in(back.Amount), Own: own(of),
			})
		})
	}
	if err := s.settle(ctx, a, transfer{state, err, back.CreatedAt}, moved, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.SplitReturn.Update().Where(splitreturn.ID(back.ID), splitreturn.StatusNEQ(string(payment.TransferSucceeded))).
			SetStatus(string(payment.TransferFailed)).AddAttempts(1).Save(ctx)
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

// shares pays out what is planned, once the provider takes it.
func (s *Settlement) shares(ctx context.Context, a *account, run *results) error {
	planned := slices.ContainsFunc(a.splits, unpaid)
	if due := a.shareAt(s.provider.ShareAfter()); planned && run.now.Before(due) {
		run.later = sooner(run.later, due)
		return nil
	}
	if planned {
		announced, err := s.announce(ctx, a)
		if err != nil {
			return err
		}
		for _, p := range announced {
			if err := run.add(s.share(ctx, a, p)); err != nil {
				return err
			}
		}
	}
	return run.add(s.setFree(ctx, a))
}

// setFree lets the merchant have what is left of the order's money, once nobody else gets anything of it any more.
func (s *Settlement) setFree(ctx context.Context, a *account) error {
	if a.order.FreedAt != nil || !slices.ContainsFunc(a.splits, func(p *ent.PaymentSplit) bool { return !own(p) }) {
		return nil
	}
	open, err := s.db.PaymentSplit.Query().Where(paymentsplit.OrderID(a.order.ID), paymentsplit.StatusNotIn(payment.SplitSucceeded, payment.SplitReturned)).Count(ctx)
	if err != nil || open > 0 {
		return err
	}
	state, err := s.ask(ctx, func(ctx context.Context) (payment.TransferState, error) {
		return s.provider.SetFree(ctx, payment.FreeRequest{Order: a.order.ID, Payment: a.payment.ID})
	})
	switch {
	case err != nil:
		return fmt.Errorf("set money of %s free: %w", a.order.ID, err)
	case state == payment.TransferProcessing:
		return onItsWay{*a.payment.PaidAt}
	case state == payment.TransferFailed:
		return fmt.Errorf("set money of %s free: %w", a.order.ID, errRefused)
	}
	if _, err := s.db.Order.Update().Where(entorder.ID(a.order.ID), entorder.FreedAtIsNil()).SetFreedAt(s.now()).Save(ctx); err != nil {
		return fmt.Errorf("note that money of %s is free: %w", a.order.ID, err)
	}
	return nil
}

// shareAtLatest is when shares are paid out although their moment has not come: WeChat gives what is frozen to the merchant after 30 days.
const shareAtLatest = 25 * 24 * time.Hour

// shareAt is when the order's shares may be paid out, as things stand: whatever brings the moment forward asks for the job again.
func (a *account) shareAt(atLeast time.Duration) time.Time {
	status := order.Status(a.order.Status)
	come := true
	switch catalog.ShareWhen(a.shop.ShareWhen) {
	case catalog.AfterPayment:
	case catalog.AfterShipping:
		come = status == order.Shipped || status == order.Completed
	case catalog.AfterCompletion:
		come = status == order.Completed
	}
	if !come {
		atLeast = max(atLeast, shareAtLatest)
	}
	return a.payment.PaidAt.Add(atLeast)
}

// own tells whether a share is the merchant's, with whom the money is from the beginning.
func own(p *ent.PaymentSplit) bool { return p.Role == "MERCHANT" }

func unpaid(p *ent.PaymentSplit) bool {
	return p.Status == payment.SplitPlanned || p.Status == payment.SplitFailed
}

// announce says which shares are paid out next: those of which no part is on its way back. From then on a refund has to find
// out first whether the receivers have them.
func (s *Settlement) announce(ctx context.Context, a *account) ([]*ent.PaymentSplit, error) {
	return db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) ([]*ent.PaymentSplit, error) {
		if _, err := lockOrdersTx(ctx, tx, a.order.CheckoutID); err != nil { // a refund is decided before, or after
			return nil, err
		}
		splits, err := tx.PaymentSplit.Query().Where(paymentsplit.OrderID(a.order.ID)).WithReturns().Order(paymentsplit.ByPosition()).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read splits: %w", err)
		}
		splits = slices.DeleteFunc(splits, func(p *ent.PaymentSplit) bool {
			return !unpaid(p) || slices.ContainsFunc(p.Edges.Returns, func(r *ent.SplitReturn) bool {
				return r.Status != string(payment.TransferSucceeded)
			})
		})
		ids := make([]typeid.Split, len(splits))
		for i, p := range splits {
			ids[i] = p.ID
		}
		if len(ids) == 0 {
			return nil, nil
		}
		if _, err := tx.PaymentSplit.Update().Where(paymentsplit.IDIn(ids...)).SetStatus(payment.SplitProcessing).Save(ctx); err != nil {
			return nil, fmt.Errorf("announce shares: %w", err)
		}
		return splits, nil
	})
}

// share pays one share out, less what was withheld of it.
func (s *Settlement) share(ctx context.Context, a *account, p *ent.PaymentSplit) error {
	amount := a.in(p.Amount - p.Returned)
	state, err := payment.TransferSucceeded, error(nil)
	if amount.Amount > 0 {
		state, err = s.ask(ctx, func(ctx context.Context) (payment.TransferState, error) {
			return s.provider.Share(ctx, payment.ShareRequest{
				ID: p.ID, Attempt: p.Attempts, Payment: a.payment.ID, Order: a.order.ID, Receiver: p.Receiver, Amount: amount, Own: own(p),
			})
		})
	}
	p.Status = payment.SplitProcessing
	err = s.settle(ctx, a, transfer{state, err, *a.payment.PaidAt}, payment.ShareMade{Split: p.ID, Now: s.now()}, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.PaymentSplit.Update().Where(paymentsplit.ID(p.ID), paymentsplit.Status(payment.SplitProcessing)).
			SetStatus(payment.SplitFailed).AddAttempts(1).Save(ctx)
		return err
	})
	switch {
	case err == nil:
		p.Status = payment.SplitSucceeded
	case errors.Is(err, errRefused):
		p.Status = payment.SplitFailed
	}
	return err
}

// ask asks the provider, who has so long to answer.
func (s *Settlement) ask(ctx context.Context, call func(context.Context) (payment.TransferState, error)) (payment.TransferState, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return call(ctx)
}

// transfer is what the provider said of a transfer that was asked for at a moment.
type transfer struct {
	state payment.TransferState
	err   error
	since time.Time
}

// settle records what the provider said: that a transfer happened, or that it was refused. It returns nil when the transfer is
// done; what was refused is tried again like everything that failed.
func (s *Settlement) settle(ctx context.Context, a *account, said transfer, moved payment.Movement, failed func(context.Context, *db.Tx) error) error {
	refused := fault.List(said.err) != nil && !fault.Is(said.err, fault.Overloaded) || said.err == nil && said.state == payment.TransferFailed
	switch {
	case said.err != nil && !refused:
		return fmt.Errorf("move money of %s: no answer: %w", a.order.ID, said.err)
	case !refused && said.state == payment.TransferProcessing:
		return onItsWay{said.since}
	}
	orders, err := db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) ([]typeid.Order, error) {
		orders, err := lockOrdersTx(ctx, tx, a.order.CheckoutID)
		if err != nil {
			return nil, err
		}
		if refused {
			return orders, failed(ctx, tx)
		}
		done, err := payment.RecordTx(ctx, tx, moved)
		if given, is := moved.(payment.MoneyRefunded); is && done && err == nil {
			err = s.notify.RefundedTx(ctx, tx, a.order.ID, given.Refund, given.Now)
		}
		return orders, err
	})
	if err != nil {
		return fmt.Errorf("record money of %s: %w", a.order.ID, err)
	}
	s.hub.OrdersMoved(orders)
	if refused {
		return fmt.Errorf("move money of %s: %w", a.order.ID, errors.Join(errRefused, said.err))
	}
	return nil
}

// lockOrdersTx locks the orders of a checkout by id, and returns them: what becomes of a payment concerns them all.
func lockOrdersTx(ctx context.Context, tx *db.Tx, of typeid.Checkout) ([]typeid.Order, error) {
	t := tx.SQL().Table(entorder.Table)
	orders, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(entorder.FieldID).From(t).
		Where(sql.EQ(entorder.FieldCheckoutID, of)).OrderBy(entorder.FieldID)),
		func(row db.Row) (id typeid.Order, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("lock orders: %w", err)
	}
	return orders, nil
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
