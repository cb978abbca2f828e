package sim

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const jsapi = "/v3/pay/transactions/jsapi"

func TestFieldsOfAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := order("number-1", 100)
	for name, test := range map[string]struct {
		change object
		code   string
	}{
		"no appid":          {object{"appid": nil}, "PARAM_ERROR"},
		"no description":    {object{"description": nil}, "PARAM_ERROR"},
		"no amount":         {object{"amount": nil}, "PARAM_ERROR"},
		"no payer":          {object{"payer": nil}, "PARAM_ERROR"},
		"unknown":           {object{"more": 1}, "PARAM_ERROR"},
		"unknown below":     {object{"amount/more": 1}, "PARAM_ERROR"},
		"combined's total":  {object{"amount": object{"total_amount": 100, "currency": "CNY"}}, "PARAM_ERROR"},
		"zero":              {object{"amount/total": 0}, "PARAM_ERROR"},
		"negative":          {object{"amount/total": -1}, "PARAM_ERROR"},
		"half a fen":        {object{"amount/total": 1.5}, "PARAM_ERROR"},
		"text":              {object{"amount/total": "100"}, "PARAM_ERROR"},
		"dollars":           {object{"amount/currency": "USD"}, "PARAM_ERROR"},
		"short number":      {object{"out_trade_no": "12345"}, "PARAM_ERROR"},
		"long number":       {object{"out_trade_no": strings.Repeat("1", 33)}, "PARAM_ERROR"},
		"number with a dot": {object{"out_trade_no": "number.1"}, "PARAM_ERROR"},
		"long description":  {object{"description": strings.Repeat("字", 128)}, "PARAM_ERROR"},
		"no text":           {object{"description": ""}, "PARAM_ERROR"},
		"long attach":       {object{"attach": strings.Repeat("字", 43)}, "PARAM_ERROR"},
		"http":              {object{"notify_url": "http://shop.example/notify"}, "PARAM_ERROR"},
		"query":             {object{"notify_url": "https://shop.example/notify?a=b"}, "PARAM_ERROR"},
		"no host":           {object{"notify_url": "/notify"}, "PARAM_ERROR"},
		"fractions":         {object{"time_expire": "2026-03-04T10:15:00.123+08:00"}, "PARAM_ERROR"},
		"no zone":           {object{"time_expire": "2026-03-04T10:15:00"}, "PARAM_ERROR"},
		"null":              {object{"time_expire": (*string)(nil)}, "PARAM_ERROR"},
		"limit":             {object{"limit_pay": []string{"no_cash"}}, "PARAM_ERROR"},
		"ip":                {object{"scene_info": object{"payer_client_ip": "here"}}, "PARAM_ERROR"},
		"unknown buyer":     {object{"payer/openid": "oNobody"}, "PARAM_ERROR"},
		"other merchant":    {object{"mchid": DemoPartner}, "PARAM_ERROR"},
		"foreign appid":     {object{"appid": "wxother"}, "APPID_MCHID_NOT_MATCH"},
		"sharing as a text": {object{"settle_info/profit_sharing": "true"}, "PARAM_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.as(DemoMerchant)
			got := c.refused(400, test.code, "POST", jsapi, with(good, test.change))
			if _, detailed := got["detail"]; strings.Contains(name, "unknown") && !detailed {
				t.Errorf("no detail in %v", got)
			}
		})
	}
	for name, body := range map[string]string{
		"twice": strings.Replace(jsonOf(t, good), "{", `{"attach":"a","attach":"b",`, 1), "more": `{} {}`, "no object": `[]`, "broken": `{"appid":`, "not UTF-8": "{\"appid\":\"\xff\"}",
	} {
		got := w.as(DemoMerchant).send("POST", jsapi, body)
		if got.Code != 400 || !strings.Contains(got.Body.String(), "PARAM_ERROR") {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
	if len(w.Trades()) != 0 {
		t.Errorf("%d orders were made", len(w.Trades()))
	}
	w.as(DemoMerchant).ok("POST", jsapi, with(good, object{
		"description": strings.Repeat("字", 127), "attach": strings.Repeat("字", 42), "time_expire": "2026-03-04T10:15:00+08:00",
		"notify_url": "http://127.0.0.1:8080/notify", "scene_info": object{"payer_client_ip": "::1", "device_id": "x"},
	}))
}

func TestOrderAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	first := c.ok("POST", jsapi, order("number-1", 100))
	if again := c.ok("POST", jsapi, order("number-1", 100)); again["prepay_id"] != first["prepay_id"] {
		t.Errorf("another prepay_id %v for the same order", again)
	}
	c.refused(400, "INVALID_REQUEST", "POST", jsapi, order("number-1", 101))
	c.refused(400, "INVALID_REQUEST", "POST", jsapi, with(order("number-1", 100), object{"time_expire": "2026-03-04T10:15:00+08:00"}))
	w.clock.Advance(2 * time.Hour)
	if later := c.ok("POST", jsapi, order("number-1", 100)); later["prepay_id"] == first["prepay_id"] {
		t.Error("the same prepay_id after two hours")
	}
	w.paid("number-2", 100)
	c.refused(403, "OUT_TRADE_NO_USED", "POST", jsapi, order("number-2", 100))
	c.ok("POST", "/v3/pay/transactions/out-trade-no/number-1/close", object{"mchid": DemoMerchant})
	c.refused(400, "ORDER_CLOSED", "POST", jsapi, order("number-1", 100))
	c.refused(400, "ORDER_CLOSED", "POST", "/v3/pay/transactions/out-trade-no/number-1/close", object{"mchid": DemoMerchant})
	c.refused(400, "INVALID_REQUEST", "POST", "/v3/pay/transactions/out-trade-no/number-2/close", object{"mchid": DemoMerchant})
	c.refused(404, "ORDER_NOT_EXIST", "POST", "/v3/pay/transactions/out-trade-no/number-3/close", object{"mchid": DemoMerchant})
	if got := c.ok("GET", "/v3/pay/transactions/out-trade-no/number-1?mchid="+DemoMerchant, nil); got["trade_state"] != "CLOSED" {
		t.Errorf("closed, and still %v", got)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	c.ok("POST", jsapi, with(order("number-1", 100), object{"attach": "a"}))
	path := "/v3/pay/transactions/out-trade-no/number-1?mchid=" + DemoMerchant
	want := object{
		"appid": DemoApp, "mchid": DemoMerchant, "out_trade_no": "number-1", "trade_state": "NOTPAY", "trade_state_desc": "订单未支付", "attach": "a",
	}
	got := c.ok("GET", path, nil)
	delete(got, "amount")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	transaction := w.paid("number-2", 250)
	byID := c.ok("GET", "/v3/pay/transactions/id/"+transaction+"?mchid="+DemoMerchant, nil)
	byNumber := c.ok("GET", "/v3/pay/transactions/out-trade-no/number-2?mchid="+DemoMerchant, nil)
	if d := cmp.Diff(byID, byNumber); d != "" || byID["success_time"] != "2026-03-04T10:00:00+08:00" {
		t.Errorf("%v %s", byID, d)
	}
	c.refused(400, "PARAM_ERROR", "GET", "/v3/pay/transactions/out-trade-no/number-2", nil)
	c.refused(400, "PARAM_ERROR", "GET", path+"&mchid="+DemoMerchant, nil)
	c.refused(400, "PARAM_ERROR", "GET", path+"&more=1", nil)
	c.refused(400, "PARAM_ERROR", "GET", "/v3/pay/transactions/out-trade-no/number-2?mchid="+DemoPartner, nil)
	c.refused(404, "ORDER_NOT_EXIST", "GET", "/v3/pay/transactions/id/1?mchid="+DemoMerchant, nil)
	c.refused(404, "RESOURCE_NOT_EXISTS", "GET", "/v3/pay/elsewhere", nil)
	w.as(DemoPartner).refused(403, "NO_AUTH", "POST", jsapi, with(order("number-9", 1), object{"mchid": DemoPartner}))
}

func TestPartner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoPartner)
	const path = "/v3/pay/partner/transactions/"
	good := object{
		"sp_appid": DemoApp, "sp_mchid": DemoPartner, "sub_mchid": "1900000101", "description": "一件", "out_trade_no": "number-1",
		"notify_url": "https://shop.example/notify", "amount": object{"total": 1000, "currency": "CNY"}, "payer": object{"sp_openid": buyer},
	}
	prepay := c.ok("POST", path+"jsapi", good)
	for name, test := range map[string]struct {
		change object
		status int
		code   string
	}{
		"foreign sub":   {object{"sub_mchid": DemoMerchant}, 403, "NO_AUTH"},
		"no sub":        {object{"sub_mchid": nil}, 400, "PARAM_ERROR"},
		"other partner": {object{"sp_mchid": DemoMerchant}, 400, "PARAM_ERROR"},
		"both payers":   {object{"payer/sub_openid": buyer}, 400, "PARAM_ERROR"},
		"no payer":      {object{"payer": object{}}, 400, "PARAM_ERROR"},
		"no sub_appid":  {object{"payer": object{"sub_openid": buyer}}, 400, "PARAM_ERROR"},
	} {
		t.Run(name, func(*testing.T) {
			c.refused(test.status, test.code, "POST", path+"jsapi", with(with(good, object{"out_trade_no": "number-2"}), test.change))
		})
	}
	w.as(DemoMerchant).refused(403, "NO_AUTH", "POST", path+"jsapi", with(good, object{"sp_mchid": DemoMerchant}))
	c.refused(404, "ORDER_NOT_EXIST", "GET", path+"out-trade-no/number-1?sp_mchid="+DemoPartner+"&sub_mchid=1900000102", nil)
	c.refused(404, "ORDER_NOT_EXIST", "POST", path+"out-trade-no/number-1/close", object{"sp_mchid": DemoPartner, "sub_mchid": "1900000102"})
	if err := w.Pay(w.params(DemoPartner, prepay), ""); err != nil {
		t.Fatal(err)
	}
	got := c.ok("GET", path+"out-trade-no/number-1?sp_mchid="+DemoPartner+"&sub_mchid=1900000101", nil)
	if got["trade_state"] != "SUCCESS" || got["sub_mchid"] != "1900000101" || cmp.Diff(got["payer"], map[string]any{"sp_openid": buyer}) != "" {
		t.Errorf("got %v", got)
	}
	if b := w.Balances()["1900000101"]; b != (Balance{Total: 994}) {
		t.Errorf("the sub-merchant has %+v", b)
	}
	w.books()
}

func TestCashier(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	right := w.params(DemoMerchant, c.ok("POST", jsapi, with(order("number-1", 100), object{"time_expire": "2026-03-04T10:15:00+08:00"})))
	for name, test := range map[string]struct {
		change func(*PayParams)
		want   error
	}{
		"appId":     {func(p *PayParams) { p.AppID = "wxother" }, ErrParams},
		"time":      {func(p *PayParams) { p.TimeStamp += "0" }, ErrExpired},
		"nonce":     {func(p *PayParams) { p.NonceStr += "0" }, ErrPaySign},
		"package":   {func(p *PayParams) { p.Package = "prepay_id=wx1" }, ErrParams},
		"no prefix": {func(p *PayParams) { p.Package = strings.TrimPrefix(p.Package, "prepay_id=") }, ErrParams},
		"sign type": {func(p *PayParams) { p.SignType = "MD5" }, ErrParams},
		"paySign":   {func(p *PayParams) { p.PaySign = "AAAA" }, ErrPaySign},
		"other key": {func(p *PayParams) {
			p.PaySign, _ = sign(w.keys.Keys[DemoPartner].Private, lines(p.AppID, p.TimeStamp, p.NonceStr, p.Package))
		}, ErrPaySign},
	} {
		p := right
		test.change(&p)
		if err := w.Pay(p, buyer); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if err := w.Pay(right, "oOther"); !errors.Is(err, ErrPayer) {
		t.Errorf("another buyer pays: %v", err)
	}
	if err := w.Pay(right, buyer); err != nil {
		t.Fatal(err)
	}
	if err := w.Pay(right, buyer); !errors.Is(err, ErrPaid) {
		t.Errorf("paid twice: %v", err)
	}
	if got := w.Effects()["pay"]; got != 1 {
		t.Errorf("%d payments", got)
	}
}

// A cashier that is open outlives time_expire, and a close where the rules say so.
func TestLatePayment(t *testing.T) {
	t.Parallel()
	const expire, closing = "2026-03-04T10:15:00+08:00", "/v3/pay/transactions/out-trade-no/number-1/close"
	for name, test := range map[string]struct {
		change func(*Rules)
		expire string
		after  time.Duration
		close  bool
		open   error // of a cashier that opens then
		pay    error // of one that was opened before
	}{
		"in time":             {expire: expire, after: 15 * time.Minute},
		"late":                {expire: expire, after: 15*time.Minute + time.Second, open: ErrExpired},
		"late and refused":    {change: func(r *Rules) { r.PayAfterExpiry = false }, expire: expire, after: 16 * time.Minute, open: ErrExpired, pay: ErrExpired},
		"closed":              {expire: expire, close: true, open: ErrClosed, pay: ErrClosed},
		"closed and paid":     {change: func(r *Rules) { r.PayAfterClose = true }, expire: expire, close: true, open: ErrClosed},
		"moved to a minute":   {expire: "2026-03-04T09:00:00+08:00", after: time.Minute},
		"after that minute":   {expire: "2026-03-04T09:00:00+08:00", after: time.Minute + time.Second, open: ErrExpired},
		"prepay_id forgotten": {expire: "2026-03-05T10:15:00+08:00", after: 2 * time.Hour, open: ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if test.change != nil {
				w.Set(test.change)
			}
			c := w.as(DemoMerchant)
			p := w.params(DemoMerchant, c.ok("POST", jsapi, with(order("number-1", 100), object{"time_expire": test.expire})))
			cashier, err := w.OpenCashier(p, buyer)
			if err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(test.after)
			if test.close {
				c.ok("POST", closing, object{"mchid": DemoMerchant})
			}
			if _, err := w.OpenCashier(p, buyer); !errors.Is(err, test.open) || (err == nil) != (test.open == nil) {
				t.Errorf("opens with %v, want %v", err, test.open)
			}
			if err := cashier.Pay(); !errors.Is(err, test.pay) || (err == nil) != (test.pay == nil) {
				t.Errorf("pays with %v, want %v", err, test.pay)
			}
			w.books()
		})
	}
}
