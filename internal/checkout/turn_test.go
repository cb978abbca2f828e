package checkout_test

import (
	"context"
	"testing"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// stands wants a checkout and all its orders and its payment to stand here, and its stock to be this.
func (w *world) stands(t *testing.T, c *checkout.Checkout, want checkout.Status, v typeid.Variant, onHand, held int) {
	t.Helper()
	if got := w.status(t, c.ID); got != want {
		t.Errorf("checkout is %s, want %s", got, want)
	}
	orders := map[checkout.Status]order.Status{
		checkout.Open: order.PendingPayment, checkout.Paid: order.Paid, checkout.Cancelled: order.Cancelled, checkout.Expired: order.Expired,
	}
	for _, o := range w.ordersOf(t, c.ID) {
		version := int64(2)
		if want == checkout.Open {
			version = 1
		}
		if o.Status != orders[want] || (o.HeldUntil != nil) != (want == checkout.Open) || (o.PaidAt != nil) != (want == checkout.Paid) || o.Version != version {
			t.Errorf("order %+v in a checkout that is %s", o, want)
		}
	}
	w.sees(t, v, onHand, held)
	w.check(t)
}

func TestTurn(t *testing.T) {
	parts(t,
		part{"paid", testPaid},
		part{"cancelled", testCancel},
		part{"cancelled while the provider is silent", testCancelSilentProvider},
		part{"already paid wins", testAlreadyPaidWins},
		part{"closed at the provider first", testClosedAtProviderFirst},
		part{"synced", testSync},
		part{"wrong amount", testWrongAmount},
		part{"receipts", testReceipts},
	)
}

func testPaid(t *testing.T, w *world) {
	ctx := t.Context()
	tea, ball, who := w.variant(t, 0, 1999, 10), w.variant(t, 1, 500, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3, ball, 1))
	id := placed.Payment.ID.String()
	before := w.stock(t, tea).Version
	w.clock.Advance(time.Minute)
	for range 2 { // confirming again changes nothing
		got, err := w.Checkouts.SandboxConfirm(ctx, who, id)
		must(t, err)
		if got.Status != payment.Paid || got.PaidAt == nil || !got.PaidAt.Equal(w.clock.Now()) || w.Checkouts.Parameters(ctx, who, got) != nil {
			t.Errorf("payment %+v", got)
		}
		w.stands(t, placed, checkout.Paid, tea, 7, 0)
	}
	w.sees(t, ball, 9, 0)
	if after := w.stock(t, tea); after.Version != before+1 || !after.ChangedAt.Equal(w.clock.Now()) {
		t.Errorf("one commit took the stock from version %d to %+v", before, after)
	}
	got, err := w.Checkouts.Prepare(ctx, who, id)
	if refused(t, err, fault.AlreadyPaid); got == nil || got.Status != payment.Paid {
		t.Errorf("prepared %+v", got)
	}
	got, err = w.Checkouts.Sync(ctx, who, id)
	if must(t, err); got.Status != payment.Paid {
		t.Errorf("synced %+v", got)
	}
	out, err := w.Checkouts.Cancel(ctx, who, placed.ID.String())
	if refused(t, err, fault.AlreadyPaid); out == nil || out.Status != checkout.Paid {
		t.Errorf("cancelled %+v", out)
	}
	w.clock.Advance(time.Hour)
	if n, err := w.Checkouts.SweepOnce(ctx); n != 0 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	w.stands(t, placed, checkout.Paid, tea, 7, 0)
}

func testCancel(t *testing.T, w *world) {
	ctx := t.Context()
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	for range 2 { // cancelling again changes nothing
		out, err := w.Checkouts.Cancel(ctx, who, placed.ID.String())
		if must(t, err); out.Status != checkout.Cancelled || out.Payment.Status != payment.Closed {
			t.Errorf("cancelled %+v", out)
		}
		w.stands(t, placed, checkout.Cancelled, tea, 10, 0)
	}
	got, err := w.Checkouts.Prepare(ctx, who, placed.Payment.ID.String())
	if refused(t, err, fault.PaymentClosed); got == nil || got.Status != payment.Closed || got.Parameters != nil {
		t.Errorf("prepared %+v", got)
	}
	got, err = w.Checkouts.Sync(ctx, who, placed.Payment.ID.String())
	if must(t, err); got.Status != payment.Closed {
		t.Errorf("synced %+v", got)
	}
	w.stands(t, placed, checkout.Cancelled, tea, 10, 0)
}

func testCancelSilentProvider(t *testing.T, w *world) {
	ctx := t.Context()
	f := w.fake()
	f.close = silent
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	out, err := w.Checkouts.Cancel(ctx, who, placed.ID.String())
	if refused(t, err, fault.Conflict); out == nil || out.Status != checkout.Open {
		t.Errorf("cancelled %+v", out)
	}
	w.stands(t, placed, checkout.Open, tea, 10, 3)
	f.close = w.sandbox.Close
	_, err = w.Checkouts.Cancel(ctx, who, placed.ID.String())
	must(t, err)
	w.stands(t, placed, checkout.Cancelled, tea, 10, 0)
}

// testAlreadyPaidWins pays at the provider alone, as when its notice is lost, and wants whoever asks the provider next to record it.
func testAlreadyPaidWins(t *testing.T, w *world) {
	ctx := t.Context()
	for name, ask := range map[string]func(t *testing.T, who identity.Principal, c *checkout.Checkout){
		"cancel": func(t *testing.T, who identity.Principal, c *checkout.Checkout) {
			out, err := w.Checkouts.Cancel(ctx, who, c.ID.String())
			if refused(t, err, fault.AlreadyPaid); out == nil || out.Status != checkout.Paid || out.Payment.Status != payment.Paid {
				t.Errorf("cancelled %+v", out)
			}
		},
		"sync": func(t *testing.T, who identity.Principal, c *checkout.Checkout) {
			p, err := w.Checkouts.Sync(ctx, who, c.Payment.ID.String())
			if must(t, err); p.Status != payment.Paid {
				t.Errorf("synced %+v", p)
			}
		},
		"expiry": func(t *testing.T, _ identity.Principal, _ *checkout.Checkout) {
			w.clock.Advance(15 * time.Minute)
			if n, err := w.Checkouts.SweepOnce(ctx); n != 1 || err != nil {
				t.Errorf("swept %d, %v", n, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
			placed := w.place(t, who, w.buy(tea, 3))
			w.clock.Advance(time.Second)
			paidAt := w.clock.Now()
			_, err := w.sandbox.Pay(ctx, payment.Trade{ID: placed.Payment.ID, Amount: placed.Payment.Amount})
			must(t, err)
			w.clock.Advance(time.Second)
			ask(t, who, placed)
			w.stands(t, placed, checkout.Paid, tea, 7, 0)
			p, err := w.Payments.ByIDs(ctx, []typeid.Payment{placed.Payment.ID})
			if must(t, err); p[0].PaidAt == nil || !p[0].PaidAt.Equal(paidAt) {
				t.Errorf("paid at %v, want %v", p[0].PaidAt, paidAt)
			}
		})
	}
}

// testClosedAtProviderFirst closes at the provider alone, as a cancel does just before it commits: a confirm is refused.
func testClosedAtProviderFirst(t *testing.T, w *world) {
	ctx := t.Context()
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	_, err := w.sandbox.Close(ctx, payment.Trade{ID: placed.Payment.ID, Amount: placed.Payment.Amount})
	must(t, err)
	got, err := w.Checkouts.SandboxConfirm(ctx, who, placed.Payment.ID.String())
	if refused(t, err, fault.PaymentClosed); got == nil {
		t.Error("PAYMENT_CLOSED comes without the payment")
	}
	w.stands(t, placed, checkout.Open, tea, 10, 3)
	_, err = w.Checkouts.Cancel(ctx, who, placed.ID.String())
	must(t, err)
	w.stands(t, placed, checkout.Cancelled, tea, 10, 0)
}

func testSync(t *testing.T, w *world) {
	ctx := t.Context()
	f := w.fake()
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	id := placed.Payment.ID.String()
	got, err := w.Checkouts.Sync(ctx, who, id)
	if must(t, err); got.Status != payment.Pending {
		t.Errorf("synced %+v", got)
	}
	f.query = silent
	got, err = w.Checkouts.Sync(ctx, who, id)
	if refused(t, err, fault.PaymentPending); got == nil || got.Status != payment.Pending {
		t.Errorf("synced %+v", got)
	}
	w.stands(t, placed, checkout.Open, tea, 10, 3)
}

// testWrongAmount gives receipts of another amount: they are as good as no answer, and nobody else suffers.
func testWrongAmount(t *testing.T, w *world) {
	ctx := t.Context()
	f := w.fake()
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	for _, wrong := range []money.Money{cny(5996), cny(5998), cny(0), money.New(5997, money.HKD)} {
		f.query = func(context.Context, payment.Trade) (payment.Answer, error) {
			return payment.Answer{State: payment.TradePaid, TransactionID: "t", Amount: wrong, PaidAt: w.clock.Now()}, nil
		}
		f.close = f.query
		_, err := w.Checkouts.Sync(ctx, who, placed.Payment.ID.String())
		refused(t, err, fault.PaymentPending)
		_, err = w.Checkouts.Cancel(ctx, who, placed.ID.String())
		refused(t, err, fault.Conflict)
	}
	right := w.place(t, w.buyer(t), w.buy(tea, 1))
	w.clock.Advance(15*time.Minute + time.Second)
	f.close = func(ctx context.Context, trade payment.Trade) (payment.Answer, error) {
		if trade.ID == placed.Payment.ID {
			return f.query(ctx, trade)
		}
		return w.sandbox.Close(ctx, trade)
	}
	w.sweep(t, 1)
	w.stands(t, placed, checkout.Open, tea, 10, 3)
	w.stands(t, right, checkout.Expired, tea, 10, 3)
	w.clock.Advance(5 * time.Second)
	w.sweep(t, 1)
	w.stands(t, placed, checkout.Expired, tea, 10, 0)
	_, err := w.Jobs.RunDue(ctx)
	must(t, err)
	w.stands(t, placed, checkout.Expired, tea, 10, 0)
	f.close = func(context.Context, payment.Trade) (payment.Answer, error) { // it comes to its senses
		return payment.Answer{State: payment.TradePaid, TransactionID: "t", Amount: cny(5997), PaidAt: w.clock.Now()}, nil
	}
	w.clock.Advance(time.Minute)
	_, err = w.Jobs.RunDue(ctx)
	must(t, err)
	if got := w.status(t, placed.ID); got != checkout.Paid {
		t.Errorf("late money left it %s", got)
	}
	w.sees(t, tea, 7, 0)
}

// testReceipts wants what the provider says to be stored as everything else is: UTC, microseconds.
func testReceipts(t *testing.T, w *world) {
	ctx := t.Context()
	f := w.fake()
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3))
	at := time.Date(2026, 3, 4, 13, 6, 7, 999_999_999, time.FixedZone("", 8*60*60))
	f.query = func(context.Context, payment.Trade) (payment.Answer, error) {
		return payment.Answer{State: payment.TradePaid, TransactionID: "4200001234", Amount: cny(5997), PaidAt: at}, nil
	}
	got, err := w.Checkouts.Sync(ctx, who, placed.Payment.ID.String())
	must(t, err)
	if want := time.Date(2026, 3, 4, 5, 6, 7, 999_999_000, time.UTC); got.PaidAt == nil || !got.PaidAt.Equal(want) {
		t.Errorf("paid at %v, want %v", got.PaidAt, want)
	}
	if n := w.count(t, "SELECT COUNT(*) FROM payments WHERE transaction_id = '4200001234' AND paid_at < '2026-03-04 05:06:08'"); n != 1 {
		t.Error("the row has another time, or another transaction")
	}
}
