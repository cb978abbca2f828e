// Package job is work that must be done once, survives every process, and is done by whichever comes first. A job is a row,
// written in the transaction that makes it necessary; a process leases it while it works, so that one that dies is followed
// by another. A handler may therefore be run again at any point: it reads how far things are and takes the next step.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	entjob "holdfast/ent/job"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// Kind says what a job is about.
type Kind string

// The kinds of jobs.
const (
	Order   Kind = "ORDER"   // what an order still needs: money to move, time to pass
	Payment Kind = "PAYMENT" // a payment that was let go without the provider's answer
	// Notification is something that WeChat, or a buyer through it, is told; Restock a variant for which buyers may wait.
	Notification   Kind = "NOTIFICATION"
	Restock        Kind = "RESTOCK"
	Reconciliation Kind = "RECONCILIATION" // a day that has to be compared with the provider's bill
)

// Handler carries on with what a job is about. It returns when to run again; the zero time says that nothing is left. What
// fails is tried again, later each time, and at next if that comes first. Errors may be, or wrap, ErrRefused and ErrPending.
type Handler func(ctx context.Context, about typeid.UUID) (next time.Time, err error)

// ErrRefused says that the other side was asked, and said no. Asking again soon will not change its mind, and others count how
// often they are asked: it is tried again after far longer pauses than what was not answered.
var ErrRefused = errors.New("the other side refused")

// ErrPending says that what had failed is under way once more: neither a failure, nor the end of one. The job runs again at next,
// and its failures go on being counted where they were.
var ErrPending = errors.New("tried again, and under way")

const (
	pollEvery    = 500 * time.Millisecond
	batch        = 64
	workers      = 8
	lease        = time.Minute      // after which a process that says nothing is taken for dead
	handleWithin = 45 * time.Second // below the lease
	firstPause   = time.Second      // after a failure; doubled each time
	longestPause = 15 * time.Minute
	firmPause    = 24 * time.Hour // the longest after a refusal; before that, four times the one before
	maxError     = 500            // characters of it that are kept
)

// Queue is the jobs of a database. It is safe for concurrent use.
type Queue struct {
	db       *db.DB
	now      clock.Clock
	log      *slog.Logger
	handlers map[Kind]Handler
	wake     chan struct{}
	slots    chan struct{}
}

// New is the Queue on d. Every kind needs a handler before Run.
func New(d *db.DB, now clock.Clock, log *slog.Logger) *Queue {
	return &Queue{
		db: d, now: now, log: log, handlers: make(map[Kind]Handler),
		wake: make(chan struct{}, 1), slots: make(chan struct{}, workers),
	}
}

// Handle names the handler of a kind. It is not safe once Run has begun.
func (q *Queue) Handle(kind Kind, h Handler) { q.handlers[kind] = h }

// AddTx asks for jobs, due at a moment, in the transaction that makes them necessary. One that exists is asked for again: it
// becomes due no later, and whoever works on it looks once more. Jobs are the last rows that a transaction locks.
func AddTx(ctx context.Context, tx *db.Tx, now, due time.Time, kind Kind, about ...typeid.UUID) error {
	if len(about) == 0 {
		return nil
	}
	ids := slices.Clone(about)
	slices.SortFunc(ids, typeid.UUID.Compare)
	insert := tx.SQL().Insert(entjob.Table).Columns(
		entjob.FieldID, entjob.FieldKind, entjob.FieldRunAt, entjob.FieldAttempts, entjob.FieldWakes, entjob.FieldCreatedAt)
	for _, id := range slices.Compact(ids) {
		insert.Values(id, string(kind), due, 0, 1, now)
	}
	insert.OnConflict(sql.ConflictColumns(entjob.FieldID), sql.ResolveWith(func(u *sql.UpdateSet) {
		u.Set(entjob.FieldRunAt, earlier(due)).Set(entjob.FieldWakes, sql.ExprFunc(func(b *sql.Builder) {
			b.Ident(entjob.FieldWakes).WriteString(" + 1")
		}))
	}))
	if _, err := tx.Exec(ctx, insert); err != nil {
		return fmt.Errorf("add jobs: %w", err)
	}
	return nil
}

// earlier is when a job is due, or due if that is earlier.
func earlier(due time.Time) sql.Querier {
	return sql.ExprFunc(func(b *sql.Builder) {
		b.WriteString("CASE WHEN ").Ident(entjob.FieldRunAt).WriteString(" > ").Arg(due).WriteString(" THEN ").Arg(due).
			WriteString(" ELSE ").Ident(entjob.FieldRunAt).WriteString(" END")
	})
}

// Wake has this process look for jobs now: for whoever has just committed some.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // asked for already
	}
}

// Run works until ctx ends, and returns when what it began has ended.
func (q *Queue) Run(ctx context.Context) {
	var begun sync.WaitGroup
	defer begun.Wait()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := q.begin(ctx, &begun)
		if err != nil && !failing && ctx.Err() == nil {
			q.log.ErrorContext(ctx, "look for jobs", "error", err) // once for each time that it fails
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-q.wake:
		}
	}
}

// begin starts what is due, as far as there are workers, and waits for nothing but those: a slow job keeps no other waiting.
func (q *Queue) begin(ctx context.Context, begun *sync.WaitGroup) error {
	for {
		due, err := q.due(ctx)
		if err != nil {
			return err
		}
		for _, j := range due {
			select {
			case <-ctx.Done():
				return nil
			case q.slots <- struct{}{}:
			}
			begun.Go(func() {
				defer func() { <-q.slots }()
				if _, err := q.work(ctx, j); err != nil && ctx.Err() == nil {
					q.log.ErrorContext(ctx, "work on job", "kind", j.Kind, "job_id", j.ID.String(), "error", err)
				}
			})
		}
		if len(due) < batch {
			return nil
		}
	}
}

// RunDue works on what is due, one after the other, until nothing is, and tells how often a handler ran.
func (q *Queue) RunDue(ctx context.Context) (int, error) {
	n := 0
	var errs []error
	for {
		due, err := q.due(ctx)
		if err != nil || len(due) == 0 {
			return n, errors.Join(append(errs, err)...)
		}
		for _, j := range due {
			n++
			if _, err := q.work(ctx, j); err != nil {
				errs = append(errs, err)
			}
		}
	}
}

// Do works on the job now, for a caller who wants to know what comes of it, and waits while another process does. It returns
// when the job has had its turn or ctx ends; how far things are is for the caller to read.
func (q *Queue) Do(ctx context.Context, about typeid.UUID) error {
	const look = 20 * time.Millisecond
	for {
		j, err := q.db.Job.Get(ctx, typeid.From[typeid.Job](about))
		if ent.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read job: %w", err)
		}
		now := q.now()
		switch leased := j.LeasedUntil != nil && j.LeasedUntil.After(now); {
		case !leased && j.RunAt.After(now):
			return nil // it has had its turn
		case !leased:
			if mine, err := q.work(ctx, j); mine || err != nil {
				return err
			}
			continue // somebody else has just taken it
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for job: %w", ctx.Err())
		case <-time.After(look):
		}
	}
}

func (q *Queue) due(ctx context.Context) ([]*ent.Job, error) {
	now := q.now()
	found, err := q.db.Job.Query().Where(entjob.RunAtLTE(now), entjob.Or(entjob.LeasedUntilIsNil(), entjob.LeasedUntilLTE(now))).
		Order(entjob.ByRunAt()).Limit(batch).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find due jobs: %w", err)
	}
	return found, nil
}

// work leases a job, runs its handler, and says what comes next. A job that somebody else has leased meanwhile is left alone, and
// not mine.
func (q *Queue) work(ctx context.Context, j *ent.Job) (mine bool, err error) {
	now := q.now()
	until := now.Add(lease)
	n, err := q.db.Job.Update().Where(entjob.ID(j.ID), entjob.Attempts(j.Attempts), entjob.Wakes(j.Wakes),
		entjob.Or(entjob.LeasedUntilIsNil(), entjob.LeasedUntilLTE(now))).
		SetLeasedUntil(until).AddAttempts(1).Save(ctx)
	if err != nil {
		return false, fmt.Errorf("lease job: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	next, err := q.handle(ctx, j)
	finishing, cancel := context.WithTimeout(context.WithoutCancel(ctx), handleWithin) // or the next process waits for the lease to end
	defer cancel()
	switch {
	case errors.Is(err, ErrPending):
		return true, q.wait(finishing, j, until, next)
	case err != nil:
		q.log.WarnContext(ctx, "a job failed and is tried again", "kind", j.Kind, "job_id", j.ID.String(), "attempts", j.Attempts+1, "error", err)
		return true, q.postpone(finishing, j, until, next, err)
	}
	return true, q.finish(finishing, j, until, next)
}

func (q *Queue) handle(ctx context.Context, j *ent.Job) (time.Time, error) {
	handler, ok := q.handlers[Kind(j.Kind)]
	if !ok {
		return time.Time{}, fmt.Errorf("no handler for jobs of kind %s", j.Kind)
	}
	ctx, cancel := context.WithTimeout(ctx, handleWithin)
	defer cancel()
	return handler(ctx, j.ID.UUID)
}

// finish ends a job, or has it run again: at next, or at once if somebody asked for it meanwhile.
func (q *Queue) finish(ctx context.Context, j *ent.Job, until, next time.Time) error {
	mine := entjob.And(entjob.ID(j.ID), entjob.LeasedUntil(until))
	if next.IsZero() {
		n, err := q.db.Job.Delete().Where(mine, entjob.Wakes(j.Wakes)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("end job: %w", err)
		}
		if n == 1 {
			return nil
		}
		next = q.now()
	}
	if _, err := q.db.Job.Update().Where(mine).SetAttempts(0).ClearLeasedUntil().ClearLastError().ClearFailingSince().
		Modify(q.runAt(j, next)).Save(ctx); err != nil {
		return fmt.Errorf("put job off: %w", err)
	}
	return nil
}

// wait has a job look again at next, as if this run had not been.
func (q *Queue) wait(ctx context.Context, j *ent.Job, until, next time.Time) error {
	if next.IsZero() {
		next = q.now().Add(firstPause)
	}
	if _, err := q.db.Job.Update().Where(entjob.ID(j.ID), entjob.LeasedUntil(until)).SetAttempts(j.Attempts).ClearLeasedUntil().
		Modify(q.runAt(j, next)).Save(ctx); err != nil {
		return fmt.Errorf("have job wait: %w", err)
	}
	return nil
}

// postpone has a job that failed run again later.
func (q *Queue) postpone(ctx context.Context, j *ent.Job, until, next time.Time, failure error) error {
	now := q.now()
	since := now
	if j.FailingSince != nil {
		since = *j.FailingSince
	}
	text := []rune(failure.Error())
	if _, err := q.db.Job.Update().Where(entjob.ID(j.ID), entjob.LeasedUntil(until)).ClearLeasedUntil().SetFailingSince(since).
		Modify(q.runAt(j, now.Add(pauseAfter(failure, j.Attempts, next, now)))).
		Modify(func(u *sql.UpdateBuilder) { u.Set(entjob.FieldLastError, string(text[:min(len(text), maxError)])) }).Save(ctx); err != nil {
		return fmt.Errorf("put job off: %w", err)
	}
	return nil
}

// pauseAfter is how long a job waits that has failed so often before. What a refusal has nothing to do with is not late for it by
// more than for any other failure.
func pauseAfter(failure error, before int, next, now time.Time) time.Duration {
	pause := min(firstPause<<min(before, 20), longestPause)
	if !errors.Is(failure, ErrRefused) {
		return pause
	}
	firm := min(firstPause<<min(2*before, 20), firmPause)
	if next.IsZero() {
		return firm
	}
	return min(firm, max(pause, next.Sub(now)))
}

// runAt sets when the job is due: at next unless somebody asked for it since it was read.
func (q *Queue) runAt(j *ent.Job, next time.Time) func(*sql.UpdateBuilder) {
	return func(u *sql.UpdateBuilder) {
		u.Set(entjob.FieldRunAt, sql.ExprFunc(func(b *sql.Builder) {
			b.WriteString("CASE WHEN ").Ident(entjob.FieldWakes).WriteString(" = ").Arg(j.Wakes).
				WriteString(" THEN ").Arg(next).WriteString(" ELSE ").Arg(q.now()).WriteString(" END")
		}))
	}
}
