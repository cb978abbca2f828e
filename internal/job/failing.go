package job

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	entjob "holdfast/ent/job"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// Job is a job as people see it.
type Job struct {
	ID   typeid.Job
	Kind Kind
	// RunAt is when it is due.
	RunAt time.Time
	// Attempts is how often it has failed since it last succeeded; while it runs, one more.
	Attempts int
	// FailingSince is when it failed first since it last succeeded; nil when it did not.
	FailingSince *time.Time
	// LastError is why it failed last, for operators: it may name what shops should not know of each other. Nil when it did not.
	LastError *string
	CreatedAt time.Time
}

// Query is a page of failing jobs.
type Query struct {
	First int
	// Kind is that of the jobs; empty is all.
	Kind Kind
	// After is the last job of the page before; the zero one starts the list.
	After Mark
}

// Mark is where a failing job stands in the list, even when it does not fail any more.
type Mark struct {
	Since time.Time
	ID    typeid.UUID
}

// Mark is where the job stands among those that fail.
func (j *Job) Mark() Mark {
	m := Mark{ID: j.ID.UUID}
	if j.FailingSince != nil {
		m.Since = *j.FailingSince
	}
	return m
}

// Failing is a page of the jobs that fail, those first that have failed for longest. It is for operators: callers ask who may see it.
// It fails with BAD_REQUEST.
func (q *Queue) Failing(ctx context.Context, of Query) (page.Page[*Job], error) {
	if err := (page.Query{First: of.First}).Validate(); err != nil {
		return page.Page[*Job]{}, err
	}
	rows, err := q.db.Job.Query().Where(entjob.FailingSinceNotNil(), func(s *sql.Selector) {
		since, id := s.C(entjob.FieldFailingSince), s.C(entjob.FieldID)
		if of.Kind != "" {
			s.Where(sql.EQ(s.C(entjob.FieldKind), string(of.Kind)))
		}
		if !of.After.ID.IsZero() { // the first part lets the index be read from there
			s.Where(sql.And(sql.GTE(since, of.After.Since), sql.Or(sql.GT(since, of.After.Since), sql.GT(id, of.After.ID))))
		}
		s.OrderBy(since, id)
	}).Limit(of.First + 1).All(ctx)
	jobs, err := db.Map(rows, err, "read failing jobs", jobOf)
	return page.Cut(jobs, of.First), err
}

// ByIDs are those of these jobs that are left to do. Callers ask who may see them.
func (q *Queue) ByIDs(ctx context.Context, ids []typeid.Job) ([]*Job, error) {
	rows, err := q.db.Job.Query().Where(entjob.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, "read jobs", jobOf)
}

// Retry makes a job due now, for an operator, or for an owner of the shop whose order it is about. Whoever works on it at the moment
// looks once more. It fails with NOT_FOUND, also when there is nothing left to do, and FORBIDDEN.
func (q *Queue) Retry(ctx context.Context, who identity.Principal, jobID string) (*Job, error) {
	id, ok := typeid.Parse[typeid.Job](jobID)
	if !ok {
		return nil, absent()
	}
	after, err := db.WithTx(ctx, q.db, func(ctx context.Context, tx *db.Tx) (*Job, error) {
		row, err := tx.Job.Get(ctx, id)
		if ent.IsNotFound(err) {
			return nil, absent()
		}
		if err != nil {
			return nil, fmt.Errorf("read job: %w", err)
		}
		shop, err := shopTx(ctx, tx, row)
		switch {
		case err != nil:
			return nil, err
		case !who.Operator && (shop.IsZero() || !who.SeesShop(shop)):
			return nil, absent()
		case !who.Operator && !who.Owns(shop):
			return nil, fault.New(fault.Forbidden, "only owners of a shop may do this")
		}
		return q.retryTx(ctx, tx, who, row, shop)
	})
	if err == nil {
		q.Wake()
	}
	return after, err
}

// retryTx makes a job due now, and writes into its shop's log who did: jobs are the last rows that a transaction locks.
func (q *Queue) retryTx(ctx context.Context, tx *db.Tx, who identity.Principal, row *ent.Job, shop typeid.Shop) (*Job, error) {
	now := q.now()
	if !shop.IsZero() {
		if err := audit.RecordTx(ctx, tx, now, audit.Act{
			Shop: shop, Staff: who.Staff, Action: "jobRetry", Subject: typeid.From[typeid.Order](row.ID.UUID),
			Detail: map[string]any{"attempts": row.Attempts},
		}); err != nil {
			return nil, err
		}
	}
	n, err := tx.Job.Update().Where(entjob.ID(row.ID)).AddWakes(1).Modify(func(u *sql.UpdateBuilder) {
		u.Set(entjob.FieldRunAt, earlier(now))
	}).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("make job due: %w", err)
	}
	if n == 0 {
		return nil, absent() // it has ended meanwhile
	}
	after, err := tx.Job.Get(ctx, row.ID)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return jobOf(after), nil
}

func absent() error {
	return fault.New(fault.NotFound, "there is no such job; what it was about may be done").At("jobId")
}

// shopTx is the shop whose business a job is; none when it is the platform's.
func shopTx(ctx context.Context, tx *db.Tx, j *ent.Job) (typeid.Shop, error) {
	if Kind(j.Kind) != Order {
		return typeid.Shop{}, nil
	}
	o, err := tx.Order.Get(ctx, typeid.From[typeid.Order](j.ID.UUID))
	if err != nil {
		return typeid.Shop{}, fmt.Errorf("read order of job: %w", err)
	}
	return o.ShopID, nil
}

func jobOf(r *ent.Job) *Job {
	return &Job{
		ID: r.ID, Kind: Kind(r.Kind), RunAt: r.RunAt, Attempts: r.Attempts, FailingSince: r.FailingSince, LastError: r.LastError, CreatedAt: r.CreatedAt,
	}
}
