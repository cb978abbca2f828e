package reconcile

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/wechatpay"
)

// TestFen rounds half away from zero.
func TestFen(t *testing.T) {
	t.Parallel()
	for fine, want := range map[int64]int64{0: 0, 499: 0, 500: 1, 1499: 1, 1500: 2, -499: 0, -500: -1, -1500: -2, 60_000: 60} {
		if got := fen(fine); got != want {
			t.Errorf("%d: %d, want %d", fine, got, want)
		}
	}
}

// TestCompare sets what a bill says beside what the rows say, in every state that either can have.
func TestCompare(t *testing.T) {
	t.Parallel()
	paid := wechatpay.TradeRow{MchID: "m", Number: "pay_1", State: "SUCCESS", Total: 1000, Fee: 6000}
	given := wechatpay.TradeRow{MchID: "m", Number: "pay_1", RefundNumber: "rfd_1", RefundState: "SUCCESS", Refund: 300, Fee: -2000}
	shared := wechatpay.FlowRow{Kind: "分账", Voucher: "split_1-2", Amount: -50}
	fee := int64(6)
	items := func(change func(pay, rfd, split *item)) map[string]*item {
		pay := &item{noun: aPayment, base: "pay_1", merchant: "m", amount: 1000, happened: true, fee: &fee}
		rfd := &item{noun: aRefund, base: "rfd_1", merchant: "m", amount: 300, happened: true}
		split := &item{noun: aShare, base: "split_1", attempt: 2, merchant: "m", amount: 50, happened: true}
		if change != nil {
			change(pay, rfd, split)
		}
		return map[string]*item{"pay_1": pay, "rfd_1": rfd, "split_1": split}
	}
	refund := func(state, number string) wechatpay.TradeRow {
		r := given
		r.RefundState, r.RefundNumber = state, number
		return r
	}
	for name, c := range map[string]struct {
		trades []wechatpay.TradeRow
		flows  []wechatpay.FlowRow
		here   map[string]*item
		want   string
	}{
		"alike":                    {[]wechatpay.TradeRow{paid, given}, []wechatpay.FlowRow{shared}, items(nil), ""},
		"another amount":           {[]wechatpay.TradeRow{paid}, nil, items(func(p, _, _ *item) { p.amount = 999 }), "AMOUNT pay_1 999 1000"},
		"not paid here":            {[]wechatpay.TradeRow{paid}, nil, items(func(p, _, _ *item) { p.happened = false }), "STATUS pay_1 0 1000"},
		"another merchant's":       {[]wechatpay.TradeRow{paid}, nil, items(func(p, _, _ *item) { p.sub = "sub" }), "STATUS pay_1 1000 1000"},
		"nothing here":             {[]wechatpay.TradeRow{paid}, nil, nil, "ONLY_THERE pay_1 0 1000"},
		"another fee than before":  {[]wechatpay.TradeRow{paid}, nil, items(func(p, _, _ *item) { p.fee = new(int64(7)) }), "AMOUNT pay_1 7 6"},
		"the bills' fees differ":   {[]wechatpay.TradeRow{paid}, []wechatpay.FlowRow{{Kind: "扣除交易手续费", Voucher: "pay_1", Amount: -7}}, items(nil), "AMOUNT pay_1 6 7"},
		"the bills' fees agree":    {[]wechatpay.TradeRow{paid}, []wechatpay.FlowRow{{Kind: "扣除交易手续费", Voucher: "pay_1", Amount: -6}}, items(nil), ""},
		"told once by both bills":  {[]wechatpay.TradeRow{paid}, []wechatpay.FlowRow{{Kind: "交易", Voucher: "pay_1", Amount: 1000}}, nil, "ONLY_THERE pay_1 0 1000"},
		"on its way there":         {[]wechatpay.TradeRow{refund("PROCESSING", "rfd_1")}, nil, items(nil), ""},
		"failed there":             {[]wechatpay.TradeRow{refund("CHANGE", "rfd_1")}, nil, items(nil), "STATUS rfd_1 300 0"},
		"failed on both sides":     {[]wechatpay.TradeRow{refund("CLOSED", "rfd_1")}, nil, items(func(_, r, _ *item) { r.happened = false }), ""},
		"an attempt given up":      {[]wechatpay.TradeRow{refund("CLOSED", "rfd_1"), refund("SUCCESS", "rfd_1-1")}, nil, items(func(_, r, _ *item) { r.attempt = 1 }), ""},
		"both attempts happened":   {[]wechatpay.TradeRow{refund("SUCCESS", "rfd_1"), refund("SUCCESS", "rfd_1-1")}, nil, items(func(_, r, _ *item) { r.attempt = 1 }), "STATUS rfd_1 300 300"},
		"done there, not yet here": {[]wechatpay.TradeRow{given}, nil, items(func(_, r, _ *item) { r.happened = false }), "STATUS rfd_1 0 300"},
		"another share":            {nil, []wechatpay.FlowRow{shared}, items(func(_, _, s *item) { s.amount = 51 }), "AMOUNT split_1-2 51 50"},
		"money taken out":          {nil, []wechatpay.FlowRow{{Kind: "提现", Voucher: "x", Amount: -5}}, nil, ""},
		"a share received":         {nil, []wechatpay.FlowRow{{Kind: "分账", Voucher: "x", Amount: 5}}, nil, ""},
		"a share sent":             {nil, []wechatpay.FlowRow{{Kind: "分账", Voucher: "x", Amount: -5}}, nil, "ONLY_THERE x 0 5"},
	} {
		var got string
		for _, d := range compare(readBill(c.trades, c.flows), c.here) {
			if got != "" {
				got += ", "
			}
			got += string(d.Kind) + " " + d.Subject + " " + strconv.FormatInt(d.Here.Amount, 10) + " " + strconv.FormatInt(d.There.Amount, 10)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestReadBill adds a bill up.
func TestReadBill(t *testing.T) {
	t.Parallel()
	b := readBill([]wechatpay.TradeRow{
		{Number: "a", State: "SUCCESS", Total: 1000, Fee: 6499},
		{Number: "a", RefundNumber: "b", RefundState: "SUCCESS", Refund: 300, Fee: -1500},
		{Number: "a", RefundNumber: "c", RefundState: "CLOSED", Refund: 200, Fee: -1000},
	}, nil)
	got := []int64{int64(b.payments), int64(b.refunds), b.received, b.refunded, b.fees}
	if diff := cmp.Diff([]int64{1, 2, 1000, 300, 4}, got); diff != "" {
		t.Errorf("sums (-want +got):\n%s", diff)
	}
}
