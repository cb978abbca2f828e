package notify

import (
	"context"
	"fmt"

	"holdfast/ent"
	"holdfast/ent/stockreminder"
	"holdfast/internal/cart"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/job"
	"holdfast/internal/typeid"
)

// MaxReminders is how many variants a buyer may wait for.
const MaxReminders = 100

// Remind has the buyer told, once, when a variant of which nothing is available can be bought again. Asking again changes nothing. It
// fails with NOT_FOUND, CONFLICT (it can be bought now, or the mini-program sends no such messages) and TOO_MANY.
func (n *Notifier) Remind(ctx context.Context, who identity.Principal, variantID string) error {
	absent := fault.New(fault.NotFound, "there is no such variant").At("variantId")
	id, ok := typeid.Parse[typeid.Variant](variantID)
	if !ok {
		return absent
	}
	shop, forSale, err := n.publicVariant(ctx, id)
	if err != nil {
		return err
	}
	if !forSale {
		return absent
	}
	app, err := n.db.MiniProgram.Get(ctx, who.MiniProgram)
	if err != nil {
		return fmt.Errorf("read mini-program: %w", err)
	}
	if _, sends := n.set.Apps[app.AppID][Restocked]; !sends {
		return fault.New(fault.Conflict, "this mini-program sends no messages about stock").At("variantId")
	}
	if available, err := n.toBuy(ctx, id); err != nil {
		return err
	} else if available > 0 {
		return fault.New(fault.Conflict, "it can be bought now").At("variantId")
	}
	now := n.now()
	_, err = db.WithTx(ctx, n.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		had, err := remindersTx(ctx, tx, who.Buyer)
		if err != nil || had[id] {
			return struct{}{}, err
		}
		if len(had) >= MaxReminders {
			return struct{}{}, fault.New(fault.TooMany, "one can wait for at most %d things", MaxReminders).At("variantId")
		}
		if err := tx.Insert(ctx, stockreminder.Table, []string{
			stockreminder.FieldID, stockreminder.FieldVariantID, stockreminder.FieldShopID, stockreminder.FieldBuyerID, stockreminder.FieldCreatedAt,
		}, [][]any{{typeid.New[typeid.StockReminder](now), id, shop, who.Buyer, now}}); err != nil {
			return struct{}{}, err
		}
		// It may have come back since it was looked at: whoever brought it saw nobody waiting.
		return struct{}{}, job.AddTx(ctx, tx, now, now, job.Restock, id.UUID)
	})
	return err
}

// remindersTx locks the buyer, or two at once would pass the limit, and tells what the buyer waits for.
func remindersTx(ctx context.Context, tx *db.Tx, id typeid.Buyer) (map[typeid.Variant]bool, error) {
	locked, err := cart.LockTx(ctx, tx, []typeid.Buyer{id})
	if err != nil {
		return nil, err
	}
	if _, ok := locked[id]; !ok {
		return nil, fault.New(fault.Forbidden, "only buyers may do this")
	}
	rows, err := tx.StockReminder.Query().Where(stockreminder.BuyerID(id)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read reminders: %w", err)
	}
	out := make(map[typeid.Variant]bool, len(rows))
	for _, r := range rows {
		out[r.VariantID] = true
	}
	return out, nil
}

// publicVariant is the shop of a variant, and whether buyers can see it.
func (n *Notifier) publicVariant(ctx context.Context, id typeid.Variant) (typeid.Shop, bool, error) {
	v, err := n.db.ProductVariant.Get(ctx, id)
	if ent.IsNotFound(err) {
		return typeid.Shop{}, false, nil
	}
	if err != nil {
		return typeid.Shop{}, false, fmt.Errorf("read variant: %w", err)
	}
	p, err := n.db.Product.Get(ctx, v.ProductID)
	if err != nil {
		return typeid.Shop{}, false, fmt.Errorf("read product: %w", err)
	}
	return v.ShopID, p.Status == activeProduct && v.Status == activeProduct, nil
}

// Forget takes a reminder back. One that there is not is no failure.
func (n *Notifier) Forget(ctx context.Context, who identity.Principal, variantID string) error {
	id, ok := typeid.Parse[typeid.Variant](variantID)
	if !ok {
		return fault.New(fault.NotFound, "there is no such variant").At("variantId")
	}
	if _, err := n.db.StockReminder.Delete().Where(stockreminder.BuyerID(who.Buyer), stockreminder.VariantID(id)).Exec(ctx); err != nil {
		return fmt.Errorf("delete reminder: %w", err)
	}
	return nil
}

// RemindersOf are what a buyer waits for, oldest first.
func (n *Notifier) RemindersOf(ctx context.Context, id typeid.Buyer) ([]*Reminder, error) {
	rows, err := n.db.StockReminder.Query().Where(stockreminder.BuyerID(id)).Order(stockreminder.ByID()).All(ctx)
	return db.Map(rows, err, "read reminders", reminderOf)
}
