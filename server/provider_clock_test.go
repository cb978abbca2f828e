package main

import (
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/testdb"
)

// jumpyClock is the machine's clock, which somebody sets.
type jumpyClock struct{ by atomic.Int64 }

func (c *jumpyClock) now() time.Time {
	return clock.Truncate(time.Now().Add(time.Duration(c.by.Load())))
}

func (c *jumpyClock) jump(d time.Duration) { c.by.Add(int64(d)) }

func withClock(c *jumpyClock) option { return func(_ *serveCommand, a *app) { a.now = c.now } }

// TestClockForwards sets the clock of two processes ten minutes forward, twice, with all limits on: nothing is lost, nothing happens
// twice, and whoever was there before is served as before.
func TestClockForwards(t *testing.T) {
	t.Parallel() // it waits
	testdb.EachSource(t, func(t *testing.T, source string) {
		c := &jumpyClock{}
		clockForwards(t, newWorld(t, source, withClock(c), withLimits), newWorld(t, source, withClock(c), withLimits), c)
	})
}

// serves asks as often as an impatient client would: nobody is told to come back later.
func (c *client) serves(t *testing.T, v string) {
	t.Helper()
	for range 20 {
		c.stock(t, v)
	}
	c.setCart(t, lines(v, 1), nil).refused(t)
}

// risesTo reads what is told of a variant until it is told of this state. Versions only rise.
func (s *socket) risesTo(id string, after int64, want stockView) {
	s.t.Helper()
	for after < want.Version {
		got := told[stockView](s, id)
		if got.Version <= after {
			s.t.Fatalf("told of version %d after %d", got.Version, after)
		}
		after = got.Version
	}
}

// settled waits until the shares of an order are paid out.
func (w *world) settled(t *testing.T, order string) {
	t.Helper()
	waitFor(t, "the shares to be paid out", func() bool {
		for _, s := range w.merchant(t).order(t, order).Splits {
			if s.Status != "SUCCEEDED" {
				return false
			}
		}
		return true
	})
}

func clockForwards(t *testing.T, w, second *world, c *jumpyClock) {
	buyer, merchant := w.buyer(t, "in-no-hurry"), w.merchant(t)
	v := w.goods(t, w.shops(t)[0], 100, 10)[0]
	s := buyer.socket(t)
	watched := s.watch(watchStocks, vars{"ids": []string{v}})
	seen := told[stockView](s, watched).Version
	first := buyer.buy(t, vars{"lines": lines(v, 2)})
	paid := buyer.pays(t, vars{"lines": lines(v, 1)})[0]

	c.jump(10 * time.Minute)
	elsewhere := &client{world: second, token: buyer.token}
	buyer.serves(t, v)
	elsewhere.serves(t, v)
	if got := buyer.order(t, first.Orders[0].ID).Status; got != "PENDING_PAYMENT" {
		t.Errorf("five minutes before its end an order is %s", got)
	}
	next := elsewhere.buy(t, vars{"lines": lines(v, 3)})
	if left := next.HeldUntil.Sub(c.now()); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("held for %v", left)
	}
	w.settled(t, paid.ID)

	before := merchant.stock(t, v)
	c.jump(10 * time.Minute)
	waitFor(t, "the first hold to end", func() bool { return buyer.order(t, first.Orders[0].ID).Status == "EXPIRED" })
	after := merchant.stock(t, v)
	if checkStock(t, "let go", after, 9, 3, 0); after.Version != before.Version+1 {
		t.Errorf("let go in %d steps", after.Version-before.Version)
	}
	if got := buyer.order(t, first.Orders[0].ID); got.Version != first.Orders[0].Version+1 {
		t.Errorf("expired once: %+v", got)
	}
	if got := buyer.order(t, next.Orders[0].ID).Status; got != "PENDING_PAYMENT" {
		t.Errorf("after 10 of 15 minutes an order is %s", got)
	}
	s.risesTo(watched, seen, after)
	buyer.refresh(t).refused(t)
	buyer.confirm(t, next.Payment.ID).refused(t)
	w.settled(t, next.Orders[0].ID)
}
