package inventory

import (
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// Shortage is how much of a variant was asked for, all lines together, and how much there was.
type Shortage struct {
	Variant   typeid.Variant
	Requested int
	Available int
}

// ShortError refuses with OUT_OF_STOCK and says what is short.
type ShortError struct {
	fault.Plain
	Shortages []Shortage
}

// Unwrap gives the plain refusal.
func (e *ShortError) Unwrap() error { return &e.Plain }

// Short is the refusal for these shortages.
func Short(of []Shortage) *ShortError {
	return &ShortError{Plain: *fault.New(fault.OutOfStock, "less is left than you asked for"), Shortages: of}
}
