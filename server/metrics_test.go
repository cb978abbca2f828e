package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"holdfast/graph/transport/wstest"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// samples are what a scrape answers, by name and labels as they are written.
type samples map[string]float64

func (w *world) scrape(t *testing.T) samples {
	t.Helper()
	resp, err := http.Get(w.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("/metrics answers %d (%v): %s", resp.StatusCode, err, text)
	}
	out := samples{}
	for line := range strings.Lines(string(text)) {
		name, value, found := cutLast(strings.TrimSpace(line), " ")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		if out[name], err = strconv.ParseFloat(value, 64); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	return out
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// check compares some of the samples.
func (s samples) check(t *testing.T, when string, want samples) {
	t.Helper()
	got := samples{}
	for name := range want {
		if v, ok := s[name]; ok {
			got[name] = v
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// known tells whether there is a sample of a name, whatever its labels.
func (s samples) known(name string) bool {
	for sample := range s {
		if sample == name || strings.HasPrefix(sample, name+"{") {
			return true
		}
	}
	return false
}

func count(operation, code string) string {
	return fmt.Sprintf(`holdfast_operations_total{code=%q,operation=%q}`, code, operation)
}

// TestMetrics does a little of everything and reads it on /metrics.
func TestMetrics(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		first := w.scrape(t)
		first.check(t, "at the start", samples{
			"holdfast_up_database": 1, "holdfast_open_checkouts": 0, "holdfast_oldest_overdue_checkout_seconds": 0,
			"holdfast_oldest_due_job_seconds": 0, "holdfast_websocket_connections": 0,
		})
		for _, name := range []string{
			"holdfast_build_info", "holdfast_database_connections", "holdfast_database_connections_max",
			"holdfast_database_waits_total", "holdfast_database_wait_seconds_total", "go_goroutines", "process_open_fds",
		} {
			if !first.known(name) {
				t.Errorf("there is no %s", name)
			}
		}
		v := w.goods(t, w.shops(t)[0], 100, 9)[0]
		buyer := w.buyer(t, "meter")
		paid := buyer.buy(t, vars{"lines": lines(v, 1)})
		buyer.buy(t, vars{"lines": lines(v, 1)})
		buyer.place(t, vars{"lines": lines(v, 50)}).refused(t, "OUT_OF_STOCK")
		w.anonymous().post(t, placeBody(t, vars{"lines": lines(v, 1)}))
		w.anonymous().send(t, `query DropTableOrders { nothing }`, nil)
		buyer.confirm(t, paid.Payment.ID).refused(t)
		time.Sleep(backlogFresh + 100*time.Millisecond)

		got := w.scrape(t)
		got.check(t, "after a while", samples{
			count("Mutation.checkoutPlace", "OK"): 2, count("Mutation.checkoutPlace", "OUT_OF_STOCK"): 1,
			count("Mutation.checkoutPlace", "UNAUTHENTICATED"): 1, count("Mutation.sandboxPaymentConfirm", "OK"): 1, count("none", "BAD_REQUEST"): 1,
			`holdfast_operation_duration_seconds_count{operation="Mutation.checkoutPlace"}`:            4,
			`holdfast_operation_duration_seconds_bucket{operation="Mutation.checkoutPlace",le="+Inf"}`: 4,
			`holdfast_http_requests_total{route="/metrics",status="200"}`:                              1,
			"holdfast_open_checkouts": 1, "holdfast_up_database": 1,
		})
		if took := got[`holdfast_operation_duration_seconds_sum{operation="Mutation.checkoutPlace"}`]; took <= 0 || took > 10 {
			t.Errorf("checkouts took %v s", took)
		}
		for sample := range got {
			if strings.Contains(sample, "DropTableOrders") || strings.Contains(sample, "nothing") {
				t.Errorf("a client's words became a label: %s", sample)
			}
		}
		if n := got[`holdfast_http_requests_total{route="/graphql",status="200"}`]; n < 8 {
			t.Errorf("%v requests of /graphql", n)
		}
	})
}

// TestMetricsOfSockets counts sockets, and subscriptions by field, while they are open.
func TestMetricsOfSockets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	v := w.goods(t, w.shops(t)[0], 100, 9)[0]
	socket := wstest.Connect(t, w.url+"/graphql", "")
	socket.Subscribe("1", `subscription { stockChanged(variantIds: ["`+v+`"]) { available } }`, "")
	socket.Subscribe("2", `{ viewer { __typename } }`, "")
	const subscribers = `holdfast_subscribers{subscription="Subscription.stockChanged"}`
	var got samples
	waitFor(t, "both operations", func() bool {
		got = w.scrape(t)
		return got[subscribers] == 1 && got[count("Query.viewer", "OK")] == 1
	})
	got.check(t, "while it is open", samples{
		"holdfast_websocket_connections": 1, count("Subscription.stockChanged", "OK"): 1, `holdfast_http_requests_total{route="/graphql",status="101"}`: 1,
	})
	_ = socket.Conn.CloseNow()
	waitFor(t, "the end", func() bool {
		got = w.scrape(t)
		return got[subscribers] == 0 && got["holdfast_websocket_connections"] == 0
	})
}

// TestMetricsWithoutDatabase takes the database away: a scrape still answers, soon, with the rest.
func TestMetricsWithoutDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	w.unchecked = true
	w.log.expectFaults()
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	got := w.scrape(t)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	got.check(t, "without a database", samples{"holdfast_up_database": 0, "holdfast_websocket_connections": 0})
	if got.known("holdfast_open_checkouts") || got.known("holdfast_jobs") {
		t.Error("it tells what it cannot know")
	}
	if !got.known("go_goroutines") || !got.known("holdfast_database_connections") {
		t.Error("the rest is missing")
	}
}

// TestMetricsWhenTheDatabaseIsSilent has MySQL say nothing at all: the statement is given up.
func TestMetricsWhenTheDatabaseIsSilent(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.MySQL)
	wire := newWire(t, hostIn(t, source))
	d := testdb.Open(t, strings.Replace(source, hostIn(t, source), wire.addr, 1), db.Options{})
	registry := prometheus.NewRegistry()
	registry.MustRegister(newBacklogCollector(d, time.Now, slog.New(slog.DiscardHandler)))
	if got := gather(t, registry); got["holdfast_up_database"] != 1 {
		t.Fatalf("at first: %v", got)
	}
	time.Sleep(backlogFresh + 100*time.Millisecond)
	wire.set(wireSilent)
	defer wire.set(wireCut)
	start := time.Now()
	got := gather(t, registry)
	if took := time.Since(start); got["holdfast_up_database"] != 0 || took > 3*backlogTimeout {
		t.Errorf("after %v: %v", took, got)
	}
	start = time.Now()
	gather(t, registry)
	if took := time.Since(start); took > backlogTimeout/2 {
		t.Errorf("the next scrape waits as well: %v", took)
	}
}

func hostIn(t *testing.T, source string) string {
	t.Helper()
	_, rest, _ := strings.Cut(source, "@")
	host, _, found := strings.Cut(rest, "/")
	if !found {
		t.Fatalf("no host in %s", source)
	}
	return host
}

// gather is what a registry tells, of gauges alone, with label values behind the name.
func gather(t *testing.T, registry *prometheus.Registry) samples {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := samples{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetGauge().GetValue()
		}
	}
	return out
}

// TestBacklog reads what waits in the database, on each of them, at a moment that stands still.
func TestBacklog(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		var statements atomic.Int64
		d := testdb.Open(t, source, db.Options{OnStatement: func(string) { statements.Add(1) }})
		now := clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
		at := func(ago time.Duration) time.Time { return now.Now().Add(-ago) }
		collector := newBacklogCollector(d, now.Now, slog.New(slog.DiscardHandler))
		registry := prometheus.NewRegistry()
		registry.MustRegister(collector)
		empty := samples{
			"holdfast_up_database": 1, "holdfast_open_checkouts": 0, "holdfast_oldest_overdue_checkout_seconds": 0, "holdfast_oldest_due_job_seconds": 0,
		}
		if diff := cmp.Diff(empty, gather(t, registry)); diff != "" {
			t.Errorf("nothing waits (-want +got):\n%s", diff)
		}
		plantBacklog(t, d, at)
		now.Advance(backlogFresh / 2)
		if diff := cmp.Diff(empty, gather(t, registry)); diff != "" {
			t.Errorf("half a second later it was counted again (-want +got):\n%s", diff)
		}
		now.Advance(backlogFresh / 2)
		want := samples{
			"holdfast_up_database": 1, "holdfast_open_checkouts": 3, "holdfast_oldest_overdue_checkout_seconds": 91, "holdfast_oldest_due_job_seconds": 31,
			"holdfast_jobs ORDER due": 2, "holdfast_jobs ORDER waiting": 1, "holdfast_jobs PAYMENT running": 1, "holdfast_jobs ORDER failing": 1,
			"holdfast_jobs PAYMENT due": 1,
		}
		statements.Store(0)
		var storm sync.WaitGroup
		for range 50 {
			storm.Go(func() {
				if diff := cmp.Diff(want, gather(t, registry)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
		storm.Wait()
		if n := statements.Load(); n != 2 {
			t.Errorf("50 scrapes at once sent %d statements, want 2", n)
		}
	})
}

// plantBacklog makes checkouts and jobs of every state.
func plantBacklog(t *testing.T, d *db.DB, at func(ago time.Duration) time.Time) {
	t.Helper()
	checkouts := []struct {
		status string
		ended  time.Duration
	}{{"OPEN", 90 * time.Second}, {"OPEN", 30 * time.Second}, {"OPEN", -time.Minute}, {"PAID", time.Hour}, {"EXPIRED", time.Hour}}
	for i, c := range checkouts {
		err := d.Checkout.Create().SetID(typeid.New[typeid.Checkout](at(0))).SetBuyerID(typeid.New[typeid.Buyer](at(0))).
			SetMiniProgramID(typeid.New[typeid.MiniProgram](at(0))).SetIdempotencyKey(fmt.Sprint(i)).SetRequestHash(make([]byte, 32)).
			SetStatus(c.status).SetPlacedAt(at(time.Hour)).SetHeldUntil(at(c.ended)).Exec(t.Context())
		if err != nil {
			t.Fatal(err)
		}
	}
	jobs := []struct {
		kind     string
		due      time.Duration
		leased   time.Duration // 0 for never
		attempts int
		failure  string
	}{
		{kind: "ORDER", due: 20 * time.Second},
		{kind: "ORDER", due: 30 * time.Second, attempts: 1, failure: "once is no habit"},
		{kind: "ORDER", due: -time.Hour},
		{kind: "PAYMENT", due: time.Hour, leased: -time.Minute, attempts: 3, failure: "but it is being tried"},
		{kind: "PAYMENT", due: time.Second, leased: time.Minute, attempts: 1}, // whoever had it is dead
		{kind: "ORDER", due: -time.Minute, attempts: 4, failure: "no answer"},
	}
	for _, j := range jobs {
		create := d.Job.Create().SetID(typeid.New[typeid.Job](at(0))).SetKind(j.kind).SetRunAt(at(j.due)).SetAttempts(j.attempts).SetWakes(1).SetCreatedAt(at(0))
		if j.leased != 0 {
			create.SetLeasedUntil(at(j.leased))
		}
		if j.failure != "" {
			create.SetLastError(j.failure)
		}
		if err := create.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMetricNames holds every metric to the conventions: base units, suffixes, help texts.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	w.buyer(t, "namer")
	families, err := w.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "holdfast_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	ours := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "holdfast_") {
			ours++
		}
	}
	if ours < 12 {
		t.Errorf("only %d metrics are Holdfast's own", ours)
	}
}

// BenchmarkObserve is what each root field pays for its metrics.
func BenchmarkObserve(b *testing.B) {
	m := newMetrics(time.Now)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		_, end := m.Begin(ctx, "Mutation.checkoutPlace")
		end("OK")
	}
}

// Everybody may scrape at once.
func TestScrapesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	handler := w.metrics.handler(w.server.log)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "holdfast_up_database 1") {
				t.Errorf("%d: %.200s", rec.Code, rec.Body)
			}
		})
	}
	all.Wait()
}
