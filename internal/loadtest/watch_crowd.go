package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast/internal/typeid"
)

// crowd is many sockets with one subscription each.
type crowd struct {
	sockets []*watcher
	ready   poller // tells which have something to read
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
	var err error
	if c.ready, err = newPoller(); err != nil {
		return c, err
	}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range dialing {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && len(c.failed) == 0; i = int(next.Add(1)) - 1 {
				w, err := openWatcher(ctx, addr, variants[i%len(variants)])
				if err == nil {
					err = w.leaveRuntime()
				}
				if err == nil {
					c.sockets[i] = w
					err = c.ready.add(w.fd, i)
				}
				if err != nil {
					c.fail(fmt.Errorf("open socket %d: %w", i+1, err))
					return
				}
			}
		})
	}
	wg.Wait()
	c.reading.Go(c.read) // what has come meanwhile is in the kernel
	return c, c.wait(ctx, 1, callTimeout)
}

const (
	// unread is how long sockets whose latencies nobody takes are left alone before they are read again: to read each message
	// alone costs a client as much as to send it costs the server, and both share the machine. The kernel has room for it.
	unread = 50 * time.Millisecond
	// polled is how long at most it takes to notice that the crowd is closed.
	polled = 100 * time.Millisecond
)

// read is one goroutine for all sockets: one for each would take more of the machine than many a server.
func (c *crowd) read() {
	ready, buffer := make([]int, 0, len(c.sockets)), make([]byte, 64<<10)
	for !c.closed.Load() {
		timing := c.timing.Load()
		if !timing {
			time.Sleep(unread)
		}
		var err error
		if ready, err = c.ready.wait(ready[:0], polled); err != nil {
			c.fail(err)
			return
		}
		for _, i := range ready {
			if err := c.sockets[i].read(buffer, timing); err != nil {
				c.fail(fmt.Errorf("socket %d: %w", i+1, err))
				return
			}
		}
	}
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
	if c.closed.Swap(true) {
		return
	}
	c.reading.Wait()
	for _, w := range c.sockets {
		if w != nil {
			_ = syscall.Close(w.fd)
		}
	}
	c.ready.close()
}
