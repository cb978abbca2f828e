package graph

import (
	"holdfast/graph/loader"
	"holdfast/graph/model"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/order"
)

// or is *v, or what stands for null.
func or[T any](v *T, null T) T {
	if v == nil {
		return null
	}
	return *v
}

// values are what pointers of a list that GraphQL made point to.
func values[T any](list []*T) []T {
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = *v
	}
	return out
}

func orderQuery(first int, after *string, filter *model.OrderFilter) (loader.OrderQuery, error) {
	q, err := pageQuery(first, after)
	f := or(filter, model.OrderFilter{})
	return loader.Orders(order.Filter{
		Statuses: f.Statuses, PlacedFrom: f.PlacedFrom, PlacedBefore: f.PlacedBefore, Text: or(f.Text, ""),
	}, q), err
}

// homeCountry is where an address is: AddressInput names provinces and no country.
const homeCountry = "CN"

func checkoutInput(in checkout.Input) checkout.Input {
	if in.ShipTo != nil {
		in.ShipTo.Country = homeCountry
	}
	return in
}

func newProduct(in model.ProductCreateInput) catalog.NewProduct {
	out := catalog.NewProduct{
		ShopID: in.ShopID, Title: in.Title, Description: or(in.Description, ""), ImageURLs: in.ImageUrls,
		Status: or(in.Status, catalog.Draft), RequiresShipping: in.RequiresShipping,
		Variants: make([]catalog.NewVariant, len(in.Variants)),
	}
	for i, v := range in.Variants {
		out.Variants[i] = catalog.NewVariant{
			SKU: v.Sku, Title: or(v.Title, ""), Price: *v.Price, OnHand: v.OnHand, LowStockThreshold: or(v.LowStockThreshold, 0),
		}
	}
	return out
}

// oneWayIn checks what @oneOf says. Variables are checked before; a literal with a variable inside is not.
func oneWayIn(in model.SessionCreateInput) error {
	if (in.WeChat == nil) == (in.Staff == nil) {
		return fault.New(fault.BadRequest, "give exactly one of weChat and staff")
	}
	return nil
}
