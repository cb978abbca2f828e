package graph

import (
	"context"
	"fmt"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/graph/guard"
	"holdfast/graph/transport"
)

// parsed is the executor's cache of documents. What it does not have it has parsed and validated by package guard, which
// looks before each step at what the next would cost: left to the executor, a hostile document does its harm there. So nothing
// is parsed before the executor's own extensions have let the request through.
type parsed struct {
	graphql.Cache[*ast.QueryDocument]

	schema *ast.Schema
}

type refusedKey struct{}

// Get implements graphql.Cache. A document that is refused becomes an empty one, and admission tells why.
func (p parsed) Get(ctx context.Context, query string) (*ast.QueryDocument, bool) {
	if doc, ok := p.Cache.Get(ctx, query); ok {
		return doc, true
	}
	refused, ok := ctx.Value(refusedKey{}).(*gqlerror.List)
	if !ok {
		return nil, false
	}
	doc, errs := guard.Parse(p.schema, query, transport.Rules())
	if errs != nil {
		*refused = errs
		return new(ast.QueryDocument), true
	}
	p.Add(ctx, query, doc)
	return doc, true
}

// admitting is a transport in front of the executor that admission makes of it.
type admitting struct{ graphql.Transport }

// Do implements graphql.Transport.
func (t admitting) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.Transport.Do(w, r, admission{exec})
}

// admission is an executor with documents from parsed.
type admission struct{ graphql.GraphExecutor }

// CreateOperationContext implements graphql.GraphExecutor.
func (a admission) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	var refused gqlerror.List
	oc, errs := a.GraphExecutor.CreateOperationContext(context.WithValue(ctx, refusedKey{}, &refused), params)
	if refused != nil {
		return oc, refused
	}
	return oc, errs
}

// PresentRecoveredError is what transports show for a panic.
func (a admission) PresentRecoveredError(ctx context.Context, caught any) error {
	if exec, ok := a.GraphExecutor.(interface {
		PresentRecoveredError(ctx context.Context, caught any) error
	}); ok {
		return exec.PresentRecoveredError(ctx, caught)
	}
	return fmt.Errorf("panic: %v", caught)
}
