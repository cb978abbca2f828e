package notify

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/buyer"
	"holdfast/ent/miniprogram"
	"holdfast/ent/notification"
	entorder "holdfast/ent/order"
	"holdfast/internal/db"
	"holdfast/internal/job"
	"holdfast/internal/typeid"
)

// telling is a notification that is to be written.
type telling struct {
	kind  Kind
	about typeid.UUID
	buyer typeid.Buyer
	shop  typeid.Shop
	order typeid.Order // zero for none
}

// writeTx writes notifications and the jobs that send them. What is written is new: nobody waits for it.
func writeTx(ctx context.Context, tx *db.Tx, now time.Time, list []telling) error {
	rows, jobs := make([][]any, len(list)), make([]typeid.UUID, len(list))
	for i, t := range list {
		id := typeid.New[typeid.Notification](now.Add(time.Duration(i) * time.Microsecond)) // they are read in the order of their ids
		var of any
		if !t.order.IsZero() {
			of = t.order
		}
		rows[i] = []any{id, string(t.kind), t.about, t.buyer, t.shop, of, string(Pending), now}
		jobs[i] = id.UUID
	}
	if len(list) == 0 {
		return nil
	}
	if err := tx.InsertLater(ctx, notification.Table, []string{
		notification.FieldID, notification.FieldKind, notification.FieldAboutID, notification.FieldBuyerID, notification.FieldShopID,
		notification.FieldOrderID, notification.FieldStatus, notification.FieldCreatedAt,
	}, rows); err != nil {
		return fmt.Errorf("write notifications: %w", err)
	}
	return job.AddTx(ctx, tx, now, now, job.Notification, jobs...)
}

// party is who is told about an order, and where.
type party struct {
	order typeid.Order
	buyer typeid.Buyer
	shop  typeid.Shop
	appID string
	total int64
}

func partiesTx(ctx context.Context, tx *db.Tx, orders []typeid.Order) ([]party, error) {
	o, b, m := tx.SQL().Table(entorder.Table).As("o"), tx.SQL().Table(buyer.Table).As("b"), tx.SQL().Table(miniprogram.Table).As("m")
	out, err := db.Collect(ctx, tx, tx.SQL().Select(o.C(entorder.FieldID), o.C(entorder.FieldBuyerID), o.C(entorder.FieldShopID),
		m.C(miniprogram.FieldAppID), o.C(entorder.FieldTotal)).From(o).
		Join(b).On(b.C(buyer.FieldID), o.C(entorder.FieldBuyerID)).
		Join(m).On(m.C(miniprogram.FieldID), b.C(buyer.FieldMiniProgramID)).
		Where(sql.In(o.C(entorder.FieldID), db.Args(orders)...)).OrderBy(o.C(entorder.FieldID)),
		func(row db.Row) (p party, err error) {
			return p, row.Scan(&p.order, &p.buyer, &p.shop, &p.appID, &p.total)
		})
	if err != nil {
		return nil, fmt.Errorf("read whom to tell: %w", err)
	}
	return out, nil
}

// PaidTx has the buyers of orders told that these are PAID, in the transaction in which they become it.
func (n *Notifier) PaidTx(ctx context.Context, tx *db.Tx, orders []typeid.Order, now time.Time) error {
	return n.aboutOrdersTx(ctx, tx, orders, OrderPaid, typeid.UUID{}, now)
}

// RefundedTx has the buyer of an order told of a refund, in the transaction that records that the buyer has the money.
func (n *Notifier) RefundedTx(ctx context.Context, tx *db.Tx, o typeid.Order, r typeid.Refund, now time.Time) error {
	return n.aboutOrdersTx(ctx, tx, []typeid.Order{o}, OrderRefunded, r.UUID, now)
}

// aboutOrdersTx has buyers told something about their orders. A zero about is the order itself.
func (n *Notifier) aboutOrdersTx(ctx context.Context, tx *db.Tx, orders []typeid.Order, k Kind, about typeid.UUID, now time.Time) error {
	if n == nil || len(orders) == 0 || !n.set.has(k) {
		return nil
	}
	parties, err := partiesTx(ctx, tx, orders)
	if err != nil {
		return err
	}
	var list []telling
	for _, p := range parties {
		if _, wanted := n.set.Apps[p.appID][k]; wanted {
			list = append(list, p.telling(k, about))
		}
	}
	return writeTx(ctx, tx, now, list)
}

func (p party) telling(k Kind, about typeid.UUID) telling {
	if about == (typeid.UUID{}) {
		about = p.order.UUID
	}
	return telling{k, about, p.buyer, p.shop, p.order}
}

// ShippedTx has the buyer of an order told that all of it has left, and WeChat how, in the transaction in which it becomes SHIPPED. The
// buyer is told once for each order, not for each parcel: a consent is good for one message. WeChat is told of what was paid for.
func (n *Notifier) ShippedTx(ctx context.Context, tx *db.Tx, o typeid.Order, now time.Time) error {
	if n == nil || len(n.set.Apps) == 0 {
		return nil
	}
	parties, err := partiesTx(ctx, tx, []typeid.Order{o})
	if err != nil {
		return err
	}
	var list []telling
	for _, p := range parties {
		templates, here := n.set.Apps[p.appID]
		if here && p.total > 0 {
			list = append(list, p.telling(Shipping, typeid.UUID{}))
		}
		if _, wanted := templates[OrderShipped]; wanted {
			list = append(list, p.telling(OrderShipped, typeid.UUID{}))
		}
	}
	return writeTx(ctx, tx, now, list)
}
