// Package audit is the log of what staff did: one entry for each thing done, written in the transaction that did it, and
// never changed.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/ent"
	"holdfast/ent/auditentry"
	"holdfast/internal/db"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// Entry is one thing that staff did.
type Entry struct {
	ID      typeid.AuditEntry
	ShopID  typeid.Shop
	StaffID typeid.Staff
	// Action is the mutation that did it, such as orderRefund.
	Action string
	// Subject is the id of what it was done to.
	Subject string
	// Detail is what was asked for: a JSON object, without secrets and addresses.
	Detail    string
	CreatedAt time.Time
}

// Act is what RecordTx is told.
type Act struct {
	Shop    typeid.Shop
	Staff   typeid.Staff
	Action  string
	Subject fmt.Stringer
	Detail  any // becomes a JSON object; nil is an empty one
}

// RecordTx writes acts down in the transaction that carries them out.
func RecordTx(ctx context.Context, tx *db.Tx, now time.Time, acts ...Act) error {
	rows := make([][]any, len(acts))
	for i, a := range acts {
		detail := []byte("{}")
		if a.Detail != nil {
			var err error
			if detail, err = json.Marshal(a.Detail); err != nil {
				return fmt.Errorf("record %s: %w", a.Action, err)
			}
		}
		rows[i] = []any{typeid.New[typeid.AuditEntry](now), a.Shop, a.Staff, a.Action, a.Subject.String(), string(detail), now}
	}
	return tx.InsertLater(ctx, auditentry.Table, []string{
		auditentry.FieldID, auditentry.FieldShopID, auditentry.FieldStaffID, auditentry.FieldAction, auditentry.FieldSubject,
		auditentry.FieldDetail, auditentry.FieldCreatedAt,
	}, rows)
}

// Log reads what was recorded.
type Log struct{ db *db.DB }

// New is the Log on d.
func New(d *db.DB) *Log { return &Log{db: d} }

// OfShops is, for each shop, a page of what was done in it, newest first. Callers ask who may see it. It fails with BAD_REQUEST.
func (l *Log) OfShops(ctx context.Context, shops []typeid.Shop, q page.Query) (map[typeid.Shop]page.Page[*Entry], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	rows, err := l.db.AuditEntry.Query().Where(db.Newest(auditentry.FieldShopID, shops, q.After, q.First+1)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	return page.Deal(rows, q.First, func(r *ent.AuditEntry) (typeid.Shop, *Entry) {
		return r.ShopID, &Entry{
			ID: r.ID, ShopID: r.ShopID, StaffID: r.StaffID, Action: r.Action, Subject: r.Subject, Detail: r.Detail, CreatedAt: r.CreatedAt,
		}
	}), nil
}
