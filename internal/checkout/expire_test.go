package checkout_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// sweep sweeps once and wants so many checkouts to go.
func (w *world) sweep(t *testing.T, want int) {
	t.Helper()
	n, err := w.Checkouts.SweepOnce(t.Context())
	if must(t, err); n != want {
		t.Errorf("%d checkouts went at %v, want %d", n, w.clock.Now(), want)
	}
}

func TestExpire(t *testing.T) {
	parts(t,
		part{"swept", testExpire},
		part{"to the microsecond", testExpireToTheMicrosecond},
		part{"silent provider", testExpireSilentProvider},
		part{"bad neighbour", testExpireBadNeighbour},
		part{"short buyer", testShortBuyer},
		part{"short buyer of what was paid", testShortBuyerPaid},
		part{"short buyer who loses the turn", testShortBuyerLosesTurn},
	)
}

func testExpire(t *testing.T, w *world) {
	ctx := t.Context()
	tea, ball, who := w.variant(t, 0, 1999, 10), w.variant(t, 1, 500, 10), w.buyer(t)
	placed := w.place(t, who, w.buy(tea, 3, ball, 1))
	paid := w.place(t, who, w.buy(tea, 1))
	_, err := w.Checkouts.SandboxConfirm(ctx, who, paid.Payment.ID.String())
	must(t, err)
	w.sweep(t, 0)
	w.clock.Advance(15 * time.Minute)
	w.sweep(t, 1)
	w.stands(t, placed, checkout.Expired, tea, 9, 0)
	w.sees(t, ball, 10, 0)
	w.sweep(t, 0)
	out, err := w.Checkouts.Cancel(ctx, who, placed.ID.String())
	if refused(t, err, fault.PaymentClosed); out == nil || out.Status != checkout.Expired {
		t.Errorf("cancelled %+v", out)
	}
	got, err := w.Checkouts.Prepare(ctx, who, placed.Payment.ID.String())
	if refused(t, err, fault.PaymentClosed); got == nil || got.Status != payment.Closed {
		t.Errorf("prepared %+v", got)
	}
	w.stands(t, placed, checkout.Expired, tea, 9, 0)
	w.stands(t, paid, checkout.Paid, tea, 9, 0)
}

// testExpireToTheMicrosecond proves that times compare as times on every database, however many digits they end with.
func testExpireToTheMicrosecond(t *testing.T, w *world) {
	tea := w.variant(t, 0, 1999, 10)
	for _, micros := range []int{0, 1, 10, 100_000, 99_999, 999_999, 500_000, 123_456} {
		second := w.clock.Now().Truncate(time.Second).Add(time.Second)
		w.clock.Advance(second.Add(time.Duration(micros) * time.Microsecond).Sub(w.clock.Now()))
		placed := w.place(t, w.buyer(t), w.buy(tea, 1))
		w.clock.Advance(15*time.Minute - time.Microsecond)
		w.sweep(t, 0)
		_, err := w.Checkouts.Place(t.Context(), w.buyer(t), w.buy(tea, 10)) // a short buyer is not early either
		refused(t, err, fault.OutOfStock)
		w.stands(t, placed, checkout.Open, tea, 10, 1)
		w.clock.Advance(time.Microsecond)
		w.sweep(t, 1)
		w.stands(t, placed, checkout.Expired, tea, 10, 0)
	}
}

func testExpireSilentProvider(t *testing.T, w *world) {
	f := w.fake()
	tea := w.variant(t, 0, 1999, 10)
	mute, loud := w.place(t, w.buyer(t), w.buy(tea, 3)), w.place(t, w.buyer(t), w.buy(tea, 1))
	f.close = func(ctx context.Context, trade payment.Trade) (payment.Answer, error) {
		if trade.ID == mute.Payment.ID {
			return silent(ctx, trade)
		}
		return w.sandbox.Close(ctx, trade)
	}
	w.clock.Advance(15 * time.Minute)
	w.sweep(t, 1) // the one does not wait for the other
	w.stands(t, loud, checkout.Expired, tea, 10, 3)
	w.clock.Advance(checkout.GiveUpAfter - time.Microsecond)
	w.sweep(t, 0)
	_, err := w.Checkouts.Place(t.Context(), w.buyer(t), w.buy(tea, 10))
	refused(t, err, fault.OutOfStock)
	w.stands(t, mute, checkout.Open, tea, 10, 3)
	w.clock.Advance(time.Microsecond)
	w.sweep(t, 1)
	w.stands(t, mute, checkout.Expired, tea, 10, 0)
}

// testShortBuyer wants a buyer to have overdue goods at once, without any sweeper, and to be tried once more.
func testShortBuyer(t *testing.T, w *world) {
	ctx := t.Context()
	tea, ball, cup := w.variant(t, 0, 1999, 10), w.variant(t, 1, 500, 5), w.variant(t, 0, 50, 5)
	both := w.place(t, w.buyer(t), w.buy(tea, 6, ball, 5))
	more := w.place(t, w.buyer(t), w.buy(tea, 3))
	aside := w.place(t, w.buyer(t), w.buy(cup, 5))
	w.clock.Advance(10 * time.Minute)
	young := w.place(t, w.buyer(t), w.buy(tea, 1))
	w.clock.Advance(5 * time.Minute)

	_, err := w.Checkouts.Place(ctx, w.buyer(t), w.buy(cup, 1, tea, 10)) // still short after it
	refused(t, err, fault.OutOfStock)
	w.stands(t, both, checkout.Expired, tea, 10, 1) // whole checkouts go
	w.stands(t, more, checkout.Expired, tea, 10, 1)
	w.sees(t, ball, 5, 0)
	w.stands(t, young, checkout.Open, tea, 10, 1)
	w.stands(t, aside, checkout.Expired, cup, 5, 0)

	overdue := w.place(t, w.buyer(t), w.buy(tea, 9))
	kept := w.place(t, w.buyer(t), w.buy(ball, 5))
	w.clock.Advance(15 * time.Minute)
	got := w.place(t, w.buyer(t), w.buy(tea, 9))
	w.stands(t, overdue, checkout.Expired, tea, 10, 9)
	w.stands(t, got, checkout.Open, tea, 10, 9)
	w.stands(t, kept, checkout.Open, ball, 5, 5) // of goods that nobody is short of
}

// testShortBuyerPaid wants goods that were paid for at the last moment to stay sold.
func testShortBuyerPaid(t *testing.T, w *world) {
	tea := w.variant(t, 0, 1999, 1)
	placed := w.place(t, w.buyer(t), w.buy(tea, 1))
	_, err := w.sandbox.Pay(t.Context(), payment.Trade{ID: placed.Payment.ID, Amount: placed.Payment.Amount})
	must(t, err)
	w.clock.Advance(time.Hour)
	_, err = w.Checkouts.Place(t.Context(), w.buyer(t), w.buy(tea, 1))
	refused(t, err, fault.OutOfStock)
	w.stands(t, placed, checkout.Paid, tea, 0, 0)
}

// TestShortBuyerHangingProvider wants a provider that hangs to keep a short buyer for about a second, and others not at all.
func TestShortBuyerHangingProvider(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		tea, cup := w.variant(t, 0, 1999, 5), w.variant(t, 0, 50, 100)
		for range 5 {
			w.place(t, w.buyer(t), w.buy(tea, 1))
		}
		w.clock.Advance(15*time.Minute + checkout.GiveUpAfter)
		f := w.fake()
		hangs := make(chan struct{}, 5)
		f.close = func(ctx context.Context, trade payment.Trade) (payment.Answer, error) {
			hangs <- struct{}{}
			return hanging(ctx, trade)
		}
		start, done := time.Now(), make(chan time.Duration, 1)
		go func() {
			w.place(t, w.buyer(t), w.buy(tea, 5))
			done <- time.Since(start)
		}()
		<-hangs
		w.place(t, w.buyer(t), w.buy(cup, 1))
		if d := time.Since(start); d > checkout.CloseTimeout {
			t.Errorf("another buyer waited %v", d)
		}
		if d := <-done; d < checkout.CloseTimeout || d > checkout.CloseTimeout+2*time.Second { // two, for a busy machine
			t.Errorf("the short buyer waited %v", d)
		}
		w.sees(t, tea, 5, 5)
	})
}

// testExpireBadNeighbour gives one overdue checkout a receipt that no row takes: the others go all the same.
func testExpireBadNeighbour(t *testing.T, w *world) {
	f := w.fake()
	tea := w.variant(t, 0, 1999, 10)
	bad, good := w.place(t, w.buyer(t), w.buy(tea, 3)), w.place(t, w.buyer(t), w.buy(tea, 1))
	f.close = func(ctx context.Context, trade payment.Trade) (payment.Answer, error) {
		if trade.ID == bad.Payment.ID {
			return payment.Answer{State: payment.TradePaid, TransactionID: strings.Repeat("4", 1000), Amount: trade.Amount, PaidAt: w.clock.Now()}, nil
		}
		return w.sandbox.Close(ctx, trade)
	}
	w.clock.Advance(15 * time.Minute)
	if n, err := w.Checkouts.SweepOnce(t.Context()); n != 1 || err == nil {
		t.Errorf("swept %d, %v; want the good one to go and the bad one to be told of", n, err)
	}
	w.stands(t, good, checkout.Expired, tea, 10, 3)
	w.stands(t, bad, checkout.Open, tea, 10, 3)
}

// TestExpireMany sweeps more than a batch, by several processes at once, with silent ones in front: each goes once.
func TestExpireMany(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const buyers, mute = checkout.SweepBatch/maxOpen + 4, 5
		tea := w.variant(t, 0, 1999, 1000)
		silenced := make(map[typeid.Payment]bool)
		for range buyers {
			who := w.buyer(t)
			for range maxOpen {
				placed := w.place(t, who, w.buy(tea, 1))
				if len(silenced) < mute {
					silenced[placed.Payment.ID] = true
				}
				w.clock.Advance(time.Microsecond)
			}
		}
		f := w.fake()
		f.close = func(ctx context.Context, trade payment.Trade) (payment.Answer, error) {
			if silenced[trade.ID] {
				return silent(ctx, trade)
			}
			return payment.Answer{State: payment.TradeClosed}, nil
		}
		w.clock.Advance(15 * time.Minute)
		before := w.stock(t, tea)
		atOnce(3, func(int) {
			if _, err := w.Checkouts.SweepOnce(t.Context()); err != nil {
				t.Error(err)
			}
		})
		w.sees(t, tea, 1000, mute)
		if after := w.stock(t, tea); after.Version > before.Version+6 {
			t.Errorf("%d commits for two batches and three sweepers", after.Version-before.Version)
		}
		w.sweep(t, 0)
	})
}

// TestSweep wants the sweeper to let goods go by itself, within 2 s, and to end when told to.
func TestSweep(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		tea := w.variant(t, 0, 1999, 10)
		placed := w.place(t, w.buyer(t), w.buy(tea, 3))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.Checkouts.Sweep(ctx)
		}()
		time.Sleep(checkout.SweepEvery / 5) // past its first look
		w.clock.Advance(15 * time.Minute)
		for start := time.Now(); w.status(t, placed.ID) != checkout.Expired; time.Sleep(10 * time.Millisecond) {
			if time.Since(start) > 2*time.Second {
				t.Error("not let go within 2 s")
				break
			}
		}
		stop()
		<-ended
		w.stands(t, placed, checkout.Expired, tea, 10, 0)
	})
}

// testShortBuyerLosesTurn lets another process let the goods go between a short buyer's look and the buyer's own turn: the
// goods are free, so the buyer gets them.
func testShortBuyerLosesTurn(t *testing.T, w *world) {
	tea := w.variant(t, 0, 1999, 1)
	overdue := w.place(t, w.buyer(t), w.buy(tea, 1))
	w.clock.Advance(15 * time.Minute)
	f := w.fake()
	var calls atomic.Int64
	f.close = func(ctx context.Context, trade payment.Trade) (payment.Answer, error) {
		if calls.Add(1) == 1 {
			if _, err := w.Checkouts.SweepOnce(ctx); err != nil {
				t.Error(err)
			}
		}
		return w.sandbox.Close(ctx, trade)
	}
	got := w.place(t, w.buyer(t), w.buy(tea, 1))
	w.stands(t, overdue, checkout.Expired, tea, 1, 1)
	w.stands(t, got, checkout.Open, tea, 1, 1)
}
