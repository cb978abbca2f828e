// Package loader gathers what the fields of one response ask for, so that a level of the answer costs one statement
// however many objects it has. Loaders are made for each response and forget everything with it.
package loader

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/graph-gophers/dataloader/v7"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/page"
)

const (
	// capacity is how many keys go into one statement, well under SQLite's 32,766 variables.
	capacity = 500
	// pageCapacity is how many parents' pages go into one statement: SQLite joins at most 500 selects.
	pageCapacity = 200
	// deadline ends a batch. It is the batch's own: the first of those who wait for it may have left.
	deadline = 10 * time.Second
)

// Loader loads values by key, those that the fields of one level ask for together: see Levels.
type Loader[K comparable, V any] struct {
	wait     time.Duration
	capacity int
	fetch    fetch[K, V]

	mu    sync.Mutex // held by whoever adds to what is below
	cache dataloader.Cache[K, V]
	open  *batch[K, V] // takes keys; nil when nobody waits
	timed *dataloader.Loader[K, V]
}

// batch are the keys that a level has asked for so far.
type batch[K comparable, V any] struct {
	gathering

	ctx    context.Context //nolint:containedctx // of who asked first, as dataloader has it
	keys   []K
	place  map[K]int
	sent   chan struct{} // closed when there are thunks, in the order of keys
	thunks []dataloader.Thunk[V]
}

// fetch reads the values of keys and puts each that it found, or an error.
type fetch[K comparable, V any] func(ctx context.Context, keys []K, put func(K, V, error))

// Load is the value of key. It returns once the batch that key is in has been read. Only one goroutine of a field loads at a
// time, but for those of Together.
func (l *Loader[K, V]) Load(ctx context.Context, key K) (V, error) {
	s := siblingsOf(ctx)
	if s == nil {
		return l.loadTimed(ctx, key)()
	}
	known, b, place := l.gather(ctx, s.level, key)
	if known != nil {
		return known()
	}
	s.level.wait(&b.gathering)
	<-b.sent
	return b.thunks[place]()
}

// gather is what is known of key already, or else its place in the batch that is open.
func (l *Loader[K, V]) gather(ctx context.Context, at *level, key K) (dataloader.Thunk[V], *batch[K, V], int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.results().Get(ctx, key); ok {
		return known, nil, 0
	}
	b := l.open
	if b == nil {
		b = &batch[K, V]{ctx: ctx, place: make(map[K]int), sent: make(chan struct{})}
		b.send = func() { l.send(b, at) }
		l.open = b
	}
	place, ok := b.place[key]
	if !ok {
		place = len(b.keys)
		b.keys, b.place[key] = append(b.keys, key), place
	}
	return nil, b, place
}

// send gives a batch that is complete to a dataloader whose batches are as large, so that the last key sets it off and no timer.
func (l *Loader[K, V]) send(b *batch[K, V], at *level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = nil
	n := len(b.keys)
	inner := dataloader.NewBatchedLoader(func(ctx context.Context, keys []K) []*dataloader.Result[V] {
		defer at.read()
		return l.read(ctx, keys)
	}, dataloader.WithCache(l.cache), dataloader.WithBatchCapacity[K, V](n), dataloader.WithInputCapacity[K, V](n), dataloader.WithWait[K, V](deadline))
	for _, key := range b.keys {
		b.thunks = append(b.thunks, inner.Load(b.ctx, key))
	}
	close(b.sent)
}

// loadTimed gathers keys for a time, where nothing is known of what is to come.
func (l *Loader[K, V]) loadTimed(ctx context.Context, key K) dataloader.Thunk[V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed == nil {
		l.timed = dataloader.NewBatchedLoader(l.read, dataloader.WithCache(l.results()),
			dataloader.WithWait[K, V](l.wait), dataloader.WithBatchCapacity[K, V](l.capacity))
	}
	return l.timed.Load(ctx, key)
}

// results are what was loaded, or is on its way. Most responses need few of the loaders, so they are made when needed.
func (l *Loader[K, V]) results() dataloader.Cache[K, V] {
	if l.cache == nil {
		l.cache = dataloader.NewCache[K, V]()
	}
	return l.cache
}

// read places results by key, for a database answers in its own order and leaves out what is absent.
func (l *Loader[K, V]) read(ctx context.Context, keys []K) []*dataloader.Result[V] {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	found := make(map[K]*dataloader.Result[V], len(keys))
	for some := range slices.Chunk(keys, l.capacity) {
		l.readSome(ctx, some, found)
	}
	out := make([]*dataloader.Result[V], len(keys))
	for i, key := range keys {
		out[i] = found[key]
		switch {
		case out[i] == nil:
			out[i] = &dataloader.Result[V]{}
		case out[i].Error != nil:
			l.cache.Delete(ctx, key) // or the error would be the answer for the rest of the response
		}
	}
	return out
}

// readSome turns a panic into the error of every key: dataloader would write to the standard logger.
func (l *Loader[K, V]) readSome(ctx context.Context, keys []K, found map[K]*dataloader.Result[V]) {
	put := func(key K, value V, err error) { found[key] = &dataloader.Result[V]{Data: value, Error: err} }
	if err := safely(func() error { l.fetch(ctx, keys, put); return nil }); err != nil {
		fail(keys, put, err)
	}
}

// safely turns a panic into an error: outside the goroutines that gqlgen starts nobody else would.
func safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// Concurrently does 0 to n-1, at most limit at the same time, and returns the first error.
func Concurrently(n, limit int, do func(i int) error) error {
	var group errgroup.Group
	group.SetLimit(limit)
	for i := range n {
		group.Go(func() error { return safely(func() error { return do(i) }) })
	}
	return group.Wait()
}

// byKey loads what has the key itself.
func byKey[K comparable, V any](wait time.Duration, read func(context.Context, []K) ([]V, error), key func(V) K) *Loader[K, V] {
	return &Loader[K, V]{wait: wait, capacity: capacity, fetch: func(ctx context.Context, keys []K, put func(K, V, error)) {
		values, err := read(ctx, keys)
		if err != nil {
			fail(keys, put, err)
			return
		}
		for _, v := range values {
			put(key(v), v, nil)
		}
	}}
}

// ofParent loads the list of what belongs to the key, in the order in which it is read; empty, never nil, when nothing does.
func ofParent[K comparable, V any](wait time.Duration, read func(context.Context, []K) ([]V, error), parent func(V) K) *Loader[K, []V] {
	return fromMap(wait, func(ctx context.Context, keys []K) (map[K][]V, error) {
		values, err := read(ctx, keys)
		lists := make(map[K][]V, len(keys))
		for _, v := range values {
			lists[parent(v)] = append(lists[parent(v)], v)
		}
		return lists, err
	}, func(list []V) []V {
		if list == nil {
			return []V{}
		}
		return list
	})
}

// fromMap loads what is read by key already; value makes of it what is loaded, and is asked for absent keys as well.
func fromMap[K comparable, R, V any](wait time.Duration, read func(context.Context, []K) (map[K]R, error), value func(R) V) *Loader[K, V] {
	return &Loader[K, V]{wait: wait, capacity: capacity, fetch: func(ctx context.Context, keys []K, put func(K, V, error)) {
		values, err := read(ctx, keys)
		if err != nil {
			fail(keys, put, err)
			return
		}
		for _, key := range keys {
			put(key, value(values[key]), nil)
		}
	}}
}

// Of asks for the page of a parent; A says which page, and of what.
type Of[P, A comparable] struct {
	Parent P
	Args   A
}

// Pages loads pages of the lists of parents: one statement for each distinct A.
type Pages[P, A comparable, V any] = Loader[Of[P, A], page.Page[V]]

func pagesOf[P, A comparable, V any](
	wait time.Duration, read func(context.Context, []P, A) (map[P]page.Page[V], error),
) *Pages[P, A, V] {
	type key = Of[P, A]
	return &Loader[key, page.Page[V]]{
		wait: wait, capacity: pageCapacity,
		fetch: func(ctx context.Context, keys []key, put func(key, page.Page[V], error)) {
			parents := make(map[A][]P)
			var order []A
			for _, k := range keys {
				if parents[k.Args] == nil {
					order = append(order, k.Args)
				}
				parents[k.Args] = append(parents[k.Args], k.Parent)
			}
			for _, args := range order {
				pages, err := read(ctx, parents[args], args)
				for _, parent := range parents[args] {
					put(key{parent, args}, pages[parent], err)
				}
			}
		},
	}
}

func fail[K comparable, V any](keys []K, put func(K, V, error), err error) {
	var none V
	for _, key := range keys {
		put(key, none, err)
	}
}

// pointers are to the elements of a list; never nil.
func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}
