package wechatpay_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/payment"
	"holdfast/internal/wechatpay"
	"holdfast/internal/wechatsim/sim"
)

func TestBills(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.paid(t, 10000)
		r := w.refund(d, 0, 2500)
		says(t, payment.TransferProcessing)(w.Refund(t.Context(), r))
		_, err := w.TradeBill(t.Context(), w.setup.caller, morning)
		unknown(t, err) // the day is not over
		w.clock.Advance(24 * time.Hour)
		sub := ""
		if w.setup.mode == wechatpay.PartnerMode {
			sub = w.setup.shops[0]
		}
		got, err := w.TradeBill(t.Context(), w.setup.caller, morning)
		must(t, err)
		want := []wechatpay.TradeRow{
			{
				At: morning, AppID: app, MchID: w.setup.caller, SubMchID: sub, Number: d.ID.String(), State: "SUCCESS", Currency: "CNY", Total: 10000,
				Fee: 60_000,
			},
			{
				At: morning.Add(time.Minute), AppID: app, MchID: w.setup.caller, SubMchID: sub, Number: d.ID.String(), State: "REFUND", Currency: "CNY",
				RefundNumber: r.ID.String(), Refund: 2500, RefundState: "SUCCESS", Fee: -15_000,
			},
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(wechatpay.TradeRow{}, "Transaction", "RefundID")); diff != "" {
			t.Errorf("trade bill (-want +got):\n%s", diff)
		}
		if got[0].Transaction == "" || got[1].RefundID == "" || got[0].RefundID != "" {
			t.Errorf("trade bill: %+v", got)
		}
		_, err = w.TradeBill(t.Context(), w.setup.caller, morning.AddDate(0, 0, -1))
		if !errors.Is(err, wechatpay.ErrNoBill) {
			t.Errorf("a day without trades: %v", err)
		}
		if sub != "" { // the money is the sub-merchant's, and so is the bill of it
			return
		}
		flows, err := w.FundFlowBill(t.Context(), w.setup.caller, morning)
		must(t, err)
		var sum int64
		for _, f := range flows {
			sum += f.Amount
			if f.Balance != sum || f.Flow == "" || f.Voucher == "" {
				t.Errorf("fund-flow bill: %+v, balance %d", f, sum)
			}
		}
		if want := int64(10000 - 60 - 2500 + 15); sum != want || len(flows) != 4 {
			t.Errorf("fund-flow bill: %d of %d lines, want %d", sum, len(flows), want)
		}
	})
}

// TestBillChanged has somebody on the way change a bill, which is not signed itself.
func TestBillChanged(t *testing.T) {
	w := first(t)
	w.paid(t, 10000)
	w.clock.Advance(24 * time.Hour)
	s := w.settings(t)
	s.Transport = changer{}
	p, err := wechatpay.New(s)
	must(t, err)
	if _, err = p.TradeBill(t.Context(), w.setup.caller, morning); err == nil || !strings.Contains(err.Error(), "not the one that was offered") {
		t.Errorf("got %v", err)
	}
	w.sim.Misbehave(sim.Fault{On: "download", Kind: sim.FailBefore, Times: 1})
	_, err = w.TradeBill(t.Context(), w.setup.caller, morning)
	unknown(t, err)
}

// changer asks for the bill of another day.
type changer struct{}

func (changer) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !strings.Contains(r.URL.Path, "billdownload") {
		return res, err
	}
	_ = res.Body.Close()
	empty := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0} // nothing, compressed
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(empty)), int64(len(empty))
	return res, nil
}
