package graph

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/transport"
	"holdfast/internal/fault"
)

// OK is the code of what came out well.
const OK fault.Code = "OK"

// Observer is told what becomes of operations, over HTTP and WebSocket alike. Fields are named as in the schema, such as
// "Mutation.checkoutPlace", so that there are no more names than root fields. Codes are OK, a code of userErrors or one of
// top-level errors. Its methods must be quick and safe for concurrent use.
type Observer interface {
	// Begin is told that a root field is about to be resolved, or a subscription to be opened. It runs under inner; end is
	// called once, when everything below it is resolved.
	Begin(ctx context.Context, field string) (inner context.Context, end func(code fault.Code))
	// Failed is told of operations that were refused before they had a root field, "" then, and of events of subscriptions
	// that failed.
	Failed(ctx context.Context, field string, code fault.Code)
	// Subscribed is told of a subscription that is open; left is called once, when it no longer is.
	Subscribed(field string) (left func())
}

// observed tells an Observer.
type observed struct{ Observer }

type callKey struct{}

// call is a root field that is being resolved.
type call struct {
	mu      sync.Mutex
	refused fault.Code // the first code of its userErrors
}

// noteRefusal tells the observer, if there is one, how the payload that is being made refuses.
func noteRefusal(ctx context.Context, refusals []fault.Refusal) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok || len(refusals) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == "" {
		c.refused = refusals[0].Refused().Code
	}
}

// aroundRootField observes what is resolved. It is the outermost, so that it sees refusals.
func (o observed) aroundRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	object, field := graphql.GetFieldContext(ctx).Object, graphql.GetRootFieldContext(ctx).Field
	var seen call
	inner, end := o.Begin(ctx, object+"."+field.Name)
	code := fault.Internal
	defer func() { end(code) }()
	out := next(context.WithValue(inner, callKey{}, &seen))
	code = worst(graphql.GetErrors(ctx), field.Alias)
	if code == OK && seen.refused != "" {
		code = seen.refused
	}
	return out
}

// aroundResponse observes what no root field could tell. Errors of an operation that was not executed have no path.
func (o observed) aroundResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	resp := next(ctx)
	if resp == nil || len(resp.Errors) == 0 {
		return resp
	}
	switch {
	case len(resp.Data) > 0:
		if oc := graphql.GetOperationContext(ctx); oc.Operation != nil && oc.Operation.Operation == ast.Subscription {
			o.Failed(ctx, subscriptionOf(oc), worst(resp.Errors, ""))
		}
	case resp.Errors[0].Path == nil:
		o.Failed(ctx, "", worst(resp.Errors, ""))
	}
	return resp
}

// worst is the code of the errors below one root field, or of all for "": a fault of ours before any other, and OK for none.
func worst(errs gqlerror.List, alias string) fault.Code {
	code := OK
	for _, err := range errs {
		if alias != "" && len(err.Path) > 0 && err.Path[0] != ast.PathName(alias) {
			continue
		}
		known := ofGraphQL(err)
		if known == "" {
			known = fault.Internal
		}
		if code == OK || known == fault.Internal {
			code = known
		}
	}
	return code
}

// subscriptionOf is the root field of a subscription that is valid.
func subscriptionOf(oc *graphql.OperationContext) string {
	fields := graphql.CollectFields(oc, oc.Operation.SelectionSet, []string{"Subscription"})
	if len(fields) != 1 {
		return ""
	}
	return "Subscription." + fields[0].Name
}

// observedStreams observes subscriptions, for which gqlgen runs no root middleware.
type observedStreams struct {
	transport.Streams
	observed
}

// Open implements transport.Streams.
func (s observedStreams) Open(ctx context.Context, oc *graphql.OperationContext, notify func()) (transport.Stream, error) {
	field := subscriptionOf(oc)
	inner, end := s.Begin(ctx, field)
	code := fault.Internal
	defer func() { end(code) }()
	stream, err := s.Streams.Open(inner, oc, notify)
	if err != nil {
		code = requestCode(err)
		return nil, err
	}
	code = OK
	return &observedStream{stream, s.Subscribed(field)}, nil
}

// observedStream tells when it ends.
type observedStream struct {
	transport.Stream
	left func()
}

// Close implements transport.Stream.
func (s *observedStream) Close() {
	defer s.left()
	s.Stream.Close()
}
