// Package sim plays WeChat: the mini-program API and the pay API, with everything in memory, real cryptography, and an opinion of
// its own on every field. It checks requests by code written from the documentation, so that what passes here was not merely
// compared with itself. Money is in fen, and exact.
package sim

import (
	"container/heap"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/clock"
)

// Sim is one WeChat. It is an http.Handler for both hosts and for /sim; all methods may be called at once.
type Sim struct {
	now      clock.Clock
	log      *slog.Logger
	client   *http.Client
	mux      *http.ServeMux
	demo     bool
	loopback bool
	wake     chan struct{}

	mu        sync.Mutex
	rules     Rules
	random    *rand.Rand
	last      int64 // what ids count
	merchants map[string]*merchant
	accounts  map[string]*account
	apps      map[string]*app
	platform  []PlatformKey
	nonces    map[string]time.Time
	files     map[string]billFile

	trades       map[tradeKey]*trade
	order        []*trade // as they were made
	transactions map[string]*trade
	prepays      map[string]*prepay
	combines     map[tradeKey]*combine
	refunds      map[tradeKey]*refund
	shares       map[tradeKey]*share
	returns      map[tradeKey]*giveBack

	timers     timers
	notices    []*notice
	deliveries []Delivery
	faults     []*Fault
	refusals   []Refusal
	effects    Effects
}

// merchant is a configured merchant and the state that belongs to it.
type merchant struct {
	Merchant
	bound map[string]bool
	subs  map[string]bool
}

// New makes a simulator. The clock drives all that takes time: see Tick and Run.
func New(c Config) (*Sim, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("configuration of the simulator: %w", err)
	}
	s := &Sim{
		now: c.Clock, log: c.Log, client: c.Client, demo: c.DemoCodes, loopback: c.LoopbackHTTP, wake: make(chan struct{}, 1),
		rules: c.Rules, random: rand.New(rand.NewPCG(c.Seed, 1)), //nolint:gosec // a seed makes runs alike
		merchants: map[string]*merchant{}, accounts: map[string]*account{}, apps: map[string]*app{},
		platform: c.Platform, nonces: map[string]time.Time{}, files: map[string]billFile{},
		trades: map[tradeKey]*trade{}, transactions: map[string]*trade{}, prepays: map[string]*prepay{},
		combines: map[tradeKey]*combine{}, refunds: map[tradeKey]*refund{}, shares: map[tradeKey]*share{}, returns: map[tradeKey]*giveBack{},
		effects: Effects{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.client == nil {
		s.client = &http.Client{Timeout: noticeDeadline, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	for _, p := range c.MiniPrograms {
		s.apps[p.AppID] = newApp(p)
	}
	for _, m := range c.Merchants {
		s.addMerchant(m)
	}
	for _, a := range c.Others {
		s.addAccount(a)
	}
	s.routes()
	return s, nil
}

func (s *Sim) addMerchant(m Merchant) {
	known := &merchant{Merchant: m, bound: map[string]bool{}, subs: map[string]bool{}}
	for _, id := range m.AppIDs {
		known.bound[id] = true
	}
	for _, sub := range m.Subs {
		known.subs[sub.ID] = true
		s.addAccount(sub)
	}
	s.merchants[m.ID] = known
	s.addAccount(m.Account)
}

// Set changes the rules from now on.
func (s *Sim) Set(change func(*Rules)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.rules)
}

// Rotate adds a platform certificate, which signs from now on; the older ones stay valid until they expire.
func (s *Sim) Rotate() (PlatformKey, error) {
	k, err := NewPlatformKey(s.now())
	if err != nil {
		return PlatformKey{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.platform = append(s.platform, k)
	return k, nil
}

// Retire takes a platform certificate away.
func (s *Sim) Retire(serial string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []PlatformKey
	for _, k := range s.platform {
		if k.Serial != serial {
			left = append(left, k)
		}
	}
	s.platform = left
}

// ServeHTTP answers for api.weixin.qq.com, api.mch.weixin.qq.com and /sim.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// signer is the key that signs for a merchant: what its request asked for, else what it is set up for.
func (s *Sim) signer(m *merchant, asked string) (string, *rsa.PrivateKey, error) {
	certificates := m.PublicKey == nil || m.AlsoCertificates
	if m.PublicKey != nil && (asked == m.PublicKeyID || asked == "") {
		return m.PublicKeyID, m.PublicKey, nil
	}
	if strings.HasPrefix(asked, "PUB_KEY_ID_") || !certificates {
		return "", nil, errors.New("no such public key")
	}
	now := s.now()
	for _, k := range slices.Backward(s.platform) {
		if (asked == "" || asked == k.Serial) && !now.Before(k.From) && now.Before(k.Until) {
			return k.Serial, k.Key, nil
		}
	}
	return "", nil, errors.New("no such platform certificate")
}

// id makes a number of 28 digits that nobody had before.
func (s *Sim) id(prefix string) string {
	s.last++
	tail := fmt.Sprintf("%s%09d%04d", s.now().In(beijing).Format("20060102"), s.last, s.random.IntN(10000))
	return prefix + strings.Repeat("0", max(0, 28-len(prefix)-len(tail))) + tail
}

// text makes random letters and digits.
func (s *Sim) text(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	out := make([]byte, n)
	for i := range out {
		out[i] = letters[s.random.IntN(len(letters))]
	}
	return string(out)
}

// beijing is where WeChat's days begin and end.
var beijing = time.FixedZone("CST", 8*60*60) //nolint:gochecknoglobals // a constant

func wechatTime(t time.Time) string { return t.In(beijing).Format(time.RFC3339) }

// timer is something that happens by itself at a moment.
type timer struct {
	at    time.Time
	order int64
	do    func()
}

type timers []timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	return t[i].at.Before(t[j].at) || t[i].at.Equal(t[j].at) && t[i].order < t[j].order
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push is for container/heap.
func (t *timers) Push(x any) {
	if one, ok := x.(timer); ok {
		*t = append(*t, one)
	}
}

// Pop is for container/heap.
func (t *timers) Pop() any {
	old := *t
	one := old[len(old)-1]
	*t = old[:len(old)-1]
	return one
}

// after has something done later, under the lock, before anything that is asked at that time or later.
func (s *Sim) after(d time.Duration, do func()) {
	s.last++
	heap.Push(&s.timers, timer{at: s.now().Add(d), order: s.last, do: do})
	s.stir()
}

// catchUp does what was due until now.
func (s *Sim) catchUp() {
	for len(s.timers) > 0 && !s.timers[0].at.After(s.now()) {
		if due, ok := heap.Pop(&s.timers).(timer); ok {
			due.do()
		}
	}
}

// stir wakes Run.
func (s *Sim) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
