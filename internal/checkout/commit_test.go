package checkout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// together has all of it decided by one transaction: it begins while two others are under way, of shops that nobody else buys from, in
// the order in which it is named. It returns how many statements inserted orders, beside theirs.
func (w *world) together(t *testing.T, do ...func()) int {
	t.Helper()
	return w.counted(t, "INSERT INTO `orders`", do...)
}

// counted is together, counting statements of which each checkout sends one.
func (w *world) counted(t *testing.T, statement string, do ...func()) int {
	t.Helper()
	begun, letGo := make(chan struct{}), make(chan struct{})
	var sent atomic.Int64
	hold := sync.OnceFunc(func() { close(begun); <-letGo })
	seen := func(query string) {
		if strings.HasPrefix(query, statement) {
			sent.Add(1)
		}
		if strings.HasPrefix(query, "INSERT INTO `orders`") {
			hold()
		}
	}
	var wg sync.WaitGroup
	others := []checkout.Input{w.buy(w.variant(t, 2, 100, 1), 1), w.buy(w.variant(t, 3, 100, 1), 1)}
	for i, who := range w.buyers(t, len(others)) {
		if i == 0 {
			w.seen.Store(&seen)
			defer w.seen.Store(nil)
		}
		wg.Go(func() { w.place(t, who, others[i]) })
		<-begun
	}
	soon(func() bool { return w.Checkouts.Working() == len(others) })
	for i, fn := range do {
		wg.Go(fn)
		soon(func() bool { return w.Checkouts.Waiting() == i+1 })
	}
	close(letGo)
	wg.Wait()
	return int(sent.Load()) - len(others)
}

// soon waits for something that comes.
func soon(what func() bool) {
	for !what() {
		time.Sleep(100 * time.Microsecond)
	}
}

// TestOneCommit decides many requests with one transaction, each on its own and in the order of their arrival.
func TestOneCommit(t *testing.T) {
	parts(t,
		part{"placed together", testPlacedTogether},
		part{"one cart twice", testCartTwiceTogether},
		part{"a poisoned one", testPoisoned},
		part{"late money", testLateTogether},
		part{"callers who leave", testCallersLeave},
	)
}

// said is what a request was told.
type said struct {
	out *checkout.Checkout
	err error
}

func (w *world) asks(t *testing.T, who identity.Principal, in checkout.Input, into *said) func() {
	t.Helper()
	return func() { into.out, into.err = w.Checkouts.Place(t.Context(), who, in) }
}

func testPlacedTogether(t *testing.T, w *world) {
	tea, ball := w.variant(t, 0, 1999, 5), w.variant(t, 1, 500, 100)
	buyers := w.buyers(t, 5)
	again, dear := w.buy(tea, 1), w.buy(ball, 1)
	for range maxOpen {
		w.place(t, buyers[4], w.buy(ball, 1))
	}
	reused := again
	reused.Lines = lines(tea, 2)
	unaddressed := dear
	unaddressed.ShipTo = nil
	type request struct {
		who  identity.Principal
		in   checkout.Input
		code fault.Code
	}
	requests := []request{
		{buyers[0], again, ""},
		{buyers[1], w.buy(ball, 2, tea, 3), ""},
		{buyers[2], w.buy(tea, 2), fault.OutOfStock}, // one is left
		{buyers[0], again, ""},
		{buyers[0], reused, fault.IdempotencyKeyReused},
		{buyers[2], unaddressed, fault.AddressRequired},
		{buyers[3], w.buy(tea, 1), ""},
		{buyers[3], w.buy(ball, 1, tea, 1), fault.OutOfStock},
		{buyers[4], w.buy(ball, 1), fault.HoldLimitReached},
		{buyers[2], w.buy(ball, 80), ""},
	}
	greedy := w.buyer(t)
	for range maxOpen {
		requests = append(requests, request{greedy, w.buy(ball, 1), ""})
	}
	requests = append(requests, request{greedy, w.buy(ball, 1), fault.HoldLimitReached})
	told := make([]said, len(requests))
	do := make([]func(), len(requests))
	for i, r := range requests {
		do[i] = w.asks(t, r.who, r.in, &told[i])
	}
	if n := w.together(t, do...); n != 1 {
		t.Errorf("orders were inserted by %d statements, want 1", n)
	}
	for i, r := range requests {
		if r.code != "" {
			refused(t, told[i].err, r.code)
		} else if told[i].err != nil {
			t.Errorf("request %d: %v", i, told[i].err)
		}
	}
	if told[0].out == nil || told[3].out == nil || told[0].out.ID != told[3].out.ID {
		t.Errorf("one key gave %v and %v", told[0].out, told[3].out)
	}
	var short *inventory.ShortError
	if !errors.As(told[2].err, &short) || short.Shortages[0].Available != 1 {
		t.Errorf("short of %+v, want one that is left", short)
	}
	w.sees(t, tea, 5, 5)
	w.sees(t, ball, 100, maxOpen+82+maxOpen)
}

func testCartTwiceTogether(t *testing.T, w *world) {
	tea := w.variant(t, 0, 1999, 50)
	who, careful := w.buyer(t), w.buyer(t)
	w.fill(t, who, tea, 3)
	version := w.fill(t, careful, tea, 4)
	old := checkout.Input{IdempotencyKey: w.key(), CartVersion: &version}
	var told [4]said
	w.together(t,
		w.asks(t, who, checkout.Input{IdempotencyKey: w.key()}, &told[0]),
		w.asks(t, who, checkout.Input{IdempotencyKey: w.key()}, &told[1]),
		w.asks(t, careful, old, &told[2]),
		w.asks(t, careful, checkout.Input{IdempotencyKey: w.key(), Lines: lines(tea, 1), CartVersion: &version}, &told[3]),
	)
	must(t, errors.Join(told[0].err, told[2].err))
	refused(t, told[1].err, fault.Invalid) // the cart is empty
	refused(t, told[3].err, fault.VersionMismatch)
	w.sees(t, tea, 50, 7)
	if left, _ := w.cartOf(t, who); len(left) > 0 {
		t.Errorf("left in the cart: %v", left)
	}
}

// testPoisoned gives one of several payments a receipt that no row takes: it alone fails.
func testPoisoned(t *testing.T, w *world) {
	tea := w.variant(t, 0, 1999, 50)
	buyers := w.buyers(t, 6)
	placed := make([]*checkout.Checkout, 5)
	for i := range placed {
		placed[i] = w.place(t, buyers[i], w.buy(tea, 1))
		_, err := w.sandbox.Pay(t.Context(), payment.Trade{ID: placed[i].Payment.ID, Amount: placed[i].Payment.Amount, ExpiresAt: placed[i].HeldUntil})
		must(t, err)
	}
	f := w.fake()
	f.query = func(ctx context.Context, trade payment.Trade) (payment.Answer, error) {
		a, err := w.sandbox.Query(ctx, trade)
		if trade.ID == placed[2].Payment.ID {
			a.TransactionID = strings.Repeat("4", 1000)
		}
		return a, err
	}
	errs := make([]error, len(placed))
	var bought said
	var do []func()
	for i, p := range placed {
		do = append(do, func() { errs[i] = w.Checkouts.Notice(t.Context(), p.Payment.ID) })
	}
	do = append(do, w.asks(t, buyers[5], w.buy(tea, 7), &bought))
	w.together(t, do...)
	must(t, bought.err)
	for i, p := range placed {
		want := checkout.Paid
		if i == 2 {
			want = checkout.Open
		}
		if got := w.status(t, p.ID); got != want || (errs[i] == nil) != (i != 2) {
			t.Errorf("payment %d: %s, %v", i, got, errs[i])
		}
	}
	w.sees(t, tea, 46, 8)
}

// testLateTogether lets goods go and be paid for by the same transaction, in either order.
func testLateTogether(t *testing.T, w *world) {
	tea := w.variant(t, 0, 1999, 50)
	for _, cancelFirst := range []bool{true, false} {
		who := w.buyer(t)
		placed := w.place(t, who, w.buy(tea, 2))
		f := w.fake()
		f.close = func(context.Context, payment.Trade) (payment.Answer, error) {
			return payment.Answer{State: payment.TradeClosed}, nil
		}
		f.query = func(context.Context, payment.Trade) (payment.Answer, error) {
			return payment.Answer{State: payment.TradePaid, TransactionID: "t" + w.key(), Amount: placed.Payment.Amount, PaidAt: w.clock.Now()}, nil
		}
		var payErr, cancelErr error
		pay := func() { payErr = w.Checkouts.Notice(t.Context(), placed.Payment.ID) }
		cancel := func() { _, cancelErr = w.Checkouts.Cancel(t.Context(), who, placed.ID.String()) }
		want := checkout.Cancelled
		if cancelFirst {
			w.together(t, cancel, pay)
			must(t, cancelErr)
		} else {
			want = checkout.Paid
			w.together(t, pay, cancel)
			refused(t, cancelErr, fault.AlreadyPaid)
		}
		must(t, payErr)
		if got := w.status(t, placed.ID); got != want {
			t.Errorf("cancelled first: %t; it is %s", cancelFirst, got)
		}
		after, err := w.Payments.ByIDs(t.Context(), []typeid.Payment{placed.Payment.ID})
		must(t, err)
		if got := after[0].Status; cancelFirst && got != payment.Refunding || !cancelFirst && got != payment.Paid {
			t.Errorf("cancelled first: %t; the payment is %s", cancelFirst, got)
		}
	}
	w.sees(t, tea, 48, 0)
}

// testCallersLeave has callers leave while they wait: each is decided once, as their repeats tell.
func testCallersLeave(t *testing.T, w *world) {
	tea := w.variant(t, 0, 1999, 4)
	buyers := w.buyers(t, 6)
	in := make([]checkout.Input, len(buyers))
	var do []func()
	var leaves []context.CancelFunc
	for i, who := range buyers {
		in[i] = w.buy(tea, 1)
		ctx, leave := context.WithCancel(t.Context())
		leaves = append(leaves, leave)
		do = append(do, func() {
			if _, err := w.Checkouts.Place(ctx, who, in[i]); !errors.Is(err, context.Canceled) {
				t.Errorf("left with %v", err)
			}
		})
	}
	last := w.buyer(t)
	do = append(do, func() {
		for _, leave := range leaves {
			leave()
		}
		_, err := w.Checkouts.Place(t.Context(), last, w.buy(tea, 1))
		refused(t, err, fault.OutOfStock) // those who left were before
	})
	w.together(t, do...)
	w.sees(t, tea, 4, 4)
	var won []string
	for i, who := range buyers {
		if _, err := w.Checkouts.Place(t.Context(), who, in[i]); err == nil {
			won = append(won, fmt.Sprint(i))
		} else {
			refused(t, err, fault.OutOfStock)
		}
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "3"}, won); diff != "" {
		t.Errorf("who won (-want +got):\n%s", diff)
	}
	w.sees(t, tea, 4, 4)
}
