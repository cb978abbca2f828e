package transport

import (
	"bytes"
	"context"
	"runtime"
	"sync"
)

// senders tell sockets what is new, one after the other: to wake a goroutine for each of thousands costs as much as to
// write to it. They wait for nobody. What would have to wait is left to the pump of the socket, so that a slow reader, a
// slow database or a slow resolver delays nobody else.
type senders struct {
	mu          sync.Mutex
	first, last *operation // of a list, by next
	running     int        // goroutines
	most        int        // of them
}

// outcome is what became of an attempt.
type outcome int

const (
	nothingMore outcome = iota
	more                // at once, when it is its turn again
	begun               // an execution, which many will wait for
	mustWait            // pump goes on with it
)

// add has op tell soon what is new. It never blocks for long, and may be called by anybody at any time.
func (s *senders) add(op *operation) {
	if op.due.Swap(true) {
		return
	}
	s.mu.Lock()
	if s.first == nil {
		s.first = op
	} else {
		s.last.next = op
	}
	s.last = op
	if s.running == 0 {
		s.most = runtime.GOMAXPROCS(0)
	}
	start := s.running < s.most
	if start {
		s.running++
	}
	s.mu.Unlock()
	if start {
		go s.run()
	}
}

// take returns the operation that has waited longest. Without one it returns nil, and the caller ends.
func (s *senders) take() *operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := s.first
	if op == nil {
		s.running--
		return nil
	}
	s.first, op.next = op.next, nil
	return op
}

func (s *senders) run() {
	var frame bytes.Buffer // copied into for each socket, whose ids differ: that is nothing beside the write
	for op := s.take(); op != nil; op = s.take() {
		op.due.Store(false) // what is new from now on may have been missed
		switch op.socket.attempt(op, &frame) {
		case more:
			s.add(op)
		case mustWait:
			op.socket.queue.add(op)
		case begun:
			runtime.Gosched() // it is first, or a thousand come and go again until it is done
		case nothingMore:
		}
	}
}

// attempt sends the next event of op, if it has one and nothing has to be waited for.
func (c *socket) attempt(op *operation, frame *bytes.Buffer) (became outcome) {
	if !c.turns.TryLock() {
		return mustWait // pump is at it
	}
	defer c.turns.Unlock()
	if !c.mu.TryLock() {
		return mustWait // perhaps for a reader that is stuck
	}
	defer c.mu.Unlock()
	defer func() {
		if recover() != nil {
			became = mustWait // pump comes to the same, and knows what to answer
		}
	}()
	switch stream := op.stream; {
	case stream == nil:
		return nothingMore // it is opening, and comes again; or it is closed
	case op.over || c.ended.Err() != nil:
		return mustWait
	case op.news == nil && !isPrompt(stream):
		return mustWait
	case !c.look(op, stream):
		return nothingMore
	case op.news.errs != nil || op.news.done:
		return mustWait
	}
	text, became := c.shared(op)
	if text == nil {
		return became
	}
	frame.Reset()
	writeFrame(frame, typeNext, op.quoted, text)
	taken, rest := c.line.offer(frame.Bytes())
	if taken {
		op.news = nil
	}
	switch {
	case !taken || rest:
		return mustWait
	case isPrompt(op.stream) && !c.look(op, op.stream):
		return nothingMore
	}
	return more
}

func isPrompt(stream Stream) bool {
	p, ok := stream.(Prompt)
	return ok && p.IsPrompt()
}

// look takes what is new, unless that has been done already, and tells whether there is anything.
func (c *socket) look(op *operation, stream Stream) bool {
	if op.news == nil {
		if ev, ok, done, errs := c.takeEvent(op, stream); ok || done || errs != nil {
			op.news = &news{Event: ev, ok: ok, done: done, errs: errs}
		}
	}
	return op.news != nil
}

// shared is the payload of op's news, which is executed for the first who asks, in a goroutine of its own. The others come
// again when it is there. Without it, what became of op is told.
func (c *socket) shared(op *operation) (text []byte, became outcome) {
	n := op.news
	switch {
	case n.Share == nil:
		return nil, mustWait
	case n.payload != nil && isClosed(n.payload.made):
		return n.payload.text, mustWait // it has come again; a text that cannot be shared is made by each pump
	case n.payload != nil:
		return nil, nothingMore // it was told of something newer still
	}
	entry, mine, ready := c.t.payloads.entry(n.Share, op)
	if ready {
		return entry.text, mustWait
	}
	n.payload = entry
	if !mine {
		return nil, nothingMore
	}
	c.work.Go(func() {
		c.t.payloads.fill(entry, func() []byte {
			payload, errs := c.execute(context.WithoutCancel(op.ctx), op, n.Context)
			text := shareable(payload, errs)
			if text == nil {
				n.own = &answer{payload, errs}
			}
			return text
		})
	})
	return nil, begun
}
