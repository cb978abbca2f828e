package catalog

import (
	"holdfast/internal/fault"
	"holdfast/internal/money"
)

// ItemError refuses one variant: NOT_FOR_SALE, NOT_FOUND, QUANTITY_LIMIT, or TOO_MANY where there is no room for it.
type ItemError struct {
	fault.Plain
	// VariantID is the variant as the client named it.
	VariantID string
}

// Unwrap gives the plain refusal.
func (e *ItemError) Unwrap() error { return &e.Plain }

// PriceError refuses with PRICE_CHANGED and says both: the sums of a checkout, or the prices of one in a cart.
type PriceError struct {
	fault.Plain
	Expected money.Money
	Actual   money.Money
}

// Unwrap gives the plain refusal.
func (e *PriceError) Unwrap() error { return &e.Plain }
