// Package loader gathers what the fields of one response ask for, so that a level of the answer costs one statement
// however many objects it has. Loaders are made for each response and forget everything with it.
package loader

import (
	"context"
	"fmt"
	"runtime/debug"
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

// Loader loads values by key, those that are asked for at about the same time together. What does not exist is the zero V.
type Loader[K comparable, V any] struct {
	wait     time.Duration
	capacity int
	fetch    fetch[K, V]

	once  sync.Once
	inner *dataloader.Loader[K, V]
}

// fetch reads the values of keys and puts each that it found, or an error.
type fetch[K comparable, V any] func(ctx context.Context, keys []K, put func(K, V, error))

// Load is the value of key. It returns once the batch that key is in has been read.
func (l *Loader[K, V]) Load(ctx context.Context, key K) (V, error) {
	l.once.Do(func() { // most responses need few of the loaders
		l.inner = dataloader.NewBatchedLoader(l.batch,
			dataloader.WithWait[K, V](l.wait), dataloader.WithBatchCapacity[K, V](l.capacity))
	})
	return l.inner.Load(ctx, key)()
}

// batch places results by key, for a database answers in its own order and leaves out what is absent.
func (l *Loader[K, V]) batch(ctx context.Context, keys []K) []*dataloader.Result[V] {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	found := make(map[K]*dataloader.Result[V], len(keys))
	l.read(ctx, keys, found)
	out := make([]*dataloader.Result[V], len(keys))
	for i, key := range keys {
		out[i] = found[key]
		switch {
		case out[i] == nil:
			out[i] = &dataloader.Result[V]{}
		case out[i].Error != nil:
			l.inner.Clear(ctx, key) // or the error would be the answer for the rest of the response
		}
	}
	return out
}

// read turns a panic into the error of every key: dataloader would write to the standard logger.
func (l *Loader[K, V]) read(ctx context.Context, keys []K, found map[K]*dataloader.Result[V]) {
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
