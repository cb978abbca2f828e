package batch_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/batch"
	"holdfast/internal/fault"
)

// press is a queue of numbers, and what was done with it: the first batch waits until it is let go.
type press struct {
	*batch.Queue[int, int, int]

	mu      sync.Mutex
	batches [][]int
	begun   chan struct{}
	letGo   chan struct{}
	wg      sync.WaitGroup
}

var errSpoiled = errors.New("spoiled")

// newPress is a press of at most size together and waiting in a lane; the lane of n is n/100. A negative number spoils its batch, 0
// panics.
func newPress(size, waiting int) *press {
	p := &press{begun: make(chan struct{}), letGo: make(chan struct{})}
	first := sync.OnceFunc(func() { close(p.begun); <-p.letGo })
	p.Queue = batch.New(batch.Settings[int, int, int]{
		Run: func(_ context.Context, in []int) ([]int, error) {
			p.mu.Lock()
			p.batches = append(p.batches, slices.Clone(in))
			p.mu.Unlock()
			first()
			out := make([]int, len(in))
			for i, n := range in {
				switch {
				case n < 0:
					return nil, errSpoiled
				case n == 0:
					panic("nought")
				case n == 9999:
					return nil, context.DeadlineExceeded
				}
				out[i] = 2 * n
			}
			return out, nil
		},
		Lane:   func(n int) int { return n / 100 },
		Blames: func(err error) bool { return !errors.Is(err, context.DeadlineExceeded) },
		Batch:  size, Waiting: waiting,
	})
	return p
}

// ask asks for each of the numbers, one after the other, without waiting for what becomes of them.
func (p *press) ask(t *testing.T, check func(n, out int, err error), numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		asked := make(chan struct{})
		p.wg.Go(func() {
			ctx := &tellingContext{Context: t.Context(), told: sync.OnceFunc(func() { close(asked) })}
			out, err := p.Do(ctx, n)
			check(n, out, err)
		})
		<-asked
	}
}

// tellingContext tells when somebody begins to wait for its end: by then the request is in the queue.
type tellingContext struct {
	context.Context //nolint:containedctx // it is one

	told func()
}

// Done implements context.Context.
func (c *tellingContext) Done() <-chan struct{} {
	c.told()
	return c.Context.Done()
}

func doubled(t *testing.T) func(n, out int, err error) {
	t.Helper()
	return func(n, out int, err error) {
		if err != nil || out != 2*n {
			t.Errorf("%d gave %d, %v", n, out, err)
		}
	}
}

// TestGathers shows that what arrives during a batch makes up the next, lane by lane, and no more of it than a batch takes.
func TestGathers(t *testing.T) {
	t.Parallel()
	p := newPress(4, 10)
	p.ask(t, doubled(t), 1)
	<-p.begun
	p.ask(t, doubled(t), 101, 102, 103, 104, 105, 201, 301)
	close(p.letGo)
	p.wg.Wait()
	want := [][]int{{1}, {101, 102, 201, 301}, {103, 104, 105}}
	if diff := cmp.Diff(want, p.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if out, err := p.Do(t.Context(), 7); out != 14 || err != nil {
		t.Errorf("one alone, later: %d, %v", out, err)
	}
}

// TestFailsAlone shows that of a batch only those fail that spoil it, and that what is nobody's fault fails all at once.
func TestFailsAlone(t *testing.T) {
	t.Parallel()
	p := newPress(10, 10)
	p.ask(t, doubled(t), 1)
	<-p.begun
	p.ask(t, func(n, out int, err error) {
		switch {
		case n < 0 && !errors.Is(err, errSpoiled), n == 0 && (err == nil || !strings.Contains(err.Error(), "nought")):
			t.Errorf("%d gave %v", n, err)
		case n > 0:
			doubled(t)(n, out, err)
		}
	}, 2, -1, 3, 0, 4, 5)
	close(p.letGo)
	p.wg.Wait()

	p = newPress(10, 10)
	p.ask(t, doubled(t), 1)
	<-p.begun
	p.ask(t, func(n, _ int, err error) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d gave %v", n, err)
		}
	}, 2, 9999, 3)
	close(p.letGo)
	p.wg.Wait()
	if len(p.batches) != 2 {
		t.Errorf("done again: %v", p.batches)
	}
}

// TestBounded shows that a lane that is full refuses at once, and that another takes more.
func TestBounded(t *testing.T) {
	t.Parallel()
	p := newPress(1, 2)
	p.ask(t, doubled(t), 1)
	<-p.begun
	p.ask(t, doubled(t), 101, 102)
	start := time.Now()
	_, err := p.Do(t.Context(), 103)
	if refused := fault.List(err); !fault.Is(err, fault.Overloaded) || refused[0].Refused().RetryAfter <= 0 {
		t.Errorf("the third in a lane of two: %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("refused after %v", took)
	}
	p.ask(t, doubled(t), 201)
	close(p.letGo)
	p.wg.Wait()
}

// TestCallerLeaves shows that a caller who goes away does not wait, and that the request is done, once.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	p := newPress(10, 10)
	p.ask(t, doubled(t), 1)
	<-p.begun
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := p.Do(&tellingContext{Context: ctx, told: leave}, 2)
		left <- err
	}()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("left with %v", err)
	}
	p.ask(t, doubled(t), 3)
	close(p.letGo)
	p.wg.Wait()
	if diff := cmp.Diff([][]int{{1}, {2, 3}}, p.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

// TestManyAtOnce asks from many sides at once: everybody gets an answer of one's own.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	p := newPress(7, 1000)
	close(p.letGo)
	for n := range 2000 {
		p.wg.Go(func() {
			out, err := p.Do(t.Context(), n+1)
			doubled(t)(n+1, out, err)
		})
	}
	p.wg.Wait()
}
