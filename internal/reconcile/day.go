package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/ent"
	"holdfast/ent/difference"
	entreconciliation "holdfast/ent/reconciliation"
	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
	"holdfast/internal/wechatpay"
)

const (
	// margin is how far the provider's clock and ours may be apart. What was written so late in a day counts as the next one's.
	margin = 10 * time.Minute
	// lookBack is how many days before the one that is compared a bill is looked at for what may have begun then.
	lookBack = 14
	// mostKept is how many differences of a day are kept; more are counted.
	mostKept = 1000
	// feesAtOnce is how many fees one transaction writes down: it locks their orders.
	feesAtOnce = 200
)

// handle compares the day of a row. A bill that is not ready yet is asked for again later.
func (r *Reconciler) handle(ctx context.Context, about typeid.UUID) (time.Time, error) {
	if r.bills == nil {
		return time.Time{}, errors.New("compare a day: no provider with bills is configured")
	}
	row, err := r.db.Reconciliation.Get(ctx, typeid.From[typeid.Reconciliation](about))
	if err != nil {
		return time.Time{}, fmt.Errorf("read reconciliation: %w", err)
	}
	_, err = r.Compare(ctx, row.Merchant, row.Day)
	if errors.Is(err, wechatpay.ErrNotYet) {
		return r.now().Add(again), nil
	}
	return time.Time{}, err
}

// Result is what a comparison found.
type Result struct {
	Reconciliation

	Differences []*Difference // at most 1,000 of them
}

// Compare compares a merchant's day now and writes down what it found, in place of what was found before. Callers have asked whether there
// can be bills of it: see Check. It fails with wechatpay.ErrNotYet.
func (r *Reconciler) Compare(ctx context.Context, merchant, day string) (*Result, error) {
	d, err := r.compareDay(ctx, merchant, day)
	if err != nil {
		return nil, err
	}
	if err := d.writeFees(ctx); err != nil {
		return nil, fmt.Errorf("compare %s, %s: write fees down: %w", merchant, day, err)
	}
	return d.write(ctx)
}

// Preview is Compare without a trace: nothing is written down. A day that is not over has no bill, but at the simulator.
func (r *Reconciler) Preview(ctx context.Context, merchant, day string) (*Result, error) {
	d, err := r.compareDay(ctx, merchant, day)
	if err != nil {
		return nil, err
	}
	now := r.now()
	return &Result{Reconciliation: Reconciliation{
		Merchant: merchant, Day: day, Status: d.status(), Payments: d.bill.payments, Refunds: d.bill.refunds, DifferenceCount: len(d.found),
		Received: money.New(d.bill.received, money.CNY), Refunded: money.New(d.bill.refunded, money.CNY), Fees: money.New(d.bill.fees, money.CNY),
		CreatedAt: now, ComparedAt: &now,
	}, Differences: d.found[:min(len(d.found), mostKept)]}, nil
}

func (r *Reconciler) compareDay(ctx context.Context, merchant, day string) (*theDay, error) {
	from, err := time.ParseInLocation(time.DateOnly, day, beijing)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", merchant, err)
	}
	d := &theDay{Reconciler: r, merchant: merchant, day: from}
	if err := d.compare(ctx); err != nil {
		return nil, fmt.Errorf("compare %s, %s: %w", merchant, day, err)
	}
	return d, nil
}

// theDay is one that is being compared.
type theDay struct {
	*Reconciler

	merchant string
	day      time.Time
	bill     bill
	found    []*Difference
	fees     map[typeid.UUID][]payment.Fee // by order
}

// download reads both bills of a day. What nothing happened on is empty.
func (d *theDay) download(ctx context.Context, day time.Time) (bill, error) {
	trades, err := d.bills.TradeBill(ctx, d.merchant, day)
	if err != nil && !errors.Is(err, wechatpay.ErrNoBill) {
		return bill{}, err
	}
	flows, err := d.bills.FundFlowBill(ctx, d.merchant, day)
	if err != nil && !errors.Is(err, wechatpay.ErrNoBill) {
		return bill{}, err
	}
	return readBill(trades, flows), nil
}

// here reads what the rows say of what a bill names.
func (d *theDay) here(ctx context.Context, b bill) (map[string]*item, error) {
	var w wanted
	for _, l := range b.lines {
		w.add(l.base)
	}
	return d.read(ctx, w)
}

func (d *theDay) compare(ctx context.Context) error {
	var err error
	if d.bill, err = d.download(ctx, d.day); err != nil {
		return err
	}
	here, err := d.here(ctx, d.bill)
	if err != nil {
		return err
	}
	d.found, d.fees = compare(d.bill, here), make(map[typeid.UUID][]payment.Fee)
	d.noteFees(d.bill, here)
	missing, err := d.written(ctx, d.merchant, d.day.Add(-margin), d.day.AddDate(0, 0, 1).Add(-margin))
	if err != nil {
		return err
	}
	missing = d.without(missing, d.bill)
	for n := 1; n <= lookBack && len(missing) > 0; n++ {
		day := d.day.AddDate(0, 0, -n)
		if !slices.ContainsFunc(missing, func(i *item) bool { return !dayOf(i.since.Add(-margin)).After(day) }) {
			break
		}
		older, err := d.download(ctx, day)
		if err != nil {
			return err
		}
		byNumber := make(map[string]*item, len(missing))
		for _, i := range missing {
			byNumber[i.base] = i
		}
		ofThese := older
		ofThese.lines = slices.DeleteFunc(slices.Clone(older.lines), func(l line) bool { return byNumber[l.base] == nil })
		d.found = append(d.found, compare(ofThese, byNumber)...)
		d.noteFees(ofThese, byNumber)
		missing = d.without(missing, older)
	}
	for _, i := range missing {
		d.found = append(d.found, lacking(i))
	}
	return nil
}

// without leaves out what a bill has: of payments and refunds the trade bill, of the others the fund-flow bill.
func (d *theDay) without(items []*item, b bill) []*item {
	there := make(map[string]bool, len(b.lines))
	for _, l := range b.lines {
		if l.trade == (l.noun == aPayment || l.noun == aRefund) {
			there[l.number] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(items), func(i *item) bool { return there[i.number()] })
}

// noteFees takes in what the trade bill says of fees, of all that both sides agree about. A refund's is given back once the refund is done.
func (d *theDay) noteFees(b bill, here map[string]*item) {
	for _, l := range b.lines {
		i := here[l.base]
		if !l.trade || l.fee == 0 || l.failed || i == nil || i.fee != nil || !i.happened || i.noun != l.noun || (l.fee > 0) != (l.noun == aPayment) || differ(l, i) != nil {
			continue
		}
		amount := l.fee
		if l.noun == aRefund {
			amount = -amount
		}
		d.fees[i.order.UUID] = append(d.fees[i.order.UUID], payment.Fee{
			Movement: i.movement, Returned: l.noun == aRefund, Order: i.order, Shop: i.shop, Receiver: i.receiver, Amount: money.New(amount, i.currency), Now: d.now(),
		})
	}
}

// writeFees writes down what is not in the books yet. Dying in between does no harm: what is there is left alone the next time.
func (d *theDay) writeFees(ctx context.Context) error {
	orders := make([]typeid.UUID, 0, len(d.fees))
	for id := range d.fees {
		orders = append(orders, id)
	}
	slices.SortFunc(orders, typeid.UUID.Compare)
	for part := range slices.Chunk(orders, feesAtOnce) {
		var fees payment.FeesTaken
		for _, id := range part {
			fees = append(fees, d.fees[id]...)
		}
		if _, err := db.Repeat(ctx, d.db, func(ctx context.Context, tx *db.Tx) (bool, error) {
			if _, err := tx.Order.Query().Where(lockOrders(tx, part)).All(ctx); err != nil {
				return false, fmt.Errorf("lock orders: %w", err)
			}
			return payment.RecordTx(ctx, tx, fees)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (d *theDay) status() Status {
	if len(d.found) > 0 {
		return Different
	}
	return Matched
}

// write writes the result down, in place of the one before.
func (d *theDay) write(ctx context.Context) (*Result, error) {
	now, day, status := d.now(), d.day.Format(time.DateOnly), d.status()
	kept := d.found[:min(len(d.found), mostKept)]
	row, err := db.Repeat(ctx, d.db, func(ctx context.Context, tx *db.Tx) (*ent.Reconciliation, error) {
		row, err := lockTx(ctx, tx, d.merchant, day)
		if err != nil {
			return nil, err
		}
		if row == nil { // nobody had asked for it
			row = &ent.Reconciliation{ID: typeid.New[typeid.Reconciliation](now)}
			if err := tx.Reconciliation.Create().SetID(row.ID).SetMerchant(d.merchant).SetDay(day).SetStatus(string(status)).SetPayments(0).SetRefunds(0).
				SetDifferences(0).SetReceived(0).SetRefunded(0).SetFees(0).SetCurrency(string(money.CNY)).SetCreatedAt(now).SetComparedAt(now).Exec(ctx); err != nil {
				return nil, err
			}
		}
		if _, err := tx.Difference.Delete().Where(difference.ReconciliationID(row.ID)).Exec(ctx); err != nil {
			return nil, fmt.Errorf("forget old differences: %w", err)
		}
		if err := insertTx(ctx, tx, row.ID, now, kept); err != nil {
			return nil, err
		}
		_, err = tx.Reconciliation.Update().Where(entreconciliation.ID(row.ID)).SetStatus(string(status)).SetPayments(d.bill.payments).SetRefunds(d.bill.refunds).
			SetDifferences(len(d.found)).SetReceived(d.bill.received).SetRefunded(d.bill.refunded).SetFees(d.bill.fees).SetComparedAt(now).Save(ctx)
		if err != nil {
			return nil, err
		}
		return tx.Reconciliation.Get(ctx, row.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("write reconciliation down: %w", err)
	}
	return &Result{Reconciliation: *of(row), Differences: kept}, nil
}

// insertTx writes differences, whose ids are in their order.
func insertTx(ctx context.Context, tx *db.Tx, id typeid.Reconciliation, now time.Time, list []*Difference) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]typeid.Difference, len(list))
	for i := range ids {
		ids[i] = typeid.New[typeid.Difference](now)
	}
	slices.SortFunc(ids, func(a, b typeid.Difference) int { return a.Compare(b.UUID) })
	rows := make([][]any, len(list))
	for i, d := range list {
		d.ID = ids[i]
		rows[i] = []any{ids[i], id, string(d.Kind), short(d.Subject), d.OrderID, d.Here.Amount, d.There.Amount, d.Note, i}
	}
	return tx.Insert(ctx, difference.Table, []string{
		difference.FieldID, difference.FieldReconciliationID, difference.FieldKind, difference.FieldSubject, difference.FieldOrderID,
		difference.FieldHere, difference.FieldThere, difference.FieldNote, difference.FieldPosition,
	}, rows)
}

// short keeps a number that is not ours inside its column.
func short(text string) string {
	const most = 128
	if r := []rune(text); len(r) > most {
		return string(r[:most])
	}
	return text
}
