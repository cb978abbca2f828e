package transport

import (
	"context"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// Shared executes once what many ask for at the same time. An execution is shared by those alone who were there before it began, so
// that nobody gets anything older than what would have been read for them. It is safe for concurrent use.
type Shared struct {
	// Key is the same for operations that have the same answer, whoever sends them; ok is false for all others.
	Key func(ctx context.Context, oc *graphql.OperationContext) (key string, ok bool)

	mu   sync.Mutex
	runs map[string]*runs
}

// runs are the execution of one key that is under way, and the next, for which some wait.
type runs struct{ now, next *execution }

type execution struct {
	done chan struct{}
	resp *graphql.Response // nil when it panicked
}

// sharedTimeout bounds an execution that no longer depends on the patience of who began it.
const sharedTimeout = 20 * time.Second

// do is run, by this caller or by another one for both. Nobody changes what it returns.
func (s *Shared) do(ctx context.Context, oc *graphql.OperationContext, run func(context.Context) *graphql.Response) *graphql.Response {
	if s == nil {
		return run(ctx)
	}
	key, ok := s.Key(ctx, oc)
	if !ok {
		return run(ctx)
	}
	e, before, first := s.join(key)
	if before != nil && first {
		<-before.done // it ends: its time is bounded
	}
	if !first {
		select {
		case <-e.done:
			return e.resp
		case <-ctx.Done():
			return nil
		}
	}
	defer s.end(key, e) // also when it panics
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedTimeout)
	defer cancel()
	e.resp = run(ctx)
	return e.resp
}

// join finds the execution that this caller may share, and the one that it comes after. The first to join runs it.
func (s *Shared) join(key string) (e, before *execution, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = make(map[string]*runs)
	}
	l, ok := s.runs[key]
	if !ok {
		l = &runs{now: &execution{done: make(chan struct{})}}
		s.runs[key] = l
		return l.now, nil, true
	}
	if first = l.next == nil; first {
		l.next = &execution{done: make(chan struct{})}
	}
	return l.next, l.now, first
}

// end lets the next one begin.
func (s *Shared) end(key string, e *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.runs[key]; l.next != nil {
		l.now, l.next = l.next, nil
	} else {
		delete(s.runs, key)
	}
	close(e.done)
}
