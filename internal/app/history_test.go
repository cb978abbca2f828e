package app_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/money"
	"holdfast/internal/order"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// long tells whether tests run at length.
func long() bool { return os.Getenv("HOLDFAST_TEST_LONG") != "" } //nolint:forbidigo // a test may

// perDatabase is how many histories share a database before the check of all its rows costs more than a new one.
const perDatabase = 25

// enough is how long histories go on without HOLDFAST_TEST_LONG.
const enough = 8 * time.Second

// TestHistories lets buyers, staff, the clock and jobs do random things one after the other, and compares every answer and all
// that can be seen with a model. A history that fails is made smaller, and told with the seed that brings it back:
//
//	go test -run TestHistories/sqlite ./internal/app -rapid.seed=SEED
//
// HOLDFAST_TEST_LONG=1 runs a thousand.
func TestHistories(t *testing.T) {
	t.Parallel()
	given := make(map[string]bool)
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	set := func(name, value string) {
		if !given[name] {
			must(t, flag.Set(name, value))
		}
	}
	set("rapid.nofailfile", "true") // a seed is enough, and the tree stays clean
	set("rapid.steps", "40")
	for _, on := range []struct {
		kind      testdb.Kind
		few, many int
	}{{testdb.MySQL, 15, 250}, {testdb.SQLite, 40, 750}} {
		t.Run(string(on.kind), func(t *testing.T) {
			n := on.few
			if long() {
				n = on.many
			}
			set("rapid.checks", strconv.Itoa(n))
			var next *world
			began, failed := time.Now(), false
			rapid.Check(t, func(r *rapid.T) {
				if !long() && !failed && time.Since(began) > enough {
					return // a busy machine does fewer
				}
				failed = true // until it is known better: what fails is run again, however long it takes
				w := next
				if w == nil || w.histories == perDatabase {
					w = newWorld(t, on.kind, maxOpen)
				}
				next = nil // what fails leaves a mess behind: the history after it gets a database of its own
				run(t.Context(), r, w)
				w.histories++
				next, failed = w, false
			})
		})
	}
}

// history is a world and what the model says of it. Everything random comes from t.
type history struct {
	*rapid.T
	*world

	ctx    context.Context //nolint:containedctx // of one test
	m      *model
	buyers []identity.Principal
	staff  identity.Principal
	used   int // keys
}

// run is one history, from goods on the shelf to the last fen.
func run(ctx context.Context, t *rapid.T, w *world) {
	h := &history{T: t, world: w, ctx: ctx, m: &model{adjusts: map[string]asked[adjustment]{}, refunds: map[string]asked[refundAsk]{}}}
	h.begin()
	actions := map[string]func(*rapid.T){"": h.with(h.compare)}
	for i, a := range []struct { // rapid draws the first ones more often
		name string
		do   func()
	}{
		{"place", h.place},
		{"place", h.place},
		{"place", h.place},
		{"wait", h.wait},
		{"pay unheard", h.unheard},
		{"refund", h.refund},
		{"pay", h.pay},
		{"place", h.place},
		{"cancel", h.cancel},
		{"adjust", h.adjust},
		{"place", h.place},
		{"work", h.runJobs},
		{"pay unheard", h.unheard},
		{"refund", h.refund},
		{"repeat", h.repeat},
		{"sync", h.sync},
		{"price", h.price},
		{"browse", h.browse},
	} {
		actions[fmt.Sprintf("%c %s", 'a'+i, a.name)] = h.with(a.do)
	}
	t.Repeat(actions)
	h.end()
}

func (h *history) with(fn func()) func(*rapid.T) {
	return func(t *rapid.T) {
		h.T = t
		fn()
	}
}

func (h *history) begin() {
	h.m.now = h.clock.Now()
	h.staff = identity.Principal{Staff: typeid.New[typeid.Staff](h.m.now)}
	for _, s := range h.shops {
		h.staff = h.staff.WithRole(s, identity.Owner)
	}
	for _, shop := range []int{0, 0, 0, shipping, foreign} {
		g := &good{
			shop: shop, onHand: rapid.IntRange(0, 12).Draw(h.T, "on hand"), most: 2,
			price: money.New(rapid.SampledFrom([]int64{0, 1, 7, 333, 1999}).Draw(h.T, "price"), currency(shop)),
		}
		var err error
		g.id, err = h.variant(h.ctx, shop, g.price.Amount, g.onHand)
		h.must(err)
		h.m.goods = append(h.m.goods, g)
	}
	for range 2 {
		who, err := h.buyer(h.ctx)
		h.must(err)
		h.buyers = append(h.buyers, who)
	}
}

// newKey is a key that was not used before.
func (h *history) newKey() string {
	h.used++
	return "k" + strconv.Itoa(h.used)
}

// refused wants an answer to be refused with exactly these codes, or granted.
func (h *history) refused(err error, want []fault.Code) {
	h.Helper()
	got, ok := codes(err)
	if !ok || !slices.Equal(got, want) {
		h.Fatalf("got %v (%v), want %v", got, err, want)
	}
}

func (h *history) same(what string, want, got any) {
	h.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func (h *history) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// shortages are those of an OUT_OF_STOCK.
func shortages(err error) []shortage {
	short, ok := errors.AsType[*inventory.ShortError](err)
	if !ok {
		return nil
	}
	var out []shortage
	for _, s := range short.Shortages {
		out = append(out, shortage{s.Variant.String(), s.Requested, s.Available})
	}
	return out
}

// ordersOf reads the orders that a deal has made.
func (h *history) ordersOf(id typeid.Checkout) []*order.Order {
	h.Helper()
	got, err := h.Orders.ByCheckouts(h.ctx, []typeid.Checkout{id})
	h.must(err)
	return got
}
