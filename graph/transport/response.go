package transport

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/fault"
)

// AppendResponse appends resp as JSON: errors first, and no data member when nothing was executed, where gqlgen's own
// encoding says null. It keeps nothing of resp.
func AppendResponse(b []byte, resp *graphql.Response) ([]byte, error) {
	separator := byte('{')
	member := func(name string, value []byte) {
		b = append(b, separator)
		b = append(b, name...)
		b = append(b, value...)
		separator = ','
	}
	if len(resp.Errors) > 0 {
		errs, err := json.Marshal(resp.Errors)
		if err != nil {
			return nil, fmt.Errorf("encode errors: %w", err)
		}
		member(`"errors":`, errs)
	}
	if len(resp.Data) > 0 {
		member(`"data":`, resp.Data)
	}
	if len(resp.Extensions) > 0 {
		extensions, err := json.Marshal(resp.Extensions)
		if err != nil {
			return nil, fmt.Errorf("encode extensions: %w", err)
		}
		member(`"extensions":`, extensions)
	}
	return append(b, '}'), nil
}

// failed is the answer when there is none: the request ended first, or what there is cannot be encoded.
func failed() *graphql.Response {
	return &graphql.Response{Errors: gqlerror.List{requestError(fault.Internal, "the request could not be answered")}}
}

// write answers a well-formed request. Whether it was executed is told by data, which then is there, if only as null.
func write(w http.ResponseWriter, media string, resp *graphql.Response) {
	if resp == nil || (len(resp.Data) == 0 && len(resp.Errors) == 0) {
		resp = failed()
	}
	status := http.StatusOK
	if len(resp.Data) == 0 {
		// A copy: the one who refused may use the same response for everybody.
		resp = &graphql.Response{Errors: RequestErrors(resp.Errors), Extensions: resp.Extensions}
		if media == mediaGraphQL {
			status = cmp.Or(statusFor(codeOf(resp.Errors[0])), http.StatusInternalServerError)
			setHeaders(w.Header(), status, resp.Errors[0])
		}
	}
	writeBody(w, status, resp)
}

func (r *refusal) write(w http.ResponseWriter) {
	if r.name != "" {
		w.Header().Set(r.name, r.value)
	}
	writeBody(w, r.status, &graphql.Response{Errors: gqlerror.List{requestError(r.code, r.message)}})
}

func writeBody(w http.ResponseWriter, status int, resp *graphql.Response) {
	// Data is nearly all of an answer; what errors need on top is found out by append.
	body, err := AppendResponse(make([]byte, 0, len(resp.Data)+len(`{"data":}`)), resp)
	if err != nil {
		status = http.StatusInternalServerError
		body, _ = AppendResponse(nil, failed()) // strings always encode
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // it is JSON and says so, nosniff; a client that is gone is not told
}
