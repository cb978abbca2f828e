package transport

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/fault"
)

// retryAfterMs is when a client may come back that was told that there is too much.
const retryAfterMs = 1000

// operation is one subscribe and what comes of it.
type operation struct {
	socket *socket
	id     string
	quoted []byte             // id, as JSON
	ctx    context.Context    //nolint:containedctx // of all its events
	cancel context.CancelFunc // of ctx

	// These are set before there is a stream and then only used by pump.
	oc    *graphql.OperationContext
	field *ast.Field

	// These are under the socket's lock.
	over   bool   // nothing more is sent
	stream Stream // until pump has closed it

	news *news // under the socket's turns

	queued bool        // under the queue's lock
	due    atomic.Bool // it is in the list of the senders, or about to be
	next   *operation  // of that list, under its lock
}

// news is what was taken from the stream of an operation and not yet sent.
type news struct {
	Event
	ok, done bool
	errs     gqlerror.List
	payload  *payload // that it waits for, or has waited for

	// own is what came of the execution of payload for this operation, when nobody else may have it: once that is made.
	own *answer
}

// answer is an encoded response, or the errors from before its execution.
type answer struct {
	payload []byte
	errs    gqlerror.List
}

// subscribe starts an operation. It parses and validates the query before the next message is read, so that a socket does
// no more than one of these at a time, and leaves the execution for later.
func (c *socket) subscribe(m *message) (rest func(), end *closure) {
	// What the client has completed may still run, or wait for pump to close it. Who waits for answers does not wait here.
	select {
	case c.slots <- struct{}{}:
	case <-c.ended.Done():
		return nil, nil
	}
	op, end := c.start(m)
	if op == nil {
		<-c.slots
		return nil, end
	}
	errs := c.prepare(op, m)
	return func() { c.run(op, errs) }, nil
}

// start makes room for an operation; nil when it may not be.
func (c *socket) start(m *message) (*operation, *closure) {
	quoted, _ := json.Marshal(m.id) // strings always encode
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.acknowledged:
		return nil, &closure{codeUnauthorized, "Unauthorized"}
	case c.ops[m.id] != nil:
		const before, after = "Subscriber for ", " already exists"
		return nil, &closure{codeDuplicate, before + shortened(m.id, maxReason-len(before)-len(after)) + after}
	case c.draining:
		c.write(typeError, quoted, encodeErrors(later(fault.Overloaded, shuttingDown)))
		return nil, nil
	case len(c.ops) >= MaxOperations:
		errs := later(fault.RateLimited, "a socket may have 50 operations at once")
		c.write(typeError, quoted, encodeErrors(errs))
		return nil, nil
	}
	op := &operation{socket: c, id: m.id, quoted: quoted}
	op.ctx, op.cancel = context.WithCancel(c.session.Context)
	c.ops[op.id] = op
	return op, nil
}

// later refuses what may be asked again.
func later(code fault.Code, message string) gqlerror.List {
	err := requestError(code, message)
	err.Extensions["retryAfterMs"] = retryAfterMs
	return gqlerror.List{err}
}

// complete stops an operation for the client: nothing more is sent of it, and its id is free. A mutation goes on.
func (c *socket) complete(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	op := c.ops[id]
	if op == nil {
		return // it has crossed our own complete, or error
	}
	op.over = true
	delete(c.ops, id)
	op.cancel()
	if op.stream != nil {
		c.queue.add(op) // pump closes it
	}
}

// run is an operation until it is answered, or until its stream is open.
func (c *socket) run(op *operation, errs gqlerror.List) {
	if errs != nil {
		c.fail(op, errs)
		c.release(op)
		return
	}
	switch op.oc.Operation.Operation {
	case ast.Subscription:
		c.open(op)
	case ast.Mutation:
		if c.beginMutation(op) {
			// Neither complete nor the end of the socket undoes a mutation half-way.
			c.answerOnce(context.WithoutCancel(op.ctx), op)
			c.release(op)
			c.endMutation()
		} else {
			c.release(op)
		}
	case ast.Query:
		c.answerOnce(op.ctx, op)
		c.release(op)
	}
}

// release lets a new operation take the place of op.
func (c *socket) release(op *operation) {
	op.cancel()
	<-c.slots
}

func (c *socket) beginMutation(op *operation) bool {
	c.mu.Lock()
	draining := c.draining
	if !draining {
		c.mutations++
	}
	c.mu.Unlock()
	if draining {
		c.fail(op, later(fault.Overloaded, shuttingDown))
	}
	return !draining
}

func (c *socket) endMutation() {
	c.mu.Lock()
	c.mutations--
	drained := c.draining && c.mutations == 0
	c.mu.Unlock()
	if drained {
		c.drain()
	}
}

// prepare parses and validates; it returns why the operation cannot be executed.
func (c *socket) prepare(op *operation, m *message) (errs gqlerror.List) {
	if m.refused == nil {
		m.refused = m.request.resolve(c.t.Documents)
	}
	if m.refused != nil {
		return gqlerror.List{requestError(m.refused.code, m.refused.message)}
	}
	params := &m.request.RawParams
	ctx, cancel := c.limited(graphql.StartOperationTrace(op.ctx))
	defer cancel()
	defer c.rescue(ctx, &errs)
	now := graphql.Now()
	params.ReadTime = graphql.TraceTiming{Start: now, End: now}
	oc, errs := c.exec.CreateOperationContext(ctx, params)
	op.oc = oc
	if len(errs) > 0 {
		return c.shown(c.exec.DispatchError(graphql.WithOperationContext(ctx, oc), RequestErrors(errs)))
	}
	// The document, which all its operations share, has the same text.
	if position := oc.Operation.Position; position != nil && position.Src != nil && position.Src.Input == oc.RawQuery {
		oc.RawQuery = position.Src.Input
	}
	if oc.Operation.Operation == ast.Subscription {
		return c.prepareStream(op)
	}
	return nil
}

// prepareStream finds the one root field of a subscription. gqlgen itself panics for __typename, and directives can
// leave no field at all.
func (c *socket) prepareStream(op *operation) gqlerror.List {
	fields := graphql.CollectFields(op.oc, op.oc.Operation.SelectionSet, []string{"Subscription"})
	if len(fields) != 1 || strings.HasPrefix(fields[0].Name, "__") {
		return gqlerror.List{requestError(fault.BadRequest, "a subscription must have one root field")}
	}
	op.field = fields[0].Field
	return nil
}

// open starts the stream of a subscription, for pump to read.
func (c *socket) open(op *operation) {
	stream, errs := c.openStream(op)
	if errs != nil {
		c.fail(op, errs)
		c.release(op)
		return
	}
	c.mu.Lock()
	unwanted := op.over || c.left
	if !unwanted {
		op.stream = stream
		c.t.senders.add(op)
	}
	c.mu.Unlock()
	if unwanted {
		c.closeStream(stream)
		c.release(op)
	}
}

func (c *socket) openStream(op *operation) (stream Stream, errs gqlerror.List) {
	defer c.rescue(op.ctx, &errs)
	ctx := graphql.WithOperationContext(op.ctx, op.oc)
	stream, err := c.t.Streams.Open(ctx, op.oc, func() { c.t.senders.add(op) })
	if err != nil {
		return nil, c.present(op, err)
	}
	return stream, nil
}

// next sends a result, and that it was the last.
func (c *socket) next(op *operation, payload []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op.over {
		return
	}
	c.write(typeNext, op.quoted, payload)
	if last {
		c.finish(op)
		c.write(typeComplete, op.quoted, nil)
	}
}

// fail ends op with an error message.
func (c *socket) fail(op *operation, errs gqlerror.List) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op.over {
		return
	}
	c.finish(op)
	c.write(typeError, op.quoted, encodeErrors(errs))
}

// finish is called with the lock. Before the client can know that op is over, its id is free.
func (c *socket) finish(op *operation) {
	op.over = true
	delete(c.ops, op.id)
}
