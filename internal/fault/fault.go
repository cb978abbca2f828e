// Package fault is the one error type that crosses package boundaries on purpose. Whatever is not a fault.Error is
// internal: it is logged and says nothing to the client.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of refusal or failure it is. The words are those of the API's UserErrorCode and RequestErrorCode.
type Code string

// Refusals of a business action: they are answered in the payload's userErrors.
const (
	Invalid              Code = "INVALID"
	NotFound             Code = "NOT_FOUND"
	Conflict             Code = "CONFLICT"
	TooMany              Code = "TOO_MANY"
	VersionMismatch      Code = "VERSION_MISMATCH"
	OutOfStock           Code = "OUT_OF_STOCK"
	PriceChanged         Code = "PRICE_CHANGED"
	NotForSale           Code = "NOT_FOR_SALE"
	QuantityLimit        Code = "QUANTITY_LIMIT"
	AddressRequired      Code = "ADDRESS_REQUIRED"
	CurrencyMismatch     Code = "CURRENCY_MISMATCH"
	HoldLimitReached     Code = "HOLD_LIMIT_REACHED"
	IdempotencyKeyReused Code = "IDEMPOTENCY_KEY_REUSED"
	PaymentPending       Code = "PAYMENT_PENDING"
	PaymentClosed        Code = "PAYMENT_CLOSED"
	PaymentRefused       Code = "PAYMENT_REFUSED"
	AlreadyPaid          Code = "ALREADY_PAID"
	AmountExceeded       Code = "AMOUNT_EXCEEDED"
	LoginFailed          Code = "LOGIN_FAILED"
	SessionExpired       Code = "SESSION_EXPIRED"
)

// Misuse, missing rights and faults: they are answered as top-level errors.
const (
	BadRequest      Code = "BAD_REQUEST"
	Unauthenticated Code = "UNAUTHENTICATED"
	Forbidden       Code = "FORBIDDEN"
	RateLimited     Code = "RATE_LIMITED"
	Overloaded      Code = "OVERLOADED"
	CostExceeded    Code = "COST_EXCEEDED"
	Internal        Code = "INTERNAL"
)

// Error is a refusal or failure that the client is told.
type Error struct {
	Code Code
	// Field is the path of the argument at fault, such as input, lines, 0, quantity; nil when none is.
	Field []string
	// Text is an English format of Args, fit to show; the edge translates it by looking this very text up.
	Text string
	Args []any
	// RetryAfter is when the same request may be sent again, of RateLimited and Overloaded; 0 says nothing.
	RetryAfter time.Duration
}

// Plain is an Error to embed: embedding it by its own name would hide the method Error.
type Plain = Error

// New is an Error whose text is a format of args.
func New(code Code, text string, args ...any) *Error {
	return &Error{Code: code, Text: text, Args: args}
}

// At is the same error, at fault being the argument of this path.
func (e *Error) At(field ...string) *Error {
	c := *e
	c.Field = field
	return &c
}

// After is the same error, saying that the request may be sent again after d. It is for RateLimited and Overloaded: nothing was
// done.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

func (e *Error) Error() string { return fmt.Sprintf(e.Text, e.Args...) }

// Refused gives *Error to the types that embed it and add what a client acts on.
func (e *Error) Refused() *Error { return e }

// Refusal is what every error here is: an *Error, or a type that embeds one.
type Refusal interface {
	error
	Refused() *Error
}

// Refusals are several at once, in the order of the input.
type Refusals []Refusal

func (r Refusals) Error() string {
	errs := make([]error, len(r))
	for i, e := range r {
		errs[i] = e
	}
	return errors.Join(errs...).Error()
}

// List takes err apart: the refusals in it, or nil when it is something else.
func List(err error) []Refusal {
	if many, ok := errors.AsType[Refusals](err); ok {
		return many
	}
	if one, ok := errors.AsType[Refusal](err); ok {
		return []Refusal{one}
	}
	return nil
}

// Is tells whether err is, or holds, a refusal of this code.
func Is(err error, code Code) bool {
	for _, r := range List(err) {
		if r.Refused().Code == code {
			return true
		}
	}
	return false
}
