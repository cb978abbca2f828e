package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"holdfast/graph/transport/wstest"
	"holdfast/internal/testdb"
)

// receiver takes traces as an OpenTelemetry collector does.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	about map[string]string // of the resource
	raw   strings.Builder
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{about: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var sent collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &sent)
		}
		if err != nil || req.URL.Path != "/v1/traces" || req.Method != http.MethodPost {
			t.Errorf("%s %s: %v", req.Method, req.URL.Path, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.raw.Write(body)
		for _, resource := range sent.GetResourceSpans() {
			for _, a := range resource.GetResource().GetAttributes() {
				r.about[a.GetKey()] = a.GetValue().GetStringValue()
			}
			for _, scope := range resource.GetScopeSpans() {
				r.spans = append(r.spans, scope.GetSpans()...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

// named are the spans of a name.
func (r *receiver) named(name string) []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*otlp.Span
	for _, s := range r.spans {
		if s.GetName() == name {
			out = append(out, s)
		}
	}
	return out
}

// below are the names of the spans under a span, with those under them.
func (r *receiver) below(parent *otlp.Span) map[string]int {
	out := map[string]int{}
	for _, s := range r.spans {
		if string(s.GetParentSpanId()) == string(parent.GetSpanId()) {
			out[s.GetName()]++
			for name, n := range r.below(s) {
				out[name] += n
			}
		}
	}
	return out
}

func attributeOf(s *otlp.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// TestTraces follows a checkout from the client's own trace down to the statements, and looks for what must not be in it.
func TestTraces(t *testing.T) {
	t.Parallel()
	eachWorldWithTraces(t, func(t *testing.T, w *world, traces *receiver) {
		v := w.goods(t, w.shops(t)[0], 100, 9)[0]
		buyer := w.buyer(t, "traced")
		const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
		header := http.Header{"Traceparent": {"00-" + trace + "-" + span + "-01"}, "X-Request-Id": {"traced-1"}}
		if _, err := buyer.try(placeBody(t, vars{"lines": lines(v, 1)}), header); err != nil {
			t.Fatal(err)
		}
		if _, err := buyer.try(placeBody(t, vars{"lines": lines(v, 50)}), http.Header{}); err != nil {
			t.Fatal(err)
		}
		socket := wstest.Connect(t, w.url+"/graphql", `{"authorization":"Bearer `+buyer.token+`"}`)
		socket.Subscribe("1", `{ viewer { ... on Buyer { cart { version } } } }`, "")
		if m := socket.Next(); m.Type != "next" {
			t.Fatalf("%s", m)
		}
		_ = socket.Conn.CloseNow()
		w.checkInvariants(t)
		w.unchecked = true
		w.stop() // which sends what is left

		var request *otlp.Span
		for _, s := range traces.named("POST /graphql") {
			if hex.EncodeToString(s.GetTraceId()) == trace {
				request = s
			}
		}
		if request == nil || hex.EncodeToString(request.GetParentSpanId()) != span || attributeOf(request, "request_id") != "traced-1" {
			t.Fatalf("the client's trace is not taken up: %v", request)
		}
		under := traces.below(request)
		for name, least := range map[string]int{"Mutation.checkoutPlace": 1, "transaction": 1, "INSERT orders": 1, "UPDATE stocks": 1, "SELECT product_variants": 1} {
			if under[name] < least {
				t.Errorf("%d spans %q below the request: %v", under[name], name, under)
			}
		}
		for _, tx := range traces.named("transaction") {
			if string(tx.GetTraceId()) == string(request.GetTraceId()) && traces.below(tx)["INSERT orders"] != 1 {
				t.Errorf("below the transaction: %v", traces.below(tx))
			}
		}
		var codes []string
		for _, s := range traces.named("Mutation.checkoutPlace") {
			codes = append(codes, attributeOf(s, "code"))
		}
		if len(codes) != 2 || codes[0] == codes[1] {
			t.Errorf("checkouts ended with %v", codes)
		}
		if s := traces.named("Query.viewer"); len(s) != 1 || len(s[0].GetParentSpanId()) != 0 || traces.below(s[0])["SELECT carts"] != 1 {
			t.Errorf("what came over a socket: %v", s)
		}
		for _, s := range traces.spans {
			if len(s.GetParentSpanId()) == 0 && !strings.Contains(s.GetName(), " /graphql") && s.GetName() != "Query.viewer" {
				t.Errorf("a trace begins with %s", s.GetName())
			}
		}
		if traces.about["service.name"] != "holdfast" {
			t.Errorf("the resource is %v", traces.about)
		}
		sent := traces.raw.String()
		checkSecrets(t, "a trace", sent, []string{buyer.token, v, "龙井路", "13800", "$input", "shipTo", "VALUES", "WHERE"})
	})
}

func eachWorldWithTraces(t *testing.T, fn func(t *testing.T, w *world, traces *receiver)) {
	t.Helper()
	testdb.EachSource(t, func(t *testing.T, source string) {
		traces := newReceiver(t)
		fn(t, newWorld(t, source, func(c *serveCommand, _ *app) { c.OTLPEndpoint = traces.URL }), traces)
	})
}

// TestTracesOff shows that without an endpoint nothing of tracing is between a request and its answer.
func TestTracesOff(t *testing.T) {
	t.Parallel()
	plain := newWorld(t, testdb.Source(t, testdb.SQLite))
	traced := newWorld(t, testdb.Source(t, testdb.SQLite), func(c *serveCommand, _ *app) { c.OTLPEndpoint = newReceiver(t).URL })
	made := func(w *world) string { return runtime.FuncForPC(reflect.ValueOf(w.edge()).Pointer()).Name() }
	if plain.tracing != nil || !strings.Contains(made(plain), "authenticated") {
		t.Errorf("without an endpoint /graphql is answered by %s", made(plain))
	}
	if traced.tracing == nil || !strings.Contains(made(traced), "tracing") {
		t.Errorf("with an endpoint /graphql is answered by %s", made(traced))
	}
}

// TestTracesNobodyTakes ends a server whose collector accepts and never answers, and one whose collector is not there.
func TestTracesNobodyTakes(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(release) })
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, endpoint := range map[string]string{"silent": silent.URL, "gone": gone.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testdb.Source(t, testdb.SQLite), func(c *serveCommand, _ *app) { c.OTLPEndpoint = endpoint })
			w.buyer(t, "patient")
			w.unchecked = true
			start := time.Now()
			w.stop()
			if took := time.Since(start); took > flushTimeout+3*time.Second {
				t.Errorf("the end took %v", took)
			}
			if !strings.Contains(w.log.String(), "traces") {
				t.Error("nobody is told that traces are lost")
			}
		})
	}
}
