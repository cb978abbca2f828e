package catalog

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/fault"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
)

// Limits of the catalogue.
const (
	MaxVariants = 200
	// MaxQuantity is how many of one variant a line may have, in a cart and in a checkout.
	MaxQuantity = 9999
	// MaxPrice is the highest price of one unit in minor units: 50 lines of as many as may be stay an exact JSON number.
	MaxPrice int64 = money.Max / (50 * MaxQuantity)

	maxTitle       = 200
	maxSKU         = 64
	maxImages      = 20
	maxURL         = 1000
	maxDescription = 64 << 10

	// maxVariantTitle leaves room for what FullTitle puts between the titles: an order line keeps 2 * maxTitle characters.
	maxVariantTitle = maxTitle - 3
)

// under is the refusal of a part, as one of the whole in which the part has this path.
func under(e *fault.Error, path ...string) error {
	return e.At(slices.Concat(path, e.Field)...)
}

// check refuses what no product may be; the field is the product's.
func (p *Product) check() *fault.Error {
	switch {
	case !line(p.Title, 1, maxTitle):
		return fault.New(fault.Invalid, "a title has 1 to %d characters and no line break", maxTitle).At("title")
	case len(p.Description) > maxDescription || !utf8.ValidString(p.Description):
		return fault.New(fault.Invalid, "a description has at most %d bytes", maxDescription).At("description")
	case len(p.ImageURLs) > maxImages:
		return fault.New(fault.TooMany, "a product has at most %d pictures", maxImages).At("imageUrls")
	}
	for i, u := range p.ImageURLs {
		if !pictureURL(u) {
			return fault.New(fault.Invalid, "a picture is an http or https address, or a path that starts with /").At("imageUrls", strconv.Itoa(i))
		}
	}
	return nil
}

// checkVariants refuses what the variants of a new product may not be; the field is of the list.
func (in NewProduct) checkVariants(currency money.Currency) *fault.Error {
	if len(in.Variants) == 0 {
		return fault.New(fault.Invalid, "a product has at least one variant")
	}
	if len(in.Variants) > MaxVariants {
		return tooManyVariants()
	}
	seen := make(map[string]bool, len(in.Variants))
	for i, v := range in.Variants {
		e := v.check(currency)
		if e == nil && seen[v.SKU] {
			e = fault.New(fault.Invalid, "each variant needs a sku of its own").At("sku")
		}
		if e != nil {
			return e.At(slices.Concat([]string{strconv.Itoa(i)}, e.Field)...)
		}
		seen[v.SKU] = true
	}
	return nil
}

func tooManyVariants() *fault.Error {
	return fault.New(fault.TooMany, "a product has at most %d variants", MaxVariants)
}

// check refuses what no variant of a shop that sells in this currency may be; the field is the variant's.
func (v NewVariant) check(currency money.Currency) *fault.Error {
	switch {
	case !line(v.SKU, 1, maxSKU):
		return fault.New(fault.Invalid, "a sku has 1 to %d characters and no line break", maxSKU).At("sku")
	case !line(v.Title, 0, maxVariantTitle):
		return fault.New(fault.Invalid, "a title has 1 to %d characters and no line break", maxVariantTitle).At("title")
	case v.Price.Currency != currency:
		return fault.New(fault.Invalid, "the shop sells in %s", string(currency)).At("price")
	case v.Price.Amount < 0 || v.Price.Amount > MaxPrice:
		return fault.New(fault.Invalid, "a price is 0 to %d minor units", MaxPrice).At("price")
	case v.OnHand < 0 || v.OnHand > inventory.MaxOnHand:
		return fault.New(fault.Invalid, "onHand must be 0 to %d", inventory.MaxOnHand).At("onHand")
	case v.LowStockThreshold < 0 || v.LowStockThreshold > inventory.MaxOnHand:
		return fault.New(fault.Invalid, "lowStockThreshold must be 0 to %d", inventory.MaxOnHand).At("lowStockThreshold")
	}
	return nil
}

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
