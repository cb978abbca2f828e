package graph

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/graph/loader"
	"holdfast/internal/identity"
)

type (
	askerKey   struct{}
	requestKey struct{}
	scopeKey   struct{}
)

type asker struct {
	who     identity.Principal
	refused error
	socket  bool // let in a while ago: roles may have changed since
}

// WithPrincipal says who sends the request; the zero Principal is nobody. refused is why the request's token was not
// accepted: then every root field answers with it, but for those that give a new token.
func WithPrincipal(ctx context.Context, who identity.Principal, refused error) context.Context {
	return context.WithValue(ctx, askerKey{}, asker{who: who, refused: refused})
}

// WithSocket says who speaks on a socket. Each operation looks at the roles of staff again.
func WithSocket(ctx context.Context, who identity.Principal) context.Context {
	return context.WithValue(ctx, askerKey{}, asker{who: who, socket: true})
}

// aroundOperation renews who speaks on a socket.
func (r *Resolver) aroundOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if a, ok := ctx.Value(askerKey{}).(asker); ok && a.socket {
		who, refused := r.Identity.Renew(ctx, a.who)
		ctx = WithPrincipal(ctx, who, refused)
	}
	return next(ctx)
}

// WithRequestID names the request, in the log and in the errors that are faults of ours.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// scope is what the fields below have in common: who sees them, and what was loaded. A query has one. Each mutation has
// one of its own, or it would see what an earlier one in the same request had loaded before the change.
type scope struct {
	who     identity.Principal
	loaders func() *loader.Loaders // made when they are first needed: many an answer needs none
}

func (r *Resolver) newScope(who identity.Principal) scope {
	return scope{who, sync.OnceValue(func() *loader.Loaders { return loader.New(r.sources(r.wait), who) })}
}

func (r *Resolver) withScope(ctx context.Context) context.Context {
	a, _ := ctx.Value(askerKey{}).(asker)
	s := r.newScope(a.who)
	return context.WithValue(ctx, scopeKey{}, &s)
}

// in is the scope that ctx is in; without one nobody asks, and nothing can be loaded.
func in(ctx context.Context) *scope {
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return s
	}
	return &scope{loaders: func() *loader.Loaders { return nil }}
}

// loaders are those of the scope.
func loaders(ctx context.Context) *loader.Loaders { return in(ctx).loaders() }

// become makes the fields below those of who: a session that was just created shows its own viewer.
func (r *Resolver) become(ctx context.Context, who identity.Principal) { *in(ctx) = r.newScope(who) }
