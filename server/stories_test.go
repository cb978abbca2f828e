package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/demo"
	"holdfast/internal/money"
	"holdfast/internal/typeid"
)

// TestStories is what users do with a running server, from beginning to end. The stories share a server, as users do; each
// has goods and buyers of its own.
func TestStories(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, story := range []struct {
			name string
			tell func(*testing.T, *world)
		}{
			{"browse to paid", browseToPaid},
			{"two shops in one checkout", twoShops},
			{"a cart over two sessions", cartOverTwoSessions},
			{"buying the cart", buyingTheCart},
			{"what is no longer for sale", noLongerForSale},
			{"mutations one after the other", oneAfterTheOther},
			{"sold out", soldOut},
			{"price changed", priceChanged},
			{"cancel", cancelled},
			{"restock", restock},
			{"same key again", sameKeyAgain},
			{"same key 100 times at once", sameKeyAtOnce},
			{"the last units at two servers", lastUnits},
			{"hang up", hangUp},
			{"refused checkouts", refusedCheckouts},
			{"hold limit", holdLimit},
			{"staff see the orders of their shop", staffSeeOrders},
			{"orders page by page", ordersByPage},
			{"log in", logIns},
			{"first log-ins at once", firstLogIns},
			{"refresh", refresh},
			{"revoke", revoke},
			{"revoke at another server", revokeElsewhere},
			{"another mini-program", anotherMiniProgram},
			{"time goes by", timeGoesBy}, // last: what is held goes
		} {
			t.Run(story.name, func(t *testing.T) { story.tell(t, w) })
		}
	})
}

func browseToPaid(t *testing.T, w *world) {
	type product struct {
		ID        string
		Title     string
		ImageURLs []string `json:"imageUrls"`
		Variants  []variantView
	}
	type shop struct {
		ID       string
		Products struct {
			Nodes    []product
			PageInfo struct {
				HasNextPage bool
				EndCursor   string
			}
		}
	}
	type page struct {
		MiniProgram struct {
			Name  string
			Shops struct{ Nodes []shop }
		}
	}
	const browse = `query($app: String!, $after: String, $search: String) { miniProgram(appId: $app) { name shops(first: 10) { nodes { id
		products(first: 3, after: $after, search: $search) { nodes { id title imageUrls variants ` + variantFields + ` } pageInfo { hasNextPage endCursor } } } } } }`
	first := ask[page](t, w.anonymous(), browse, vars{"app": demo.AppID})
	if n := len(first.MiniProgram.Shops.Nodes); n < 3 {
		t.Fatalf("%d shops, want 3 or more", n)
	}
	seen := first.MiniProgram.Shops.Nodes[0].Products
	next := ask[page](t, w.anonymous(), browse, vars{"app": demo.AppID, "after": seen.PageInfo.EndCursor}).MiniProgram.Shops.Nodes[0].Products
	if !seen.PageInfo.HasNextPage || len(seen.Nodes) != 3 || len(next.Nodes) == 0 || next.Nodes[0].ID <= seen.Nodes[2].ID {
		t.Fatalf("the second page does not go on behind the first: %+v, then %+v", seen, next)
	}
	found := ask[page](t, w.anonymous(), browse, vars{"app": demo.AppID, "search": "oolong"}).MiniProgram.Shops.Nodes[0].Products.Nodes
	if len(found) == 0 || !strings.Contains(found[0].Title, "Oolong") {
		t.Fatalf("searching for oolong found %+v", found)
	}
	picked := seen.Nodes[0]
	if len(picked.ImageURLs) == 0 || !strings.HasPrefix(picked.ImageURLs[0], demo.ImagePath) { // what is there: see TestPages
		t.Errorf("pictures %v", picked.ImageURLs)
	}
	tea := picked.Variants[0]
	if tea.Stock.Available < 2 || tea.Stock.OnHand != nil || tea.Stock.Held != nil {
		t.Fatalf("what anybody sees of the stock: %+v", tea.Stock)
	}

	merchant, buyer := w.merchant(t), w.buyer(t, "browser")
	before := merchant.stock(t, tea.ID)
	inCart := buyer.setCart(t, lines(tea.ID, 2), nil)
	inCart.refused(t)
	want := moneyView{2 * tea.Price.Amount, tea.Price.Currency}
	if diff := cmp.Diff(&want, inCart.Cart.Subtotal); diff != "" {
		t.Errorf("the cart's subtotal (-want +got):\n%s", diff)
	}
	placed := buyer.buy(t, vars{"cartVersion": inCart.Cart.Version, "expectedTotal": want})
	checkPlaced(t, placed, want)
	if after := buyer.cart(t); len(after.Lines) != 0 || after.Version <= inCart.Cart.Version || after.Subtotal != nil {
		t.Errorf("the cart after it was bought: %+v", after)
	}
	checkStock(t, "held", merchant.stock(t, tea.ID), *before.OnHand, *before.Held+2, before.Version)

	again := buyer.pay(t, "paymentPrepare", placed.Payment.ID)
	again.refused(t)
	if again.Payment.WeChatPay == nil || !strings.HasPrefix(again.Payment.WeChatPay.Package, "prepay_id=") {
		t.Errorf("prepared again: %+v", again.Payment)
	}
	unpaid := buyer.pay(t, "paymentSync", placed.Payment.ID)
	if unpaid.refused(t); unpaid.Payment.Status != "PENDING" {
		t.Errorf("nobody has paid, and the payment is %s", unpaid.Payment.Status)
	}

	for range 2 { // a notice may come twice
		paid := buyer.confirm(t, placed.Payment.ID)
		paid.refused(t)
		if paid.Payment.Status != "PAID" || paid.Payment.WeChatPay != nil {
			t.Errorf("confirmed: %+v", paid.Payment)
		}
	}
	checkStock(t, "sold", merchant.stock(t, tea.ID), *before.OnHand-2, *before.Held, before.Version+1)
	order := buyer.order(t, placed.Orders[0].ID)
	if order.Status != "PAID" || order.PaidAt == nil || order.HeldUntil != nil || order.Version <= placed.Orders[0].Version {
		t.Errorf("the order once paid: %+v", order)
	}
	buyer.pay(t, "paymentPrepare", placed.Payment.ID).refused(t, "ALREADY_PAID")
	synced := buyer.pay(t, "paymentSync", placed.Payment.ID)
	if synced.refused(t); synced.Payment.Status != "PAID" {
		t.Errorf("synced: %+v", synced.Payment)
	}
	late := buyer.cancel(t, placed.ID)
	if late.refused(t, "ALREADY_PAID"); late.Checkout.Orders[0].Status != "PAID" {
		t.Errorf("cancelled once paid: %+v", late.Checkout)
	}
}

// checkPlaced looks at a checkout of one order that waits for its money.
func checkPlaced(t *testing.T, c *checkoutView, total moneyView) {
	t.Helper()
	o := c.Orders[0]
	switch {
	case len(c.Orders) != 1 || o.Status != "PENDING_PAYMENT" || o.Total != total || o.PaidAt != nil || o.Splits != nil:
		t.Errorf("orders: %+v", c.Orders)
	case o.HeldUntil == nil || !o.HeldUntil.Equal(c.HeldUntil):
		t.Errorf("the order is held until %v, the checkout until %v", o.HeldUntil, c.HeldUntil)
	case o.ShipTo == nil || o.ShipTo.Name != home["name"] || o.ShipTo.Country != "CN":
		t.Errorf("shipped to %+v", o.ShipTo)
	case o.Number == "" || len(o.Number) > 32 || strings.Contains(o.ID, o.Number):
		t.Errorf("number %q of order %s", o.Number, o.ID)
	}
	p := c.Payment
	if p.Status != "PENDING" || p.Amount != total || p.Splits != nil {
		t.Errorf("payment: %+v", p)
	}
	if w := p.WeChatPay; w == nil || w.TimeStamp == "" || w.NonceStr == "" || w.SignType == "" || w.PaySign == "" || !strings.HasPrefix(w.Package, "prepay_id=") {
		t.Errorf("what wx.requestPayment takes: %+v", w)
	}
}

// checkStock compares a stock, as staff see it, with what it should be.
func checkStock(t *testing.T, when string, got stockView, onHand, held int, versionAbove int64) {
	t.Helper()
	if *got.OnHand != onHand || *got.Held != held || got.Available != onHand-held || got.Version <= versionAbove {
		t.Errorf("stock once %s: %d on hand, %d held, %d available, version %d; want %d, %d, %d, above %d",
			when, *got.OnHand, *got.Held, got.Available, got.Version, onHand, held, onHand-held, versionAbove)
	}
}

func twoShops(t *testing.T, w *world) {
	shops, buyer := w.shops(t), w.buyer(t, "two-shops")
	tea, lamp := w.goods(t, shops[0], 3333, 10)[0], w.goods(t, shops[1], 10001, 10, 10)
	abroad := w.goods(t, shops[len(shops)-1], 500, 10)[0]

	mixed := buyer.place(t, vars{"lines": lines(tea, 1, abroad, 1)})
	mixed.refused(t, "CURRENCY_MISMATCH")

	got := buyer.buy(t, vars{
		"lines": lines(tea, 3, lamp[0], 1, lamp[1], 2, tea, 1),
		"shops": []vars{{"shopId": shops[1].ID, "note": "易碎 fragile"}},
	})
	if len(got.Orders) != 2 || got.Orders[0].Shop.ID != shops[0].ID || got.Orders[1].Shop.ID != shops[1].ID {
		t.Fatalf("want an order for each shop: %+v", got.Orders)
	}
	a, b := got.Orders[0], got.Orders[1]
	if len(a.Lines) != 1 || a.Lines[0].Quantity != 4 || a.Lines[0].Amount.Amount != 4*3333 || len(b.Lines) != 2 {
		t.Errorf("lines of one variant add up to one: %+v and %+v", a.Lines, b.Lines)
	}
	if a.Total.Amount != 4*3333 || b.Total.Amount != 3*10001 || got.Payment.Amount != (moneyView{4*3333 + 3*10001, "CNY"}) {
		t.Errorf("totals %v and %v, to pay %v", a.Total, b.Total, got.Payment.Amount)
	}
	if a.Note != nil || b.Note == nil || *b.Note != "易碎 fragile" || a.Number == b.Number {
		t.Errorf("notes %v and %v, numbers %s and %s", a.Note, b.Note, a.Number, b.Number)
	}
	buyer.confirm(t, got.Payment.ID).refused(t)
	for _, o := range got.Orders {
		if after := buyer.order(t, o.ID); after.Status != "PAID" {
			t.Errorf("order %s is %s, want PAID", o.Number, after.Status)
		}
	}
}

func soldOut(t *testing.T, w *world) {
	shops, buyer, merchant := w.shops(t), w.buyer(t, "late"), w.merchant(t)
	scarce, plenty := w.goods(t, shops[0], 100, 3, 0), w.goods(t, shops[1], 100, 50, 2)
	key := unique("key")
	got := buyer.place(t, vars{"idempotencyKey": key, "lines": lines(plenty[0], 50, scarce[0], 2, plenty[1], 3, scarce[1], 1, scarce[0], 2)})
	got.refused(t, "OUT_OF_STOCK")
	// One for each variant that is short, its lines together.
	want := []shortage{{scarce[0], 4, 3}, {plenty[1], 3, 2}, {scarce[1], 1, 0}}
	less := func(a, b shortage) bool { return a.VariantID < b.VariantID }
	if diff := cmp.Diff(want, got.UserErrors[0].Shortages, cmpopts.SortSlices(less)); diff != "" || got.Checkout != nil {
		t.Errorf("shortages (-want +got), with checkout %v:\n%s", got.Checkout, diff)
	}
	if got.UserErrors[0].Typename != "OutOfStockError" || !cmp.Equal(got.UserErrors[0].Field, []string{"input", "lines"}) {
		t.Errorf("the refusal: %+v", got.UserErrors[0])
	}
	for _, v := range append(plenty, scarce...) {
		if s := merchant.stock(t, v); *s.Held != 0 {
			t.Errorf("%d of %s are held for a checkout that was refused", *s.Held, v)
		}
	}
	// A refusal leaves the key free.
	buyer.buy(t, vars{"idempotencyKey": key, "lines": lines(plenty[1], 2, scarce[0], 3)})
	another := w.buyer(t, "later").place(t, vars{"lines": lines(scarce[0], 1)})
	another.refused(t, "OUT_OF_STOCK")
	if diff := cmp.Diff([]shortage{{scarce[0], 1, 0}}, another.UserErrors[0].Shortages); diff != "" {
		t.Errorf("what is held is not for sale (-want +got):\n%s", diff)
	}
}

func priceChanged(t *testing.T, w *world) {
	shops, buyer := w.shops(t), w.buyer(t, "thrifty")
	v := w.goods(t, shops[0], 1000, 10)[0]
	cny := func(n int64) moneyView { return moneyView{n, "CNY"} }
	set := func(price int64) {
		t.Helper()
		id, ok := typeid.Parse[typeid.Variant](v)
		if !ok {
			t.Fatalf("%s is no variant", v)
		}
		// There is no mutation for prices yet.
		if err := w.db.ProductVariant.UpdateOneID(id).SetPrice(price).Exec(t.Context()); err != nil {
			t.Fatalf("change price: %v", err)
		}
	}
	buyer.setCart(t, lines(v, 3), nil).refused(t)
	set(1200)
	input := vars{"idempotencyKey": unique("key"), "expectedTotal": cny(3000)}
	got := buyer.place(t, input)
	got.refused(t, "PRICE_CHANGED")
	e := got.UserErrors[0]
	if got.Checkout != nil || e.Typename != "PriceChangedError" || *e.Expected != cny(3000) || *e.Actual != cny(3600) {
		t.Errorf("refused with %+v", e)
	}
	if s := w.merchant(t).stock(t, v); *s.Held != 0 {
		t.Errorf("%d are held", *s.Held)
	}
	if cart := buyer.cart(t); *cart.Subtotal != cny(3600) {
		t.Errorf("the cart says %v, want the price of now", *cart.Subtotal)
	}
	input["expectedTotal"] = *e.Actual
	bought := buyer.buy(t, input)
	set(5)
	if o := buyer.order(t, bought.Orders[0].ID); o.Lines[0].UnitPrice != cny(1200) || o.Total != cny(3600) {
		t.Errorf("an order keeps its price: %+v", o)
	}
	// The currency is a part of the sum.
	wrong := buyer.place(t, vars{"lines": lines(v, 1), "expectedTotal": moneyView{5, string(money.HKD)}})
	wrong.refused(t, "PRICE_CHANGED")
}

func refusedCheckouts(t *testing.T, w *world) {
	shops, buyer := w.shops(t), w.buyer(t, "clumsy")
	v := w.goods(t, shops[0], 100, 20000)[0]
	draft := w.product(t, shops[0], "DRAFT", 100, 5).variants[0]
	absent := typeid.New[typeid.Variant](w.app.now()).String()
	var many []any
	for range 51 {
		many = append(many, v, 1)
	}
	for name, c := range map[string]struct {
		input vars
		codes []string
		field []string
	}{
		"no lines":         {vars{"lines": []vars{}}, []string{"INVALID"}, []string{"input", "lines"}},
		"an empty cart":    {vars{}, []string{"INVALID"}, []string{"input", "lines"}},
		"51 lines":         {vars{"lines": lines(many...)}, []string{"TOO_MANY"}, []string{"input", "lines"}},
		"none":             {vars{"lines": lines(v, 0)}, []string{"INVALID"}, []string{"input", "lines", "0", "quantity"}},
		"10000":            {vars{"lines": lines(v, 1, v, 10000)}, []string{"INVALID"}, []string{"input", "lines", "1", "quantity"}},
		"10000 in two":     {vars{"lines": lines(v, 5000, v, 5000)}, []string{"QUANTITY_LIMIT"}, []string{"input", "lines", "1", "quantity"}},
		"a draft":          {vars{"lines": lines(draft, 1)}, []string{"NOT_FOR_SALE"}, []string{"input", "lines", "0", "variantId"}},
		"absent":           {vars{"lines": lines(absent, 1)}, []string{"NOT_FOUND"}, []string{"input", "lines", "0", "variantId"}},
		"no id":            {vars{"lines": lines("x", 1)}, []string{"NOT_FOUND"}, []string{"input", "lines", "0", "variantId"}},
		"two mistakes":     {vars{"lines": lines("x", 1, v, 0)}, []string{"NOT_FOUND", "INVALID"}, []string{"input", "lines", "0", "variantId"}},
		"no address":       {vars{"lines": lines(v, 1), "shipTo": nil}, []string{"ADDRESS_REQUIRED"}, []string{"input", "shipTo"}},
		"no key":           {vars{"lines": lines(v, 1), "idempotencyKey": ""}, []string{"INVALID"}, []string{"input", "idempotencyKey"}},
		"a key with space": {vars{"lines": lines(v, 1), "idempotencyKey": "a b"}, []string{"INVALID"}, []string{"input", "idempotencyKey"}},
		"a key too long":   {vars{"lines": lines(v, 1), "idempotencyKey": strings.Repeat("k", 129)}, []string{"INVALID"}, []string{"input", "idempotencyKey"}},
		"a note elsewhere": {vars{"lines": lines(v, 1), "shops": []vars{{"shopId": shops[1].ID}}}, []string{"NOT_FOUND"}, []string{"input", "shops", "0", "shopId"}},
	} {
		got := buyer.place(t, c.input)
		got.refused(t, c.codes...)
		if diff := cmp.Diff(c.field, got.UserErrors[0].Field); diff != "" || got.Checkout != nil {
			t.Errorf("%s: field (-want +got), with checkout %v:\n%s", name, got.Checkout, diff)
		}
	}
	// What costs nothing is paid at once.
	gift := buyer.buy(t, vars{"lines": lines(w.goods(t, shops[0], 0, 1)[0], 1)})
	if gift.Payment.Status != "PAID" || gift.Payment.WeChatPay != nil || gift.Orders[0].Status != "PAID" {
		t.Errorf("a gift: %+v", gift)
	}
}

func holdLimit(t *testing.T, w *world) {
	buyer, v := w.buyer(t, "hoarder"), w.goods(t, w.shops(t)[0], 100, 100)[0]
	var last *checkoutView
	for range w.cfg.MaxOpen {
		last = buyer.buy(t, vars{"lines": lines(v, 1)})
	}
	buyer.place(t, vars{"lines": lines(v, 1)}).refused(t, "HOLD_LIMIT_REACHED")
	w.buyer(t, "modest").buy(t, vars{"lines": lines(v, 1)})
	buyer.confirm(t, last.Payment.ID).refused(t)
	buyer.buy(t, vars{"lines": lines(v, 1)})
}
