package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/check/checktest"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

// crowd logs in so many buyers, at these servers in turn.
func crowd(t *testing.T, n int, servers ...*world) []*client {
	t.Helper()
	out, errs := make([]*client, n), make([]error, n)
	var wg sync.WaitGroup
	for part := range 8 {
		wg.Go(func() {
			for i := part; i < n; i += 8 {
				out[i], errs[i] = servers[i%len(servers)].walkIn(fmt.Sprintf("crowd-%d", i))
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		must(t, err)
	}
	return out
}

// walkIn is buyer for goroutines, which must not end the test.
func (w *world) walkIn(name string) (*client, error) {
	who := mixer{client: w.anonymous(), m: &mix{counts: map[string]int{}}}
	got, ok := call[struct {
		It struct{ Session struct{ AccessToken string } }
	}](&who, "log in", mutation("sessionCreate", "SessionCreateInput", "session { accessToken }", vars{"weChat": vars{"appId": "wxdemo", "code": "demo-" + name}}))
	if !ok {
		return nil, fmt.Errorf("log in %s: %v", name, who.m.wrong)
	}
	w.log.keepOut(got.It.Session.AccessToken)
	return &client{world: w, token: got.It.Session.AccessToken}, nil
}

// buyAndPay places and pays for each client, so many at once, and returns the orders of those who got one.
func buyAndPay(t *testing.T, clients []*client, atOnce int, input func(i int) vars) []string {
	t.Helper()
	type placed struct {
		It struct {
			Checkout *struct {
				Payment struct{ ID string }
				Orders  []struct{ ID string }
			}
			UserErrors []struct{ Code string }
		}
	}
	via := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
	t.Cleanup(via.CloseIdleConnections)
	m := &mix{counts: map[string]int{}}
	orders := make([]string, len(clients))
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range clients {
			next <- i
		}
	}()
	together(atOnce, func(int) {
		for i := range next {
			who := &mixer{client: &client{world: clients[i].world, token: clients[i].token, via: via}, m: m}
			got, ok := call[placed](who, "place", mutation("checkoutPlace", "CheckoutPlaceInput", "checkout { payment { id } orders { id } }", filled(input(i))))
			if !ok {
				continue
			}
			for range 20 { // PAYMENT_PENDING asks to try again
				if _, ok := call[struct{}](who, "pay", ofPayment("sandboxPaymentConfirm", got.It.Checkout.Payment.ID)); ok {
					orders[i] = got.It.Checkout.Orders[0].ID
					break
				}
			}
		}
	})
	for _, wrong := range m.wrong {
		t.Error(wrong)
	}
	for what := range m.counts {
		if what != "place" && what != "pay" && what != "pay PAYMENT_PENDING" && what != "place OUT_OF_STOCK" && !strings.HasSuffix(what, "OVERLOADED") {
			t.Errorf("%d times %s", m.counts[what], what)
		}
	}
	var won []string
	for _, o := range orders {
		if o != "" {
			won = append(won, o)
		}
	}
	return won
}

// TestOthersOversell has 700 buyers, hundreds at once, pay for a stock of 500. Vendure 3.7.3 placed 700 paid orders when
// measured. Under the race detector there are fewer of all.
func TestOthersOversell(t *testing.T) {
	t.Parallel()
	const buyers, atOnce, units = rushBuyers, rushAtOnce, rushUnits
	eachWorld(t, func(t *testing.T, w *world) {
		v := w.goods(t, w.shops(t)[0], 100, units)[0]
		clients := crowd(t, buyers, w)
		start := time.Now()
		won := buyAndPay(t, clients, atOnce, func(int) vars { return vars{"lines": lines(v, 1)} })
		t.Logf("%d orders in %v", len(won), time.Since(start).Round(time.Millisecond))
		if len(won) != units {
			t.Errorf("%d paid orders of %d units", len(won), units)
		}
		checkStock(t, "sold out", w.merchant(t).stock(t, v), 0, 0, 0)
	})
}

// TestOthersSellOneUnitTwice has buyers at two servers pay for the one unit there is. Medusa has open reports of one unit sold
// twice (#16825).
func TestOthersSellOneUnitTwice(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		clients := crowd(t, 40, w, newWorld(t, w.source))
		for range 3 {
			v := w.goods(t, w.shops(t)[0], 100, 1)[0]
			if won := buyAndPay(t, clients, len(clients), func(int) vars { return vars{"lines": lines(v, 1)} }); len(won) != 1 {
				t.Errorf("one unit was sold to %d buyers", len(won))
			}
			checkStock(t, "sold", w.merchant(t).stock(t, v), 0, 0, 0)
		}
	})
}

// TestOthersOversellTwoLinesOfOneItem buys one variant in two lines of a checkout. Medusa has an open report of oversold stock
// where each line alone is covered (#16502).
func TestOthersOversellTwoLinesOfOneItem(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		shop := w.shops(t)[0]
		v := w.goods(t, shop, 100, 3)[0]
		got := w.buyer(t, "twice").place(t, vars{"lines": lines(v, 2, v, 2)})
		got.refused(t, "OUT_OF_STOCK")
		if s := got.UserErrors[0].Shortages; len(s) != 1 || s[0] != (shortage{v, 4, 3}) {
			t.Errorf("short of %+v", s)
		}
		checkStock(t, "refused", w.merchant(t).stock(t, v), 3, 0, 0)

		many := w.goods(t, shop, 100, 50)[0]
		won := buyAndPay(t, crowd(t, 30, w), 30, func(int) vars { return vars{"lines": lines(many, 2, many, 1)} })
		if len(won) != 50/3 {
			t.Errorf("%d orders of 3 from a stock of 50", len(won))
		}
		checkStock(t, "sold", w.merchant(t).stock(t, many), 50%3, 0, 0)
	})
}

// TestOthersNeedManyCalls goes from nothing to what wx.requestPayment takes in one call, whose statements are counted. Saleor
// needs 4 to 6 calls and 230 SQL statements to complete a checkout.
func TestOthersNeedManyCalls(t *testing.T) {
	t.Parallel()
	const most = 20
	testdb.EachSource(t, func(t *testing.T, source string) {
		w, seen := newQuietWorld(t, source)
		shops, buyer := w.shops(t), w.buyer(t, "brisk")
		v := append(w.goods(t, shops[0], 100, 9, 9), w.goods(t, shops[1], 100, 9)...)
		body := placeBody(t, vars{"lines": lines(v[0], 1, v[1], 2, v[2], 1)})
		var got answer
		sent := seen.during(func() { got = buyer.post(t, body) })
		made := decode[struct{ CheckoutPlace checkoutPayload }](t, got).CheckoutPlace
		made.refused(t)
		if c := made.Checkout; len(c.Orders) != 2 || c.Payment.WeChatPay == nil || c.Payment.WeChatPay.PaySign == "" {
			t.Errorf("one call gives %+v", c)
		}
		if t.Logf("a checkout of 2 shops and 3 lines: 1 call, %d statements", len(sent)); len(sent) > most {
			t.Errorf("%d statements, want at most %d", len(sent), most)
		}
	})
}

// TestOthersHaveTheMoneyButNoOrder cuts the line while buyers pay and kills the server under them: whoever's money the provider
// has, has a paid order. Saleor sometimes has the money and no order (#14733).
func TestOthersHaveTheMoneyButNoOrder(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		t.Parallel()
		const buyers = 24
		env := []string{"HOLDFAST_DATABASE=" + source, "HOLDFAST_DEMO=true", "HOLDFAST_HOLD=6s"}
		p, _ := serve(t, t.TempDir(), env...)
		w := p.world()
		v := w.goods(t, w.shops(t)[0], 100, 100)[0]
		clients := crowd(t, buyers, w)
		placed, orders := make([]*checkoutView, buyers), map[string]bool{}
		for i, c := range clients {
			placed[i] = c.buy(t, vars{"lines": lines(v, 1)})
		}
		var wg sync.WaitGroup
		for i, c := range clients { // all pay; some hang up at once, and then the server dies
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*4*time.Millisecond)
				defer cancel()
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/graphql", bytes.NewReader(payBody(placed[i].Payment.ID)))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+c.token)
				if resp, err := http.DefaultClient.Do(r); err == nil {
					_ = resp.Body.Close()
				}
			})
		}
		time.Sleep(time.Duration(30+rand.IntN(70)) * time.Millisecond)
		_ = p.cmd.Process.Kill()
		wg.Wait()
		<-p.exited

		p, _ = serve(t, t.TempDir(), env...)
		again := &world{url: p.url, log: w.log}
		for i, c := range clients {
			waitFor(t, "what was held to be decided", func() bool {
				return (&client{world: again, token: c.token}).order(t, placed[i].Orders[0].ID).Status != "PENDING_PAYMENT"
			})
		}
		d := testdb.Open(t, source, db.Options{})
		paid := 0
		for i, c := range clients {
			o := (&client{world: again, token: c.token}).order(t, placed[i].Orders[0].ID)
			trade, err := d.SandboxTrade.Get(t.Context(), placed[i].Payment.ID)
			must(t, err)
			if (trade.Status == "PAID") != (o.Status == "PAID") {
				t.Errorf("the provider says %s, the order is %s", trade.Status, o.Status)
			}
			if orders[o.ID] = true; trade.Status == "PAID" {
				paid++
			}
		}
		t.Logf("%d of %d had paid", paid, buyers)
		if len(orders) != buyers {
			t.Errorf("%d orders of %d buyers", len(orders), buyers)
		}
		checktest.Must(t, d)
		p.end(t)
	})
}

// payBody is the body of a sandboxPaymentConfirm.
func payBody(payment string) []byte {
	return []byte(`{"query":"mutation { sandboxPaymentConfirm(paymentId: \"` + payment + `\") { payment { status } userErrors { code } } }"}`)
}

// TestOthersLoseLateMoney has 16 buyers pay after the end of their holds for 10 units: 10 get the goods, 6 their money. The
// WeChat malls lose the money of buyers who pay after the timeout.
func TestOthersLoseLateMoney(t *testing.T) {
	t.Parallel()
	const buyers, units, price = 16, 10, 4321
	eachWorld(t, func(t *testing.T, w *world) {
		v := w.goods(t, w.shops(t)[0], price, buyers)[0]
		clients, placed := crowd(t, buyers, w), make([]*checkoutView, buyers)
		for i, c := range clients {
			placed[i] = c.buy(t, vars{"lines": lines(v, 1)})
		}
		for i, c := range clients {
			waitFor(t, "the hold to end", func() bool { return c.order(t, placed[i].Orders[0].ID).Status == "EXPIRED" })
		}
		w.merchant(t).adjust(t, vars{"variantId": v, "onHand": units}).refused(t)
		answers, errs := make([]answer, buyers), make([]error, buyers)
		together(buyers, func(i int) { answers[i], errs[i] = clients[i].try(payBody(placed[i].Payment.ID), nil) })
		counts := map[string]int{}
		for i, c := range clients {
			if errs[i] != nil || len(answers[i].Errors) > 0 {
				t.Fatalf("buyer %d: %v %s", i, errs[i], answers[i].Body)
			}
			var o *orderView
			waitFor(t, "the money to find its place", func() bool {
				o = c.order(t, placed[i].Orders[0].ID)
				return o.Status == "PAID" || o.Status == "REFUNDED"
			})
			if counts[o.Status]++; o.PaidAt == nil || o.Status == "REFUNDED" && o.Refunded.Amount != price {
				t.Errorf("an order that is %s: %+v", o.Status, o)
			}
		}
		if counts["PAID"] != units || counts["REFUNDED"] != buyers-units {
			t.Errorf("%v, want %d PAID and %d REFUNDED", counts, units, buyers-units)
		}
		checkStock(t, "sold late", w.merchant(t).stock(t, v), 0, 0, 0)
	}, withHold(time.Second))
}

// TestOthersPushNoStock has somebody who is not even logged in watch a product's stock move, within a second, as others buy it
// at this server and at another. Nobody else pushes stock to buyers.
func TestOthersPushNoStock(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		other := newWorld(t, w.source)
		v := w.goods(t, w.shops(t)[0], 100, 10)[0]
		s := w.anonymous().socket(t)
		id := s.watch(watchStocks, vars{"ids": []string{v}})
		last := told[stockView](s, id)
		for i, at := range []*world{w, other} {
			buyer := at.buyer(t, "watched")
			placed := buyer.buy(t, vars{"lines": lines(v, 3)})
			bought := time.Now()
			got := told[stockView](s, id)
			if took := time.Since(bought); got.Available != 10-3*(i+1) || got.Version <= last.Version || took > patience {
				t.Errorf("told of %+v after %v", got, took)
			}
			last = got
			buyer.confirm(t, placed.Payment.ID).refused(t)
			if got := told[stockView](s, id); got.Available != last.Available {
				t.Errorf("sold: told of %+v", got)
			}
		}
	})
}
