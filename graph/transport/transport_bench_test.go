package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/graph"
	"holdfast/graph/transport"
	"holdfast/graph/transport/wstest"
	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	liveness "holdfast/internal/live"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// BenchmarkPage answers a request for a page of 20 products with variants, prices and live stock, from the demo on SQLite: transport,
// executor, statements and encoding, without a network.
func BenchmarkPage(b *testing.B) {
	d, err := db.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "holdfast.db"), db.Options{})
	if err == nil {
		err = d.Migrate(b.Context())
	}
	if err == nil {
		_, err = demo.Fill(b.Context(), d, time.Now())
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	handler := graph.NewHandler(graph.Deps{App: app.New(d, time.Now, slog.New(slog.DiscardHandler), app.Settings{
		Hold: time.Hour, MaxOpen: 20, Provider: payment.NewSandbox(d, time.Now), Codes: identity.SandboxCodes{},
	})}, graph.Options{})
	const query = `{ shops(first: 1) { nodes { name products(first: 20) {
		nodes { id title imageUrls variants { id sku title price { amount currency } stock { available isLow version } } }
		pageInfo { hasNextPage } } } } }`
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		if n := strings.Count(rec.Body.String(), `"variants":[`); n != 20 {
			b.Fatalf("%d products: %.500s", n, rec.Body)
		}
	}
}

// BenchmarkFanOut tells 1,000 sockets of one change each: one operation ends when the last of them has read it.
func BenchmarkFanOut(b *testing.B) {
	const sockets = 1000
	stock := inventory.Stock{
		VariantID: typeid.New[typeid.Variant](time.Now()), ShopID: typeid.New[typeid.Shop](time.Now()),
		OnHand: 1000, Version: 1, ChangedAt: clock.Truncate(time.Now().UTC()),
	}
	quiet := slog.New(slog.DiscardHandler)
	hub := liveness.New(only{stock}, quiet)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go hub.Run(ctx)
	web := httptest.NewServer(graph.NewHandler(graph.Deps{App: &app.App{Hub: hub, Now: time.Now, Log: quiet}}, graph.Options{
		WebSocket: &transport.WebSocket{Begin: func(ctx context.Context, _ string) (transport.Session, error) {
			return transport.Session{Context: graph.WithPrincipal(ctx, identity.Principal{}, nil)}, nil
		}},
	}))
	defer web.Close()
	read := make(chan error, sockets)
	for range sockets {
		r := openReader(b, web.URL+"/graphql", stock.VariantID)
		defer r.Abort()
		go readStates(r, read)
	}
	all := func() {
		for range sockets {
			if err := <-read; err != nil {
				b.Fatal(err)
			}
		}
	}
	all() // the state now
	b.ReportAllocs()
	for b.Loop() {
		stock.Version++
		stock.OnHand = int(stock.Version % 1000)
		hub.Committed([]inventory.Stock{stock})
		all()
	}
	b.ReportMetric(float64(b.N*sockets)/b.Elapsed().Seconds(), "messages/s")
}

// only is a database that never knows more than it did at first.
type only struct{ stock inventory.Stock }

func (o only) Watched(context.Context, []typeid.Variant) ([]liveness.Stock, error) {
	return []liveness.Stock{{Stock: o.stock, Shown: true}}, nil
}

func (only) WatchedShops(context.Context, []typeid.Shop) ([]liveness.Stock, error) { return nil, nil }

func (only) WatchedOrders(context.Context, []typeid.Order) ([]liveness.Order, error) { return nil, nil }

// openReader is a socket that has asked for the states of a variant.
func openReader(b *testing.B, address string, v typeid.Variant) *wstest.Raw {
	b.Helper()
	r, status, err := wstest.TryRaw(b.Context(), address)
	if err != nil || status != http.StatusSwitchingProtocols {
		b.Fatal(status, err)
	}
	r.Send(`{"type":"connection_init"}`)
	if _, text, err := r.Next(); err != nil || !strings.Contains(string(text), "connection_ack") {
		b.Fatalf("%s, %v", text, err)
	}
	r.Send(`{"id":"1","type":"subscribe","payload":{"query":"subscription($ids: [ID!]!) { stockChanged(variantIds: $ids) { variantId available version } }",` +
		`"variables":{"ids":[` + strconv.Quote(v.String()) + `]}}}`)
	if err := r.SetDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	return r
}

// readStates tells of every state that comes.
func readStates(r *wstest.Raw, read chan<- error) {
	for {
		_, text, err := r.Next()
		switch {
		case err != nil:
			select {
			case read <- err:
			default: // the benchmark is over
			}
			return
		case bytes.Contains(text, []byte(`"type":"next"`)):
			read <- nil
		case bytes.Contains(text, []byte(`"type":"ping"`)):
			r.Send(`{"type":"pong"}`)
		}
	}
}
