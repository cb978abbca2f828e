package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"holdfast/graph/transport/wstest"
)

const (
	// stuckPatience is three times as long as a reader may be stuck.
	stuckPatience = 30 * time.Second
	// notNoticed is the longest that others wait for a change meanwhile.
	notNoticed = 6 * time.Second
)

// TestLiveStuckReader has a reader of many variants that never reads. It is closed, and the others do not notice.
func TestLiveStuckReader(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		var variants []string
		for range 10 {
			variants = append(variants, w.goods(t, w.shops(t)[0], 100, 10, 10, 10, 10, 10)...)
		}
		merchant := w.merchant(t)
		others := make([]*socket, 20)
		for i := range others {
			others[i] = w.anonymous().socket(t)
			others[i].Subscribe("all", watchStocks, string(encoded(t, vars{"ids": variants})))
			for range variants {
				told[stockView](others[i], "all")
			}
		}

		stuck := neverReads(t, w, variants)
		start := time.Now()
		closed := make(chan time.Duration, 1)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			closed <- closedAfter(t.Context(), stuck)
		})
		changes := 0
		for {
			select {
			case took := <-closed:
				if took > stuckPatience || took < time.Second {
					t.Errorf("the stuck reader was closed after %v, want about 5 s", took)
				}
				t.Logf("the stuck reader was closed after %v, and %d changes", took, changes)
				if changes < 10 {
					t.Errorf("only %d changes meanwhile", changes)
				}
				return
			default:
			}
			if time.Since(start) > stuckPatience {
				t.Fatal("the stuck reader is still there")
			}
			if changes++; changes > 50 {
				time.Sleep(50 * time.Millisecond) // what is left is to wait
			}
			begun := time.Now()
			after := merchant.adjust(t, vars{"variantId": variants[changes%len(variants)], "delta": 1})
			after.refused(t)
			for _, s := range others {
				if got := told[stockView](s, "all"); got.Version != after.Stock.Version || got.VariantID != after.Stock.VariantID {
					t.Fatalf("told %+v, want %+v", got, after.Stock)
				}
			}
			if took := time.Since(begun); took > notNoticed {
				t.Errorf("change %d took %v to reach the others", changes, took)
			}
		}
	})
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// neverReads is a socket that subscribes to everything, as often as it may, with room for little.
func neverReads(t *testing.T, w *world, variants []string) *websocket.Conn {
	t.Helper()
	dialer := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if tcp, ok := conn.(*net.TCPConn); ok {
			err = tcp.SetReadBuffer(4096)
		}
		return conn, err
	}}}
	c := wstest.Dial(t, w.url+"/graphql", &websocket.DialOptions{Subprotocols: []string{wstest.Subprotocol}, HTTPClient: dialer})
	c.Init("")
	ids := string(encoded(t, vars{"ids": variants}))
	for i := range 50 {
		c.Subscribe(fmt.Sprint(i), watchStocks, ids)
	}
	return c.Conn
}

// closedAfter writes, and never reads, until the other end is gone.
func closedAfter(ctx context.Context, conn *websocket.Conn) time.Duration {
	start := time.Now()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for time.Since(start) <= stuckPatience {
		if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"pong"}`)); err != nil {
			break
		}
		<-ticker.C
	}
	return time.Since(start)
}
