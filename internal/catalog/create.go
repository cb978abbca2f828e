package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"holdfast/ent"
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
	product := &Product{
		ID: typeid.New[typeid.Product](now), ShopID: shopID, Title: in.Title, Description: in.Description,
		ImageURLs: in.ImageURLs, Status: in.Status, RequiresShipping: in.RequiresShipping,
	}
	return db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (*Product, error) {
		if err := tx.Product.Create().SetID(product.ID).SetShopID(shopID).SetTitle(in.Title).SetDescription(in.Description).
			SetImageUrls(string(images)).SetStatus(string(in.Status)).SetRequiresShipping(in.RequiresShipping).
			SetCreatedAt(now).Exec(ctx); err != nil {
			return nil, fmt.Errorf("write product: %w", err)
		}
		builders := make([]*ent.ProductVariantCreate, len(in.Variants))
		stocks := make([]inventory.Initial, len(in.Variants))
		for i, v := range in.Variants {
			id := typeid.New[typeid.Variant](now)
			builders[i] = tx.ProductVariant.Create().SetID(id).SetShopID(shopID).SetProductID(product.ID).SetSku(v.SKU).SetTitle(v.Title).
				SetPrice(v.Price.Amount).SetCurrency(string(v.Price.Currency)).SetPosition(i).SetCreatedAt(now)
			stocks[i] = inventory.Initial{Variant: id, Shop: shopID, OnHand: v.OnHand, LowStockThreshold: v.LowStockThreshold, Staff: who.Staff}
		}
		if err := tx.ProductVariant.CreateBulk(builders...).Exec(ctx); db.IsDuplicate(err) {
			return nil, c.takenSKU(ctx, shopID, in.Variants)
		} else if err != nil {
			return nil, fmt.Errorf("write variants: %w", err)
		}
		return product, inventory.ReceiveTx(ctx, tx, stocks, now)
	})
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
		for _, sku := range taken {
			if v.SKU == sku {
				return refusal.At("input", "variants", strconv.Itoa(i), "sku")
			}
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
		case !line(v.Title, 0, maxTitle):
			return at(fault.New(fault.Invalid, "a title has 1 to %d characters and no line break", maxTitle), "title")
		case v.Price.Currency != currency:
			return at(fault.New(fault.CurrencyMismatch, "the shop sells in %s", string(currency)), "price")
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
