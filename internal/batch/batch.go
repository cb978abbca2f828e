// Package batch gathers what is asked for at the same time, so that it is done together: in one transaction, or by one read.
package batch

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"holdfast/internal/fault"
)

// Queue does requests together that arrive while earlier ones are being done: nothing waits for a timer, and one alone is done at
// once. They keep the order in which they arrived. When more wait than a batch takes, lanes take turns, so that a long one delays the
// others by its share of a batch alone. It is safe for concurrent use.
type Queue[Lane comparable, In, Out any] struct {
	set Settings[Lane, In, Out]

	mu      sync.Mutex
	waiting map[Lane][]*call[In, Out]
	turns   []Lane // whose requests wait, in the order of their turns
	arrived uint64 // so many so far
	working bool
}

// Settings are what a Queue does, and how much of it at once.
type Settings[Lane comparable, In, Out any] struct {
	// Run does requests together and gives each its result. When it fails nothing has happened, or doing it again changes nothing: it
	// is called again with a part of them.
	Run func(ctx context.Context, in []In) ([]Out, error)
	// Lane is whose turn a request takes.
	Lane func(In) Lane
	// Blames tells whether an error may be the fault of one of the requests. They are done in halves then, so that it fails alone.
	Blames func(error) bool
	// Batch is how many are done together at most, Waiting how many may wait in a lane.
	Batch, Waiting int
}

// New is a Queue with nothing in it.
func New[Lane comparable, In, Out any](s Settings[Lane, In, Out]) *Queue[Lane, In, Out] {
	return &Queue[Lane, In, Out]{set: s, waiting: make(map[Lane][]*call[In, Out])}
}

// call is one request until it is done.
type call[In, Out any] struct {
	ctx  context.Context //nolint:containedctx // what the caller's request carries with it
	in   In
	nth  uint64 // to arrive
	out  Out
	err  error
	done chan struct{}
}

// Do has a request done and returns its result. A caller whose ctx ends waits no longer; the request is done all the same. It
// fails with OVERLOADED, at once and with nothing done, when too many wait in its lane.
func (q *Queue[Lane, In, Out]) Do(ctx context.Context, in In) (Out, error) {
	var zero Out
	c := &call[In, Out]{ctx: ctx, in: in, done: make(chan struct{})}
	if !q.add(c) {
		return zero, fault.New(fault.Overloaded, "too many want the same at the moment; try again").After(time.Second)
	}
	select {
	case <-c.done:
		return c.out, c.err
	case <-ctx.Done():
		return zero, fmt.Errorf("wait for a batch: %w", ctx.Err())
	}
}

// Waiting is how many requests nobody has begun with.
func (q *Queue[Lane, In, Out]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, calls := range q.waiting {
		n += len(calls)
	}
	return n
}

// add puts a request into its lane, and sees to it that somebody works.
func (q *Queue[Lane, In, Out]) add(c *call[In, Out]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	lane := q.set.Lane(c.in)
	before := q.waiting[lane]
	if len(before) >= q.set.Waiting {
		return false
	}
	if len(before) == 0 {
		q.turns = append(q.turns, lane)
	}
	q.arrived++
	c.nth = q.arrived
	q.waiting[lane] = append(before, c)
	if !q.working {
		q.working = true
		go q.work()
	}
	return true
}

// work does what waits, batch after batch, until nothing does.
func (q *Queue[Lane, In, Out]) work() {
	for {
		calls := q.next()
		if calls == nil {
			return
		}
		q.do(calls)
	}
}

// next takes the next batch, one request of each lane after the other, in the order in which they arrived.
func (q *Queue[Lane, In, Out]) next() []*call[In, Out] {
	q.mu.Lock()
	defer q.mu.Unlock()
	var calls []*call[In, Out]
	for len(q.turns) > 0 && len(calls) < q.set.Batch {
		lane := q.turns[0]
		of := q.waiting[lane]
		calls = append(calls, of[0])
		q.turns = q.turns[1:]
		if len(of) == 1 {
			delete(q.waiting, lane)
			continue
		}
		q.waiting[lane] = of[1:]
		q.turns = append(q.turns, lane)
	}
	q.working = calls != nil
	slices.SortFunc(calls, func(a, b *call[In, Out]) int { return cmp.Compare(a.nth, b.nth) })
	return calls
}

// do does a batch, or, when it fails through the fault of one, each half of it.
func (q *Queue[Lane, In, Out]) do(calls []*call[In, Out]) {
	out, err := q.run(calls)
	if err != nil && len(calls) > 1 && q.set.Blames(err) {
		q.do(calls[:len(calls)/2])
		q.do(calls[len(calls)/2:])
		return
	}
	for i, c := range calls {
		if c.err = err; err == nil {
			c.out = out[i]
		}
		close(c.done)
	}
}

// run runs a batch for callers who may go away meanwhile. A panic is an error: it is nobody's but the request's that brings it.
func (q *Queue[Lane, In, Out]) run(calls []*call[In, Out]) (out []Out, err error) {
	in := make([]In, len(calls))
	for i, c := range calls {
		in[i] = c.in
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a batch: %v\n%s", p, debug.Stack())
		}
	}()
	return q.set.Run(context.WithoutCancel(calls[0].ctx), in)
}
