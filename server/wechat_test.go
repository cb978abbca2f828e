package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/demo"
	"holdfast/internal/testdb"
	"holdfast/internal/wechatsim/sim"
)

// weChatWorld is a server whose payments go to a WeChat that runs beside it, on the same clock.
type weChatWorld struct {
	*world
	wx     *sim.Sim
	ahead  atomic.Int64 // of the real clock, in ns
	notify string
}

// keys of the demo world cost a second to make.
var demoWeChat = sync.OnceValues(func() (sim.World, error) { return sim.Demo(clock.Of(time.Now)) })

func (w *weChatWorld) now() time.Time          { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *weChatWorld) advance(d time.Duration) { w.ahead.Add(int64(d)) }

func newWeChatWorld(t *testing.T, source string, change ...func(*sim.World)) *weChatWorld {
	t.Helper()
	made, err := demoWeChat()
	if err != nil {
		t.Fatal(err)
	}
	w := &weChatWorld{}
	made.Clock = clock.Of(w.now)
	for _, fn := range change {
		fn(&made)
	}
	if w.wx, err = sim.New(made.Config); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(w.wx)
	t.Cleanup(api.Close)
	addr := freeAddress(t)
	dir := t.TempDir()
	w.notify = "http://" + addr + noticePath
	if err := made.Save(dir, api.URL, w.notify); err != nil {
		t.Fatal(err)
	}
	w.world = newWorld(t, source, func(c *serveCommand, a *app) {
		c.Addr, c.WeChat, a.now = addr, filepath.Join(dir, "wechat.json"), clock.Of(w.now)
	})
	w.log.keepOut(sim.DemoSecret, "demo-partner-apiv3-key-000000001", "PRIVATE KEY")
	running, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var notices sync.WaitGroup
	notices.Go(func() { w.wx.Run(running) })
	t.Cleanup(func() { stop(); notices.Wait() })
	return w
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// pay presses "pay" with what the server answered.
func (w *weChatWorld) pay(t *testing.T, c *checkoutView, name string) {
	t.Helper()
	p := c.Payment.WeChatPay
	if p == nil {
		t.Fatal("there is nothing to pay with")
	}
	if err := w.wx.Pay(sim.PayParams{
		AppID: demo.AppID, TimeStamp: p.TimeStamp, NonceStr: p.NonceStr, Package: p.Package, SignType: p.SignType, PaySign: p.PaySign,
	}, sim.OpenID(demo.AppID, name)); err != nil {
		t.Fatal(err)
	}
}

// orders are the orders of a checkout as the merchant sees them now.
func (w *weChatWorld) orders(t *testing.T, c *checkoutView) []orderView {
	t.Helper()
	var out []orderView
	for _, o := range c.Orders {
		out = append(out, ask[struct{ Node orderView }](t, w.merchant(t), `query($id: ID!) { node(id: $id) { ... on Order `+orderFields+` } }`, vars{"id": o.ID}).Node)
	}
	return out
}

// until lets time pass, for WeChat and the server both, until all orders are as wanted.
func (w *weChatWorld) until(t *testing.T, what string, c *checkoutView, done func(orderView) bool) {
	t.Helper()
	waitFor(t, what, func() bool {
		w.advance(500 * time.Millisecond)
		return !slices.ContainsFunc(w.orders(t, c), func(o orderView) bool { return !done(o) })
	})
}

// allShared tells whether everybody has a share of the order.
func allShared(o orderView) bool {
	return !slices.ContainsFunc(o.Splits, func(s splitView) bool { return s.Status != "SUCCEEDED" })
}

// TestWeChat is a day with WeChat: two shops in one payment, shares, a refund of a part and of all, late money, and what WeChat never said.
func TestWeChat(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWeChatWorld(t, source)
		shops := w.shops(t)
		tea, cup := w.goods(t, shops[0], 1999, 100)[0], w.goods(t, shops[1], 4200, 100)[0]
		buyer := w.buyer(t, "lin")

		placed := buyer.place(t, vars{"lines": lines(tea, 2, cup, 1)})
		placed.refused(t)
		both := placed.Checkout
		w.pay(t, both, "lin")
		w.until(t, "the notice", both, func(o orderView) bool { return o.Status == "PAID" })
		if got := w.wx.Effects()["share"]; got != 0 {
			t.Errorf("%d shares before their time", got)
		}
		w.advance(time.Minute)
		w.until(t, "the shares", both, allShared)

		half := w.merchant(t).refund(t, vars{"orderId": both.Orders[0].ID, "amount": moneyView{1999, "CNY"}})
		half.refused(t)
		whole := w.merchant(t).refund(t, vars{"orderId": both.Orders[1].ID})
		whole.refused(t)
		w.until(t, "the refunds", both, func(o orderView) bool { return o.Refunded.Amount > 0 })
		for i, want := range []orderView{{Status: "PAID", Refunded: moneyView{1999, "CNY"}}, {Status: "REFUNDED", Refunded: moneyView{4200, "CNY"}}} {
			if got := w.orders(t, both)[i]; got.Status != want.Status || got.Refunded != want.Refunded {
				t.Errorf("order %d is %s, %v refunded", i, got.Status, got.Refunded)
			}
		}
		ask[struct{ SplitRulesSet payload }](t, w.staff(t, demo.Operator, demo.Password),
			`mutation($id: ID!) { splitRulesSet(shopId: $id, rules: [{receiver: "platform", role: PLATFORM, basisPoints: 300}]) { `+userErrors+` } }`,
			vars{"id": shops[0].ID}).SplitRulesSet.refused(t, "INVALID") // nobody whom WeChat could pay
		w.alone(t, buyer, tea)
		w.forged(t)
		if wrong := w.wx.Audit(); len(wrong) > 0 {
			t.Errorf("WeChat's own books: %s", strings.Join(wrong, "\n"))
		}
		for _, r := range w.wx.Refusals() {
			t.Logf("WeChat refused: %+v", r)
		}
	})
}

// alone pays for one shop, whose notice never comes, and pays another late.
func (w *weChatWorld) alone(t *testing.T, buyer *client, tea string) {
	t.Helper()
	w.wx.Misbehave(sim.Fault{On: "notice.transaction", Kind: sim.Lose, Chance: 1})
	one := buyer.place(t, vars{"lines": lines(tea, 1)})
	one.refused(t)
	w.pay(t, one.Checkout, "lin")
	w.advance(16 * time.Minute) // the hold ends: the sweeper asks before it lets go
	w.until(t, "what no notice told", one.Checkout, func(o orderView) bool { return o.Status == "PAID" })
	w.wx.Behave()
}

// forged sends what WeChat did not say.
func (w *weChatWorld) forged(t *testing.T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.notify, bytes.NewReader([]byte(`{"id":"x","event_type":"TRANSACTION.SUCCESS"}`)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged notice was answered with %d", resp.StatusCode)
	}
}
