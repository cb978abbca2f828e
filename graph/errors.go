package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/model"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/inventory"
)

// internalError is all that a client learns of a fault of ours, but for the request's id.
const internalError = "internal error"

// userErrors are the refusals in err, for a payload. What a payload cannot say is returned: it becomes a top-level error.
func userErrors(ctx context.Context, err error) ([]model.UserError, error) {
	refusals := fault.List(err)
	if len(refusals) == 0 {
		return nil, err
	}
	for _, r := range refusals {
		if isRequestError(r.Refused().Code) {
			return nil, err
		}
	}
	return userErrorsOf(ctx, refusals), nil
}

// userErrorsOf are refusals as GraphQL has them, in the language of the request.
func userErrorsOf(ctx context.Context, refusals []fault.Refusal) []model.UserError {
	noteRefusal(ctx, refusals)
	out := make([]model.UserError, len(refusals))
	for i, r := range refusals {
		e := r.Refused()
		text := message(ctx, e)
		switch r := r.(type) {
		case *catalog.ItemError:
			out[i] = &model.LineError{Code: e.Code, Message: text, Field: e.Field, VariantID: r.VariantID}
		case *inventory.ShortError:
			shortages := make([]*inventory.Shortage, len(r.Shortages))
			for i := range r.Shortages {
				shortages[i] = &r.Shortages[i]
			}
			out[i] = &model.OutOfStockError{Code: e.Code, Message: text, Field: e.Field, Shortages: shortages}
		case *checkout.PriceError:
			out[i] = &model.PriceChangedError{Code: e.Code, Message: text, Field: e.Field, Expected: &r.Expected, Actual: &r.Actual}
		default:
			out[i] = &model.PlainUserError{Code: e.Code, Message: text, Field: e.Field}
		}
	}
	return out
}

// isRequestError tells the codes of top-level errors from those of payloads.
func isRequestError(code fault.Code) bool {
	switch code {
	case fault.BadRequest, fault.Unauthenticated, fault.Forbidden, fault.RateLimited, fault.Overloaded, fault.CostExceeded,
		fault.Internal:
		return true
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.TooMany, fault.VersionMismatch, fault.OutOfStock,
		fault.PriceChanged, fault.NotForSale, fault.QuantityLimit, fault.AddressRequired, fault.CurrencyMismatch,
		fault.HoldLimitReached, fault.IdempotencyKeyReused, fault.PaymentPending, fault.PaymentClosed, fault.PaymentRefused,
		fault.AlreadyPaid, fault.AmountExceeded, fault.LoginFailed, fault.SessionExpired:
		return false
	}
	return false
}

// presenter turns every error into the one that the client gets. What is not a refusal is logged and says nothing.
type presenter struct{ log *slog.Logger }

func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	out := gqlerror.Error{Path: graphql.GetPath(ctx)}
	var located *gqlerror.Error
	if errors.As(err, &located) {
		out = gqlerror.Error{Path: located.Path, Locations: located.Locations}
	}
	code, after := requestCode(err), int64(0)
	if code != fault.Internal {
		refused := fault.List(err)[0].Refused()
		out.Message, after = message(ctx, refused), retryAfterMs(refused)
	} else if known := ofGraphQL(located); known != "" {
		code, out.Message = known, located.Message
	}
	out.Extensions = map[string]any{"code": string(code)}
	if after > 0 {
		out.Extensions["retryAfterMs"] = after
	}
	if code == fault.Internal {
		out.Message = internalError
		out.Extensions["requestId"] = requestID(ctx)
		p.note(ctx, err)
	}
	return &out
}

// retryAfterMs is when the same request may be sent again, in whole milliseconds: to come back too early helps nobody. 0 for never.
func retryAfterMs(e *fault.Error) int64 {
	if e.Code != fault.RateLimited && e.Code != fault.Overloaded {
		return 0
	}
	return int64((e.RetryAfter + time.Millisecond - 1) / time.Millisecond)
}

// requestCode is what a top-level error says of err: INTERNAL unless it is a refusal. A code of a payload would be one that nobody
// put there: our fault.
func requestCode(err error) fault.Code {
	if refusals := fault.List(err); len(refusals) > 0 && isRequestError(refusals[0].Refused().Code) {
		return refusals[0].Refused().Code
	}
	return fault.Internal
}

// ofGraphQL is the code of an error that has no cause but GraphQL itself: the request is wrong. "" when err is none.
func ofGraphQL(err *gqlerror.Error) fault.Code {
	if err == nil || err.Err != nil {
		return ""
	}
	code, ok := err.Extensions["code"].(string)
	switch {
	case !ok:
		return ""
	case isRequestError(fault.Code(code)):
		return fault.Code(code)
	default:
		return fault.BadRequest // gqlgen's GRAPHQL_VALIDATION_FAILED and its like
	}
}

// recovered makes an error of a panic, with where it was, for the log.
func recovered(_ context.Context, p any) error {
	return fmt.Errorf("panic: %v\n%s", p, debug.Stack())
}

type notesKey struct{}

// notes are what was logged of one response: a statement that fails fails for every object of a level.
type notes struct {
	mu   sync.Mutex
	seen map[string]bool
}

func withNotes(ctx context.Context) context.Context {
	return context.WithValue(ctx, notesKey{}, &notes{seen: make(map[string]bool)})
}

func (n *notes) first(text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[text] {
		return false
	}
	n.seen[text] = true
	return true
}

func (p presenter) note(ctx context.Context, err error) {
	cause := err
	var located *gqlerror.Error
	if errors.As(err, &located) && located.Err != nil {
		cause = located.Err // without the path, in which the objects of a level differ
	}
	if n, ok := ctx.Value(notesKey{}).(*notes); ok && !n.first(cause.Error()) {
		return
	}
	level := slog.LevelError
	if ctx.Err() != nil {
		level = slog.LevelInfo // the client has left, and what it left undone is no fault
	}
	p.log.Log(ctx, level, "request failed", "request_id", requestID(ctx), "error", err.Error())
}
