package wechatpay_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
	"holdfast/internal/wechatpay"
	"holdfast/internal/wechatsim/sim"
)

func TestPay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, totals := range [][]int64{{1999}, {1999, 601}} {
			trade, d := w.owe(true, totals...)
			before, err := w.Query(t.Context(), trade)
			must(t, err)
			if before.State != payment.TradeOpen {
				t.Errorf("before it is prepared: %+v", before)
			}
			p, err := w.Prepare(t.Context(), trade)
			must(t, err)
			again, err := w.again(t).Prepare(t.Context(), trade)
			must(t, err)
			if p.Package != again.Package || p.NonceStr == again.NonceStr {
				t.Errorf("prepared again: %+v after %+v", again, p)
			}
			waiting, err := w.Query(t.Context(), trade)
			must(t, err)
			if waiting.State != payment.TradeOpen {
				t.Errorf("before it is paid: %+v", waiting)
			}
			w.clock.Advance(time.Minute)
			must(t, w.sim.Pay(params(again), buyer))
			first := w.trades()[numbers(d)[0]]
			want := payment.Answer{State: payment.TradePaid, TransactionID: first.Transaction, Amount: d.Total, PaidAt: w.clock.Now()}
			got, err := w.Query(t.Context(), trade)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("query (-want +got):\n%s", diff)
			}
			heard := w.hear(t)
			if len(heard) != 1 || heard[0].err != nil {
				t.Fatalf("notices: %+v", heard)
			}
			heard[0].notice.ID = ""
			if diff := cmp.Diff(wechatpay.Notice{Kind: wechatpay.NoticePaid, Payment: d.ID, Answer: want}, heard[0].notice, ids); diff != "" {
				t.Errorf("notice (-want +got):\n%s", diff)
			}
			for i, number := range numbers(d) {
				got := w.trades()[number]
				if got.Total != totals[i] || !got.Sharing || got.Payer != buyer || !strings.HasPrefix(got.Description, "龙井茶 Longjing") {
					t.Errorf("trade %s: %+v", number, got)
				}
			}
			_, err = w.Prepare(t.Context(), trade)
			refused(t, err, fault.AlreadyPaid)
		}
		want := []string{"ORDER_NOT_EXIST", "OUT_TRADE_NO_USED", "ORDER_NOT_EXIST", "OUT_TRADE_NO_USED"} // as asked for
		if diff := cmp.Diff(want, w.refusals()); diff != "" {
			t.Errorf("what WeChat refused (-want +got):\n%s", diff)
		}
	})
}

// TestLongTexts has texts that are longer than WeChat takes.
func TestLongTexts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, totals := range [][]int64{{1000}, {1000, 500}} {
			trade, d := w.owe(false, totals...)
			for i := range d.Orders {
				d.Orders[i].Title, d.Orders[i].Lines = strings.Repeat("茶\n", 200), 99
			}
			w.pay(t, trade)
			r := w.refund(d, 0, 1)
			r.Reason = strings.Repeat("瑕疵", 100)
			says(t, payment.TransferProcessing)(w.Refund(t.Context(), r))
			trade, d = w.owe(false, totals...)
			d.Orders[0].Title = " "
			w.pay(t, trade)
			r = w.refund(d, 0, 1)
			r.Reason = ""
			says(t, payment.TransferProcessing)(w.Refund(t.Context(), r))
		}
	})
}

// TestCrowd asks many things of a fresh provider at once: it reads the certificates once.
func TestCrowd(t *testing.T) {
	w := first(t)
	trade, _ := w.owe(false, 1999)
	w.pay(t, trade)
	notice := w.hear(t)[0]
	asked := &counter{next: http.DefaultTransport, path: "/v3/certificates"}
	s := w.settings(t)
	s.Transport = asked
	p, err := wechatpay.New(s)
	must(t, err)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if i%2 == 0 {
				if a, err := p.Query(t.Context(), trade); err != nil || a.State != payment.TradePaid {
					t.Errorf("query: %+v %v", a, err)
				}
				return
			}
			if n, err := p.ReadNotice(t.Context(), notice.header, notice.body); err != nil || n.Payment != trade.ID {
				t.Errorf("notice: %+v %v", n, err)
			}
		})
	}
	wg.Wait()
	if n := asked.n.Load(); n > 3 { // one for each merchant of the settings that uses certificates
		t.Errorf("%d requests for certificates", n)
	}
}

// numbers are those of a payment's trades.
func numbers(d *payment.Dossier) []string {
	if len(d.Orders) == 1 {
		return []string{d.ID.String()}
	}
	var out []string
	for _, o := range d.Orders {
		out = append(out, o.ID.String())
	}
	return out
}

func TestClose(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, totals := range [][]int64{{1999}, {1999, 601}} {
			closed := payment.Answer{State: payment.TradeClosed}
			never, _ := w.owe(false, totals...)
			got, err := w.Close(t.Context(), never)
			must(t, err)
			if diff := cmp.Diff(closed, got); diff != "" {
				t.Errorf("one that was never prepared (-want +got):\n%s", diff)
			}

			open, _ := w.owe(false, totals...)
			p, err := w.Prepare(t.Context(), open)
			must(t, err)
			cashier, err := w.sim.OpenCashier(params(p), buyer)
			must(t, err)
			for range 2 {
				got, err := w.Close(t.Context(), open)
				must(t, err)
				if diff := cmp.Diff(closed, got); diff != "" {
					t.Errorf("closed (-want +got):\n%s", diff)
				}
			}
			_, err = w.Prepare(t.Context(), open)
			refused(t, err, fault.PaymentClosed)
			got, err = w.Query(t.Context(), open)
			must(t, err)
			if diff := cmp.Diff(closed, got); diff != "" {
				t.Errorf("query (-want +got):\n%s", diff)
			}

			w.sim.Set(func(r *sim.Rules) { r.PayAfterClose = true })
			must(t, cashier.Pay()) // the cashier was open
			got, err = w.Close(t.Context(), open)
			must(t, err)
			if got.State != payment.TradePaid || got.Amount != open.Amount || got.TransactionID == "" {
				t.Errorf("closed but paid: %+v", got)
			}

			paid, _ := w.owe(false, totals...)
			w.pay(t, paid)
			got, err = w.Close(t.Context(), paid)
			must(t, err)
			if got.State != payment.TradePaid || got.Amount != paid.Amount {
				t.Errorf("close of what is paid: %+v", got)
			}
		}
	})
}

// TestSilence loses answers before and after the effect, and asks again in the same words.
func TestSilence(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, kind := range []sim.Kind{sim.FailBefore, sim.FailAfter, sim.CutAfter, sim.Limit, sim.BadSignature, sim.HangAfter, sim.HangBefore} {
			for _, totals := range [][]int64{{1999}, {1999, 601}} {
				trade, _ := w.owe(true, totals...)
				fault := func(on string) {
					w.sim.Behave()
					w.sim.Misbehave(sim.Fault{On: on, Kind: kind, Times: 1}, sim.Fault{On: "combine." + on, Kind: kind, Times: 1})
				}
				brief := func() context.Context {
					ctx, cancel := context.WithTimeout(t.Context(), patience(kind))
					t.Cleanup(cancel)
					return ctx
				}
				fault("prepare")
				w.sim.Misbehave(sim.Fault{On: "prepay", Kind: kind, Times: 1}, sim.Fault{On: "combine.prepay", Kind: kind, Times: 1})
				_, err := w.Prepare(brief(), trade)
				unknown(t, err)
				w.sim.Behave()
				w.pay(t, trade)
				fault("query")
				_, err = w.Query(brief(), trade)
				unknown(t, err)
				w.sim.Behave()
				got, err := w.Query(t.Context(), trade)
				must(t, err)
				if got.State != payment.TradePaid {
					t.Errorf("%s: %+v", kind, got)
				}

				trade, _ = w.owe(true, totals...)
				_, err = w.Prepare(t.Context(), trade)
				must(t, err)
				fault("close")
				_, err = w.Close(brief(), trade)
				unknown(t, err)
				w.sim.Behave()
				got, err = w.Close(t.Context(), trade)
				must(t, err)
				if got.State != payment.TradeClosed {
					t.Errorf("%s: %+v", kind, got)
				}
			}
		}
	})
}

// patience is how long a call that hangs is waited for.
func patience(kind sim.Kind) time.Duration {
	if kind == sim.HangAfter || kind == sim.HangBefore {
		return 150 * time.Millisecond
	}
	return 30 * time.Second
}

func TestPrepareRefused(t *testing.T) {
	w := first(t)
	for name, spoil := range map[string]func(*payment.Dossier){
		"another currency":          func(d *payment.Dossier) { d.Total.Currency = money.USD },
		"an unknown mini-program":   func(d *payment.Dossier) { d.AppID = "wxother" },
		"an unknown merchant":       func(d *payment.Dossier) { d.Orders[0].Receiver = "1999999999" },
		"a receiver of another":     func(d *payment.Dossier) { d.Orders[0].Receiver = "merchant" },
		"a partner":                 func(d *payment.Dossier) { d.Orders[0].Receiver = "1900000100" },
		"a buyer that nobody knows": func(d *payment.Dossier) { d.OpenID = "oNobody" },
		"nothing to pay":            func(d *payment.Dossier) { d.Orders[0].Total.Amount = 0 },
	} {
		trade, d := w.owe(false, 100)
		spoil(d)
		_, err := w.Prepare(t.Context(), trade)
		if !fault.Is(err, fault.PaymentRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.Prepare(t.Context(), payment.Trade{ID: typeid.New[typeid.Payment](morning)})
	refused(t, err, fault.NotFound)
}

// TestNumberUsed prepares a payment whose number was used with other words.
func TestNumberUsed(t *testing.T) {
	w := first(t)
	trade, d := w.owe(false, 100)
	_, err := w.Prepare(t.Context(), trade)
	must(t, err)
	trade.ExpiresAt = trade.ExpiresAt.Add(time.Hour)
	_, err = w.Prepare(t.Context(), trade)
	refused(t, err, fault.PaymentRefused)

	trade.ExpiresAt = d.ExpiresAt
	w.clock.Advance(16 * time.Minute)
	_, err = w.Prepare(t.Context(), trade)
	refused(t, err, fault.PaymentClosed)
}

// TestWrongAnswers proves that what does not fit the payment counts as no answer.
func TestWrongAnswers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, totals := range [][]int64{{1999}, {1999, 601}} {
			for name, spoil := range map[string]func(*payment.Dossier){
				"amount":   func(d *payment.Dossier) { d.Orders[0].Total.Amount++ },
				"currency": func(d *payment.Dossier) { d.Orders[0].Total.Currency = money.HKD },
				"merchants": func(d *payment.Dossier) {
					last := len(d.Orders) - 1
					d.Orders[0].Receiver, d.Orders[last].Receiver = d.Orders[last].Receiver, w.setup.shops[0]
					d.Orders[last].Total.Amount += int64(1 - last) // of one order there is nothing to exchange
				},
			} {
				trade, d := w.owe(false, totals...)
				w.pay(t, trade)
				spoil(d)
				_, err := w.Query(t.Context(), trade)
				if err == nil || fault.List(err) != nil {
					t.Errorf("%s, query: %v", name, err)
				}
				for _, h := range w.hear(t) {
					if h.err == nil {
						t.Errorf("%s, notice: %+v", name, h.notice)
					}
				}
			}
		}
	})
}

// TestLimits has service providers and merchants beside each other: what a mini-program may pay is its own merchant's affair.
func TestLimits(t *testing.T) {
	set := first(t).settings(t)
	set.MiniPrograms = []wechatpay.MiniProgram{{AppID: "partner", Merchant: "1900000100"}, {AppID: "merchant", Merchant: "1900000001"}}
	p, err := wechatpay.New(set)
	must(t, err)
	for _, tc := range []struct {
		app, receiver string
		orders        int
		known         bool
	}{
		{"partner", "1900000101", 50, true},
		{"partner", "shop", 50, false},
		{"merchant", "1900000001", 10, true},
		{"merchant", "1900000002", 10, true},
		{"merchant", "1900000101", 10, false}, // a sub-merchant takes nothing by itself
		{"merchant", "1900000100", 10, false},
		{"unknown", "1900000101", 50, false},
	} {
		l := p.Limits(tc.app)
		if l.MaxOrders != tc.orders || !l.EachCosts || l.Currency != money.CNY {
			t.Errorf("%s: %+v", tc.app, l)
		}
		if err := l.Payee(tc.receiver); (err == nil) != tc.known || err != nil && !fault.Is(err, fault.PaymentRefused) {
			t.Errorf("%s, %s: %v", tc.app, tc.receiver, err)
		}
	}
}
