package limit

import (
	"context"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/fault"
)

// How guessing is slowed down. Only what went wrong counts: an attempt that succeeds, or that we fail to decide, gives back
// what it took. It takes it before it is decided, so that a thousand guesses at once are a thousand.
const (
	freeGuesses = 5                // of one account from one address, at once
	firstPause  = time.Second      // after them, doubled by each further one
	longPause   = 15 * time.Minute // at most
	forgotten   = time.Hour        // after the pause: the next guess is a first one
	// trying is how many passwords are looked at at once. Each takes 20 ms of a core.
	trying = 64
)

// ofAccount is what one account bears from all addresses together. It is far above what one address may do, so that whoever has
// one address, or twenty, cannot keep the owner out; addresses that the owner has come from do not count under it.
func ofAccount() Rate { return Rate{Burst: 200, Every: 10 * time.Second} }

// ofAddress is what one address may get wrong, of whatever accounts: an office has many people, and one of them a thousand names.
func ofAddress() Rate { return Rate{Burst: 50, Every: 10 * time.Second} }

// Guesses slow down who tries passwords, codes and tokens, and then refuse. It answers the same for an account that is not there.
type Guesses struct {
	now       clock.Clock
	pairs     *keys[tries]    // of account and address
	owners    *keys[struct{}] // pairs that have logged in
	accounts  *Buckets
	addresses *Buckets
	busy      chan struct{}
}

// tries are the guesses of one account from one address.
type tries struct {
	failed int
	until  time.Time // before then there is no further one
}

// NewGuesses knows of none yet.
func NewGuesses(now clock.Clock) *Guesses {
	return &Guesses{
		now: now, pairs: newKeys[tries](), owners: newKeys[struct{}](),
		accounts: NewBuckets(ofAccount(), now), addresses: NewBuckets(ofAddress(), now), busy: make(chan struct{}, trying),
	}
}

type clientKey struct{}

type client struct {
	guesses *Guesses
	address string
}

// Watch says from which address the calls below come, and that they are counted by g.
func (g *Guesses) Watch(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, clientKey{}, client{g, address})
}

// TryPassword does what needs the password of account, unless there were too many wrong ones: then it is refused with RATE_LIMITED,
// and nothing is done. A refusal by do, such as LOGIN_FAILED, is a wrong guess. Under a ctx that nobody watches it just does.
func TryPassword[T any](ctx context.Context, account string, do func() (T, error)) (T, error) {
	c, ok := ctx.Value(clientKey{}).(client)
	if !ok {
		return do()
	}
	return try(func() (func(outcome), error) { return c.guesses.password(account, c.address) }, do)
}

// TryCode is TryPassword for secrets that name the account themselves: log-in codes, and the tokens of invitations.
func TryCode[T any](ctx context.Context, do func() (T, error)) (T, error) {
	c, ok := ctx.Value(clientKey{}).(client)
	if !ok {
		return do()
	}
	return try(func() (func(outcome), error) { return c.guesses.code(c.address) }, do)
}

// outcome is what became of an attempt.
type outcome int

const (
	wrong outcome = iota
	right
	undecided // a fault of ours, or nobody would look at it now
)

func try[T any](begin func() (settle func(outcome), err error), do func() (T, error)) (T, error) {
	var none T
	settle, err := begin()
	if err != nil {
		return none, err
	}
	became := undecided // when do panics
	defer func() { settle(became) }()
	out, err := do()
	became = outcomeOf(err)
	return out, err
}

func outcomeOf(err error) outcome {
	if err == nil {
		return right
	}
	refusals := fault.List(err)
	if len(refusals) == 0 {
		return undecided
	}
	switch refusals[0].Refused().Code {
	case fault.RateLimited, fault.Overloaded:
		return undecided
	default:
		return wrong
	}
}

// password begins an attempt at an account.
func (g *Guesses) password(account, address string) (settle func(outcome), err error) {
	select {
	case g.busy <- struct{}{}:
	default:
		return nil, busy(time.Second)
	}
	pair := account + "\x00" + address
	took, wait := g.take(pair, account, address)
	if wait > 0 {
		<-g.busy
		return nil, tooManyGuesses(wait)
	}
	return func(became outcome) {
		defer func() { <-g.busy }()
		if became == wrong {
			return
		}
		g.addresses.Give(address, 1)
		if took {
			g.accounts.Give(account, 1)
		}
		if became == undecided {
			g.unguess(pair)
			return
		}
		g.pairs.change(pair, func(tries, bool) (tries, bool) { return tries{}, false })
		g.owners.change(pair, func(struct{}, bool) (struct{}, bool) { return struct{}{}, true })
	}, nil
}

// unguess takes a guess of a pair for not made. The pause stays: or whoever hangs up in time would have none.
func (g *Guesses) unguess(pair string) {
	g.pairs.change(pair, func(t tries, known bool) (tries, bool) {
		t.failed--
		return t, known
	})
}

// take counts an attempt as a wrong one, under all that it counts under, or says how long it has to wait. Took tells whether
// the account's own bucket is one of them.
func (g *Guesses) take(pair, account, address string) (took bool, wait time.Duration) {
	if wait = g.addresses.Take(address, 1); wait > 0 {
		return false, wait
	}
	if wait = g.pause(pair); wait > 0 {
		g.addresses.Give(address, 1)
		return false, wait
	}
	if g.owners.has(pair) {
		return false, 0
	}
	if wait = g.accounts.Take(account, 1); wait > 0 {
		g.addresses.Give(address, 1)
		g.unguess(pair)
		return false, wait
	}
	return true, 0
}

// pause counts one more guess of a pair, or says how long it has to wait.
func (g *Guesses) pause(pair string) (wait time.Duration) {
	now := g.now()
	g.pairs.change(pair, func(t tries, _ bool) (tries, bool) {
		if wait = t.until.Sub(now); wait > 0 {
			return t, true
		}
		wait = 0
		if now.Sub(t.until) > forgotten {
			t.failed = 0
		}
		t.failed++
		t.until = now
		if over := t.failed - freeGuesses; over >= 0 {
			t.until = now.Add(min(longPause, firstPause<<min(over, 10)))
		}
		return t, true
	})
	return wait
}

// code begins an attempt with a secret that names no account.
func (g *Guesses) code(address string) (settle func(outcome), err error) {
	const kind = "code\x00"
	if wait := g.addresses.Take(kind+address, 1); wait > 0 {
		return nil, tooManyGuesses(wait)
	}
	return func(became outcome) {
		if became != wrong {
			g.addresses.Give(kind+address, 1)
		}
	}, nil
}
