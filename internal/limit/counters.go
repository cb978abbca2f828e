package limit

import "sync"

// Counters count what is open, by key. Those of nothing take no room. They are safe for concurrent use.
type Counters struct {
	most int
	mu   sync.Mutex
	open map[string]int
}

// NewCounters allow most of each key.
func NewCounters(most int) *Counters { return &Counters{most: most, open: make(map[string]int)} }

// Add counts one more of key, unless there are too many. Done is called once.
func (c *Counters) Add(key string) (done func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[key] >= c.most {
		return nil, false
	}
	c.open[key]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open[key]--; c.open[key] <= 0 {
			delete(c.open, key)
		}
	}, true
}
