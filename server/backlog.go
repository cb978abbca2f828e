package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/db"
)

// poolCollector tells how the pools of connections are.
type poolCollector struct {
	db                                 *db.DB
	limit, connections, waits, waiting *prometheus.Desc
}

func newPoolCollector(d *db.DB) *poolCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("holdfast_database_"+name, help, append([]string{"pool"}, labels...), nil)
	}
	return &poolCollector{
		db:          d,
		limit:       desc("connections_max", "Connections to the database that may be open; 0 for no limit."),
		connections: desc("connections", "Connections to the database that are open, by whether they are in use.", "state"),
		waits:       desc("waits_total", "How often somebody had to wait for a connection."),
		waiting:     desc("wait_seconds_total", "How long all waits for a connection took together."),
	}
}

// Describe implements prometheus.Collector.
func (c *poolCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.limit, c.connections, c.waits, c.waiting} {
		to <- d
	}
}

// Collect implements prometheus.Collector. It asks the database nothing.
func (c *poolCollector) Collect(to chan<- prometheus.Metric) {
	for _, p := range c.db.Pools() {
		to <- prometheus.MustNewConstMetric(c.limit, prometheus.GaugeValue, float64(p.MaxOpenConnections), p.Name)
		to <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(p.InUse), p.Name, "in_use")
		to <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(p.Idle), p.Name, "idle")
		to <- prometheus.MustNewConstMetric(c.waits, prometheus.CounterValue, float64(p.WaitCount), p.Name)
		to <- prometheus.MustNewConstMetric(c.waiting, prometheus.CounterValue, p.WaitDuration.Seconds(), p.Name)
	}
}

const (
	backlogTimeout = time.Second // of all its statements together
	backlogFresh   = time.Second
	// backlogShare bounds what scrapes cost: what took long to count is told for this many times as long.
	backlogShare = 10
)

// backlog is what waits in the database.
type backlog struct {
	up          bool
	open        int
	oldestHeld  time.Time // when the first hold of an open checkout ends or has ended; zero for none
	jobs        map[jobState]int
	oldestJob   time.Time // when the first job that is due was due; zero for none
	at, goodFor time.Time
}

// jobState is a kind of job and how it is.
type jobState struct{ kind, state string }

// backlogCollector tells what waits in the database, for every process alike. Scrapes that come together share one look.
type backlogCollector struct {
	db  *db.DB
	now func() time.Time
	log *slog.Logger

	up, open, overdue, jobs, late *prometheus.Desc

	mu   sync.Mutex
	last backlog
}

func newBacklogCollector(d *db.DB, now func() time.Time, log *slog.Logger) *backlogCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("holdfast_"+name, help, labels, nil)
	}
	return &backlogCollector{
		db: d, now: now, log: log,
		up:      desc("up_database", "1 if the database has answered what is told of it, 0 if it has not: then the rest of that is missing."),
		open:    desc("open_checkouts", "Checkouts that are neither paid nor ended: what they hold nobody else can buy."),
		overdue: desc("oldest_overdue_checkout_seconds", "How long ago the oldest hold ended that is still not released: how far the sweeper is behind. 0 for none."),
		jobs:    desc("jobs", "Jobs by kind and state: due, waiting for their time, running, or failing (failed more than once, and to be tried again).", "kind", "state"),
		late:    desc("oldest_due_job_seconds", "How long the oldest job that nobody works on has been due. 0 for none."),
	}
}

// Describe implements prometheus.Collector.
func (c *backlogCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.open, c.overdue, c.jobs, c.late} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *backlogCollector) Collect(to chan<- prometheus.Metric) {
	b := c.look()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if !b.up {
		gauge(c.up, 0)
		return
	}
	gauge(c.up, 1)
	gauge(c.open, float64(b.open))
	gauge(c.overdue, late(b.at, b.oldestHeld))
	gauge(c.late, late(b.at, b.oldestJob))
	for j, n := range b.jobs {
		gauge(c.jobs, float64(n), j.kind, j.state)
	}
}

// late is how many seconds after due it is; 0 before.
func late(now, due time.Time) float64 {
	if due.IsZero() || due.After(now) {
		return 0
	}
	return now.Sub(due).Seconds()
}

// look is what was seen a moment ago, or what is there now.
func (c *backlogCollector) look() backlog {
	c.mu.Lock()
	defer c.mu.Unlock()
	start := c.now()
	if start.Before(c.last.goodFor) && !start.Before(c.last.at) { // which it is when the clock was set back
		return c.last
	}
	// A scrape has no ctx to give.
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	seen, err := readBacklog(ctx, c.db, start)
	if err != nil {
		c.log.WarnContext(ctx, "the database does not tell what waits in it", "error", err)
	}
	seen.up, seen.at = err == nil, start
	end := c.now()
	seen.goodFor = end.Add(max(backlogFresh, backlogShare*end.Sub(start)))
	c.last = seen
	return seen
}

// The statements are answered by indexes: the first by checkouts' (status, held_until) and jobs' (run_at). Reading a column
// instead of MIN keeps it a time on SQLite. The second counts all jobs, of which there are no more than unfinished orders.
const (
	oldestOnes = `SELECT (SELECT COUNT(*) FROM checkouts WHERE status = 'OPEN'),
		(SELECT held_until FROM checkouts WHERE status = 'OPEN' ORDER BY held_until LIMIT 1),
		(SELECT run_at FROM jobs WHERE run_at <= ? AND (leased_until IS NULL OR leased_until <= ?) ORDER BY run_at LIMIT 1)`
	jobStates = `SELECT kind, CASE WHEN leased_until > ? THEN 'running' WHEN attempts > 1 AND last_error IS NOT NULL THEN 'failing'
		WHEN run_at <= ? THEN 'due' ELSE 'waiting' END AS state, COUNT(*) FROM jobs GROUP BY kind, state`
)

func readBacklog(ctx context.Context, d *db.DB, now time.Time) (backlog, error) {
	b := backlog{jobs: make(map[jobState]int)}
	now = now.UTC().Truncate(time.Microsecond)
	err := eachRow(ctx, d, oldestOnes, []any{now, now}, func(row db.Row) error {
		var held, job sql.NullTime
		if err := row.Scan(&b.open, &held, &job); err != nil {
			return err
		}
		b.oldestHeld, b.oldestJob = held.Time, job.Time
		return nil
	})
	if err != nil {
		return b, fmt.Errorf("find the oldest: %w", err)
	}
	err = eachRow(ctx, d, jobStates, []any{now, now}, func(row db.Row) error {
		var j jobState
		var n int
		err := row.Scan(&j.kind, &j.state, &n)
		b.jobs[j] = n
		return err
	})
	if err != nil {
		return b, fmt.Errorf("count jobs: %w", err)
	}
	return b, nil
}

func eachRow(ctx context.Context, d *db.DB, query string, args []any, scan func(db.Row) error) (err error) {
	rows, err := d.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
