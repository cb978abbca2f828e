package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/ent/job"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

// crashShop is a shop whose server dies again and again, and what its clients were told.
type crashShop struct {
	binary, dir string
	env         []string
	d           *db.DB // the test's own look at the rows
	world       *world // the server that is alive
	buyers      []*client
	merchant    *client
	variants    []string

	mu    sync.Mutex
	sales []*sale
}

// heard is what a client knows of something that it asked for.
type heard int

const (
	unasked heard = iota
	lost          // asked for, and no answer came
	done
	refused
)

// sale is one checkout, and what became of it as far as its client knows.
type sale struct {
	who    *client
	input  vars
	key    string
	placed heard
	paid   heard
	cancel heard
	gaveUp []*givenUp // refunds

	checkout, payment, order, line string // once it is placed
}

// givenUp is a refund.
type givenUp struct {
	input vars
	key   string
	told  heard
	id    string
}

// crashLoad is what a shop is busy with when its server dies: of so many checkouts, one is paid, one cancelled.
type crashLoad struct {
	buyers, staff int
	pay, cancel   int // 0 is none
	pace          time.Duration
	before        int // so many are placed before; nothing else is, so that a transaction that begins is what becomes of them
}

const crashBuyers = 4

// newCrashShop fills a database with goods and people, and with orders that were paid and shared.
func newCrashShop(t *testing.T, binary, source string, env ...string) *crashShop {
	t.Helper()
	dir := t.TempDir()
	s := &crashShop{binary: binary, dir: dir, env: append([]string{"HOLDFAST_ADDR=127.0.0.1:0", "HOLDFAST_DATABASE=" + source, "HOLDFAST_DEMO=true", "HOLDFAST_MAX_OPEN=1000"}, env...)}
	s.d = testdb.Open(t, source, db.Options{MaxConns: 4})
	s.world = &world{log: &logBuffer{}, server: &server{db: s.d}}
	p := s.start(t)
	for i := range crashBuyers {
		s.buyers = append(s.buyers, s.world.buyer(t, fmt.Sprintf("crash-%d", i)))
	}
	s.merchant = s.world.merchant(t)
	shop := s.world.shops(t)[0]
	s.variants = s.world.goods(t, shop, 1001, 100_000, 100_000, 100_000)
	for i := range crashBuyers {
		x := s.sale(i)
		if !s.place(t, x) || !s.pay(t, x) {
			t.Fatal("a server that is not to die gives no answer")
		}
		s.merchant.shared(t, x.order)
	}
	p.end(t)
	return s
}

// start starts a server and makes it the one that clients talk to; it may have died before it was ready.
func (s *crashShop) start(t *testing.T, env ...string) *process {
	t.Helper()
	p := programAt(t, s.binary, s.dir, "", append(env, s.env...))
	p.start(t)
	if !p.awaitReady(t) && p.signal == 0 {
		t.Fatalf("the server ended with %d:\n%s", p.code, p.err.String())
	}
	via := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(via.CloseIdleConnections)
	s.world.url = p.url
	for _, c := range append(s.buyers, s.merchant) {
		if c != nil {
			c.via = via
		}
	}
	return p
}

// prepare places what is placed before.
func (s *crashShop) prepare(t *testing.T, load crashLoad) {
	t.Helper()
	if load.before == 0 {
		return
	}
	p := s.start(t)
	for i := range load.before {
		s.place(t, s.sale(i))
	}
	_ = p.cmd.Process.Kill()
	p.wait(t)
}

// unpaid takes one of those that were placed before, for this buyer to pay; nil when there is none any more.
func (s *crashShop) unpaid(buyer int) *sale {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.sales {
		if x.who == s.buyers[buyer] && x.paid == unasked && x.cancel == unasked {
			return x
		}
	}
	return nil
}

// busy has buyers and staff do what they do until the server is dead.
func (s *crashShop) busy(t *testing.T, p *process, load crashLoad) {
	t.Helper()
	dead := func() bool {
		select {
		case <-p.exited:
			return true
		default:
			return false
		}
	}
	end := time.Now().Add(crashWaits)
	together(load.buyers+load.staff, func(who int) {
		for n := 1 + who; !dead() && time.Now().Before(end); n++ {
			if who >= load.buyers {
				s.giveBack(t, s.anyPaid())
				time.Sleep(5 * time.Millisecond)
				continue
			}
			var x *sale
			if load.before > 0 {
				if x = s.unpaid(who); x == nil {
					return
				}
			} else if x = s.sale(who); !s.place(t, x) {
				continue // until it is known to be dead
			}
			switch {
			case load.pay > 0 && n%load.pay == 0:
				s.pay(t, x)
			case load.cancel > 0 && n%load.cancel == 0:
				s.drop(t, x)
			}
			time.Sleep(max(load.pace, 10*time.Millisecond))
		}
	})
}

// sale is a checkout that this buyer is about to place.
func (s *crashShop) sale(buyer int) *sale {
	key := unique("crash")
	x := &sale{who: s.buyers[buyer%len(s.buyers)], key: key, input: vars{
		"idempotencyKey": key, "shipTo": home, "lines": lines(s.variants[rand.IntN(len(s.variants))], 2),
	}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sales = append(s.sales, x)
	return x
}

// anyPaid is a sale that is known to be paid.
func (s *crashShop) anyPaid() *sale {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if x := s.sales[rand.IntN(len(s.sales))]; x.paid == done {
			return x
		}
	}
}

// note changes what is known.
func (s *crashShop) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// crashAnswer is what the mutations of this test answer.
type crashAnswer struct {
	It struct {
		Checkout *struct {
			ID      string
			Payment struct{ ID string }
			Orders  []struct {
				ID    string
				Lines []struct{ ID string }
			}
		}
		Payment    *struct{ Status string }
		Refund     *struct{ ID string }
		UserErrors []struct{ Code string }
	}
}

func (a crashAnswer) codes() string {
	var out []string
	for _, e := range a.It.UserErrors {
		out = append(out, e.Code)
	}
	return strings.Join(out, " ")
}

// ask sends a request; false says that no answer came.
func (s *crashShop) ask(t *testing.T, who *client, r request) (crashAnswer, bool) {
	t.Helper()
	var out crashAnswer
	body, err := json.Marshal(map[string]any{"query": r.query, "variables": r.vars})
	if err != nil {
		t.Error(err)
		return out, false
	}
	got, err := who.try(body, nil)
	if err != nil {
		return out, false
	}
	if err := json.Unmarshal(got.Data, &out); err != nil || len(got.Errors) > 0 {
		t.Errorf("%s\nanswered %d: %s", r.query, got.Status, got.Body)
	}
	return out, true
}

// place asks for a checkout, again and again with one key, and tells whether an answer came. It is the same checkout each time.
func (s *crashShop) place(t *testing.T, x *sale) bool {
	t.Helper()
	s.note(func() {
		if x.placed == unasked {
			x.placed = lost
		}
	})
	a, ok := s.ask(t, x.who, mutation("checkoutPlace", "CheckoutPlaceInput",
		"checkout { id payment { id weChatPay { package } } orders { id lines { id } } }", x.input))
	if !ok {
		return false
	}
	c := a.It.Checkout
	if c == nil || a.codes() != "" {
		t.Errorf("the checkout of %s was refused: %s", x.key, a.codes())
		return true
	}
	if len(c.Orders) == 0 || len(c.Orders[0].Lines) == 0 {
		t.Errorf("the checkout of %s was told without its orders", x.key)
		s.note(func() { x.placed, x.checkout = done, c.ID })
		return false
	}
	s.note(func() {
		if x.placed == done && x.checkout != c.ID {
			t.Errorf("the key %s had the checkout %s, and now has %s", x.key, x.checkout, c.ID)
		}
		x.placed, x.checkout, x.payment, x.order, x.line = done, c.ID, c.Payment.ID, c.Orders[0].ID, c.Orders[0].Lines[0].ID
	})
	return true
}

func (s *crashShop) pay(t *testing.T, x *sale) bool {
	t.Helper()
	s.note(func() {
		if x.paid == unasked {
			x.paid = lost
		}
	})
	a, ok := s.ask(t, x.who, ofPayment("sandboxPaymentConfirm", x.payment))
	if !ok {
		return false
	}
	switch codes := a.codes(); {
	case codes == "" && a.It.Payment.Status != "PENDING" && a.It.Payment.Status != "CLOSED":
		s.note(func() { x.paid = done })
	case codes == "PAYMENT_CLOSED" && x.paid != done: // it is just being let go
		s.note(func() { x.paid = refused })
	default:
		t.Errorf("paying for %s: %s, %v", x.key, codes, a.It.Payment)
	}
	return true
}

// drop cancels.
func (s *crashShop) drop(t *testing.T, x *sale) {
	t.Helper()
	s.note(func() {
		if x.cancel == unasked {
			x.cancel = lost
		}
	})
	a, ok := s.ask(t, x.who, request{`mutation($id: ID!) { it: checkoutCancel(checkoutId: $id) { checkout { id } userErrors { code } } }`, vars{"id": x.checkout}})
	switch {
	case !ok:
	case a.codes() == "":
		s.note(func() { x.cancel = done })
	case x.cancel != done: // somebody else was first
		s.note(func() { x.cancel = refused })
	default:
		t.Errorf("cancelling %s again: %s", x.key, a.codes())
	}
}

// giveBack refunds a sale: first one of its two pieces, which goes back on sale, then fen after fen.
func (s *crashShop) giveBack(t *testing.T, x *sale) {
	t.Helper()
	key := unique("refund")
	r := &givenUp{key: key, input: vars{"orderId": x.order, "idempotencyKey": key, "reason": key}}
	s.note(func() {
		if len(x.gaveUp) == 0 {
			one := []vars{{"orderLineId": x.line, "quantity": 1}}
			r.input["lines"], r.input["restock"] = one, one
		} else {
			r.input["amount"] = moneyView{1, "CNY"}
		}
		x.gaveUp = append(x.gaveUp, r)
	})
	s.refund(t, r)
}

// refund asks for a refund, again and again with one key. It is the same refund each time.
func (s *crashShop) refund(t *testing.T, r *givenUp) {
	t.Helper()
	s.note(func() {
		if r.told == unasked {
			r.told = lost
		}
	})
	a, ok := s.ask(t, s.merchant, mutation("orderRefund", "OrderRefundInput", "refund { id }", r.input))
	if !ok {
		return
	}
	if a.codes() != "" || a.It.Refund == nil {
		t.Errorf("the refund %s was refused: %s", r.key, a.codes())
		return
	}
	s.note(func() {
		if r.told == done && r.id != a.It.Refund.ID {
			t.Errorf("the key %s had the refund %s, and now has %s", r.key, r.id, a.It.Refund.ID)
		}
		r.told, r.id = done, a.It.Refund.ID
	})
}

// askAgain does what clients do who got no answer, twice; and has a few ask again who got one.
func (s *crashShop) askAgain(t *testing.T) {
	t.Helper()
	for i, x := range s.sales {
		recent := len(s.sales)-i <= 5
		for range 2 {
			if x.placed == lost || recent {
				s.place(t, x)
			}
			if x.paid == lost || recent && x.paid == done {
				s.pay(t, x)
			}
			if x.cancel == lost || recent && x.cancel == done {
				s.drop(t, x)
			}
			for n, r := range x.gaveUp {
				if r.told == lost || len(x.gaveUp)-n <= 1 && recent {
					s.refund(t, r)
				}
			}
		}
		if x.placed == lost || x.paid == lost || x.cancel == lost {
			t.Errorf("%s got no answer from a server that lives", x.key)
		}
	}
}

// passLeases lets the minute go by after which a server that says nothing is taken for dead: its jobs are for whoever comes next.
func (s *crashShop) passLeases(t *testing.T) {
	t.Helper()
	must(t, s.d.Job.Update().Where(job.LeasedUntilNotNil()).SetLeasedUntil(time.Now().UTC().Truncate(time.Microsecond)).Exec(t.Context()))
}

// end closes the shop: what is open is cancelled, or expires; jobs come to their end. Then the books agree, and goods moved once.
func (s *crashShop) end(t *testing.T, expires bool) {
	t.Helper()
	if t.Failed() {
		return // the first failure is the one to read
	}
	p := s.start(t)
	for _, x := range s.sales {
		if !expires && x.paid != done && x.cancel != done {
			s.drop(t, x)
		}
	}
	s.giveBack(t, s.sales[0]) // of the first day, long paid
	m := &mix{world: s.world}
	m.settle(t)
	m.compareBooks(t)
	s.checkTold(t)
	s.checkGoods(t)
	s.world.checkInvariants(t)
	p.end(t)
}
