package wechatpay_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"holdfast/internal/payment"
	"holdfast/internal/typeid"
	"holdfast/internal/wechatpay"
	"holdfast/internal/wechatsim/sim"
)

// letter is a notice that is written by hand, rightly signed by WeChat and sealed for one merchant.
func (w *world) letter(t *testing.T, merchant, original string, plain map[string]any) (http.Header, []byte) {
	t.Helper()
	made, err := keys()
	must(t, err)
	var to sim.Merchant
	for _, m := range made.Merchants {
		if m.ID == merchant {
			to = m
		}
	}
	text, err := json.Marshal(plain)
	must(t, err)
	block, err := aes.NewCipher([]byte(to.APIv3Key))
	must(t, err)
	gcm, err := cipher.NewGCM(block)
	must(t, err)
	const nonce = "0123456789ab"
	body, err := json.Marshal(map[string]any{
		"id": "letter", "event_type": "TRANSACTION.SUCCESS", "resource_type": "encrypt-resource",
		"resource": map[string]string{
			"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": original, "original_type": original,
			"ciphertext": base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), text, []byte(original))),
		},
	})
	must(t, err)
	serial, key := made.Platform[0].Serial, made.Platform[0].Key
	if to.PublicKey != nil {
		serial, key = to.PublicKeyID, to.PublicKey
	}
	stamp := strconv.FormatInt(w.clock.Now().Unix(), 10)
	signature, err := utils.SignSHA256WithRSA(fmt.Sprintf("%s\n%s\n%s\n", stamp, nonce, body), key)
	must(t, err)
	h := http.Header{}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", serial)
	h.Set("Wechatpay-Signature", signature)
	return h, body
}

// TestLetters reads notices that the simulator would not send.
func TestLetters(t *testing.T) {
	w := first(t)
	_, d := w.owe(false, 1999)
	refund := typeid.New[typeid.Refund](morning)
	paid := func(changes map[string]any) map[string]any {
		out := map[string]any{
			"appid": app, "mchid": w.setup.caller, "out_trade_no": d.ID.String(), "transaction_id": "4200", "trade_state": "SUCCESS",
			"success_time": "2026-03-04T10:00:00+08:00", "amount": map[string]any{"total": 1999, "currency": "CNY"},
		}
		maps.Copy(out, changes)
		return out
	}
	refunded := func(who, status string) map[string]any {
		return map[string]any{"mchid": who, "out_refund_no": refund.String(), "out_trade_no": d.ID.String(), "refund_status": status}
	}
	again := func(attempt, status string) map[string]any {
		out := refunded(w.setup.caller, status)
		out["out_refund_no"] = refund.String() + attempt
		return out
	}
	for name, tc := range map[string]struct {
		to, original string
		plain        map[string]any
		want         wechatpay.Notice // the zero one is an error
	}{
		"paid": {w.setup.caller, "transaction", paid(nil), wechatpay.Notice{
			ID: "letter", Kind: wechatpay.NoticePaid, Payment: d.ID,
			Answer: payment.Answer{State: payment.TradePaid, TransactionID: "4200", Amount: cny(1999), PaidAt: morning},
		}},
		"refunded, abnormally": {w.setup.caller, "refund", refunded(w.setup.caller, "ABNORMAL"), wechatpay.Notice{
			ID: "letter", Kind: wechatpay.NoticeRefunded, Refund: refund, State: payment.TransferStuck,
		}},
		"refunded, at the second attempt": {w.setup.caller, "refund", again("-1", "SUCCESS"), wechatpay.Notice{
			ID: "letter", Kind: wechatpay.NoticeRefunded, Refund: refund, State: payment.TransferSucceeded,
		}},
		"closed": {w.setup.caller, "refund", again("-12", "CLOSED"), wechatpay.Notice{
			ID: "letter", Kind: wechatpay.NoticeRefunded, Refund: refund, State: payment.TransferFailed,
		}},
		"an attempt that cannot be":    {w.setup.caller, "refund", again("-0", "SUCCESS"), wechatpay.Notice{}},
		"an attempt in two":            {w.setup.caller, "refund", again("-1-1", "SUCCESS"), wechatpay.Notice{}},
		"an attempt without a number":  {w.setup.caller, "refund", again("-", "SUCCESS"), wechatpay.Notice{}},
		"shared":                       {w.setup.caller, "profitsharing", map[string]any{}, wechatpay.Notice{ID: "letter", Kind: wechatpay.NoticeIgnored}},
		"by another merchant":          {"1900000002", "transaction", paid(nil), wechatpay.Notice{}},
		"of another merchant":          {"1900000002", "transaction", paid(map[string]any{"mchid": "1900000002"}), wechatpay.Notice{}},
		"refunded by another merchant": {"1900000002", "refund", refunded(w.setup.caller, "SUCCESS"), wechatpay.Notice{}},
		"refunded, somehow":            {w.setup.caller, "refund", refunded(w.setup.caller, "HALF"), wechatpay.Notice{}},
		"of another type":              {w.setup.caller, "coupon", paid(nil), wechatpay.Notice{}},
		"not paid":                     {w.setup.caller, "transaction", paid(map[string]any{"trade_state": "NOTPAY"}), wechatpay.Notice{}},
		"of another program":           {w.setup.caller, "transaction", paid(map[string]any{"out_trade_no": "shop-1234"}), wechatpay.Notice{}},
		"an order's number":            {w.setup.caller, "transaction", paid(map[string]any{"out_trade_no": d.Orders[0].ID.String()}), wechatpay.Notice{}},
		"in dollars":                   {w.setup.caller, "transaction", paid(map[string]any{"amount": map[string]any{"total": 1999, "currency": "USD"}}), wechatpay.Notice{}},
		"a fen less":                   {w.setup.caller, "transaction", paid(map[string]any{"amount": map[string]any{"total": 1998, "currency": "CNY"}}), wechatpay.Notice{}},
		"another mini-program":         {w.setup.caller, "transaction", paid(map[string]any{"appid": "wxother"}), wechatpay.Notice{}},
		"for a sub-merchant":           {w.setup.caller, "transaction", paid(map[string]any{"sub_mchid": "1900000101"}), wechatpay.Notice{}},
		"without a transaction":        {w.setup.caller, "transaction", paid(map[string]any{"transaction_id": ""}), wechatpay.Notice{}},
	} {
		h, body := w.letter(t, tc.to, tc.original, tc.plain)
		got, err := w.ReadNotice(t.Context(), h, body)
		if tc.want == (wechatpay.Notice{}) {
			if err == nil || errors.Is(err, wechatpay.ErrForged) {
				t.Errorf("%s: %+v %v", name, got, err)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got, ids); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}
