package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/product"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// ProductChange is what is to change of a product; what is nil stays as it is. Status archives it and brings it back.
type ProductChange struct {
	ProductID        string
	Title            *string
	Description      *string
	ImageURLs        []string
	Status           *ProductStatus
	RequiresShipping *bool
}

func nothingToChange() error {
	return fault.New(fault.Invalid, "name something to change").At("input")
}

// UpdateProduct changes a product, for staff of its shop. Carts show it as it is then; orders stay as they were. It fails
// with INVALID, TOO_MANY and NOT_FOUND.
func (c *Catalog) UpdateProduct(ctx context.Context, who identity.Principal, change ProductChange) (*Product, error) {
	before, err := c.ownProduct(ctx, who, change.ProductID)
	if err != nil {
		return nil, err
	}
	columns, detail, err := change.of(*before)
	if err != nil {
		return nil, err
	}
	return db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (*Product, error) {
		if err := updateTx(ctx, tx, product.Table, before.ID, columns); err != nil {
			return nil, err
		}
		after, err := tx.Product.Get(ctx, before.ID)
		if err != nil {
			return nil, fmt.Errorf("read product: %w", err)
		}
		if err := audit.RecordTx(ctx, tx, c.now(), audit.Act{
			Shop: before.ShopID, Staff: who.Staff, Action: "productUpdate", Subject: before.ID, Detail: detail,
		}); err != nil {
			return nil, err
		}
		return productOf(after)
	})
}

// of is what the change writes of the product, and what the audit log keeps of it: long texts by their length. It fails with
// INVALID and TOO_MANY.
func (change ProductChange) of(want Product) (columns, detail map[string]any, err error) {
	columns, detail = map[string]any{}, map[string]any{}
	if change.Title != nil {
		want.Title = strings.TrimSpace(*change.Title)
		columns[product.FieldTitle], detail["title"] = want.Title, want.Title
	}
	if change.Description != nil {
		want.Description = *change.Description
		columns[product.FieldDescription], detail["descriptionBytes"] = want.Description, len(want.Description)
	}
	if change.ImageURLs != nil {
		want.ImageURLs = change.ImageURLs
		images, err := json.Marshal(want.ImageURLs)
		if err != nil {
			return nil, nil, fmt.Errorf("write pictures: %w", err)
		}
		columns[product.FieldImageUrls], detail["imageUrls"] = string(images), len(want.ImageURLs)
	}
	if change.Status != nil {
		columns[product.FieldStatus], detail["status"] = string(*change.Status), *change.Status
	}
	if change.RequiresShipping != nil {
		columns[product.FieldRequiresShipping], detail["requiresShipping"] = *change.RequiresShipping, *change.RequiresShipping
	}
	if len(columns) == 0 {
		return nil, nil, nothingToChange()
	}
	if err := want.check(); err != nil {
		return nil, nil, under(err, "input")
	}
	return columns, detail, nil
}

// updateTx sets columns of one row. The values are written as they are: see writeTx.
func updateTx(ctx context.Context, tx *db.Tx, table string, id any, columns map[string]any) error {
	if len(columns) == 0 {
		return nil
	}
	update := tx.SQL().Update(table).Where(sql.EQ("id", id))
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		update.Set(name, columns[name])
	}
	if _, err := tx.Exec(ctx, update); err != nil {
		return fmt.Errorf("update %s: %w", table, err)
	}
	return nil
}

// ownProduct is a product of a shop that who works for. It fails with NOT_FOUND.
func (c *Catalog) ownProduct(ctx context.Context, who identity.Principal, id string) (*Product, error) {
	notFound := fault.New(fault.NotFound, "there is no such product").At("input", "productId")
	parsed, ok := typeid.Parse[typeid.Product](id)
	if !ok {
		return nil, notFound
	}
	row, err := c.db.Product.Get(ctx, parsed)
	if ent.IsNotFound(err) || err == nil && !who.WorksFor(row.ShopID) {
		return nil, notFound
	}
	if err != nil {
		return nil, fmt.Errorf("read product: %w", err)
	}
	return productOf(row)
}
