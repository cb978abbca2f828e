package limit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Gate bounds how much runs at once. A few more wait for a short time; whoever comes then is sent away at once, so that those
// who are let in are served as fast as ever. It is safe for concurrent use.
type Gate struct {
	slots    chan struct{}
	waiting  atomic.Int64
	queue    int64
	patience time.Duration
}

// NewGate lets size in at once, and queue wait for at most patience.
func NewGate(size, queue int, patience time.Duration) *Gate {
	return &Gate{slots: make(chan struct{}, size), queue: int64(queue), patience: patience}
}

// Enter waits until there is room and returns how to leave, which is called once. It fails with OVERLOADED when there is none, and
// as ctx does. A nil Gate has room for everybody.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	leave = func() { <-g.slots }
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.queue {
		return nil, busy(comeBack())
	}
	patience := time.NewTimer(g.patience)
	defer patience.Stop()
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	case <-patience.C:
		return nil, busy(comeBack())
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for room: %w", ctx.Err())
	}
}

// Inside is how many are in; 0 of a nil Gate, which does not count.
func (g *Gate) Inside() int {
	if g == nil {
		return 0
	}
	return len(g.slots)
}

// Waiting is how many wait.
func (g *Gate) Waiting() int {
	if g == nil {
		return 0
	}
	return int(g.waiting.Load())
}

// comeBack is 0.5 to 1.5 s: those who are sent away together do not come back together.
func comeBack() time.Duration {
	return 500*time.Millisecond + rand.N(time.Second) //nolint:gosec // nobody gains by guessing it
}
