// Package inventory is how many of each variant there are. Stock moves in three steps, held, sold and released, and each
// change of a stock row leaves a movement behind. Whoever changes stock takes the rows off the Shelf in id order, moves
// things in memory, and writes the shelf back: nothing is computed from a row that is not locked.
package inventory

import (
	"context"
	"time"

	"holdfast/ent"
	"holdfast/ent/stock"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// MaxOnHand is the largest number on hand of one variant.
const MaxOnHand = 1_000_000

// Stock is how many of one variant there are.
type Stock struct {
	VariantID         typeid.Variant
	ShopID            typeid.Shop
	OnHand            int
	Held              int
	LowStockThreshold int
	// Version grows with each commit that changes the row.
	Version   int64
	ChangedAt time.Time
}

// Available is how many can be ordered now.
func (s *Stock) Available() int { return s.OnHand - s.Held }

// IsLow tells whether what is available is at or under the threshold.
func (s *Stock) IsLow() bool { return s.Available() <= s.LowStockThreshold }

// Inventory reads and adjusts stock.
type Inventory struct {
	db        *db.DB
	now       clock.Clock
	committed func([]Stock)
	together  func(context.Context, *Deed) (Done, error)
}

// New is an Inventory on d. What it commits it tells committed, which must not block.
func New(d *db.DB, now clock.Clock, committed func([]Stock)) *Inventory {
	return &Inventory{db: d, now: now, committed: committed}
}

// Stocks are the stocks of these variants, as far as they exist.
func (i *Inventory) Stocks(ctx context.Context, of []typeid.Variant) ([]*Stock, error) {
	rows, err := i.db.Stock.Query().Where(stock.IDIn(of...)).All(ctx)
	return db.Map(rows, err, "read stock", stockOf)
}

func stockOf(r *ent.Stock) *Stock {
	return &Stock{
		VariantID: r.ID, ShopID: r.ShopID, OnHand: r.OnHand, Held: r.Held,
		LowStockThreshold: r.LowStockThreshold, Version: r.Version, ChangedAt: r.ChangedAt,
	}
}
