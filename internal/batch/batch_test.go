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

// press is a queue that doubles numbers, and what was done with it. The lane of n is n/100. A negative number spoils its batch, 0
// panics, and gates keep a batch waiting.
type press struct {
	*batch.Queue[int, int, int]

	gates map[int]*gate

	mu      sync.Mutex
	batches [][]int
	wg      sync.WaitGroup
}

// gate is closed until somebody lets what waits at it go.
type gate struct{ begun, letGo chan struct{} }

var errSpoiled = errors.New("spoiled")

// late is the number whose batch does not end in time.
const late = 9999

// newPress is a press of at most size together and waiting in a lane, with gates at these numbers.
func newPress(size, waiting int, gates ...int) *press {
	p := &press{gates: make(map[int]*gate)}
	for _, n := range gates {
		p.gates[n] = &gate{make(chan struct{}), make(chan struct{})}
	}
	p.Queue = batch.New(batch.Settings[int, int, int]{
		Run: p.double, Lane: func(n int) int { return n / 100 },
		Blames: func(err error) bool { return !errors.Is(err, context.DeadlineExceeded) },
		Batch:  size, Waiting: waiting, Workers: 2,
	})
	return p
}

func (p *press) double(_ context.Context, in []int) ([]int, error) {
	p.mu.Lock()
	p.batches = append(p.batches, slices.Clone(in))
	p.mu.Unlock()
	out := make([]int, len(in))
	for i, n := range in {
		if g := p.gates[n]; g != nil {
			close(g.begun)
			<-g.letGo
		}
		switch {
		case n < 0:
			return nil, errSpoiled
		case n == 0:
			panic("nought")
		case n == late:
			return nil, context.DeadlineExceeded
		}
		out[i] = 2 * n
	}
	return out, nil
}

// want compares what was done together.
func (p *press) want(t *testing.T, want ...[]int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if diff := cmp.Diff(want, p.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
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
		g := p.gates[n]
		if g == nil {
			g = &gate{}
		}
		select {
		case <-asked:
		case <-g.begun: // by itself
		}
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

// several are the 50 numbers from first on.
func several(first int) []int {
	out := make([]int, 50)
	for i := range out {
		out[i] = first + i
	}
	return out
}

// TestGathers shows that what arrives during a batch makes up the next, in its order, and no more of it than a batch takes.
func TestGathers(t *testing.T) {
	t.Parallel()
	p := newPress(4, 10, 1)
	p.ask(t, doubled(t), 1)
	<-p.gates[1].begun
	p.ask(t, doubled(t), 6, 5, 4, 3, 2)
	if n := p.Waiting(); n != 5 {
		t.Errorf("%d wait, want 5", n)
	}
	close(p.gates[1].letGo)
	p.wg.Wait()
	p.want(t, []int{1}, []int{6, 5, 4, 3}, []int{2})
	if out, err := p.Do(t.Context(), 7); out != 14 || err != nil {
		t.Errorf("one alone, later: %d, %v", out, err)
	}
	out, errs := p.DoAll(t.Context(), []int{8, 9, -1, 10})
	if diff := cmp.Diff([]int{16, 18, 0, 20}, out); diff != "" || errors.Join(errs...) == nil || errs[3] != nil {
		t.Errorf("all at once: %v (-want +got):\n%s", errs, diff)
	}
	p.want(t, []int{1}, []int{6, 5, 4, 3}, []int{2}, []int{7}, []int{8, 9, -1, 10}, []int{8, 9}, []int{-1, 10}, []int{-1}, []int{10})
}

// TestShares shows that lanes without a crowd share a batch, in the order of arrival, and that a lane is in one batch at a time.
func TestShares(t *testing.T) {
	t.Parallel()
	p := newPress(6, 10, 1, 101)
	p.ask(t, doubled(t), 1, 101)
	<-p.gates[1].begun
	<-p.gates[101].begun
	p.ask(t, doubled(t), 301, 2, 102, 201, 3, 302)
	close(p.gates[1].letGo)
	for p.Waiting() > 1 { // 102, whose lane is busy
		time.Sleep(100 * time.Microsecond)
	}
	close(p.gates[101].letGo)
	p.wg.Wait()
	slices.SortFunc(p.batches[:2], slices.Compare) // which began at once
	p.want(t, []int{1}, []int{101}, []int{301, 2, 201, 3, 302}, []int{102})
}

// TestCrowd shows that nobody waits for a crowd in another lane, and that crowds wait for each other.
func TestCrowd(t *testing.T) {
	t.Parallel()
	p := newPress(100, 100, 1, 2, 101)
	p.ask(t, doubled(t), 1)
	<-p.gates[1].begun
	p.ask(t, doubled(t), several(2)...)
	close(p.gates[1].letGo)
	<-p.gates[2].begun // the crowd of lane 0 is being done
	if out, err := p.Do(t.Context(), 201); out != 402 || err != nil {
		t.Errorf("beside a crowd: %d, %v", out, err)
	}
	p.ask(t, doubled(t), 101)
	<-p.gates[101].begun
	p.ask(t, doubled(t), several(102)...)
	close(p.gates[101].letGo)
	if out, err := p.Do(t.Context(), 202); out != 404 || err != nil {
		t.Errorf("beside two crowds: %d, %v", out, err)
	}
	if n := p.Waiting(); n != 50 {
		t.Errorf("%d of the second crowd wait, want 50", n)
	}
	close(p.gates[2].letGo)
	p.wg.Wait()
	p.want(t, []int{1}, several(2), []int{201}, []int{101}, []int{202}, several(102))
}

// TestFailsAlone shows that of a batch only those fail that spoil it, and that what is nobody's fault fails all at once.
func TestFailsAlone(t *testing.T) {
	t.Parallel()
	p := newPress(10, 10, 1)
	p.ask(t, doubled(t), 1)
	<-p.gates[1].begun
	p.ask(t, func(n, out int, err error) {
		switch {
		case n < 0 && !errors.Is(err, errSpoiled), n == 0 && (err == nil || !strings.Contains(err.Error(), "nought")):
			t.Errorf("%d gave %v", n, err)
		case n > 0:
			doubled(t)(n, out, err)
		}
	}, 2, -1, 3, 0, 4, 5)
	close(p.gates[1].letGo)
	p.wg.Wait()

	p = newPress(10, 10, 9901)
	p.ask(t, doubled(t), 9901)
	<-p.gates[9901].begun
	p.ask(t, func(n, _ int, err error) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d gave %v", n, err)
		}
	}, 9902, late, 9903)
	close(p.gates[9901].letGo)
	p.wg.Wait()
	p.want(t, []int{9901}, []int{9902, late, 9903})
}

// TestBounded shows that a lane that is full refuses at once, and that another takes more.
func TestBounded(t *testing.T) {
	t.Parallel()
	p := newPress(1, 2, 1)
	p.ask(t, doubled(t), 1)
	<-p.gates[1].begun
	p.ask(t, doubled(t), 2, 3)
	_, err := p.Do(t.Context(), 4)
	if refused := fault.List(err); !fault.Is(err, fault.Overloaded) || refused[0].Refused().RetryAfter <= 0 {
		t.Errorf("the third in a lane of two: %v", err)
	}
	if out, err := p.Do(t.Context(), 101); out != 202 || err != nil {
		t.Errorf("in another lane: %d, %v", out, err)
	}
	close(p.gates[1].letGo)
	p.wg.Wait()
}

// TestCallerLeaves shows that a caller who goes away does not wait, and that the request is done, once.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	p := newPress(10, 10, 1)
	p.ask(t, doubled(t), 1)
	<-p.gates[1].begun
	ctx, leave := context.WithCancel(t.Context())
	if _, err := p.Do(&tellingContext{Context: ctx, told: leave}, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("left with %v", err)
	}
	p.ask(t, doubled(t), 3)
	close(p.gates[1].letGo)
	p.wg.Wait()
	p.want(t, []int{1}, []int{2, 3})
}

// TestManyAtOnce asks from many sides at once: everybody gets an answer of one's own.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	p := newPress(7, 1000)
	for n := range 2000 {
		p.wg.Go(func() {
			out, err := p.Do(t.Context(), n+1)
			doubled(t)(n+1, out, err)
		})
	}
	p.wg.Wait()
}
