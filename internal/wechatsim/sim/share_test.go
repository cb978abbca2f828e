package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	supplier = "1900000201"
	promoter = "1900000202"
	sharing  = "/v3/profitsharing/"
)

// relate adds a merchant as a receiver, its name encrypted with the platform's key.
func (w *world) relate(id, name string) {
	w.t.Helper()
	c := w.as(DemoMerchant)
	c.serial = w.keys.Platform[0].Serial
	hidden, err := hide(&w.keys.Platform[0].Key.PublicKey, name)
	if err != nil {
		w.t.Fatal(err)
	}
	got := c.ok("POST", sharing+"receivers/add", object{"appid": DemoApp, "type": "MERCHANT_ID", "account": id, "name": hidden, "relation_type": "SUPPLIER"})
	back, _ := got["name"].(string)
	if plain, err := reveal(w.keys.Keys[DemoMerchant].Private, back); err != nil || plain != name {
		w.t.Errorf("the name comes back as %q, %v", plain, err)
	}
}

func shareOf(transaction, number string, unfreeze bool, parts ...any) object {
	list := []object{}
	for i := 0; i < len(parts); i += 2 {
		list = append(list, object{"type": "MERCHANT_ID", "account": parts[i], "amount": parts[i+1], "description": "分账"})
	}
	return object{"appid": DemoApp, "transaction_id": transaction, "out_order_no": number, "receivers": list, "unfreeze_unsplit": unfreeze}
}

func (w *world) unsplit(transaction string) string {
	w.t.Helper()
	n, _ := w.as(DemoMerchant).ok("GET", sharing+"transactions/"+transaction+"/amounts", nil)["unsplit_amount"].(json.Number)
	return n.String()
}

// shareable is a world with an order of 100.00 that can be shared with two receivers.
func shareable(t *testing.T) (*world, client, string) {
	t.Helper()
	w := newWorld(t)
	w.relate(supplier, "示例供应商")
	w.relate(promoter, "示例推广商")
	transaction := w.paid("number-1", 10_000)
	w.clock.Advance(time.Minute)
	return w, w.as(DemoMerchant), transaction
}

func TestShare(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	if got := w.unsplit(transaction); got != "9940" {
		t.Errorf("unsplit %s, want what is left after 0.6 %%", got)
	}
	body := shareOf(transaction, "share-1", false, supplier, 2000, promoter, 999)
	got := c.ok("POST", sharing+"orders", body)
	if got["state"] != "PROCESSING" || w.unsplit(transaction) != "6941" {
		t.Errorf("%v, unsplit %s", got, w.unsplit(transaction))
	}
	if again := c.ok("POST", sharing+"orders", body); again["order_id"] != got["order_id"] {
		t.Error("the same number makes another share")
	}
	c.refused(400, "INVALID_REQUEST", "POST", sharing+"orders", shareOf(transaction, "share-1", false, supplier, 2001))
	w.clock.Advance(2 * time.Second)
	query := sharing + "orders/share-1?transaction_id=" + transaction
	if got := jsonOf(t, c.ok("GET", query, nil)); !strings.Contains(got, `"FINISHED"`) || strings.Count(got, `"SUCCESS"`) != 2 {
		t.Errorf("got %s", got)
	}
	c.refused(404, "RESOURCE_NOT_EXISTS", "GET", sharing+"orders/share-2?transaction_id="+transaction, nil)
	c.refused(404, "RESOURCE_NOT_EXISTS", "GET", sharing+"orders/share-1?transaction_id=1", nil)
	c.refused(400, "PARAM_ERROR", "GET", sharing+"orders/share-1", nil)
	unfreeze := object{"transaction_id": transaction, "out_order_no": "unfreeze-1", "description": "完结"}
	c.ok("POST", sharing+"orders/unfreeze", unfreeze)
	w.clock.Advance(2 * time.Second)
	if got := jsonOf(t, c.ok("GET", sharing+"orders/unfreeze-1?transaction_id="+transaction, nil)); !strings.Contains(got, "解冻给分账方") || !strings.Contains(got, "6941") {
		t.Errorf("got %s", got)
	}
	c.refused(403, "NOT_ENOUGH", "POST", sharing+"orders", shareOf(transaction, "share-3", false, supplier, 1))
	w.clock.Advance(2 * time.Second)
	c.refused(403, "NOT_ENOUGH", "POST", sharing+"orders/unfreeze", with(unfreeze, object{"out_order_no": "unfreeze-2"}))
	b := w.Balances()
	if b[DemoMerchant] != (Balance{Total: 6941}) || b[supplier].Total != 2000 || b[promoter].Total != 999 {
		t.Errorf("balances %v", b)
	}
	if e := w.Effects(); e["share"] != 2 || e["unfreeze"] != 1 {
		t.Errorf("effects %v", e)
	}
	w.books()
}

func TestShareRules(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	young := w.paid("number-2", 10_000)
	bare := func() string {
		c.ok("POST", jsapi, with(order("number-3", 1000), object{"settle_info": nil}))
		if err := w.Pay(w.params(DemoMerchant, c.ok("POST", jsapi, with(order("number-3", 1000), object{"settle_info": nil}))), ""); err != nil {
			t.Fatal(err)
		}
		got, _ := c.ok("GET", "/v3/pay/transactions/out-trade-no/number-3?mchid="+DemoMerchant, nil)["transaction_id"].(string)
		return got
	}()
	var fiftyOne []any
	for i := range 51 {
		fiftyOne = append(fiftyOne, fmt.Sprint(i), 1)
	}
	for name, test := range map[string]struct {
		body   object
		status int
		code   string
		says   string
	}{
		"too early":     {shareOf(young, "a", false, supplier, 1), 400, "INVALID_REQUEST", "订单处理中，请稍后重试"},
		"not to share":  {shareOf(bare, "b", false, supplier, 1), 400, "INVALID_REQUEST", "非分账订单不支持分账"},
		"unknown order": {shareOf("1", "c", false, supplier, 1), 400, "INVALID_REQUEST", "订单不存在"},
		"ratio":         {shareOf(transaction, "d", false, supplier, 3001), 400, "INVALID_REQUEST", "分账金额超出最大分账比例"},
		"ratio of both": {shareOf(transaction, "e", false, supplier, 3000, promoter, 1), 400, "INVALID_REQUEST", "分账金额超出最大分账比例"},
		"no relation":   {shareOf(transaction, "f", false, "1900000101", 1), 400, "INVALID_REQUEST", "关系不存在"},
		"itself":        {shareOf(transaction, "g", false, DemoMerchant, 1), 400, "INVALID_REQUEST", "分账方"},
		"51 receivers":  {shareOf(transaction, "h", false, fiftyOne...), 400, "PARAM_ERROR", "receivers"},
		"no receiver":   {shareOf(transaction, "i", true), 400, "PARAM_ERROR", "receivers"},
		"twice":         {shareOf(transaction, "j", false, supplier, 1, supplier, 1), 400, "PARAM_ERROR", "重复"},
		"nothing":       {shareOf(transaction, "k", false, supplier, 0), 400, "PARAM_ERROR", "amount"},
		"no unfreeze":   {with(shareOf(transaction, "l", false, supplier, 1), object{"unfreeze_unsplit": nil}), 400, "PARAM_ERROR", "unfreeze_unsplit"},
		"number":        {shareOf(transaction, "m.", false, supplier, 1), 400, "PARAM_ERROR", "out_order_no"},
		"sub_mchid":     {with(shareOf(transaction, "n", false, supplier, 1), object{"sub_mchid": "1900000101"}), 400, "PARAM_ERROR", "sub_mchid"},
		"long number":   {shareOf(transaction, strings.Repeat("1", 65), false, supplier, 1), 400, "PARAM_ERROR", "out_order_no"},
	} {
		t.Run(name, func(t *testing.T) {
			w.clock.Advance(time.Second)
			if got := c.refused(test.status, test.code, "POST", sharing+"orders", test.body); !strings.Contains(fmt.Sprint(got["message"]), test.says) {
				t.Errorf("says %v", got["message"])
			}
		})
	}
	w.clock.Advance(time.Second)
	c.ok("POST", sharing+"orders", shareOf(transaction, "one", false, supplier, 1000))
	c.refused(429, "FREQUENCY_LIMITED", "POST", sharing+"orders", shareOf(transaction, "two", false, supplier, 1000))
	w.clock.Advance(time.Second)
	c.ok("POST", sharing+"orders", shareOf(transaction, "two", false, supplier, 2000))
	w.clock.Advance(time.Second)
	c.refused(400, "INVALID_REQUEST", "POST", sharing+"orders", shareOf(transaction, "three", false, supplier, 1))
	w.as(DemoPartner).refused(400, "PARAM_ERROR", "POST", sharing+"orders", shareOf(transaction, "four", false, supplier, 1))
	w.as(DemoPartner).refused(400, "INVALID_REQUEST", "POST", sharing+"orders", with(shareOf(transaction, "five", false, supplier, 1), object{"sub_mchid": "1900000101"}))
	w.books()
}

// What a receiver cannot get goes to the payee, and cannot be shared again.
func TestShareOfABadReceiver(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	w.Misbehave(Fault{On: "share.end", Kind: Reject, Reason: "RECEIVER_HIGH_RISK", Account: supplier}, Fault{On: "share.end", Kind: Stall, Delay: time.Hour, Times: 1})
	c.ok("POST", sharing+"orders", shareOf(transaction, "share-1", false, supplier, 1000, promoter, 500))
	c.ok("POST", sharing+"receivers/delete", object{"appid": DemoApp, "type": "MERCHANT_ID", "account": promoter})
	w.clock.Advance(time.Hour)
	if got := w.Trades()[0]; got.Pending != 1500 {
		t.Errorf("not stalled: %+v", got)
	}
	w.clock.Advance(time.Minute)
	got := w.Trades()[0]
	if got.Shares[0].Reason != "RECEIVER_HIGH_RISK" || got.Shares[1].Reason != "NO_RELATION" || got.Out != 0 || got.Unsplit != 8440 {
		t.Errorf("got %+v", got)
	}
	if b := w.Balances()[DemoMerchant]; b != (Balance{Total: 9940, Frozen: 8440}) {
		t.Errorf("the payee has %+v", b)
	}
	w.books()
}

func TestUnfreezeByTime(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	w.clock.Advance(30*24*time.Hour - 2*time.Minute)
	if got := w.unsplit(transaction); got != "9940" {
		t.Errorf("unsplit %s before 30 days", got)
	}
	w.clock.Advance(time.Minute)
	if got := w.unsplit(transaction); got != "0" {
		t.Errorf("unsplit %s after 30 days", got)
	}
	c.refused(403, "NOT_ENOUGH", "POST", sharing+"orders", shareOf(transaction, "share-1", false, supplier, 1))
	w.books()
}

func TestFiftyShares(t *testing.T) {
	t.Parallel()
	w, c, transaction := shareable(t)
	for i := range 50 {
		c.ok("POST", sharing+"orders", shareOf(transaction, fmt.Sprint("share-", i), false, supplier, 1))
		w.clock.Advance(time.Second)
	}
	c.refused(400, "INVALID_REQUEST", "POST", sharing+"orders", shareOf(transaction, "share-50", false, supplier, 1))
}

func TestReceivers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	hidden, err := hide(&w.keys.Platform[0].Key.PublicKey, "别的名字")
	if err != nil {
		t.Fatal(err)
	}
	good := object{"appid": DemoApp, "type": "PERSONAL_OPENID", "account": buyer, "relation_type": "DISTRIBUTOR"}
	c.ok("POST", sharing+"receivers/add", good)
	c.serial = w.keys.Platform[0].Serial
	for name, test := range map[string]struct {
		change object
		code   string
	}{
		"no name":    {object{"type": "MERCHANT_ID", "account": supplier}, "PARAM_ERROR"},
		"wrong name": {object{"type": "MERCHANT_ID", "account": supplier, "name": hidden}, "INVALID_REQUEST"},
		"plain name": {object{"type": "MERCHANT_ID", "account": supplier, "name": "示例供应商"}, "PARAM_ERROR"},
		"unknown":    {object{"type": "MERCHANT_ID", "account": "1", "name": hidden}, "INVALID_REQUEST"},
		"itself":     {object{"type": "MERCHANT_ID", "account": DemoMerchant, "name": hidden}, "INVALID_REQUEST"},
		"relation":   {object{"relation_type": "FRIEND"}, "PARAM_ERROR"},
		"custom":     {object{"relation_type": "CUSTOM"}, "PARAM_ERROR"},
		"not custom": {object{"custom_relation": "朋友"}, "PARAM_ERROR"},
		"openid":     {object{"account": "oNobody"}, "PARAM_ERROR"},
		"appid":      {object{"appid": "wxother"}, "APPID_MCHID_NOT_MATCH"},
		"type":       {object{"type": "BANK"}, "PARAM_ERROR"},
	} {
		t.Run(name, func(*testing.T) { c.refused(400, test.code, "POST", sharing+"receivers/add", with(good, test.change)) })
	}
	c.serial = ""
	c.refused(400, "PARAM_ERROR", "POST", sharing+"receivers/add", with(good, object{"type": "MERCHANT_ID", "account": supplier, "name": hidden}))
	c.refused(403, "NO_AUTH", "GET", sharing+"merchant-configs/1900000101", nil)
	p := w.as(DemoPartner)
	if got := p.ok("GET", sharing+"merchant-configs/1900000101", nil); got["max_ratio"] != json.Number("3000") {
		t.Errorf("got %v", got)
	}
	p.refused(403, "NO_AUTH", "GET", sharing+"merchant-configs/"+DemoMerchant, nil)
}
