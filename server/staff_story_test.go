package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/demo"
)

// TestStaffsDay is what staff do all day, and who they are.
func TestStaffsDay(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		t.Run("from invitation to removal", func(t *testing.T) { invitedToRemoved(t, w) })
		t.Run("a product is edited", func(t *testing.T) { productEdited(t, w) })
		t.Run("200 counted at once", func(t *testing.T) { counted200(t, w) })
		t.Run("movements page by page", func(t *testing.T) { movementsByPage(t, w) })
		t.Run("low stock", func(t *testing.T) { lowStock(t, w) })
		t.Run("shares are set", func(t *testing.T) { sharesSet(t, w) })
	})
}

type auditView struct{ Action, StaffEmail, Subject string }

// audit is all that was done in a shop, newest first.
func (c *client) audit(t *testing.T, shop string) []auditView {
	t.Helper()
	type page struct {
		Shop struct {
			AuditLog struct {
				Nodes    []auditView
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
	}
	var out []auditView
	for after := any(nil); ; {
		log := ask[page](t, c, `query($id: ID!, $after: String) { shop(id: $id) { auditLog(first: 100, after: $after) { nodes { action staffEmail subject }
			pageInfo { hasNextPage endCursor } } } }`, vars{"id": shop, "after": after}).Shop.AuditLog
		out = append(out, log.Nodes...)
		if after = log.PageInfo.EndCursor; !log.PageInfo.HasNextPage {
			return out
		}
	}
}

func (c *client) editVariant(t *testing.T, input vars) payload {
	t.Helper()
	return change[payload](t, c, "productVariantUpdate", "ProductVariantUpdateInput", ``, input)
}

func (c *client) editProduct(t *testing.T, input vars) payload {
	t.Helper()
	return change[payload](t, c, "productUpdate", "ProductUpdateInput", ``, input)
}

func invitedToRemoved(t *testing.T, w *world) {
	merchant, shop, buyer := w.merchant(t), w.shops(t)[0], w.buyer(t, "served")
	second := newWorld(t, w.source)
	email := unique("newcomer") + "@example.test"
	invited := merchant.invite(t, shop.ID, strings.ToUpper(email), "CLERK")
	invited.refused(t)
	if invited.Invitation.Email != email || invited.Invitation.Role != "CLERK" {
		t.Errorf("invited %+v", invited.Invitation)
	}
	clerk := w.accept(t, *invited.Token)
	w.staff(t, email, hired) // the password is set
	merchant.invite(t, shop.ID, email, "CLERK").refused(t, "CONFLICT")

	made := clerk.create(t, vars{"shopId": shop.ID, "title": "by the newcomer", "status": "ACTIVE", "variants": []vars{{"sku": unique("SKU"), "price": moneyView{100, "CNY"}, "onHand": 5}}})
	made.refused(t)
	v := made.Product.Variants[0].ID
	clerk.adjust(t, vars{"variantId": v, "delta": 2}).refused(t)
	o := buyer.pays(t, vars{"lines": lines(v, 1)})[0]
	clerk.ship(t, vars{"orderId": o.ID, "method": "PICKUP"}).refused(t)
	refund := mutation("orderRefund", "OrderRefundInput", "refund { id }", keyed(vars{"orderId": o.ID, "reason": "x"}, nil))
	if got := clerk.outcome(t, refund); got != forbidden {
		t.Errorf("a clerk refunds: %s", got)
	}
	s := clerk.socket(t)
	feed := s.watch(watchShop, vars{"shop": shop.ID})
	s.afterNudge(feed, func() { merchant.adjust(t, vars{"variantId": v, "delta": 1}).refused(t) })

	elsewhere := &client{world: second, token: clerk.token}
	adjust := func() request {
		return mutation("stockAdjust", "StockAdjustInput", "stock { version }", keyed(vars{"variantId": v, "delta": 1, "reason": "x"}, nil))
	}
	if got := elsewhere.outcome(t, adjust()); got != shown {
		t.Errorf("at another server: %s", got)
	}
	id := clerk.session.Viewer.ID
	removed := ask2[payload](t, merchant, "staffRemove", `mutation($shop: ID!, $id: ID!) { staffRemove(shopId: $shop, staffId: $id) { `+userErrors+` } }`, vars{"shop": shop.ID, "id": id})
	removed.refused(t)
	gone := time.Now()
	for _, who := range []*client{clerk, elsewhere} {
		for got := who.outcome(t, adjust()); got != forbidden; got = who.outcome(t, adjust()) {
			if time.Since(gone) > time.Second {
				t.Fatalf("%v after the removal: %s", time.Since(gone), got)
			}
		}
	}
	for ended := false; !ended; { // the feed ends too
		m := s.nudged(feed, func() { merchant.adjust(t, vars{"variantId": v, "delta": 1}).refused(t) })
		if ended = m.Type == "complete"; !ended && time.Since(gone) > patience {
			t.Fatalf("%v after the removal: told %s", time.Since(gone), m)
		}
	}

	var did []auditView
	for _, e := range merchant.audit(t, shop.ID) {
		if e.StaffEmail == email || e.Action == "staffRemove" || e.Action == "staffInvite" {
			did = append(did, auditView{Action: e.Action, StaffEmail: e.StaffEmail})
		}
	}
	slices.Reverse(did)
	want := []auditView{{"staffInvite", demo.Merchant, ""}, {"staffInvitationAccept", email, ""}, {"productCreate", email, ""}, {"stockAdjust", email, ""}, {"orderShip", email, ""}}
	if len(did) < len(want) || !cmp.Equal(want, did[:len(want)]) || did[len(did)-1].Action != "staffRemove" {
		t.Errorf("the audit log (-want +got):\n%s", cmp.Diff(want, did))
	}
}

// ask2 is ask for one root field.
func ask2[T any](t *testing.T, c *client, root, query string, v vars) T {
	t.Helper()
	return ask[map[string]T](t, c, query, v)[root]
}

func productEdited(t *testing.T, w *world) {
	merchant, buyer := w.merchant(t), w.buyer(t, "collector")
	p := w.product(t, w.shops(t)[0], "ACTIVE", 1000, 10, 10)
	o := buyer.pays(t, vars{"lines": lines(p.variants[0], 2)})[0]
	buyer.setCart(t, lines(p.variants[0], 1), nil).refused(t)
	merchant.editVariant(t, vars{"variantId": p.variants[0], "price": moneyView{1500, "CNY"}, "title": "renamed", "sku": unique("SKU")}).refused(t)
	merchant.editProduct(t, vars{"productId": p.product, "title": "另一个名字"}).refused(t)
	merchant.editVariant(t, vars{"variantId": p.variants[0], "price": moneyView{1500, "HKD"}}).refused(t, "INVALID")
	merchant.editVariant(t, vars{"variantId": p.variants[0]}).refused(t, "INVALID")
	if diff := cmp.Diff(o, *buyer.order(t, o.ID)); diff != "" {
		t.Errorf("an edited product changed an order (-before +after):\n%s", diff)
	}
	buyer.place(t, vars{"lines": lines(p.variants[0], 1), "expectedTotal": moneyView{1000, "CNY"}}).refused(t, "PRICE_CHANGED")

	merchant.editVariant(t, vars{"variantId": p.variants[0], "archived": true}).refused(t)
	buyer.place(t, vars{"lines": lines(p.variants[0], 1)}).refused(t, "NOT_FOR_SALE")
	seen := ask[struct {
		Product struct{ Variants []struct{ ID string } }
	}](t, buyer, `query($id: ID!) { product(id: $id) { variants { id } } }`, vars{"id": p.product}).Product.Variants
	if len(seen) != 1 || seen[0].ID != p.variants[1] {
		t.Errorf("buyers see the variants %v", seen)
	}
	if line := buyer.order(t, o.ID).Lines[0]; line.Variant == nil || line.Variant.ID != p.variants[0] {
		t.Errorf("what was bought is no longer readable: %+v", line)
	}
	merchant.editVariant(t, vars{"variantId": p.variants[0], "archived": false}).refused(t)
	buyer.buy(t, vars{"lines": lines(p.variants[0], 1), "expectedTotal": moneyView{1500, "CNY"}})
	added := change[payload](t, merchant, "productVariantAdd", "ProductVariantAddInput", ``,
		vars{"productId": p.product, "sku": unique("SKU"), "price": moneyView{9, "CNY"}, "onHand": 1})
	added.refused(t)

	merchant.editProduct(t, vars{"productId": p.product, "status": "ARCHIVED"}).refused(t)
	buyer.place(t, vars{"lines": lines(p.variants[1], 1)}).refused(t, "NOT_FOR_SALE")
	if got := buyer.outcome(t, request{`query($id: ID!) { it: product(id: $id) { id } }`, vars{"id": p.product}}); got != null {
		t.Errorf("an archived product is %s", got)
	}
	if diff := cmp.Diff(o, *buyer.order(t, o.ID)); diff != "" {
		t.Errorf("an archived product changed an order (-before +after):\n%s", diff)
	}
}

func counted200(t *testing.T, w *world) {
	merchant := w.merchant(t)
	p := w.product(t, w.shops(t)[0], "ACTIVE", 100, slices.Repeat([]int{3}, 200)...)
	const stale = 77
	version := merchant.stock(t, p.variants[0]).Version
	merchant.adjust(t, vars{"variantId": p.variants[stale], "delta": 1}).refused(t) // meanwhile, somebody
	var list []vars
	for _, v := range p.variants {
		list = append(list, vars{"variantId": v, "onHand": 40, "ifVersion": version})
	}
	input := vars{"lines": list, "reason": "a delivery", "idempotencyKey": unique("key")}
	var first manyPayload
	for i := range 2 { // a repeat says the same
		got := merchant.adjustMany(t, input)
		got.refused(t)
		if len(got.Verdicts) != 200 {
			t.Fatalf("%d verdicts", len(got.Verdicts))
		}
		for n, v := range got.Verdicts {
			switch {
			case v.VariantID != p.variants[n]:
				t.Fatalf("verdict %d is of %s", n, v.VariantID)
			case n == stale && (v.Stock != nil || len(v.UserErrors) != 1 || v.UserErrors[0].Code != "VERSION_MISMATCH"):
				t.Errorf("the stale one: %+v", v)
			case n != stale && (v.Stock == nil || *v.Stock.OnHand != 40 || len(v.UserErrors) > 0):
				t.Fatalf("verdict %d: %+v", n, v)
			}
		}
		if diff := cmp.Diff(first.Verdicts, got.Verdicts); i > 0 && diff != "" {
			t.Errorf("repeated (-first +second):\n%s", diff)
		}
		first = got
	}
	checkStock(t, "left alone", merchant.stock(t, p.variants[stale]), 4, 0, 1)
	checkStock(t, "counted", merchant.stock(t, p.variants[0]), 40, 0, 1)
	one := vars{"variantId": p.variants[0], "delta": 1}
	merchant.adjustMany(t, vars{"lines": append(slices.Clone(list), one)}).refused(t, "TOO_MANY")
	merchant.adjustMany(t, vars{"lines": []vars{one}, "reason": " "}).refused(t, "INVALID")
	merchant.adjustMany(t, vars{"lines": []vars{one}, "reason": "x", "idempotencyKey": input["idempotencyKey"]}).refused(t, "IDEMPOTENCY_KEY_REUSED")
}

func movementsByPage(t *testing.T, w *world) {
	type movement struct {
		Kind        string
		OnHandDelta int
		HeldDelta   int
		Order       *struct{ Number string }
		StaffEmail  *string
		Reason      *string
	}
	type page struct {
		Nodes    []movement
		PageInfo struct {
			HasNextPage bool
			EndCursor   *string
		}
	}
	merchant, buyer := w.merchant(t), w.buyer(t, "moved")
	v := w.goods(t, w.shops(t)[0], 100, 10)[0]
	o := buyer.pays(t, vars{"lines": lines(v, 3)})[0]
	merchant.refund(t, vars{"orderId": o.ID, "lines": []vars{lineOf(o, 0, 1)}, "restock": []vars{lineOf(o, 0, 1)}}).refused(t)
	buyer.cancel(t, buyer.buy(t, vars{"lines": lines(v, 2)}).ID).refused(t)
	merchant.adjust(t, vars{"variantId": v, "delta": 5, "reason": "a delivery"}).refused(t)

	var got []movement
	for after := any(nil); ; {
		p := ask[struct{ Node struct{ Movements page } }](t, merchant, `query($id: ID!, $after: String) { node(id: $id) { ... on ProductVariant {
			movements(first: 2, after: $after) { nodes { kind onHandDelta heldDelta order { number } staffEmail reason } pageInfo { hasNextPage endCursor } } } } }`,
			vars{"id": v, "after": after}).Node.Movements
		got = append(got, p.Nodes...)
		if after = p.PageInfo.EndCursor; !p.PageInfo.HasNextPage {
			break
		}
	}
	email, delivery, broken := demo.Merchant, "a delivery", "broken"
	number := &struct{ Number string }{o.Number}
	for i := range got { // the cancelled order's number is not known here
		if k := got[i].Kind; i > 0 && i < 3 && got[i].Order != nil && (k == "HELD" || k == "RELEASED") {
			got[i].Order = nil
		}
	}
	want := []movement{
		{"ADJUSTED", 5, 0, nil, &email, &delivery},
		{"RELEASED", 0, -2, nil, nil, nil},
		{"HELD", 0, 2, nil, nil, nil},
		{"RETURNED", 1, 0, number, &email, &broken},
		{"SOLD", -3, -3, number, nil, nil},
		{"HELD", 0, 3, number, nil, nil},
		{"RECEIVED", 10, 0, nil, &email, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("movements (-want +got):\n%s", diff)
	}
}

func lowStock(t *testing.T, w *world) {
	merchant, shop := w.merchant(t), w.shops(t)[1]
	v := w.goods(t, shop, 100, 10, 10)
	low := func(want ...bool) {
		t.Helper()
		got := lowVariants(t, merchant, shop.ID)
		for i, is := range want {
			if got[v[i]] != is {
				t.Errorf("variant %d is among the low: %v, want %v", i, got[v[i]], is)
			}
		}
	}
	low(false, false)
	merchant.editVariant(t, vars{"variantId": v[0], "lowStockThreshold": 10}).refused(t)
	low(true, false)
	merchant.adjust(t, vars{"variantId": v[0], "onHand": 12}).refused(t)
	low(false, false)
	w.buyer(t, "taker").buy(t, vars{"lines": lines(v[0], 2, v[1], 10)}) // what is held is not available
	low(true, true)
}

func sharesSet(t *testing.T, w *world) {
	operator, buyer, shop := w.staff(t, demo.Operator, demo.Password), w.buyer(t, "sharer"), w.shops(t)[2]
	v := w.goods(t, shop, 10_000, 10)[0]
	before := buyer.pays(t, vars{"lines": lines(v, 1)})[0]
	kept := operator.shared(t, before.ID)
	set := func(rules ...vars) payload {
		t.Helper()
		return ask2[payload](t, operator, "splitRulesSet", `mutation($id: ID!, $rules: [SplitRuleInput!]!) { splitRulesSet(shopId: $id, rules: $rules) { `+userErrors+` } }`,
			vars{"id": shop.ID, "rules": rules})
	}
	set(vars{"receiver": "platform", "role": "PLATFORM", "basisPoints": 3001}).refused(t, "AMOUNT_EXCEEDED")
	set(vars{"receiver": "platform", "role": "MERCHANT", "basisPoints": 1}).refused(t, "INVALID")
	set(vars{"receiver": "platform", "role": "PLATFORM", "basisPoints": 3000}).refused(t)
	after := buyer.pays(t, vars{"lines": lines(v, 1)})[0]
	var got []int64
	for _, s := range operator.shared(t, after.ID) {
		got = append(got, s.Amount.Amount)
	}
	if slices.Sort(got); !slices.Equal(got, []int64{3000, 7000}) {
		t.Errorf("an order of 10000 is shared %v", got)
	}
	if diff := cmp.Diff(kept, operator.order(t, before.ID).Splits); diff != "" {
		t.Errorf("the plan of an order already made changed (-before +after):\n%s", diff)
	}
}
