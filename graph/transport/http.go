// Package transport speaks the network's side of GraphQL: it turns requests into operations for gqlgen's executor and
// what comes back into answers. It decides nothing about the API itself.
package transport

import (
	"context"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/failpoint"
	"holdfast/internal/fault"
)

// HTTP serves queries and mutations by POST, and queries by GET, as the GraphQL-over-HTTP specification asks. It takes
// whatever no other transport took, so it is added last. There is no form or multipart body and no CORS: a page of
// another origin can send nothing that changes anything.
type HTTP struct {
	// Documents are those that requests may name.
	Documents Documents
	// Shared, if set, executes once what many ask for at the same time.
	Shared *Shared
}

var _ graphql.Transport = HTTP{}

// Supports is always true: what is no GraphQL request gets its refusal here.
func (HTTP) Supports(*http.Request) bool { return true }

// Do answers one request.
func (t HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	start := graphql.Now()
	media, acceptable := negotiate(r.Header.Values("Accept"))
	// Set before anything runs, so that they also hold when gqlgen answers a panic.
	header := w.Header()
	header.Set("Content-Type", media+"; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")

	request, refused := read(w, r, acceptable)
	if refused == nil {
		refused = request.resolve(t.Documents)
	}
	if refused != nil {
		refused.write(w)
		return
	}
	params := &request.RawParams
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	resp, refused := t.execute(r.Context(), r.Method, exec, params)
	if refused != nil {
		refused.write(w)
		return
	}
	failpoint.Reach(failpoint.Answer, params.Query)
	write(w, media, resp)
}

// read gets the operation out of the request. Refusals come in the order in which they cost least.
func read(w http.ResponseWriter, r *http.Request, acceptable bool) (*envelope, *refusal) {
	switch {
	case r.Method != http.MethodPost && r.Method != http.MethodGet && r.Method != http.MethodHead:
		return nil, notAllowed("GET, POST", "only GET and POST are served here")
	case !acceptable:
		return nil, refuse(http.StatusNotAcceptable, "answers are "+mediaGraphQL+" or "+mediaJSON)
	case r.Method == http.MethodPost:
		return readPost(w, r)
	default:
		return readGet(r)
	}
}

// execute runs the operation, unless method may not. The answer is nil when the request ended before it was there.
func (t HTTP) execute(
	ctx context.Context, method string, exec graphql.GraphExecutor, params *graphql.RawParams,
) (*graphql.Response, *refusal) {
	opCtx, errs := exec.CreateOperationContext(ctx, params)
	if op := opCtx.Operation; op != nil {
		switch {
		case op.Operation == ast.Mutation && method != http.MethodPost:
			return nil, notAllowed("POST", "mutations are sent by POST")
		case op.Operation == ast.Subscription:
			errs = gqlerror.List{requestError(fault.BadRequest, "subscriptions are served over WebSocket")}
		}
	}
	if len(errs) > 0 {
		return exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), RequestErrors(errs)), nil
	}
	return t.Shared.do(ctx, opCtx, func(ctx context.Context) *graphql.Response {
		next, ctx := exec.DispatchOperation(ctx, opCtx)
		return next(ctx)
	}), nil
}
