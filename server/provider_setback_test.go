package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/ent/shopstaff"
	"holdfast/internal/demo"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// TestClockBackwards sets the clock of two processes ten minutes back, with all limits on: nothing is lost, nothing happens twice,
// and whoever was there before is served as before. What was to happen happens when the clock says so again.
func TestClockBackwards(t *testing.T) {
	t.Parallel() // it waits
	testdb.EachSource(t, func(t *testing.T, source string) {
		c := &jumpyClock{}
		clockBackwards(t, newWorld(t, source, withClock(c), withLimits), newWorld(t, source, withClock(c), withLimits), c)
	})
}

func clockBackwards(t *testing.T, w, second *world, c *jumpyClock) {
	shop := w.shops(t)[0]
	buyer, merchant, operator := w.buyer(t, "time-traveller"), w.merchant(t), w.staff(t, demo.Operator, demo.Password)
	leaver, leaves := (&cast{world: w}).hire(t, "leaver@example.test", shop.ID), w.buyer(t, "leaves")
	v := w.goods(t, shop, 100, 10)[0]
	s, staff := buyer.socket(t), leaver.socket(t)
	watched, inShop := s.watch(watchStocks, vars{"ids": []string{v}}), staff.watch(watchStocks, vars{"ids": []string{v}})
	seen := told[stockView](s, watched).Version
	told[stockView](staff, inShop)
	first := buyer.buy(t, vars{"lines": lines(v, 2)})
	paid := buyer.pays(t, vars{"lines": lines(v, 1)})[0] // its job may be done by now, or wait until it is as late again
	before := merchant.stock(t, v)
	w.get(t, "/metrics")

	c.jump(-10 * time.Minute)
	elsewhere := &client{world: second, token: buyer.token}
	buyer.serves(t, v)
	elsewhere.serves(t, v)
	operator.misbehave(t, vars{"slowMs": 300})
	time.AfterFunc(150*time.Millisecond, func() { c.jump(-10 * time.Minute) })
	next := buyer.buy(t, vars{"lines": lines(v, 3)})
	operator.misbehave(t, vars{})
	c.jump(10 * time.Minute)
	w.noNegativeTimes(t)
	waitFor(t, "metrics to tell of the new checkout", func() bool {
		return strings.Contains(w.get(t, "/metrics").Body, "\nholdfast_open_checkouts 2\n")
	})
	after := merchant.stock(t, v)
	if checkStock(t, "held", after, 9, 5, before.Version); next.ID == first.ID || next.Orders[0].Number == first.Orders[0].Number {
		t.Errorf("two checkouts are %+v", next)
	}
	s.risesTo(watched, seen, after)
	quick := elsewhere.pays(t, vars{"lines": lines(v, 1)})[0]
	w.settled(t, quick.ID)

	leaves.revoke(t)
	gone := &client{world: second, token: leaves.token}
	waitFor(t, "the other process to refuse an ended session", func() bool {
		return len(gone.send(t, `{ viewer { __typename } }`, nil).Errors) > 0
	})
	id, _ := typeid.Parse[typeid.Staff](leaver.session.Viewer.ID)
	_, err := w.db.ShopStaff.Delete().Where(shopstaff.StaffID(id)).Exec(t.Context())
	must(t, err)
	for end := time.Now().Add(patience); ; {
		got := event[stockView](t, staff.afterNudge(inShop, func() { merchant.adjust(t, vars{"variantId": v, "delta": 1}).refused(t) }))
		if got.OnHand == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v after the role was taken away: told %+v", patience, got)
		}
	}

	c.jump(25*time.Minute + time.Second) // every hold has ended, and every job is due
	for _, placed := range []*checkoutView{first, next} {
		o := placed.Orders[0]
		waitFor(t, "the hold to end", func() bool { return buyer.order(t, o.ID).Status == "EXPIRED" })
		if got := buyer.order(t, o.ID); got.Version != o.Version+1 {
			t.Errorf("expired once: %+v", got)
		}
	}
	w.settled(t, paid.ID)
	end := merchant.stock(t, v)
	if end.Held == nil || *end.Held != 0 {
		t.Errorf("in the end: %+v", end)
	}
	s.risesTo(watched, after.Version, end)
}

var (
	durationSum = regexp.MustCompile(`(?m)^holdfast_operation_duration_seconds_sum\{.*\} (\S+)$`)
	tookTime    = regexp.MustCompile(`"took":(-?[0-9]+)`)
)

// noNegativeTimes looks at what a process says of how long things took.
func (w *world) noNegativeTimes(t *testing.T) {
	t.Helper()
	sums := durationSum.FindAllStringSubmatch(w.get(t, "/metrics").Body, -1)
	if len(sums) == 0 {
		t.Error("no durations are told")
	}
	for _, sum := range append(sums, tookTime.FindAllStringSubmatch(w.log.String(), -1)...) {
		if took, err := strconv.ParseFloat(sum[1], 64); err != nil || took < 0 {
			t.Errorf("it took less than no time: %s", strings.TrimSpace(sum[0]))
		}
	}
}
