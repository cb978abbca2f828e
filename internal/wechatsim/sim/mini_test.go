package sim

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// mini asks the mini-program API; every answer has status 200.
func (w *world) mini(method, path string, body any) object {
	w.t.Helper()
	text, isText := body.(string)
	if !isText {
		text = jsonOf(w.t, body)
	}
	out := httptest.NewRecorder()
	w.ServeHTTP(out, httptest.NewRequest(method, path, strings.NewReader(text)))
	if out.Code != 200 {
		w.t.Errorf("%s %s: %d", method, path, out.Code)
	}
	return answerOf(w.t, out)
}

func (w *world) miniRefused(code string, method, path string, body any) {
	w.t.Helper()
	got := w.mini(method, path, body)
	text, _ := got["errmsg"].(string)
	if got["errcode"] != json.Number(code) || !strings.Contains(text, " rid: ") {
		w.t.Errorf("%s %s: %v, want %s", method, path, got, code)
	}
}

func (w *world) token(force bool) string {
	w.t.Helper()
	got, _ := w.mini("POST", "/cgi-bin/stable_token", object{
		"grant_type": "client_credential", "appid": DemoApp, "secret": DemoSecret, "force_refresh": force,
	})["access_token"].(string)
	return got
}

func login(change url.Values) string {
	q := url.Values{"appid": {DemoApp}, "secret": {DemoSecret}, "js_code": {"demo-lin"}, "grant_type": {"authorization_code"}}
	maps.Copy(q, change)
	return "/sns/jscode2session?" + q.Encode()
}

func TestLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.mini("GET", login(nil), "")
	if again := w.mini("GET", login(nil), ""); again["openid"] != first["openid"] || again["session_key"] == first["session_key"] || first["unionid"] == nil {
		t.Errorf("%v, then %v", first, again)
	}
	if first["openid"] != OpenID(DemoApp, "lin") {
		t.Errorf("got %v", first)
	}
	for code, change := range map[string]url.Values{
		"40013": {"appid": {"wxother"}},
		"41002": {"appid": {""}},
		"40125": {"secret": {"wrong"}},
		"41004": {"secret": {""}},
		"40002": {"grant_type": {"code"}},
		"41008": {"js_code": {""}},
		"40029": {"js_code": {"made-up"}},
	} {
		w.miniRefused(code, "GET", login(change), "")
	}
	w.miniRefused("41002", "POST", login(nil), "")
	once := w.Code(DemoApp, "oSomebody")
	if got := w.mini("GET", login(url.Values{"js_code": {once}}), ""); got["openid"] != "oSomebody" {
		t.Errorf("got %v", got)
	}
	w.miniRefused("40029", "GET", login(url.Values{"js_code": {once}}), "")
	late := w.Code(DemoApp, "oSomebody")
	w.clock.Advance(5*time.Minute + time.Second)
	w.miniRefused("40029", "GET", login(url.Values{"js_code": {late}}), "")
	w.Block(DemoApp, "oSomebody")
	w.miniRefused("40226", "GET", login(url.Values{"js_code": {w.Code(DemoApp, "oSomebody")}}), "")
	for range 100 {
		w.mini("GET", login(nil), "")
	}
	w.miniRefused("45011", "GET", login(nil), "")
	w.clock.Advance(time.Minute)
	if got := w.mini("GET", login(nil), ""); got["openid"] == nil {
		t.Errorf("after a minute %v", got)
	}
	w.demo = false
	w.miniRefused("40029", "GET", login(nil), "")
}

func TestStableToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := object{"grant_type": "client_credential", "appid": DemoApp, "secret": DemoSecret}
	for code, body := range map[string]any{
		"40013": with(good, object{"appid": "wxother"}),
		"40125": with(good, object{"secret": "wrong"}),
		"41004": with(good, object{"secret": nil}),
		"41002": with(good, object{"appid": nil}),
		"40002": with(good, object{"grant_type": "password"}),
		"47001": "grant_type=client_credential",
	} {
		w.miniRefused(code, "POST", "/cgi-bin/stable_token", body)
	}
	w.miniRefused("43002", "GET", "/cgi-bin/stable_token", "")
	works := func(token string) string {
		t.Helper()
		got, _ := w.mini("POST", "/wxa/business/getuserphonenumber?access_token="+token, object{"code": "x"})["errcode"].(json.Number)
		return got.String()
	}
	first := w.token(false)
	if w.token(false) != first || works(first) != "40029" || len(first) != 512 {
		t.Error("the token changes, or does not work")
	}
	w.clock.Advance(tokenLives - tokenEarly)
	if w.token(false) != first {
		t.Error("another token more than five minutes before the end")
	}
	w.clock.Advance(time.Second)
	second := w.token(false)
	if second == first || works(first) != "40029" || works(second) != "40029" {
		t.Error("within five minutes of the end both tokens are good")
	}
	w.clock.Advance(tokenEarly)
	if works(first) != "42001" || works(second) != "40029" || works("wrong") != "40001" || works("") != "41001" {
		t.Errorf("expired: %s, new: %s, wrong: %s, none: %s", works(first), works(second), works("wrong"), works(""))
	}
	third := w.token(true)
	if third == second || works(second) != "40001" {
		t.Error("a forced token ends the one before at once")
	}
	if w.token(true) != third {
		t.Error("forced twice within 30 s")
	}
	for range 19 {
		w.clock.Advance(30 * time.Second)
		third = w.token(true)
	}
	w.clock.Advance(30 * time.Second)
	if w.token(true) != third {
		t.Error("forced 21 times in a day")
	}
}

// A forced token ends both that are good in the last five minutes.
func TestForcedToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := "/wxa/business/getuserphonenumber?access_token="
	first := w.token(false)
	w.clock.Advance(tokenLives - tokenEarly + time.Second)
	second := w.token(false)
	w.miniRefused("40029", "POST", path+first, object{"code": "x"})
	w.token(true)
	w.miniRefused("40001", "POST", path+first, object{"code": "x"})
	w.miniRefused("40001", "POST", path+second, object{"code": "x"})
}

func TestPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := "/wxa/business/getuserphonenumber?access_token=" + w.token(false)
	code := w.PhoneCode(DemoApp, "+8613800138000")
	got, _ := w.mini("POST", path, object{"code": code})["phone_info"].(map[string]any)
	if got["purePhoneNumber"] != "13800138000" || got["countryCode"] != "86" {
		t.Errorf("got %v", got)
	}
	w.miniRefused("40029", "POST", path, object{"code": code})
	w.miniRefused("40029", "GET", login(url.Values{"js_code": {w.PhoneCode(DemoApp, "1")}}), "")
	w.miniRefused("43002", "GET", path, "")
}

func TestSubscribeMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := "/cgi-bin/message/subscribe/send?access_token=" + w.token(false)
	good := object{
		"touser": buyer, "template_id": "tmpl-paid", "page": "pages/order/order?id=1",
		"data": object{"character_string1": object{"value": "ABC123"}, "amount2": object{"value": "¥12.00"}, "time3": object{"value": "2026年3月4日 10:00"}},
	}
	w.miniRefused("43101", "POST", path, good)
	w.Accept(DemoApp, buyer, "tmpl-paid")
	for name, test := range map[string]struct {
		code   string
		change object
	}{
		"openid":         {"40003", object{"touser": "oNobody"}},
		"template":       {"40037", object{"template_id": "tmpl"}},
		"page":           {"41030", object{"page": "pages/other"}},
		"state":          {"47001", object{"miniprogram_state": "beta"}},
		"language":       {"47001", object{"lang": "de"}},
		"unknown":        {"47001", object{"more": "1"}},
		"no data":        {"47001", object{"data": nil}},
		"missing key":    {"47003", object{"data": object{"amount2": object{"value": "1"}}}},
		"more keys":      {"47003", object{"data/thing9": object{"value": "1"}}},
		"no value":       {"47003", object{"data/amount2": object{"value": ""}}},
		"plain value":    {"47003", object{"data/amount2": "1"}},
		"amount":         {"47003", object{"data/amount2": object{"value": "twelve"}}},
		"long string":    {"47003", object{"data/character_string1": object{"value": strings.Repeat("1", 33)}}},
		"Chinese string": {"47003", object{"data/character_string1": object{"value": "订单"}}},
		"time":           {"47003", object{"data/time3": object{"value": "soon"}}},
	} {
		t.Run(name, func(*testing.T) { w.miniRefused(test.code, "POST", path, with(good, test.change)) })
	}
	if got := w.mini("POST", path, good); got["errcode"] != json.Number("0") {
		t.Errorf("got %v", got)
	}
	w.miniRefused("43101", "POST", path, good)
	if got := w.Messages(DemoApp); len(got) != 1 || got[0].Values["amount2"] != "¥12.00" {
		t.Errorf("got %v", got)
	}
}

func TestTemplateValues(t *testing.T) {
	t.Parallel()
	for key, test := range map[string]struct{ good, bad string }{
		"thing1":        {strings.Repeat("字", 20), strings.Repeat("字", 21)},
		"number1":       {"12.5", "12,5"},
		"letter1":       {"abc", "abc1"},
		"symbol1":       {"!!", "!!!!!!"},
		"phrase1":       {"已发货", "已经发货了呢"},
		"name1":         {"林小雨", strings.Repeat("雨", 11)},
		"date1":         {"2026年3月4日", "3月4日"},
		"time1":         {"10:00", "ten"},
		"amount1":       {"12.00元", "12.001"},
		"phone_number1": {"13800138000", "call me"},
	} {
		if !validValue(key, test.good) || validValue(key, test.bad) {
			t.Errorf("%s: %q is taken: %v, %q is taken: %v", key, test.good, validValue(key, test.good), test.bad, validValue(key, test.bad))
		}
	}
}

func parcels(n int) []object {
	var list []object
	for range n {
		list = append(list, object{"tracking_no": "T1", "express_company": "ZTO", "item_desc": "一件"})
	}
	return list
}

func TestShipping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	transaction := w.paid("number-1", 1000)
	w.as(DemoMerchant).ok("POST", jsapi, order("number-2", 1000))
	path := "/wxa/sec/order/upload_shipping_info?access_token=" + w.token(false)
	good := object{
		"order_key":      object{"order_number_type": 2, "transaction_id": transaction},
		"logistics_type": 1, "delivery_mode": 1, "shipping_list": parcels(1), "upload_time": "2026-03-04T13:29:35.120+08:00", "payer": object{"openid": buyer},
	}
	sf := []object{{"tracking_no": "T1", "express_company": "SF", "item_desc": "一件"}}
	sfContact := func(c string) []object {
		return []object{with(sf[0], object{"contact": object{"receiver_contact": c}})}
	}
	for name, test := range map[string]struct {
		code   string
		change object
	}{
		"unknown":          {"10060001", object{"order_key/transaction_id": "1"}},
		"not paid":         {"10060004", object{"order_key": object{"order_number_type": 1, "mchid": DemoMerchant, "out_trade_no": "number-2"}}},
		"both keys":        {"10060014", object{"order_key": object{"order_number_type": 1, "mchid": DemoMerchant, "out_trade_no": "number-1", "transaction_id": transaction}}},
		"no merchant":      {"268485196", object{"order_key": object{"order_number_type": 1, "out_trade_no": "number-1"}}},
		"no number":        {"268485197", object{"order_key": object{"order_number_type": 1, "mchid": DemoMerchant}}},
		"no transaction":   {"268485195", object{"order_key": object{"order_number_type": 2, "mchid": DemoMerchant}}},
		"another key":      {"268485194", object{"order_key/order_number_type": 3}},
		"other payer":      {"10060031", object{"payer/openid": "oOther"}},
		"object":           {"47001", object{"shipping_list": parcels(1)[0]}},
		"16 parcels":       {"10060024", object{"shipping_list": parcels(16), "delivery_mode": 2, "is_all_delivered": true}},
		"two unified":      {"268485228", object{"shipping_list": parcels(2)}},
		"split, not said":  {"10060007", object{"delivery_mode": 2}},
		"split and pickup": {"10060006", object{"delivery_mode": 2, "is_all_delivered": true, "logistics_type": 4}},
		"no tracking":      {"268485226", object{"shipping_list": []object{{"item_desc": "一件"}}}},
		"no company":       {"268485227", object{"shipping_list": []object{{"item_desc": "一件", "tracking_no": "T1"}}}},
		"a name":           {"10060014", object{"shipping_list": []object{with(parcels(1)[0], object{"express_company": "顺丰速运"})}}},
		"long company":     {"10060025", object{"shipping_list": []object{with(parcels(1)[0], object{"express_company": strings.Repeat("Z", 129)})}}},
		"long number":      {"10060026", object{"shipping_list": []object{with(parcels(1)[0], object{"tracking_no": strings.Repeat("1", 129)})}}},
		"no item":          {"10060008", object{"shipping_list": []object{with(parcels(1)[0], object{"item_desc": " "})}}},
		"mode":             {"268485224", object{"delivery_mode": 3}},
		"long item":        {"10060009", object{"shipping_list": []object{with(parcels(1)[0], object{"item_desc": strings.Repeat("字", 121)})}}},
		"SF":               {"10060014", object{"shipping_list": sf}},
		"SF in clear":      {"10060014", object{"shipping_list": sfContact("13800138000")}},
		"time":             {"268485216", object{"upload_time": "2026-03-04 13:29:35"}},
		"kind":             {"10060005", object{"logistics_type": 5}},
	} {
		t.Run(name, func(*testing.T) { w.miniRefused(test.code, "POST", path, with(good, test.change)) })
	}
	at := func(text string, change object) object {
		return with(with(good, object{"upload_time": "2026-03-04T" + text + ".000+08:00"}), change)
	}
	w.mini("POST", path, with(good, object{"shipping_list": sfContact("189****8000")}))
	w.miniRefused("10060023", "POST", path, good) // the time must move on
	if got := w.mini("POST", path, at("14:00:00", nil)); got["errcode"] != json.Number("0") {
		t.Errorf("the one upload anew: %v", got)
	}
	w.miniRefused("10060003", "POST", path, at("15:00:00", nil))
	query := "/wxa/sec/order/get_order?access_token=" + w.token(false)
	got, _ := w.mini("POST", query, object{"merchant_id": DemoMerchant, "merchant_trade_no": "number-1"})["order"].(map[string]any)
	if got["order_state"] != json.Number("2") || got["transaction_id"] != transaction {
		t.Errorf("got %v", got)
	}
	w.miniRefused("10060001", "POST", query, object{"transaction_id": "1"})
	if e := w.Effects()["ship"]; e != 2 {
		t.Errorf("%d uploads", e)
	}
}

func TestSplitAndPickup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	split := object{
		"order_key":      object{"order_number_type": 2, "transaction_id": w.paid("number-1", 1000)},
		"logistics_type": 1, "delivery_mode": 2, "is_all_delivered": false, "shipping_list": parcels(2), "upload_time": "2026-03-04T13:00:00.000+08:00",
		"payer": object{"openid": buyer},
	}
	path := "/wxa/sec/order/upload_shipping_info?access_token=" + w.token(false)
	for _, change := range []object{
		nil, {"upload_time": "2026-03-04T14:00:00.000+08:00"}, {"upload_time": "2026-03-04T15:00:00.000+08:00", "is_all_delivered": true},
	} {
		if got := w.mini("POST", path, with(split, change)); got["errcode"] != json.Number("0") {
			t.Errorf("%v: %v", change, got)
		}
	}
	pickup := object{
		"order_key":      object{"order_number_type": 1, "mchid": DemoMerchant, "out_trade_no": "number-2"},
		"logistics_type": 4, "delivery_mode": 1, "shipping_list": []object{{"item_desc": "一件"}}, "upload_time": "2026-03-04T13:00:00.000+08:00",
		"payer": object{"openid": buyer},
	}
	w.paid("number-2", 1000)
	if got := w.mini("POST", path, pickup); got["errcode"] != json.Number("0") {
		t.Errorf("pickup: %v", got)
	}
}

func TestCombinedShipping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	if err := w.Pay(w.params(DemoMerchant, c.ok("POST", combinePath+"jsapi", combined(DemoMerchant, subOrders(2, false)))), ""); err != nil {
		t.Fatal(err)
	}
	path := "/wxa/sec/order/upload_combined_shipping_info?access_token=" + w.token(false)
	one := func(number string) object {
		return object{
			"order_key":      object{"order_number_type": 1, "mchid": DemoMerchant, "out_trade_no": number},
			"logistics_type": 1, "delivery_mode": 1, "shipping_list": parcels(1),
		}
	}
	all := w.Trades()
	body := object{
		"order_key":   object{"order_number_type": 1, "mchid": DemoMerchant, "out_trade_no": "combined-1"},
		"sub_orders":  []object{one(all[0].Number), one(all[1].Number)},
		"upload_time": "2026-03-04T13:29:35.120+08:00", "payer": object{"openid": buyer},
	}
	w.miniRefused("10060001", "POST", path, with(body, object{"order_key/out_trade_no": "combined-2"}))
	w.paid("number-9", 1)
	w.miniRefused("10060001", "POST", path, with(body, object{"sub_orders": []object{one(all[0].Number), one("number-9")}}))
	w.miniRefused("10060014", "POST", path, with(body, object{"sub_orders": []object{
		with(one(all[0].Number), object{"order_key": object{"order_number_type": 2, "transaction_id": all[0].Transaction}}),
	}}))
	w.miniRefused("10060031", "POST", path, with(body, object{"payer/openid": "oOther"}))
	if e := w.Effects()["ship"]; e != 0 {
		t.Errorf("%d uploads of refused requests", e)
	}
	if got := w.mini("POST", path, body); got["errcode"] != json.Number("0") || w.Effects()["ship"] != 2 {
		t.Errorf("got %v", got)
	}
}
