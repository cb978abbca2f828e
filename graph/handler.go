package graph

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/text/language"

	"holdfast/graph/documents"
	"holdfast/graph/generated"
	"holdfast/graph/guard"
	"holdfast/graph/loader"
	"holdfast/graph/scalar"
	"holdfast/graph/transport"
)

const (
	// cachedQueries is how many parsed queries are kept. One takes up to a megabyte, so this bounds what others can make us keep.
	cachedQueries = 128
	defaultWait   = time.Millisecond
)

// Options are what may be chosen. The zero Options are fit to serve.
type Options struct {
	// HideSchema refuses introspection.
	HideSchema bool
	// Wait is how long loaders gather keys; a millisecond unless set. Tests that count statements take longer.
	Wait time.Duration
	// WebSocket, if set, serves sockets at the same address. Its Streams are set here.
	WebSocket *transport.WebSocket
	// Documents, if set, are those that requests may name by documentId or by the hash of their text.
	Documents *documents.Registry
	// TrustedOnly refuses every other document, introspection too. Without Documents nothing runs then.
	TrustedOnly bool
	// Observer, if set, is told what becomes of operations.
	Observer Observer
}

// Handler serves GraphQL. WithPrincipal and WithRequestID are for whoever calls it.
type Handler struct {
	server  *handler.Server
	matcher language.Matcher
}

// NewHandler makes the Handler of the whole API.
func NewHandler(deps Deps, opts Options) *Handler {
	if opts.Wait == 0 {
		opts.Wait = defaultWait
	}
	resolver := &Resolver{Deps: deps, access: newAccess(), wait: opts.Wait}
	resolver.access.hideSchema = opts.HideSchema
	schema := generated.NewExecutableSchema(generated.Config{Resolvers: resolver})
	server := handler.New(schema)
	named := transport.Documents{Only: opts.TrustedOnly}
	if opts.Documents != nil {
		named.Find = opts.Documents.Find
	}
	if opts.WebSocket != nil {
		opts.WebSocket.Documents = named
		opts.WebSocket.Streams = streams{resolver}
		if opts.Observer != nil {
			opts.WebSocket.Streams = observedStreams{streams{resolver}, observed{opts.Observer}}
		}
		server.AddTransport(admitting{opts.WebSocket})
	}
	server.AddTransport(admitting{transport.HTTP{Documents: named, Shared: &transport.Shared{Key: sharing(schema.Schema())}}})
	server.SetQueryCache(parsed{lru.New[*ast.QueryDocument](cachedQueries), schema.Schema()})
	server.SetParserTokenLimit(guard.MaxTokens)
	server.SetValidationRulesFn(transport.Rules)
	server.SetDisableSuggestion(true)
	server.SetErrorPresenter(presenter{deps.Log}.present)
	server.SetRecoverFunc(recovered)
	if !opts.HideSchema {
		server.Use(extension.Introspection{})
	}
	server.Use(&scalar.Variables{})
	server.Use(&guard.Cost{})
	server.Use(&loader.Levels{})
	if opts.Observer != nil {
		server.AroundResponses(observed{opts.Observer}.aroundResponse)
		server.AroundRootFields(observed{opts.Observer}.aroundRootField)
	}
	server.AroundOperations(resolver.aroundOperation)
	server.AroundResponses(resolver.aroundResponse)
	server.AroundRootFields(resolver.aroundRootField)
	return &Handler{server: server, matcher: newMatcher()}
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := withLanguage(r.Context(), h.matcher, r.Header.Get("Accept-Language"))
	h.server.ServeHTTP(w, r.WithContext(ctx))
}

// aroundResponse gives each response, and so each event of a subscription, loaders of its own.
func (r *Resolver) aroundResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	return next(r.withScope(withNotes(ctx)))
}

// aroundRootField refuses what one may not ask for.
func (r *Resolver) aroundRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	object, field := graphql.GetFieldContext(ctx).Object, graphql.GetRootFieldContext(ctx).Field
	if err := r.access.root(ctx, object+"."+field.Name); err != nil {
		refusal := gqlerror.WrapPath(ast.Path{ast.PathName(field.Alias)}, err)
		refusal.Locations = []gqlerror.Location{{Line: field.Position.Line, Column: field.Position.Column}}
		graphql.AddError(ctx, refusal)
		return graphql.Null
	}
	if object == "Mutation" {
		ctx = r.withScope(ctx)
	}
	return next(ctx)
}

// SDL is the schema as text.
func SDL() string {
	var text strings.Builder
	formatter.NewFormatter(&text).FormatSchema(Schema())
	return text.String()
}

// Schema is the schema.
func Schema() *ast.Schema {
	return generated.NewExecutableSchema(generated.Config{}).Schema()
}
