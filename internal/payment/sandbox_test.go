package payment_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.UTC)

func cny(amount int64) money.Money { return money.New(amount, money.CNY) }

// sandbox is a Sandbox with a clock of its own.
type sandbox struct {
	*payment.Sandbox
	clock *clock.Manual
	db    *db.DB
}

func each(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, s *sandbox)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			s := &sandbox{clock: clock.NewManual(start), db: testdb.New(t, kind)}
			s.Sandbox = payment.NewSandbox(s.db, s.clock.Now)
			fn(t, s)
		})
	}
}

func two() []testdb.Kind { return []testdb.Kind{testdb.MySQL, testdb.SQLite} }

func three() []testdb.Kind { return []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} }

func trade(amount int64) payment.Trade {
	return payment.Trade{ID: typeid.New[typeid.Payment](start), Amount: cny(amount), ExpiresAt: start.Add(15 * time.Minute)}
}

// atOnce releases n calls of fn at the same moment and waits for them.
func atOnce(n int, fn func(i int)) {
	var (
		release = make(chan struct{})
		wg      sync.WaitGroup
	)
	for i := range n {
		wg.Go(func() {
			<-release
			fn(i)
		})
	}
	close(release)
	wg.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSandboxTrade(t *testing.T) {
	t.Parallel()
	each(t, two(), func(t *testing.T, s *sandbox) {
		ctx, paid, closed := t.Context(), trade(1999), trade(1)
		state := func(got payment.Answer, err error) payment.State {
			t.Helper()
			must(t, err)
			if got.State == payment.TradePaid {
				if got.TransactionID == "" || len(got.TransactionID) > 64 || got.Amount != cny(1999) || !got.PaidAt.Equal(start.Add(time.Second)) {
					t.Errorf("receipt %+v", got)
				}
			} else if got != (payment.Answer{State: got.State}) {
				t.Errorf("an unpaid trade has a receipt: %+v", got)
			}
			return got.State
		}
		want := func(name string, got, want payment.State) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		want("unknown", state(s.Query(ctx, paid)), payment.TradeOpen)
		_, err := s.Prepare(ctx, paid)
		must(t, err)
		want("prepared", state(s.Query(ctx, paid)), payment.TradeOpen)
		s.clock.Advance(time.Second)
		want("paid", state(s.Pay(ctx, paid)), payment.TradePaid)
		s.clock.Advance(time.Second)
		want("paid again", state(s.Pay(ctx, paid)), payment.TradePaid)
		want("closed when paid", state(s.Close(ctx, paid)), payment.TradePaid)
		want("asked", state(s.Query(ctx, paid)), payment.TradePaid)
		want("closed", state(s.Close(ctx, closed)), payment.TradeClosed)
		want("closed again", state(s.Close(ctx, closed)), payment.TradeClosed)
		got, err := s.Pay(ctx, closed)
		if !fault.Is(err, fault.PaymentClosed) || got.State != payment.TradeClosed {
			t.Errorf("paid when closed: %+v, %v", got, err)
		}
		want("asked when closed", state(s.Query(ctx, closed)), payment.TradeClosed)
		other := payment.NewSandbox(s.db, s.clock.Now) // of another process
		want("asked elsewhere", state(other.Query(ctx, paid)), payment.TradePaid)
	})
}

func TestSandboxPrepare(t *testing.T) {
	t.Parallel()
	s := payment.NewSandbox(nil, clock.NewManual(start).Now) // touches no database
	one := trade(1)
	a, err := s.Prepare(t.Context(), one)
	must(t, err)
	b, err := s.Prepare(t.Context(), one)
	must(t, err)
	if a.TimeStamp != "1772600767" || !strings.HasPrefix(a.Package, "prepay_id=") || a.SignType == "" || a.PaySign == "" {
		t.Errorf("parameters %+v", a)
	}
	if a.Package != b.Package || a.NonceStr == b.NonceStr || a.PaySign == b.PaySign {
		t.Errorf("%+v and %+v", a, b)
	}
}

// TestRacePayClose pays and closes one trade many times at once: all are told the same.
func TestRacePayClose(t *testing.T) {
	t.Parallel()
	each(t, three(), func(t *testing.T, s *sandbox) {
		for range 10 {
			one := trade(1999)
			var paid, closed atomic.Int64
			atOnce(12, func(i int) {
				ask := s.Close
				if i%2 == 0 {
					ask = s.Pay
				}
				got, err := ask(t.Context(), one)
				if err != nil && !fault.Is(err, fault.PaymentClosed) {
					t.Error(err)
				}
				switch got.State {
				case payment.TradePaid:
					paid.Add(1)
				case payment.TradeClosed:
					closed.Add(1)
				case payment.TradeOpen: // never: it is counted below
				}
			})
			if paid.Load()+closed.Load() != 12 || paid.Load()*closed.Load() != 0 {
				t.Errorf("%d were told that it is paid, %d that it is closed", paid.Load(), closed.Load())
			}
		}
	})
}

func TestSandboxTransfers(t *testing.T) {
	t.Parallel()
	each(t, two(), func(t *testing.T, s *sandbox) {
		ctx, one := t.Context(), trade(1000)
		refundID, shareID := typeid.New[typeid.Refund](start), typeid.New[typeid.Split](start)
		refund := func(id typeid.Refund, amount money.Money) (payment.TransferState, error) {
			return s.Refund(ctx, payment.RefundRequest{ID: id, Payment: one.ID, Amount: amount, Reason: "broken"})
		}
		share := func(id typeid.Split, receiver string, amount money.Money) (payment.TransferState, error) {
			return s.Share(ctx, payment.ShareRequest{ID: id, Payment: one.ID, Receiver: receiver, Amount: amount})
		}
		back := func(receiver string, amount money.Money) (payment.TransferState, error) {
			return s.ReturnShare(ctx, payment.ReturnRequest{ID: typeid.New[typeid.SplitReturn](start), Payment: one.ID, Receiver: receiver, Amount: amount})
		}
		newRefund, newShare := typeid.New[typeid.Refund], typeid.New[typeid.Split]
		check := func(name string, code fault.Code) func(payment.TransferState, error) {
			return func(got payment.TransferState, err error) {
				t.Helper()
				if code == "" && (err != nil || got != payment.TransferSucceeded) || code != "" && !fault.Is(err, code) {
					t.Errorf("%s: %s, %v; want %q", name, got, err, code)
				}
			}
		}
		check("refund of what nobody paid", fault.PaymentRefused)(refund(newRefund(start), cny(1)))
		_, err := s.Pay(ctx, one)
		must(t, err)
		check("nothing", fault.AmountExceeded)(refund(newRefund(start), cny(0)))
		check("less than nothing", fault.AmountExceeded)(refund(newRefund(start), cny(-1)))
		check("another currency", fault.AmountExceeded)(refund(newRefund(start), money.New(1, money.HKD)))
		check("more than was paid", fault.AmountExceeded)(refund(newRefund(start), cny(1001)))
		check("a part", "")(refund(refundID, cny(100)))
		check("the same again", "")(refund(refundID, cny(100)))
		check("a share", "")(share(shareID, "platform", cny(300)))
		check("the same share again", "")(share(shareID, "platform", cny(300)))
		check("another share", "")(share(newShare(start), "friend", cny(200)))
		check("more than is left", fault.AmountExceeded)(refund(newRefund(start), cny(401)))
		check("a share of more than is left", fault.AmountExceeded)(share(newShare(start), "friend", cny(401)))
		check("more back than it has", fault.AmountExceeded)(back("friend", cny(201)))
		check("back from one who has nothing", fault.AmountExceeded)(back("stranger", cny(1)))
		check("back", "")(back("friend", cny(150)))
		check("more back than is left with it", fault.AmountExceeded)(back("friend", cny(51)))
		check("all that is left", "")(refund(newRefund(start), cny(550)))
		check("one fen more", fault.AmountExceeded)(refund(newRefund(start), cny(1)))
		check("the first refund again, of nothing left", "")(refund(refundID, cny(100)))

		shut := trade(5)
		_, err = s.Close(ctx, shut)
		must(t, err)
		check("refund of what is closed", fault.PaymentRefused)(s.Refund(ctx, payment.RefundRequest{ID: newRefund(start), Payment: shut.ID, Amount: cny(1)}))
	})
}

// TestRaceTransfers refunds and shares one payment at once, each id twice: no more goes out than came in.
func TestRaceTransfers(t *testing.T) {
	t.Parallel()
	each(t, three(), func(t *testing.T, s *sandbox) {
		one := trade(1000)
		_, err := s.Pay(t.Context(), one)
		must(t, err)
		refunds, shares := make([]typeid.Refund, 15), make([]typeid.Split, 15)
		for i := range refunds {
			refunds[i], shares[i] = typeid.New[typeid.Refund](start), typeid.New[typeid.Split](start)
		}
		var done [60]bool
		atOnce(len(done), func(i int) {
			var err error
			if n := i / 4; i%2 == 0 {
				_, err = s.Refund(t.Context(), payment.RefundRequest{ID: refunds[n], Payment: one.ID, Amount: cny(90)})
			} else {
				_, err = s.Share(t.Context(), payment.ShareRequest{ID: shares[n], Payment: one.ID, Receiver: "platform", Amount: cny(70)})
			}
			if err != nil && !fault.Is(err, fault.AmountExceeded) {
				t.Error(err)
			}
			done[i] = err == nil
		})
		rows, err := s.db.SandboxTransfer.Query().All(t.Context())
		must(t, err)
		sum := int64(0)
		for _, r := range rows {
			sum += r.Amount
		}
		if sum > 1000 || sum <= 1000-70 {
			t.Errorf("%d of 1000 went out", sum)
		}
		for i := 0; i < len(done); i += 4 {
			if done[i] != done[i+2] || done[i+1] != done[i+3] {
				t.Error("a repeat was answered otherwise")
			}
		}
	})
}
