package checkout_test

import (
	"context"
	"testing"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

func TestPlaceProvider(t *testing.T) {
	parts(t,
		part{"silent", testPlaceSilentProvider},
		part{"refuses", testPlaceRefusingProvider},
		part{"takes few orders", testPlaceMaxOrders},
		part{"takes no orders of nothing", testPlaceFree},
		part{"hold limit", testHoldLimit},
	)
}

// testPlaceSilentProvider wants goods to be held although the provider says nothing, and the payment to be prepared later.
func testPlaceSilentProvider(t *testing.T, w *world) {
	f := w.fake()
	var asked []payment.Trade
	f.prepare = func(_ context.Context, trade payment.Trade) (payment.Parameters, error) {
		asked = append(asked, trade)
		return payment.Parameters{}, errSilent
	}
	ctx := t.Context()
	tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
	in := w.buy(tea, 2)
	out, err := w.Checkouts.Place(ctx, who, in)
	refused(t, err, fault.PaymentPending)
	if out == nil || out.Status != checkout.Open || out.Payment.Parameters != nil || !out.Payment.Asked {
		t.Fatalf("checkout %+v", out)
	}
	w.sees(t, tea, 10, 2)
	if got := w.Checkouts.Parameters(ctx, who, out.Payment); got != nil || len(asked) != 1 {
		t.Errorf("a provider that was silent in this request was asked again, %d times", len(asked))
	}
	want := payment.Trade{ID: out.Payment.ID, Amount: cny(3998), ExpiresAt: out.HeldUntil, MiniProgram: w.mini, Buyer: who.Buyer}
	if asked[0] != want {
		t.Errorf("asked for %+v, want %+v", asked[0], want)
	}
	again, err := w.Checkouts.Place(ctx, who, in)
	refused(t, err, fault.PaymentPending)
	if again == nil || again.ID != out.ID {
		t.Errorf("the repeat gave %+v", again)
	}
	p, err := w.Checkouts.Prepare(ctx, who, out.Payment.ID.String())
	if refused(t, err, fault.PaymentPending); p == nil || p.Parameters != nil {
		t.Errorf("prepared %+v", p)
	}
	f.prepare = w.sandbox.Prepare
	p, err = w.Checkouts.Prepare(ctx, who, out.Payment.ID.String())
	if must(t, err); p.Parameters == nil || p.Status != payment.Pending {
		t.Errorf("prepared %+v", p)
	}
	if again := w.place(t, who, in); again.ID != out.ID || again.Payment.Parameters == nil {
		t.Errorf("the repeat gave %+v", again)
	}
}

// testPlaceRefusingProvider wants PAYMENT_PENDING beside the checkout, the only code that may come with one, and
// paymentPrepare to tell the provider's own.
func testPlaceRefusingProvider(t *testing.T, w *world) {
	f := w.fake()
	tea := w.variant(t, 0, 1999, 10)
	for _, code := range []fault.Code{fault.PaymentRefused, fault.PaymentClosed, fault.AlreadyPaid} {
		f.prepare = func(context.Context, payment.Trade) (payment.Parameters, error) {
			return payment.Parameters{}, fault.New(code, "no")
		}
		who := w.buyer(t)
		out, err := w.Checkouts.Place(t.Context(), who, w.buy(tea, 1))
		if refused(t, err, fault.PaymentPending); out == nil || out.Payment.Parameters != nil {
			t.Fatalf("%s: %+v", code, out)
		}
		p, err := w.Checkouts.Prepare(t.Context(), who, out.Payment.ID.String())
		if refused(t, err, code); p == nil || p.Status != payment.Pending {
			t.Errorf("%s: %+v", code, p)
		}
	}
}

// TestPlaceHangingProvider wants a buyer to wait for a hanging provider for a few seconds at most, with nothing locked.
func TestPlaceHangingProvider(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		f := w.fake()
		tea, who := w.variant(t, 0, 1999, 10), w.buyer(t)
		hangs := make(chan struct{}, 1)
		f.prepare = func(ctx context.Context, _ payment.Trade) (payment.Parameters, error) {
			hangs <- struct{}{}
			<-ctx.Done()
			return payment.Parameters{}, ctx.Err()
		}
		start := time.Now()
		answered := make(chan error, 1)
		go func() {
			_, err := w.Checkouts.Place(t.Context(), who, w.buy(tea, 2))
			answered <- err
		}()
		<-hangs
		f.prepare = w.sandbox.Prepare
		w.place(t, w.buyer(t), w.buy(tea, 1)) // the same stock
		w.fill(t, who, tea, 1)                // the same buyer
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("others waited %v", d)
		}
		refused(t, <-answered, fault.PaymentPending)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("the buyer waited %v", d)
		}
		w.sees(t, tea, 10, 3)
	})
}

// testPlaceMaxOrders wants the provider's limit to hold before anything is held.
func testPlaceMaxOrders(t *testing.T, w *world) {
	w.fake().limits.MaxOrders = 1
	tea, ball, who := w.variant(t, 0, 1999, 10), w.variant(t, 1, 500, 10), w.buyer(t)
	_, err := w.Checkouts.Place(t.Context(), who, w.buy(tea, 1, ball, 1))
	refused(t, err, fault.TooMany)
	w.sees(t, tea, 10, 0)
	w.place(t, who, w.buy(tea, 1))
}

// testPlaceFree wants an order of nothing to be refused beside others before anything is held, and to be PAID at once alone.
func testPlaceFree(t *testing.T, w *world) {
	w.fake().limits.EachCosts = true
	tea, sample, who := w.variant(t, 0, 1999, 10), w.variant(t, 1, 0, 10), w.buyer(t)
	_, err := w.Checkouts.Place(t.Context(), who, w.buy(tea, 1, sample, 1))
	refused(t, err, fault.PaymentRefused)
	w.sees(t, tea, 10, 0)
	w.sees(t, sample, 10, 0)
	if c := w.place(t, who, w.buy(sample, 1)); c.Status != checkout.Paid {
		t.Errorf("for nothing: %+v", c)
	}
}

func testHoldLimit(t *testing.T, w *world) {
	tea, who := w.variant(t, 0, 1999, 100), w.buyer(t)
	ctx := t.Context()
	var placed []*checkout.Checkout
	for range maxOpen {
		placed = append(placed, w.place(t, who, w.buy(tea, 1)))
	}
	in := w.buy(tea, 1)
	over := func() {
		t.Helper()
		out, err := w.Checkouts.Place(ctx, who, in)
		if refused(t, err, fault.HoldLimitReached); out != nil {
			t.Errorf("got %+v", out)
		}
	}
	over()
	w.sees(t, tea, 100, maxOpen)
	w.place(t, w.buyer(t), w.buy(tea, 1)) // the limit is each buyer's own
	_, err := w.Checkouts.Cancel(ctx, who, placed[0].ID.String())
	must(t, err)
	w.place(t, who, in)
	in = w.buy(tea, 1)
	over()
	_, err = w.Checkouts.SandboxConfirm(ctx, who, placed[1].Payment.ID.String())
	must(t, err)
	w.place(t, who, in)
	in = w.buy(tea, 1)
	over()
	w.clock.Advance(15*time.Minute - time.Microsecond)
	over()
	w.clock.Advance(time.Microsecond) // overdue checkouts hold nobody back, swept or not
	w.place(t, who, in)
}

// TestHoldLimitAtOnce sends two checkouts of a buyer who may have one more, at once: exactly one wins.
func TestHoldLimitAtOnce(t *testing.T) {
	t.Parallel()
	eachRace(t, func(t *testing.T, w *world) {
		tea, cup := w.variant(t, 0, 1999, 10_000), w.variant(t, 1, 50, 10_000)
		for range 10 {
			who := w.buyer(t)
			for range maxOpen - 1 {
				w.place(t, who, w.buy(tea, 1))
			}
			var errs [2]error
			atOnce(2, func(i int) {
				_, errs[i] = w.Checkouts.Place(t.Context(), who, w.buy([]typeid.Variant{tea, cup}[i], 1)) // not even the same goods
			})
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("got %v and %v", errs[0], errs[1])
			}
			for _, err := range errs {
				if err != nil {
					refused(t, err, fault.HoldLimitReached)
				}
			}
		}
	})
}
