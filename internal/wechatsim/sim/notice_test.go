package sim

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// inbox is a merchant's notify_url that checks as the documentation asks.
type inbox struct {
	*httptest.Server
	w      *world
	apiKey string

	mu     sync.Mutex
	status int // what the next ones are answered with
	plain  []object
	ids    []string
	bad    []string
	at     []time.Time
}

func newInbox(w *world) *inbox {
	in := &inbox{w: w, apiKey: "demo-merchant-apiv3-key-00000001", status: http.StatusNoContent}
	in.Server = httptest.NewServer(in)
	w.t.Cleanup(in.Close)
	return in
}

func (in *inbox) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	in.at = append(in.at, in.w.now())
	event, plain, err := in.read(r.Header, body)
	if err != nil {
		in.bad = append(in.bad, err.Error())
		out.WriteHeader(http.StatusUnauthorized)
		return
	}
	in.ids, in.plain = append(in.ids, event), append(in.plain, plain)
	out.WriteHeader(in.status)
}

func (in *inbox) read(h http.Header, body []byte) (string, object, error) {
	seconds, err := strconv.ParseInt(h.Get("Wechatpay-Timestamp"), 10, 64)
	if err != nil || in.w.now().Sub(time.Unix(seconds, 0)).Abs() >= 5*time.Minute {
		return "", nil, errors.New("timestamp")
	}
	if in.w.publicKey(h.Get("Wechatpay-Serial")) == &in.w.keys.Keys[DemoMerchant].Private.PublicKey {
		return "", nil, errors.New("serial")
	}
	message := h.Get("Wechatpay-Timestamp") + "\n" + h.Get("Wechatpay-Nonce") + "\n" + string(body) + "\n"
	if !verify(in.w.publicKey(h.Get("Wechatpay-Serial")), message, h.Get("Wechatpay-Signature")) {
		return "", nil, errors.New("signature")
	}
	var n struct {
		Event    string `json:"event_type"`
		Kind     string `json:"resource_type"`
		Resource struct {
			Algorithm, Ciphertext, Nonce string
			Associated                   string `json:"associated_data"`
		}
	}
	if err := json.Unmarshal(body, &n); err != nil || n.Kind != "encrypt-resource" || n.Resource.Algorithm != "AEAD_AES_256_GCM" {
		return "", nil, errors.New("body")
	}
	text, err := unseal(in.apiKey, n.Resource.Nonce, n.Resource.Associated, n.Resource.Ciphertext)
	if err != nil {
		return "", nil, errors.New("key")
	}
	var plain object
	return n.Event, plain, errors.Join(json.Unmarshal(text, &plain))
}

// sell makes an order whose notices go to the inbox, and pays it.
func (in *inbox) sell(number string) {
	in.w.t.Helper()
	c := in.w.as(DemoMerchant)
	prepay := c.ok("POST", jsapi, with(order(number, 1000), object{"notify_url": in.URL + "/notify"}))
	if err := in.w.Pay(in.w.params(DemoMerchant, prepay), buyer); err != nil {
		in.w.t.Fatal(err)
	}
}

func TestPaymentNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := newInbox(w)
	in.sell("number-1")
	if n := w.Tick(t.Context()); n != 1 {
		t.Fatalf("%d notices, want 1", n)
	}
	want := w.as(DemoMerchant).ok("GET", "/v3/pay/transactions/out-trade-no/number-1?mchid="+DemoMerchant, nil)
	got := in.last()
	if d := cmp.Diff(jsonOf(t, want), jsonOf(t, got)); d != "" || in.ids[0] != "TRANSACTION.SUCCESS" || len(in.bad) > 0 {
		t.Errorf("%v %v: the notice is not the query's answer: %s", in.ids, in.bad, d)
	}
	if w.Tick(t.Context()) != 0 {
		t.Error("a notice that was taken comes again")
	}
}

func (in *inbox) last() object {
	if len(in.plain) == 0 {
		in.w.t.Fatalf("no notice; refused: %v", in.bad)
	}
	return in.plain[len(in.plain)-1]
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is not taken comes again after 15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h, and then never.
func TestNoticeSchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := newInbox(w)
	in.status = http.StatusInternalServerError
	in.sell("number-1")
	for range 24*60*4 + 40 {
		w.Tick(t.Context())
		w.clock.Advance(15 * time.Second)
	}
	var got []time.Duration
	for i := 1; i < len(in.at); i++ {
		got = append(got, in.at[i].Sub(in.at[i-1]))
	}
	h, m, s := time.Hour, time.Minute, time.Second
	want := []time.Duration{15 * s, 15 * s, 30 * s, 3 * m, 10 * m, 20 * m, 30 * m, 30 * m, 30 * m, 60 * m, 3 * h, 3 * h, 3 * h, 6 * h, 6 * h}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if open, lost := w.Undelivered(); open != 0 || lost != 1 {
		t.Errorf("%d open and %d lost", open, lost)
	}
}

func TestNoticeFaults(t *testing.T) {
	t.Parallel()
	for kind, test := range map[Kind]struct {
		good int
		bad  string
	}{
		ForgeSerial:    {1, "serial"},
		ForgeSignature: {1, "signature"},
		ForgeProbe:     {1, "signature"},
		ForgeOld:       {1, "timestamp"},
		ForgeBody:      {1, "signature"},
		ForgeKey:       {1, "key"},
		Duplicate:      {3, ""},
		Lose:           {0, ""},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			in := newInbox(w)
			w.Misbehave(Fault{On: "notice.*", Kind: kind, Times: 1})
			in.sell("number-1")
			w.Tick(t.Context())
			w.clock.Advance(time.Hour)
			w.Tick(t.Context())
			if len(in.plain) != test.good || strings.Join(in.bad, " ") != test.bad {
				t.Errorf("%d good ones, and %q", len(in.plain), in.bad)
			}
			in.sell("number-2") // the fault was spent
			w.Tick(t.Context())
			if len(in.plain) != test.good+1 {
				t.Errorf("%d good ones after another", len(in.plain))
			}
		})
	}
}

func TestNoticeOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := newInbox(w)
	w.Misbehave(Fault{On: "notice.transaction", Kind: Delay, Delay: time.Minute, Times: 1})
	in.sell("number-1")
	in.sell("number-2")
	w.Tick(t.Context())
	w.clock.Advance(time.Minute)
	w.Tick(t.Context())
	if len(in.plain) != 2 || in.plain[0]["out_trade_no"] != "number-2" || in.plain[1]["out_trade_no"] != "number-1" {
		t.Errorf("got %v", in.plain)
	}
}

// Run delivers by itself, and many at once: a slow answer keeps nobody waiting.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := newInbox(w)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	for i := range 20 {
		in.sell("number-" + strconv.Itoa(i))
	}
	deadline := time.After(10 * time.Second)
	for open, _ := w.Undelivered(); open > 0; open, _ = w.Undelivered() {
		select {
		case <-deadline:
			t.Fatalf("%d notices are still waiting", open)
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	<-done
	if got := len(w.Deliveries()); got != 20 {
		t.Errorf("%d deliveries", got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w)
	defer server.Close()
	ask := func(number string) (*http.Response, error) {
		text := jsonOf(t, order(number, 100))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+jsapi, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		w.as(DemoMerchant).authorize(r, text)
		return server.Client().Do(r)
	}
	for i, test := range []struct {
		fault  Fault
		status int // 0: the line breaks
		made   bool
	}{
		{Fault{On: "prepay", Kind: FailBefore}, 500, false},
		{Fault{On: "prepay", Kind: FailAfter}, 500, true},
		{Fault{On: "prepay", Kind: Limit}, 429, false},
		{Fault{On: "pre*", Kind: HangBefore, Delay: time.Millisecond}, 0, false},
		{Fault{On: "", Kind: HangAfter, Delay: time.Millisecond}, 0, true},
		{Fault{On: "prepay", Kind: CutAfter}, 0, true},
		{Fault{On: "prepay", Kind: BadSignature}, 200, true},
		{Fault{On: "query", Kind: FailBefore}, 200, true},
		{Fault{On: "prepay", Kind: FailBefore, Chance: 1e-12}, 200, true},
	} {
		w.Behave()
		before := len(w.Trades())
		w.Misbehave(test.fault)
		status := 0
		answer, err := ask("number-" + strconv.Itoa(i))
		if err == nil {
			status = answer.StatusCode
			body, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			h := answer.Header
			message := h.Get("Wechatpay-Timestamp") + "\n" + h.Get("Wechatpay-Nonce") + "\n" + string(body) + "\n"
			if got := verify(w.publicKey(h.Get("Wechatpay-Serial")), message, h.Get("Wechatpay-Signature")); got != (test.fault.Kind != BadSignature) {
				t.Errorf("%+v: rightly signed: %v", test.fault, got)
			}
		}
		if made := len(w.Trades()) > before; status != test.status || made != test.made {
			t.Errorf("%+v: %d, made: %v", test.fault, status, made)
		}
	}
	if len(w.Refusals()) != 0 {
		t.Errorf("faults are listed as refusals: %v", w.Refusals())
	}
}
