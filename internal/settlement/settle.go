package settlement

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/job"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// ask asks the provider, who has so long to answer.
func (s *Settlement) ask(ctx context.Context, call func(context.Context) (payment.TransferState, error)) (payment.TransferState, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return call(ctx)
}

// transfer is what the provider said of a transfer that was asked for at a moment.
type transfer struct {
	id    fmt.Stringer
	state payment.TransferState
	err   error
	since time.Time
	// status and failure are what its row said before.
	status  string
	failure *string
}

// refused tells whether the provider said no: a fault says why. What is overloaded has said nothing.
func (t transfer) refused() bool {
	if t.err != nil {
		return fault.List(t.err) != nil && !fault.Is(t.err, fault.Overloaded)
	}
	return t.state == payment.TransferFailed || t.state == payment.TransferStuck
}

// verdict is what becomes of the row of a transfer that did not succeed.
type verdict struct {
	status  payment.TransferState
	failure string // empty leaves what it said before
	over    int    // 1 when the attempt is over, so that the next has a number of its own
}

// maxFailure is how many characters are kept of what the provider said.
const maxFailure = 500

// verdict is what to write down of a refusal, in words for the staff of the shop: what only operators should read is in the error.
func (t transfer) verdict() verdict {
	v := verdict{status: payment.TransferFailed, failure: "the provider refused"}
	if list := fault.List(t.err); len(list) > 0 {
		v.failure = list[0].Refused().Error()
	}
	if text := []rune(v.failure); len(text) > maxFailure {
		v.failure = string(text[:maxFailure])
	}
	if t.state == payment.TransferFailed {
		v.over = 1
	}
	return v
}

// set writes what the provider said into a column.
func (v verdict) set(column string) func(*sql.UpdateBuilder) {
	return func(u *sql.UpdateBuilder) {
		if v.failure != "" {
			u.Set(column, v.failure)
		}
	}
}

// says tells whether a row says all of it already.
func (v verdict) says(status string, failure *string) bool {
	return status == string(v.status) && (v.failure == "" || failure != nil && *failure == v.failure)
}

// settle records what the provider said: that a transfer happened, or, with note, that it was refused. It returns nil when the transfer
// is done; what was refused is tried again like everything that failed.
func (s *Settlement) settle(ctx context.Context, a *account, said transfer, moved payment.Movement, note func(context.Context, *db.Tx, verdict) error) error {
	write := func(ctx context.Context, tx *db.Tx) error {
		done, err := payment.RecordTx(ctx, tx, moved)
		if given, is := moved.(payment.MoneyRefunded); is && done && err == nil {
			err = s.notify.RefundedTx(ctx, tx, a.order.ID, given.Refund, given.Now)
		}
		return err
	}
	refused, slow := said.refused(), said.err == nil && said.state == payment.TransferProcessing
	switch {
	case said.err != nil && !refused:
		return fmt.Errorf("move money of %s: no answer: %w", a.order.ID, said.err)
	case slow && said.status != string(payment.TransferFailed):
		return onItsWay{said.since, said.failure != nil}
	case slow: // what was refused has been taken on now
		write = func(ctx context.Context, tx *db.Tx) error {
			return note(ctx, tx, verdict{status: payment.TransferProcessing})
		}
	case refused:
		write = func(ctx context.Context, tx *db.Tx) error { return note(ctx, tx, said.verdict()) }
	}
	orders, err := db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) ([]typeid.Order, error) {
		orders, err := lockOrdersTx(ctx, tx, a.order.CheckoutID)
		if err != nil {
			return nil, err
		}
		return orders, write(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("record money of %s: %w", a.order.ID, err)
	}
	s.hub.OrdersMoved(orders)
	switch {
	case slow:
		return onItsWay{said.since, true}
	case refused && said.err == nil:
		return fmt.Errorf("move money of %s: %s: %w", a.order.ID, said.id, job.ErrRefused)
	case refused:
		return fmt.Errorf("move money of %s: %s: %w: %w", a.order.ID, said.id, job.ErrRefused, said.err)
	}
	return nil
}
