package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// workload is who buys what at once.
type workload struct {
	name             string
	clients          int
	variants         int // they choose among so many
	warmup, duration time.Duration
}

// spreadOver is how many SKUs "over 1,000" are.
const spreadOver = 1000

// alone is long enough for one buyer's median.
const alone = 3 * time.Second

func workloads(o options) []workload {
	return []workload{
		{"hot", o.buyers, 1, o.warmup, o.duration},
		{"spread", o.buyers, spreadOver, o.warmup, o.duration},
		{"alone", 1, 1, min(o.warmup, alone/3), min(o.duration, alone)},
	}
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

// outcome is what became of one attempt to place an order.
type outcome struct {
	placed bool   // acknowledged
	unsure bool   // neither acknowledged nor refused: the order may exist
	code   string // what was said instead, or beside
}

// place makes one attempt. It is for one goroutine.
type place func(ctx context.Context) outcome

// tally is what all clients of one database were told, warming up included. It is what the database is held to.
type tally struct {
	mu             sync.Mutex
	placed, unsure int
	faults         map[string]int
}

func (t *tally) add(d *diary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.placed += d.placed
	t.unsure += d.unsure
	if t.faults == nil {
		t.faults = make(map[string]int)
	}
	for code, n := range d.faults {
		t.faults[code] += n
	}
}

// diary is one client's own record, so that clients share nothing while they are measured.
type diary struct {
	took           []time.Duration // of the orders that were acknowledged while it was measured
	codes          map[string]int  // while it was measured
	placed, unsure int
	faults         map[string]int
}

// sample is one measurement.
type sample struct {
	rate       float64 // acknowledged orders a second
	p50, p99   time.Duration
	statements float64 // of the whole MySQL server, for each order
	lockWait   time.Duration
	codes      map[string]int
}

// pause keeps a client that gets no answers from spinning.
const pause = 20 * time.Millisecond

// drive has the clients place orders as fast as each can, one after the other, and measures from the end of the warm-up.
// Whatever was begun is waited for.
func drive(ctx context.Context, l *lab, clients []place, w workload, t *tally) (sample, error) {
	from := time.Now().Add(w.warmup)
	until := from.Add(w.duration)
	diaries := make([]diary, len(clients))
	var wg sync.WaitGroup
	for i, next := range clients {
		wg.Go(func() { diaries[i].keep(ctx, next, from, until) })
	}
	before, err := statusAt(ctx, l.admin, from)
	after, err2 := statusAt(ctx, l.admin, until)
	wg.Wait()
	for i := range diaries {
		t.add(&diaries[i])
	}
	if ctx.Err() != nil {
		return sample{}, errors.New("interrupted")
	}
	if err := errors.Join(err, err2); err != nil {
		return sample{}, err
	}
	return summarize(diaries, w.duration, after.minus(before)), nil
}

func (d *diary) keep(ctx context.Context, next place, from, until time.Time) {
	d.codes, d.faults = make(map[string]int), make(map[string]int)
	for start := time.Now(); start.Before(until) && ctx.Err() == nil; {
		got := next(ctx)
		end := time.Now()
		measured := !end.Before(from) && end.Before(until)
		if got.placed {
			d.placed++
			if measured {
				d.took = append(d.took, end.Sub(start))
			}
		}
		if got.code != "" && measured {
			d.codes[got.code]++
		}
		if got.unsure && ctx.Err() == nil {
			d.faults[got.code]++
			time.Sleep(pause)
		}
		if got.unsure {
			d.unsure++
		}
		start = time.Now()
	}
}

func summarize(diaries []diary, length time.Duration, used status) sample {
	s := sample{codes: make(map[string]int)}
	var all []time.Duration
	for _, d := range diaries {
		all = append(all, d.took...)
		for code, n := range d.codes {
			s.codes[code] += n
		}
	}
	slices.Sort(all)
	s.rate = float64(len(all)) / length.Seconds()
	s.p50, s.p99 = percentile(all, 50), percentile(all, 99)
	if len(all) > 0 {
		s.statements = float64(used.questions) / float64(len(all))
		s.lockWait = time.Duration(used.lockMillis) * time.Millisecond / time.Duration(len(all))
	}
	return s
}

// percentile is the least value of sorted that p of a hundred do not exceed; 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1]
}

// status is what the MySQL server counts.
type status struct{ questions, lockMillis int64 }

func (s status) minus(t status) status {
	return status{s.questions - t.questions, s.lockMillis - t.lockMillis}
}

// statusAt reads the counters when the time has come.
func statusAt(ctx context.Context, admin *sql.DB, at time.Time) (s status, err error) {
	select {
	case <-ctx.Done():
		return s, ctx.Err()
	case <-time.After(time.Until(at)):
	}
	got, err := namesAndValues(ctx, admin, "SHOW GLOBAL STATUS WHERE Variable_name IN ('Questions', 'Innodb_row_lock_time')")
	if err != nil {
		return s, err
	}
	s.questions, err = strconv.ParseInt(got["Questions"], 10, 64)
	s.lockMillis, _ = strconv.ParseInt(got["Innodb_row_lock_time"], 10, 64)
	return s, err
}

// namesAndValues runs one of MySQL's SHOW statements.
func namesAndValues(ctx context.Context, admin *sql.DB, query string) (map[string]string, error) {
	rows, err := admin.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	out := make(map[string]string)
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, rows.Err()
}
