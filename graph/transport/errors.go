package transport

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/guard"
	"holdfast/internal/fault"
)

// refusal is the answer to what is no GraphQL request, or one that this method may not send: in both media types the
// status tells.
type refusal struct {
	status  int
	code    fault.Code
	message string
	name    string // of one more header that the status calls for
	value   string
}

func refuse(status int, message string) *refusal {
	return &refusal{status: status, code: fault.BadRequest, message: message}
}

func badRequest(message string) *refusal { return refuse(http.StatusBadRequest, message) }

func notAllowed(allow, message string) *refusal {
	return refuse(http.StatusMethodNotAllowed, message).with("Allow", allow)
}

func (r *refusal) with(name, value string) *refusal {
	r.name, r.value = name, value
	return r
}

func requestError(code fault.Code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": string(code)}}
}

// RequestErrors is how errors from before the execution are shown: at most 20 and 3,800 bytes of them, without the names that
// gqlparser suggests, without repeating much of the request, and with a code of the API. gqlgen's own codes, and text without
// a cause, become BAD_REQUEST. An error that has a cause and no code is left to the error presenter. The list it is given
// is not changed.
func RequestErrors(errs gqlerror.List) gqlerror.List {
	shown := make(gqlerror.List, 0, min(len(errs), guard.MaxErrors))
	size := 0
	for _, err := range errs[:min(len(errs), guard.MaxErrors)] {
		e := *err
		e.Message = shorten(e.Message)
		if text, _ := json.Marshal(e.Path); len(text) > guard.MaxMessage {
			e.Path = nil // a client may name what it sends as it likes
		}
		if code := codeOf(err); statusFor(code) == 0 && (code != "" || err.Err == nil) {
			e.Extensions = maps.Clone(e.Extensions)
			if e.Extensions == nil {
				e.Extensions = map[string]any{}
			}
			e.Extensions["code"] = string(fault.BadRequest)
		}
		text, _ := json.Marshal(&e) // what cannot be encoded is noticed when the answer is
		if size += len(text) + len(","); size > guard.MaxErrorBytes && len(shown) > 0 {
			break
		}
		shown = append(shown, &e)
	}
	return shown
}

func shorten(message string) string {
	message, _, _ = strings.Cut(message, " Did you mean ")
	if len(message) <= guard.MaxMessage {
		return message
	}
	end := guard.MaxMessage
	for !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + "…"
}

func codeOf(err *gqlerror.Error) fault.Code {
	switch code := err.Extensions["code"].(type) {
	case string:
		return fault.Code(code)
	case fault.Code:
		return code
	default:
		return ""
	}
}

// statusFor is the HTTP status of a request that was not executed, where the media type lets the status tell; 0 when the
// code is none of the API's top-level errors. The specification's newest edition would rather have 422 than 400 for what
// parses and is not valid, and 294 than 200 for data with errors; its conformance suite, and clients, still want these.
func statusFor(code fault.Code) int {
	switch code {
	case fault.BadRequest, fault.CostExceeded:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.RateLimited:
		return http.StatusTooManyRequests
	case fault.Overloaded:
		return http.StatusServiceUnavailable
	case fault.Internal:
		return http.StatusInternalServerError
	default:
		return 0
	}
}

// setHeaders adds the headers that come with a status.
func setHeaders(header http.Header, status int, err *gqlerror.Error) {
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		setRetryAfter(header, err)
	}
}

// setRetryAfter rounds up to whole seconds: to come back too early helps nobody.
func setRetryAfter(header http.Header, err *gqlerror.Error) {
	var ms int64
	switch after := err.Extensions["retryAfterMs"].(type) {
	case int:
		ms = int64(after)
	case int64:
		ms = after
	default:
		return
	}
	header.Set("Retry-After", strconv.FormatInt(max(1, (ms+999)/1000), 10))
}
