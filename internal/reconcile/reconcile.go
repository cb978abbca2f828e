// Package reconcile compares what the rows and the books say of a day with the provider's bills of it: every payment and refund of
// WeChat's trade bill, every share and return of its fund-flow bill, and everything that was recorded here and is in neither. What the trade
// bill says of fees goes into the books.
//
// A day is one in Beijing. What a bill names is looked up by its number, whenever it was recorded. What was recorded here is looked for
// once, on the day that it was written into the books: in the bill of that day, and else in those of the days before, back to when it
// may have begun. So a notice that came late makes no difference, nor does a clock that is minutes off.
package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"entgo.io/ent/dialect/sql"

	entreconciliation "holdfast/ent/reconciliation"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/job"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
	"holdfast/internal/wechatpay"
)

// Bills are the provider's: *wechatpay.Provider. Both bills fail with wechatpay.ErrNoBill and wechatpay.ErrNotYet.
type Bills interface {
	// Merchants are those that have bills.
	Merchants() []string
	// BillOf is whose bills an order is in that was paid in a mini-program and whose money is a receiver's, and as which sub-merchant's.
	BillOf(appID, receiver string) (merchant, sub string, ok bool)
	TradeBill(ctx context.Context, merchant string, day time.Time) ([]wechatpay.TradeRow, error)
	FundFlowBill(ctx context.Context, merchant string, day time.Time) ([]wechatpay.FlowRow, error)
}

// Status is where the comparison of a day stands.
type Status string

// The states of a comparison.
const (
	Pending   Status = "PENDING"
	Matched   Status = "MATCHED"
	Different Status = "DIFFERENT"
)

// Reconciliation is the comparison of a merchant's day.
type Reconciliation struct {
	ID       typeid.Reconciliation
	Merchant string
	// Day is a date in Beijing, such as 2026-11-22.
	Day    string
	Status Status
	// Payments and Refunds are how many the bill has; DifferenceCount is of all, those that were too many to keep too.
	Payments, Refunds, DifferenceCount int
	// Received and Refunded are the bill's sums; Fees is what the provider took, less what it gave back.
	Received, Refunded, Fees money.Money
	CreatedAt                time.Time
	ComparedAt               *time.Time
}

// Kind says what differs.
type Kind string

// The kinds of differences.
const (
	OnlyHere  Kind = "ONLY_HERE"
	OnlyThere Kind = "ONLY_THERE"
	Amount    Kind = "AMOUNT"
	State     Kind = "STATUS"
)

// Difference is one thing of which the bill says something else.
type Difference struct {
	ID   typeid.Difference
	Kind Kind
	// Subject is the number that both sides call it by.
	Subject string
	// OrderID is whose money it is; nil when that is not known.
	OrderID *typeid.Order
	// Here and There are what each side says was moved.
	Here, There money.Money
	Note        string
}

const (
	// readyAt is when, in Beijing, the day before is compared: WeChat has its bills ready by 10.
	readyAt = 10*time.Hour + 30*time.Minute
	// catchUp is how many days are compared that no process saw begin.
	catchUp = 7
	// keeps is how many months WeChat keeps bills.
	keeps = 3
	// again is when a bill is asked for once more that was not ready.
	again = 10 * time.Minute
	// lookEvery is how often a process looks whether a day has become due; it asks the database when one has.
	lookEvery = time.Second
	// answerWithin is how long whoever has a day compared waits for it; it goes on after that.
	answerWithin = 10 * time.Second
)

// beijing is where WeChat's days begin and end.
var beijing = time.FixedZone("CST", 8*60*60) //nolint:gochecknoglobals // a constant

// Reconciler compares days. It is safe for concurrent use, and every process may run one.
type Reconciler struct {
	db    *db.DB
	now   clock.Clock
	bills Bills
	jobs  *job.Queue
	log   *slog.Logger

	mu      sync.Mutex
	planned string // the newest day that this process has seen planned
}

// New is a Reconciler. Without bills (nil) nothing is ever compared.
func New(d *db.DB, now clock.Clock, bills Bills, jobs *job.Queue, log *slog.Logger) *Reconciler {
	r := &Reconciler{db: d, now: now, bills: bills, jobs: jobs, log: log}
	jobs.Handle(job.Reconciliation, r.handle)
	return r
}

// Run has each day compared in the morning after it, until ctx ends.
func (r *Reconciler) Run(ctx context.Context) {
	if r.bills == nil {
		return
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := r.Plan(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "plan reconciliations", "error", err) // once for each time that it fails
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Today is the day that is not over yet, of which Preview may know something.
func (r *Reconciler) Today() string { return dayOf(r.now()).Format(time.DateOnly) }

// Newest is the last day whose bills should be ready.
func (r *Reconciler) Newest() string { return r.newest().Format(time.DateOnly) }

func (r *Reconciler) newest() time.Time {
	return dayOf(r.now().Add(-readyAt)).AddDate(0, 0, -1)
}

// dayOf is the midnight in Beijing that a moment's day began with.
func dayOf(t time.Time) time.Time {
	y, m, d := t.In(beijing).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, beijing)
}

// Plan asks for the days to be compared that are due and that nobody has asked for: of a merchant that was never compared the newest,
// of others all since the last, at most 7.
func (r *Reconciler) Plan(ctx context.Context) error {
	newest := r.newest()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bills == nil || r.planned == newest.Format(time.DateOnly) {
		return nil
	}
	last, err := r.last(ctx)
	if err != nil {
		return err
	}
	for _, merchant := range r.bills.Merchants() {
		first := newest
		if day, err := time.ParseInLocation(time.DateOnly, last[merchant], beijing); err == nil {
			first = day.AddDate(0, 0, 1)
			if bound := newest.AddDate(0, 0, 1-catchUp); first.Before(bound) {
				first = bound
			}
		}
		for day := first; !day.After(newest); day = day.AddDate(0, 0, 1) {
			if _, err := r.ask(ctx, merchant, day.Format(time.DateOnly)); err != nil {
				return err
			}
		}
	}
	r.planned = newest.Format(time.DateOnly)
	r.jobs.Wake()
	return nil
}

// last is the newest day of each merchant that anybody asked for.
func (r *Reconciler) last(ctx context.Context) (map[string]string, error) {
	t := r.db.SQL().Table(entreconciliation.Table)
	out := make(map[string]string)
	_, err := db.Collect(ctx, r.db, r.db.SQL().Select(t.C(entreconciliation.FieldMerchant), sql.Max(t.C(entreconciliation.FieldDay))).From(t).
		GroupBy(t.C(entreconciliation.FieldMerchant)), func(row db.Row) (string, error) {
		var merchant, day string
		err := row.Scan(&merchant, &day)
		out[merchant] = day
		return day, err
	})
	if err != nil {
		return nil, fmt.Errorf("find the last reconciliations: %w", err)
	}
	return out, nil
}

// ask makes the row of a day, if there is none, and asks for the job that compares it.
func (r *Reconciler) ask(ctx context.Context, merchant, day string) (typeid.Reconciliation, error) {
	for range 2 {
		id, err := db.Repeat(ctx, r.db, func(ctx context.Context, tx *db.Tx) (typeid.Reconciliation, error) {
			row, err := lockTx(ctx, tx, merchant, day)
			if err != nil {
				return typeid.Reconciliation{}, err
			}
			now := r.now()
			id := typeid.New[typeid.Reconciliation](now)
			if row != nil {
				id = row.ID
			} else if err := tx.Reconciliation.Create().SetID(id).SetMerchant(merchant).SetDay(day).SetStatus(string(Pending)).SetPayments(0).SetRefunds(0).
				SetDifferences(0).SetReceived(0).SetRefunded(0).SetFees(0).SetCurrency(string(money.CNY)).SetCreatedAt(now).Exec(ctx); err != nil {
				return id, err
			}
			return id, job.AddTx(ctx, tx, now, now, job.Reconciliation, id.UUID)
		})
		if err == nil || !db.IsDuplicate(err) { // another process was first: its row is there now
			return id, err
		}
	}
	return typeid.Reconciliation{}, fmt.Errorf("ask for the reconciliation of %s, %s: its row comes and goes", merchant, day)
}

// Again has an operator's day compared now, whatever was found before, and waits a moment for the result. It fails with NOT_FOUND, of a
// merchant that has no bills, and INVALID, of a day that has none yet or none any more.
func (r *Reconciler) Again(ctx context.Context, who identity.Principal, merchant, day string) (*Reconciliation, error) {
	if err := operator(who); err != nil {
		return nil, err
	}
	if err := r.Check(merchant, day); err != nil {
		return nil, err
	}
	id, err := r.ask(ctx, merchant, day)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := r.jobs.Do(waiting, id.UUID); err != nil && waiting.Err() == nil {
		r.log.WarnContext(ctx, "compare a day", "merchant", merchant, "day", day, "error", err) // the job tries again
	}
	found, err := r.ByIDs(ctx, []typeid.Reconciliation{id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// Check refuses what has no bills: NOT_FOUND and INVALID; see Again.
func (r *Reconciler) Check(merchant, day string) error {
	if r.bills == nil || !slices.Contains(r.bills.Merchants(), merchant) {
		return fault.New(fault.NotFound, "there is no such merchant").At("merchant")
	}
	from, err := time.ParseInLocation(time.DateOnly, day, beijing)
	today := dayOf(r.now())
	if err != nil || !from.Before(today) || from.Before(today.AddDate(0, -keeps, 0)) {
		return fault.New(fault.Invalid, "there are bills of the last three months, up to yesterday").At("day")
	}
	return nil
}

func operator(who identity.Principal) error {
	if !who.Operator {
		return fault.New(fault.Forbidden, "only operators of the platform may do this")
	}
	return nil
}
