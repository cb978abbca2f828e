package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/ent/job"
	"holdfast/internal/demo"
	"holdfast/internal/identity"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// mixSeed is set by go test ./server -run TestSeededMix -args -mix.seed 7.
var mixSeed = flag.Uint64("mix.seed", 0, "what TestSeededMix makes its choices from; 0 is another one each time")

const (
	mixBuyers = 50
	mixHold   = 2 * time.Second
	mixWaits  = 90 * time.Second // for all that is under way at the end
)

// TestSeededMix is a busy day: 50 buyers browse, fill carts, place, pay, cancel, pay late and twice; 5 members of staff
// refund, ship, count, price and archive, while the provider is late, slow, silent, wrong and repeats itself. At the end the
// invariants hold, every refund has arrived, no job is left over, and the provider's books say what ours do.
func TestSeededMix(t *testing.T) {
	t.Parallel() // it waits
	seed := *mixSeed
	if seed == 0 {
		seed = rand.Uint64() | 1
	}
	testdb.EachSource(t, func(t *testing.T, source string) {
		t.Parallel()
		t.Logf("again: go test ./server -run 'TestSeededMix' -args -mix.seed %d", seed)
		m := newMix(t, newWorld(t, source, withHold(mixHold)), seed)
		m.run(t)
		m.settle(t)
		m.compareBooks(t)
	})
}

// mix is the shops, who is in them, and what went wrong.
type mix struct {
	*world
	seed     uint64
	shops    []shopView
	goods    [][]string // variants by shop
	products [][]string
	buyers   []*mixBuyer
	staff    []*mixStaff
	operator *client

	left   atomic.Int64 // operations to do
	mu     sync.Mutex
	wrong  []string       // answers that must not be
	counts map[string]int // by operation and what became of it
}

// mixer is one person of the mix.
type mixer struct {
	*client
	m    *mix
	rand *rand.Rand
}

type mixBuyer struct {
	mixer
	open   []mixPayment // placed, and not known to be over
	paid   []mixPayment
	over   []mixPayment // cancelled, or found closed
	bodies []vars       // inputs of checkouts, to send again
}

type mixPayment struct{ checkout, payment, order string }

type mixStaff struct {
	mixer
	shop  int
	owner bool
}

func newMix(t *testing.T, w *world, seed uint64) *mix {
	t.Helper()
	m := &mix{world: w, seed: seed, shops: w.shops(t)[:2], counts: map[string]int{}}
	via := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	t.Cleanup(via.CloseIdleConnections)
	person := func(c *client, n uint64) mixer {
		c.via = via
		return mixer{client: c, m: m, rand: rand.New(rand.NewPCG(seed, n))}
	}
	for _, shop := range m.shops {
		var variants, products []string
		for range 10 {
			p := w.product(t, shop, "ACTIVE", 1+rand.New(rand.NewPCG(seed, uint64(len(variants)))).Int64N(9999), 40, 15)
			variants, products = append(variants, p.variants...), append(products, p.product)
		}
		m.goods, m.products = append(m.goods, variants), append(m.products, products)
	}
	for i := range mixBuyers {
		m.buyers = append(m.buyers, &mixBuyer{mixer: person(w.buyer(t, fmt.Sprintf("mix-%d", i)), uint64(i))})
	}
	c := &cast{world: w}
	clerk := c.hire(t, "mix-clerk@example.test", "")
	id, _ := typeid.Parse[typeid.Staff](clerk.session.Viewer.ID)
	in, _ := typeid.Parse[typeid.Shop](m.shops[1].ID)
	must(t, w.business.Identity.GrantRole(t.Context(), id, in, identity.Clerk))
	for i, s := range []mixStaff{
		{mixer{client: w.staff(t, demo.Merchant, demo.Password)}, 0, true},
		{mixer{client: w.staff(t, demo.Merchant, demo.Password)}, 1, true},
		{mixer{client: c.hire(t, "mix-owner@example.test", m.shops[0].ID)}, 0, true},
		{mixer{client: w.staff(t, demo.Clerk, demo.Password)}, 0, false},
		{mixer{client: clerk}, 1, false},
	} {
		m.staff = append(m.staff, &mixStaff{person(s.client, uint64(1000+i)), s.shop, s.owner})
	}
	m.operator = w.staff(t, demo.Operator, demo.Password)
	return m
}

// run does all operations. Who is next takes the next one, so that a slow answer keeps nobody else waiting.
func (m *mix) run(t *testing.T) {
	t.Helper()
	m.left.Store(mixOperations)
	start := time.Now()
	var wg sync.WaitGroup
	busy := func(do func()) {
		wg.Go(func() {
			for m.left.Add(-1) >= 0 {
				do()
			}
		})
	}
	for _, b := range m.buyers {
		busy(b.act)
	}
	for _, s := range m.staff {
		busy(s.act)
	}
	ended := make(chan struct{})
	var weather sync.WaitGroup
	weather.Go(func() { m.provider(t, ended) })
	wg.Wait()
	close(ended)
	weather.Wait()
	took := time.Since(start)
	t.Logf("%d operations in %v, %.0f/s", mixOperations, took.Round(time.Millisecond), mixOperations/took.Seconds())
	for _, what := range slices.Sorted(maps.Keys(m.counts)) {
		t.Logf("%6d %s", m.counts[what], what)
	}
	for _, wrong := range m.wrong[:min(len(m.wrong), 10)] {
		t.Error(wrong)
	}
	if n := len(m.wrong); n > 10 {
		t.Errorf("and %d more", n-10)
	}
}

// provider has the sandbox misbehave for a while, and behave for a while.
func (m *mix) provider(t *testing.T, ended <-chan struct{}) {
	r := rand.New(rand.NewPCG(m.seed, 9999))
	bad := []vars{{"slowMs": 20}, {"lateMs": 400}, {"repeat": 5}, {"isWrong": true}, {"repeat": 3, "lateMs": 100}, {"isSilent": true}, {}}
	r.Shuffle(len(bad), func(i, j int) { bad[i], bad[j] = bad[j], bad[i] })
	set := func(f vars) {
		if _, ok := call[struct{ It payload }](&mixer{client: m.operator, m: m}, "faults",
			mutation("sandboxFaultsSet", "SandboxFaultsInput", "", f)); !ok && t.Context().Err() == nil {
			t.Error("the operator cannot set faults")
		}
	}
	defer set(vars{})
	for i := 0; ; i++ {
		pause := 900 * time.Millisecond
		if f := bad[i/2%len(bad)]; i%2 == 1 {
			set(f)
			if f["isSilent"] != nil {
				pause = 100 * time.Millisecond // whom it does not answer waits for seconds
			}
		} else {
			set(vars{})
		}
		select {
		case <-ended:
			return
		case <-time.After(pause):
		}
	}
}

// note counts what became of an operation.
func (m *mix) note(op string, codes ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[strings.TrimSpace(op+" "+strings.Join(codes, " "))]++
}

func (m *mix) failed(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// call sends an operation of one root field, "it". Top-level errors and faults must not be.
func call[T any](who *mixer, op string, r request) (out T, ok bool) {
	body, err := json.Marshal(map[string]any{"query": r.query, "variables": r.vars})
	if err != nil {
		who.m.failed("%s: encode: %v", op, err)
		return out, false
	}
	got, err := who.try(body, nil)
	for range 20 { // OVERLOADED asks to try again: nothing was done
		if err != nil || !bytes.Contains(got.Body, []byte(`"code":"OVERLOADED","retryAfterMs"`)) {
			break
		}
		who.m.note(op, "OVERLOADED")
		time.Sleep(time.Second)
		got, err = who.try(body, nil)
	}
	if err == nil && (got.Status != http.StatusOK || len(got.Errors) > 0) {
		err = fmt.Errorf("answered %d", got.Status)
	}
	if err == nil {
		err = json.Unmarshal(got.Data, &out)
	}
	if err != nil {
		who.m.failed("%s: %v: %s", op, err, got.Body)
		return out, false
	}
	var refusals struct {
		It struct{ UserErrors []struct{ Code string } }
	}
	_ = json.Unmarshal(got.Data, &refusals) // lists have none
	var codes []string
	for _, e := range refusals.It.UserErrors {
		codes = append(codes, e.Code)
	}
	who.m.note(op, slices.Compact(codes)...)
	return out, len(codes) == 0
}

// pick is any element of a list.
func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// chance is one of these actions; each has so many chances.
type chance struct {
	of int
	do func()
}

func (p *mixer) choose(list []chance) {
	all := 0
	for _, c := range list {
		all += c.of
	}
	n := p.rand.IntN(all)
	for _, c := range list {
		if n -= c.of; n < 0 {
			c.do()
			return
		}
	}
}

// settle waits until everything under way has ended: no checkout is open, and no job waits but those of shipped orders.
func (m *mix) settle(t *testing.T) {
	t.Helper()
	for _, b := range m.buyers { // as a client does when it was told PAYMENT_PENDING
		for _, p := range b.open {
			call[struct{}](&b.mixer, "sync at the end", ofPayment("paymentSync", p.payment))
		}
	}
	// The provider is asked again about what was let go, from a minute on; the test has it asked now.
	must(t, m.db.Job.Update().Where(job.Kind("PAYMENT")).SetRunAt(time.Now().UTC().Truncate(time.Microsecond)).Exec(t.Context()))
	var left []string
	for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if left = m.underWay(t); len(left) == 0 {
			t.Logf("all was settled %v after the last operation", time.Since(start).Round(time.Millisecond))
			return
		}
		if time.Since(start) > mixWaits {
			break
		}
	}
	t.Fatalf("still under way after %v:\n%s", mixWaits, strings.Join(left[:min(len(left), 20)], "\n"))
}

func (m *mix) underWay(t *testing.T) []string {
	t.Helper()
	var out []string
	open, err := m.db.Checkout.Query().All(t.Context())
	must(t, err)
	for _, c := range open {
		if c.Status == "OPEN" {
			out = append(out, fmt.Sprintf("checkout %s is open", c.ID))
		}
	}
	jobs, err := m.db.Job.Query().All(t.Context())
	must(t, err)
	for _, j := range jobs {
		// A shipped order completes by itself, much later; the provider is asked about what was let go, for a day.
		soon := time.Hour
		if j.Kind == "PAYMENT" {
			soon = 0
		}
		if j.LastError != nil || j.LeasedUntil != nil || time.Until(j.RunAt) <= soon {
			out = append(out, fmt.Sprintf("job %s runs at %v after %d tries: %v", j.ID, j.RunAt, j.Attempts, j.LastError))
		}
	}
	return out
}

// compareBooks compares the provider's books with ours, payment by payment and receiver by receiver.
func (m *mix) compareBooks(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	trades, err := m.db.SandboxTrade.Query().All(ctx)
	must(t, err)
	transfers, err := m.db.SandboxTransfer.Query().All(ctx)
	must(t, err)
	payments, err := m.db.Payment.Query().All(ctx)
	must(t, err)
	splits, err := m.db.PaymentSplit.Query().All(ctx)
	must(t, err)
	refunds, err := m.db.Refund.Query().All(ctx)
	must(t, err)

	type account struct{ payment, kind, receiver string }
	theirs, ours := map[account]int64{}, map[account]int64{}
	for _, r := range trades {
		if r.Status == "PAID" {
			theirs[account{r.ID, "paid", r.Currency}] += r.Amount
		}
	}
	for _, r := range transfers {
		switch r.Kind {
		case "REFUND":
			theirs[account{r.TradeID, "refunded", ""}] += r.Amount
		case "SHARE":
			theirs[account{r.TradeID, "shared", r.Receiver}] += r.Amount
		case "RETURN":
			theirs[account{r.TradeID, "shared", r.Receiver}] -= r.Amount
		}
	}
	for _, p := range payments {
		if p.PaidAt != nil {
			ours[account{p.ID.String(), "paid", p.Currency}] += p.Amount
		}
	}
	for _, r := range refunds {
		if ours[account{r.PaymentID.String(), "refunded", ""}] += r.Amount; r.Status != "SUCCEEDED" {
			t.Errorf("refund %s of %d is %s", r.ID, r.Amount, r.Status)
		}
	}
	for _, s := range splits {
		switch s.Status {
		case "SUCCEEDED", "RETURNED":
			ours[account{s.PaymentID.String(), "shared", s.Receiver}] += s.Amount - s.Returned
		case "CANCELLED":
		default:
			t.Errorf("the share %s of %d is %s", s.ID, s.Amount, s.Status)
		}
	}
	for _, books := range []map[account]int64{theirs, ours} {
		maps.DeleteFunc(books, func(_ account, n int64) bool { return n == 0 })
	}
	all := maps.Clone(ours)
	maps.Copy(all, theirs)
	for _, a := range slices.SortedFunc(maps.Keys(all), func(a, b account) int {
		return cmp.Or(cmp.Compare(a.payment, b.payment), cmp.Compare(a.kind, b.kind), cmp.Compare(a.receiver, b.receiver))
	}) {
		if theirs[a] != ours[a] {
			t.Errorf("%s, %s %s: the provider has %d, we have %d", a.payment, a.kind, a.receiver, theirs[a], ours[a])
		}
	}
	t.Logf("%d payments, %d paid at the provider, %d refunds, %d transfers", len(payments), len(trades), len(refunds), len(transfers))
	if len(refunds) == 0 || len(transfers) == 0 {
		t.Error("no money moved: the mix proves nothing")
	}
}
