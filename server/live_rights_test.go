package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ent/shopstaff"
	"holdfast/graph/transport/wstest"
	"holdfast/internal/clock"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// subscribeNamed subscribes to one operation of a document.
func (s *socket) subscribeNamed(id, query, name string, v vars) {
	s.t.Helper()
	payload := vars{"query": query, "variables": v}
	if name != "" {
		payload["operationName"] = name
	}
	text, err := json.Marshal(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Send(wstest.Message{ID: id, Type: "subscribe", Payload: text})
}

// nudged does something until a message of an operation comes: nobody is told when a subscription without a first state
// begins.
func (s *socket) nudged(id string, do func()) wstest.Message {
	s.t.Helper()
	for end := time.Now().Add(2 * patience); time.Now().Before(end); {
		do()
		if m, ok := s.try(id, 50*time.Millisecond); ok {
			return m
		}
	}
	s.t.Fatalf("nothing of %s comes", id)
	return wstest.Message{}
}

// afterNudge is nudged for an event.
func (s *socket) afterNudge(id string, do func()) json.RawMessage {
	s.t.Helper()
	m := s.nudged(id, do)
	if m.Type != "next" {
		s.t.Fatalf("%s came", m)
	}
	return m.Payload
}

// settled reads what is told of a variant until it is told of this version, which is the newest.
func (s *socket) settled(id string, version int64) {
	s.t.Helper()
	for told[stockView](s, id).Version < version {
		continue
	}
}

func shopChanges(t *testing.T, w *world) {
	shops, merchant := w.shops(t), w.merchant(t)
	v, foreign := w.goods(t, shops[0], 100, 1000, 1000), w.goods(t, shops[1], 100, 1000)[0]
	for _, reader := range []*client{merchant, w.staff(t, "operator@demo.test", "holdfast-demo")} {
		before := merchant.stock(t, v[0]).Version
		s := reader.socket(t)
		id := s.watch(watchShop, vars{"shop": shops[0].ID})
		var now int64
		first := event[stockView](t, s.afterNudge(id, func() {
			now = merchant.adjust(t, vars{"variantId": v[0], "delta": 1}).Stock.Version
		}))
		if first.VariantID != v[0] || first.Version <= before || first.OnHand == nil {
			t.Errorf("the first event is %+v, want a change of %s after version %d", first, v[0], before)
		}
		if first.Version < now {
			s.settled(id, now)
		}
		buyer := w.buyer(t, "live-shopper")
		merchant.adjust(t, vars{"variantId": foreign, "delta": 1}).refused(t)
		placed := buyer.buy(t, vars{"lines": lines(v[1], 2, foreign, 1)})
		checkTold(t, "ordered", told[stockView](s, id), merchant.stock(t, v[1]))
		buyer.confirm(t, placed.Payment.ID).refused(t)
		checkTold(t, "paid", told[stockView](s, id), merchant.stock(t, v[1]))

		fresh := w.goods(t, shops[0], 100, 7)[0] // made since
		checkTold(t, "new", told[stockView](s, id), merchant.stock(t, fresh))
		merchant.adjust(t, vars{"variantId": fresh, "delta": 1}).refused(t)
		checkTold(t, "new and counted", told[stockView](s, id), merchant.stock(t, fresh))
		draft := w.product(t, shops[0], "DRAFT", 100, 5).variants[0]
		checkTold(t, "a new draft", told[stockView](s, id), merchant.stock(t, draft))
	}
}

func shopLowStock(t *testing.T, w *world) {
	shop, merchant := w.shops(t)[0], w.merchant(t)
	made := merchant.create(t, vars{"shopId": shop.ID, "title": "low", "status": "ACTIVE", "variants": []vars{
		{"sku": unique("SKU"), "price": moneyView{100, "CNY"}, "onHand": 20, "lowStockThreshold": 5},
		{"sku": unique("SKU"), "price": moneyView{100, "CNY"}, "onHand": 0, "lowStockThreshold": 1000},
	}})
	made.refused(t)
	v, marker := made.Product.Variants[0].ID, made.Product.Variants[1].ID
	s := merchant.socket(t)
	id := s.watch(watchShop, vars{"shop": shop.ID, "low": true})
	var now int64
	nudge := func() { now = merchant.adjust(t, vars{"variantId": marker, "delta": 1}).Stock.Version }
	if first := event[stockView](t, s.afterNudge(id, nudge)); first.Version < now {
		s.settled(id, now)
	}
	for _, step := range []struct {
		onHand int
		told   bool
	}{{19, false}, {6, false}, {5, true}, {4, true}, {9, true}, {8, false}, {0, true}, {20, true}, {19, false}} {
		after := merchant.adjust(t, vars{"variantId": v, "onHand": step.onHand})
		after.refused(t)
		nudge() // is always told, and after what was committed before it
		got := told[stockView](s, id)
		if step.told {
			checkTold(t, "low, or no longer", got, *after.Stock)
			got = told[stockView](s, id)
		}
		if got.VariantID != marker {
			t.Errorf("%d on hand: told %+v", step.onHand, got)
		}
	}
}

func orderUntilPaid(t *testing.T, w *world) {
	shops, buyer, other := w.shops(t), w.buyer(t, "live-payer"), w.buyer(t, "live-other")
	placed := buyer.buy(t, vars{"lines": lines(w.goods(t, shops[0], 100, 10)[0], 1)})
	of := vars{"id": placed.Orders[0].ID}
	mine, staff, operator := buyer.socket(t), w.merchant(t).socket(t), w.staff(t, "operator@demo.test", "holdfast-demo").socket(t)
	readers := map[*socket]*client{mine: buyer, staff: w.merchant(t), operator: w.merchant(t)}
	ids := map[*socket]string{}
	for s := range readers {
		ids[s] = s.watch(watchOrder, of)
	}
	for _, want := range []string{"PENDING_PAYMENT", "PAID"} {
		for s, who := range readers {
			got := told[orderView](s, ids[s])
			if diff := cmp.Diff(*who.order(t, placed.Orders[0].ID), got, sharesMove); diff != "" || got.Status != want {
				t.Errorf("told of an order that is %s, want %s (-want +got):\n%s", got.Status, want, diff)
			}
			if (got.Splits != nil) != (s != mine) {
				t.Errorf("the splits that %s sees: %v", who.session.Viewer.Typename, got.Splits)
			}
		}
		if want != "PAID" {
			buyer.confirm(t, placed.Payment.ID).refused(t)
		}
	}
	s := other.socket(t)
	foreign := s.refused(s.watch(watchOrder, of))
	for _, absent := range []string{typeid.New[typeid.Order](w.app.now()).String(), "x"} {
		if got := s.refused(s.watch(watchOrder, vars{"id": absent})); got.Message != foreign.Message {
			t.Errorf("an order of another buyer: %+v; one that is absent: %+v", foreign, got)
		}
	}
}

func orderUntilCancelled(t *testing.T, w *world) {
	buyer := w.buyer(t, "live-fickle")
	placed := buyer.buy(t, vars{"lines": lines(w.goods(t, w.shops(t)[0], 100, 10)[0], 1)})
	s := buyer.socket(t)
	id := s.watch(watchOrder, vars{"id": placed.Orders[0].ID})
	before := told[orderView](s, id)
	for range 2 { // the second changes nothing
		buyer.cancel(t, placed.ID).refused(t)
	}
	after := told[orderView](s, id)
	if after.Status != "CANCELLED" || after.Version <= before.Version {
		t.Errorf("told of %s at version %d after version %d", after.Status, after.Version, before.Version)
	}
	// Time for whatever might come twice.
	if m, ok := s.try(id, time.Second); ok {
		t.Errorf("told again: %s", m)
	}
}

// TestLiveExpiry waits for the end of a hold, which nobody asks for.
func TestLiveExpiry(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		buyer := w.buyer(t, "live-forgetful")
		v := w.goods(t, w.shops(t)[0], 100, 10)[0]
		placed := buyer.buy(t, vars{"lines": lines(v, 4)})
		s := buyer.socket(t)
		stock, order := s.watch(watchStocks, vars{"ids": []string{v}}), s.watch(watchOrder, vars{"id": placed.Orders[0].ID})
		if got := told[stockView](s, stock); got.Available != 6 {
			t.Errorf("held: told %+v", got)
		}
		if got := told[orderView](s, order); got.Status != "PENDING_PAYMENT" {
			t.Errorf("held: told of %s", got.Status)
		}
		if m, ok := s.try(order, time.Until(placed.HeldUntil)+2*patience); !ok || event[orderView](t, m.Payload).Status != "EXPIRED" {
			t.Errorf("expired: told %s (%v)", m, ok)
		}
		if got := told[stockView](s, stock); got.Available != 10 {
			t.Errorf("expired: told %+v", got)
		}
	}, withHold(time.Second))
}

// TestLiveRoles takes a role away from who is watching.
func TestLiveRoles(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		c := &cast{world: w}
		shop, merchant := w.shops(t)[0], w.merchant(t)
		v := w.goods(t, shop, 100, 10)[0]
		leaver := c.hire(t, "leaver@example.test", shop.ID)
		s := leaver.socket(t)
		all, one := s.watch(watchShop, vars{"shop": shop.ID}), s.watch(watchStocks, vars{"ids": []string{v}})
		change := func() { merchant.adjust(t, vars{"variantId": v, "delta": 1}).refused(t) }
		if got := told[stockView](s, one); got.OnHand == nil {
			t.Errorf("staff is told %+v", got)
		}
		s.afterNudge(all, change)

		id, _ := typeid.Parse[typeid.Staff](leaver.session.Viewer.ID)
		in, _ := typeid.Parse[typeid.Shop](shop.ID)
		if _, err := w.db.ShopStaff.Delete().Where(shopstaff.StaffID(id)).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		taken := time.Now()
		for {
			m := s.nudged(all, change)
			if m.Type == "complete" {
				break
			}
			if got := event[stockView](t, m.Payload); got.ChangedAt.After(taken.Add(patience)) {
				t.Fatalf("%v after the role was taken away: told %+v", time.Since(taken), got)
			}
		}
		for { // as anybody
			got := event[stockView](t, s.afterNudge(one, change))
			if got.OnHand == nil {
				break
			}
			if got.ChangedAt.After(taken.Add(patience)) {
				t.Fatalf("%v after the role was taken away: told %+v", time.Since(taken), got)
			}
		}
		s.refused(s.watch(watchShop, vars{"shop": shop.ID}))
		late := s.ran(`mutation ($v: ID!) { stockAdjust(input: {variantId: $v, delta: 1, reason: "late", idempotencyKey: "late"}) { userErrors { code } } }`, vars{"v": v})
		if !bytes.Contains(late.Body, []byte("FORBIDDEN")) {
			t.Errorf("adjusted stock over the socket after the role was taken away: %s", late.Body)
		}

		if err := w.business.Identity.GrantRole(t.Context(), id, in, identity.Clerk); err != nil {
			t.Fatal(err)
		}
		granted := time.Now()
		for event[stockView](t, s.afterNudge(one, change)).OnHand == nil {
			if time.Since(granted) > 2*patience {
				t.Fatal("the role does not come back")
			}
		}
	})
}

// TestLiveSessions ends sessions that have sockets.
func TestLiveSessions(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		second := newWorld(t, w.source)
		v := w.goods(t, w.shops(t)[0], 100, 10)[0]
		for _, who := range []*client{w.buyer(t, "live-leaving"), w.staff(t, "operator@demo.test", "holdfast-demo")} {
			here, there, idle := who.socket(t), (&client{world: second, token: who.token}).socket(t), who.socket(t)
			for _, s := range []*socket{here, there} {
				told[stockView](s, s.watch(watchStocks, vars{"ids": []string{v}}))
			}
			stays := w.anonymous().socket(t)
			watched := stays.watch(watchStocks, vars{"ids": []string{v}})
			told[stockView](stays, watched)

			revoked := time.Now()
			who.revoke(t)
			for _, s := range []*socket{here, idle} {
				if code := s.closedWith(time.Second); code != 4403 {
					t.Errorf("revoked: closed with %d", code)
				}
			}
			if code := there.closedWith(patience); code != 4403 {
				t.Errorf("revoked elsewhere: closed with %d", code)
			}
			t.Logf("the other server closed after %v", time.Since(revoked))
			w.merchant(t).adjust(t, vars{"variantId": v, "delta": 1}).refused(t)
			told[stockView](stays, watched)
		}
		// A session that revokes itself over its socket is told of it, if it can be.
		who := w.buyer(t, "live-leaving")
		s := who.socket(t)
		s.watch(`mutation { sessionRevoke { userErrors { code } } }`, nil)
		if code := s.closedWith(patience); code != 4403 {
			t.Errorf("revoked over the socket: closed with %d", code)
		}
	})
}

// TestLiveTokenExpiry opens sockets with a token that has a few seconds to live, at a server whose clock is ahead.
func TestLiveTokenExpiry(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		const left = 3 * time.Second
		buyer := w.buyer(t, "live-expiring")
		v := w.goods(t, w.shops(t)[0], 100, 10)[0]
		d := time.Until(buyer.session.ExpiresAt) - left
		ahead := newWorld(t, w.source, func(_ *serveCommand, a *app) { a.now = clock.Of(func() time.Time { return time.Now().Add(d) }) })
		late := &client{world: ahead, token: buyer.token, session: buyer.session}
		s := late.socket(t)
		start := time.Now()
		told[stockView](s, s.watch(watchStocks, vars{"ids": []string{v}}))
		code := s.closedWith(left + patience)
		if took := time.Since(start); code != 4403 || took < left/3 {
			t.Errorf("closed with %d after %v, want 4403 when the token expires", code, took)
		}
		refused := wstest.Dial(t, ahead.url+"/graphql", nil)
		refused.Send(wstest.Message{Type: "connection_init", Payload: json.RawMessage(late.initPayload())})
		if code, _ := refused.Closed(); code != 4403 {
			t.Errorf("a token that is over: closed with %d", code)
		}
		next := late.refresh(t)
		next.refused(t)
		again := ahead.as(t, next.Session).socket(t)
		if got := told[stockView](again, again.watch(watchStocks, vars{"ids": []string{v}})); got.VariantID != v {
			t.Errorf("refreshed: told %+v", got)
		}
	})
}
