package settlement_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast/ent/paymentsplit"
	"holdfast/ent/refund"
	"holdfast/ent/splitreturn"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/job"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/settlement"
	"holdfast/internal/typeid"
)

// answers has the provider say the same to every transfer of a kind.
func (w *world) answers(kind string, state payment.TransferState, err error) {
	says := func(of string) (payment.TransferState, error) {
		if of == kind {
			return state, err
		}
		return "", nil
	}
	w.provider.says.Store(&says)
}

// job is what an order still has to do; nil when that is nothing.
func (w *world) job(t *testing.T, o *order.Order) *job.Job {
	t.Helper()
	found, err := w.Jobs.ByIDs(t.Context(), []typeid.Job{typeid.From[typeid.Job](o.ID.UUID)})
	if must(t, err); len(found) == 0 {
		return nil
	}
	return found[0]
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// TestRefusedRefund has the provider close a refund, keep one as abnormal, take it on again, and pay it out.
func TestRefusedRefund(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		o := w.paid(t, line(w.goods(t, 1000, 5), 1))
		w.run(t)
		since := w.clock.Now()
		w.answers("refund", payment.TransferFailed, fault.New(fault.PaymentRefused, "WeChat Pay closed this refund"))
		_, made, err := w.refund(t, o, settlement.RefundInput{Amount: cny(300)})
		must(t, err)
		step := func(wait time.Duration, status, failure string, attempts int) {
			t.Helper()
			w.clock.Advance(wait)
			before := w.stands(t, o).Version
			w.run(t)
			row, err := w.db.Refund.Get(t.Context(), made.ID)
			must(t, err)
			if row.Status != status || text(row.Failure) != failure || row.Attempts != attempts {
				t.Errorf("refund %s %q after %d attempts, want %s %q after %d", row.Status, text(row.Failure), row.Attempts, status, failure, attempts)
			}
			changed := status != made.Status || failure != text(made.Failure)
			if moved := w.stands(t, o).Version > before; moved != changed {
				t.Errorf("the order's version moved: %t, though the refund changed: %t", moved, changed)
			}
			seen, err := w.Orders.RefundsByIDs(t.Context(), []typeid.Refund{made.ID})
			must(t, err)
			made = seen[0]
		}
		const closed, abnormal = "WeChat Pay closed this refund", "ABNORMAL: settle it"
		if made.Status != "FAILED" || text(made.Failure) != closed {
			t.Errorf("refund %+v", made)
		}
		step(time.Second, "FAILED", closed, 2)
		if j := w.job(t, o); j.FailingSince == nil || !j.FailingSince.Equal(since) || !strings.Contains(text(j.LastError), closed) {
			t.Errorf("job %+v", j)
		}
		// Under way once more: it is no failure, and not the end of one.
		w.answers("refund", payment.TransferProcessing, nil)
		step(4*time.Second, "PROCESSING", closed, 2)
		step(5*time.Second, "PROCESSING", closed, 2)
		if j := w.job(t, o); j.FailingSince == nil || j.Attempts != 2 {
			t.Errorf("job %+v", j)
		}
		// Stuck, it has no other number.
		w.answers("refund", payment.TransferStuck, fault.New(fault.PaymentRefused, abnormal))
		step(5*time.Second, "FAILED", abnormal, 2)
		if j := w.job(t, o); j.RunAt.Sub(w.clock.Now()) != 16*time.Second {
			t.Errorf("asked again in %v", j.RunAt.Sub(w.clock.Now()))
		}
		step(16*time.Second, "FAILED", abnormal, 2)
		// Nobody knows: what was said is not forgotten.
		w.answers("refund", payment.TransferProcessing, errors.New("no answer"))
		step(64*time.Second, "FAILED", abnormal, 2)
		w.provider.says.Store(nil)
		step(time.Hour, "SUCCEEDED", "", 2)
		if j := w.job(t, o); j != nil {
			t.Errorf("job %+v", j)
		}
	})
}

// TestRefusedShare has the provider refuse a share and its return, and say why.
func TestRefusedShare(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		o := w.paid(t, line(w.goods(t, 1000, 5), 1))
		failures := func() (failed, attempts int, why string) {
			t.Helper()
			found, err := w.Payments.SplitsOfOrders(t.Context(), []typeid.Order{o.ID})
			must(t, err)
			for _, s := range found {
				if s.Status == payment.SplitFailed {
					failed++
				}
				why += text(s.Failure) + ";"
			}
			for _, row := range w.db.PaymentSplit.Query().Where(paymentsplit.OrderID(o.ID)).AllX(t.Context()) {
				attempts += row.Attempts
			}
			return failed, attempts, why
		}
		// Refused before it was taken on, its number was not used; closed, it was.
		w.answers("share", payment.TransferProcessing, fault.New(fault.PaymentRefused, "no such receiver"))
		w.run(t)
		if n, attempts, why := failures(); n != 3 || attempts != 0 || why != strings.Repeat("no such receiver;", 3) {
			t.Errorf("%d failed after %d attempts: %s", n, attempts, why)
		}
		w.answers("share", payment.TransferFailed, nil)
		w.clock.Advance(time.Second)
		w.run(t)
		if n, attempts, why := failures(); n != 3 || attempts != 3 || why != strings.Repeat("the provider refused;", 3) {
			t.Errorf("%d failed after %d attempts: %s", n, attempts, why)
		}
		// Taken on, and closed in the end: it is not asked for again before its pause is over, so that people can read it.
		w.answers("share", payment.TransferProcessing, nil)
		w.clock.Advance(4 * time.Second)
		w.run(t)
		if n, attempts, why := failures(); n != 0 || attempts != 3 || why != strings.Repeat("the provider refused;", 3) {
			t.Errorf("%d failed after %d attempts: %s", n, attempts, why)
		}
		w.answers("share", payment.TransferFailed, fault.New(fault.PaymentRefused, "closed"))
		w.clock.Advance(5 * time.Second)
		w.run(t)
		if n, attempts, why := failures(); n != 3 || attempts != 6 || why != strings.Repeat("closed;", 3) {
			t.Errorf("%d failed after %d attempts: %s", n, attempts, why)
		}
		w.provider.says.Store(nil)
		w.clock.Advance(16 * time.Second)
		w.run(t)
		if n, attempts, why := failures(); n != 0 || attempts != 6 || why != ";;;" {
			t.Errorf("%d failed after %d attempts: %s", n, attempts, why)
		}

		w.answers("return", payment.TransferFailed, fault.New(fault.PaymentRefused, "BALANCE_NOT_ENOUGH"))
		_, made, err := w.refund(t, o, settlement.RefundInput{Amount: cny(100)})
		must(t, err)
		back, err := w.db.SplitReturn.Query().All(t.Context())
		must(t, err)
		for _, r := range back {
			if r.Status != "FAILED" || text(r.Failure) != "BALANCE_NOT_ENOUGH" || r.Attempts != 1 {
				t.Errorf("return %v", r)
			}
		}
		w.provider.says.Store(nil)
		w.clock.Advance(time.Second)
		w.run(t)
		if n := w.db.SplitReturn.Query().Where(splitreturn.FailureIsNil(), splitreturn.Status("SUCCEEDED")).CountX(t.Context()); n != len(back) || n != 3 {
			t.Errorf("%d of %d returns succeeded", n, len(back))
		}
		if n := w.db.Refund.Query().Where(refund.ID(made.ID), refund.Status("SUCCEEDED")).CountX(t.Context()); n != 1 {
			t.Error("the refund is not there")
		}
	})
}

// TestRefusalKeepsNoOtherWaiting has a refund that waits for months, while the rest of the order goes its way in time.
func TestRefusalKeepsNoOtherWaiting(t *testing.T) {
	each(t, two(), func(t *testing.T, w *world) {
		o := w.paid(t, line(w.goods(t, 1000, 5), 1))
		w.answers("refund", payment.TransferStuck, nil)
		_, _, err := w.refund(t, o, settlement.RefundInput{Amount: cny(300)})
		must(t, err)
		asked := 0
		says := func(kind string) (payment.TransferState, error) { //nolint:unparam // it never fails
			if kind == "refund" {
				asked++
				return payment.TransferStuck, nil
			}
			return "", nil
		}
		w.provider.says.Store(&says)
		for range 3 * 24 {
			w.clock.Advance(time.Hour)
			w.run(t)
		}
		if asked < 4 || asked > 14 {
			t.Errorf("asked %d times in 3 days", asked)
		}
		_, err = w.ship(t, o, nil)
		must(t, err)
		w.run(t)
		w.clock.Advance(10 * 24 * time.Hour)
		w.run(t)
		w.clock.Advance(15 * time.Minute)
		w.run(t)
		if got := w.stands(t, o); got.Status != order.Completed {
			t.Errorf("order %+v", got)
		}
		// By hand, as soon as it is settled.
		w.provider.says.Store(nil)
		_, err = w.Jobs.Retry(t.Context(), identity.Principal{Staff: w.owner.Staff, Operator: true}, typeid.From[typeid.Job](o.ID.UUID).String())
		must(t, err)
		w.run(t)
		if got := w.stands(t, o); got.Refunded != *cny(300) || w.job(t, o) != nil {
			t.Errorf("order %+v, job %+v", got, w.job(t, o))
		}
	})
}
