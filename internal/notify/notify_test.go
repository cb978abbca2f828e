package notify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/money"
	"holdfast/internal/notify"
	"holdfast/internal/order"
	"holdfast/internal/settlement"
	"holdfast/internal/typeid"
	"holdfast/internal/wechat"
)

// TestStory is an order's life as its buyer and WeChat are told of it.
func TestStory(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, templates())
		who, v := w.buyer(t), w.variant(t, 0, 1999, 10)
		o := w.pays(t, who, v, w.variant(t, 0, 1, 1))[0]
		if got := kinds(w.told(t)); !slices.Equal(got, []string{"ORDER_PAID PENDING"}) {
			t.Errorf("with the payment %v is written", got)
		}
		w.work(t)
		paid := w.weChat.messages[0]
		buyer, err := d.Buyer.Get(t.Context(), who.Buyer)
		must(t, err)
		if diff := cmp.Diff(wechat.Message{
			AppID: "wxtest", OpenID: buyer.OpenID, TemplateID: "paid", Page: "pages/order?id=" + o.ID.String(),
			Values: map[string]string{"character_string1": o.Number, "amount2": "¥20.00", "thing3": "乌龙茶等2种商品", "time4": "2026年3月4日 13:06"},
		}, paid); diff != "" {
			t.Errorf("the buyer is told (-want +got):\n%s", diff)
		}
		lines, err := w.Orders.Lines(t.Context(), []typeid.Order{o.ID})
		must(t, err)
		w.ships(t, o, order.ShipInput{Method: order.Express, Carrier: new("顺丰速运"), TrackingNumber: new("SF1"), Lines: []order.LineInput{{OrderLineID: lines[0].ID.String(), Quantity: 1}}})
		w.work(t)
		if got := len(w.weChat.messages) + len(w.weChat.uploads); got != 1 {
			t.Errorf("told of half of it: %d calls", got)
		}
		w.ships(t, o, order.ShipInput{Method: order.Express, Carrier: new("zto"), TrackingNumber: new("ZT2")})
		w.work(t)
		_, _, err = w.Settlement.Refund(t.Context(), w.owner, settlement.RefundInput{OrderID: o.ID.String(), IdempotencyKey: w.key(), Amount: &money.Money{Amount: 500, Currency: money.CNY}, Reason: "一件有瑕疵"})
		must(t, err)
		w.work(t)
		rows := w.told(t)
		if got := kinds(rows); !slices.Equal(got, []string{"ORDER_PAID SENT", "SHIPPING SENT", "ORDER_SHIPPED SENT", "ORDER_REFUNDED SENT"}) {
			t.Errorf("told of %v", got)
		}
		if diff := cmp.Diff([]map[string]string{
			{"phrase1": "已发货", "character_string2": "ZT2", "thing3": "ZTO"}, {"amount1": "¥5.00", "thing2": "一件有瑕疵", "thing3": "茶铺 0"},
		}, []map[string]string{w.weChat.messages[1].Values, w.weChat.messages[2].Values}); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		pay, err := w.Payments.ByCheckouts(t.Context(), []typeid.Checkout{o.CheckoutID})
		must(t, err)
		row, err := d.Payment.Get(t.Context(), pay[0].ID)
		must(t, err)
		parcel := func(number, company string) wechat.Parcel {
			return wechat.Parcel{TrackingNo: number, Company: company, Item: "乌龙茶*1", Receiver: "13800138000"}
		}
		if diff := cmp.Diff([]wechat.Upload{{
			AppID: "wxtest", OpenID: buyer.OpenID, At: rows[1].CreatedAt, Shipment: wechat.Shipment{
				Order: wechat.OrderKey{TransactionID: *row.TransactionID}, Logistics: wechat.Express, Split: true, Complete: true,
				Parcels: []wechat.Parcel{parcel("SF1", "SF"), parcel("ZT2", "ZTO")},
			},
		}}, w.weChat.uploads); diff != "" {
			t.Errorf("WeChat is told (-want +got):\n%s", diff)
		}
		seen, err := w.Notify.OfOrders(t.Context(), []typeid.Order{o.ID})
		must(t, err)
		if len(seen) != 4 || seen[0].Kind != notify.OrderPaid || seen[0].OrderID != o.ID || seen[0].EndedAt == nil || seen[0].Failure != nil {
			t.Errorf("staff read %d, the first %+v", len(seen), seen[0])
		}
		if n := w.jobs(t, "NOTIFICATION"); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
	})
}

// TestCombined is two shops paid at once: each order is uploaded when it has left, as a part of the payment of both.
func TestCombined(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, notify.Templates{}) // at WeChat, without messages
		w.numbers = func(_ context.Context, p typeid.Payment, o typeid.Order) (notify.Numbers, error) {
			return notify.Numbers{Merchant: "1900000001", Number: o.String(), Payer: "1900000002", Combined: p.String()}, nil
		}
		orders := w.pays(t, w.buyer(t), w.variant(t, 0, 100, 1), w.variant(t, 1, 200, 1))
		w.ships(t, orders[1], order.ShipInput{Method: order.PickUp})
		w.work(t)
		if got := kinds(w.told(t)); !slices.Equal(got, []string{"SHIPPING SENT"}) {
			t.Errorf("told of %v", got)
		}
		pay, err := w.Payments.ByCheckouts(t.Context(), []typeid.Checkout{orders[1].CheckoutID})
		must(t, err)
		got := w.weChat.combined
		if len(got) != 1 || len(w.weChat.uploads) != 0 {
			t.Fatalf("%d uploads of the combined payment and %d of others", len(got), len(w.weChat.uploads))
		}
		if diff := cmp.Diff(wechat.OrderKey{MchID: "1900000002", OutTradeNo: pay[0].ID.String()}, got[0].Order); diff != "" {
			t.Errorf("the combined order (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]wechat.Shipment{{
			Order: wechat.OrderKey{MchID: "1900000001", OutTradeNo: orders[1].ID.String()}, Logistics: wechat.PickUp, Parcels: []wechat.Parcel{{Item: "乌龙茶*1"}},
		}}, got[0].Orders); diff != "" {
			t.Errorf("its part (-want +got):\n%s", diff)
		}
	})
}

// TestNobodyIsTold is the same life where nothing is configured: not a row comes of it.
func TestNobodyIsTold(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, nil)
		v := w.variant(t, 0, 1999, 1)
		o := w.pays(t, w.buyer(t), v)[0]
		w.adjust(t, v, 3)
		w.ships(t, o, order.ShipInput{Method: order.Virtual})
		_, _, err := w.Settlement.Refund(t.Context(), w.owner, settlement.RefundInput{OrderID: o.ID.String(), IdempotencyKey: w.key(), Reason: "x"})
		must(t, err)
		if got := len(w.told(t)) + w.jobs(t, "NOTIFICATION") + w.jobs(t, "RESTOCK"); got != 0 {
			t.Errorf("%d rows", got)
		}
		if got := codeOf(w.Notify.Remind(t.Context(), w.buyer(t), v.String())); got != "CONFLICT" {
			t.Errorf("waiting where nobody is told: %q", got)
		}
		// What costs nothing and what is late are PAID like any other; WeChat hears nothing of what it was not paid.
		free := attach(w, templates())
		zero := free.variant(t, 0, 0, 1)
		o = free.pays(t, free.buyer(t), zero)[0]
		free.ships(t, o, order.ShipInput{Method: order.Virtual})
		free.work(t)
		if got := kinds(free.told(t)); !slices.Equal(got, []string{"ORDER_PAID SENT", "ORDER_SHIPPED SENT"}) {
			t.Errorf("told of what costs nothing: %v", got)
		}
	})
}

var errCut = errors.New("the line was cut")

// TestAnswers is what becomes of a message and of an upload, by what WeChat answers.
func TestAnswers(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, notify.Templates{notify.OrderPaid: templates()[notify.OrderPaid]})
		v := w.variant(t, 0, 100, 100)
		answers := func(list ...any) {
			w.weChat.answer = func() (wechat.Result, error) {
				if len(list) == 0 {
					return wechat.Result{State: wechat.Done}, nil
				}
				next := list[0]
				list = list[1:]
				switch a := next.(type) {
				case wechat.State:
					return wechat.Result{State: a, Code: 1, Reason: "said"}, nil
				case error:
					return wechat.Result{}, a
				}
				return wechat.Result{}, nil
			}
		}
		for _, tc := range []struct {
			name         string
			upload       bool
			answers      []any
			calls        int
			status, says string
		}{
			{"a message", false, nil, 1, "SENT", ""},
			{"no consent", false, []any{wechat.Declined}, 1, "REFUSED", "DECLINED 1: said"},
			{"no such template", false, []any{wechat.BadTemplate}, 1, "REFUSED", "BAD_TEMPLATE 1: said"},
			{"busy", false, []any{wechat.Later, wechat.Later}, 3, "SENT", ""},
			{"nobody was asked", false, []any{fmt.Errorf("dial: %w", wechat.ErrNotAsked)}, 2, "SENT", ""},
			{"nobody knows", false, []any{errCut}, 1, "REFUSED", unanswered},
			{"an upload", true, nil, 1, "SENT", ""},
			{"an upload whose answer is lost", true, []any{errCut, errCut, wechat.Unchanged}, 3, "SENT", ""},
			{"busy for uploads", true, []any{wechat.Later}, 2, "SENT", ""},
			{"a payment that is new", true, []any{wechat.NoPayment}, 2, "SENT", ""},
			{"refunded", true, []any{wechat.NotShippable}, 1, "REFUSED", "NOT_SHIPPABLE 1: said"},
		} {
			o := w.pays(t, w.buyer(t), v)[0]
			if tc.upload {
				w.work(t)
				w.ships(t, o, order.ShipInput{Method: order.SameCity})
			}
			w.weChat.messages, w.weChat.uploads = nil, nil
			answers(tc.answers...)
			for range len(tc.answers) + 1 {
				w.work(t)
				w.clock.Advance(10 * time.Second)
			}
			if got := len(w.weChat.messages) + len(w.weChat.uploads); got != tc.calls {
				t.Errorf("%s: %d calls, want %d", tc.name, got, tc.calls)
			}
			for _, u := range w.weChat.uploads {
				if !u.At.Equal(w.weChat.uploads[0].At) {
					t.Errorf("%s: repeated as another upload", tc.name)
				}
			}
			rows := w.told(t)
			last := rows[len(rows)-1]
			if last.Status != tc.status || (last.Failure != nil) != (tc.says != "") || last.Failure != nil && *last.Failure != tc.says {
				t.Errorf("%s: %s, %v", tc.name, last.Status, last.Failure)
			}
			w.weChat.answer = nil
			w.work(t)
		}
		w.dies(t, v)
		w.gives(t, v, answers)
	})
}

const unanswered = "WeChat was asked and its answer is not known: it may have been sent, and is not sent twice"

// dies has a process die between sending a message and writing that down.
func (w *world) dies(t *testing.T, v typeid.Variant) {
	t.Helper()
	w.pays(t, w.buyer(t), v)
	rows := w.told(t)
	must(t, w.db.Notification.UpdateOneID(rows[len(rows)-1].ID).SetFailure(unanswered).Exec(t.Context()))
	w.weChat.messages = nil
	w.work(t)
	rows = w.told(t)
	if last := rows[len(rows)-1]; len(w.weChat.messages) != 0 || last.Status != "REFUSED" || *last.Failure != unanswered {
		t.Errorf("after a death %d messages, and it is %s", len(w.weChat.messages), last.Status)
	}
}

// gives has WeChat be away for a day.
func (w *world) gives(t *testing.T, v typeid.Variant, answers func(...any)) {
	t.Helper()
	o := w.pays(t, w.buyer(t), v)[0]
	w.ships(t, o, order.ShipInput{Method: order.SameCity})
	answers(wechat.Later, wechat.NoPayment)
	w.work(t)
	w.clock.Advance(25 * time.Hour)
	answers(slices.Repeat([]any{wechat.NoPayment}, 9)...)
	w.weChat.messages = nil
	must(t, w.db.Notification.Update().Where().ClearFailure().Exec(t.Context()))
	w.work(t)
	rows := w.told(t)
	for _, r := range rows[len(rows)-2:] {
		if r.Status != "REFUSED" {
			t.Errorf("%s after a day is %s", r.Kind, r.Status)
		}
	}
}

func buyers(t *testing.T, w *world, n int) []identity.Principal {
	t.Helper()
	var out []identity.Principal
	for range n {
		out = append(out, w.buyer(t))
		w.clock.Advance(time.Second)
	}
	return out
}

// TestRestock is how those who wait are told, as many as there is to buy, the longest first.
func TestRestock(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, templates())
		ctx, v := t.Context(), w.variant(t, 0, 1999, 0)
		who := buyers(t, w, 4)
		for _, b := range who {
			must(t, w.Notify.Remind(ctx, b, v.String()))
			must(t, w.Notify.Remind(ctx, b, v.String())) // again changes nothing
			w.clock.Advance(time.Second)
		}
		w.work(t)
		if got := len(w.told(t)); got != 0 {
			t.Errorf("told %d while there is nothing", got)
		}
		mine, err := w.Notify.RemindersOf(ctx, who[1].Buyer)
		must(t, err)
		if len(mine) != 1 || mine[0].VariantID != v {
			t.Errorf("one waits for %v", mine)
		}
		must(t, w.Notify.Forget(ctx, who[1], v.String()))
		must(t, w.Notify.Forget(ctx, who[1], v.String()))
		w.adjust(t, v, 2)
		w.work(t)
		names := func() (out []string) {
			for _, m := range w.weChat.messages {
				out = append(out, m.OpenID)
			}
			return out
		}
		want := make([]string, len(who))
		for i, b := range who {
			row, err := d.Buyer.Get(ctx, b.Buyer)
			must(t, err)
			want[i] = row.OpenID
		}
		if got := names(); !slices.Equal(got, []string{want[0], want[2]}) {
			t.Errorf("told %v of %v", got, want)
		}
		if got := w.weChat.messages[0].Values; got["number3"] != "2" || got["amount2"] != "¥19.99" || got["thing1"] != "乌龙茶" {
			t.Errorf("told %v", got)
		}
		if got := codeOf(w.Notify.Remind(ctx, who[1], v.String())); got != "CONFLICT" {
			t.Errorf("waiting for what is there: %q", got)
		}
		w.clock.Advance(31 * time.Minute)
		w.work(t)
		if got := names(); !slices.Equal(got, []string{want[0], want[2], want[3]}) {
			t.Errorf("half an hour later told %v", got)
		}
		if n := w.jobs(t, "RESTOCK"); n != 0 {
			t.Errorf("%d jobs while nobody waits", n)
		}
		w.comesBack(t, v, who[1])
	})
}

// comesBack sells all that there is, and has it come back by a cancel.
func (w *world) comesBack(t *testing.T, v typeid.Variant, waits identity.Principal) {
	t.Helper()
	ctx, holder := t.Context(), w.buyer(t)
	w.adjust(t, v, -1)
	held := w.place(t, holder, v)
	must(t, w.Notify.Remind(ctx, waits, v.String()))
	w.work(t)
	before := len(w.weChat.messages)
	_, err := w.Checkouts.Cancel(ctx, holder, held.ID.String())
	must(t, err)
	w.work(t)
	if got := len(w.weChat.messages) - before; got != 1 {
		t.Errorf("a cancel that brings it back tells %d", got)
	}
	if got := codeOf(w.Notify.Remind(ctx, waits, "variant_x")); got != "NOT_FOUND" {
		t.Errorf("waiting for nothing: %q", got)
	}
	var last typeid.Variant
	for range notify.MaxReminders + 1 {
		last = typeid.New[typeid.Variant](w.clock.Now())
		must(t, w.db.StockReminder.Create().SetID(typeid.New[typeid.StockReminder](w.clock.Now())).SetVariantID(last).SetShopID(w.shops[0]).
			SetBuyerID(waits.Buyer).SetCreatedAt(w.clock.Now()).Exec(ctx))
	}
	if got := codeOf(w.Notify.Remind(ctx, waits, w.variant(t, 0, 1, 0).String())); got != "TOO_MANY" {
		t.Errorf("one more: %q", got)
	}
}
