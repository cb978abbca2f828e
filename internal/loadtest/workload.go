package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// workload is who does what at once.
type workload struct {
	name             string
	clients          int
	warmup, duration time.Duration
	// sweep marks one of the series that is drawn: the same with more and more clients.
	sweep bool
}

// The names of workloads that everything is measured on in turn.
const (
	hot    = "hot"
	spread = "spread"
	alone  = "alone"
	basket = "cart"
	browse = "browse"
	mixed  = "mixed"
)

const (
	// spreadOver is how many SKUs "over 1,000" are.
	spreadOver = 1000
	// basketOf is how many lines a cart has, of cartSKUs that all carts share.
	basketOf, cartSKUs = 5, 20
	// aloneFor is long enough for one buyer's median.
	aloneFor = 3 * time.Second
	// topOfSweep is how many clients there are at the end of a sweep.
	topOfSweep = 256
)

// workloads are all that can be named. Figures are told of hot with 128 buyers, and of the rest with 64.
func workloads(o options) []workload {
	of := func(name string, clients int) workload {
		if o.buyers > 0 {
			clients = o.buyers
		}
		return workload{name: name, clients: clients, warmup: o.warmup, duration: o.duration}
	}
	return []workload{
		of(hot, 128),
		of(spread, 64),
		{name: alone, clients: 1, warmup: min(o.warmup, aloneFor/3), duration: min(o.duration, aloneFor)},
		of(basket, 64),
		of(browse, 16),
		of(mixed, 64),
	}
}

// sweeps are hot and spread with 1, 2, 4, … clients.
func sweeps(o options) (out []workload) {
	for _, name := range []string{hot, spread} {
		for n := 1; n <= topOfSweep; n *= 2 {
			out = append(out, workload{name: name, clients: n, warmup: o.warmup, duration: o.duration, sweep: true})
		}
	}
	return out
}

// lines is how many lines an order of this workload has.
func (w workload) lines() int {
	if w.name == basket {
		return basketOf
	}
	return 1
}

// What is sold, and where it goes. Holdfast and the SQL write the same.
const (
	price    = 19_900
	stock    = 1_000_000
	imageURL = "/images/load-test.png"
)

//nolint:gochecknoglobals // a constant
var shipTo = address{
	Name: "林一", Phone: "13800000000", Province: "浙江省", City: "杭州市", District: "西湖区", Street: "龙井路 1 号",
}

// action is what a client tries.
type action int

const (
	ordering    action = iota
	browsing           // a page of products
	paying             // an order of its own
	cancelling         // an order of its own
	turningAway        // an order of what is sold out: a refusal is what is wanted
	asking             // {__typename}
	actions            // how many there are
)

func (a action) String() string {
	return [actions]string{"checkout", "page", "pay", "cancel", "refusal", "{__typename}"}[a]
}

// outcome is what became of one attempt.
type outcome struct {
	action action
	done   bool   // acknowledged
	unsure bool   // neither acknowledged nor refused: it may have been done
	lines  int    // of an order
	code   string // what was said instead, or beside
}

// place makes one attempt. It is for one goroutine.
type place func(ctx context.Context) outcome

// tally is what all clients of one database were told, warming up included. It is what the database is held to.
type tally struct {
	mu                 sync.Mutex
	done, unsure       [actions]int
	lines, unsureLines int // of orders
	faults             map[string]int
}

func (t *tally) add(d *diary) { t.join(&d.told) }

// join adds what others were told. Nothing may be added to those meanwhile.
func (t *tally) join(u *tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for a := range actions {
		t.done[a] += u.done[a]
		t.unsure[a] += u.unsure[a]
	}
	t.lines += u.lines
	t.unsureLines += u.unsureLines
	if t.faults == nil {
		t.faults = make(map[string]int)
	}
	for code, n := range u.faults {
		t.faults[code] += n
	}
}

// addAll adds what all clients were told, and tells whether the measurement counts.
func (t *tally) addAll(ctx context.Context, diaries []diary, failed ...error) error {
	for i := range diaries {
		t.add(&diaries[i])
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	return nil
}

// diary is one client's own record, so that clients share nothing while they are measured.
type diary struct {
	took  [actions][]time.Duration // of what was acknowledged while it was measured
	codes map[string]int           // while it was measured
	told  tally
}

// sample is one measurement.
type sample struct {
	speed
	each       [actions]speed
	statements float64 // of the whole database server, for each that was done
	lockWait   time.Duration
	// CPU time for each that was done: of the clients, of the server under test, and of its database; -1 of what cannot be seen.
	own, server, database time.Duration
	resident              int64 // bytes of the server's memory that are in RAM
	codes                 map[string]int
}

// speed is how much was done, and how long each took.
type speed struct {
	rate     float64 // a second
	p50, p99 time.Duration
}

// pause keeps a client that gets no answers from spinning.
const pause = 20 * time.Millisecond

// drive has the clients do as much as each can, one thing after the other, and measures from the end of the warm-up.
// Whatever was begun is waited for.
func drive(ctx context.Context, m meter, clients []place, w workload, t *tally) (sample, error) {
	from := time.Now().Add(w.warmup)
	until := from.Add(w.duration)
	diaries := make([]diary, len(clients))
	var wg sync.WaitGroup
	for i, next := range clients {
		wg.Go(func() { diaries[i].keep(ctx, next, from, until) })
	}
	before, err := m.readAt(ctx, from)
	after, err2 := m.readAt(ctx, until)
	wg.Wait()
	if err := t.addAll(ctx, diaries, err, err2); err != nil {
		return sample{}, err
	}
	return summarize(diaries, w.duration, before, after), nil
}

func (d *diary) keep(ctx context.Context, next place, from, until time.Time) {
	d.codes, d.told.faults = make(map[string]int), make(map[string]int)
	for start := time.Now(); start.Before(until) && ctx.Err() == nil; {
		got := next(ctx)
		end := time.Now()
		d.note(got, end.Sub(start), !end.Before(from) && end.Before(until))
		if got.unsure && ctx.Err() == nil {
			d.told.faults[got.code]++
			time.Sleep(pause)
		}
		start = time.Now()
	}
}

func (d *diary) note(got outcome, took time.Duration, measured bool) {
	switch {
	case got.done:
		d.told.done[got.action]++
		d.told.lines += got.lines
		if measured {
			d.took[got.action] = append(d.took[got.action], took)
		}
	case got.unsure:
		d.told.unsure[got.action]++
		d.told.unsureLines += got.lines
	}
	if got.code != "" && measured {
		d.codes[got.code]++
	}
}

func summarize(diaries []diary, length time.Duration, before, after reading) sample {
	s := sample{codes: make(map[string]int), resident: after.resident}
	var all []time.Duration
	for a := range actions {
		var some []time.Duration
		for i := range diaries {
			some = append(some, diaries[i].took[a]...)
		}
		s.each[a] = speedOf(some, length)
		all = append(all, some...)
	}
	for i := range diaries {
		for code, n := range diaries[i].codes {
			s.codes[code] += n
		}
	}
	s.speed = speedOf(all, length)
	n := max(1, len(all))
	s.statements = float64(after.questions-before.questions) / float64(n)
	s.lockWait = (after.lockWait - before.lockWait) / time.Duration(n)
	s.own = (after.own - before.own) / time.Duration(n)
	s.server, s.database = between(before.server, after.server, n), between(before.database, after.database, n)
	return s
}

// speedOf sorts took.
func speedOf(took []time.Duration, length time.Duration) speed {
	slices.Sort(took)
	return speed{float64(len(took)) / length.Seconds(), percentile(took, 50), percentile(took, 99)}
}

// percentile is the least value of sorted that p of a hundred do not exceed; 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1]
}
