package main

import (
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/ent"
	entcheckout "holdfast/ent/checkout"
	entjob "holdfast/ent/job"
	entorder "holdfast/ent/order"
	entpayment "holdfast/ent/payment"
	"holdfast/internal/demo"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
	"holdfast/internal/wechatsim/sim"
)

// misbehaviour is WeChat on a bad day: calls that fail before and after their effect, are cut off or refused for being many, and notices
// that come twice, late, in another order, not at all, or from somebody else.
func misbehaviour() []sim.Fault {
	var out []sim.Fault
	for _, on := range []string{"prepay", "combine.prepay", "query", "combine.query", "close", "combine.close", "refund", "share", "return", "unfreeze"} {
		for _, kind := range []sim.Kind{sim.FailBefore, sim.FailAfter, sim.CutAfter, sim.Limit, sim.BadSignature} {
			out = append(out, sim.Fault{On: on, Kind: kind, Chance: 0.04})
		}
	}
	for _, kind := range []sim.Kind{sim.Lose, sim.Duplicate, sim.Reorder, sim.ForgeSerial, sim.ForgeSignature, sim.ForgeProbe, sim.ForgeOld, sim.ForgeBody, sim.ForgeKey} {
		out = append(out, sim.Fault{On: "notice.*", Kind: kind, Chance: 0.05})
	}
	return append(out, sim.Fault{On: "notice.*", Kind: sim.Delay, Chance: 0.1, Delay: 20 * time.Second},
		sim.Fault{On: "share.end", Kind: sim.Reject, Chance: 0.05, Reason: "ACCOUNT_ABNORMAL"})
}

// TestWeChatCampaign checks out, pays, pays late, cancels and refunds while WeChat misbehaves. In the end every fen is accounted for, at
// WeChat and here.
func TestWeChatCampaign(t *testing.T) {
	t.Parallel()
	rounds := 1
	if os.Getenv("HOLDFAST_TEST_LONG") != "" {
		rounds = 21
	}
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWeChatWorld(t, source)
		w.log.expectFaults()
		shops := w.shops(t)
		c := &campaign{weChatWorld: w, goods: [][]string{w.goods(t, shops[0], 1999, 5000, 5000), w.goods(t, shops[1], 4200, 5000)}}
		w.wx.Set(func(r *sim.Rules) { r.PayAfterClose, r.NoticeSpeed = true, 30 })
		w.wx.Misbehave(misbehaviour()...)
		for round := range rounds {
			var buyers sync.WaitGroup
			for i := range 8 {
				name := unique("payer")
				buyer := w.buyer(t, name)
				buyers.Go(func() {
					for n := range 6 {
						c.one(t, buyer, sim.OpenID(demo.AppID, name), rand.New(rand.NewPCG(uint64(i), uint64(round*6+n))))
					}
				})
			}
			buyers.Wait()
		}
		w.advance(90 * time.Second) // what was paid is shared, while WeChat still misbehaves
		c.refundSome(t)
		w.advance(16 * time.Minute) // what was not paid is let go
		for w.db.Checkout.Query().Where(entcheckout.Status("OPEN")).CountX(t.Context()) > 0 {
			time.Sleep(50 * time.Millisecond)
			w.advance(time.Second)
		}
		for _, late := range c.cashiers {
			if err := late.Pay(); err != nil {
				t.Logf("a cashier that was open: %v", err)
			}
		}
		w.wx.Behave()
		c.runJobs(t)
		c.compare(t)
	})
}

// campaign is what went on.
type campaign struct {
	*weChatWorld
	goods [][]string // of two shops

	mu       sync.Mutex
	placed   int
	cashiers []*sim.Cashier // that are still open
}

// one is one checkout, and what its buyer does then.
func (c *campaign) one(t *testing.T, buyer *client, openID string, chance *rand.Rand) {
	of := []any{c.goods[0][chance.IntN(2)], 1 + chance.IntN(3)}
	if chance.IntN(2) == 0 {
		of = append(of, c.goods[1][0], 1)
	}
	got := buyer.place(t, vars{"lines": lines(of...)})
	if got.Checkout == nil {
		t.Errorf("nothing was placed: %+v", got.UserErrors)
		return
	}
	pay := got.Checkout.Payment
	for tries := 0; pay.WeChatPay == nil && tries < 50; tries++ {
		if again := ask[struct{ PaymentPrepare paymentPayload }](t, buyer, `mutation($id: ID!) { paymentPrepare(paymentId: $id) { payment `+
			paymentFields+userErrors+` } }`, vars{"id": pay.ID}).PaymentPrepare; again.Payment != nil {
			pay = *again.Payment
		}
	}
	if pay.WeChatPay == nil {
		t.Error("there is nothing to pay with after 50 tries")
		return
	}
	p := pay.WeChatPay
	cashier, err := c.wx.OpenCashier(sim.PayParams{
		AppID: demo.AppID, TimeStamp: p.TimeStamp, NonceStr: p.NonceStr, Package: p.Package, SignType: p.SignType, PaySign: p.PaySign,
	}, openID)
	if err != nil {
		t.Errorf("open the cashier: %v", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.placed++
	switch fate := chance.IntN(10); {
	case fate < 6:
		if err := cashier.Pay(); err != nil {
			t.Errorf("pay: %v", err)
		}
	case fate < 8: // and the buyer takes a while
		c.cashiers = append(c.cashiers, cashier)
	case fate < 9: // and the cashier stays open
		buyer.send(t, `mutation($id: ID!) { checkoutCancel(checkoutId: $id) { userErrors { code } } }`, vars{"id": got.Checkout.ID})
		c.cashiers = append(c.cashiers, cashier)
	}
}

// refundSome gives back all or a part of every third order that is known to be paid.
func (c *campaign) refundSome(t *testing.T) {
	merchant := c.merchant(t)
	for i, o := range c.db.Order.Query().Where(entorder.Status("PAID")).AllX(t.Context()) {
		if i%3 > 0 {
			continue
		}
		amount := moneyView{o.Total, "CNY"}
		if i%2 > 0 {
			amount.Amount = o.Total/3 + 1
		}
		merchant.refund(t, vars{"orderId": o.ID.String(), "amount": amount}).refused(t)
	}
}

// runJobs lets time pass from job to job until none is left: what was let go is asked about for a day.
func (c *campaign) runJobs(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); {
		next, err := c.db.Job.Query().Order(entjob.ByRunAt()).First(t.Context())
		switch {
		case ent.IsNotFound(err):
			return
		case err != nil:
			t.Fatal(err)
		case next.RunAt.After(c.now()):
			c.advance(next.RunAt.Sub(c.now()) + time.Millisecond)
		default:
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, j := range c.db.Job.Query().AllX(t.Context()) {
		t.Errorf("a job is left: %s %s after %d attempts: %v", j.Kind, j.ID, j.Attempts, j.LastError)
	}
}

// compare compares each order with what WeChat knows of it.
func (c *campaign) compare(t *testing.T) {
	t.Helper()
	if wrong := c.wx.Audit(); len(wrong) > 0 {
		t.Errorf("WeChat's own books:\n%s", strings.Join(wrong, "\n"))
	}
	trades := make(map[string]sim.Trade)
	for _, trade := range c.wx.Trades() {
		trades[trade.Number] = trade
	}
	paid, late := 0, 0
	for _, o := range c.db.Order.Query().WithSplits().AllX(t.Context()) {
		pays := c.db.Payment.Query().Where(entpayment.CheckoutID(o.CheckoutID)).OnlyX(t.Context())
		at, known := trades[o.ID.String()]
		if !known {
			at = trades[pays.ID.String()]
		}
		came := at.State == "SUCCESS" || at.State == "REFUND"
		if came != (pays.PaidAt != nil) {
			t.Errorf("order %s: payment is %s, at WeChat %s", o.ID, pays.Status, at.State)
		}
		if !came {
			continue
		}
		paid++
		if pays.PaidAt.After(o.HeldUntil) {
			late++
		}
		var out int64
		for _, s := range o.Edges.Splits {
			if s.Status == payment.SplitCancelled { // of what came too late
				continue
			}
			if s.Status != payment.SplitSucceeded && s.Status != payment.SplitReturned {
				t.Errorf("order %s, which is %s: a share is %s", o.ID, o.Status, s.Status)
			}
			if s.Role != "MERCHANT" {
				out += s.Amount - s.Returned
			}
		}
		if o.Refunded != at.Refunded || out != at.Out || at.Unsplit != 0 {
			t.Errorf("order %s, which is %s: %d refunded, %d with receivers; at WeChat %d, %d, %d kept back", o.ID, o.Status, o.Refunded, out, at.Refunded, at.Out, at.Unsplit)
		}
		if o.Status != "PAID" && o.Refunded != o.Total {
			t.Errorf("order %s is %s, and %d of %d went back", o.ID, o.Status, o.Refunded, o.Total)
		}
	}
	if paid < c.placed/2 || late == 0 {
		t.Errorf("%d of %d orders were paid, %d of them late", paid, c.placed, late)
	}
}
