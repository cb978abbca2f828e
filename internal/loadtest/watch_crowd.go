package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/typeid"
)

// crowd is many sockets with one subscription each.
type crowd struct {
	sockets []*watcher
	reading sync.WaitGroup
	// timing is set while latencies are noted: to parse times costs what the server could use.
	timing atomic.Bool
	closed atomic.Bool
	failed chan error // the first of what went wrong
}

// dialing is how many sockets are opened at once.
const dialing = 32

// openCrowd opens n sockets, which take turns in the variants, and returns when each has had its first state.
func openCrowd(ctx context.Context, addr string, variants []typeid.Variant, n int) (*crowd, error) {
	c := &crowd{sockets: make([]*watcher, n), failed: make(chan error, 1)}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range dialing {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && len(c.failed) == 0; i = int(next.Add(1)) - 1 {
				w, err := openWatcher(ctx, addr, variants[i%len(variants)])
				if err != nil {
					c.fail(fmt.Errorf("open socket %d: %w", i+1, err))
					return
				}
				c.sockets[i] = w
				c.reading.Go(func() {
					if err := w.read(c); !c.closed.Load() {
						c.fail(fmt.Errorf("socket %d: %w", i+1, err))
					}
				})
			}
		})
	}
	wg.Wait()
	return c, c.wait(ctx, 1, callTimeout)
}

func (c *crowd) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// wait returns when every socket has a version as new as this. Nobody may end with less than the newest.
func (c *crowd) wait(ctx context.Context, version int64, patience time.Duration) error {
	behind := func(w *watcher) bool { return w == nil || w.version.Load() < version }
	for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		switch {
		case len(c.failed) > 0:
			err := <-c.failed
			c.fail(err)
			return err
		case ctx.Err() != nil:
			return errors.New("interrupted")
		case !slices.ContainsFunc(c.sockets, behind):
			return nil
		case time.Now().After(until):
			n := 0
			for _, w := range c.sockets {
				if behind(w) {
					n++
				}
			}
			return fmt.Errorf("%d of %d sockets have not come to version %d", n, len(c.sockets), version)
		}
	}
}

// messages is how many states, and bytes of them, have come so far.
func (c *crowd) messages() (n, bytes int64) {
	for _, w := range c.sockets {
		n += w.messages.Load()
		bytes += w.bytes.Load()
	}
	return n, bytes
}

// newest is the newest version that any socket was told.
func (c *crowd) newest() (version int64) {
	for _, w := range c.sockets {
		version = max(version, w.version.Load())
	}
	return version
}

// took are the latencies that were noted, sorted. It is for after wait, once the last state has come.
func (c *crowd) took() []time.Duration {
	var all []time.Duration
	for _, w := range c.sockets {
		all = append(all, w.took...)
	}
	slices.Sort(all)
	return all
}

func (c *crowd) close() {
	c.closed.Store(true)
	for _, w := range c.sockets {
		if w != nil {
			_ = w.raw.Close()
		}
	}
	c.reading.Wait()
}
