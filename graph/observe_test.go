package graph

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/graph/transport"
	"holdfast/graph/transport/wstest"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
)

// notebook is an Observer that writes down.
type notebook struct {
	mu    sync.Mutex
	lines []string
	open  map[string]int
}

func (n *notebook) note(lines ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, lines...)
}

func (n *notebook) Begin(ctx context.Context, field string) (context.Context, func(fault.Code)) {
	return ctx, func(code fault.Code) { n.note(field + " " + string(code)) }
}

func (n *notebook) Failed(_ context.Context, field string, code fault.Code) {
	n.note(strings.Join(strings.Fields("failed "+field+" "+string(code)), " "))
}

func (n *notebook) Subscribed(field string) func() {
	n.add(field, 1)
	return func() { n.add(field, -1) }
}

func (n *notebook) add(field string, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open == nil {
		n.open = map[string]int{}
	}
	n.open[field] += by
}

func (n *notebook) subscribers(field string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open[field]
}

// take returns what was noted, sorted: fields of a query run at once.
func (n *notebook) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := slices.Sorted(slices.Values(n.lines))
	n.lines = nil
	return lines
}

// Each root field is observed once, with the code that its answer tells.
func TestObserver(t *testing.T) {
	t.Parallel()
	w, book := newWorld(t), &notebook{}
	w.handler = NewHandler(w.Deps, Options{Observer: book})
	v := w.goods(t, 1, 1)[0]
	book.take()
	nobody := identity.Principal{}
	address := `shipTo: {name: "林小雨", phone: "13800138000", province: "广东省", city: "深圳市", street: "科技路 1 号"}`
	buy := func(key string, quantity string) string {
		return `mutation AnyNameAtAll { checkoutPlace(input: {idempotencyKey: "` + key + `", lines: [{variantId: "` + v.ID.String() + `", quantity: ` +
			quantity + `}], ` + address + `}) { userErrors { code } } }`
	}
	cases := []struct {
		name, query string
		who         identity.Principal
		want        []string
	}{
		{"a query", `query Mine { shops(first: 1) { nodes { name } } }`, nobody, []string{"Query.shops OK"}},
		{"two fields under other names", `{ a: shops(first: 1) { nodes { id } } b: viewer { __typename } }`, nobody, []string{"Query.shops OK", "Query.viewer OK"}},
		{"a mutation", buy("one", "1"), w.buyer, []string{"Mutation.checkoutPlace OK"}},
		{"a refused mutation", buy("two", "100000"), w.buyer, []string{"Mutation.checkoutPlace INVALID"}},
		{"one that nobody may ask", buy("three", "1"), nobody, []string{"Mutation.checkoutPlace UNAUTHENTICATED"}},
		{"one of two fails", `{ a: shops(first: 1) { nodes { id } } b: shops(first: 1000) { nodes { id } } }`, nobody, []string{"Query.shops BAD_REQUEST", "Query.shops OK"}},
		{"no such field", `{ nothing }`, nobody, []string{"failed BAD_REQUEST"}},
		{"no GraphQL", `{`, nobody, []string{"failed BAD_REQUEST"}},
		{"too dear", `{ shops(first: 100) { nodes { products(first: 100) { nodes { variants { stock { available } product { variants { stock { available } } } } } } } } }`, nobody, []string{"failed COST_EXCEEDED"}},
		{"introspection", `{ __schema { queryType { name } } }`, nobody, []string{"Query.__schema OK"}},
		{"only the type's name", `{ __typename }`, nobody, nil},
	}
	for _, c := range cases {
		w.asks(t, c.who, c.query, nil)
		if diff := cmp.Diff(c.want, book.take()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A fault of ours is INTERNAL, whatever else went wrong, and an observation ends also then.
func TestObserverOfFaults(t *testing.T) {
	t.Parallel()
	w, book := newWorld(t), &notebook{}
	w.broken = true
	w.handler = NewHandler(w.Deps, Options{Observer: book})
	v := w.goods(t, 1, 1)[0].ID.String()
	w.Catalog = nil // it panics
	w.handler = NewHandler(w.Deps, Options{Observer: book})
	book.take()
	w.asks(t, identity.Principal{}, `{ shops(first: 1) { nodes { id } } }`, nil)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	w.asks(t, w.buyer, `mutation { cartLinesSet(lines: [{variantId: "`+v+`", quantity: 1}]) { userErrors { code } } }`, nil)
	if diff := cmp.Diff([]string{"Mutation.cartLinesSet INTERNAL", "Query.shops INTERNAL"}, book.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What comes over a socket is observed like the rest, and a subscription for as long as it is open.
func TestObserverOfSockets(t *testing.T) {
	t.Parallel()
	w, book := newWorld(t), &notebook{}
	sockets := &transport.WebSocket{Begin: func(ctx context.Context, _ string) (transport.Session, error) {
		return transport.Session{Context: WithPrincipal(ctx, w.buyer, nil)}, nil
	}}
	server := httptest.NewServer(NewHandler(w.Deps, Options{WebSocket: sockets, Observer: book}))
	t.Cleanup(server.Close)
	v := w.goods(t, 1, 1)[0].ID.String()
	book.take()
	client := wstest.Connect(t, server.URL, "")
	const field = "Subscription.stockChanged"
	until := func(what string, done func() bool) {
		t.Helper()
		for start := time.Now(); !done(); time.Sleep(5 * time.Millisecond) {
			if time.Since(start) > wstest.Patience {
				t.Fatalf("%s never happened: %v, %v", what, book.open, book.take())
			}
		}
	}
	if n := sockets.Sockets(); n != 1 {
		t.Errorf("%d sockets", n)
	}
	watch := `subscription Any { stockChanged(variantIds: ["` + v + `"]) { available } }`
	client.Subscribe("1", watch, "")
	client.Subscribe("2", watch, "")
	until("two subscribers", func() bool { return book.subscribers(field) == 2 })
	client.Complete("1")
	until("one subscriber", func() bool { return book.subscribers(field) == 1 })
	if diff := cmp.Diff([]string{field + " OK", field + " OK"}, book.take()); diff != "" {
		t.Errorf("opened (-want +got):\n%s", diff)
	}
	client.Subscribe("3", `subscription { shopStockChanged(shopId: "x") { available } }`, "")
	client.Subscribe("4", `subscription { nothing }`, "")
	client.Subscribe("5", `{ viewer { __typename } }`, "")
	var seen []string
	until("three answers", func() bool { seen = append(seen, book.take()...); return len(seen) >= 3 })
	slices.Sort(seen)
	if diff := cmp.Diff([]string{"Query.viewer OK", "Subscription.shopStockChanged FORBIDDEN", "failed BAD_REQUEST"}, seen); diff != "" {
		t.Errorf("the rest (-want +got):\n%s", diff)
	}
	_ = client.Conn.CloseNow()
	until("none", func() bool { return book.subscribers(field) == 0 && sockets.Sockets() == 0 })
}
