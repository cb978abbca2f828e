package app_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"holdfast/internal/app"
	"holdfast/internal/check/checktest"
	"holdfast/internal/inventory"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

const (
	skus     = 4
	clients  = 10
	actsEach = 25
	patience = 20 * time.Second // with the search for an order
)

// TestLinearizable lets clients buy, pay, cancel, count and look at the same few SKUs at once while holds run out, clients hang up
// and, on MySQL, one of two processes is killed again and again. For each SKU there has to be an order of everything that explains
// every answer, in which nothing happens before it was asked for or after it was answered; what nobody heard of may have happened
// at any time since, or never. What clients do comes from a seed; -rapid.seed=SEED brings it back, though not its timing.
// HOLDFAST_TEST_LONG=1 does it 200 times.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, kind, clients*actsEach)
			rounds := 1
			if kind == testdb.MySQL {
				rounds = 2
			}
			if long() {
				rounds = 100
			}
			seed, given := flag.Lookup("rapid.seed").Value.(flag.Getter).Get().(uint64)
			given = given && seed != 0
			if given {
				rounds = 1
			}
			for range rounds {
				if !given {
					seed = rand.Uint64()
				}
				c := newCrowd(t, w, kind, seed)
				c.run()
				c.judge()
				checktest.Must(t, w.db)
				if t.Failed() {
					t.Fatalf("the seed is %d", seed)
				}
			}
		})
	}
}

// run lets the crowd loose, and time, until everybody is done; then everything comes to its end, and is looked at once more.
func (c *crowd) run() {
	done := make(chan struct{})
	c.background.Go(func() { c.passTime(done) })
	if c.killed.Load() != nil {
		c.background.Go(func() { c.killAgainAndAgain(done) })
	}
	for n := range clients {
		c.clients.Go(func() { c.client(n) })
	}
	c.clients.Wait()
	close(done)
	c.background.Wait()
	c.advance(hold)
	if _, err := c.Jobs.RunDue(c.ctx); err != nil { // what was paid and nobody heard of
		c.t.Errorf("run jobs: %v", err)
	}
	for sku := range c.goods {
		c.read(c.App, clients, sku)
	}
}

// passTime lets holds run out while the crowd is busy.
func (c *crowd) passTime(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(150 * time.Millisecond):
			c.advance(hold / 2)
		}
	}
}

// advance moves the clock and lets go what is overdue.
func (c *crowd) advance(by time.Duration) {
	turn := turnOfTime{begin: c.at(), now: c.clock.Now().Add(by)}
	c.clock.Advance(by)
	turn.asked = c.at()
	if err := c.sweep(c.ctx); err != nil {
		c.t.Errorf("sweep: %v", err)
	}
	turn.end = c.at()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turns = append(c.turns, turn)
}

// killAgainAndAgain kills the second process and starts it again.
func (c *crowd) killAgainAndAgain(done <-chan struct{}) {
	random := rand.New(rand.NewPCG(c.seed, clients))
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Duration(100+random.IntN(200)) * time.Millisecond):
		}
		old := c.killed.Load()
		old.kill(random.IntN(ways))
		select {
		case <-old.dead:
		case <-time.After(time.Second): // it commits nothing
			old.die()
		}
		fresh, err := c.start()
		if err != nil {
			c.t.Errorf("start a process: %v", err)
			return
		}
		c.kills++
		c.killed.Store(fresh)
	}
}

// judge has every SKU's history explained.
func (c *crowd) judge() {
	c.learn()
	for sku := range c.goods {
		var history []porcupine.Operation
		for _, op := range c.log {
			if op.Input.(act).sku == sku {
				history = append(history, op)
			}
		}
		begin := c.begin[sku]
		begin.slots = strings.Repeat(string(unused), c.slots[sku])
		if got := porcupine.CheckOperationsTimeout(skuModel(begin), history, patience); got != porcupine.Ok {
			c.t.Errorf("SKU %d, that began with %d at version %d: is there an order of these %d acts? %s\n%s", sku, begin.onHand, begin.seen, len(history), got, tell(history))
		}
	}
	c.t.Logf("%d acts in %v; %d happened and nobody heard, %d kills, %d turns of time", len(c.log), time.Since(c.from).Round(time.Millisecond), c.unknown, c.kills, len(c.turns))
}

// end is after everything.
func (c *crowd) end() int64 { return int64(time.Hour) }

// tell is a history in the order of its calls.
func tell(history []porcupine.Operation) string {
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var out strings.Builder
	for _, op := range history {
		a, got := op.Input.(act), op.Output.(answer)
		version := ""
		if a.version != nil {
			version = fmt.Sprintf(" if version %d", *a.version)
		}
		fmt.Fprintf(&out, "%8.3f to %8.3f ms  client %2d  %s #%d (%d)%s: %+v\n", float64(op.Call)/1e6, float64(op.Return)/1e6, op.ClientId,
			a.do, a.slot, a.quantity, version, got)
	}
	return out.String()
}

// read looks at a stock.
func (c *crowd) read(at *app.App, client, sku int) {
	call := c.at()
	got, err := at.Inventory.Stocks(c.ctx, []typeid.Variant{c.goods[sku]})
	if err != nil || len(got) != 1 {
		return // the process is dead; nothing was asked for
	}
	c.record(client, call, act{do: doRead, sku: sku}, stands(got[0]))
}

func stands(s *inventory.Stock) answer {
	return answer{onHand: s.OnHand, held: s.Held, version: s.Version}
}

// record writes an act and its answer down.
func (c *crowd) record(client int, call int64, a act, got answer) {
	ret := c.at()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, porcupine.Operation{ClientId: client, Input: a, Call: call, Output: got, Return: ret})
}

// context of a call: mostly one that lasts, sometimes that of a client who hangs up.
func (c *crowd) context(random *rand.Rand) (context.Context, context.CancelFunc) {
	if random.IntN(8) > 0 {
		return c.ctx, func() {}
	}
	return context.WithTimeout(c.ctx, time.Duration(random.IntN(10_000))*time.Microsecond)
}
