package wechatpay_test

import (
	"context"
	"strings"
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

func cny(n int64) money.Money { return money.New(n, money.CNY) }

func (w *world) refund(d *payment.Dossier, order int, amount int64) payment.RefundRequest {
	return payment.RefundRequest{
		ID: typeid.New[typeid.Refund](w.clock.Now()), Payment: d.ID, Order: d.Orders[order].ID, Amount: cny(amount), Reason: "一件有瑕疵\none is flawed",
	}
}

func (w *world) share(d *payment.Dossier, order int, to string, amount int64) payment.ShareRequest {
	return payment.ShareRequest{
		ID: typeid.New[typeid.Split](w.clock.Now()), Payment: d.ID, Order: d.Orders[order].ID, Receiver: to, Amount: cny(amount),
	}
}

func free(d *payment.Dossier) payment.FreeRequest {
	return payment.FreeRequest{Payment: d.ID, Order: d.Orders[0].ID}
}

func giveBack(w *world, of payment.ShareRequest, amount int64) payment.ReturnRequest {
	return payment.ReturnRequest{
		ID: typeid.New[typeid.SplitReturn](w.clock.Now()), Share: of.ID, ShareAttempt: of.Attempt, Payment: of.Payment, Order: of.Order,
		Receiver: of.Receiver, Amount: cny(amount), Own: of.Own,
	}
}

// says wants a state.
func says(t *testing.T, want payment.TransferState) func(payment.TransferState, error) {
	t.Helper()
	return func(got payment.TransferState, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("got %s %v, want %s", got, err, want)
		}
	}
}

// ends wants a state, and a refusal that begins like this.
func ends(t *testing.T, want payment.TransferState, text string) func(payment.TransferState, error) {
	t.Helper()
	return func(got payment.TransferState, err error) {
		t.Helper()
		if list := fault.List(err); got != want || len(list) != 1 || !strings.HasPrefix(list[0].Error(), text) {
			t.Errorf("got %s %v, want %s: %s", got, err, want, text)
		}
	}
}

const toSupplier = "MERCHANT_ID:" + supplier + ":示例供应商"

func TestRefund(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, totals := range [][]int64{{1999}, {1999, 601}} {
			trade, d := w.owe(false, totals...)
			w.pay(t, trade)
			w.hear(t)
			whole := d.Orders[len(d.Orders)-1].Total.Amount
			part, rest := w.refund(d, len(d.Orders)-1, 100), w.refund(d, len(d.Orders)-1, whole-100)
			says(t, payment.TransferProcessing)(w.Refund(t.Context(), part))
			says(t, payment.TransferProcessing)(w.Refund(t.Context(), rest))
			w.clock.Advance(3 * time.Second)
			says(t, payment.TransferSucceeded)(w.Refund(t.Context(), part))
			says(t, payment.TransferSucceeded)(w.again(t).Refund(t.Context(), rest))
			_, err := w.Refund(t.Context(), w.refund(d, len(d.Orders)-1, 1))
			refused(t, err, fault.AmountExceeded)
			_, err = w.Refund(t.Context(), w.refund(d, 0, 2000))
			refused(t, err, fault.AmountExceeded)

			got := map[typeid.Refund]payment.TransferState{}
			for _, h := range w.hear(t) {
				if h.err != nil || h.notice.Kind != wechatpay.NoticeRefunded {
					t.Errorf("notice: %+v %v", h.notice, h.err)
				}
				got[h.notice.Refund] = h.notice.State
			}
			if got[part.ID] != payment.TransferSucceeded || got[rest.ID] != payment.TransferSucceeded {
				t.Errorf("notices: %v", got)
			}
			answer, err := w.Query(t.Context(), trade)
			must(t, err)
			if answer.State != payment.TradePaid || answer.Amount != d.Total {
				t.Errorf("after refunds: %+v", answer)
			}
			if n := w.sim.Effects()["refund"]; n != 2*len(totals) {
				t.Errorf("%d refunds", n)
			}
		}
	})
}

func TestRefundEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		trade, d := w.owe(false, 1000)
		w.pay(t, trade)
		for _, kind := range []sim.Kind{sim.Abnormal, sim.Reject} {
			w.sim.Misbehave(sim.Fault{On: "refund.end", Kind: kind, Times: 1})
			r := w.refund(d, 0, 100)
			says(t, payment.TransferProcessing)(w.Refund(t.Context(), r))
			w.clock.Advance(3 * time.Second)
			if kind == sim.Abnormal { // an operator sends it to a bank card
				ends(t, payment.TransferStuck, "ABNORMAL: ")(w.Refund(t.Context(), r))
				ends(t, payment.TransferStuck, "ABNORMAL: ")(w.again(t).Refund(t.Context(), r))
				if !w.sim.ResolveRefund(w.setup.caller, r.ID.String()) {
					t.Error("there is no abnormal refund")
				}
				says(t, payment.TransferSucceeded)(w.Refund(t.Context(), r))
				continue
			}
			ends(t, payment.TransferFailed, "WeChat Pay closed this refund")(w.Refund(t.Context(), r))
			ends(t, payment.TransferFailed, "WeChat Pay closed this refund")(w.again(t).Refund(t.Context(), r)) // it is over
			w.hear(t)
			r.Attempt = 12
			says(t, payment.TransferProcessing)(w.Refund(t.Context(), r))
			w.clock.Advance(3 * time.Second)
			says(t, payment.TransferSucceeded)(w.Refund(t.Context(), r))
			heard := w.hear(t)
			if len(heard) != 1 || heard[0].err != nil || heard[0].notice.Refund != r.ID || heard[0].notice.State != payment.TransferSucceeded {
				t.Errorf("a notice of the attempt: %+v", heard)
			}
		}
	})
}

// TestRefundLater has the merchant without money: what was shared is not there to be refunded.
func TestRefundLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.paid(t, 1000)
		s := w.share(d, 0, toSupplier, 200)
		says(t, payment.TransferProcessing)(w.Share(t.Context(), s))
		w.clock.Advance(3 * time.Second)
		says(t, payment.TransferSucceeded)(w.Share(t.Context(), s))
		r := w.refund(d, 0, 1000)
		_, err := w.Refund(t.Context(), r)
		unknown(t, err)
		says(t, payment.TransferSucceeded)(w.ReturnShare(t.Context(), giveBack(w, s, 200)))
		says(t, payment.TransferProcessing)(w.Refund(t.Context(), r))
		w.clock.Advance(3 * time.Second)
		says(t, payment.TransferSucceeded)(w.Refund(t.Context(), r))
	})
}

func TestManyRefunds(t *testing.T) {
	w := first(t)
	trade, d := w.owe(false, 1000)
	w.pay(t, trade)
	for range 50 {
		says(t, payment.TransferProcessing)(w.Refund(t.Context(), w.refund(d, 0, 1)))
	}
	_, err := w.Refund(t.Context(), w.refund(d, 0, 1))
	refused(t, err, fault.PaymentRefused)
}

func TestShare(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, totals := range [][]int64{{1000}, {1000, 500}} {
			before := w.sim.Balances()
			trade, d := w.owe(true, totals...)
			w.pay(t, trade)
			s, second := w.share(d, 0, toSupplier, 100), w.share(d, 0, "PERSONAL_OPENID:"+friend, 50)
			_, err := w.Share(t.Context(), s)
			unknown(t, err) // it is too early
			w.clock.Advance(w.ShareAfter())
			says(t, payment.TransferProcessing)(w.Share(t.Context(), s))
			_, err = w.Share(t.Context(), second)
			unknown(t, err) // too soon after the first
			says(t, payment.TransferProcessing)(w.Share(t.Context(), s))
			w.clock.Advance(time.Second)
			says(t, payment.TransferProcessing)(w.Share(t.Context(), second))
			w.clock.Advance(3 * time.Second)
			says(t, payment.TransferSucceeded)(w.Share(t.Context(), s))
			says(t, payment.TransferSucceeded)(w.again(t).Share(t.Context(), second))

			own := w.share(d, 0, w.setup.shops[0], 850)
			own.Own = true
			says(t, payment.TransferSucceeded)(w.Share(t.Context(), own)) // it is there
			says(t, payment.TransferSucceeded)(w.ReturnShare(t.Context(), giveBack(w, own, 850)))
			says(t, payment.TransferProcessing)(w.SetFree(t.Context(), free(d)))
			w.clock.Advance(3 * time.Second)
			says(t, payment.TransferSucceeded)(w.SetFree(t.Context(), free(d)))
			says(t, payment.TransferSucceeded)(w.again(t).SetFree(t.Context(), free(d)))

			after := w.sim.Balances()
			if got := after[supplier].Total - before[supplier].Total; got != 100 {
				t.Errorf("the supplier has %d", got)
			}
			if got := after[friend].Total - before[friend].Total; got != 50 {
				t.Errorf("the friend has %d", got)
			}
			if tr := w.trades()[numbers(d)[0]]; tr.Unsplit != 0 || tr.Out != 150 || tr.Pending != 0 {
				t.Errorf("the trade: %+v", tr)
			}
		}
	})
}

// TestShareEach shares two orders of one payment: each has a transaction of its own.
func TestShareEach(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.paid(t, 1000, 500)
		for i, amount := range []int64{200, 100} {
			p := w.again(t) // which has to ask which transaction it is
			s := w.share(d, i, toSupplier, amount)
			says(t, payment.TransferProcessing)(p.Share(t.Context(), s))
			w.clock.Advance(3 * time.Second)
			says(t, payment.TransferSucceeded)(p.Share(t.Context(), s))
			says(t, payment.TransferSucceeded)(p.ReturnShare(t.Context(), giveBack(w, s, amount-1)))
			if tr := w.trades()[d.Orders[i].ID.String()]; tr.Out != 1 {
				t.Errorf("the trade: %+v", tr)
			}
		}
	})
}

// TestShareSilence loses answers before and after the effect: nothing happens twice, and nothing is forgotten.
func TestShareSilence(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, kind := range []sim.Kind{sim.FailBefore, sim.FailAfter, sim.CutAfter, sim.Limit, sim.BadSignature, sim.HangAfter} {
			d := w.paid(t, 1000)
			brief := func() context.Context {
				ctx, cancel := context.WithTimeout(t.Context(), patience(kind))
				t.Cleanup(cancel)
				return ctx
			}
			try := func(on string, call func(context.Context, *wechatpay.Provider) (payment.TransferState, error)) {
				t.Helper()
				w.sim.Misbehave(sim.Fault{On: on, Kind: kind, Times: 1})
				_, err := call(brief(), w.Provider)
				unknown(t, err)
				w.sim.Behave()
				w.clock.Advance(time.Second)
				p := w.Provider
				if i%2 == 0 {
					p = w.again(t) // it was another process that died
				}
				for range 10 {
					state, err := call(t.Context(), p)
					must(t, err)
					if state == payment.TransferSucceeded {
						return
					}
					w.clock.Advance(3 * time.Second)
				}
				t.Errorf("%s %s: it does not end", on, kind)
			}
			s := w.share(d, 0, toSupplier, 100)
			try("share", func(ctx context.Context, p *wechatpay.Provider) (payment.TransferState, error) {
				return p.Share(ctx, s)
			})
			try("unfreeze", func(ctx context.Context, p *wechatpay.Provider) (payment.TransferState, error) {
				return p.SetFree(ctx, free(d))
			})
			back := giveBack(w, s, 60)
			try("return", func(ctx context.Context, p *wechatpay.Provider) (payment.TransferState, error) {
				return p.ReturnShare(ctx, back)
			})
			r := w.refund(d, 0, 200)
			try("refund", func(ctx context.Context, p *wechatpay.Provider) (payment.TransferState, error) {
				return p.Refund(ctx, r)
			})
			want := map[string]int{"pay": i + 1, "share": i + 1, "unfreeze": i + 1, "return": i + 1, "refund": i + 1}
			got := map[string]int(w.sim.Effects())
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s: what happened (-want +got):\n%s", kind, diff)
			}
		}
	})
}

func TestShareFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.paid(t, 1000)
		s := w.share(d, 0, toSupplier, 100)
		w.sim.Misbehave(sim.Fault{On: "share.end", Kind: sim.Reject, Times: 1, Reason: "RECEIVER_HIGH_RISK"})
		says(t, payment.TransferProcessing)(w.Share(t.Context(), s))
		w.clock.Advance(3 * time.Second)
		ends(t, payment.TransferFailed, "WeChat Pay closed this share (RECEIVER_HIGH_RISK)")(w.Share(t.Context(), s))
		ends(t, payment.TransferFailed, "WeChat Pay closed this share (RECEIVER_HIGH_RISK)")(w.again(t).Share(t.Context(), s))
		_, err := w.Share(t.Context(), w.share(d, 0, "nobody", 1))
		refused(t, err, fault.Invalid)
		state, err := w.Share(t.Context(), w.share(d, 0, "MERCHANT_ID:"+promoter+":另一个名字", 1))
		if refused(t, err, fault.PaymentRefused); state == payment.TransferFailed { // it was never taken on
			t.Errorf("the number of what was not taken on is %s", state)
		}
		_, err = w.Share(t.Context(), w.share(d, 0, promoter, 1)) // never added
		refused(t, err, fault.PaymentRefused)
		w.clock.Advance(time.Second)
		_, err = w.Share(t.Context(), w.share(d, 0, toSupplier, 999))
		refused(t, err, fault.AmountExceeded)

		w.clock.Advance(time.Second)
		s.Attempt++
		says(t, payment.TransferProcessing)(w.Share(t.Context(), s))
		back := giveBack(w, s, 40)
		_, err = w.ReturnShare(t.Context(), back) // it is not there yet
		unknown(t, err)
		w.clock.Advance(3 * time.Second)
		says(t, payment.TransferSucceeded)(w.Share(t.Context(), s))
		w.sim.Misbehave(sim.Fault{On: "return.end", Kind: sim.Reject, Times: 1})
		ends(t, payment.TransferFailed, "WeChat Pay could not take this share back (ACCOUNT_ABNORMAL)")(w.ReturnShare(t.Context(), back))
		back.Attempt++
		says(t, payment.TransferSucceeded)(w.ReturnShare(t.Context(), back))
		says(t, payment.TransferSucceeded)(w.again(t).ReturnShare(t.Context(), back))
		_, err = w.ReturnShare(t.Context(), giveBack(w, s, 61))
		refused(t, err, fault.AmountExceeded)
		person := s
		person.Receiver = "PERSONAL_OPENID:" + friend
		_, err = w.ReturnShare(t.Context(), giveBack(w, person, 1))
		refused(t, err, fault.PaymentRefused)
		if got := w.sim.Balances()[supplier].Total; got != 60 {
			t.Errorf("the supplier has %d", got)
		}
	})
}

// TestNumbersUsed asks for something else under a number that was used, as no program should: what happened is not taken for refused.
func TestNumbersUsed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.paid(t, 1000)
		s := w.share(d, 0, toSupplier, 100)
		says(t, payment.TransferProcessing)(w.Share(t.Context(), s))
		w.clock.Advance(3 * time.Second)
		says(t, payment.TransferSucceeded)(w.Share(t.Context(), s))
		back, r := giveBack(w, s, 60), w.refund(d, 0, 100)
		says(t, payment.TransferSucceeded)(w.ReturnShare(t.Context(), back))
		says(t, payment.TransferProcessing)(w.Refund(t.Context(), r))
		s.Amount, back.Amount, r.Amount = cny(101), cny(61), cny(101)
		for _, p := range []*wechatpay.Provider{w.Provider, w.again(t)} {
			_, err := p.Share(t.Context(), s)
			unknown(t, err)
			_, err = p.ReturnShare(t.Context(), back)
			unknown(t, err)
			_, err = p.Refund(t.Context(), r)
			unknown(t, err)
		}
	})
}

// TestNotShared is an order that nobody shares: its money was never frozen.
func TestNotShared(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		trade, d := w.owe(false, 1000)
		w.pay(t, trade)
		says(t, payment.TransferSucceeded)(w.SetFree(t.Context(), free(d)))
		if got := w.refusals(); len(got) != 0 {
			t.Errorf("refused: %v", got)
		}
		d.Orders[0].Shared = true // as if
		w.clock.Advance(time.Minute)
		_, err := w.Share(t.Context(), w.share(d, 0, toSupplier, 1))
		refused(t, err, fault.PaymentRefused)
	})
}

// TestNothingLeft is an order of which all was given back before it was set free.
func TestNothingLeft(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.paid(t, 1000)
		says(t, payment.TransferProcessing)(w.Refund(t.Context(), w.refund(d, 0, 1000)))
		says(t, payment.TransferSucceeded)(w.SetFree(t.Context(), free(d)))
		if n := len(w.refusals()); n != 2 { // NOT_ENOUGH, and that there is none of this number
			t.Errorf("refused: %v", w.refusals())
		}
	})
}

// TestReceiverRemoved has somebody remove a receiver on the merchant platform.
func TestReceiverRemoved(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.paid(t, 1000)
		says(t, payment.TransferProcessing)(w.Share(t.Context(), w.share(d, 0, toSupplier, 100)))
		w.clock.Advance(3 * time.Second)
		w.removeReceiver(t, supplier)
		s := w.share(d, 0, toSupplier, 100)
		_, err := w.Share(t.Context(), s)
		unknown(t, err)
		w.clock.Advance(time.Second)
		says(t, payment.TransferProcessing)(w.Share(t.Context(), s))
	})
}

func TestMaxShare(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for receiver, want := range map[string]int{"1900000101": 3000, "1900000111": 2000, "1900000001": 0, "1999999999": 0, "merchant": 0} {
			if got, said, err := w.MaxShare(t.Context(), receiver); err != nil || got != want || said != (want > 0) {
				t.Errorf("%s: %d %t %v, want %d", receiver, got, said, err, want)
			}
		}
		w.sim.Misbehave(sim.Fault{On: "ratio", Kind: sim.FailBefore})
		if _, _, err := w.MaxShare(t.Context(), "1900000101"); err == nil {
			t.Error("WeChat said nothing, and there is an answer")
		}
	})
}

func TestCheckReceiver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setups[0])
	for text, ok := range map[string]bool{
		supplier: true, toSupplier: true, "MERCHANT_ID:" + supplier: true, "PERSONAL_OPENID:" + friend: true,
		"": false, "platform": false, "MERCHANT_ID:": false, "MERCHANT_ID:x:y": false, "PERSONAL_OPENID:": false, "PERSONAL_OPENID:a:b": false, "OTHER:1": false,
	} {
		if err := w.CheckReceiver(text); (err == nil) != ok || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
