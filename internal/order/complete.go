package order

import (
	"context"
	"fmt"
	"time"

	"holdfast/ent"
	entorder "holdfast/ent/order"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// Complete says that the goods have arrived, for the order's buyer. A second time changes nothing. It fails with NOT_FOUND
// and CONFLICT.
func (d *Desk) Complete(ctx context.Context, who identity.Principal, orderID string) (*Order, error) {
	o, err := d.find(ctx, orderID)
	if err != nil {
		return nil, err
	}
	if o == nil || !who.IsBuyer() || o.BuyerID != who.Buyer {
		return nil, notFound("orderId")
	}
	now := d.now()
	after, err := db.Repeat(ctx, d.db, func(ctx context.Context, tx *db.Tx) (*Order, error) {
		status, err := lockTx(ctx, tx, o.ID)
		if err != nil {
			return nil, err
		}
		if err := mayComplete(status); err != nil {
			return nil, err
		}
		if status == Shipped {
			if err := compareAndSet(tx.Order.Update().Where(entorder.ID(o.ID), entorder.Status(string(Shipped))).
				SetStatus(string(Completed)).SetCompletedAt(now).AddVersion(1).Save(ctx)); err != nil {
				return nil, fmt.Errorf("complete order %s: %w", o.ID, err)
			}
			if err := d.goOnTx(ctx, tx, o.ID, now); err != nil {
				return nil, err
			}
		}
		row, err := tx.Order.Get(ctx, o.ID)
		if err != nil {
			return nil, fmt.Errorf("read order %s: %w", o.ID, err)
		}
		return orderOf(row), nil
	})
	if err != nil {
		return nil, err
	}
	d.moved([]typeid.Order{o.ID})
	return after, nil
}

func mayComplete(s Status) error {
	switch s {
	case Shipped, Completed:
		return nil
	case PendingPayment, Paid:
		return fault.New(fault.Conflict, "not all of the order has been shipped; complete it when the goods have arrived").At("orderId")
	case Cancelled, Expired, Refunded:
		return closed(s)
	}
	return fmt.Errorf("an order is %s", s)
}

// CompleteDueTx completes a SHIPPED order that was shipped long enough ago. When it is not yet due, next is when it will be;
// a zero next says that there is nothing to wait for. Callers tell of the order after COMMIT when done.
func (d *Desk) CompleteDueTx(ctx context.Context, tx *db.Tx, id typeid.Order, now time.Time) (done bool, next time.Time, err error) {
	n, err := tx.Order.Update().Where(entorder.ID(id), entorder.Status(string(Shipped)), entorder.ShippedAtLTE(now.Add(-d.set.CompleteAfter))).
		SetStatus(string(Completed)).SetCompletedAt(now).AddVersion(1).Save(ctx)
	if err != nil {
		return false, time.Time{}, fmt.Errorf("complete order %s: %w", id, err)
	}
	if n > 0 {
		return true, time.Time{}, nil
	}
	row, err := tx.Order.Get(ctx, id)
	switch {
	case ent.IsNotFound(err):
		return false, time.Time{}, nil
	case err != nil:
		return false, time.Time{}, fmt.Errorf("read order %s: %w", id, err)
	case Status(row.Status) != Shipped || row.ShippedAt == nil:
		return false, time.Time{}, nil
	}
	return false, row.ShippedAt.Add(d.set.CompleteAfter), nil
}
