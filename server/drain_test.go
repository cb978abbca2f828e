package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/check/checktest"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/testdb"
)

// TestDrain tells a server to stop that has been given time for load balancers to notice: it says so, serves on, then ends.
func TestDrain(t *testing.T) {
	t.Parallel()
	const drain = 1500 * time.Millisecond
	p, _ := serve(t, t.TempDir(), "HOLDFAST_DRAIN="+drain.String())
	buyer := p.world().buyer(t, "last")
	start := time.Now()
	p.terminate(t)
	probe := func() (int, string) {
		resp, err := http.Get(p.url + "/readyz")
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(text)
	}
	waitFor(t, "the probe to see it", func() bool {
		status, said := probe()
		return status == http.StatusServiceUnavailable && strings.Contains(said, "shutting down")
	})
	if took := time.Since(start); took > drain/2 {
		t.Errorf("the probe saw it after %v", took)
	}
	if got := buyer.send(t, `{ viewer { __typename } }`, nil); len(got.Errors) > 0 {
		t.Errorf("a request while it drains: %s", got.Body)
	}
	p.wait(t)
	if took := time.Since(start); took < drain || took > drain+10*time.Second || p.code != 0 {
		t.Errorf("ended with %d after %v, want 0 after %v", p.code, took, drain)
	}
	p.checkLog(t)
}

// TestStopUnderLoad sends SIGTERM while buyers place orders with a slow provider: what was begun is answered whole, what came too late
// finds the port closed and has done nothing.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		t.Parallel()
		const buyers = 12
		p, _ := serve(t, t.TempDir(), "HOLDFAST_DATABASE="+source, "HOLDFAST_DEMO=true", "HOLDFAST_MAX_OPEN=1000")
		w := p.world()
		v := w.goods(t, w.shops(t)[0], 100, 100_000)[0]
		w.staff(t, demo.Operator, demo.Password).misbehave(t, vars{"slowMs": 200})
		var (
			told    sync.Map // ids of checkouts
			stopped atomic.Pointer[time.Time]
			late    atomic.Int64 // answers after the signal
			group   sync.WaitGroup
		)
		for i := range buyers {
			c := w.buyer(t, fmt.Sprintf("drain-%d", i))
			c.via = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // or who was idle cannot tell why it was closed
			group.Go(func() {
				for {
					got, err := c.try(placeBody(t, vars{"lines": lines(v, 1)}), nil)
					at := stopped.Load()
					switch {
					case err != nil && at != nil && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)):
						return // it was not let in: see below
					case err != nil || len(got.Errors) > 0:
						t.Errorf("neither an answer nor a closed port: %v %s", err, got.Body)
						return
					}
					told.Store(decode[struct{ CheckoutPlace checkoutPayload }](t, got).CheckoutPlace.Checkout.ID, true)
					if at != nil {
						late.Add(1)
					}
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		start := time.Now()
		stopped.Store(&start)
		p.terminate(t)
		p.wait(t)
		took := time.Since(start)
		group.Wait()
		if p.code != 0 || took > 10*time.Second {
			t.Errorf("ended with %d after %v:\n%s", p.code, took, tail(p.err.String(), 10))
		}
		p.checkLog(t)
		d := testdb.Open(t, source, db.Options{})
		rows, err := d.Checkout.Query().All(t.Context())
		must(t, err)
		for _, r := range rows {
			if _, ok := told.LoadAndDelete(r.ID.String()); !ok {
				t.Errorf("nobody was told of %s", r.ID)
			}
		}
		for id := range told.Range {
			t.Errorf("%v was told of, and is not there", id)
		}
		if late.Load() == 0 {
			t.Error("nothing was in flight")
		}
		t.Logf("%d checkouts, %d of them answered after the signal; the end took %v", len(rows), late.Load(), took)
		checktest.Must(t, d)
	})
}
