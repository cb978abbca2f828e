package wechatpay_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"holdfast/internal/clock"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
	"holdfast/internal/wechatpay"
	"holdfast/internal/wechatsim/sim"
)

// ids lets cmp compare notices.
var ids = cmpopts.EquateComparable(typeid.Payment{}, typeid.Refund{})

// morning is when the tests begin: 10 o'clock in Beijing.
var morning = time.Date(2026, 3, 4, 2, 0, 0, 0, time.UTC)

const (
	app      = sim.DemoApp
	buyer    = "oBuyer-0000000000000000000001"
	friend   = "oBuyer-0000000000000000000002"
	supplier = "1900000201"
	promoter = "1900000202"
)

// setup is one way to be a merchant.
type setup struct {
	name   string
	mode   wechatpay.Mode
	caller string
	shops  []string // the receivers of shops
}

var setups = []setup{
	{"merchant/certificates", wechatpay.MerchantMode, "1900000001", []string{"1900000001", "1900000002"}},
	{"merchant/publickey", wechatpay.MerchantMode, "1900000003", []string{"1900000003", "1900000004"}},
	{"partner/certificates", wechatpay.PartnerMode, "1900000110", []string{"1900000111", "1900000112"}},
	{"partner/publickey", wechatpay.PartnerMode, "1900000100", []string{"1900000101", "1900000102"}},
}

// keys are made once for all tests.
var keys = sync.OnceValues(func() (sim.World, error) {
	w, err := sim.Demo(clock.NewManual(morning).Now)
	if err != nil {
		return w, err
	}
	for i, m := range []sim.Merchant{
		{Account: sim.Account{ID: "1900000002", Name: "商户二"}, APIv3Key: "merchant-two-apiv3-key-000000002"},
		{Account: sim.Account{ID: "1900000003", Name: "商户三"}, APIv3Key: "merchant-3rd-apiv3-key-000000003"},
		{Account: sim.Account{ID: "1900000004", Name: "商户四"}, APIv3Key: "merchant-4th-apiv3-key-000000004"},
		{
			Account: sim.Account{ID: "1900000110", Name: "服务商二"}, APIv3Key: "partner-two-apiv3-key-0000000110", Partner: true,
			Subs: []sim.Account{{ID: "1900000111", Name: "店铺四", MaxRatio: 2000}, {ID: "1900000112", Name: "店铺五"}},
		},
	} {
		m.AppIDs = []string{app}
		if err := w.AddMerchant(m, i == 1 || i == 2); err != nil {
			return w, err
		}
	}
	return w, nil
})

// world is a provider that talks to a simulated WeChat over real HTTP.
type world struct {
	*wechatpay.Provider
	sim   *sim.Sim
	clock *clock.Manual
	setup setup
	logs  *syncBuffer

	api, notify *httptest.Server

	mu       sync.Mutex
	dossiers map[typeid.Payment]*payment.Dossier
	notices  []heard
}

// heard is what became of a notice.
type heard struct {
	notice wechatpay.Notice
	err    error
	header http.Header
	body   []byte
}

type syncBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s)
			fn(t, w)
			for _, wrong := range w.sim.Audit() {
				t.Error(wrong)
			}
		})
	}
}

// first is a world for what is the same in all.
func first(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	return newWorld(t, setups[0])
}

func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	made, err := keys()
	must(t, err)
	w := &world{clock: clock.NewManual(morning), setup: s, dossiers: map[typeid.Payment]*payment.Dossier{}, logs: &syncBuffer{}}
	config := made.Config
	config.Clock, config.Seed = w.clock.Now, 1
	w.sim, err = sim.New(config)
	must(t, err)
	w.sim.Know(app, buyer)
	w.sim.Know(app, friend)
	w.api = httptest.NewServer(w.sim)
	t.Cleanup(w.api.Close)
	w.notify = httptest.NewServer(w)
	t.Cleanup(w.notify.Close)
	w.Provider, err = wechatpay.New(w.settings(t))
	must(t, err)
	return w
}

func (w *world) settings(t *testing.T) wechatpay.Settings {
	t.Helper()
	made, err := keys()
	must(t, err)
	s := wechatpay.Settings{
		MiniPrograms: []wechatpay.MiniProgram{{AppID: app, Merchant: w.setup.caller}}, NotifyURL: w.notify.URL + "/wechatpay/notify", BaseURL: w.api.URL,
		Dossiers: w, Clock: w.clock.Now, Log: slog.New(slog.NewJSONHandler(w.logs, nil)),
	}
	for _, m := range made.Merchants {
		own, err := x509.MarshalPKCS8PrivateKey(made.Keys[m.ID].Private)
		must(t, err)
		one := wechatpay.Merchant{
			MchID: m.ID, Mode: wechatpay.MerchantMode, Serial: m.Serial, PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: own}),
			APIv3Key: []byte(m.APIv3Key), PublicKeyID: m.PublicKeyID,
		}
		if m.Partner {
			one.Mode = wechatpay.PartnerMode
		}
		if m.PublicKey != nil {
			public, err := x509.MarshalPKIXPublicKey(&m.PublicKey.PublicKey)
			must(t, err)
			one.PublicKey = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
		}
		s.Merchants = append(s.Merchants, one)
	}
	return s
}

// again is the provider of another process.
func (w *world) again(t *testing.T) *wechatpay.Provider {
	t.Helper()
	p, err := wechatpay.New(w.settings(t))
	must(t, err)
	return p
}

// Dossier implements wechatpay.Dossiers.
func (w *world) Dossier(_ context.Context, id typeid.Payment) (*payment.Dossier, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.dossiers[id]; d != nil {
		return d, nil
	}
	return nil, fault.New(fault.NotFound, "there is no such payment")
}

// ServeHTTP takes notices as the server does.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h := heard{err: err, header: r.Header, body: body}
	if err == nil {
		h.notice, h.err = w.ReadNotice(r.Context(), r.Header, body)
	}
	w.mu.Lock()
	w.notices = append(w.notices, h)
	w.mu.Unlock()
	switch {
	case h.err == nil:
		out.WriteHeader(http.StatusNoContent)
	case errors.Is(h.err, wechatpay.ErrForged):
		out.WriteHeader(http.StatusUnauthorized)
	default:
		out.WriteHeader(http.StatusInternalServerError)
	}
}

// hear has the due notices delivered and gives those that came.
func (w *world) hear(t *testing.T) []heard {
	t.Helper()
	w.mu.Lock()
	w.notices = nil
	w.mu.Unlock()
	w.sim.Tick(t.Context())
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.notices)
}

// owe makes a payment of one order for each total, of different shops.
func (w *world) owe(shared bool, totals ...int64) (payment.Trade, *payment.Dossier) {
	d := &payment.Dossier{
		ID: typeid.New[typeid.Payment](w.clock.Now()), AppID: app, OpenID: buyer, ExpiresAt: w.clock.Now().Add(15 * time.Minute),
		Total: money.New(0, money.CNY),
	}
	for i, total := range totals {
		d.Orders = append(d.Orders, payment.DossierOrder{
			ID: typeid.New[typeid.Order](w.clock.Now()), Number: "0123456789ABCDEF", Receiver: w.setup.shops[i], Total: money.New(total, money.CNY),
			Shared: shared, Title: "龙井茶 Longjing", Lines: i + 1,
		})
		d.Total.Amount += total
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dossiers[d.ID] = d
	return payment.Trade{ID: d.ID, Amount: d.Total, ExpiresAt: d.ExpiresAt}, d
}

// pay prepares a payment and pays it, as a buyer does.
func (w *world) pay(t *testing.T, trade payment.Trade) {
	t.Helper()
	p, err := w.Prepare(t.Context(), trade)
	must(t, err)
	must(t, w.sim.Pay(params(p), buyer))
}

func params(p payment.Parameters) sim.PayParams {
	return sim.PayParams{AppID: app, TimeStamp: p.TimeStamp, NonceStr: p.NonceStr, Package: p.Package, SignType: p.SignType, PaySign: p.PaySign}
}

// paid owes, pays, and lets pass what has to before sharing.
func (w *world) paid(t *testing.T, totals ...int64) *payment.Dossier {
	t.Helper()
	trade, d := w.owe(true, totals...)
	w.pay(t, trade)
	w.clock.Advance(w.ShareAfter())
	return d
}

// trades are the simulator's, by number.
func (w *world) trades() map[string]sim.Trade {
	out := map[string]sim.Trade{}
	for _, t := range w.sim.Trades() {
		out[t.Number] = t
	}
	return out
}

// refusals are the codes that the simulator refused with.
func (w *world) refusals() []string {
	var out []string
	for _, r := range w.sim.Refusals() {
		out = append(out, r.Code)
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused wants a refusal of this code.
func refused(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

// unknown wants an error that says nothing, after which the same may be asked again.
func unknown(t *testing.T, err error) {
	t.Helper()
	if err == nil || fault.List(err) != nil {
		t.Errorf("got %v, want an error that is no refusal", err)
	}
}

// removeReceiver is what somebody does on the merchant platform: with the merchant's own key, as here there is no other way.
func (w *world) removeReceiver(t *testing.T, account string) {
	t.Helper()
	made, err := keys()
	must(t, err)
	body := map[string]string{"appid": app, "type": "MERCHANT_ID", "account": account}
	if w.setup.mode == wechatpay.PartnerMode {
		body["sub_mchid"] = w.setup.shops[0]
	}
	text, err := json.Marshal(body)
	must(t, err)
	const path = "/v3/profitsharing/receivers/delete"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.api.URL+path, bytes.NewReader(text))
	must(t, err)
	stamp := strconv.FormatInt(w.clock.Now().Unix(), 10)
	signature, err := utils.SignSHA256WithRSA("POST\n"+path+"\n"+stamp+"\nremove"+account+"\n"+string(text)+"\n", made.Keys[w.setup.caller].Private)
	must(t, err)
	serial := made.Merchants[slices.IndexFunc(made.Merchants, func(m sim.Merchant) bool { return m.ID == w.setup.caller })].Serial
	r.Header.Set("Authorization", fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="remove%s",timestamp="%s",serial_no="%s",signature="%s"`,
		w.setup.caller, account, stamp, serial, signature))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
}
