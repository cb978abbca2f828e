package order

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// DefaultCompleteAfter is how long after it was shipped an order completes by itself, unless the Desk is told otherwise.
const DefaultCompleteAfter = 10 * 24 * time.Hour

// DeskSettings are what may be chosen.
type DeskSettings struct {
	// CompleteAfter is how long after it was shipped an order completes by itself; 0 is DefaultCompleteAfter.
	CompleteAfter time.Duration
	// Shipped, if set, is called in the transaction in which an order becomes SHIPPED, at a moment, to have it told.
	Shipped func(ctx context.Context, tx *db.Tx, o typeid.Order, at time.Time) error
}

// After is called in the transaction in which an order becomes SHIPPED or its buyer has it COMPLETED, to have whatever waits for that
// go on at dueAt.
type After func(ctx context.Context, tx *db.Tx, o typeid.Order, dueAt time.Time) error

// Desk is where orders go on once they are paid.
type Desk struct {
	db    *db.DB
	now   clock.Clock
	moved func([]typeid.Order)
	after After
	set   DeskSettings
}

// NewDesk is the Desk on d. It tells moved, which must not block, of every order that it changed, after COMMIT.
func NewDesk(d *db.DB, now clock.Clock, moved func([]typeid.Order), after After, set DeskSettings) *Desk {
	if set.CompleteAfter == 0 {
		set.CompleteAfter = DefaultCompleteAfter
	}
	return &Desk{db: d, now: now, moved: moved, after: after, set: set}
}

// ofStaff finds the order that a member of staff wants to change. What one may not see is NOT_FOUND at field; who sees it
// without working for its shop is FORBIDDEN.
func (d *Desk) ofStaff(ctx context.Context, who identity.Principal, orderID string, field ...string) (*Order, error) {
	o, err := d.find(ctx, orderID)
	switch {
	case err != nil:
		return nil, err
	case o == nil || !o.VisibleTo(who):
		return nil, notFound(field...)
	case !who.WorksFor(o.ShopID):
		return nil, fault.New(fault.Forbidden, "only staff of a shop may do this")
	}
	return o, nil
}

// find is the order of this id, or nil.
func (d *Desk) find(ctx context.Context, orderID string) (*Order, error) {
	id, ok := typeid.Parse[typeid.Order](orderID)
	if !ok {
		return nil, nil //nolint:nilnil // an id that names nothing
	}
	row, err := d.db.Order.Get(ctx, id)
	if ent.IsNotFound(err) {
		return nil, nil //nolint:nilnil // an id that names nothing
	}
	if err != nil {
		return nil, fmt.Errorf("read order %s: %w", id, err)
	}
	return orderOf(row), nil
}

func notFound(field ...string) error {
	return fault.New(fault.NotFound, "there is no such order").At(field...)
}

// lockTx locks the order and tells where it stands.
func lockTx(ctx context.Context, tx *db.Tx, id typeid.Order) (Status, error) {
	got, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(entorder.FieldStatus).From(tx.SQL().Table(entorder.Table)).
		Where(sql.EQ(entorder.FieldID, id))), func(row db.Row) (status Status, err error) { return status, row.Scan(&status) })
	if err != nil {
		return "", fmt.Errorf("lock order %s: %w", id, err)
	}
	if len(got) == 0 {
		return "", fmt.Errorf("lock order %s: it is gone", id)
	}
	return got[0], nil
}

// closed is the refusal to go on with an order that was never paid, or was paid back.
func closed(s Status) error {
	if s == Refunded {
		return fault.New(fault.Conflict, "all of the order was refunded; nothing more can be done with it")
	}
	return fault.New(fault.Conflict, "the order was closed before it was paid; nothing more can be done with it")
}
