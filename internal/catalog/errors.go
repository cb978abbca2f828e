package catalog

import "holdfast/internal/fault"

// ItemError refuses one variant: NOT_FOR_SALE, NOT_FOUND or QUANTITY_LIMIT.
type ItemError struct {
	fault.Plain
	// VariantID is the variant as the client named it.
	VariantID string
}

// Unwrap gives the plain refusal.
func (e *ItemError) Unwrap() error { return &e.Plain }
