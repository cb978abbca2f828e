package sim

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/clock"
)

// morning is when the tests begin: 10 o'clock in Beijing.
var morning = time.Date(2026, 3, 4, 2, 0, 0, 0, time.UTC)

// demo makes the keys once for all tests.
var demo = sync.OnceValues(func() (World, error) {
	return Demo(clock.NewManual(morning).Now)
})

// world is a simulator that a test plays with.
type world struct {
	*Sim
	t     *testing.T
	clock *clock.Manual
	keys  World
}

const buyer = "oBuyer-0000000000000000000001"

func newWorld(t *testing.T) *world {
	t.Helper()
	keys, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: clock.NewManual(morning), keys: keys}
	config := keys.Config
	config.Clock, config.Seed = w.clock.Now, 1
	if w.Sim, err = New(config); err != nil {
		t.Fatal(err)
	}
	w.Know(DemoApp, buyer)
	return w
}

// client signs as a merchant, with code of its own.
type client struct {
	*world
	id     string
	change func(r *http.Request) // spoils a request after it was signed
	serial string                // Wechatpay-Serial
}

func (w *world) as(id string) client { return client{world: w, id: id} }

var nonces = struct {
	sync.Mutex
	n int
}{}

func nonce() string {
	nonces.Lock()
	defer nonces.Unlock()
	nonces.n++
	return "nonce" + strconv.Itoa(nonces.n)
}

func (c client) authorize(r *http.Request, body string) {
	c.t.Helper()
	stamp, n := strconv.FormatInt(c.now().Unix(), 10), nonce()
	signature, err := sign(c.keys.Keys[c.id].Private, r.Method+"\n"+r.URL.RequestURI()+"\n"+stamp+"\n"+n+"\n"+body+"\n")
	if err != nil {
		c.t.Fatal(err)
	}
	serial := ""
	for _, m := range c.keys.Merchants {
		if m.ID == c.id {
			serial = m.Serial
		}
	}
	r.Header.Set("Authorization", `WECHATPAY2-SHA256-RSA2048 mchid="`+c.id+`",nonce_str="`+n+`",timestamp="`+stamp+`",serial_no="`+serial+`",signature="`+signature+`"`)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "test")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.serial != "" {
		r.Header.Set("Wechatpay-Serial", c.serial)
	}
}

func (c client) send(method, path string, body any) *httptest.ResponseRecorder {
	c.t.Helper()
	text := ""
	switch b := body.(type) {
	case nil:
	case string:
		text = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		text = string(raw)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(text))
	c.authorize(r, text)
	if c.change != nil {
		c.change(r)
	}
	out := httptest.NewRecorder()
	c.ServeHTTP(out, r)
	return out
}

// ok asks, wants success under a right signature, and gives the answer.
func (c client) ok(method, path string, body any) object {
	c.t.Helper()
	out := c.send(method, path, body)
	if out.Code != http.StatusOK && out.Code != http.StatusNoContent {
		c.t.Fatalf("%s %s: %d %s", method, path, out.Code, out.Body)
	}
	if !c.signed(out) {
		c.t.Errorf("%s %s: the answer is not rightly signed", method, path)
	}
	return answerOf(c.t, out)
}

func answerOf(t *testing.T, out *httptest.ResponseRecorder) object {
	t.Helper()
	if out.Body.Len() == 0 {
		return nil
	}
	var v object
	d := json.NewDecoder(bytes.NewReader(out.Body.Bytes()))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, out.Body)
	}
	return v
}

func (c client) signed(out *httptest.ResponseRecorder) bool {
	h := out.Header()
	message := h.Get("Wechatpay-Timestamp") + "\n" + h.Get("Wechatpay-Nonce") + "\n" + out.Body.String() + "\n"
	return verify(c.publicKey(h.Get("Wechatpay-Serial")), message, h.Get("Wechatpay-Signature"))
}

// refused asks, and wants this code.
func (c client) refused(status int, code, method, path string, body any) object {
	c.t.Helper()
	out := c.send(method, path, body)
	got := answerOf(c.t, out)
	if out.Code != status || got["code"] != code {
		c.t.Errorf("%s %s: %d %s, want %d %s", method, path, out.Code, out.Body, status, code)
	}
	return got
}

func order(number string, total int64) object {
	return object{
		"appid": DemoApp, "mchid": DemoMerchant, "description": "两件商品", "out_trade_no": number, "notify_url": "https://shop.example/notify",
		"amount": object{"total": total, "currency": "CNY"}, "payer": object{"openid": buyer},
		"settle_info": object{"profit_sharing": true},
	}
}

// params are what the server would give wx.requestPayment.
func (w *world) params(merchant string, prepay object) PayParams {
	w.t.Helper()
	p := PayParams{AppID: DemoApp, TimeStamp: strconv.FormatInt(w.now().Unix(), 10), NonceStr: nonce(), SignType: "RSA"}
	id, _ := prepay["prepay_id"].(string)
	p.Package = "prepay_id=" + id
	var err error
	if p.PaySign, err = sign(w.keys.Keys[merchant].Private, p.AppID+"\n"+p.TimeStamp+"\n"+p.NonceStr+"\n"+p.Package+"\n"); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// paid makes an order and pays it; it gives the transaction.
func (w *world) paid(number string, total int64) string {
	w.t.Helper()
	c := w.as(DemoMerchant)
	if err := w.Pay(w.params(DemoMerchant, c.ok("POST", "/v3/pay/transactions/jsapi", order(number, total))), buyer); err != nil {
		w.t.Fatal(err)
	}
	got := c.ok("GET", "/v3/pay/transactions/out-trade-no/"+number+"?mchid="+DemoMerchant, nil)
	transaction, _ := got["transaction_id"].(string)
	if transaction == "" || got["trade_state"] != "SUCCESS" {
		w.t.Fatalf("not paid: %v", got)
	}
	return transaction
}

// books ends a test: the simulator's own books must agree.
func (w *world) books() {
	w.t.Helper()
	for _, wrong := range w.Audit() {
		w.t.Error(wrong)
	}
}

// with is a copy of an object with some fields changed; nil takes one away, and a/b is a field of a field.
func with(o object, changes object) object {
	out := object{}
	maps.Copy(out, o)
	for k, v := range changes {
		first, rest, deep := strings.Cut(k, "/")
		inner, _ := out[first].(object)
		switch {
		case deep:
			out[first] = with(inner, object{rest: v})
		case v == nil:
			delete(out, k)
		default:
			out[k] = v
		}
	}
	return out
}

// publicKey is the key of a serial, as a merchant would know it.
func (w *world) publicKey(serial string) *rsa.PublicKey {
	for _, m := range w.keys.Merchants {
		if m.PublicKeyID == serial && serial != "" {
			return &m.PublicKey.PublicKey
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.platform {
		if k.Serial == serial {
			return &k.Key.PublicKey
		}
	}
	return &w.keys.Keys[DemoMerchant].Private.PublicKey // wrong, so that nothing is verified
}
