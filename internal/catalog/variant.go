package catalog

import (
	"context"
	"fmt"
	"strings"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// VariantChange is what is to change of a variant; what is nil stays as it is.
type VariantChange struct {
	VariantID         string
	SKU               *string
	Title             *string
	Price             *money.Money
	LowStockThreshold *int
	Archived          *bool
}

// AddVariant gives a product another variant, the last in its order, and its stock, for staff of its shop. It fails with
// INVALID, TOO_MANY, NOT_FOUND, and CONFLICT when the shop has the sku already.
func (c *Catalog) AddVariant(ctx context.Context, who identity.Principal, productID string, v NewVariant) (*Variant, error) {
	of, err := c.ownProduct(ctx, who, productID)
	if err != nil {
		return nil, err
	}
	sells, err := c.db.Shop.Get(ctx, of.ShopID)
	if err != nil {
		return nil, fmt.Errorf("read shop: %w", err)
	}
	v = v.trimmed()
	if err := v.check(money.Currency(sells.Currency)); err != nil {
		return nil, under(err, "input")
	}
	now := c.now()
	made, err := db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (*Variant, error) {
		position, err := roomTx(ctx, tx, of.ID)
		if err != nil {
			return nil, err
		}
		ids, err := insertVariantsTx(ctx, tx, of.ID, of.ShopID, []NewVariant{v}, position, who.Staff, now)
		if err != nil {
			return nil, err
		}
		return &Variant{ID: ids[0], ProductID: of.ID, ShopID: of.ShopID, SKU: v.SKU, Title: v.Title, Price: v.Price},
			audit.RecordTx(ctx, tx, now, audit.Act{
				Shop: of.ShopID, Staff: who.Staff, Action: "productVariantAdd", Subject: ids[0],
				Detail: map[string]any{"productId": of.ID, "sku": v.SKU, "price": v.Price.Amount, "onHand": v.OnHand},
			})
	})
	if db.IsDuplicate(err) {
		return nil, skuTaken().At("input", "sku")
	}
	return made, err
}

// roomTx locks the product and returns the position of its next variant. It fails with TOO_MANY.
func roomTx(ctx context.Context, tx *db.Tx, id typeid.Product) (int, error) {
	p := tx.SQL().Table(product.Table)
	if _, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(p.C(product.FieldTitle)).From(p).Where(sql.EQ(p.C(product.FieldID), id))),
		func(row db.Row) (title string, err error) { return title, row.Scan(&title) }); err != nil {
		return 0, fmt.Errorf("lock product: %w", err)
	}
	v := tx.SQL().Table(productvariant.Table)
	positions, err := db.Collect(ctx, tx, tx.SQL().Select(v.C(productvariant.FieldPosition)).From(v).
		Where(sql.EQ(v.C(productvariant.FieldProductID), id)).OrderBy(v.C(productvariant.FieldPosition)),
		func(row db.Row) (n int, err error) { return n, row.Scan(&n) })
	switch {
	case err != nil:
		return 0, fmt.Errorf("read variants: %w", err)
	case len(positions) >= MaxVariants:
		return 0, under(tooManyVariants(), "input")
	case len(positions) == 0:
		return 0, nil
	}
	return positions[len(positions)-1] + 1, nil
}

// UpdateVariant changes a variant, for staff of its shop. An archived one is not for sale, stays readable, and keeps its
// stock and what is held of it. Orders stay as they were. It fails with INVALID, NOT_FOUND, and CONFLICT when the shop has
// the sku already.
func (c *Catalog) UpdateVariant(ctx context.Context, who identity.Principal, change VariantChange) (*Variant, error) {
	before, err := c.ownVariant(ctx, who, change.VariantID)
	if err != nil {
		return nil, err
	}
	columns, detail, err := change.of(before)
	if err != nil {
		return nil, err
	}
	now := c.now()
	var changed []inventory.Stock
	after, err := db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (*Variant, error) {
		changed = nil
		if change.LowStockThreshold != nil { // first: stock is locked before what belongs to it
			if changed, err = inventory.SetThresholdTx(ctx, tx, before.ID, *change.LowStockThreshold, now); err != nil {
				return nil, err
			}
		}
		if err := updateTx(ctx, tx, productvariant.Table, before.ID, columns); err != nil {
			return nil, err
		}
		after, err := tx.ProductVariant.Get(ctx, before.ID)
		if err != nil {
			return nil, fmt.Errorf("read variant: %w", err)
		}
		return variantOf(after), audit.RecordTx(ctx, tx, now, audit.Act{
			Shop: before.ShopID, Staff: who.Staff, Action: "productVariantUpdate", Subject: before.ID, Detail: detail,
		})
	})
	if db.IsDuplicate(err) {
		return nil, skuTaken().At("input", "sku")
	}
	if err != nil {
		return nil, err
	}
	for _, tell := range c.committed {
		if len(changed) > 0 {
			tell(changed)
		}
	}
	return after, nil
}

// of is what the change writes of the variant, and what the audit log keeps of it. It fails with INVALID.
func (change VariantChange) of(v *Variant) (columns, detail map[string]any, err error) {
	want := NewVariant{SKU: v.SKU, Title: v.Title, Price: v.Price}
	columns, detail = map[string]any{}, map[string]any{}
	if change.SKU != nil {
		want.SKU = strings.TrimSpace(*change.SKU)
		columns[productvariant.FieldSku], detail["sku"] = want.SKU, want.SKU
	}
	if change.Title != nil {
		want.Title = strings.TrimSpace(*change.Title)
		columns[productvariant.FieldTitle], detail["title"] = want.Title, want.Title
	}
	if change.Price != nil {
		want.Price = *change.Price
		columns[productvariant.FieldPrice], detail["price"] = want.Price.Amount, want.Price.Amount
	}
	if change.Archived != nil {
		status := variantOnSale
		if *change.Archived {
			status = variantArchived
		}
		columns[productvariant.FieldStatus], detail["archived"] = status, *change.Archived
	}
	if change.LowStockThreshold != nil {
		want.LowStockThreshold = *change.LowStockThreshold
		detail["lowStockThreshold"] = want.LowStockThreshold
	}
	if len(detail) == 0 {
		return nil, nil, nothingToChange()
	}
	if err := want.check(v.Price.Currency); err != nil {
		return nil, nil, under(err, "input")
	}
	return columns, detail, nil
}

// ownVariant is a variant of a shop that who works for. It fails with NOT_FOUND.
func (c *Catalog) ownVariant(ctx context.Context, who identity.Principal, id string) (*Variant, error) {
	notFound := fault.New(fault.NotFound, "there is no such variant").At("input", "variantId")
	parsed, ok := typeid.Parse[typeid.Variant](id)
	if !ok {
		return nil, notFound
	}
	row, err := c.db.ProductVariant.Get(ctx, parsed)
	if ent.IsNotFound(err) || err == nil && !who.WorksFor(row.ShopID) {
		return nil, notFound
	}
	if err != nil {
		return nil, fmt.Errorf("read variant: %w", err)
	}
	return variantOf(row), nil
}
