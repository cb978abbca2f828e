// Package catalog is what shops show: mini-programs, shops, products and their variants. Anyone reads it; of products,
// those who have no role in the shop see the ACTIVE ones.
package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"holdfast/ent"
	"holdfast/ent/miniprogram"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/ent/shop"
	"holdfast/ent/splitrule"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// MiniProgram is what buyers open in WeChat.
type MiniProgram struct {
	ID    typeid.MiniProgram
	AppID string
	Name  string
}

// Shop is a merchant's shop.
type Shop struct {
	ID       typeid.Shop
	Name     string
	Currency money.Currency
	IsOpen   bool
	// Receiver is the merchant's own handle at the payment provider.
	Receiver string
	// ShareWhen is when the others receive their shares, MaxShareBasisPoints how much of an order they may have together.
	ShareWhen           ShareWhen
	MaxShareBasisPoints int
}

// shopOpen is the status of a shop that sells.
const shopOpen = "OPEN"

// ProductStatus says whether a product is on sale.
type ProductStatus string

// The states of a product.
const (
	Draft    ProductStatus = "DRAFT"
	Active   ProductStatus = "ACTIVE"
	Archived ProductStatus = "ARCHIVED"
)

// Product is what a shop shows.
type Product struct {
	ID               typeid.Product
	ShopID           typeid.Shop
	Title            string
	Description      string
	ImageURLs        []string
	Status           ProductStatus
	RequiresShipping bool
}

// Variant is the SKU: what has a price and a stock.
type Variant struct {
	ID        typeid.Variant
	ProductID typeid.Product
	ShopID    typeid.Shop
	SKU       string
	Title     string
	Price     money.Money
	// IsArchived is true for what is not for sale any more, whatever its product's status.
	IsArchived bool
}

// The states of a variant, as they are stored.
const (
	variantOnSale   = "ACTIVE"
	variantArchived = "ARCHIVED"
)

// SplitRule gives a receiver BasisPoints of every new order's total.
type SplitRule struct {
	Receiver    string
	Role        string
	BasisPoints int
}

// Catalog reads and writes the catalogue.
type Catalog struct {
	db        *db.DB
	now       clock.Clock
	committed []func([]inventory.Stock)

	appIDs sync.Map // of mini-programs, which never change

	sharing      Sharing                                          // nil says nothing
	sharesSooner func(context.Context, *db.Tx, typeid.Shop) error // nil wakes nobody
}

// New is a Catalog on d. The stock that it changes it tells committed, if given, which must not block.
func New(d *db.DB, now clock.Clock, committed ...func([]inventory.Stock)) *Catalog {
	return &Catalog{db: d, now: now, committed: committed}
}

// MiniProgramByAppID is the mini-program of this appId, or nil.
func (c *Catalog) MiniProgramByAppID(ctx context.Context, appID string) (*MiniProgram, error) {
	rows, err := c.db.MiniProgram.Query().Where(miniprogram.AppID(appID)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read mini-program: %w", err)
	}
	if len(rows) == 0 || rows[0].AppID != appID { // MySQL takes no notice of blanks at the end
		return nil, nil //nolint:nilnil // absent is an answer
	}
	return miniProgramOf(rows[0]), nil
}

const reading = "read catalogue"

// MiniPrograms are those of these ids that exist.
func (c *Catalog) MiniPrograms(ctx context.Context, ids []typeid.MiniProgram) ([]*MiniProgram, error) {
	rows, err := c.db.MiniProgram.Query().Where(miniprogram.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, reading, miniProgramOf)
}

// Shops are those of these ids that exist.
func (c *Catalog) Shops(ctx context.Context, ids []typeid.Shop) ([]*Shop, error) {
	rows, err := c.db.Shop.Query().Where(shop.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, reading, shopOf)
}

// Products are those of these ids that exist, whatever their status: see Product.VisibleTo.
func (c *Catalog) Products(ctx context.Context, ids []typeid.Product) ([]*Product, error) {
	rows, err := c.db.Product.Query().Where(product.IDIn(ids...)).All(ctx)
	return db.TryMap(rows, err, reading, productOf)
}

// Variants are those of these ids that exist.
func (c *Catalog) Variants(ctx context.Context, ids []typeid.Variant) ([]*Variant, error) {
	rows, err := c.db.ProductVariant.Query().Where(productvariant.IDIn(ids...)).All(ctx)
	return db.Map(rows, err, reading, variantOf)
}

// VariantsOf are the variants of these products, archived ones too, each product's in the merchant's order.
func (c *Catalog) VariantsOf(ctx context.Context, products []typeid.Product) ([]*Variant, error) {
	rows, err := c.db.ProductVariant.Query().Where(productvariant.ProductIDIn(products...)).
		Order(productvariant.ByProductID(), productvariant.ByPosition()).All(ctx)
	return db.Map(rows, err, reading, variantOf)
}

// SplitRules are the rules of these shops, by shop and in their order.
func (c *Catalog) SplitRules(ctx context.Context, shops []typeid.Shop) (map[typeid.Shop][]SplitRule, error) {
	rows, err := c.db.SplitRule.Query().Where(splitrule.ShopIDIn(shops...)).Order(splitrule.ByPosition()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read split rules: %w", err)
	}
	out := make(map[typeid.Shop][]SplitRule, len(shops))
	for _, r := range rows {
		out[r.ShopID] = append(out[r.ShopID], SplitRule{Receiver: r.Receiver, Role: r.Role, BasisPoints: r.BasisPoints})
	}
	return out, nil
}

func miniProgramOf(r *ent.MiniProgram) *MiniProgram {
	return &MiniProgram{ID: r.ID, AppID: r.AppID, Name: r.Name}
}

func shopOf(r *ent.Shop) *Shop {
	return &Shop{
		ID: r.ID, Name: r.Name, Currency: money.Currency(r.Currency), IsOpen: r.Status == shopOpen, Receiver: r.Receiver,
		ShareWhen: ShareWhen(r.ShareWhen), MaxShareBasisPoints: r.MaxShareBasisPoints,
	}
}

func productOf(r *ent.Product) (*Product, error) {
	var urls []string
	if err := json.Unmarshal([]byte(r.ImageUrls), &urls); err != nil {
		return nil, fmt.Errorf("read pictures of %s: %w", r.ID, err)
	}
	return &Product{
		ID: r.ID, ShopID: r.ShopID, Title: r.Title, Description: r.Description, ImageURLs: urls,
		Status: ProductStatus(r.Status), RequiresShipping: r.RequiresShipping,
	}, nil
}

func variantOf(r *ent.ProductVariant) *Variant {
	return &Variant{
		ID: r.ID, ProductID: r.ProductID, ShopID: r.ShopID, SKU: r.Sku, Title: r.Title,
		Price: money.New(r.Price, money.Currency(r.Currency)), IsArchived: r.Status == variantArchived,
	}
}
