package checkout_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

func TestLateMoney(t *testing.T) {
	parts(t,
		part{"goods that are there are held again", testLateHeldAgain},
		part{"all goods or none", testLateGoodsGone},
		part{"after a cancel it always goes back", testLateCancelled},
		part{"after a silent provider", testLateSilentProvider},
		part{"many notices at once", testLateManyNotices},
		part{"a notice that comes late", testLateNotice},
		part{"a notice that never comes", testLateNoNotice},
	)
}

// expired is a checkout that was let go in good time.
func (w *world) expired(t *testing.T, who identity.Principal, of ...any) *checkout.Checkout {
	t.Helper()
	placed := w.place(t, who, w.buy(of...))
	w.clock.Advance(15 * time.Minute)
	_, err := w.Checkouts.SweepOnce(t.Context())
	if must(t, err); w.status(t, placed.ID) != checkout.Expired {
		t.Error("it has not expired")
	}
	return placed
}

// money wants a payment and its orders to stand like this, once all jobs have run.
func (w *world) money(t *testing.T, c *checkout.Checkout, paid payment.Status, ordered order.Status) {
	t.Helper()
	_, err := w.Jobs.RunDue(t.Context())
	must(t, err)
	found, err := w.Payments.ByIDs(t.Context(), []typeid.Payment{c.Payment.ID})
	if must(t, err); found[0].Status != paid || found[0].PaidAt == nil {
		t.Errorf("payment %+v, want %s", found[0], paid)
	}
	for _, o := range w.ordersOf(t, c.ID) {
		if o.Status != ordered || (o.Refunded == o.Total) != (ordered == order.Refunded) || o.PaidAt == nil {
			t.Errorf("order %+v, want %s", o, ordered)
		}
	}
	w.check(t)
}

func testLateHeldAgain(t *testing.T, w *world) {
	tea, ball, who := w.variant(t, 0, 1999, 10), w.variant(t, 1, 500, 10), w.buyer(t)
	late := w.expired(t, who, tea, 3, ball, 1)
	w.sees(t, tea, 10, 0)
	w.clock.Advance(time.Hour)
	got, err := w.Checkouts.SandboxConfirm(t.Context(), who, late.Payment.ID.String())
	if must(t, err); got.Status != payment.Paid || !got.PaidAt.Equal(w.clock.Now()) {
		t.Errorf("payment %+v", got)
	}
	w.sees(t, tea, 7, 0)
	w.sees(t, ball, 9, 0)
	w.money(t, late, payment.Paid, order.Paid)
	for _, o := range w.ordersOf(t, late.ID) {
		splits, err := w.Payments.SplitsOfOrders(t.Context(), []typeid.Order{o.ID})
		must(t, err)
		for _, s := range splits {
			if s.Status != payment.SplitSucceeded {
				t.Errorf("split %+v", s)
			}
		}
	}
}

func testLateGoodsGone(t *testing.T, w *world) {
	tea, ball, who := w.variant(t, 0, 1999, 10), w.variant(t, 1, 500, 10), w.buyer(t)
	late := w.expired(t, who, tea, 3, ball, 4)
	other := w.place(t, w.buyer(t), w.buy(ball, 7)) // three are left
	got, err := w.Checkouts.SandboxConfirm(t.Context(), who, late.Payment.ID.String())
	if must(t, err); got.Status != payment.Refunding {
		t.Errorf("payment %+v", got)
	}
	w.sees(t, tea, 10, 0)
	w.sees(t, ball, 10, 7)
	for _, o := range w.ordersOf(t, late.ID) {
		refunds, err := w.Orders.Refunds(t.Context(), []typeid.Order{o.ID})
		if must(t, err); len(refunds) != 1 || refunds[0].Amount != o.Total || o.Status != order.Expired || o.Version != 3 {
			t.Errorf("refunds %+v of %+v", refunds, o)
		}
	}
	w.money(t, late, payment.Refunded, order.Refunded)
	w.sees(t, tea, 10, 0)
	w.stands(t, other, checkout.Open, ball, 10, 7)
}

func testLateCancelled(t *testing.T, w *world) {
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	late := w.place(t, who, w.buy(tea, 3))
	_, err := w.Checkouts.Cancel(t.Context(), who, late.ID.String())
	must(t, err)
	for range 2 { // paying again changes nothing
		_, err = w.Checkouts.SandboxConfirm(t.Context(), who, late.Payment.ID.String())
		must(t, err)
		w.sees(t, tea, 10, 0)
		w.money(t, late, payment.Refunded, order.Refunded)
		if got := w.status(t, late.ID); got != checkout.Cancelled {
			t.Errorf("checkout is %s", got)
		}
	}
}

// testLateSilentProvider pays while the provider says nothing: the goods go without its answer, and the money is found.
func testLateSilentProvider(t *testing.T, w *world) {
	f := w.fake()
	f.close, f.query = silent, silent
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	_, err := w.sandbox.Pay(t.Context(), payment.Trade{ID: placed.Payment.ID, Amount: placed.Payment.Amount})
	must(t, err)
	w.clock.Advance(15*time.Minute + 5*time.Second)
	w.sweep(t, 1)
	w.stands(t, placed, checkout.Expired, tea, 10, 0)
	_, err = w.Jobs.RunDue(t.Context())
	must(t, err)
	w.stands(t, placed, checkout.Expired, tea, 10, 0)
	f.close = w.sandbox.Close
	w.clock.Advance(time.Minute)
	w.money(t, placed, payment.Paid, order.Paid)
	w.sees(t, tea, 7, 0)
}

// testLateManyNotices brings the notice of late money a hundred times at once, to two processes: it has one effect.
func testLateManyNotices(t *testing.T, w *world) {
	second := app.New(w.db, w.clock.Now, slog.New(slog.DiscardHandler), app.Settings{
		Hold: 15 * time.Minute, MaxOpen: maxOpen, Provider: w.sandbox, Codes: identity.SandboxCodes{},
	})
	for _, c := range []struct {
		name         string
		others       int
		paid         payment.Status
		ordered      order.Status
		onHand, held int
	}{
		{"the goods are there", 7, payment.Paid, order.Paid, 7, 7},
		{"the goods are gone", 8, payment.Refunded, order.Refunded, 10, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
			late := w.expired(t, who, tea, 3)
			w.place(t, w.buyer(t), w.buy(tea, c.others))
			_, err := w.sandbox.PayLate(t.Context(), payment.Trade{ID: late.Payment.ID, Amount: late.Payment.Amount})
			must(t, err)
			before := w.stock(t, tea).Version
			atOnce(100, func(i int) {
				notice := w.Checkouts.Notice
				if i%2 == 0 {
					notice = second.Checkouts.Notice
				}
				if err := notice(t.Context(), late.Payment.ID); err != nil {
					t.Error(err)
				}
			})
			if got, once := w.stock(t, tea).Version-before, c.paid == payment.Paid; got > 1 || (got == 1) != once {
				t.Errorf("the stock moved %d times", got)
			}
			w.money(t, late, c.paid, c.ordered)
			w.sees(t, tea, c.onHand, c.held)
		})
	}
}

// testLateNotice has the sandbox send its notice late, more than once: the answer says that it is not known yet.
func testLateNotice(t *testing.T, w *world) {
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	must(t, w.sandbox.Misbehave(payment.Faults{Late: 50 * time.Millisecond, Repeat: 9}))
	got, err := w.Checkouts.SandboxConfirm(t.Context(), who, placed.Payment.ID.String())
	if refused(t, err, fault.PaymentPending); got.Status != payment.Pending {
		t.Errorf("payment %+v", got)
	}
	for range 500 {
		if w.status(t, placed.ID) != checkout.Open {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	must(t, w.sandbox.Misbehave(payment.Faults{}))
	w.stands(t, placed, checkout.Paid, tea, 7, 0)
}

// testLateNoNotice cancels, and pays in a cashier that was open; the notice is lost. The provider is asked again, for a day.
func testLateNoNotice(t *testing.T, w *world) {
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	late := w.place(t, who, w.buy(tea, 3))
	_, err := w.Checkouts.Cancel(t.Context(), who, late.ID.String())
	must(t, err)
	_, err = w.sandbox.PayLate(t.Context(), payment.Trade{ID: late.Payment.ID, Amount: late.Payment.Amount})
	must(t, err)
	_, err = w.Jobs.RunDue(t.Context())
	must(t, err)
	w.stands(t, late, checkout.Cancelled, tea, 10, 0)
	w.clock.Advance(16 * time.Minute)
	w.money(t, late, payment.Refunded, order.Refunded)

	unpaid := w.expired(t, who, tea, 1)
	asked := 0
	f := w.fake()
	f.close = func(ctx context.Context, trade payment.Trade) (payment.Answer, error) {
		if trade.ID == unpaid.Payment.ID {
			asked++
		}
		return w.sandbox.Close(ctx, trade)
	}
	for range 30 * 60 { // minutes
		_, err = w.Jobs.RunDue(t.Context())
		must(t, err)
		w.clock.Advance(time.Minute)
	}
	if n := w.count(t, "SELECT COUNT(*) FROM jobs WHERE kind = 'PAYMENT'"); asked != 4 || n != 0 {
		t.Errorf("asked %d times, %d jobs are left", asked, n)
	}
}
