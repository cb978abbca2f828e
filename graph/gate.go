package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/transport"
	"holdfast/internal/identity"
)

// Gate decides how much of what is asked for is done. Its refusals are RATE_LIMITED or OVERLOADED, and say when to come back. Its
// methods are safe for concurrent use.
type Gate interface {
	// Arrive is told of each operation on a socket before it is parsed. Over HTTP whoever calls the Handler counts requests.
	Arrive(ctx context.Context, who identity.Principal) error
	// Admit is told of each valid operation before any of it runs.
	Admit(ctx context.Context, who identity.Principal, ask Ask) error
	// Enter waits for room to run a query, a mutation, or the opening of a subscription. Leave is called once, at its end.
	Enter(ctx context.Context, ask Ask) (leave func(), err error)
}

// Ask is how much an operation asks for: a field that is asked for twice, under two names, counts twice.
type Ask struct {
	// Mutations is how many root fields a mutation has; 0 for what only reads.
	Mutations int
	// LogIns is how many of them give a token.
	LogIns int
}

// Guard puts gate before everything that is executed. It is called once, before the first request; sockets is that of the
// Handler's Options, or nil.
func (h *Handler) Guard(gate Gate, sockets *transport.WebSocket) {
	h.server.Use(gated{gate})
	if sockets != nil {
		sockets.Streams = gatedStreams{sockets.Streams, gate}
	}
}

// gated asks a Gate.
type gated struct{ Gate }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationContextMutator
	graphql.ResponseInterceptor
} = gated{}

// ExtensionName implements graphql.HandlerExtension.
func (gated) ExtensionName() string { return "Gate" }

// Validate implements graphql.HandlerExtension.
func (gated) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters counts what a socket asks for, before it costs anything.
func (g gated) MutateOperationParameters(ctx context.Context, _ *graphql.RawParams) *gqlerror.Error {
	if a, ok := ctx.Value(askerKey{}).(asker); ok && a.socket {
		return refusedBy(g.Arrive(ctx, a.who))
	}
	return nil
}

// MutateOperationContext counts what a valid operation asks for, all of it before any of it runs.
func (g gated) MutateOperationContext(ctx context.Context, oc *graphql.OperationContext) *gqlerror.Error {
	a, _ := ctx.Value(askerKey{}).(asker)
	return refusedBy(g.Admit(ctx, a.who, askOf(oc)))
}

// InterceptResponse lets a query or a mutation run when there is room. Events of subscriptions do not wait: they are bounded
// by how many are open, and shared.
func (g gated) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	oc := graphql.GetOperationContext(ctx)
	if oc.Operation == nil || oc.Operation.Operation == ast.Subscription || len(graphql.GetErrors(ctx)) > 0 {
		return next(ctx) // nothing runs
	}
	leave, err := g.Enter(ctx, askOf(oc))
	if err != nil {
		graphql.AddError(ctx, err)
		return &graphql.Response{Errors: graphql.GetErrors(ctx)}
	}
	defer leave()
	return next(ctx)
}

func askOf(oc *graphql.OperationContext) Ask {
	var ask Ask
	if oc.Operation.Operation != ast.Mutation {
		return ask
	}
	for _, field := range graphql.CollectFields(oc, oc.Operation.SelectionSet, []string{"Mutation"}) {
		ask.Mutations++
		if givesToken("Mutation." + field.Name) {
			ask.LogIns++
		}
	}
	return ask
}

// refusedBy is a refusal as the executor takes it; the presenter finds the cause.
func refusedBy(err error) *gqlerror.Error {
	if err == nil {
		return nil
	}
	return &gqlerror.Error{Err: err, Message: err.Error()}
}

// gatedStreams opens a subscription when there is room.
type gatedStreams struct {
	transport.Streams
	gate Gate
}

// Open implements transport.Streams.
func (s gatedStreams) Open(ctx context.Context, oc *graphql.OperationContext, notify func()) (transport.Stream, error) {
	leave, err := s.gate.Enter(ctx, Ask{})
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.Streams.Open(ctx, oc, notify)
}
