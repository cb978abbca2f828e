package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

const combinePath = "/v3/combine-transactions/"

func subOrders(n int, partner bool) []object {
	var list []object
	for i := range n {
		o := object{
			"mchid": DemoMerchant, "attach": "a", "amount": object{"total_amount": 1000, "currency": "CNY"},
			"out_trade_no": fmt.Sprintf("sub-number-%d", i), "description": "一件", "settle_info": object{"profit_sharing": true},
		}
		if partner {
			o["mchid"], o["sub_mchid"] = DemoPartner, fmt.Sprintf("19000001%02d", 1+i%3)
		}
		list = append(list, o)
	}
	return list
}

func combined(merchant string, subs []object) object {
	return object{
		"combine_appid": DemoApp, "combine_mchid": merchant, "combine_out_trade_no": "combined-1", "scene_info": object{"payer_client_ip": "127.0.0.1"},
		"sub_orders": subs, "combine_payer_info": object{"openid": buyer}, "notify_url": "https://shop.example/notify",
	}
}

func TestCombineLimits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		merchant string
		n        int
		ok       bool
	}{
		{DemoMerchant, 1, false},
		{DemoMerchant, 2, true},
		{DemoMerchant, 10, true},
		{DemoMerchant, 11, false},
		{DemoPartner, 1, true},
		{DemoPartner, 50, true},
		{DemoPartner, 51, false},
	} {
		w := newWorld(t)
		got := w.as(test.merchant).send("POST", combinePath+"jsapi", combined(test.merchant, subOrders(test.n, test.merchant == DemoPartner)))
		if (got.Code == 200) != test.ok {
			t.Errorf("%s with %d: %d %s", test.merchant, test.n, got.Code, got.Body)
		}
	}
}

func TestCombineFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.paid("used-number", 100)
	subs := func(change object) object {
		list := subOrders(2, false)
		list[1] = with(list[1], change)
		return object{"sub_orders": list}
	}
	for name, test := range map[string]struct {
		change object
		status int
		code   string
	}{
		"total":          {subs(object{"amount": object{"total": 1000, "currency": "CNY"}}), 400, "PARAM_ERROR"},
		"no attach":      {subs(object{"attach": nil}), 400, "PARAM_ERROR"},
		"same number":    {subs(object{"out_trade_no": "sub-number-0"}), 400, "PARAM_ERROR"},
		"its own number": {subs(object{"out_trade_no": "combined-1"}), 400, "PARAM_ERROR"},
		"used number":    {subs(object{"out_trade_no": "used-number"}), 403, "OUT_TRADE_NO_USED"},
		"unknown mchid":  {subs(object{"mchid": "1"}), 400, "MCH_NOT_EXISTS"},
		"sub_mchid":      {subs(object{"sub_mchid": "1900000101"}), 400, "PARAM_ERROR"},
		"no scene":       {object{"scene_info": nil}, 400, "PARAM_ERROR"},
		"appid":          {object{"combine_appid": "wxother"}, 400, "APPID_MCHID_NOT_MATCH"},
		"payer":          {object{"combine_payer_info/openid": "oNobody"}, 400, "PARAM_ERROR"},
		"no payer":       {object{"combine_payer_info": object{}}, 400, "PARAM_ERROR"},
		"other merchant": {object{"combine_mchid": DemoPartner}, 400, "PARAM_ERROR"},
	} {
		t.Run(name, func(*testing.T) {
			w.as(DemoMerchant).refused(test.status, test.code, "POST", combinePath+"jsapi", with(combined(DemoMerchant, subOrders(2, false)), test.change))
		})
	}
	if n := len(w.Trades()); n != 1 {
		t.Errorf("%d orders, want only that from before", n)
	}
}

func TestCombinedPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	body := combined(DemoMerchant, subOrders(3, false))
	prepay := c.ok("POST", combinePath+"jsapi", body)
	if again := c.ok("POST", combinePath+"jsapi", body); again["prepay_id"] != prepay["prepay_id"] {
		t.Error("another prepay_id for the same order")
	}
	c.refused(400, "INVALID_REQUEST", "POST", combinePath+"jsapi", with(body, object{"sub_orders": subOrders(2, false)}))
	if err := w.Pay(w.params(DemoMerchant, prepay), buyer); err != nil {
		t.Fatal(err)
	}
	got := c.ok("GET", combinePath+"out-trade-no/combined-1", nil)
	seen := map[any]bool{}
	list, _ := got["sub_orders"].([]any)
	for _, one := range list {
		o, _ := one.(map[string]any)
		seen[o["transaction_id"]] = true
		amount, _ := o["amount"].(map[string]any)
		if o["trade_state"] != "SUCCESS" || amount["total_amount"] != json.Number("1000") || amount["payer_amount"] != json.Number("1000") {
			t.Errorf("sub order %v", o)
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d transactions for 3 orders", len(seen))
	}
	c.refused(403, "OUT_TRADE_NO_USED", "POST", combinePath+"jsapi", body)
	if b := w.Balances()[DemoMerchant]; b != (Balance{Total: 3 * 994, Frozen: 3 * 994}) {
		t.Errorf("the merchant has %+v", b)
	}
	w.books()
}

func TestCloseCombined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	c.ok("POST", combinePath+"jsapi", combined(DemoMerchant, subOrders(2, false)))
	const path = combinePath + "out-trade-no/combined-1/close"
	all := []object{{"mchid": DemoMerchant, "out_trade_no": "sub-number-0"}, {"mchid": DemoMerchant, "out_trade_no": "sub-number-1"}}
	c.refused(400, "PARAM_ERROR", "POST", path, object{"combine_appid": DemoApp, "sub_orders": all[:1]})
	c.refused(400, "PARAM_ERROR", "POST", path, object{"combine_appid": "wxother", "sub_orders": all})
	c.refused(400, "PARAM_ERROR", "POST", path, object{"combine_appid": DemoApp, "sub_orders": append(slices.Clone(all), object{"mchid": DemoMerchant, "out_trade_no": "sub-number-2"})})
	c.refused(400, "PARAM_ERROR", "POST", path, object{"combine_appid": DemoApp, "sub_orders": []object{all[0], {"mchid": DemoMerchant, "out_trade_no": "sub-number-2"}}})
	c.refused(400, "INVALID_REQUEST", "POST", "/v3/pay/transactions/out-trade-no/sub-number-0/close", object{"mchid": DemoMerchant})
	c.refused(404, "ORDER_NOT_EXIST", "POST", combinePath+"out-trade-no/combined-2/close", object{"combine_appid": DemoApp, "sub_orders": all})
	c.ok("POST", path, object{"combine_appid": DemoApp, "sub_orders": all})
	c.refused(400, "ORDER_CLOSED", "POST", path, object{"combine_appid": DemoApp, "sub_orders": all})
	for _, o := range w.Trades() {
		if o.State != "CLOSED" {
			t.Errorf("%s is %s", o.Number, o.State)
		}
	}
}
