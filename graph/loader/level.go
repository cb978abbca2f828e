package loader

import (
	"context"
	"sync"
	"time"
)

// patience is how long nothing at all may happen before batches go that wait for more. It only ends the wait for a field that was
// announced and never asked: one whose arguments were refused.
const patience = 250 * time.Millisecond

// level counts the fields of one response that may still ask for something. As soon as each of them has ended or waits, batches
// are as full as they will be, and go: after no time when alone, after any time on a machine that is busy.
type level struct {
	mu        sync.Mutex
	running   int          // fields that were announced and neither ended nor wait for a batch that gathers
	reading   int          // batches on their way; who waits for them runs
	moves     int          // how often anything changed
	gathering []*gathering // batches that somebody waits for
	watch     *time.Timer
}

// gathering is a batch that takes keys, as its level knows it.
type gathering struct {
	send    func()
	waiting int
	gone    bool
}

// add announces fields, or ends them. Whoever ends one announces in the same call what is below it.
func (l *level) add(fields int) {
	l.mu.Lock()
	l.running += fields
	due := l.complete()
	l.mu.Unlock()
	send(due)
}

// wait tells that a field that runs waits for b. Once b has gone the field runs again.
func (l *level) wait(b *gathering) {
	l.mu.Lock()
	if b.gone { // only when patience ended before
		l.mu.Unlock()
		return
	}
	l.running--
	if b.waiting == 0 {
		l.gathering = append(l.gathering, b)
	}
	b.waiting++
	due := l.complete()
	if due == nil && l.watch == nil {
		l.watchFrom(l.moves)
	}
	l.mu.Unlock()
	send(due)
}

// read tells that a batch was read. Who waited for it has run since it went.
func (l *level) read() {
	l.mu.Lock()
	l.reading--
	l.moves++
	l.mu.Unlock()
}

// complete are the batches that are full now. l is locked.
func (l *level) complete() []*gathering {
	l.moves++
	if l.running > 0 {
		return nil
	}
	return l.take()
}

func (l *level) take() []*gathering {
	due := l.gathering
	l.gathering = nil
	for _, b := range due {
		b.gone = true
		l.running += b.waiting
	}
	l.reading += len(due)
	if l.watch != nil {
		l.watch.Stop()
		l.watch = nil
	}
	return due
}

// watchFrom lets batches go after a time in which nothing moved. l is locked.
func (l *level) watchFrom(seen int) {
	l.watch = time.AfterFunc(patience, func() {
		l.mu.Lock()
		var due []*gathering
		if l.moves == seen && l.reading == 0 {
			due = l.take()
		} else if len(l.gathering) > 0 {
			l.watchFrom(l.moves)
		}
		l.mu.Unlock()
		send(due)
	})
}

func send(due []*gathering) {
	for _, b := range due {
		b.send()
	}
}

type siblingsKey struct{}

// siblings are the fields of the objects that one field led to, or of the root.
type siblings struct {
	level *level
	// announced says that their level counts on them; or else each announces itself when it begins.
	announced bool
	// first is, of the objects of a type, the alias of the one field that was announced; of a type that it has not, all were.
	first map[string]string
	// root is of one root field alone, which has begun or was refused.
	root, begun bool
}

func siblingsOf(ctx context.Context) *siblings {
	s, _ := ctx.Value(siblingsKey{}).(*siblings)
	return s
}

// Together does 0 to n-1 at the same time and returns the first error. What they load of one kind is one batch.
func Together(ctx context.Context, n int, do func(i int) error) error {
	s := siblingsOf(ctx)
	if s == nil || n == 0 {
		return Concurrently(n, max(n, 1), do)
	}
	s.level.add(n - 1) // whose field counts as one of them
	var mu sync.Mutex
	left := n
	return Concurrently(n, n, func(i int) error {
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			if left--; left > 0 { // the last one leaves the field as it was
				s.level.add(-1)
			}
		}()
		return do(i)
	})
}
