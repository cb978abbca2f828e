package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"holdfast/ent/payment"
	"holdfast/ent/refund"
	"holdfast/internal/fault"
	"holdfast/internal/money"
	provider "holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// sandbox is the provider as the provider's own people see it.
func (w *world) sandbox(t *testing.T) *provider.Sandbox {
	t.Helper()
	s, ok := w.business.Provider.(*provider.Sandbox)
	if !ok {
		t.Fatal("the provider is no sandbox")
	}
	return s
}

// trade is a payment as the provider knows it.
func trade(p paymentView) provider.Trade {
	id, _ := typeid.Parse[typeid.Payment](p.ID)
	return provider.Trade{ID: id, Amount: money.New(p.Amount.Amount, money.Currency(p.Amount.Currency))}
}

// stormy is a checkout in a storm of notices, and what the provider has to say of it.
type stormy struct {
	fate    string
	buyer   *client
	rival   *client // wants more of the same than is left
	variant string
	was     stockView
	*checkoutView
}

// becomes is how an order and the payment may end, for each fate.
var becomes = map[string]string{
	"paid":      "PAID",
	"unpaid":    "CANCELLED EXPIRED",
	"contested": "PAID CANCELLED EXPIRED",
	"late":      "PAID REFUNDED",
}

// TestStormOfNotices brings a hundred notices of each of some payments to two processes at once, shuffled with cancels, with rivals
// who have overdue goods let go, and with payments that come at any moment: each payment has one effect, once.
func TestStormOfNotices(t *testing.T) {
	t.Parallel()                 // it waits
	const hold = 5 * time.Minute // of which there are some in the life of a token
	testdb.EachSource(t, func(t *testing.T, source string) {
		c := &jumpyClock{}
		w := newWorld(t, source, withClock(c), withHold(hold))
		second := newWorld(t, source, withClock(c), withHold(hold))
		var all []*stormy
		add := func(fate string) {
			p := &stormy{
				fate: fate, buyer: w.buyer(t, unique("storm")), rival: second.buyer(t, unique("rival")),
				variant: w.goods(t, w.shops(t)[0], 100, 5)[0],
			}
			p.checkoutView = p.buyer.buy(t, vars{"lines": lines(p.variant, 3)})
			all = append(all, p)
		}
		add("late")
		c.jump(hold)
		late := all[0]
		waitFor(t, "the hold to end", func() bool { return late.buyer.order(t, late.Orders[0].ID).Status == "EXPIRED" })
		for _, fate := range []string{"paid", "unpaid", "contested"} {
			add(fate)
		}
		for _, p := range all {
			p.was = w.merchant(t).stock(t, p.variant)
			if p.fate == "paid" {
				if _, err := w.sandbox(t).Pay(t.Context(), trade(p.Payment)); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.jump(hold) // from here on what is not paid is overdue
		shuffled(t, all, w, second)
		for _, p := range all {
			p.check(t, w)
		}
	})
}

// shuffled does everything at once, in any order.
func shuffled(t *testing.T, all []*stormy, servers ...*world) {
	const notices = 100
	var acts []func()
	for _, p := range all {
		for i := range notices {
			acts = append(acts, func() {
				if err := servers[i%2].business.Checkouts.Notice(t.Context(), trade(p.Payment).ID); err != nil {
					t.Errorf("%s: notice: %v", p.fate, err)
				}
			})
		}
		for _, w := range servers {
			acts = append(acts, func() {
				body := `{"query":"mutation { checkoutCancel(checkoutId: \"` + p.ID + `\") { userErrors { code } } }"}`
				if got, err := (&client{world: w, token: p.buyer.token}).try([]byte(body), nil); err != nil || len(got.Errors) > 0 {
					t.Errorf("%s: cancel: %v %s", p.fate, err, got.Body)
				}
			})
		}
		rival := placeBody(t, vars{"lines": lines(p.variant, 5)})
		acts = append(acts, func() {
			if got, err := p.rival.try(rival, nil); err != nil || len(got.Errors) > 0 {
				t.Errorf("%s: a rival: %v %s", p.fate, err, got.Body)
			}
		}, func() {
			var err error
			switch sandbox := servers[0].sandbox(t); p.fate {
			case "contested":
				_, err = sandbox.Pay(t.Context(), trade(p.Payment))
			case "late":
				_, err = sandbox.PayLate(t.Context(), trade(p.Payment))
			}
			if err != nil && !fault.Is(err, fault.PaymentClosed) {
				t.Errorf("%s: pay: %v", p.fate, err)
			}
		})
	}
	rand.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
	together(len(acts), func(i int) { acts[i]() })
}

// check wants the storm to have had one effect.
func (p *stormy) check(t *testing.T, w *world) {
	t.Helper()
	if p.fate == "late" { // every notice may have come before the money
		must(t, w.business.Checkouts.Notice(t.Context(), trade(p.Payment).ID))
	}
	var o *orderView
	waitFor(t, p.fate+" to end as "+becomes[p.fate], func() bool {
		o = p.buyer.order(t, p.Orders[0].ID)
		return strings.Contains(becomes[p.fate], o.Status)
	})
	paid, err := w.sandbox(t).Query(t.Context(), trade(p.Payment))
	must(t, err)
	if got := o.Status == "PAID" || o.Status == "REFUNDED"; got != (paid.State == provider.TradePaid) {
		t.Errorf("%s: the order is %s, the provider says %s", p.fate, o.Status, paid.State)
	}
	stock := w.merchant(t).stock(t, p.variant)
	gone, rivals := 5-*stock.OnHand, *stock.Held
	switch o.Status {
	case "PAID":
		if gone != 3 || rivals != 0 {
			t.Errorf("%s: sold %d, held %d", p.fate, gone, rivals)
		}
		if steps := stock.Version - p.was.Version; steps != 1 {
			t.Errorf("%s: sold in %d steps", p.fate, steps)
		}
	default:
		if gone != 0 || rivals != 0 && rivals != 5 {
			t.Errorf("%s: %s, and %d are gone, %d are held", p.fate, o.Status, gone, rivals)
		}
	}
	given, err := w.db.Refund.Query().Where(refund.PaymentID(trade(p.Payment).ID)).Count(t.Context())
	must(t, err)
	if want := map[string]int{"REFUNDED": 1}[o.Status]; given != want {
		t.Errorf("%s: %s, given back %d times", p.fate, o.Status, given)
	}
	t.Logf("%s: %s", p.fate, o.Status)
}

// TestNoticeBeforeOurAnswer has the provider tell that a checkout was paid while the buyer still waits to be told how to pay it.
func TestNoticeBeforeOurAnswer(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		buyer, v := w.buyer(t, "overtaken"), w.goods(t, w.shops(t)[0], 100, 5)[0]
		id, _ := typeid.Parse[typeid.Buyer](buyer.session.Viewer.ID)
		must(t, w.sandbox(t).Misbehave(provider.Faults{Slow: 1500 * time.Millisecond})) // of which a buyer waits for twice
		input := vars{"idempotencyKey": unique("key"), "lines": lines(v, 2)}
		body, answered := placeBody(t, input), make(chan answer, 1)
		go func() {
			got, err := buyer.try(body, nil)
			if err != nil {
				t.Error(err)
			}
			answered <- got
		}()
		var placed typeid.Payment
		waitFor(t, "the checkout to be committed", func() bool {
			rows, err := w.db.Payment.Query().Where(payment.BuyerID(id)).All(t.Context())
			must(t, err)
			if len(rows) == 1 {
				placed = rows[0].ID
			}
			return len(rows) == 1
		})
		time.Sleep(200 * time.Millisecond) // until the provider has been asked
		must(t, w.sandbox(t).Misbehave(provider.Faults{}))
		_, err := w.sandbox(t).Pay(t.Context(), provider.Trade{ID: placed, Amount: money.New(200, money.CNY)})
		must(t, err)
		for range 3 {
			must(t, w.business.Checkouts.Notice(t.Context(), placed))
		}
		sold := w.merchant(t).stock(t, v)
		checkStock(t, "sold before the answer", sold, 3, 0, 0)
		select {
		case <-answered:
			t.Fatal("the answer was first")
		default:
		}
		got := decode[struct{ CheckoutPlace checkoutPayload }](t, <-answered).CheckoutPlace
		if got.refused(t); got.Checkout == nil || got.Checkout.Payment.ID != placed.String() {
			t.Fatalf("the answer is about %+v", got.Checkout)
		}
		again := buyer.buy(t, input)
		if again.ID != got.Checkout.ID || again.Orders[0].Status != "PAID" || again.Payment.Status != "PAID" || again.Payment.WeChatPay != nil {
			t.Errorf("the same key gives %+v", again)
		}
		buyer.confirm(t, placed.String()).refused(t)
		buyer.cancel(t, got.Checkout.ID).refused(t, "ALREADY_PAID")
		if after := w.merchant(t).stock(t, v); after.Version != sold.Version {
			t.Errorf("the goods moved again: %+v", after)
		}
	})
}

// TestAnswerAfterWeGaveUp has the provider say that a payment was paid when its goods were let go without an answer: if they are
// still there, they are the buyer's, and if not, the money goes back.
func TestAnswerAfterWeGaveUp(t *testing.T) {
	t.Parallel() // it waits
	testdb.EachSource(t, func(t *testing.T, source string) {
		c := &jumpyClock{}
		w := newWorld(t, source, withClock(c))
		buyer, rival, goods := w.buyer(t, "given-up"), w.buyer(t, "rival"), w.goods(t, w.shops(t)[0], 100, 5, 5)
		var placed [2]*checkoutView
		for i, v := range goods {
			placed[i] = buyer.buy(t, vars{"lines": lines(v, 3)})
			_, err := w.sandbox(t).Pay(t.Context(), trade(placed[i].Payment))
			must(t, err)
		}
		const tooSlow = 10 * time.Second // for the end of a hold, and for a buyer
		must(t, w.sandbox(t).Misbehave(provider.Faults{Slow: tooSlow}))
		c.jump(15*time.Minute + 5*time.Second)
		for _, p := range placed {
			waitFor(t, "the goods to be let go", func() bool { return buyer.order(t, p.Orders[0].ID).Status == "EXPIRED" })
		}
		rival.place(t, vars{"lines": lines(goods[1], 4)}).refused(t, "PAYMENT_PENDING")
		must(t, w.sandbox(t).Misbehave(provider.Faults{}))
		for i, want := range []string{"PAID", "REFUNDED"} {
			o := placed[i].Orders[0]
			waitFor(t, "the order to be "+want, func() bool {
				c.jump(time.Second) // until it is asked about again
				return buyer.order(t, o.ID).Status == want
			})
		}
		checkStock(t, "sold late", w.merchant(t).stock(t, goods[0]), 2, 0, 0)
		checkStock(t, "the rival's", w.merchant(t).stock(t, goods[1]), 5, 4, 0)
	})
}
