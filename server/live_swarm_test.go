package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/graph/transport/wstest"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

const (
	swarmVariants = 50
	swarmWatched  = 4 // variants that each socket watches
	swarmCutters  = 4
	swarmTrades   = 2 * time.Second  // how long they buy
	swarmPatience = 10 * time.Second // for the last state to reach everybody
)

// swarmSize is how many watch, and how many buy.
func swarmSize() (sockets, buyers int) {
	if os.Getenv("HOLDFAST_TEST_LONG") != "" {
		return 1000, 64
	}
	return 200, 16
}

// TestLiveSwarm has 200 readers watch while 16 buy, pay and cancel, and sockets are cut at random: each ends with the newest
// state, none sees a version fall, and every state that was seen was committed. HOLDFAST_TEST_LONG=1 has a thousand and 64.
func TestLiveSwarm(t *testing.T) {
	t.Run("one server", func(t *testing.T) {
		eachWorld(t, func(t *testing.T, w *world) { newSwarm(t, w, w).run(t) })
	})
	t.Run("two processes", func(t *testing.T) {
		source := testdb.Source(t, testdb.MySQL)
		w := newWorld(t, source)
		other, _ := serve(t, t.TempDir(), "HOLDFAST_DATABASE="+source, "HOLDFAST_DEMO=true")
		newSwarm(t, w, other.world()).run(t)
		other.end(t)
	})
}

// level is a state of stock.
type level struct{ onHand, held int }

// state names one: no two levels may have the same.
type state struct {
	variant string
	version int64
}

// swarm is a crowd of readers and buyers at two servers, or at one that counts as both.
type swarm struct {
	servers  [2]*world
	variants []string
	staff    string // a token
	readers  []*swarmReader

	mu   sync.Mutex
	seen map[state]int // what was available
}

// swarmReader watches a few variants, over one socket after the other.
type swarmReader struct {
	swarm    *swarm
	world    *world
	staff    bool
	variants []string

	mu     sync.Mutex
	client *wstest.Client
	newest map[string]stockView
	faults []string
	times  int // connections
}

func newSwarm(t *testing.T, w, other *world) *swarm {
	t.Helper()
	s := &swarm{servers: [2]*world{w, other}, staff: w.merchant(t).token, seen: make(map[state]int)}
	shop := w.shops(t)[0]
	for len(s.variants) < swarmVariants {
		s.variants = append(s.variants, w.goods(t, shop, 100, 1000, 5, 1000, 30, 1000)...)
	}
	// A trigger keeps each state that a transaction commits. That of one that is rolled back goes with it, and two of the
	// same version cannot both be kept.
	for _, statement := range []string{
		"CREATE TABLE swarm_log (variant_id BINARY(16), version BIGINT, on_hand INT, held INT, PRIMARY KEY (variant_id, version))",
		"CREATE TRIGGER swarm_update AFTER UPDATE ON stocks FOR EACH ROW BEGIN INSERT INTO swarm_log VALUES (NEW.variant_id, NEW.version, NEW.on_hand, NEW.held); END",
		"INSERT INTO swarm_log SELECT variant_id, version, on_hand, held FROM stocks",
	} {
		if _, err := w.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	sockets, _ := swarmSize()
	for i := range sockets {
		r := &swarmReader{swarm: s, world: s.servers[i%2], staff: i%10 < 2, newest: make(map[string]stockView)}
		for n := range swarmWatched {
			r.variants = append(r.variants, s.variants[(i+n*n*7)%swarmVariants])
		}
		s.readers = append(s.readers, r)
	}
	return s
}

func (s *swarm) run(t *testing.T) {
	t.Helper()
	_, crowd := swarmSize()
	buyers := make([]*client, crowd)
	for i := range buyers {
		buyers[i] = s.servers[i%2].buyer(t, fmt.Sprintf("swarm-%d", i))
	}
	watching, stopWatching := context.WithCancel(t.Context())
	defer stopWatching()
	var watchers, traders sync.WaitGroup
	for _, r := range s.readers {
		watchers.Go(func() { r.watch(watching, t) })
	}
	waitFor(t, "every reader's first states", func() bool {
		return s.count(func(r *swarmReader) bool { return len(r.newest) < len(r.variants) }) == 0
	})

	trading, stopTrading := context.WithTimeout(t.Context(), swarmTrades)
	defer stopTrading()
	for _, b := range buyers {
		traders.Go(func() { s.trade(trading, t, b) })
	}
	for range swarmCutters {
		traders.Go(func() {
			for trading.Err() == nil {
				s.readers[rand.IntN(len(s.readers))].cut()
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	traders.Wait()

	log := s.committed(t)
	last := make(map[string]int64)
	for k := range log {
		last[k.variant] = max(last[k.variant], k.version)
	}
	stale := func(r *swarmReader) bool {
		for _, v := range r.variants {
			if r.newest[v].Version != last[v] {
				return true
			}
		}
		return false
	}
	start := time.Now()
	for s.count(stale) > 0 && time.Since(start) < swarmPatience {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(start)
	if n := s.count(stale); n > 0 {
		t.Errorf("%d of %d readers do not have the newest state after %v", n, len(s.readers), took)
	}
	stopWatching()
	s.each(func(r *swarmReader) { r.hangUp() })
	watchers.Wait()
	s.check(t, log)
	connections := 0
	s.each(func(r *swarmReader) { connections += r.times })
	t.Logf("%d commits, %d of them seen; %d connections; the last state had come to everybody after %v", len(log), len(s.seen), connections, took)
	if len(log) < 2*swarmVariants || connections < len(s.readers)+50 {
		t.Error("too little has happened for this to say anything")
	}
}

// check compares what was seen with what was committed.
func (s *swarm) check(t *testing.T, log map[state]level) {
	t.Helper()
	s.each(func(r *swarmReader) {
		for _, fault := range r.faults {
			t.Error(fault)
		}
		for v, got := range r.newest {
			want := log[state{v, got.Version}]
			if r.staff && (got.OnHand == nil || got.Held == nil || level{*got.OnHand, *got.Held} != want) {
				t.Errorf("staff was told %+v, committed is %+v", got, want)
			}
		}
	})
	for k, available := range s.seen {
		if want, ok := log[k]; !ok || want.onHand-want.held != available {
			t.Errorf("%d available of %s at version %d was told, and never committed (%+v, %v)", available, k.variant, k.version, want, ok)
		}
	}
}

// each calls fn for every reader, under its lock.
func (s *swarm) each(fn func(*swarmReader)) {
	for _, r := range s.readers {
		r.mu.Lock()
		fn(r)
		r.mu.Unlock()
	}
}

func (s *swarm) count(is func(*swarmReader) bool) (n int) {
	s.each(func(r *swarmReader) {
		if is(r) {
			n++
		}
	})
	return n
}

// committed is the log of the trigger.
func (s *swarm) committed(t *testing.T) map[state]level {
	t.Helper()
	rows, err := s.servers[0].db.QueryContext(t.Context(), "SELECT variant_id, version, on_hand, held FROM swarm_log")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := make(map[state]level)
	for rows.Next() {
		var id typeid.Variant
		var version int64
		var l level
		if err := rows.Scan(&id, &version, &l.onHand, &l.held); err != nil {
			t.Fatal(err)
		}
		out[state{id.String(), version}] = l
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// trade buys, and pays or cancels, until ctx ends.
func (s *swarm) trade(ctx context.Context, t *testing.T, buyer *client) {
	for ctx.Err() == nil {
		a, b := s.variants[rand.IntN(swarmVariants)], s.variants[rand.IntN(swarmVariants)]
		placed := swarmAsk[checkoutPayload](t, buyer, `mutation($input: CheckoutPlaceInput!) { it: checkoutPlace(input: $input) { checkout { id payment { id } } userErrors { code } } }`,
			vars{"input": filled(vars{"lines": lines(a, 1+rand.IntN(3), b, 1)})})
		switch {
		case placed == nil:
			return
		case placed.Checkout == nil:
			if len(placed.UserErrors) != 1 || placed.UserErrors[0].Code != "OUT_OF_STOCK" {
				t.Errorf("refused with %+v", placed.UserErrors)
			}
		case rand.IntN(3) == 0:
			swarmAsk[payload](t, buyer, `mutation($id: ID!) { it: sandboxPaymentConfirm(paymentId: $id) { userErrors { code } } }`, vars{"id": placed.Checkout.Payment.ID})
		default:
			swarmAsk[payload](t, buyer, `mutation($id: ID!) { it: checkoutCancel(checkoutId: $id) { userErrors { code } } }`, vars{"id": placed.Checkout.ID})
		}
	}
}

// swarmAsk is ask for goroutines: nil once something has gone wrong.
func swarmAsk[T any](t *testing.T, c *client, query string, v vars) *T {
	body, err := json.Marshal(map[string]any{"query": query, "variables": v})
	if err != nil {
		t.Error(err)
		return nil
	}
	got, err := c.try(body, nil)
	var data struct{ It *T }
	if err == nil {
		err = json.Unmarshal(got.Data, &data)
	}
	if err != nil || len(got.Errors) > 0 || data.It == nil {
		t.Errorf("%s: %s (%v)", query, got.Body, err)
		return nil
	}
	return data.It
}

// watch reads until ctx ends, and comes back whenever it is cut off.
func (r *swarmReader) watch(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		c, err := wstest.TryDial(t, r.world.url+"/graphql", nil)
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("dial: %v", err)
			}
			return
		}
		r.mu.Lock()
		r.client = c
		r.times++
		r.mu.Unlock()
		if ctx.Err() == nil {
			r.read(ctx, c)
		}
		_ = c.Conn.CloseNow()
	}
}

// read reads one socket to its end.
func (r *swarmReader) read(ctx context.Context, c *wstest.Client) {
	hello, query := wstest.Message{Type: "connection_init"}, strings.NewReplacer("onHand ", "", "held ", "").Replace(watchStocks)
	if r.staff {
		hello.Payload, query = json.RawMessage(`{"authorization":"Bearer `+r.swarm.staff+`"}`), watchStocks
	}
	ids, _ := json.Marshal(vars{"ids": r.variants})
	c.Send(hello)
	last := make(map[string]int64, len(r.variants)) // of this connection
	for {
		m, err := c.Read(ctx)
		switch {
		case err != nil:
			return
		case m.Type == "connection_ack":
			c.Subscribe("1", query, string(ids))
		case m.Type == "next":
			var got struct {
				Data struct{ StockChanged stockView }
			}
			if err := json.Unmarshal(m.Payload, &got); err != nil {
				r.fault("%s: %v", m, err)
				return
			}
			r.heard(got.Data.StockChanged, last)
		default:
			r.fault("told %s", m)
			return
		}
	}
}

func (r *swarmReader) heard(now stockView, last map[string]int64) {
	if now.Version <= last[now.VariantID] {
		r.fault("version %d of %s after version %d", now.Version, now.VariantID, last[now.VariantID])
	}
	last[now.VariantID] = now.Version
	r.mu.Lock()
	r.newest[now.VariantID] = now
	r.mu.Unlock()
	s, k := r.swarm, state{now.VariantID, now.Version}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, ok := s.seen[k]; ok && other != now.Available {
		r.fault("%d and %d are available of %s at version %d", other, now.Available, now.VariantID, now.Version)
	}
	s.seen[k] = now.Available
}

func (r *swarmReader) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// cut breaks the socket, wherever it is.
func (r *swarmReader) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hangUp()
}

// hangUp is called under the lock.
func (r *swarmReader) hangUp() {
	if r.client != nil {
		_ = r.client.Conn.CloseNow()
	}
}
