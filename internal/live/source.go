package live

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/order"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/ent/stock"
	"holdfast/internal/catalog"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// Database is the Source of a Hub.
type Database struct{ db *db.DB }

// NewDatabase reads from d.
func NewDatabase(d *db.DB) Database { return Database{d} }

// Watched implements Source.
func (s Database) Watched(ctx context.Context, variants []typeid.Variant) ([]Stock, error) {
	return s.stocks(ctx, stock.FieldID, db.Args(variants))
}

// WatchedShops implements Source.
func (s Database) WatchedShops(ctx context.Context, shops []typeid.Shop) ([]Stock, error) {
	return s.stocks(ctx, stock.FieldShopID, db.Args(shops))
}

func (s Database) stocks(ctx context.Context, column string, of []any) ([]Stock, error) {
	d := s.db.SQL()
	k, v, p := d.Table(stock.Table).As("k"), d.Table(productvariant.Table).As("v"), d.Table(product.Table).As("p")
	states, err := db.Collect(ctx, s.db, d.Select(
		k.C(stock.FieldID), k.C(stock.FieldShopID), k.C(stock.FieldOnHand), k.C(stock.FieldHeld), k.C(stock.FieldLowStockThreshold),
		k.C(stock.FieldVersion), k.C(stock.FieldChangedAt), p.C(product.FieldStatus)).From(k).
		Join(v).On(v.C(productvariant.FieldID), k.C(stock.FieldID)).
		Join(p).On(p.C(product.FieldID), v.C(productvariant.FieldProductID)).
		Where(sql.In(k.C(column), of...)), scanStock)
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	return states, nil
}

func scanStock(row db.Row) (Stock, error) {
	var s Stock
	var status catalog.ProductStatus
	err := row.Scan(&s.VariantID, &s.ShopID, &s.OnHand, &s.Held, &s.LowStockThreshold, &s.Version, &s.ChangedAt, &status)
	s.Shown = status == catalog.Active
	return s, err
}

// WatchedOrders implements Source.
func (s Database) WatchedOrders(ctx context.Context, orders []typeid.Order) ([]Order, error) {
	d := s.db.SQL()
	versions, err := db.Collect(ctx, s.db, d.Select(order.FieldID, order.FieldVersion).From(d.Table(order.Table)).
		Where(sql.In(order.FieldID, db.Args(orders)...)), func(row db.Row) (o Order, err error) {
		return o, row.Scan(&o.ID, &o.Version)
	})
	if err != nil {
		return nil, fmt.Errorf("read order versions: %w", err)
	}
	return versions, nil
}
