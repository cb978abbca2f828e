package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const refunds = "/v3/refund/domestic/refunds"

func refundOf(order, number string, amount, total int64) object {
	return object{"out_trade_no": order, "out_refund_no": number, "reason": "不要了", "amount": object{"refund": amount, "total": total, "currency": "CNY"}}
}

func TestRefund(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := newInbox(w)
	in.sell("number-1")
	w.Tick(t.Context())
	c := w.as(DemoMerchant)
	body := with(refundOf("number-1", "refund-1", 400, 1000), object{"notify_url": in.URL + "/refund"})
	got := c.ok("POST", refunds, body)
	if got["status"] != "PROCESSING" {
		t.Errorf("got %v", got)
	}
	if again := c.ok("POST", refunds, body); again["refund_id"] != got["refund_id"] {
		t.Error("the same number makes another refund")
	}
	c.refused(400, "INVALID_REQUEST", "POST", refunds, with(body, object{"amount/refund": 401}))
	w.clock.Advance(2 * time.Second)
	if got := c.ok("GET", refunds+"/refund-1", nil); got["status"] != "SUCCESS" || got["success_time"] != "2026-03-04T10:00:02+08:00" {
		t.Errorf("got %v", got)
	}
	w.Tick(t.Context())
	plain := in.last()
	if plain["refund_status"] != "SUCCESS" || plain["status"] != nil || plain["mchid"] != DemoMerchant || in.ids[1] != "REFUND.SUCCESS" {
		t.Errorf("%v %v", in.ids, plain)
	}
	if got := c.ok("GET", "/v3/pay/transactions/out-trade-no/number-1?mchid="+DemoMerchant, nil); got["trade_state"] != "REFUND" {
		t.Errorf("got %v", got)
	}
	c.ok("POST", refunds, refundOf("number-1", "refund-2", 600, 1000))
	if b := w.Balances()[DemoMerchant]; b != (Balance{}) {
		t.Errorf("after all went back, fee and all, there is %+v", b)
	}
	if e := w.Effects(); e["refund"] != 2 {
		t.Errorf("effects %v", e)
	}
	w.books()
}

func TestRefundRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	w.paid("number-1", 1000)
	c.ok("POST", jsapi, order("number-2", 1000))
	good := refundOf("number-1", "refund-1", 100, 1000)
	for name, test := range map[string]struct {
		change object
		status int
		code   string
	}{
		"too much":      {object{"amount/refund": 1001}, 400, "INVALID_REQUEST"},
		"other total":   {object{"amount/total": 999}, 400, "INVALID_REQUEST"},
		"nothing":       {object{"amount/refund": 0}, 400, "PARAM_ERROR"},
		"no currency":   {object{"amount": object{"refund": 1, "total": 1000}}, 400, "PARAM_ERROR"},
		"unknown order": {object{"out_trade_no": "number-3"}, 404, "RESOURCE_NOT_EXISTS"},
		"not paid":      {object{"out_trade_no": "number-2"}, 404, "RESOURCE_NOT_EXISTS"},
		"no order":      {object{"out_trade_no": nil}, 400, "PARAM_ERROR"},
		"both numbers":  {object{"transaction_id": "1"}, 400, "PARAM_ERROR"},
		"long reason":   {object{"reason": strings.Repeat("字", 27)}, 400, "PARAM_ERROR"},
		"long number":   {object{"out_refund_no": strings.Repeat("1", 65)}, 400, "PARAM_ERROR"},
		"http":          {object{"notify_url": "http://shop.example/notify"}, 400, "PARAM_ERROR"},
		"sub_mchid":     {object{"sub_mchid": "1900000101"}, 400, "PARAM_ERROR"},
		"unknown field": {object{"more": 1}, 400, "PARAM_ERROR"},
		"funds":         {object{"funds_account": "MINE"}, 400, "PARAM_ERROR"},
	} {
		t.Run(name, func(*testing.T) { c.refused(test.status, test.code, "POST", refunds, with(good, test.change)) })
	}
	c.refused(404, "RESOURCE_NOT_EXISTS", "GET", refunds+"/refund-1", nil)
	for i := range 50 {
		c.ok("POST", refunds, refundOf("number-1", fmt.Sprint("refund-", i), 1, 1000))
	}
	c.refused(400, "INVALID_REQUEST", "POST", refunds, refundOf("number-1", "refund-50", 1, 1000))
	w.paid("number-4", 100)
	w.clock.Advance(366 * 24 * time.Hour)
	c.refused(403, "INVALID_REQUEST", "POST", refunds, refundOf("number-4", "refund-51", 1, 100))
	w.books()
}

// Refunds in many parts take exactly what was paid, the fee included.
func TestRefundInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.paid("number-1", 9999)
	for i := range 33 {
		w.as(DemoMerchant).ok("POST", refunds, refundOf("number-1", fmt.Sprint("refund-", i), 303, 9999))
	}
	got := w.Trades()[0]
	if b := w.Balances()[DemoMerchant]; b != (Balance{}) || got.Fee != 60 || got.FeeBack != 60 || got.Unsplit != 0 {
		t.Errorf("%+v, %+v", b, got)
	}
	w.books()
}

func TestRefundAfterShares(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	other := c.ok("POST", jsapi, with(order("number-2", 10_000), object{"settle_info": nil})) // money of the merchant's that pays for no other order
	if err := w.Pay(w.params(DemoMerchant, other), buyer); err != nil {
		t.Fatal(err)
	}
	c.ok("POST", sharing+"orders", shareOf(transaction, "share-1", true, supplier, 3000))
	if got := c.refused(400, "INVALID_REQUEST", "POST", sharing+"return-orders", giveBackOf("share-1", "return-0", supplier, 1)); got["message"] != "分账单处理中，请稍后重试" {
		t.Errorf("a share that has not finished: %v", got)
	}
	w.clock.Advance(2 * time.Second)
	c.refused(403, "NOT_ENOUGH", "POST", refunds, refundOf("number-1", "refund-1", 7001, 10_000))
	c.refused(403, "NOT_ENOUGH", "POST", refunds, refundOf("number-1", "refund-1", 10_000, 10_000))
	got := c.ok("POST", sharing+"return-orders", giveBackOf("share-1", "return-1", supplier, 3000))
	if got["result"] != "SUCCESS" {
		t.Errorf("got %v", got)
	}
	c.ok("POST", refunds, refundOf("number-1", "refund-1", 10_000, 10_000))
	if b := w.Balances(); b[DemoMerchant] != (Balance{Total: 9940}) || b[supplier] != (Balance{}) {
		t.Errorf("balances %v", b)
	}
	w.books()
}

// Where the rules say so, a merchant that has the money may refund without asking receivers.
func TestRefundFromBalance(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	w.Set(func(r *Rules) { r.RefundFromBalance = true })
	c.ok("POST", sharing+"orders", shareOf(transaction, "share-1", true, supplier, 3000))
	w.clock.Advance(2 * time.Second)
	c.refused(403, "NOT_ENOUGH", "POST", refunds, refundOf("number-1", "refund-1", 10_000, 10_000))
	if err := w.Pay(w.params(DemoMerchant, c.ok("POST", jsapi, with(order("number-2", 10_000), object{"settle_info": nil}))), ""); err != nil {
		t.Fatal(err)
	}
	c.ok("POST", refunds, refundOf("number-1", "refund-1", 10_000, 10_000))
	if b := w.Balances()[DemoMerchant]; b.Total != 9940-3000 {
		t.Errorf("the merchant has %+v", b)
	}
	w.books()
}

// What was refunded cannot be shared any more.
func TestShareAfterRefund(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	c.ok("POST", refunds, refundOf("number-1", "refund-1", 8000, 10_000))
	if got := w.unsplit(transaction); got != "1988" {
		t.Errorf("unsplit %s, want 9940 - 8000 + 48", got)
	}
	c.refused(403, "NOT_ENOUGH", "POST", sharing+"orders", shareOf(transaction, "share-1", false, supplier, 1989))
	w.clock.Advance(time.Second)
	c.ok("POST", sharing+"orders", shareOf(transaction, "share-1", false, supplier, 1988))
	w.books()
}

func giveBackOf(share, number, from string, amount int64) object {
	return object{"out_order_no": share, "out_return_no": number, "return_mchid": from, "amount": amount, "description": "退款"}
}

func TestReturns(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	const path = sharing + "return-orders"
	c.ok("POST", sharing+"orders", shareOf(transaction, "share-1", false, supplier, 1000, promoter, 1000))
	w.clock.Advance(2 * time.Second)
	for name, test := range map[string]struct {
		body   object
		status int
		code   string
	}{
		"too much":      {giveBackOf("share-1", "a", supplier, 1001), 400, "INVALID_REQUEST"},
		"other share":   {giveBackOf("share-2", "b", supplier, 1), 400, "INVALID_REQUEST"},
		"no receiver":   {giveBackOf("share-1", "c", "1900000101", 1), 400, "INVALID_REQUEST"},
		"both numbers":  {with(giveBackOf("share-1", "d", supplier, 1), object{"order_id": "1"}), 400, "PARAM_ERROR"},
		"no number":     {with(giveBackOf("share-1", "e", supplier, 1), object{"out_order_no": nil}), 400, "PARAM_ERROR"},
		"nothing":       {giveBackOf("share-1", "f", supplier, 0), 400, "PARAM_ERROR"},
		"unknown field": {with(giveBackOf("share-1", "g", supplier, 1), object{"more": 1}), 400, "PARAM_ERROR"},
	} {
		t.Run(name, func(*testing.T) { c.refused(test.status, test.code, "POST", path, test.body) })
	}
	w.accounts[promoter].NoReturns = true
	c.refused(403, "NO_AUTH", "POST", path, giveBackOf("share-1", "return-1", promoter, 1))
	w.accounts[promoter].NoReturns = false
	first := c.ok("POST", path, giveBackOf("share-1", "return-1", supplier, 600))
	if again := c.ok("POST", path, giveBackOf("share-1", "return-1", supplier, 600)); again["return_id"] != first["return_id"] {
		t.Error("the same number makes another return")
	}
	c.refused(400, "INVALID_REQUEST", "POST", path, giveBackOf("share-1", "return-1", supplier, 601))
	c.refused(400, "INVALID_REQUEST", "POST", path, giveBackOf("share-1", "return-2", supplier, 401))

	w.Misbehave(Fault{On: "return.end", Kind: Reject, Reason: "PAYER_ACCOUNT_ABNORMAL", Times: 1})
	if got := c.ok("POST", path, giveBackOf("share-1", "return-3", supplier, 400)); got["result"] != "FAILED" || got["fail_reason"] != "PAYER_ACCOUNT_ABNORMAL" {
		t.Errorf("got %v", got)
	}
	w.Misbehave(Fault{On: "return.end", Kind: Stall, Delay: time.Hour, Times: 1})
	stalled := giveBackOf("share-1", "return-4", supplier, 400)
	if got := c.ok("POST", path, stalled); got["result"] != "PROCESSING" {
		t.Errorf("got %v", got)
	}
	if got := c.ok("POST", path, stalled); got["result"] != "PROCESSING" {
		t.Errorf("asking again ends the stall: %v", got)
	}
	w.clock.Advance(time.Hour)
	if got := c.ok("GET", path+"/return-4?out_order_no=share-1", nil); got["result"] != "SUCCESS" {
		t.Errorf("got %v", got)
	}
	c.refused(404, "RESOURCE_NOT_EXISTS", "GET", path+"/return-4?out_order_no=share-2", nil)
	for i := range 17 { // 20 of one share with those before
		c.ok("POST", path, giveBackOf("share-1", fmt.Sprint("more-", i), promoter, 1))
	}
	c.refused(400, "INVALID_REQUEST", "POST", path, giveBackOf("share-1", "more-17", promoter, 1))
	if e := w.Effects(); e["return"] != 19 || w.Trades()[0].Out != 983 {
		t.Errorf("effects %v, out %d", e, w.Trades()[0].Out)
	}
	w.books()
}

// A receiver that has spent its share cannot return it until it has money again.
func TestReturnOfAPoorReceiver(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	c.ok("POST", sharing+"orders", shareOf(transaction, "share-1", false, supplier, 1000))
	w.clock.Advance(2 * time.Second)
	spend := func(amount int64) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.accounts[supplier].move(w.Sim, amount, flow{name: "充值/提现"})
	}
	spend(-500)
	body := giveBackOf("share-1", "return-1", supplier, 1000)
	if got := c.ok("POST", sharing+"return-orders", body); got["result"] != "PROCESSING" {
		t.Errorf("got %v", got)
	}
	spend(500)
	if got := c.ok("POST", sharing+"return-orders", body); got["result"] != "SUCCESS" {
		t.Errorf("got %v", got)
	}
	spend(-0)
	w.books()
}

func TestRefundThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	w.paid("number-1", 1000)
	w.Misbehave(Fault{On: "refund.end", Kind: Abnormal, Times: 1}, Fault{On: "refund.end", Kind: Reject, Times: 1})
	c.ok("POST", refunds, refundOf("number-1", "refund-1", 500, 1000))
	w.clock.Advance(2 * time.Second)
	if got := c.ok("GET", refunds+"/refund-1", nil); got["status"] != "ABNORMAL" || got["success_time"] != nil {
		t.Errorf("got %v", got)
	}
	c.ok("POST", refunds, refundOf("number-1", "refund-2", 500, 1000))
	w.clock.Advance(2 * time.Second)
	if got := c.ok("GET", refunds+"/refund-2", nil); got["status"] != "CLOSED" {
		t.Errorf("got %v", got)
	}
	if got := w.Trades()[0]; got.Refunded != 500 {
		t.Errorf("refunded %d", got.Refunded)
	}
	if !w.ResolveRefund(DemoMerchant, "refund-1") || w.ResolveRefund(DemoMerchant, "refund-1") {
		t.Error("an abnormal refund is resolved once")
	}
	c.ok("POST", refunds, refundOf("number-1", "refund-3", 500, 1000))
	if got := w.Balances()[DemoMerchant]; got != (Balance{}) {
		t.Errorf("left %+v", got)
	}
	w.books()
}

func TestRefundOfASubOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoPartner)
	prepay := c.ok("POST", combinePath+"jsapi", combined(DemoPartner, subOrders(2, true)))
	if err := w.Pay(w.params(DemoPartner, prepay), ""); err != nil {
		t.Fatal(err)
	}
	body := refundOf("sub-number-0", "refund-1", 1000, 1000)
	c.refused(400, "PARAM_ERROR", "POST", refunds, body)
	c.refused(404, "RESOURCE_NOT_EXISTS", "POST", refunds, with(body, object{"sub_mchid": "1900000102"}))
	c.ok("POST", refunds, with(body, object{"sub_mchid": "1900000101"}))
	c.refused(404, "RESOURCE_NOT_EXISTS", "GET", refunds+"/refund-1?sub_mchid=1900000102", nil)
	if got := c.ok("GET", refunds+"/refund-1?sub_mchid=1900000101", nil)["amount"]; got.(map[string]any)["refund"] != json.Number("1000") {
		t.Errorf("got %v", got)
	}
	if b := w.Balances(); b["1900000101"] != (Balance{}) || b["1900000102"] != (Balance{Total: 994, Frozen: 994}) {
		t.Errorf("balances %v", b)
	}
	w.books()
}
