package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/fault"
)

func newClock() *clock.Manual { return clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)) }

func TestBuckets(t *testing.T) {
	t.Parallel()
	now := newClock()
	b := NewBuckets(Rate{Burst: 3, Every: time.Second}, now.Now)
	take := func(key string, n int, want time.Duration) {
		t.Helper()
		if got := b.Take(key, n); got != want {
			t.Errorf("taking %d of %s: wait %v, want %v", n, key, got, want)
		}
	}
	take("a", 2, 0)
	take("a", 2, time.Second) // and none is taken
	take("a", 1, 0)
	take("a", 1, time.Second)
	take("b", 3, 0)
	now.Advance(1500 * time.Millisecond)
	take("a", 1, 0)
	take("a", 1, 500*time.Millisecond)
	b.Give("a", 1)
	take("a", 1, 0)
	now.Advance(time.Hour)
	take("a", 3, 0) // no more than a bucket has gathered
	take("a", 1, time.Second)
	take("c", 10, 0) // owed
	take("c", 1, 8*time.Second)
	take("c", 0, 0)
}

// TestBucketsForget fills the memory: it does not grow, and who has just asked is remembered.
func TestBucketsForget(t *testing.T) {
	t.Parallel()
	b := NewBuckets(Rate{Burst: 1, Every: time.Hour}, newClock().Now)
	for i := range remembered + 1000 {
		b.Take(fmt.Sprint(i), 1)
	}
	if got := b.keys.kept.Len(); got != remembered {
		t.Errorf("%d are kept, want %d", got, remembered)
	}
	if b.Take(fmt.Sprint(remembered), 1) == 0 {
		t.Error("the latest was forgotten")
	}
}

var (
	errWrong  = fault.New(fault.LoginFailed, "no")
	errBroken = errors.New("disk full")
)

// guess tries account from address; do answers with err.
func guess(ctx context.Context, g *Guesses, account, address string, err error) error {
	_, got := TryPassword(g.Watch(ctx, address), account, func() (int, error) { return 0, err })
	return got
}

func waitOf(err error) time.Duration {
	if !fault.Is(err, fault.RateLimited) {
		return 0
	}
	return fault.List(err)[0].Refused().RetryAfter
}

func TestGuessesSlowDown(t *testing.T) {
	t.Parallel()
	now := newClock()
	g := NewGuesses(now.Now)
	for i := range freeGuesses {
		if err := guess(t.Context(), g, "a", "x", errWrong); !fault.Is(err, fault.LoginFailed) {
			t.Fatalf("guess %d: %v", i+1, err)
		}
	}
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		want := time.Duration(seconds) * time.Second
		err := guess(t.Context(), g, "a", "x", nil)
		if got := waitOf(err); got != want {
			t.Fatalf("the pause is %v (%v), want %v", got, err, want)
		}
		if err := guess(t.Context(), g, "b", "x", nil); err != nil {
			t.Fatalf("another account from there: %v", err)
		}
		if err := guess(t.Context(), g, "a", "y", nil); err != nil {
			t.Fatalf("the account from elsewhere: %v", err)
		}
		now.Advance(want)
		// What nobody decided neither counts nor ends the pause.
		if err := guess(t.Context(), g, "a", "x", errBroken); !errors.Is(err, errBroken) {
			t.Fatalf("after the pause: %v", err)
		}
		now.Advance(waitOf(guess(t.Context(), g, "a", "x", nil)))
		if err := guess(t.Context(), g, "a", "x", errWrong); !fault.Is(err, fault.LoginFailed) {
			t.Fatalf("after the pause: %v", err)
		}
	}
	now.Advance(longPause)
	if err := guess(t.Context(), g, "a", "x", nil); err != nil {
		t.Fatalf("the right one: %v", err)
	}
	for range freeGuesses { // it has all of them again
		if err := guess(t.Context(), g, "a", "x", errWrong); !fault.Is(err, fault.LoginFailed) {
			t.Fatalf("after the right one: %v", err)
		}
	}
}

// TestGuessesAtOnce lets sixty guess before the first is decided.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	g := NewGuesses(newClock().Now)
	start := make(chan struct{})
	var ran atomic.Int64
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			_, _ = TryPassword(g.Watch(t.Context(), "x"), "a", func() (int, error) { ran.Add(1); <-start; return 0, errWrong })
		})
	}
	time.AfterFunc(50*time.Millisecond, func() { close(start) })
	all.Wait()
	if ran.Load() > freeGuesses {
		t.Errorf("%d were tried, want %d", ran.Load(), freeGuesses)
	}
}

// TestGuessesOfOneAccount attacks an account from ever new addresses: there is an end, the owner's own address is not under it,
// and it passes.
func TestGuessesOfOneAccount(t *testing.T) {
	t.Parallel()
	now := newClock()
	g := NewGuesses(now.Now)
	if err := guess(t.Context(), g, "a", "home", nil); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for i := range 3 * ofAccount().Burst {
		if fault.Is(guess(t.Context(), g, "a", fmt.Sprint(i), errWrong), fault.LoginFailed) {
			tried++
		}
	}
	if tried != ofAccount().Burst {
		t.Errorf("%d were tried, want %d", tried, ofAccount().Burst)
	}
	if err := guess(t.Context(), g, "a", "home", nil); err != nil {
		t.Errorf("the owner at home: %v", err)
	}
	if err := guess(t.Context(), g, "a", "hotel", nil); waitOf(err) != ofAccount().Every {
		t.Errorf("the owner elsewhere: %v, to wait %v", err, waitOf(err))
	}
	now.Advance(ofAccount().Every)
	if err := guess(t.Context(), g, "a", "hotel", nil); err != nil {
		t.Errorf("the owner elsewhere, later: %v", err)
	}
}

// TestGuessesFromOneAddress tries one password on many accounts, and codes.
func TestGuessesFromOneAddress(t *testing.T) {
	t.Parallel()
	g := NewGuesses(newClock().Now)
	ctx := g.Watch(t.Context(), "x")
	code := func(err error) error {
		_, got := TryCode(ctx, func() (int, error) { return 0, err })
		return got
	}
	for i := range ofAddress().Burst {
		if err := errors.Join(code(nil), code(nil)); err != nil {
			t.Fatalf("right codes: %v", err)
		}
		if err := guess(t.Context(), g, fmt.Sprint(i), "x", errWrong); !fault.Is(err, fault.LoginFailed) {
			t.Fatalf("account %d: %v", i, err)
		}
		if err := code(errWrong); !fault.Is(err, fault.LoginFailed) {
			t.Fatalf("code %d: %v", i, err)
		}
	}
	if waitOf(guess(t.Context(), g, "another", "x", errWrong)) == 0 || waitOf(code(errWrong)) == 0 {
		t.Error("there is no end")
	}
	if err := guess(t.Context(), g, "another", "y", nil); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	g := NewGate(1, 1, time.Hour)
	leave, err := g.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	let := make(chan error)
	go func() {
		out, err := g.Enter(t.Context())
		if err == nil {
			out()
		}
		let <- err
	}()
	for g.Waiting() == 0 {
		<-time.After(time.Millisecond)
	}
	_, err = g.Enter(t.Context())
	if !fault.Is(err, fault.Overloaded) || fault.List(err)[0].Refused().RetryAfter < 500*time.Millisecond {
		t.Errorf("one too many: %v", err)
	}
	leave()
	if err := <-let; err != nil || g.Inside() != 0 || g.Waiting() != 0 {
		t.Errorf("the one that waited: %v; %d inside, %d waiting", err, g.Inside(), g.Waiting())
	}

	hasty := NewGate(1, 1, time.Millisecond)
	if _, err := hasty.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := hasty.Enter(t.Context()); !fault.Is(err, fault.Overloaded) {
		t.Errorf("after its patience: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow := NewGate(1, 1, time.Hour)
	if _, err := slow.Enter(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that has left: %v", err)
	}
	var none *Gate
	if leave, err := none.Enter(t.Context()); err != nil {
		t.Error(err)
	} else {
		leave()
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	c := NewCounters(1)
	done, ok := c.Add("a")
	if _, again := c.Add("a"); !ok || again {
		t.Fatalf("first %t, second %t", ok, again)
	}
	if _, ok := c.Add("b"); !ok {
		t.Error("keys are not told apart")
	}
	done()
	if len(c.open) != 1 {
		t.Errorf("%d keys are kept, want 1", len(c.open))
	}
	if _, ok := c.Add("a"); !ok {
		t.Error("what is gone still counts")
	}
}
