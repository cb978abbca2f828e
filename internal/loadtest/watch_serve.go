package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"holdfast/graph"
	"holdfast/graph/transport"
	"holdfast/internal/app"
	"holdfast/internal/clock"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/live"
	"holdfast/internal/typeid"
)

// shelf is stock in memory, for both who are measured: a database would cost both the same, and hide what they differ in.
type shelf struct {
	variants []typeid.Variant

	mu     sync.Mutex
	states map[typeid.Variant]inventory.Stock
}

func newShelf(n int) *shelf {
	now := time.Now()
	s := &shelf{states: make(map[typeid.Variant]inventory.Stock, n)}
	shop := typeid.New[typeid.Shop](now)
	for range n {
		v := typeid.New[typeid.Variant](now)
		s.variants = append(s.variants, v)
		s.states[v] = inventory.Stock{VariantID: v, ShopID: shop, OnHand: stock, Version: 1, ChangedAt: clock.Truncate(now.UTC())}
	}
	return s
}

// change commits the next state of a variant: a little less is there, and the time is now.
func (s *shelf) change(v typeid.Variant) inventory.Stock {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.states[v]
	k.OnHand = stock - int(k.Version)%(stock/2)
	k.Version++
	k.ChangedAt = clock.Truncate(time.Now().UTC())
	s.states[v] = k
	return k
}

func (s *shelf) state(v typeid.Variant) (inventory.Stock, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.states[v]
	return k, ok
}

// Watched implements live.Source.
func (s *shelf) Watched(_ context.Context, variants []typeid.Variant) ([]live.Stock, error) {
	var out []live.Stock
	for _, v := range variants {
		if k, ok := s.state(v); ok {
			out = append(out, live.Stock{Stock: k, Shown: true})
		}
	}
	return out, nil
}

// WatchedShops implements live.Source.
func (*shelf) WatchedShops(context.Context, []typeid.Shop) ([]live.Stock, error) { return nil, nil }

// WatchedOrders implements live.Source.
func (*shelf) WatchedOrders(context.Context, []typeid.Order) ([]live.Order, error) { return nil, nil }

// watchEdge is what serves sockets, and how it hears of a state that was just committed.
type watchEdge struct {
	handler   http.Handler
	committed func(inventory.Stock)
}

// newWatchEdge makes one of the two that are compared. What it starts ends with ctx.
func newWatchEdge(ctx context.Context, who string, s *shelf) (watchEdge, error) {
	switch who {
	case holdfast:
		return holdfastEdge(ctx, s), nil
	case stockGqlgen:
		return gqlgenEdge(s), nil
	}
	return watchEdge{}, fmt.Errorf("there is no %q to serve", who)
}

// holdfastEdge is Holdfast's whole GraphQL handler, with its transport and its hub. What stockChanged does not need is nil.
func holdfastEdge(ctx context.Context, s *shelf) watchEdge {
	hub := live.New(s, slog.New(slog.DiscardHandler))
	go hub.Run(ctx)
	sockets := &transport.WebSocket{Begin: func(ctx context.Context, _ string) (transport.Session, error) {
		return transport.Session{Context: graph.WithPrincipal(ctx, identity.Principal{}, nil)}, nil
	}}
	deps := graph.Deps{App: &app.App{Hub: hub, Now: time.Now, Log: slog.New(slog.DiscardHandler)}}
	return watchEdge{
		handler:   graph.NewHandler(deps, graph.Options{WebSocket: sockets}),
		committed: func(k inventory.Stock) { hub.Committed([]inventory.Stock{k}) },
	}
}

// watchOrder is what the parent tells a child to do, one JSON object a line; each is answered by a line.
type watchOrder struct {
	// Rate is how often a second the first variant changes, for so long; 0 asks for a look at the process instead.
	Rate     int
	Duration time.Duration
}

// watchLook is a process from within, after garbage was collected and given back.
type watchLook struct {
	Goroutines int
	Heap       uint64 // bytes of heap and stacks in use
}

// watchHello is the first line of a child.
type watchHello struct {
	Addr     string
	Variants []typeid.Variant
}

// serveWatched is the child process. It ends when its standard input does.
func serveWatched(ctx context.Context, who string, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newShelf(watchedVariants)
	edge, err := newWatchEdge(ctx, who, s)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{Handler: edge.handler, ReadHeaderTimeout: callTimeout}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	answers := json.NewEncoder(out)
	if err := answers.Encode(watchHello{listener.Addr().String(), s.variants}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var order watchOrder
		if err := json.Unmarshal(lines.Bytes(), &order); err != nil {
			return err
		}
		answer := any(look())
		if order.Rate > 0 {
			answer = commitAt(s, edge, order)
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	err = web.Close()
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// commitAt changes the first variant at a steady rate, whoever keeps up, and returns its last state.
func commitAt(s *shelf, edge watchEdge, o watchOrder) inventory.Stock {
	every := time.Second / time.Duration(o.Rate)
	var last inventory.Stock
	for start, n := time.Now(), 0; time.Duration(n)*every < o.Duration; n++ {
		time.Sleep(time.Until(start.Add(time.Duration(n) * every)))
		last = s.change(s.variants[0])
		edge.committed(last)
	}
	return last
}

func look() watchLook {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return watchLook{Goroutines: runtime.NumGoroutine(), Heap: m.HeapAlloc + m.StackInuse}
}

// watchChild is the hidden argument that makes this program a server of sockets: -serve-watched WHO.
const watchChild = "-serve-watched"
