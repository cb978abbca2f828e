package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"holdfast/graph"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/limit"
)

// What one client may do: generous for people, also for many behind one address, and little for programs. A session counts by
// itself; who has none counts by address. README.md has the same table.
const (
	sessionRequests, sessionRequestEvery   = 1000, 10 * time.Millisecond // 100/s
	addressRequests, addressRequestEvery   = 3000, 4 * time.Millisecond  // 250/s
	sessionMutations, sessionMutationEvery = 500, 50 * time.Millisecond  // 20/s
	addressMutations, addressMutationEvery = 300, 100 * time.Millisecond // what has no session logs in
	addressLogIns, addressLogInEvery       = 300, 200 * time.Millisecond // also those of sessions
	socketsOfAddress                       = 1000
	socketsOfSession                       = 1000
)

// How much runs at once.
const (
	minReads     = 16
	autoChanges  = 2048            // most wait to share a transaction, in the line of one shop, and hold no connection meanwhile
	roomQueue    = 2048            // so many may wait for room
	roomPatience = 5 * time.Second // and so long
)

// limits are what keeps clients from taking more than their part. It is a graph.Gate.
type limits struct {
	proxies proxies
	*rates  // nil for none
	// reads is room for queries, each of which holds about one connection to the database, changes for mutations, and files for files,
	// which take long. All nil for no bound.
	reads, changes, files *limit.Gate
}

// rates count what clients do.
type rates struct {
	requests, guests       *limit.Buckets // by session, and by address
	mutations, guestsWrite *limit.Buckets
	logIns                 *limit.Buckets
	guesses                *limit.Guesses
	sockets, ofSession     *limit.Counters
}

var _ graph.Gate = (*limits)(nil)

// newLimits are those of a valid configuration.
func newLimits(c *serveCommand, d *db.DB, now clock.Clock) (*limits, error) {
	trusted, err := parseProxies(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	l := &limits{proxies: trusted}
	reads, changes, err := c.operations(d)
	if err != nil {
		return nil, err
	}
	if reads > 0 {
		l.reads = limit.NewGate(reads, roomQueue, roomPatience)
		l.changes = limit.NewGate(changes, roomQueue, roomPatience)
		l.files = limit.NewGate(max(1, reads/4), 0, 0)
	}
	if c.RateLimits == "on" {
		l.rates = newRates(now)
	}
	return l, nil
}

func newRates(now clock.Clock) *rates {
	now = clock.Onward(now) // or a clock that is set back would keep everybody waiting until it is as late again
	buckets := func(burst int, every time.Duration) *limit.Buckets {
		return limit.NewBuckets(limit.Rate{Burst: burst, Every: every}, now)
	}
	return &rates{
		requests:    buckets(sessionRequests, sessionRequestEvery),
		guests:      buckets(addressRequests, addressRequestEvery),
		mutations:   buckets(sessionMutations, sessionMutationEvery),
		guestsWrite: buckets(addressMutations, addressMutationEvery),
		logIns:      buckets(addressLogIns, addressLogInEvery),
		guesses:     limit.NewGuesses(now),
		sockets:     limit.NewCounters(socketsOfAddress),
		ofSession:   limit.NewCounters(socketsOfSession),
	}
}

// accountOf is whose session it is; "" for nobody's. All sessions of one buyer count together.
func accountOf(who identity.Principal) string {
	switch {
	case who.IsBuyer():
		return who.Buyer.String()
	case who.IsStaff():
		return who.Staff.String()
	default:
		return ""
	}
}

// Arrive implements graph.Gate.
func (l *limits) Arrive(ctx context.Context, who identity.Principal) error {
	if l.rates == nil {
		return nil
	}
	if account := accountOf(who); account != "" {
		return limit.Requests(l.requests.Take(account, 1))
	}
	address, counts := countedAddress(ctx)
	if !counts {
		return nil
	}
	return limit.Requests(l.guests.Take(address, 1))
}

// Admit implements graph.Gate.
func (l *limits) Admit(ctx context.Context, who identity.Principal, ask graph.Ask) error {
	if l.rates == nil || ask.Mutations == 0 {
		return nil
	}
	address, counts := countedAddress(ctx)
	logIns := ask.LogIns
	if !counts {
		logIns = 0
	}
	if wait := l.logIns.Take(address, logIns); wait > 0 {
		return limit.Requests(wait)
	}
	var wait time.Duration
	if account := accountOf(who); account != "" {
		wait = l.mutations.Take(account, ask.Mutations)
	} else if counts {
		wait = l.guestsWrite.Take(address, ask.Mutations)
	}
	if wait > 0 && logIns > 0 {
		l.logIns.Give(address, logIns)
	}
	return limit.Requests(wait)
}

// Enter implements graph.Gate.
func (l *limits) Enter(ctx context.Context, ask graph.Ask) (leave func(), err error) {
	if ask.Mutations == 0 {
		return l.reads.Enter(ctx)
	}
	return l.changes.Enter(ctx)
}

type addressKey struct{}

// addressOf is the client's address, see addressed.
func addressOf(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}

// countedAddress is the client's address, and whether what it does counts: behind loopback there are those who develop, and everybody,
// when a proxy on this machine has not been named. What is guessed wrong counts all the same.
func countedAddress(ctx context.Context) (string, bool) {
	address := addressOf(ctx)
	return address, !loopback(address)
}

// addressed is r's ctx with where r comes from.
func (s *server) addressed(r *http.Request) context.Context {
	address := s.limits.proxies.client(r)
	ctx := context.WithValue(r.Context(), addressKey{}, address)
	if s.limits.rates != nil {
		ctx = s.limits.guesses.Watch(ctx, address)
	}
	return ctx
}

// counted refuses requests of who has sent too many, before their body is read.
func (s *server) counted(ctx context.Context, w http.ResponseWriter, r *http.Request, who identity.Principal) bool {
	err := s.limits.Arrive(ctx, who)
	if err != nil {
		s.refuse(w, r, err)
	}
	return err == nil
}

// fileRoom lets a file flow if its sender has not sent too many, and there is room.
func (s *server) fileRoom(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, outer *http.Request) {
		r := outer.WithContext(s.addressed(outer))
		defer func() { outer.Pattern = r.Pattern }()                   // observed looks at it
		who, _ := s.bearer(r.Context(), r.Header.Get("Authorization")) // files tell what is wrong with it
		err := s.limits.Arrive(r.Context(), who)
		if err == nil && r.Method == http.MethodPost {
			err = s.limits.Admit(r.Context(), who, graph.Ask{Mutations: 1})
		}
		var leave func()
		if err == nil {
			leave, err = s.limits.files.Enter(r.Context())
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
}

// refuse answers a whole request with 429 or 503, in the shape that GraphQL clients read and files' clients can.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	list := fault.List(err)
	if len(list) == 0 { // the client has left
		plain(w, http.StatusServiceUnavailable, "the request has ended")
		return
	}
	refused := list[0].Refused()
	s.metrics.Failed(r.Context(), "", refused.Code)
	type extensions struct {
		Code         fault.Code `json:"code"`
		RetryAfterMs int64      `json:"retryAfterMs"`
	}
	type requestError struct {
		Message    string     `json:"message"`
		Extensions extensions `json:"extensions"`
	}
	text := s.say(r.Header.Get("Accept-Language"), refused)
	after := extensions{refused.Code, (refused.RetryAfter + time.Millisecond - 1).Milliseconds()}
	var answer any = map[string]any{"errors": []requestError{{text, after}}}
	if r.URL.Path != "/graphql" {
		answer = map[string]any{"code": after.Code, "message": text, "retryAfterMs": after.RetryAfterMs}
	}
	body, err := json.Marshal(answer)
	if err != nil { // texts and a number
		s.log.ErrorContext(r.Context(), "encode refusal", "error", err)
	}
	status := http.StatusTooManyRequests
	if refused.Code == fault.Overloaded {
		status = http.StatusServiceUnavailable
	}
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Retry-After", strconv.FormatInt(max(1, (after.RetryAfterMs+999)/1000), 10))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
