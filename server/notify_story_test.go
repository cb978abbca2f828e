package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/demo"
	"holdfast/internal/testdb"
	"holdfast/internal/wechatsim/sim"
)

// TestNotifications is what a buyer and WeChat hear of a checkout of two shops, and of what comes back, through WeChat and over HTTP.
func TestNotifications(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWeChatWorld(t, source)
		shops, openID := w.shops(t), sim.OpenID(demo.AppID, "lin")
		tea, cup := w.goods(t, shops[0], 1999, 1)[0], w.goods(t, shops[1], 4200, 100)[0]
		buyer := w.buyer(t, "lin")
		for range 2 { // of the shops' two messages of each kind; a refund is told of once
			w.wx.Accept(demo.AppID, openID, "tmpl-paid")
			w.wx.Accept(demo.AppID, openID, "tmpl-shipped")
		}
		w.wx.Accept(demo.AppID, openID, "tmpl-restock")

		placed := buyer.place(t, vars{"lines": lines(tea, 1, cup, 1)})
		placed.refused(t)
		both := placed.Checkout
		w.pay(t, both, "lin")
		w.until(t, "the notice", both, func(o orderView) bool { return o.Status == "PAID" })
		w.waits(t, buyer, tea)
		merchant := w.merchant(t)
		merchant.ship(t, vars{"orderId": both.Orders[0].ID, "carrier": "SF", "trackingNumber": "SF100"}).refused(t)
		merchant.ship(t, vars{"orderId": both.Orders[1].ID, "method": "PICKUP"}).refused(t)
		merchant.refund(t, vars{"orderId": both.Orders[0].ID, "amount": moneyView{100, "CNY"}, "reason": "一件有瑕疵"}).refused(t)
		merchant.adjust(t, vars{"variantId": tea, "delta": 3}).refused(t)
		w.until(t, "the refund", both, func(o orderView) bool { return o.ID != both.Orders[0].ID || o.Refunded.Amount > 0 })
		waitFor(t, "what is told", func() bool {
			return len(w.told(t, both.Orders[0].ID)) == 4 && len(w.told(t, both.Orders[1].ID)) == 3 && len(w.wx.Messages(demo.AppID)) == 5
		})

		if got := strings.Join(w.told(t, both.Orders[0].ID), ", "); got != "ORDER_PAID SENT, SHIPPING SENT, ORDER_SHIPPED SENT, ORDER_REFUNDED REFUSED DECLINED" {
			t.Errorf("staff read %s", got) // nobody consented to be told of refunds
		}
		w.uploaded(t, both)
		var templates []string
		for _, m := range w.wx.Messages(demo.AppID) {
			templates = append(templates, m.Template)
			if m.OpenID != openID {
				t.Errorf("%s got a message", m.OpenID)
			}
		}
		slices.Sort(templates)
		if got := strings.Join(templates, " "); got != "tmpl-paid tmpl-paid tmpl-restock tmpl-shipped tmpl-shipped" {
			t.Errorf("the buyer got %s", got)
		}
		if got := buyer.send(t, `query($id: ID!) { order(id: $id) { notifications { kind } } }`, vars{"id": both.Orders[0].ID}); !strings.Contains(string(got.Body), `"notifications":null`) {
			t.Errorf("the buyer reads %s", got.Body)
		}
		w.phone(t, buyer)
	})
}

// uploaded is what WeChat knows of how the two orders left.
func (w *weChatWorld) uploaded(t *testing.T, c *checkoutView) {
	t.Helper()
	n := 0
	for _, tr := range w.wx.Trades() {
		if tr.Shipped == nil {
			continue
		}
		n++
		p := tr.Shipped.Parcels[0]
		switch {
		case len(tr.Shipped.Parcels) != 1 || !tr.Shipped.Complete || !strings.HasSuffix(p.Item, "*1"):
			t.Errorf("uploaded of %s: %+v", tr.Number, tr.Shipped)
		case tr.Number == c.Orders[0].ID && (tr.Shipped.Logistics != 1 || p.Tracking != "SF100" || p.Company != "SF" || p.Contact != "138****0000"),
			tr.Number == c.Orders[1].ID && tr.Shipped.Logistics != 4:
			t.Errorf("uploaded of %s: %+v", tr.Number, tr.Shipped)
		}
	}
	if n != 2 || w.wx.Effects()["ship"] != 2 {
		t.Errorf("%d orders in %d uploads", n, w.wx.Effects()["ship"])
	}
}

// waits has the buyer wait for what is sold out.
func (w *weChatWorld) waits(t *testing.T, buyer *client, variant string) {
	t.Helper()
	const fields = `{ buyer { stockReminders { variantId variant { id } } } ` + userErrors + ` }`
	type answer struct {
		payload
		Buyer *struct {
			StockReminders []struct {
				VariantID string
				Variant   struct{ ID string }
			}
		}
	}
	create := `mutation($id: ID!) { stockReminderCreate(variantId: $id) ` + fields + ` }`
	got := ask[struct{ StockReminderCreate answer }](t, buyer, create, vars{"id": variant}).StockReminderCreate
	got.refused(t)
	if list := got.Buyer.StockReminders; len(list) != 1 || list[0].VariantID != variant || list[0].Variant.ID != variant {
		t.Errorf("the buyer waits for %+v", list)
	}
	ask[struct{ StockReminderDelete answer }](t, buyer, `mutation($id: ID!) { stockReminderDelete(variantId: $id) `+fields+` }`, vars{"id": variant}).StockReminderDelete.refused(t)
	ask[struct{ StockReminderCreate answer }](t, buyer, create, vars{"id": variant}).StockReminderCreate.refused(t)
}

// told is what staff read of an order's notifications that have ended.
func (w *weChatWorld) told(t *testing.T, id string) []string {
	t.Helper()
	w.advance(100 * time.Millisecond)
	var out []string
	for _, n := range ask[struct {
		Order struct {
			Notifications []struct {
				Kind, Status string
				Failure      *string
				EndedAt      *time.Time
			}
		}
	}](t, w.merchant(t), `query($id: ID!) { order(id: $id) { notifications { kind status failure endedAt } } }`, vars{"id": id}).Order.Notifications {
		if n.EndedAt == nil {
			continue
		}
		text := n.Kind + " " + n.Status
		if n.Failure != nil {
			first, _, _ := strings.Cut(*n.Failure, " ")
			text += " " + first
		}
		out = append(out, text)
	}
	return out
}

// phone trades a code of the phone number button, once.
func (w *weChatWorld) phone(t *testing.T, buyer *client) {
	t.Helper()
	type answer struct {
		payload
		PhoneNumber *struct{ Number, National, CountryCode string }
	}
	trade := func(code string) answer {
		return ask[struct{ PhoneNumberExchange answer }](t, buyer, `mutation($code: String!) { phoneNumberExchange(code: $code) {
			phoneNumber { number national countryCode } `+userErrors+` } }`, vars{"code": code}).PhoneNumberExchange
	}
	code := w.wx.PhoneCode(demo.AppID, "13800138000")
	got := trade(code)
	got.refused(t)
	if p := got.PhoneNumber; p == nil || p.Number != "13800138000" || p.National != "13800138000" || p.CountryCode != "86" {
		t.Errorf("the number is %+v", p)
	}
	trade(code).refused(t, "INVALID")
}
