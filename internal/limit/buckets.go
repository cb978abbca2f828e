// Package limit keeps clients from taking more than their part: it counts what each one does, slows down who guesses, and bounds
// what runs at once. It keeps all of it in the memory of one process, bounded, and knows nothing of what is asked.
package limit

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"holdfast/internal/clock"
)

// Rate is how much somebody may do: Burst at once, and one more each Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// remembered is how many keys of one kind are kept, at most 5 MB. Those that did nothing for longest are forgotten first: what
// they had left to wait is given to them.
const remembered = 1 << 15

// Buckets are token buckets, one for each key, full at first. They are safe for concurrent use.
//
// A bucket is the one moment at which it will be full again (the generic cell rate algorithm): 8 bytes, and a token can be given
// back, which x/time/rate cannot do.
type Buckets struct {
	rate Rate
	now  clock.Clock
	keys *keys[time.Time]
}

// NewBuckets makes them, all of the same rate.
func NewBuckets(rate Rate, now clock.Clock) *Buckets {
	return &Buckets{rate: rate, now: now, keys: newKeys[time.Time]()}
}

// Take takes n tokens of key's bucket. When they are not there it takes none and returns how long they will be missing. What is
// more than a whole bucket is taken from a full one and owed: it has to be paid before anything else.
func (b *Buckets) Take(key string, n int) (wait time.Duration) {
	if n <= 0 {
		return 0
	}
	now := b.now()
	depth, price := time.Duration(b.rate.Burst)*b.rate.Every, time.Duration(n)*b.rate.Every
	b.keys.change(key, func(full time.Time, _ bool) (time.Time, bool) {
		if full.Before(now) {
			full = now
		}
		if wait = full.Sub(now) + min(price, depth) - depth; wait > 0 {
			return full, true
		}
		wait = 0
		return full.Add(price), true
	})
	return wait
}

// Give gives n tokens back, to a bucket that they were taken from.
func (b *Buckets) Give(key string, n int) {
	b.keys.change(key, func(full time.Time, known bool) (time.Time, bool) {
		return full.Add(-time.Duration(n) * b.rate.Every), known
	})
}

// keys are values by key: the latest that were used, and no others. Long keys take no more room than short ones.
type keys[V any] struct {
	mu   sync.Mutex
	seed maphash.Seed // so that nobody can choose keys that meet
	kept *simplelru.LRU[uint64, V]
}

func newKeys[V any]() *keys[V] {
	kept, _ := simplelru.NewLRU[uint64, V](remembered, nil) // which refuses sizes below 1 alone
	return &keys[V]{seed: maphash.MakeSeed(), kept: kept}
}

// change replaces the value of key by what next makes of it, or forgets it when next says not to keep it.
func (k *keys[V]) change(key string, next func(old V, known bool) (value V, keep bool)) {
	sum := maphash.String(k.seed, key)
	k.mu.Lock()
	defer k.mu.Unlock()
	old, known := k.kept.Get(sum)
	if value, keep := next(old, known); keep {
		k.kept.Add(sum, value)
	} else if known {
		k.kept.Remove(sum)
	}
}

// has tells whether key is remembered.
func (k *keys[V]) has(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, known := k.kept.Get(maphash.String(k.seed, key))
	return known
}
