package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// answerOnce executes a query or a mutation.
func (c *socket) answerOnce(ctx context.Context, op *operation) {
	payload, errs := c.execute(ctx, op, nil)
	if errs != nil {
		c.fail(op, errs)
		return
	}
	c.next(op, payload, true)
}

// execute makes one response, and encodes it. Errors are those from before the execution; what fails in it is in the
// payload.
func (c *socket) execute(
	ctx context.Context, op *operation, place func(context.Context) context.Context,
) (payload []byte, errs gqlerror.List) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	defer c.rescue(ctx, &errs)
	if place != nil {
		ctx = place(ctx)
	}
	next, ctx := c.exec.DispatchOperation(ctx, op.oc)
	resp := next(ctx)
	if resp == nil || len(resp.Data) == 0 {
		return nil, c.shown(resp)
	}
	payload, err := AppendResponse(make([]byte, 0, len(resp.Data)+len(`{"data":}`)), resp)
	if err != nil {
		return nil, failed().Errors
	}
	return payload, nil
}

// limited gives ctx the time that one execution may take.
func (c *socket) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, or(c.t.OperationTimeout, operationTimeout))
}

// shown are the errors of a response that has nothing else.
func (*socket) shown(resp *graphql.Response) gqlerror.List {
	if resp == nil || len(resp.Errors) == 0 {
		resp = failed()
	}
	return RequestErrors(resp.Errors)
}

// present shows an error of a stream as one of its root field.
func (c *socket) present(op *operation, err error) gqlerror.List {
	located := gqlerror.WrapPath(ast.Path{ast.PathName(op.field.Alias)}, err)
	if at := op.field.Position; at != nil {
		located.Locations = []gqlerror.Location{{Line: at.Line, Column: at.Column}}
	}
	return c.shown(c.exec.DispatchError(graphql.WithOperationContext(op.ctx, op.oc), RequestErrors(gqlerror.List{located})))
}

// rescue is deferred: a panic becomes the error that the API has for one, and nothing else of the socket notices.
func (c *socket) rescue(ctx context.Context, errs *gqlerror.List) {
	caught := recover()
	if caught == nil {
		return
	}
	if shown, ok := errors.AsType[*gqlerror.Error](c.recovered(ctx, caught)); ok {
		*errs = RequestErrors(gqlerror.List{shown})
	} else {
		*errs = failed().Errors
	}
}

// payload executes an event, or takes what another reader's execution of it has made. A response with errors is nobody
// else's: they may be of the moment, and name the request.
func (c *socket) payload(op *operation, ev *news) (payload []byte, errs gqlerror.List) {
	if ev.payload != nil && isClosed(ev.payload.made) && ev.own != nil {
		return ev.own.payload, ev.own.errs
	}
	if ev.Share == nil {
		return c.execute(op.ctx, op, ev.Context)
	}
	defer c.rescue(op.ctx, &errs) // a Share that is not comparable
	mine := false
	shared := c.t.payloads.get(op.ctx, ev.Share, func() []byte {
		mine = true
		// The others need it also when this one's reader leaves.
		payload, errs = c.execute(context.WithoutCancel(op.ctx), op, ev.Context)
		return shareable(payload, errs)
	})
	switch {
	case shared != nil:
		return shared, nil
	case mine:
		return payload, errs
	default:
		return c.execute(op.ctx, op, ev.Context)
	}
}

// shareable is a payload that others may get; nil for none.
func shareable(payload []byte, errs gqlerror.List) []byte {
	if errs != nil || hasErrors(payload) {
		return nil
	}
	return payload
}

// hasErrors tells by the first member, which AppendResponse makes the errors if there are any.
func hasErrors(payload []byte) bool {
	return bytes.HasPrefix(payload, []byte(`{"errors":`))
}

// recovered is the error that the API shows for a panic.
func (c *socket) recovered(ctx context.Context, caught any) error {
	if exec, ok := c.exec.(interface {
		PresentRecoveredError(ctx context.Context, caught any) error
	}); ok {
		return exec.PresentRecoveredError(ctx, caught)
	}
	return fmt.Errorf("panic: %v", caught)
}
