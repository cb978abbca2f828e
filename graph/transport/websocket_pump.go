package transport

import (
	"sync"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// queue holds the operations of a socket that may have something new.
type queue struct {
	mu     sync.Mutex
	ops    []*operation
	signal chan struct{} // of one place
}

// add never blocks for long: its callers have other sockets to tell.
func (q *queue) add(op *operation) {
	q.mu.Lock()
	if !op.queued {
		op.queued = true
		q.ops = append(q.ops, op)
	}
	q.mu.Unlock()
	select {
	case q.signal <- struct{}{}:
	default: // it is on its way
	}
}

// take returns the operation that has waited longest; nil when none waits. It keeps no room that is not used.
func (q *queue) take() *operation {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ops) == 0 {
		return nil
	}
	op := q.ops[0]
	op.queued = false
	q.ops[0] = nil
	if q.ops = q.ops[1:]; len(q.ops) == 0 {
		q.ops = nil
	}
	return op
}

// pump sends what the streams of a socket have and the senders could not, one event of each in turn. It alone calls Close.
func (c *socket) pump(revoked <-chan struct{}) {
	defer c.closeStreams()
	for {
		select {
		case <-c.ended.Done():
			return
		case <-revoked:
			c.close(codeForbidden, "Session ended")
			return
		case <-c.queue.signal:
		}
		for op := c.queue.take(); op != nil; op = c.queue.take() {
			c.turns.Lock()
			c.turn(op)
			c.turns.Unlock()
			if c.ended.Err() != nil || isClosed(revoked) {
				break
			}
		}
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// turn sends the next event of op, if it has one.
func (c *socket) turn(op *operation) {
	c.mu.Lock()
	stream, over := op.stream, op.over
	c.mu.Unlock()
	if err := c.line.flush(); err != nil && c.ended.Err() == nil {
		c.cut()
	}
	if stream == nil {
		return // it is opening, and comes again; or it is closed
	}
	if over {
		c.discard(op)
		return
	}
	if !c.look(op, stream) {
		return
	}
	n := op.news
	op.news = nil
	var payload []byte
	errs, done := n.errs, n.done
	if n.ok && errs == nil {
		payload, errs = c.payload(op, n)
	}
	switch {
	case errs != nil:
		c.fail(op, errs)
		c.discard(op)
		return
	case n.ok:
		c.next(op, payload, done)
	case done:
		c.end(op)
	}
	if done {
		c.discard(op)
	} else {
		c.queue.add(op) // there may be more; others come first
	}
}

func (c *socket) takeEvent(op *operation, stream Stream) (ev Event, ok, done bool, errs gqlerror.List) {
	defer c.rescue(op.ctx, &errs)
	ev, ok, done, err := stream.Take(op.ctx)
	if err != nil {
		return Event{}, false, true, c.present(op, err)
	}
	return ev, ok, done, nil
}

// end completes op without another event.
func (c *socket) end(op *operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !op.over {
		c.finish(op)
		c.write(typeComplete, op.quoted, nil)
	}
}

// discard closes the stream of an operation that is over.
func (c *socket) discard(op *operation) {
	c.mu.Lock()
	stream := op.stream
	op.stream = nil
	c.mu.Unlock()
	if stream != nil {
		c.closeStream(stream)
		c.release(op)
	}
}

func (c *socket) closeStream(stream Stream) {
	var errs gqlerror.List // shown to nobody: the operation is over
	defer c.rescue(c.base, &errs)
	stream.Close()
}

// closeStreams is the end of pump.
func (c *socket) closeStreams() {
	c.turns.Lock()
	defer c.turns.Unlock()
	c.mu.Lock()
	c.left = true // what opens from now on closes itself
	ops := make([]*operation, 0, len(c.ops))
	for id, op := range c.ops {
		if op.over = true; op.stream != nil {
			ops = append(ops, op)
		}
		delete(c.ops, id)
		op.cancel()
	}
	c.mu.Unlock()
	for op := c.queue.take(); op != nil; op = c.queue.take() {
		ops = append(ops, op) // the client has completed it
	}
	for _, op := range ops {
		c.discard(op)
	}
}
