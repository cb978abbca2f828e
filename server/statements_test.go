package main

import (
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/testdb"
)

// statements remembers what is sent to the database.
type statements struct {
	mu   sync.Mutex
	list []string
}

func (s *statements) add(query string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, query)
}

// during are the statements that do sends.
func (s *statements) during(do func()) []string {
	s.mu.Lock()
	s.list = nil
	s.mu.Unlock()
	do()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// newQuietWorld is a world without background work, whose statements are counted. Loaders gather for longer, so that a busy
// machine does not split what belongs together. Without the watch over ended sessions, each request reads its session: one
// statement more than a running server sends for a buyer.
func newQuietWorld(t *testing.T, source string) (*world, *statements) {
	t.Helper()
	seen := &statements{}
	log, yes := &logBuffer{}, true
	c := &serveCommand{Addr: "127.0.0.1:0", Demo: &yes, Hold: 15 * time.Minute, MaxOpen: 20, CompleteAfter: 240 * time.Hour}
	c.Database = source
	a := &app{now: clock.Of(time.Now), log: slog.New(slog.NewJSONHandler(log, nil))}
	a.database.OnStatement = seen.add
	a.edge.Wait = 50 * time.Millisecond
	s, err := newServer(t.Context(), a, c)
	if err != nil {
		t.Fatalf("make server: %v", err)
	}
	web := httptest.NewServer(s.handler())
	w := &world{server: s, source: source, url: web.URL, log: log}
	t.Cleanup(func() {
		web.Close()
		w.checkInvariants(t)
		if err := s.db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
		log.check(t)
	})
	return w, seen
}

// sessionRow is the statement that a request of a buyer sends here and not in a server that watches over sessions.
const sessionRow = 1

// TestStatements counts what requests cost the database.
func TestStatements(t *testing.T) {
	t.Parallel() // it waits
	testdb.EachSource(t, func(t *testing.T, source string) {
		w, seen := newQuietWorld(t, source)
		t.Run("queries", func(t *testing.T) { statementsOfQueries(t, w, seen) })
		t.Run("checkoutPlace", func(t *testing.T) { statementsOfCheckouts(t, w, seen) })
	})
}

func statementsOfQueries(t *testing.T, w *world, seen *statements) {
	shops, buyer, merchant := w.shops(t), w.buyer(t, "counted"), w.merchant(t)
	v := append(w.goods(t, shops[0], 100, 9, 9, 9), w.goods(t, shops[1], 100, 9, 9)...)
	for range 3 {
		buyer.buy(t, vars{"lines": lines(v[0], 1, v[1], 1, v[3], 1)})
	}
	buyer.setCart(t, lines(v[0], 1, v[1], 20, v[3], 1), nil).refused(t)
	shop := `query($id: ID!) { shop(id: $id) `
	for name, c := range map[string]struct {
		who   *client
		query string
		most  int
	}{
		"a page of 20 products with variants and stock":           {w.anonymous(), shop + `{ products(first: 20) { nodes { title variants { price { amount } stock { available isLow } } } } } }`, 4},
		"shops, products, variants, stock":                        {w.anonymous(), `{ shops(first: 10) { nodes { name products(first: 20) { nodes { title variants { sku stock { available } } } } } } }`, 4},
		"and back: the shop of products, the product of variants": {w.anonymous(), `{ shops(first: 10) { nodes { products(first: 20) { nodes { shop { name } variants { product { title } stock { available } } } } } } }`, 4 + 2},
		"a mini-program's front page":                             {w.anonymous(), `{ miniProgram(appId: "wxdemo") { shops(first: 10) { nodes { products(first: 20) { nodes { variants { stock { available } } } } } } } }`, 5},
		"orders, lines, variant, product, shop": {buyer, `{ viewer { ... on Buyer { orders(first: 20) { nodes { refunds { id } shipments { id } payment { weChatPay { package } } checkout { id }
			lines { variant { product { shop { name } } stock { available } } } } } } } }`, sessionRow + 1 + 5 + 1 + 2 + 1},
		"the cart": {buyer, `{ viewer { ... on Buyer { cart { subtotal { amount } lines { amount { amount } problems { code }
			variant { price { amount } stock { available } product { title shop { name } } } } } } } }`, sessionRow + 3 + 2 + 1},
		"nodes of many types": {buyer, `{ nodes(ids: ["` + strings.Join(append(v, shops[0].ID, shops[1].ID), `","`) + `"]) { ... on ProductVariant { stock { available } } ... on Shop { name } } }`, sessionRow + 2 + 2},
		// Staff cost one statement to know.
		"the merchant's orders": {merchant, `{ viewer { ... on Staff { shops(first: 10) { nodes { orders(first: 20) { nodes { splits { amount { amount } } lines { sku } checkout { id } payment { splits { id } } } }
			variants(first: 100, onlyLow: true) { nodes { stock { onHand } } } splitRules { receiver } } } } } }`, 1 + 2 + 3 + 5 + 2},
	} {
		sent := seen.during(func() { ask[any](t, c.who, c.query, vars{"id": shops[0].ID}) })
		t.Logf("%s: %d statements", name, len(sent))
		if len(sent) > c.most {
			t.Errorf("%s: want at most %d:\n%s", name, c.most, strings.Join(sent, "\n"))
		}
	}
}

func statementsOfCheckouts(t *testing.T, w *world, seen *statements) {
	shops, buyer := w.shops(t), w.buyer(t, "counted")
	stocks := slices.Repeat([]int{9}, 10)
	v := append(w.goods(t, shops[0], 100, stocks...), w.goods(t, shops[1], 100, stocks...)...)
	buyer.buy(t, vars{"lines": lines(v[0], 1)})
	counts := map[int]int{}
	for _, n := range []int{1, 3, 20} {
		var want []any
		for _, id := range v[:n] {
			want = append(want, id, 1)
		}
		body := placeBody(t, vars{"lines": lines(want...)})
		sent := seen.during(func() {
			if got := buyer.post(t, body); len(got.Errors) > 0 || decode[struct{ CheckoutPlace checkoutPayload }](t, got).CheckoutPlace.Checkout == nil {
				t.Errorf("checkout of %d lines: %s", n, got.Body)
			}
		})
		counts[n] = len(sent)
		t.Logf("a checkout of %d lines, its whole answer included: %d statements", n, len(sent))
		if counts[n] != counts[1] {
			t.Errorf("a checkout of 1 line sends %d:\n%s", counts[1], strings.Join(sent, "\n"))
		}
	}
	repeated := placeBody(t, vars{"idempotencyKey": "repeated", "lines": lines(v[0], 1)})
	buyer.post(t, repeated)
	t.Logf("a repeat: %d statements", len(seen.during(func() { buyer.post(t, repeated) })))
	t.Logf("out of stock: %d statements", len(seen.during(func() { buyer.place(t, vars{"lines": lines(v[0], 999)}).refused(t, "OUT_OF_STOCK") })))
	refused := seen.during(func() { buyer.place(t, vars{"lines": lines(v[0], 0)}).refused(t, "INVALID") })
	t.Logf("invalid: %d statements", len(refused))
}
