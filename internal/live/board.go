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
	key    K
	state  atomic.Pointer[S] // nil until it is known; written under the board's lock
	places []*place[K, S]    // of its readers, in any order; under the board's lock
}

// place is one key that one reader watches.
type place[K comparable, S any] struct {
	entry  *entry[K, S]
	reader *Reader[K, S]
	at     int // among the places of entry; under the board's lock
	told   S   // what Take has returned last

	// These are under the reader's lock.
	waits bool
	next  *place[K, S] // of those that wait
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
		for _, p := range e.places {
			p.wake()
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

// attach has the reader watch these keys as well, from now on. It returns the places of those that are new to the reader.
// Nothing is told of them until they change, or are woken.
func (b *board[K, S]) attach(r *Reader[K, S], keys []K) []*place[K, S] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var added []*place[K, S]
	for _, k := range keys {
		if r.places[k] != nil {
			continue
		}
		e, ok := b.entries[k]
		if !ok {
			e = &entry[K, S]{key: k}
			b.entries[k] = e
		}
		p := &place[K, S]{entry: e, reader: r, at: len(e.places)}
		e.places = append(e.places, p)
		r.places[k] = p
		added = append(added, p)
	}
	return added
}

// detach has the reader watch nothing any more.
func (b *board[K, S]) detach(r *Reader[K, S]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, p := range r.places {
		e := p.entry
		last := len(e.places) - 1
		e.places[p.at] = e.places[last]
		e.places[p.at].at = p.at
		e.places[last] = nil
		if e.places = e.places[:last]; last == 0 {
			delete(b.entries, k)
		}
	}
	clear(r.places)
}

// Reader reads the newest states of what it watches. Take and Close are for one goroutine at a time.
type Reader[K comparable, S any] struct {
	board  *board[K, S]
	notify func()
	closed func()
	// keep tells whether a state is worth telling, given the one told before (zero at first).
	keep   func(before, now S) bool
	places map[K]*place[K, S] // all that is watched; under the board's lock

	mu          sync.Mutex   // guards what follows: it is written by whoever commits
	first, last *place[K, S] // what is new, oldest news first
}

func newReader[K comparable, S any](b *board[K, S], notify func(), keep func(before, now S) bool) *Reader[K, S] {
	return &Reader[K, S]{board: b, notify: notify, keep: keep, places: make(map[K]*place[K, S], 1)}
}

// wake remembers that there is something new. However often it happens, it waits once.
func (p *place[K, S]) wake() {
	r := p.reader
	r.mu.Lock()
	if p.waits {
		r.mu.Unlock()
		return
	}
	p.waits = true
	if r.first == nil {
		r.first = p
	} else {
		r.last.next = p
	}
	r.last = p
	r.mu.Unlock()
	r.notify()
}

func wakeAll[K comparable, S any](places []*place[K, S]) {
	for _, p := range places {
		p.wake()
	}
}

// Take is the newest state of something that changed since it was taken last. It never blocks.
func (r *Reader[K, S]) Take() (state S, ok bool) {
	for p := r.next(); p != nil; p = r.next() {
		now := p.entry.state.Load()
		if now != nil && r.keep(p.told, *now) {
			p.told = *now
			return *now, true
		}
	}
	return state, false
}

// next is what waits longest, or nil.
func (r *Reader[K, S]) next() *place[K, S] {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.first
	if p != nil {
		p.waits = false
		r.first, p.next = p.next, nil
	}
	return p
}

// Close stops watching.
func (r *Reader[K, S]) Close() {
	r.board.detach(r)
	if r.closed != nil {
		r.closed()
	}
}
