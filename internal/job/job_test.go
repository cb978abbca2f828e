package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/job"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

type world struct {
	db    *db.DB
	clock *clock.Manual
	queue *job.Queue
	// ran are the jobs whose handler ran, in that order.
	mu  sync.Mutex
	ran []typeid.UUID
}

// each runs fn on a queue whose handler does what answer says.
func each(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler])) {
	t.Helper()
	t.Parallel()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			w := &world{db: testdb.New(t, kind), clock: clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC))}
			answer := &atomic.Pointer[job.Handler]{}
			w.queue = w.process(answer)
			fn(t, w, answer)
		})
	}
}

// process is one more process on the database.
func (w *world) process(answer *atomic.Pointer[job.Handler]) *job.Queue {
	q := job.New(w.db, w.clock.Now, slog.New(slog.DiscardHandler))
	q.Handle(job.Order, func(ctx context.Context, about typeid.UUID) (time.Time, error) {
		w.mu.Lock()
		w.ran = append(w.ran, about)
		w.mu.Unlock()
		if h := answer.Load(); h != nil {
			return (*h)(ctx, about)
		}
		return time.Time{}, nil
	})
	return q
}

func (w *world) add(t *testing.T, after time.Duration, about ...typeid.UUID) {
	t.Helper()
	now := w.clock.Now()
	_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, job.AddTx(ctx, tx, now, now.Add(after), job.Order, about...)
	})
	must(t, err)
}

// run carries out what is due and wants so many runs.
func (w *world) run(t *testing.T, want int) {
	t.Helper()
	if n, err := w.queue.RunDue(t.Context()); n != want || err != nil {
		t.Errorf("ran %d times, %v; want %d", n, err, want)
	}
}

// left wants so many jobs to be left.
func (w *world) left(t *testing.T, want int) {
	t.Helper()
	if n, err := w.db.Job.Query().Count(t.Context()); n != want || err != nil {
		t.Errorf("%d jobs are left, %v; want %d", n, err, want)
	}
}

func id(n byte) typeid.UUID { return typeid.UUID{0: 1, 15: n} }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var two = []testdb.Kind{testdb.MySQL, testdb.SQLite}

func TestJobs(t *testing.T) {
	each(t, two, func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler]) {
		w.add(t, time.Minute, id(3))
		w.add(t, 0, id(2), id(1), id(2))
		w.run(t, 2)
		w.left(t, 1)
		w.clock.Advance(time.Minute - time.Microsecond)
		w.run(t, 0)
		w.clock.Advance(time.Microsecond)
		w.run(t, 1)
		w.left(t, 0)

		// Asked for again, a job is due no later than before.
		w.add(t, time.Hour, id(1))
		w.add(t, time.Minute, id(1))
		w.add(t, time.Hour, id(1))
		w.clock.Advance(time.Minute)
		w.run(t, 1)
		w.left(t, 0)

		// A handler may have itself run again.
		later := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) { return w.clock.Now().Add(time.Minute), nil })
		answer.Store(&later)
		w.add(t, 0, id(1))
		for range 3 {
			w.run(t, 1)
			w.run(t, 0)
			w.clock.Advance(time.Minute)
		}
		answer.Store(nil)
		w.run(t, 1)
		w.left(t, 0)
	})
}

// TestFailures has a handler fail: it is tried again, later each time, and at once when somebody asks.
func TestFailures(t *testing.T) {
	each(t, two, func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler]) {
		fails := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) { return time.Time{}, errors.New("坏了 broken") })
		answer.Store(&fails)
		w.add(t, 0, id(1))
		for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			w.run(t, 1)
			w.clock.Advance(pause - time.Microsecond)
			w.run(t, 0)
			w.clock.Advance(time.Microsecond)
		}
		row, err := w.db.Job.Get(t.Context(), typeid.From[typeid.Job](id(1)))
		if must(t, err); row.Attempts != 4 || row.LastError == nil || *row.LastError != "坏了 broken" || row.LeasedUntil != nil {
			t.Errorf("job %+v", row)
		}
		for range 20 { // never later than a quarter of an hour
			w.run(t, 1)
			w.clock.Advance(15 * time.Minute)
		}
		w.run(t, 1)
		w.add(t, 0, id(1))
		w.run(t, 1)
		w.clock.Advance(15 * time.Minute)
		answer.Store(nil)
		w.run(t, 1)
		w.left(t, 0)
	})
}

// failing wants the job to have failed so often since this moment; the zero one wants none that fails.
func (w *world) failing(t *testing.T, attempts int, since time.Time) {
	t.Helper()
	row, err := w.db.Job.Get(t.Context(), typeid.From[typeid.Job](id(1)))
	must(t, err)
	var got time.Time
	if row.FailingSince != nil {
		got = *row.FailingSince
	}
	if row.Attempts != attempts || !got.Equal(since) || (row.LastError == nil) != since.IsZero() {
		t.Errorf("%d failures since %v (%v), want %d since %v", row.Attempts, got, row.LastError, attempts, since)
	}
}

// TestRefusals has the other side refuse: pauses grow fourfold, to a day, and what is taken on again does not begin anew.
func TestRefusals(t *testing.T) {
	each(t, two, func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler]) {
		says := func(next time.Duration, err error) {
			h := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) {
				if next == 0 {
					return time.Time{}, err
				}
				return w.clock.Now().Add(next), err
			})
			answer.Store(&h)
		}
		runsAfter := func(pause time.Duration) {
			t.Helper()
			w.clock.Advance(pause - time.Microsecond)
			w.run(t, 0)
			w.clock.Advance(time.Microsecond)
			w.run(t, 1)
		}
		no := fmt.Errorf("ask: %w", job.ErrRefused)
		since := w.clock.Now()
		says(0, no)
		w.add(t, 0, id(1))
		w.run(t, 1)
		for _, pause := range []int{1, 4, 16, 64} {
			runsAfter(time.Duration(pause) * time.Second)
		}
		w.failing(t, 5, since)

		// Taken on, and refused in the end: the pause is the next, and not the first.
		says(5*time.Second, job.ErrPending)
		runsAfter(256 * time.Second)
		runsAfter(5 * time.Second)
		w.failing(t, 5, since)
		says(0, no)
		runsAfter(5 * time.Second)
		for _, pause := range []int{1024, 4096, 16384, 65536, 86400, 86400} {
			runsAfter(time.Duration(pause) * time.Second)
		}
		// What has to be done at its time is done then, but no sooner than after any other failure.
		says(time.Hour, no)
		runsAfter(24 * time.Hour)
		says(time.Second, no)
		runsAfter(time.Hour)
		says(0, errors.New("no answer"))
		runsAfter(15 * time.Minute)
		says(0, nil)
		runsAfter(15 * time.Minute)
		w.left(t, 0)

		// A success is the end of the failure, also if something is left.
		says(0, no)
		since = w.clock.Now()
		w.add(t, 0, id(1))
		w.run(t, 1)
		w.failing(t, 1, since)
		says(time.Hour, nil)
		runsAfter(time.Second)
		w.failing(t, 0, time.Time{})
		says(0, no)
		runsAfter(time.Hour)
		w.failing(t, 1, w.clock.Now())
	})
}

// TestWokenWhileRunning asks for a job while it runs: it runs once more, since it may have looked too early.
func TestWokenWhileRunning(t *testing.T) {
	each(t, two, func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler]) {
		for name, result := range map[string]func() (time.Time, error){
			"done":   func() (time.Time, error) { return time.Time{}, nil },
			"later":  func() (time.Time, error) { return w.clock.Now().Add(time.Hour), nil },
			"failed": func() (time.Time, error) { return time.Time{}, errors.New("broken") },
		} {
			wakes := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) {
				answer.Store(nil)
				w.add(t, 0, id(1))
				return result()
			})
			answer.Store(&wakes)
			w.add(t, 0, id(1))
			if w.run(t, 2); t.Failed() {
				t.Fatal(name)
			}
			w.left(t, 0)
		}
	})
}

// TestDeadProcess leases a job in a process that dies: another takes it when the lease has ended, and not before.
func TestDeadProcess(t *testing.T) {
	each(t, two, func(t *testing.T, w *world, _ *atomic.Pointer[job.Handler]) {
		w.add(t, 0, id(1))
		must(t, w.db.Job.Update().SetLeasedUntil(w.clock.Now().Add(time.Minute)).AddAttempts(1).Exec(t.Context()))
		w.run(t, 0)
		w.clock.Advance(time.Minute)
		w.run(t, 1)
		w.left(t, 0)
	})
}

// TestPausedProcess lets a process sleep through its lease: what it says when it wakes up changes nothing.
func TestPausedProcess(t *testing.T) {
	each(t, two, func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler]) {
		sleeps := job.Handler(func(ctx context.Context, _ typeid.UUID) (time.Time, error) {
			answer.Store(nil)
			w.clock.Advance(2 * time.Minute)
			later := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) { return w.clock.Now().Add(time.Hour), nil })
			answer.Store(&later)
			_, err := w.process(answer).RunDue(ctx) // another process takes it on, and has it wait
			return time.Time{}, err
		})
		answer.Store(&sleeps)
		w.add(t, 0, id(1))
		w.run(t, 1)
		w.left(t, 1)
		w.run(t, 0)
	})
}

// TestRunAndDo has processes run side by side: each job runs once, also for those who wait for it.
func TestRunAndDo(t *testing.T) {
	each(t, []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite}, func(t *testing.T, w *world, answer *atomic.Pointer[job.Handler]) {
		slow := job.Handler(func(context.Context, typeid.UUID) (time.Time, error) {
			time.Sleep(5 * time.Millisecond)
			return time.Time{}, nil
		})
		answer.Store(&slow)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for range 3 {
			q := w.process(answer)
			running.Go(func() { q.Run(ctx) })
		}
		var wg sync.WaitGroup
		for n := range byte(30) {
			w.add(t, 0, id(n))
			wg.Go(func() {
				if err := w.queue.Do(t.Context(), id(n)); err != nil {
					t.Error(err)
				}
				if left, err := w.db.Job.Query().Count(t.Context()); err != nil || left > 30 {
					t.Errorf("%d jobs, %v", left, err)
				}
			})
		}
		wg.Wait()
		stop()
		running.Wait()
		w.left(t, 0)
		slices.SortFunc(w.ran, typeid.UUID.Compare)
		if got := slices.Compact(slices.Clone(w.ran)); len(got) != 30 || len(w.ran) != 30 {
			t.Errorf("%d jobs ran %d times", len(got), len(w.ran))
		}
	})
}
