package cart

import (
	"context"
	"slices"

	"holdfast/internal/catalog"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// AddAgain puts what was bought before into the cart, beside what is there, and returns the cart and, line by line, what was
// not put in, or not in full: NOT_FOUND, NOT_FOR_SALE, QUANTITY_LIMIT, TOO_MANY. More than is available is put in all the
// same: the cart says so. It fails with INVALID and TOO_MANY when there are no lines, or more than a cart has.
func (c *Carts) AddAgain(ctx context.Context, who identity.Principal, lines []LineInput) (*Cart, []fault.Refusal, error) {
	if len(lines) == 0 {
		return nil, nil, fault.New(fault.Invalid, "name at least one variant")
	}
	if len(lines) > MaxLines {
		return nil, nil, fault.New(fault.TooMany, "at most %d lines at once", MaxLines)
	}
	var variants []typeid.Variant
	for _, l := range lines {
		if id, ok := typeid.Parse[typeid.Variant](l.VariantID); ok {
			variants = append(variants, id)
		}
	}
	items, err := c.catalog.Items(ctx, who.MiniProgram, variants)
	if err != nil {
		return nil, nil, err
	}
	var left []fault.Refusal
	if err := c.change(ctx, who.Buyer, func(_ int64, had []Entry) (changed []Entry, _ error) {
		changed, left = c.add(had, lines, items)
		return changed, nil
	}); err != nil {
		return nil, nil, err
	}
	cart, err := c.Of(ctx, who)
	return cart, left, err
}

// add is which entries change when the lines are added to a cart, and what is left out.
func (c *Carts) add(had []Entry, lines []LineInput, items map[typeid.Variant]*catalog.Item) (changed []Entry, left []fault.Refusal) {
	var (
		now   = c.now()
		all   = slices.Clone(had)
		moved = make(map[typeid.Variant]bool, len(lines))
	)
	leave := func(l LineInput, code fault.Code, text string, args ...any) {
		left = append(left, itemError(fault.New(code, text, args...), l.VariantID))
	}
	for i, l := range lines {
		id, _ := typeid.Parse[typeid.Variant](l.VariantID) // of what is no id there is no item
		item, exists := items[id]
		at := slices.IndexFunc(all, func(e Entry) bool { return e.Variant == id })
		switch {
		case !exists:
			leave(l, fault.NotFound, "there is no such variant")
			continue
		case !item.ForSale:
			leave(l, fault.NotForSale, "this is not for sale at the moment")
			continue
		case l.Quantity < 1 || l.Quantity > catalog.MaxQuantity:
			leave(l, fault.Invalid, "quantity must be %d to %d", 1, catalog.MaxQuantity)
			continue
		case at < 0 && len(all) == MaxLines:
			leave(l, fault.TooMany, "a cart has at most %d lines", MaxLines)
			continue
		case at < 0:
			all = append(all, Entry{ID: lineID(now, i), Variant: id})
			at = len(all) - 1
		}
		if all[at].Quantity += l.Quantity; all[at].Quantity > catalog.MaxQuantity {
			all[at].Quantity = catalog.MaxQuantity
			leave(l, fault.QuantityLimit, "a cart has at most %d of one variant", catalog.MaxQuantity)
		}
		all[at].Price = &item.Price.Amount
		moved[id] = true
	}
	return slices.DeleteFunc(all, func(e Entry) bool { return !moved[e.Variant] }), left
}
