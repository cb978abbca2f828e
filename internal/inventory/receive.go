package inventory

import (
	"context"
	"time"

	"holdfast/ent/stock"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// firstVersion is what a stock's versions grow from.
const firstVersion int64 = 1

// Initial is the stock of a variant that was just made.
type Initial struct {
	Variant           typeid.Variant
	Shop              typeid.Shop
	OnHand            int
	LowStockThreshold int
	Staff             typeid.Staff
}

// ReceiveTx puts new variants on the shelf, each with the movement that accounts for it. Numbers are validated before.
func ReceiveTx(ctx context.Context, tx *db.Tx, initial []Initial, now time.Time) error {
	shelf := newShelf()
	rows := make([][]any, len(initial))
	for n, s := range initial {
		rows[n] = []any{s.Variant, s.Shop, 0, 0, s.LowStockThreshold, firstVersion, now}
		shelf.stocks[s.Variant] = &Stock{VariantID: s.Variant, ShopID: s.Shop, LowStockThreshold: s.LowStockThreshold, Version: firstVersion, ChangedAt: now}
	}
	if err := tx.Insert(ctx, stock.Table, []string{
		stock.FieldID, stock.FieldShopID, stock.FieldOnHand, stock.FieldHeld,
		stock.FieldLowStockThreshold, stock.FieldVersion, stock.FieldChangedAt,
	}, rows); err != nil {
		return err
	}
	for _, s := range initial {
		if s.OnHand == 0 {
			continue
		}
		if err := shelf.Move(Movement{Variant: s.Variant, Kind: Received, OnHand: s.OnHand, Staff: s.Staff}); err != nil {
			return err
		}
	}
	return shelf.WriteTx(ctx, tx, now)
}

// SetThresholdTx makes the stock of a variant low at n and under it, and returns it as it stands once the transaction has
// committed; nothing when it was so already. The number is validated before.
func SetThresholdTx(ctx context.Context, tx *db.Tx, v typeid.Variant, n int, now time.Time) ([]Stock, error) {
	shelf, err := LockTx(ctx, tx, []typeid.Variant{v})
	if err != nil {
		return nil, err
	}
	if err := shelf.SetThreshold(v, n); err != nil {
		return nil, err
	}
	if err := shelf.WriteTx(ctx, tx, now); err != nil {
		return nil, err
	}
	return shelf.Changed(), nil
}
