package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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

// NewProduct is a product to be made, with its variants.
type NewProduct struct {
	ShopID           string
	Title            string
	Description      string
	ImageURLs        []string
	Status           ProductStatus
	RequiresShipping bool
	Variants         []NewVariant
}

// NewVariant is a variant of a product to be made.
type NewVariant struct {
	SKU               string
	Title             string
	Price             money.Money
	OnHand            int
	LowStockThreshold int
}

// CreateProduct makes a product, its variants and their stock, for staff of the shop. It fails with INVALID, TOO_MANY,
// NOT_FOUND, and CONFLICT when the shop has a sku already.
func (c *Catalog) CreateProduct(ctx context.Context, who identity.Principal, in NewProduct) (*Product, error) {
	notFound := fault.New(fault.NotFound, "there is no such shop").At("input", "shopId")
	shopID, ok := typeid.Parse[typeid.Shop](in.ShopID)
	if !ok || !who.WorksFor(shopID) {
		return nil, notFound
	}
	sells, err := c.db.Shop.Get(ctx, shopID)
	if ent.IsNotFound(err) {
		return nil, notFound
	}
	if err != nil {
		return nil, fmt.Errorf("read shop: %w", err)
	}
	in = in.trimmed()
	now := c.now()
	made := &Product{
		ID: typeid.New[typeid.Product](now), ShopID: shopID, Title: in.Title, Description: in.Description,
		ImageURLs: in.ImageURLs, Status: in.Status, RequiresShipping: in.RequiresShipping,
	}
	if err := made.check(); err != nil {
		return nil, under(err, "input")
	}
	if err := in.checkVariants(money.Currency(sells.Currency)); err != nil {
		return nil, under(err, "input", "variants")
	}
	out, err := db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (*Product, error) {
		if err := in.writeTx(ctx, tx, made, who.Staff, now); err != nil {
			return nil, err
		}
		return made, audit.RecordTx(ctx, tx, now, audit.Act{
			Shop: shopID, Staff: who.Staff, Action: "productCreate", Subject: made.ID,
			Detail: map[string]any{"title": made.Title, "status": made.Status, "variants": len(in.Variants)},
		})
	})
	if db.IsDuplicate(err) { // looked up only now: nobody holds a connection while waiting for another
		return nil, c.takenSKU(ctx, shopID, in.Variants)
	}
	return out, err
}

// writeTx writes the product, its variants and their stock. The rows are written as they are: ent's builders count bytes
// where the columns, and check, count characters.
func (in NewProduct) writeTx(ctx context.Context, tx *db.Tx, p *Product, staff typeid.Staff, now time.Time) error {
	images, err := json.Marshal(p.ImageURLs)
	if err != nil {
		return fmt.Errorf("write pictures: %w", err)
	}
	if err := tx.Insert(ctx, product.Table, []string{
		product.FieldID, product.FieldShopID, product.FieldTitle, product.FieldDescription, product.FieldImageUrls,
		product.FieldStatus, product.FieldRequiresShipping, product.FieldCreatedAt,
	}, [][]any{{p.ID, p.ShopID, p.Title, p.Description, string(images), string(p.Status), p.RequiresShipping, now}}); err != nil {
		return err
	}
	_, err = insertVariantsTx(ctx, tx, p.ID, p.ShopID, in.Variants, 0, staff, now)
	return err
}

// insertVariantsTx writes variants of a product, from this position on, and their stock.
func insertVariantsTx(
	ctx context.Context, tx *db.Tx, p typeid.Product, shop typeid.Shop, variants []NewVariant, position int, staff typeid.Staff, now time.Time,
) ([]typeid.Variant, error) {
	rows := make([][]any, len(variants))
	stocks := make([]inventory.Initial, len(variants))
	ids := make([]typeid.Variant, len(variants))
	for i, v := range variants {
		ids[i] = typeid.New[typeid.Variant](now)
		rows[i] = []any{ids[i], shop, p, v.SKU, v.Title, v.Price.Amount, string(v.Price.Currency), position + i, variantOnSale, now}
		stocks[i] = inventory.Initial{Variant: ids[i], Shop: shop, OnHand: v.OnHand, LowStockThreshold: v.LowStockThreshold, Staff: staff}
	}
	if err := tx.Insert(ctx, productvariant.Table, []string{
		productvariant.FieldID, productvariant.FieldShopID, productvariant.FieldProductID, productvariant.FieldSku, productvariant.FieldTitle,
		productvariant.FieldPrice, productvariant.FieldCurrency, productvariant.FieldPosition, productvariant.FieldStatus, productvariant.FieldCreatedAt,
	}, rows); err != nil {
		return nil, err
	}
	return ids, inventory.ReceiveTx(ctx, tx, stocks, now)
}

// takenSKU says which sku the shop has already, as far as it is committed.
func (c *Catalog) takenSKU(ctx context.Context, shopID typeid.Shop, variants []NewVariant) error {
	skus := make([]string, len(variants))
	for i, v := range variants {
		skus[i] = v.SKU
	}
	taken, err := c.db.ProductVariant.Query().Where(productvariant.ShopID(shopID), productvariant.SkuIn(skus...)).
		Select(productvariant.FieldSku).Strings(ctx)
	if err != nil {
		return fmt.Errorf("read skus: %w", err)
	}
	refusal := skuTaken()
	for i, v := range variants {
		if slices.Contains(taken, v.SKU) {
			return refusal.At("input", "variants", strconv.Itoa(i), "sku")
		}
	}
	return refusal.At("input", "variants")
}

func skuTaken() *fault.Error {
	return fault.New(fault.Conflict, "the shop has a variant of this sku already")
}

// trimmed takes away the white space around what is one line.
func (in NewProduct) trimmed() NewProduct {
	in.Title = strings.TrimSpace(in.Title)
	variants := make([]NewVariant, len(in.Variants))
	for i, v := range in.Variants {
		variants[i] = v.trimmed()
	}
	in.Variants = variants
	if in.ImageURLs == nil {
		in.ImageURLs = []string{}
	}
	return in
}

func (v NewVariant) trimmed() NewVariant {
	v.SKU, v.Title = strings.TrimSpace(v.SKU), strings.TrimSpace(v.Title)
	return v
}
