package notify

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/buyer"
	"holdfast/ent/miniprogram"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/ent/stock"
	"holdfast/ent/stockreminder"
	"holdfast/internal/db"
	"holdfast/internal/job"
	"holdfast/internal/typeid"
)

const (
	// atOnce bounds the reminders of one transaction.
	atOnce = 200
	// nextRound is when the next are reminded, if there is something left: who came first has had time to buy.
	nextRound = 30 * time.Minute
	// activeProduct is the status of products and variants that buyers see.
	activeProduct = "ACTIVE"
)

// BackTx has those reminded who wait for variants of which nothing was available, and is now, in the transaction that makes it so.
func (n *Notifier) BackTx(ctx context.Context, tx *db.Tx, variants []typeid.Variant, now time.Time) error {
	if n == nil || len(variants) == 0 || !n.set.has(Restocked) {
		return nil
	}
	ids := make([]typeid.UUID, len(variants))
	for i, v := range variants {
		ids[i] = v.UUID
	}
	return job.AddTx(ctx, tx, now, now, job.Restock, ids...)
}

// restock reminds as many buyers as there is to buy, those who have waited longest; half an hour later the next, while there is
// something. Whoever is reminded waits no more. It is the handler of a variant's job.
func (n *Notifier) restock(ctx context.Context, about typeid.UUID) (time.Time, error) {
	id, now := typeid.From[typeid.Variant](about), n.now()
	available, err := n.toBuy(ctx, id)
	if err != nil || available == 0 || !n.set.has(Restocked) {
		return time.Time{}, err
	}
	round := min(available, atOnce)
	told, err := db.WithTx(ctx, n.db, func(ctx context.Context, tx *db.Tx) (int, error) { return n.remindTx(ctx, tx, id, round, now) })
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("remind of %s: %w", id, err)
	case told > 0:
		n.jobs.Wake()
	}
	switch {
	case told < round: // nobody waits any more
		return time.Time{}, nil
	case round < available:
		return now, nil
	}
	return now.Add(nextRound), nil
}

// toBuy is how many of a variant can be bought now: none of what is not for sale.
func (n *Notifier) toBuy(ctx context.Context, id typeid.Variant) (int, error) {
	q := n.db.SQL()
	k, v, p := q.Table(stock.Table).As("k"), q.Table(productvariant.Table).As("v"), q.Table(product.Table).As("p")
	found, err := db.Collect(ctx, n.db, q.Select(k.C(stock.FieldOnHand), k.C(stock.FieldHeld), v.C(productvariant.FieldStatus), p.C(product.FieldStatus)).From(k).
		Join(v).On(v.C(productvariant.FieldID), k.C(stock.FieldID)).
		Join(p).On(p.C(product.FieldID), v.C(productvariant.FieldProductID)).
		Where(sql.EQ(k.C(stock.FieldID), id)),
		func(row db.Row) (int, error) {
			var onHand, held int
			var variantIs, productIs string
			err := row.Scan(&onHand, &held, &variantIs, &productIs)
			if productIs != activeProduct || variantIs != activeProduct {
				return 0, err
			}
			return onHand - held, err
		})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// remindTx turns the oldest reminders of a variant into notifications, and tells how many there were.
func (n *Notifier) remindTx(ctx context.Context, tx *db.Tx, id typeid.Variant, most int, now time.Time) (int, error) {
	type waiting struct {
		id typeid.StockReminder
		telling
		appID string
	}
	r, b, m := tx.SQL().Table(stockreminder.Table).As("r"), tx.SQL().Table(buyer.Table).As("b"), tx.SQL().Table(miniprogram.Table).As("m")
	found, err := db.Collect(ctx, tx, tx.SQL().Select(r.C(stockreminder.FieldID), r.C(stockreminder.FieldBuyerID), r.C(stockreminder.FieldShopID),
		m.C(miniprogram.FieldAppID)).From(r).
		Join(b).On(b.C(buyer.FieldID), r.C(stockreminder.FieldBuyerID)).
		Join(m).On(m.C(miniprogram.FieldID), b.C(buyer.FieldMiniProgramID)).
		Where(sql.EQ(r.C(stockreminder.FieldVariantID), id)).OrderBy(r.C(stockreminder.FieldID)).Limit(most),
		func(row db.Row) (w waiting, err error) {
			w.kind, w.about = Restocked, id.UUID
			return w, row.Scan(&w.id, &w.buyer, &w.shop, &w.appID)
		})
	if err != nil {
		return 0, fmt.Errorf("read reminders: %w", err)
	}
	var list []telling
	for _, w := range found {
		gone, err := tx.StockReminder.Delete().Where(stockreminder.ID(w.id)).Exec(ctx)
		if err != nil {
			return 0, fmt.Errorf("delete reminder: %w", err)
		}
		if _, wanted := n.set.Apps[w.appID][Restocked]; wanted && gone == 1 { // else the buyer has just taken it back
			list = append(list, w.telling)
		}
	}
	return len(found), writeTx(ctx, tx, now, list)
}

// Reminder is a buyer's wish to hear, once, that something is back.
type Reminder struct {
	BuyerID   typeid.Buyer
	VariantID typeid.Variant
	CreatedAt time.Time
}

func reminderOf(r *ent.StockReminder) *Reminder {
	return &Reminder{BuyerID: r.BuyerID, VariantID: r.VariantID, CreatedAt: r.CreatedAt}
}
