package check

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

const (
	// asking is how many questions the provider is asked at once: it limits how many it answers, and others ask as well.
	asking = 4
	// asksAgain is how often a question is asked again that was not answered, after ever longer pauses from firstPause on.
	asksAgain  = 5
	firstPause = 500 * time.Millisecond
	// lookedUp is how many rows one statement reads.
	lookedUp = 500
)

// question is a row of ours, and what the provider is asked about it.
type question struct {
	id  typeid.UUID
	row Row
	ask func(ctx context.Context) (there Row, differs bool, err error)
}

// inquiry is one thing that the provider is asked about all rows of a kind.
type inquiry struct {
	number, words string
	ids           string // selects the rows of a time: its two arguments are the first id that was made in it
	questions     func(ctx context.Context, q db.Querier, records payment.Records, ids []typeid.UUID) ([]question, error)
}

func inquiries() []inquiry {
	const moved = ` IN (SELECT movement_id FROM ledger_entries WHERE id >= ? AND kind = `
	return []inquiry{
		{
			"7a", "the provider says of payments what the rows say: paid, of that amount; or not paid",
			`SELECT id FROM payments WHERE id >= ? AND status <> 'PENDING' UNION SELECT id FROM payments WHERE id` + moved + `'RECEIVED')`, paidQuestions,
		},
		{
			"7b", "the provider says of refunds what the rows say",
			`SELECT id FROM refunds WHERE id >= ? UNION SELECT id FROM refunds WHERE id` + moved + `'REFUNDED')`, refundQuestions,
		},
		{
			"7c", "the provider says of shares that were paid out what the books say",
			`SELECT id FROM payment_splits WHERE id >= ? AND status = 'SUCCEEDED' AND role <> 'MERCHANT' AND amount > returned
			UNION SELECT id FROM payment_splits WHERE role <> 'MERCHANT' AND id` + moved + `'SHARED')`, shareQuestions,
		},
		{
			"7d", "the provider says of shares that were given back what the books say",
			`SELECT t.id FROM split_returns t JOIN payment_splits s ON s.id = t.split_id WHERE t.id >= ? AND t.status = 'FAILED' AND s.role <> 'MERCHANT'
			UNION SELECT t.id FROM split_returns t JOIN payment_splits s ON s.id = t.split_id WHERE s.role <> 'MERCHANT' AND t.id` + moved + `'RETURNED')`,
			returnQuestions,
		},
	}
}

// Provider asks the provider about what was paid, let go, refunded, shared and given back since a moment, and reports what differs. Money
// on its way is no difference. It changes nothing, on either side, and asks a few questions at a time. It fails when the provider does not
// answer.
func Provider(ctx context.Context, d *db.DB, records payment.Records, since time.Time) (Report, error) {
	var out Report
	floor := typeid.Floor(since)
	for _, one := range inquiries() {
		ids, err := db.Collect(ctx, d, handwritten{one.ids, []any{floor, floor}}, func(row db.Row) (id typeid.UUID, err error) { return id, row.Scan(&id) })
		if err != nil {
			return out, fmt.Errorf("check %s: find rows: %w", one.number, err)
		}
		res := Result{Number: one.number, Words: one.words, Looked: int64(len(ids))}
		// Twice: what moved between our reading and its answer is no difference the second time.
		_, again, err := one.compare(ctx, d, records, ids)
		if err == nil && len(again) > 0 {
			res.Rows, again, err = one.compare(ctx, d, records, again)
		}
		if err != nil {
			return out, fmt.Errorf("check %s: %w", one.number, err)
		}
		res.Broken, res.Rows = int64(len(again)), res.Rows[:min(len(res.Rows), maxRows)]
		out.Results = append(out.Results, res)
	}
	return out, nil
}

// handwritten is a statement for both databases.
type handwritten struct {
	text string
	args []any
}

// Query implements the builders' interface.
func (h handwritten) Query() (string, []any) { return h.text, h.args }

// compare asks about all of these rows, and returns those of which the answer differs.
func (i inquiry) compare(ctx context.Context, d *db.DB, records payment.Records, ids []typeid.UUID) (rows []Row, differ []typeid.UUID, err error) {
	for part := range slices.Chunk(ids, lookedUp) {
		list, err := i.questions(ctx, d, records, part)
		if err != nil {
			return nil, nil, err
		}
		found := make([]Row, len(list))
		errs := make([]error, len(list))
		var work sync.WaitGroup
		slots := make(chan struct{}, asking)
		for n, one := range list {
			slots <- struct{}{}
			work.Go(func() {
				defer func() { <-slots }()
				var there Row
				var differs bool
				if there, differs, errs[n] = one.patiently(ctx); differs {
					found[n] = append(slices.Clone(one.row), there...)
				}
			})
		}
		work.Wait()
		if err := errors.Join(errs...); err != nil {
			return nil, nil, err
		}
		for n, row := range found {
			if row != nil {
				rows, differ = append(rows, row), append(differ, list[n].id)
			}
		}
	}
	return rows, differ, nil
}

// patiently asks again when there was no answer, as a provider may say that it was asked too often.
func (q question) patiently(ctx context.Context) (there Row, differs bool, err error) {
	pause := firstPause
	for n := 0; ; n++ {
		if there, differs, err = q.ask(ctx); err == nil || n == asksAgain {
			return there, differs, err
		}
		select {
		case <-ctx.Done():
			return nil, false, errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// readRows runs a statement that ends in IN for these rows.
func readRows(ctx context.Context, q db.Querier, text string, ids []typeid.UUID, scan func(db.Row) (question, error)) ([]question, error) {
	return db.Collect(ctx, q, handwritten{text + " (?" + strings.Repeat(", ?", len(ids)-1) + ")", db.Args(ids)}, scan)
}

func paidQuestions(ctx context.Context, q db.Querier, records payment.Records, ids []typeid.UUID) ([]question, error) {
	return readRows(ctx, q, `SELECT p.id, p.status, p.amount, p.currency, p.expires_at, p.buyer_id, b.mini_program_id FROM payments p
		JOIN buyers b ON b.id = p.buyer_id WHERE p.id IN`, ids, func(row db.Row) (question, error) {
		var t payment.Trade
		var status payment.Status
		err := row.Scan(&t.ID, &status, &t.Amount.Amount, &t.Amount.Currency, &t.ExpiresAt, &t.Buyer, &t.MiniProgram)
		return question{
			t.ID.UUID,
			Row{{"payment_id", t.ID.String()}, {"status", string(status)}, {"amount", t.Amount.Amount}},
			func(ctx context.Context) (Row, bool, error) {
				a, err := records.Query(ctx, t)
				there := Row{{"provider_says", string(a.State)}, {"provider_amount", a.Amount.Amount}}
				if status == payment.Pending || status == payment.Closed {
					return there, a.State == payment.TradePaid && status == payment.Closed, err
				}
				return there, a.State != payment.TradePaid || a.Amount != t.Amount, err
			},
		}, err
	})
}

// transfer compares a transfer with what is recorded of it. What is on its way on either side is no difference, unless the other is done.
func transfer(here payment.TransferState, amount money.Money, ask func(ctx context.Context) (payment.Record, error)) func(context.Context) (Row, bool, error) {
	return func(ctx context.Context) (Row, bool, error) {
		r, err := ask(ctx)
		state := string(r.State)
		if state == "" {
			state = "nothing"
		}
		there := Row{{"provider_says", state}, {"provider_amount", r.Amount.Amount}}
		switch here {
		case payment.TransferSucceeded:
			return there, err == nil && (r.State != payment.TransferSucceeded || r.Amount != amount), err
		case payment.TransferFailed:
			return there, r.State == payment.TransferSucceeded, err
		case payment.TransferProcessing, payment.TransferStuck:
		}
		return there, r.State != "" && r.Amount != amount, err
	}
}

func refundQuestions(ctx context.Context, q db.Querier, records payment.Records, ids []typeid.UUID) ([]question, error) {
	return readRows(ctx, q, `SELECT id, payment_id, order_id, attempts, amount, currency, status FROM refunds WHERE id IN`, ids, func(row db.Row) (question, error) {
		var r payment.RefundRequest
		var status payment.TransferState
		err := row.Scan(&r.ID, &r.Payment, &r.Order, &r.Attempt, &r.Amount.Amount, &r.Amount.Currency, &status)
		return question{
			r.ID.UUID,
			Row{{"refund_id", r.ID.String()}, {"order_id", r.Order.String()}, {"status", string(status)}, {"amount", r.Amount.Amount}},
			transfer(status, r.Amount, func(ctx context.Context) (payment.Record, error) { return records.RefundRecord(ctx, r) }),
		}, err
	})
}

// booked is what a movement was, as the books have it: of a share, the rows know only what is left.
const booked = `(SELECT MAX(e.amount) FROM ledger_entries e WHERE e.movement_id = `

func shareQuestions(ctx context.Context, q db.Querier, records payment.Records, ids []typeid.UUID) ([]question, error) {
	return readRows(ctx, q, `SELECT s.id, s.payment_id, s.order_id, s.receiver, s.attempts, s.currency, s.status, `+booked+`s.id AND e.kind = 'SHARED')
		FROM payment_splits s WHERE s.id IN`, ids, func(row db.Row) (question, error) {
		var r payment.ShareRequest
		var status string
		var amount sql.NullInt64
		err := row.Scan(&r.ID, &r.Payment, &r.Order, &r.Receiver, &r.Attempt, &r.Amount.Currency, &status, &amount)
		r.Amount.Amount = amount.Int64
		return question{
			r.ID.UUID,
			Row{{"split_id", r.ID.String()}, {"order_id", r.Order.String()}, {"status", status}, {"amount", amount.Int64}},
			transfer(payment.TransferSucceeded, r.Amount, func(ctx context.Context) (payment.Record, error) { return records.ShareRecord(ctx, r) }),
		}, err
	})
}

func returnQuestions(ctx context.Context, q db.Querier, records payment.Records, ids []typeid.UUID) ([]question, error) {
	return readRows(ctx, q, `SELECT t.id, t.split_id, s.payment_id, s.order_id, s.receiver, t.attempts, s.attempts, t.amount, t.currency, t.status
		FROM split_returns t JOIN payment_splits s ON s.id = t.split_id WHERE t.id IN`, ids, func(row db.Row) (question, error) {
		var r payment.ReturnRequest
		var status payment.TransferState
		err := row.Scan(&r.ID, &r.Share, &r.Payment, &r.Order, &r.Receiver, &r.Attempt, &r.ShareAttempt, &r.Amount.Amount, &r.Amount.Currency, &status)
		return question{
			r.ID.UUID,
			Row{{"split_return_id", r.ID.String()}, {"order_id", r.Order.String()}, {"status", string(status)}, {"amount", r.Amount.Amount}},
			transfer(status, r.Amount, func(ctx context.Context) (payment.Record, error) { return records.ReturnRecord(ctx, r) }),
		}, err
	})
}
