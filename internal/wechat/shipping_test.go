package wechat

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/clock"
	"holdfast/internal/wechatsim/sim"
)

// demo makes the keys once for all tests.
var demo = sync.OnceValues(func() (sim.World, error) { return sim.Demo(clock.NewManual(morning).Now) })

// market is a world with a merchant whose orders are paid.
type market struct {
	*world
	keys  sim.World
	nonce int
}

func newMarket(t *testing.T) *market {
	t.Helper()
	keys, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	m := &market{world: worldOf(t, keys.Config), keys: keys}
	m.sim.Know(sim.DemoApp, buyer)
	return m
}

func (m *market) sign(text string) string {
	m.t.Helper()
	sum := sha256.Sum256([]byte(text))
	raw, err := rsa.SignPKCS1v15(rand.Reader, m.keys.Keys[sim.DemoMerchant].Private, crypto.SHA256, sum[:])
	if err != nil {
		m.t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// pay makes an order on the pay API, as a merchant would, and pays it.
func (m *market) pay(path string, order map[string]any) {
	m.t.Helper()
	body, err := json.Marshal(order)
	if err != nil {
		m.t.Fatal(err)
	}
	m.nonce++
	stamp, nonce := strconv.FormatInt(m.wechats.Now().Unix(), 10), "nonce"+strconv.Itoa(m.nonce)
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.url+path, bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	r.Header.Set("Authorization", fmt.Sprintf(
		`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",timestamp="%s",serial_no="%s",signature="%s"`, sim.DemoMerchant, nonce, stamp,
		m.keys.Merchants[0].Serial, m.sign("POST\n"+path+"\n"+stamp+"\n"+nonce+"\n"+string(body)+"\n")))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		PrepayID string `json:"prepay_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusOK {
		m.t.Fatalf("HTTP %d, %v", resp.StatusCode, err)
	}
	p := sim.PayParams{AppID: sim.DemoApp, TimeStamp: stamp, NonceStr: nonce, Package: "prepay_id=" + got.PrepayID, SignType: "RSA"}
	p.PaySign = m.sign(p.AppID + "\n" + p.TimeStamp + "\n" + p.NonceStr + "\n" + p.Package + "\n")
	if err := m.sim.Pay(p, buyer); err != nil {
		m.t.Fatal(err)
	}
}

func (m *market) paid(number string) OrderKey {
	m.t.Helper()
	m.pay("/v3/pay/transactions/jsapi", map[string]any{
		"appid": sim.DemoApp, "mchid": sim.DemoMerchant, "description": "两件商品", "out_trade_no": number,
		"notify_url": "https://shop.example/notify", "amount": map[string]any{"total": 1000, "currency": "CNY"},
		"payer": map[string]any{"openid": buyer},
	})
	return OrderKey{MchID: sim.DemoMerchant, OutTradeNo: number}
}

// goodUpload is one parcel of an order; the mini-program and the order are the caller's.
func goodUpload() Upload {
	return Upload{AppID: firstApp, OpenID: buyer, At: morning.Add(29*time.Minute + 35*time.Second + 120*time.Millisecond), Shipment: Shipment{
		Order: OrderKey{TransactionID: "4200000000"}, Logistics: Express, Parcels: []Parcel{{TrackingNo: "T1", Company: "ZTO", Item: "茶叶*1"}},
	}}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	key := m.paid("number-1")
	upload := func(change func(*Upload), want State, code int) {
		t.Helper()
		u := goodUpload()
		u.AppID, u.Order = sim.DemoApp, key
		change(&u)
		got, err := m.UploadShipping(t.Context(), u)
		if err != nil || got.State != want || got.Code != code {
			t.Errorf("got %v, %v, want %s %d", got, err, want, code)
		}
	}
	upload(func(u *Upload) { u.Order.OutTradeNo = "number-9" }, NoPayment, 10060001)
	upload(func(u *Upload) { u.OpenID = "oOther" }, BadArgument, 10060031)
	for _, kind := range []sim.Kind{sim.Limit, sim.FailBefore} {
		m.sim.Misbehave(sim.Fault{On: "ship", Kind: kind, Times: 1})
		upload(func(*Upload) {}, Later, map[sim.Kind]int{sim.Limit: 45009, sim.FailBefore: -1}[kind])
	}
	if n := m.sim.Effects()["ship"]; n != 0 {
		t.Errorf("%d uploads", n)
	}
	// The answer is lost. The same upload again finds that it is there; one with a later time is the one correction.
	m.sim.Misbehave(sim.Fault{On: "ship", Kind: sim.CutAfter, Times: 1})
	u := goodUpload()
	u.AppID, u.Order = sim.DemoApp, key
	if got, err := m.UploadShipping(t.Context(), u); err == nil || errors.Is(err, ErrNotAsked) {
		t.Errorf("a lost answer: %v, %v", got, err)
	}
	upload(func(*Upload) {}, Unchanged, 10060023)
	upload(func(u *Upload) { u.At = u.At.Add(time.Millisecond) }, Done, 0)
	upload(func(u *Upload) { u.At = u.At.Add(time.Second) }, Exhausted, 10060003)
	if n := m.sim.Effects()["ship"]; n != 2 {
		t.Errorf("%d uploads", n)
	}
	if bodies := m.sent(shipPath); !strings.Contains(bodies[0], `"upload_time":"2026-03-04T10:29:35.120+08:00"`) {
		t.Errorf("sent %s", bodies[0])
	}
}

func TestUploadInParts(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	split := Upload{AppID: sim.DemoApp, OpenID: buyer, At: morning, Shipment: Shipment{
		Order: m.paid("number-1"), Logistics: Express, Split: true,
		Parcels: []Parcel{{TrackingNo: "T1", Company: "ZTO", Item: "茶叶*1"}},
	}}
	pickUp := Upload{AppID: sim.DemoApp, OpenID: buyer, At: morning, Shipment: Shipment{
		Order: m.paid("number-2"), Logistics: PickUp, Parcels: []Parcel{{Item: "茶叶*1", Receiver: "13800138000"}},
	}}
	express := Upload{AppID: sim.DemoApp, OpenID: buyer, At: morning, Shipment: Shipment{
		Order: m.paid("number-3"), Logistics: Express, Parcels: []Parcel{{TrackingNo: "SF1", Company: "SF", Item: strings.Repeat("茶", 120), Receiver: "+86 138-0013-8000"}},
	}}
	rest := split
	rest.At, rest.Complete = morning.Add(time.Hour), true
	rest.Parcels = append(rest.Parcels[:1:1], Parcel{TrackingNo: "T2", Company: "ZTO", Item: "茶杯*1"})
	for _, u := range []Upload{split, rest, pickUp, express} {
		if got, err := m.UploadShipping(t.Context(), u); err != nil || got.State != Done {
			t.Errorf("%v: got %v, %v", u, got, err)
		}
	}
	bodies := m.sent(shipPath)
	if !strings.Contains(bodies[0], `"is_all_delivered":false`) || !strings.Contains(bodies[1], `"is_all_delivered":true`) {
		t.Errorf("sent %s", bodies[:2])
	}
	if strings.Contains(bodies[2], "contact") || strings.Contains(bodies[2], "is_all_delivered") {
		t.Errorf("sent %s", bodies[2])
	}
	if !strings.Contains(bodies[3], `"contact":{"receiver_contact":"138****8000"}`) {
		t.Errorf("sent %s", bodies[3])
	}
}

func TestCombinedUpload(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	var subs []map[string]any
	u := CombinedUpload{AppID: sim.DemoApp, OpenID: buyer, At: morning, Order: OrderKey{MchID: sim.DemoMerchant, OutTradeNo: "combined-1"}}
	for i := range 2 {
		number := fmt.Sprintf("sub-number-%d", i)
		subs = append(subs, map[string]any{
			"mchid": sim.DemoMerchant, "attach": "a", "amount": map[string]any{"total_amount": 1000, "currency": "CNY"},
			"out_trade_no": number, "description": "一件",
		})
		u.Orders = append(u.Orders, Shipment{
			Order: OrderKey{MchID: sim.DemoMerchant, OutTradeNo: number}, Logistics: Express,
			Parcels: []Parcel{{TrackingNo: "T1", Company: "ZTO", Item: "茶叶*1"}},
		})
	}
	m.pay("/v3/combine-transactions/jsapi", map[string]any{
		"combine_appid": sim.DemoApp, "combine_mchid": sim.DemoMerchant, "combine_out_trade_no": "combined-1",
		"sub_orders": subs, "combine_payer_info": map[string]any{"openid": buyer}, "notify_url": "https://shop.example/notify",
		"scene_info": map[string]any{"payer_client_ip": "127.0.0.1"},
	})
	if got, err := m.UploadCombinedShipping(t.Context(), u); err != nil || got.State != Done || m.sim.Effects()["ship"] != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	u.Order.OutTradeNo = "combined-2"
	if got, err := m.UploadCombinedShipping(t.Context(), u); err != nil || got.State != NoPayment {
		t.Errorf("got %v, %v", got, err)
	}
	asked := len(m.sent(combinePath))
	one := u.Orders[0]
	for field, orders := range map[string][]Shipment{
		"sub_orders":                               nil,
		"sub_orders.1.order_key":                   {one, {Order: OrderKey{TransactionID: "1"}, Logistics: one.Logistics, Parcels: one.Parcels}},
		"sub_orders.0.shipping_list":               {{Order: one.Order, Logistics: Express}},
		"sub_orders.0.shipping_list.0.item_desc":   {{Order: one.Order, Logistics: PickUp, Parcels: []Parcel{{}}}},
		"sub_orders.1.shipping_list.0.item_desc":   {one, {Order: one.Order, Logistics: PickUp, Parcels: []Parcel{{}}}},
		"sub_orders.0.shipping_list.0.tracking_no": {{Order: one.Order, Logistics: Express, Parcels: []Parcel{{Item: "x"}}}},
	} {
		u.Orders = orders
		if got, err := m.UploadCombinedShipping(t.Context(), u); err != nil || got.State != BadArgument || got.Field != field {
			t.Errorf("%s: got %v, %v", field, got, err)
		}
	}
	u.Orders = make([]Shipment, 51)
	for i := range u.Orders {
		u.Orders[i] = one
	}
	if got, err := m.UploadCombinedShipping(t.Context(), u); err != nil || got.State != BadArgument || got.Field != "sub_orders" {
		t.Errorf("51 orders: got %v, %v", got, err)
	}
	m.wantCalls(t, combinePath, asked)
}

func TestUploadIsChecked(t *testing.T) {
	t.Parallel()
	c, r, _ := scripted(t, map[string][]string{tokenPath: {`{"access_token":"token-one","expires_in":7200}`}, shipPath: {`{"errcode":0}`}})
	parcels := func(n int) []Parcel {
		var list []Parcel
		for range n {
			list = append(list, Parcel{TrackingNo: "T1", Company: "ZTO", Item: "茶叶*1"})
		}
		return list
	}
	one := func(change func(*Parcel)) func(*Upload) {
		return func(u *Upload) { change(&u.Parcels[0]) }
	}
	sfTo := func(receiver, consignor string) func(*Upload) {
		return one(func(p *Parcel) { p.Company, p.Receiver, p.Consignor = "SF", receiver, consignor })
	}
	long := strings.Repeat
	for _, test := range []struct {
		name   string
		change func(*Upload)
		field  string // empty is taken
	}{
		{"as it is", func(*Upload) {}, ""},
		{"no time", func(u *Upload) { u.At = time.Time{} }, "upload_time"},
		{"no payer", func(u *Upload) { u.OpenID = "" }, "payer.openid"},
		{"no key", func(u *Upload) { u.Order = OrderKey{} }, "order_key"},
		{"half a key", func(u *Upload) { u.Order = OrderKey{MchID: "1"} }, "order_key"},
		{"both keys", func(u *Upload) { u.Order.MchID, u.Order.OutTradeNo = "1", "2" }, "order_key"},
		{"one and a half keys", func(u *Upload) { u.Order.MchID = "1" }, "order_key"},
		{"long key", func(u *Upload) { u.Order.TransactionID = long("1", 33) }, "order_key"},
		{"no such way", func(u *Upload) { u.Logistics = 5 }, "logistics_type"},
		{"no way", func(u *Upload) { u.Logistics = 0 }, "logistics_type"},
		{"split same-city", func(u *Upload) { u.Logistics, u.Split = SameCity, true }, "delivery_mode"},
		{"two in one", func(u *Upload) { u.Parcels = parcels(2) }, "shipping_list"},
		{"none", func(u *Upload) { u.Parcels = nil }, "shipping_list"},
		{"split in 15", func(u *Upload) { u.Split, u.Parcels = true, parcels(15) }, ""},
		{"split in 16", func(u *Upload) { u.Split, u.Parcels = true, parcels(16) }, "shipping_list"},
		{"no tracking", one(func(p *Parcel) { p.TrackingNo = "" }), "shipping_list.0.tracking_no"},
		{"no company", one(func(p *Parcel) { p.Company = "" }), "shipping_list.0.express_company"},
		{"long tracking", one(func(p *Parcel) { p.TrackingNo = long("1", 129) }), "shipping_list.0.tracking_no"},
		{"long company", one(func(p *Parcel) { p.Company = long("1", 129) }), "shipping_list.0.express_company"},
		{"no item", one(func(p *Parcel) { p.Item = "" }), "shipping_list.0.item_desc"},
		{"item of 120", one(func(p *Parcel) { p.Item = long("茶", 120) }), ""},
		{"item of 121", one(func(p *Parcel) { p.Item = long("茶", 121) }), "shipping_list.0.item_desc"},
		{"SF", sfTo("", ""), "shipping_list.0.contact"},
		{"SF to a short number", sfTo("110", ""), "shipping_list.0.contact"},
		{"SF from a short number", sfTo("13800138000", "110"), "shipping_list.0.contact"},
		{"SF from somebody", sfTo("", "13800138000"), ""},
		{"SF same-city", func(u *Upload) { u.Logistics = SameCity; u.Parcels[0].Company = "SF" }, ""},
	} {
		u := goodUpload()
		test.change(&u)
		before := len(r.sent(shipPath))
		got, err := c.UploadShipping(t.Context(), u)
		asked := len(r.sent(shipPath)) > before
		if err != nil || got.Field != test.field || (test.field == "") != (got.State == Done) || asked != (test.field == "") {
			t.Errorf("%s: got %+v, %v, asked: %v", test.name, got, err, asked)
		}
	}
}

func TestUploadCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]State{
		10060002: Exhausted, 10060004: NotShippable, 10060012: Later, 10060019: Later, 44990: Later, 10060009: BadArgument,
		268485216: BadArgument, 48001: Refused,
	} {
		c, _, _ := scripted(t, map[string][]string{
			tokenPath: {`{"access_token":"token-one","expires_in":7200}`}, shipPath: {fmt.Sprintf(`{"errcode":%d,"errmsg":"why"}`, code)},
		})
		got, err := c.UploadShipping(t.Context(), goodUpload())
		if diff := cmp.Diff(Result{State: want, Code: code, Reason: "why"}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for phone, want := range map[string]string{
		"13800138000": "138****8000", "+86 13800138000": "138****8000", "021-12345678": "021****5678", "189****1234": "****1234",
		"12345678": "****5678", "1234": "****1234", "": "", "123": "!", "none": "!",
	} {
		got, ok := mask(phone)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", phone, got, want)
		}
	}
}
