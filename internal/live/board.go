package live

import (
	"sync"
	"sync/atomic"
)

// board is the newest committed state of everything that is watched, by key.
type board[K comparable, S any] struct {
	// merge is what is known once heard is heard too, and whether readers have to know. known is false at first.
	merge func(old S, known bool, heard S) (S, bool)

	mu      sync.Mutex
	entries map[K]*entry[K, S]
}

// entry is one key that is watched. Its state is read without the board's lock: when something changes that thousands
// watch, they all come for it at once.
type entry[K comparable, S any] struct {
	key     K
	state   atomic.Pointer[S] // nil until it is known; written under the board's lock
	readers map[*Reader[K, S]]struct{}
}

func newBoard[K comparable, S any](merge func(S, bool, S) (S, bool)) *board[K, S] {
	return &board[K, S]{merge: merge, entries: make(map[K]*entry[K, S])}
}

// hear takes in a committed state and wakes those who watch it. What nobody watches is forgotten.
func (b *board[K, S]) hear(key K, heard S) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[key]
	if !ok {
		return
	}
	var old S
	known := e.state.Load()
	if known != nil {
		old = *known
	}
	state, changed := b.merge(old, known != nil, heard)
	e.state.Store(&state)
	if changed {
		for r := range e.readers {
			r.wake(e)
		}
	}
}

// watches tells whether any of these keys is watched.
func (b *board[K, S]) watches(keys []K) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range keys {
		if _, ok := b.entries[k]; ok {
			return true
		}
	}
	return false
}

// keys are what is watched.
func (b *board[K, S]) keys() []K {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]K, 0, len(b.entries))
	for k := range b.entries {
		out = append(out, k)
	}
	return out
}

// attach has the reader watch these keys as well, from now on. It tells which are new to the reader.
func (b *board[K, S]) attach(r *Reader[K, S], keys []K) []*entry[K, S] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var added []*entry[K, S]
	for _, k := range keys {
		e, ok := b.entries[k]
		if !ok {
			e = &entry[K, S]{key: k, readers: make(map[*Reader[K, S]]struct{}, 1)}
			b.entries[k] = e
		}
		if _, has := e.readers[r]; !has {
			e.readers[r] = struct{}{}
			added = append(added, e)
		}
	}
	return added
}

func (b *board[K, S]) detach(r *Reader[K, S], keys []K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range keys {
		e, ok := b.entries[k]
		if !ok {
			continue
		}
		delete(e.readers, r)
		if len(e.readers) == 0 {
			delete(b.entries, k)
		}
	}
}

// Reader reads the newest states of what it watches. Take and Close are for one goroutine at a time.
type Reader[K comparable, S any] struct {
	board  *board[K, S]
	notify func()
	closed func()
	// keep tells whether a state is worth telling, given the one told before (zero at first).
	keep func(before, now S) bool
	seen map[K]S

	mu      sync.Mutex     // guards what follows: it is written by whoever commits
	keys    []K            // all that is watched
	queue   []*entry[K, S] // what is new, oldest news first
	waiting map[*entry[K, S]]struct{}
}

func newReader[K comparable, S any](b *board[K, S], notify func(), keep func(before, now S) bool) *Reader[K, S] {
	return &Reader[K, S]{board: b, notify: notify, keep: keep, seen: make(map[K]S), waiting: make(map[*entry[K, S]]struct{})}
}

// watch adds keys and returns those that are new. Nothing is told of them until they change, or wake is called.
func (r *Reader[K, S]) watch(keys []K) []*entry[K, S] {
	added := r.board.attach(r, keys)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range added {
		r.keys = append(r.keys, e.key)
	}
	return added
}

// wake remembers that there is something new of e. However often it happens, it is one place in the queue.
func (r *Reader[K, S]) wake(e *entry[K, S]) {
	r.mu.Lock()
	_, waits := r.waiting[e]
	if !waits {
		r.waiting[e] = struct{}{}
		r.queue = append(r.queue, e)
	}
	r.mu.Unlock()
	if !waits {
		r.notify()
	}
}

func (r *Reader[K, S]) wakeAll(entries []*entry[K, S]) {
	for _, e := range entries {
		r.wake(e)
	}
}

// Take is the newest state of something that changed since it was taken last. It never blocks.
func (r *Reader[K, S]) Take() (state S, ok bool) {
	for e := r.next(); e != nil; e = r.next() {
		now := e.state.Load()
		if now != nil && r.keep(r.seen[e.key], *now) {
			r.seen[e.key] = *now
			return *now, true
		}
	}
	return state, false
}

// next is what waits longest, or nil.
func (r *Reader[K, S]) next() *entry[K, S] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	e := r.queue[0]
	if r.queue = r.queue[1:]; len(r.queue) == 0 {
		r.queue = nil // idle readers keep nothing
	}
	delete(r.waiting, e)
	return e
}

// Close stops watching.
func (r *Reader[K, S]) Close() {
	r.mu.Lock()
	keys := r.keys
	r.keys = nil
	r.mu.Unlock()
	r.board.detach(r, keys)
	if r.closed != nil {
		r.closed()
	}
}
