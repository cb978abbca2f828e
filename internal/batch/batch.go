// Package batch gathers what is asked for at the same time, so that it is done together: in one transaction, or by one read.
package batch

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"holdfast/internal/limit"
)

// Queue does requests together that arrive while earlier ones are being done: nothing waits for a timer, and one alone is done at
// once. Requests of one lane are done in the order of their arrival. A crowd in one lane has its batches to itself, so that the
// others do not wait for it; those share theirs, and take turns. It is safe for concurrent use.
type Queue[Lane comparable, In, Out any] struct {
	set Settings[Lane, In, Out]

	mu      sync.Mutex
	lanes   map[Lane]*lane[In, Out] // those in which something waits or is being done
	turns   []Lane                  // where something waits and nothing is being done, in the order of their turns
	arrived uint64                  // so many so far
	working int                     // batches that are being done
	crowds  int                     // those of them that are of one crowd
}

type lane[In, Out any] struct {
	waiting []*call[In, Out]
	busy    bool
}

// Settings are what a Queue does, and how much of it at once.
type Settings[Lane comparable, In, Out any] struct {
	// Run does requests together and gives each its result. When it fails nothing has happened, or doing it again changes nothing: it
	// is called again with a part of them.
	Run func(ctx context.Context, in []In) ([]Out, error)
	// Lane is where a request waits.
	Lane func(In) Lane
	// Blames tells whether an error may be the fault of one of the requests. They are done in halves then, so that it fails alone.
	Blames func(error) bool
	// Batch is how many are done together at most, Waiting how many may wait in a lane.
	Batch, Waiting int
	// Workers is how many batches are done at once, of different lanes: 2 or more, one of them for those that are no crowd.
	Workers int
}

// New is a Queue with nothing in it.
func New[Lane comparable, In, Out any](s Settings[Lane, In, Out]) *Queue[Lane, In, Out] {
	return &Queue[Lane, In, Out]{set: s, lanes: make(map[Lane]*lane[In, Out])}
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

// Do has a request done and returns its result. A caller whose ctx ends waits no longer for others; the request is done all the same. It
// fails with OVERLOADED, at once and with nothing done, when too many wait in its lane.
func (q *Queue[Lane, In, Out]) Do(ctx context.Context, in In) (Out, error) {
	out, errs := q.DoAll(ctx, []In{in})
	return out[0], errs[0]
}

// DoAll is Do of many that arrive at once: each has a result or an error of its own.
func (q *Queue[Lane, In, Out]) DoAll(ctx context.Context, in []In) ([]Out, []error) {
	calls := make([]*call[In, Out], len(in))
	for i := range in {
		calls[i] = &call[In, Out]{ctx: ctx, in: in[i], done: make(chan struct{})}
	}
	if b := q.add(calls); b != nil { // a goroutine of its own would keep one that is alone waiting
		q.do(b.calls)
		if next := q.after(b); next != nil {
			go q.work(next)
		}
	}
	out, errs := make([]Out, len(in)), make([]error, len(in))
	for i, c := range calls {
		select {
		case <-c.done:
			out[i], errs[i] = c.out, c.err
		case <-ctx.Done():
			errs[i] = fmt.Errorf("wait for a batch: %w", ctx.Err())
		}
	}
	return out, errs
}

// Waiting is how many requests nobody has begun with.
func (q *Queue[Lane, In, Out]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, l := range q.lanes {
		n += len(l.waiting)
	}
	return n
}

// Working is how many batches are being done.
func (q *Queue[Lane, In, Out]) Working() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.working
}

// add puts requests into their lanes. It returns a batch that is for the caller to do, if there is one to be done now.
func (q *Queue[Lane, In, Out]) add(calls []*call[In, Out]) *batch[Lane, In, Out] {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range calls {
		name := q.set.Lane(c.in)
		l, ok := q.lanes[name]
		if !ok {
			l = &lane[In, Out]{}
			q.lanes[name] = l
		}
		if len(l.waiting) >= q.set.Waiting {
			c.err = limit.Crowded()
			close(c.done)
			continue
		}
		if len(l.waiting) == 0 && !l.busy {
			q.turns = append(q.turns, name)
		}
		q.arrived++
		c.nth = q.arrived
		l.waiting = append(l.waiting, c)
	}
	first := q.next()
	for b := q.next(); b != nil; b = q.next() {
		go q.work(b)
	}
	return first
}

// batch is what is done together: all of one crowd, or of lanes that share it.
type batch[Lane comparable, In, Out any] struct {
	calls []*call[In, Out]
	lanes []Lane
	crowd bool
}

// work does a batch, and the next, until there is none to be done.
func (q *Queue[Lane, In, Out]) work(b *batch[Lane, In, Out]) {
	for b != nil {
		q.do(b.calls)
		b = q.after(b)
	}
}

// after lets others into the lanes of a batch that is done, and takes the next.
func (q *Queue[Lane, In, Out]) after(b *batch[Lane, In, Out]) *batch[Lane, In, Out] {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.working--
	if b.crowd {
		q.crowds--
	}
	for _, name := range b.lanes {
		l := q.lanes[name]
		if l.busy = false; len(l.waiting) > 0 {
			q.turns = append(q.turns, name)
		} else {
			delete(q.lanes, name)
		}
	}
	return q.next()
}

// crowd is how many in one lane are one: they make up a batch well enough by themselves.
const crowd = 16

// next takes the next batch: a crowd, when a worker is left for the others, or what shares one; nil when there is none to be done
// now. The caller holds the lock.
func (q *Queue[Lane, In, Out]) next() *batch[Lane, In, Out] {
	if q.working == q.set.Workers {
		return nil
	}
	b := &batch[Lane, In, Out]{}
	isCrowd := func(name Lane) bool { return len(q.lanes[name].waiting) >= crowd }
	if at := slices.IndexFunc(q.turns, isCrowd); at >= 0 && q.crowds < q.set.Workers-1 {
		b.crowd = true
		q.crowds++
		q.take(b, at)
	} else {
		for at := 0; at < len(q.turns) && len(b.calls) < q.set.Batch; {
			if isCrowd(q.turns[at]) {
				at++
			} else {
				q.take(b, at)
			}
		}
	}
	if len(b.calls) == 0 {
		return nil
	}
	q.working++
	slices.SortFunc(b.calls, func(a, b *call[In, Out]) int { return cmp.Compare(a.nth, b.nth) })
	return b
}

// take adds to a batch what waits in the lane whose turn is at, as far as there is room.
func (q *Queue[Lane, In, Out]) take(b *batch[Lane, In, Out], at int) {
	name := q.turns[at]
	q.turns = slices.Delete(q.turns, at, at+1)
	l := q.lanes[name]
	n := min(len(l.waiting), q.set.Batch-len(b.calls))
	b.calls, b.lanes = append(b.calls, l.waiting[:n]...), append(b.lanes, name)
	l.waiting, l.busy = l.waiting[n:], true
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
