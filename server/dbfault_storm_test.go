package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/check/checktest"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

const (
	stormBuyers = 4
	stormStock  = 100_000
	stormPause  = 20 * time.Millisecond // of a buyer, so that the machine is not the bottleneck
	// stormRecovery is how long after the database is back errors may still be told, three times what is promised.
	stormRecovery = 9 * time.Second
	// stormAnswer bounds every answer: a request's time, and a machine that is busy.
	stormAnswer = 30 * time.Second
)

// storm is buyers who go on shopping at a server process while its database has troubles. Each remembers what it was told, and
// sends what was not answered again, with the same key, until it is.
type storm struct {
	*process
	db       *db.DB // past the troubles
	via      *http.Client
	variants []string
	buyers   []*shopper
	before   samples

	ended    atomic.Bool
	shopping sync.WaitGroup
	mu       sync.Mutex
	failures []failure
	probes   []probe
}

// shopper is one of them. Only its own goroutine writes to it, but for begun.
type shopper struct {
	*client
	storm *storm
	rand  *rand.Rand
	told  []bought
	begun atomic.Pointer[time.Time] // when the last purchase began that has ended
}

// bought is what a buyer was told.
type bought struct {
	checkout, variant, status string
	units                     int
}

// failure is an answer that was none.
type failure struct {
	began, at time.Time
	op, said  string
}

// probe is what the probes said.
type probe struct {
	began, ended time.Time
	ready, alive int // statuses
}

// newStorm starts a server on source, which may lie behind a cable, and has buyers ready. direct is the same database without it.
func newStorm(t *testing.T, source, direct string) *storm {
	t.Helper()
	p, _ := serve(t, t.TempDir(), "HOLDFAST_DATABASE="+source, "HOLDFAST_DEMO=true", "HOLDFAST_MAX_OPEN=1000")
	s := &storm{
		process: p, db: testdb.Open(t, direct, db.Options{MaxConns: 4}),
		via: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * stormBuyers}, Timeout: stormAnswer},
	}
	t.Cleanup(s.via.CloseIdleConnections)
	w := p.world()
	s.variants = w.goods(t, w.shops(t)[0], 100, stormStock, stormStock)
	for i := range stormBuyers {
		c := w.buyer(t, fmt.Sprintf("storm-%d", i))
		c.via = s.via
		s.buyers = append(s.buyers, &shopper{client: c, storm: s, rand: rand.New(rand.NewPCG(uint64(i), 5))})
	}
	s.before = w.scrape(t)
	for _, b := range s.buyers {
		s.shopping.Go(b.shop)
	}
	s.shopping.Go(s.watch)
	s.settle(t, time.Now())
	return s
}

func (b *shopper) shop() {
	for !b.storm.ended.Load() {
		began := time.Now()
		b.purchase()
		b.begun.Store(&began)
		time.Sleep(stormPause)
	}
}

// purchase places one checkout and pays for it, cancels it, or leaves it.
func (b *shopper) purchase() {
	it := bought{variant: pick(b.rand, b.storm.variants), units: 1 + b.rand.IntN(2), status: "OPEN"}
	type placed struct {
		It struct {
			Checkout struct {
				ID      string
				Payment struct{ ID string }
			}
		}
	}
	var got placed
	place := mutation("checkoutPlace", "CheckoutPlaceInput", "checkout { id payment { id } }", filled(vars{"lines": lines(it.variant, it.units)}))
	if !b.until("place", place, &got) {
		return
	}
	it.checkout = got.It.Checkout.ID
	var nothing struct{}
	switch b.rand.IntN(8) {
	case 0: // it may come back to it, or not
	case 1, 2:
		if it.status = "CANCELLED"; !b.until("cancel", request{
			`mutation($id: ID!) { it: checkoutCancel(checkoutId: $id) { checkout { id } userErrors { code } } }`, vars{"id": it.checkout},
		}, &nothing) {
			return
		}
	default:
		if it.status = "PAID"; !b.until("pay", ofPayment("sandboxPaymentConfirm", got.It.Checkout.Payment.ID), &nothing) {
			return
		}
	}
	b.told = append(b.told, it)
}

// until sends an operation until it is answered, as long as the test lasts.
func (b *shopper) until(op string, r request, into any) bool {
	body, err := json.Marshal(map[string]any{"query": r.query, "variables": r.vars})
	for err == nil {
		began := time.Now()
		got, cut := b.try(body, nil)
		said := ""
		switch {
		case cut != nil:
			said = "NO ANSWER " + cut.Error()
		case len(got.Errors) > 0:
			if said = got.Errors[0].Extensions.Code; said != "OVERLOADED" {
				said += " " + string(got.Body)
			}
		default:
			var refusals struct {
				It struct{ UserErrors []struct{ Code string } }
			}
			if err = json.Unmarshal(got.Data, &refusals); err == nil && len(refusals.It.UserErrors) > 0 {
				said = refusals.It.UserErrors[0].Code
			}
		}
		if said == "" && err == nil {
			err = json.Unmarshal(got.Data, into)
			return err == nil
		}
		b.storm.failed(failure{began, time.Now(), op, said})
		if b.storm.ended.Load() && time.Since(began) > stormAnswer {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.storm.failed(failure{time.Now(), time.Now(), op, fmt.Sprintf("GAVE UP %v", err)})
	return false
}

func (s *storm) failed(f failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, f)
}

// watch asks the probes all the time.
func (s *storm) watch() {
	status := func(path string) int {
		ctx, cancel := context.WithTimeout(context.Background(), stormRecovery)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
		if err != nil {
			return 0
		}
		resp, err := s.via.Do(r)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for !s.ended.Load() {
		p := probe{began: time.Now(), alive: status("/healthz")}
		p.ready, p.ended = status("/readyz"), time.Now()
		s.mu.Lock()
		s.probes = append(s.probes, p)
		s.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
}

// settle waits until every buyer has begun and ended a purchase after a moment, and all has been well for a second.
func (s *storm) settle(t *testing.T, after time.Time) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		calm := len(s.failures) == 0 || time.Since(s.failures[len(s.failures)-1].at) > time.Second
		s.mu.Unlock()
		for _, b := range s.buyers {
			begun := b.begun.Load()
			calm = calm && begun != nil && begun.After(after)
		}
		switch {
		case calm:
			return
		case time.Since(start) > 2*stormAnswer:
			t.Fatalf("the shop never came back; the log ends with\n%s", tail(s.err.String(), 20))
		}
	}
}

// trouble is something that a database has.
type trouble struct {
	begin, end func()
	lasts      time.Duration
	// unready says that the server cannot serve meanwhile, and so has to say it is not ready. It has this long to find out.
	unready time.Duration
	// after, if set, has the trouble last until it says so.
	after func() bool
}

// strike has a trouble come and go, and looks at what was told of it.
func (s *storm) strike(t *testing.T, x trouble) {
	t.Helper()
	s.mu.Lock()
	s.failures, s.probes = nil, nil
	s.mu.Unlock()
	x.begin()
	began := time.Now()
	time.Sleep(x.lasts)
	if x.after != nil {
		waitFor(t, "the trouble to pass", x.after)
	}
	ending := time.Now()
	if x.end != nil {
		x.end()
	}
	back := time.Now()
	s.settle(t, back)

	s.mu.Lock()
	defer s.mu.Unlock()
	said := map[string]int{}
	last, slowest := back, time.Duration(0)
	for _, f := range s.failures {
		said[f.op+" "+f.said]++
		slowest = max(slowest, f.at.Sub(f.began))
		if f.at.After(last) {
			last = f.at
		}
		switch f.said {
		case "OVERLOADED", "PAYMENT_PENDING", "CONFLICT": // the last two of a provider, the sandbox, that keeps its books there too
		default:
			t.Errorf("%s was told %s", f.op, f.said)
		}
	}
	t.Logf("%v of it; errors stopped %v after it; the slowest took %v; told: %v",
		ending.Sub(began).Round(time.Millisecond), last.Sub(back).Round(time.Millisecond), slowest.Round(time.Millisecond), said)
	if took := last.Sub(back); took > stormRecovery {
		t.Errorf("errors stopped %v after the database was back", took)
	}
	s.judgeProbes(t, x, began, ending, back)
	s.judgeLog(t, began)
}

// stormLoops is what work that nobody asked for says when the database is away. It says so once for each time, not as often as it
// tries.
var stormLoops = []string{"not ready", "look for jobs", "sweep overdue checkouts", "watch the database", "ended sessions cannot be read, checking each session's row"}

func (s *storm) judgeLog(t *testing.T, began time.Time) {
	t.Helper()
	said := map[string]int{}
	for line := range strings.Lines(s.err.String()) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("a line of the log is no JSON: %s", line)
		}
		if e.Level >= slog.LevelWarn && e.Time.After(began) {
			said[e.Msg]++
		}
	}
	t.Logf("logged: %v", said)
	for _, loop := range stormLoops {
		if said[loop] > 3 { // what comes back may go again
			t.Errorf("said %d times: %s", said[loop], loop)
		}
	}
}

func (s *storm) judgeProbes(t *testing.T, x trouble, began, ending, back time.Time) {
	t.Helper()
	noticed, ready := time.Duration(-1), time.Duration(-1)
	for _, p := range s.probes {
		if p.alive != http.StatusOK {
			t.Errorf("/healthz answered %d, and the process lives", p.alive)
		}
		during := p.began.After(began) && p.ended.Before(ending)
		if p.ready != http.StatusOK && noticed < 0 && during {
			noticed = p.ended.Sub(began)
		}
		if during && x.unready > 0 && p.began.Sub(began) > x.unready && p.ready != http.StatusServiceUnavailable {
			t.Errorf("/readyz answered %d, %v after it began", p.ready, p.began.Sub(began))
		}
		if p.ready == http.StatusOK && ready < 0 && p.began.After(back) {
			ready = p.ended.Sub(back)
		}
		if p.ready != http.StatusOK && p.began.After(back.Add(stormRecovery)) {
			t.Errorf("/readyz answered %d, %v after the database was back", p.ready, p.began.Sub(back))
		}
	}
	t.Logf("/readyz said no after %v (-1ns: never), and yes %v after it", noticed, ready.Round(time.Millisecond))
	if x.unready > 0 && noticed < 0 {
		t.Error("/readyz never said no")
	}
}

// end has everybody go home, and compares what they were told with what is there.
func (s *storm) end(t *testing.T) {
	t.Helper()
	s.ended.Store(true)
	s.shopping.Wait()
	for _, f := range s.failures {
		if strings.HasPrefix(f.said, "GAVE UP") {
			t.Errorf("%s: %s", f.op, f.said)
		}
	}
	s.compare(t)
	s.via.CloseIdleConnections()
	w := s.world()
	var now samples
	for name, more := range map[string]float64{
		"go_goroutines": 15, "process_open_fds": 10, "go_memstats_heap_inuse_bytes": 32 << 20,
		`holdfast_database_connections{pool="main",state="in_use"}`: 2,
	} {
		if _, ok := s.before[name]; !ok {
			continue // SQLite has other pools
		}
		waitFor(t, name+" to come back", func() bool {
			now = w.scrape(t)
			return now[name] <= s.before[name]+more
		})
		t.Logf("%s: %.0f before, %.0f after", name, s.before[name], now[name])
	}
	checktest.Must(t, s.db)
	s.process.end(t)
}

// compare finds everything that was acknowledged, once, and nothing else.
func (s *storm) compare(t *testing.T) {
	t.Helper()
	rows, err := s.db.Checkout.Query().All(t.Context())
	must(t, err)
	had := make(map[string]string, len(rows))
	for _, r := range rows {
		had[r.ID.String()] = r.Status
	}
	sold, held := map[string]int{}, map[string]int{}
	counts := map[string]int{}
	for _, b := range s.buyers {
		for _, it := range b.told {
			if had[it.checkout] != it.status {
				t.Errorf("told that %s is %s, and it is %q", it.checkout, it.status, had[it.checkout])
			}
			delete(had, it.checkout)
			counts[it.status]++
			switch it.status {
			case "PAID":
				sold[it.variant] += it.units
			case "OPEN":
				held[it.variant] += it.units
			}
		}
	}
	t.Logf("told: %v", counts)
	for id, status := range maps.All(had) {
		t.Errorf("nobody was told of %s, %s", id, status)
	}
	for _, v := range s.variants {
		id, _ := typeid.Parse[typeid.Variant](v)
		stock, err := s.db.Stock.Get(t.Context(), id)
		must(t, err)
		if stock.OnHand != stormStock-sold[v] || stock.Held != held[v] {
			t.Errorf("%s: %d on hand, %d held; want %d and %d", v, stock.OnHand, stock.Held, stormStock-sold[v], held[v])
		}
	}
}

// tail is the last lines of a text.
func tail(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
