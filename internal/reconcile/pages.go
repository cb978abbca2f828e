package reconcile

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/difference"
	"holdfast/ent/predicate"
	entreconciliation "holdfast/ent/reconciliation"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// Filter keeps some comparisons; what is nil keeps all.
type Filter struct {
	Merchant *string
	Status   *Status
}

// List is a page of comparisons for operators, newest first. It fails with BAD_REQUEST, and with FORBIDDEN.
func (r *Reconciler) List(ctx context.Context, who identity.Principal, f Filter, q page.Query) (page.Page[*Reconciliation], error) {
	var none page.Page[*Reconciliation]
	if err := operator(who); err != nil {
		return none, err
	}
	if err := q.Validate(); err != nil {
		return none, err
	}
	rows, err := r.db.Reconciliation.Query().Where(func(s *sql.Selector) {
		if f.Merchant != nil {
			s.Where(sql.EQ(s.C(entreconciliation.FieldMerchant), *f.Merchant))
		}
		if f.Status != nil {
			s.Where(sql.EQ(s.C(entreconciliation.FieldStatus), string(*f.Status)))
		}
		db.Before(s, q.After)
	}).Limit(q.First + 1).All(ctx)
	if err != nil {
		return none, fmt.Errorf("read reconciliations: %w", err)
	}
	list := make([]*Reconciliation, len(rows))
	for i, row := range rows {
		list[i] = of(row)
	}
	return page.Cut(list, q.First), nil
}

// ByIDs are those of these comparisons that exist. Callers ask who may see them.
func (r *Reconciler) ByIDs(ctx context.Context, ids []typeid.Reconciliation) ([]*Reconciliation, error) {
	rows, err := r.db.Reconciliation.Query().Where(entreconciliation.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, "read reconciliations", of)
}

// DifferencesOf is, for each comparison, a page of what it found, in the order of the bill. Callers ask who may see it. It fails with
// BAD_REQUEST.
func (r *Reconciler) DifferencesOf(ctx context.Context, of []typeid.Reconciliation, q page.Query) (map[typeid.Reconciliation]page.Page[*Difference], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	parts := make([]*sql.Selector, len(of))
	for i, id := range of {
		t := r.db.SQL().Table(difference.Table)
		s := r.db.SQL().Select(t.C(difference.FieldID)).From(t).Where(sql.EQ(t.C(difference.FieldReconciliationID), id))
		parts[i] = db.After(s, q.After).Limit(q.First + 1)
	}
	rows, err := r.db.Difference.Query().Where(func(s *sql.Selector) {
		s.Where(db.AnyOf(s, difference.FieldID, parts)).OrderBy(sql.Asc(s.C(difference.FieldID)))
	}).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read differences: %w", err)
	}
	return page.Deal(rows, q.First, func(row *ent.Difference) (typeid.Reconciliation, *Difference) {
		return row.ReconciliationID, &Difference{
			ID: row.ID, Kind: Kind(row.Kind), Subject: row.Subject, OrderID: row.OrderID, Here: money.New(row.Here, money.CNY),
			There: money.New(row.There, money.CNY), Note: row.Note,
		}
	}), nil
}

func of(row *ent.Reconciliation) *Reconciliation {
	c := money.Currency(row.Currency)
	return &Reconciliation{
		ID: row.ID, Merchant: row.Merchant, Day: row.Day, Status: Status(row.Status), Payments: row.Payments, Refunds: row.Refunds,
		DifferenceCount: row.Differences, Received: money.New(row.Received, c), Refunded: money.New(row.Refunded, c), Fees: money.New(row.Fees, c),
		CreatedAt: row.CreatedAt, ComparedAt: row.ComparedAt,
	}
}

// lockTx locks the row of a day, so that two who compare it write one after the other; nil when there is none.
func lockTx(ctx context.Context, tx *db.Tx, merchant, day string) (*ent.Reconciliation, error) {
	row, err := tx.Reconciliation.Query().Where(entreconciliation.Merchant(merchant), entreconciliation.Day(day), func(s *sql.Selector) { tx.ForUpdate(s) }).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, fmt.Errorf("lock reconciliation: %w", err)
	}
	return row, nil
}

// lockOrders locks these orders, by id.
func lockOrders(tx *db.Tx, ids []typeid.UUID) predicate.Order {
	return func(s *sql.Selector) {
		s.Where(sql.In(s.C("id"), db.Args(ids)...)).OrderBy(s.C("id"))
		tx.ForUpdate(s)
	}
}
