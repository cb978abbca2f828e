package graph

import (
	"slices"
	"time"

	"holdfast/graph/loader"
	"holdfast/graph/model"
	"holdfast/internal/addressbook"
	"holdfast/internal/cart"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/order"
	"holdfast/internal/payment"
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

// pointers are to the elements of a list; never nil.
func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// notArchived are the variants that buyers may choose from; the list itself is others' too.
func notArchived(all []*catalog.Variant) []*catalog.Variant {
	return slices.DeleteFunc(slices.Clone(all), func(v *catalog.Variant) bool { return v.IsArchived })
}

// noSuchOrder refuses an order that is absent, or not one's own.
func noSuchOrder(field ...string) []fault.Refusal {
	return []fault.Refusal{fault.New(fault.NotFound, "there is no such order").At(field...)}
}

func orderQuery(first int, after *string, filter *model.OrderFilter) (loader.OrderQuery, error) {
	q, err := pageQuery(first, after)
	f := or(filter, model.OrderFilter{})
	return loader.Orders(order.Filter{
		Statuses: f.Statuses, PlacedFrom: f.PlacedFrom, PlacedBefore: f.PlacedBefore, Text: or(f.Text, ""),
	}, q), err
}

func newVariant(in model.ProductVariantAddInput) catalog.NewVariant {
	return catalog.NewVariant{
		SKU: in.Sku, Title: or(in.Title, ""), Price: *in.Price, OnHand: in.OnHand, LowStockThreshold: or(in.LowStockThreshold, 0),
	}
}

// boughtLines are the lines of an order as a cart takes them.
func boughtLines(lines []*order.Line) []cart.LineInput {
	out := make([]cart.LineInput, len(lines))
	for i, l := range lines {
		out[i] = cart.LineInput{VariantID: l.VariantID.String(), Quantity: l.Quantity}
	}
	return out
}

// homeCountry is where an address is: AddressInput names provinces and no country.
const homeCountry = "CN"

func checkoutInput(in checkout.Input) checkout.Input {
	if in.ShipTo != nil {
		in.ShipTo.Country = homeCountry
	}
	return in
}

func savedAddress(in model.AddressSaveInput) addressbook.SaveInput {
	out := addressbook.SaveInput{AddressID: or(in.AddressID, ""), Address: *in.Address, IsDefault: in.IsDefault}
	out.Address.Country = homeCountry
	return out
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

// misbehave has the sandbox misbehave, if payments go there.
func misbehave(p payment.Provider, in model.SandboxFaultsInput) (*model.SandboxFaults, error) {
	sandbox, ok := p.(*payment.Sandbox)
	if !ok {
		return nil, fault.New(fault.NotFound, "payments do not go to the sandbox")
	}
	const ms = time.Millisecond
	if err := sandbox.Misbehave(payment.Faults{
		Slow: time.Duration(in.SlowMs) * ms, Silent: in.IsSilent, Wrong: in.IsWrong, Late: time.Duration(in.LateMs) * ms, Repeat: in.Repeat,
	}); err != nil {
		return nil, err
	}
	f := sandbox.Misbehaviour()
	return &model.SandboxFaults{
		SlowMs: int(f.Slow / ms), IsSilent: f.Silent, IsWrong: f.Wrong, LateMs: int(f.Late / ms), Repeat: f.Repeat,
	}, nil
}
