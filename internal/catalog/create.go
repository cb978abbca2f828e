package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/ent"
	"holdfast/ent/product"
	"holdfast/ent/productvariant"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// Limits of a product.
const (
	MaxVariants    = 200
	maxTitle       = 200
	maxSKU         = 64
	maxImages      = 20
	maxURL         = 1000
	maxDescription = 64 << 10

	// maxVariantTitle leaves room for what FullTitle puts between the titles: an order line keeps 2 * maxTitle characters.
	maxVariantTitle = maxTitle - 3
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
	if err := in.validate(money.Currency(sells.Currency)); err != nil {
		return nil, err
	}
	images, err := json.Marshal(in.ImageURLs)
	if err != nil {
		return nil, fmt.Errorf("write pictures: %w", err)
	}
	now := c.now()
	made := &Product{
		ID: typeid.New[typeid.Product](now), ShopID: shopID, Title: in.Title, Description: in.Description,
		ImageURLs: in.ImageURLs, Status: in.Status, RequiresShipping: in.RequiresShipping,
	}
	out, err := db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (*Product, error) {
		return made, in.writeTx(ctx, tx, made, string(images), who.Staff, now)
	})
	if db.IsDuplicate(err) { // looked up only now: nobody holds a connection while waiting for another
		return nil, c.takenSKU(ctx, shopID, in.Variants)
	}
	return out, err
}

// writeTx writes the product, its variants and their stock. The rows are written as they are: ent's builders count bytes
// where the columns, and validate, count characters.
func (in NewProduct) writeTx(ctx context.Context, tx *db.Tx, p *Product, images string, staff typeid.Staff, now time.Time) error {
	if err := tx.Insert(ctx, product.Table, []string{
		product.FieldID, product.FieldShopID, product.FieldTitle, product.FieldDescription, product.FieldImageUrls,
		product.FieldStatus, product.FieldRequiresShipping, product.FieldCreatedAt,
	}, [][]any{{p.ID, p.ShopID, p.Title, p.Description, images, string(p.Status), p.RequiresShipping, now}}); err != nil {
		return err
	}
	rows := make([][]any, len(in.Variants))
	stocks := make([]inventory.Initial, len(in.Variants))
	for i, v := range in.Variants {
		id := typeid.New[typeid.Variant](now)
		rows[i] = []any{id, p.ShopID, p.ID, v.SKU, v.Title, v.Price.Amount, string(v.Price.Currency), i, now}
		stocks[i] = inventory.Initial{Variant: id, Shop: p.ShopID, OnHand: v.OnHand, LowStockThreshold: v.LowStockThreshold, Staff: staff}
	}
	if err := tx.Insert(ctx, productvariant.Table, []string{
		productvariant.FieldID, productvariant.FieldShopID, productvariant.FieldProductID, productvariant.FieldSku, productvariant.FieldTitle,
		productvariant.FieldPrice, productvariant.FieldCurrency, productvariant.FieldPosition, productvariant.FieldCreatedAt,
	}, rows); err != nil {
		return err
	}
	return inventory.ReceiveTx(ctx, tx, stocks, now)
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
	refusal := fault.New(fault.Conflict, "the shop has a variant of this sku already")
	for i, v := range variants {
		if slices.Contains(taken, v.SKU) {
			return refusal.At("input", "variants", strconv.Itoa(i), "sku")
		}
	}
	return refusal.At("input", "variants")
}

// trimmed takes away the white space around what is one line.
func (in NewProduct) trimmed() NewProduct {
	in.Title = strings.TrimSpace(in.Title)
	variants := make([]NewVariant, len(in.Variants))
	for i, v := range in.Variants {
		v.SKU, v.Title = strings.TrimSpace(v.SKU), strings.TrimSpace(v.Title)
		variants[i] = v
	}
	in.Variants = variants
	if in.ImageURLs == nil {
		in.ImageURLs = []string{}
	}
	return in
}

func (in NewProduct) validate(currency money.Currency) error {
	if !line(in.Title, 1, maxTitle) {
		return fault.New(fault.Invalid, "a title has 1 to %d characters and no line break", maxTitle).At("input", "title")
	}
	if len(in.Description) > maxDescription || !utf8.ValidString(in.Description) {
		return fault.New(fault.Invalid, "a description has at most %d bytes", maxDescription).At("input", "description")
	}
	if len(in.ImageURLs) > maxImages {
		return fault.New(fault.TooMany, "a product has at most %d pictures", maxImages).At("input", "imageUrls")
	}
	for i, u := range in.ImageURLs {
		if !pictureURL(u) {
			return fault.New(fault.Invalid, "a picture is an http or https address, or a path that starts with /").At("input", "imageUrls", strconv.Itoa(i))
		}
	}
	if len(in.Variants) == 0 {
		return fault.New(fault.Invalid, "a product has at least one variant").At("input", "variants")
	}
	if len(in.Variants) > MaxVariants {
		return fault.New(fault.TooMany, "a product has at most %d variants", MaxVariants).At("input", "variants")
	}
	seen := make(map[string]bool, len(in.Variants))
	for i, v := range in.Variants {
		at := func(e *fault.Error, field string) error { return e.At("input", "variants", strconv.Itoa(i), field) }
		switch {
		case !line(v.SKU, 1, maxSKU):
			return at(fault.New(fault.Invalid, "a sku has 1 to %d characters and no line break", maxSKU), "sku")
		case seen[v.SKU]:
			return at(fault.New(fault.Invalid, "each variant needs a sku of its own"), "sku")
		case !line(v.Title, 0, maxVariantTitle):
			return at(fault.New(fault.Invalid, "a title has 1 to %d characters and no line break", maxVariantTitle), "title")
		case v.Price.Currency != currency:
			return at(fault.New(fault.Invalid, "the shop sells in %s", string(currency)), "price")
		case v.Price.Amount < 0 || v.Price.Amount > MaxPrice:
			return at(fault.New(fault.Invalid, "a price is 0 to %d minor units", MaxPrice), "price")
		case v.OnHand < 0 || v.OnHand > inventory.MaxOnHand:
			return at(fault.New(fault.Invalid, "onHand must be 0 to %d", inventory.MaxOnHand), "onHand")
		case v.LowStockThreshold < 0 || v.LowStockThreshold > inventory.MaxOnHand:
			return at(fault.New(fault.Invalid, "lowStockThreshold must be 0 to %d", inventory.MaxOnHand), "lowStockThreshold")
		}
		seen[v.SKU] = true
	}
	return nil
}

// MaxPrice is the highest price of one unit in minor units: 50 lines of 9999 units stay an exact JSON number.
const MaxPrice int64 = money.Max / (50 * 9999)

// line tells whether s is one line of so many characters, without control characters.
func line(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return n >= least && n <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func pictureURL(s string) bool {
	if len(s) > maxURL {
		return false
	}
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	if u.Scheme == "" {
		return u.Host == "" && strings.HasPrefix(u.Path, "/")
	}
	return (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
