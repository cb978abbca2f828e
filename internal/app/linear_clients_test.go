package app_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"holdfast/internal/app"
	"holdfast/internal/checkout"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// crowd is clients who want the same few things, and what they were told.
type crowd struct {
	*world

	t      *testing.T
	ctx    context.Context //nolint:containedctx // of one test
	seed   uint64
	goods  []typeid.Variant
	begin  []shelf
	buyers []identity.Principal // two clients are one buyer, on two telephones
	from   time.Time
	killed atomic.Pointer[process] // nil where there is one process alone
	kills  int

	clients, background sync.WaitGroup

	mu    sync.Mutex
	log   []porcupine.Operation
	slots []int // of each SKU, so many
	deals []*bought
	turns []turnOfTime

	unknown int // acts of which nobody heard, and which happened
}

// turnOfTime is one move of the clock: to now, known to everybody at asked, and by end everything overdue was let go.
type turnOfTime struct {
	now               time.Time
	begin, asked, end int64
}

// bought is a checkout that a client knows of.
type bought struct {
	id            typeid.Checkout
	payment       typeid.Payment
	buyer         int
	sku, slot     int
	quantity      int
	until         time.Time
	asked, placed int64
}

func newCrowd(t *testing.T, w *world, kind testdb.Kind, seed uint64) *crowd {
	t.Helper()
	c := &crowd{world: w, t: t, ctx: t.Context(), seed: seed, from: time.Now(), slots: make([]int, skus)}
	for sku := range skus {
		v, err := w.variant(t.Context(), 0, 1999, 5+10*sku)
		must(t, err)
		c.goods = append(c.goods, v)
		stocks, err := w.Inventory.Stocks(t.Context(), []typeid.Variant{v})
		must(t, err)
		c.begin = append(c.begin, shelf{onHand: stocks[0].OnHand, seen: stocks[0].Version})
	}
	for range clients / 2 {
		who, err := w.buyer(t.Context())
		must(t, err)
		c.buyers = append(c.buyers, who)
	}
	if kind == testdb.MySQL {
		p, err := c.start()
		must(t, err)
		c.killed.Store(p)
	}
	return c
}

// start starts the process that is killed.
func (c *crowd) start() (*process, error) {
	p, err := start(c.t, c.world)
	if err == nil {
		c.t.Cleanup(func() {
			p.die()
			_ = p.db.Close() // of a dead process
		})
	}
	return p, err
}

// keyOf is the idempotency key of an act.
func (c *crowd) keyOf(a act) string { return fmt.Sprintf("%d-%d-%d", c.seed, a.sku, a.slot) }

// at is the time since the crowd came.
func (c *crowd) at() int64 { return int64(time.Since(c.from)) }

// slot is a new slot of a SKU.
func (c *crowd) slot(sku int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots[sku]++
	return c.slots[sku] - 1
}

// client is one client, who does one thing after the other.
func (c *crowd) client(n int) {
	random := rand.New(rand.NewPCG(c.seed, uint64(n)))
	for range actsEach {
		at := c.App
		if p := c.killed.Load(); p != nil && random.IntN(2) == 0 {
			at = p.App
		}
		sku := random.IntN(skus)
		switch what := random.IntN(20); {
		case what < 9:
			c.place(at, random, n, sku)
		case what < 12:
			c.cancel(at, random, n)
		case what < 15:
			c.pay(at, random, n)
		case what < 17:
			c.adjust(at, random, n, sku)
		default:
			c.read(at, n, sku)
		}
	}
}

// place buys something, and asks again with the same key until there is an answer.
func (c *crowd) place(at *app.App, random *rand.Rand, n, sku int) {
	a := act{do: doPlace, sku: sku, slot: c.slot(sku), quantity: 1 + random.IntN(3)}
	in := checkout.Input{
		IdempotencyKey: c.keyOf(a),
		Lines:          []checkout.LineInput{{VariantID: c.goods[sku].String(), Quantity: a.quantity}},
	}
	asked := c.at()
	for tries := 1; ; tries++ {
		ctx, hangUp := c.context(random)
		call := c.at()
		got, err := at.Checkouts.Place(ctx, c.buyers[n/2], in)
		hangUp()
		told := answerOf(err)
		if got != nil { // held, whatever the provider says
			told = answer{}
		}
		if short, ok := errors.AsType[*inventory.ShortError](err); ok {
			told.available = short.Shortages[0].Available
		}
		if c.again(n, tries, asked, call, a, told) {
			at = c.App // somebody who lives
			continue
		}
		if got != nil {
			c.mu.Lock()
			c.deals = append(c.deals, &bought{got.ID, got.Payment.ID, n / 2, sku, a.slot, a.quantity, got.HeldUntil, asked, c.at()})
			c.mu.Unlock()
		}
		return
	}
}

// again tells whether something that has a key is to be asked for again. All tries are one act, as they happen once: one that is
// granted. When the last is refused, those that nobody heard of may happen yet.
func (c *crowd) again(n, tries int, first, last int64, a act, told answer) bool {
	switch {
	case told.unknown:
		return true
	case told.code == "" && a.do == doAdjust && tries > 1: // done before, perhaps; and what was answered is how the stock stands
		c.record(n, first, a, answer{granted: true})
		c.record(n, last, act{do: doRead, sku: a.sku}, told)
	case told.code == "":
		c.record(n, first, a, told)
	default:
		c.record(n, last, a, told)
		if tries > 1 {
			c.record(n, first, a, answer{unknown: true})
		}
	}
	return false
}

// answerOf is what an error tells a client: a refusal, or nothing at all.
func answerOf(err error) answer {
	list := fault.List(err)
	if len(list) == 1 {
		code := list[0].Refused().Code
		return answer{code: code, unknown: code == fault.PaymentPending || code == fault.Overloaded}
	}
	return answer{unknown: err != nil}
}

// draw is a checkout of the client's buyer, or nil; mostly one of the last.
func (c *crowd) draw(random *rand.Rand, n int) *bought {
	c.mu.Lock()
	defer c.mu.Unlock()
	var mine []*bought
	for _, d := range c.deals {
		if d.buyer == n/2 {
			mine = append(mine, d)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	return mine[max(0, len(mine)-1-random.IntN(6))]
}

func (c *crowd) cancel(at *app.App, random *rand.Rand, n int) {
	d := c.draw(random, n)
	if d == nil {
		return
	}
	ctx, hangUp := c.context(random)
	defer hangUp()
	call := c.at()
	_, err := at.Checkouts.Cancel(ctx, c.buyers[d.buyer], d.id.String())
	told := answerOf(err)
	if told.code == fault.Conflict {
		return // the provider was not heard, and nothing was done
	}
	c.record(n, call, act{do: doCancel, sku: d.sku, slot: d.slot, quantity: d.quantity}, told)
}

func (c *crowd) pay(at *app.App, random *rand.Rand, n int) {
	d := c.draw(random, n)
	if d == nil {
		return
	}
	ctx, hangUp := c.context(random)
	defer hangUp()
	call := c.at()
	got, err := at.Checkouts.SandboxConfirm(ctx, c.buyers[d.buyer], d.payment.String())
	told := answerOf(err)
	if err == nil {
		told.payment = got.Status
	}
	c.record(n, call, act{do: doPay, sku: d.sku, slot: d.slot, quantity: d.quantity}, told)
}

// adjust corrects a stock, and asks again until there is an answer.
func (c *crowd) adjust(at *app.App, random *rand.Rand, n, sku int) {
	a := act{do: doAdjust, sku: sku, slot: c.slot(sku), quantity: 1 + random.IntN(4)}
	if random.IntN(3) == 0 {
		a.quantity = -a.quantity
	}
	if random.IntN(3) == 0 {
		seen, err := at.Inventory.Stocks(c.ctx, []typeid.Variant{c.goods[sku]})
		if err != nil {
			return
		}
		a.version = &seen[0].Version
	}
	in := inventory.AdjustInput{
		VariantID: c.goods[sku].String(), Delta: &a.quantity, IfVersion: a.version, Reason: "count",
		IdempotencyKey: c.keyOf(a),
	}
	asked := c.at()
	for tries := 1; ; tries++ {
		ctx, hangUp := c.context(random)
		call := c.at()
		got, err := at.Inventory.Adjust(ctx, c.owner, in)
		hangUp()
		told := answerOf(err)
		if err == nil {
			told = stands(got)
		}
		if !c.again(n, tries, asked, call, a, told) {
			return
		}
		at = c.App
	}
}
