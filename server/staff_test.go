package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func restock(t *testing.T, w *world) {
	shop, merchant, buyer := w.shops(t)[0], w.merchant(t), w.buyer(t, "waiting")
	sku := unique("SKU")
	input := vars{"shopId": shop.ID, "title": "新茶 New Tea", "status": "ACTIVE", "variants": []vars{
		{"sku": sku, "price": moneyView{4200, "CNY"}, "onHand": 0, "lowStockThreshold": 2},
	}}
	made := merchant.create(t, input)
	made.refused(t)
	if made.Product.Status != "ACTIVE" || len(made.Product.Variants) != 1 {
		t.Fatalf("made %+v", made.Product)
	}
	merchant.create(t, input).refused(t, "CONFLICT") // the sku exists
	v := made.Product.Variants[0].ID
	empty := buyer.stock(t, v)
	if empty.Available != 0 || !empty.IsLow || empty.OnHand != nil {
		t.Errorf("what a buyer sees of the stock: %+v", empty)
	}
	buyer.place(t, vars{"lines": lines(v, 1)}).refused(t, "OUT_OF_STOCK")
	if low := lowVariants(t, merchant, shop.ID); !low[v] {
		t.Error("what is sold out is not among the low")
	}

	key := unique("key")
	delivery := vars{"variantId": v, "delta": 5, "ifVersion": empty.Version, "reason": "a delivery", "idempotencyKey": key}
	for range 3 { // a repeat changes nothing, though the version has moved
		got := merchant.adjust(t, delivery)
		got.refused(t)
		checkStock(t, "delivered", *got.Stock, 5, 0, empty.Version)
	}
	delivery["delta"] = 6
	merchant.adjust(t, delivery).refused(t, "IDEMPOTENCY_KEY_REUSED")
	merchant.adjust(t, vars{"variantId": v, "delta": 1, "ifVersion": empty.Version}).refused(t, "VERSION_MISMATCH")
	merchant.adjust(t, vars{"variantId": v}).refused(t, "INVALID")
	merchant.adjust(t, vars{"variantId": v, "delta": 1, "onHand": 1}).refused(t, "INVALID")
	merchant.adjust(t, vars{"variantId": v, "delta": 0}).refused(t, "INVALID")
	merchant.adjust(t, vars{"variantId": v, "delta": -6}).refused(t, "CONFLICT")
	merchant.adjust(t, vars{"variantId": v, "onHand": 1_000_001}).refused(t, "INVALID")
	merchant.adjust(t, vars{"variantId": v, "delta": 1, "reason": " "}).refused(t, "INVALID")

	bought := buyer.buy(t, vars{"lines": lines(v, 4)})
	merchant.adjust(t, vars{"variantId": v, "onHand": 3}).refused(t, "CONFLICT") // 4 are held
	counted := merchant.adjust(t, vars{"variantId": v, "onHand": 8})
	counted.refused(t)
	checkStock(t, "counted", *counted.Stock, 8, 4, 0)
	buyer.confirm(t, bought.Payment.ID).refused(t)
	checkStock(t, "sold", merchant.stock(t, v), 4, 0, counted.Stock.Version)
	if low := lowVariants(t, merchant, shop.ID); low[v] {
		t.Error("4 of a threshold of 2 are among the low")
	}
}

// lowVariants are the variants of the shop that are low.
func lowVariants(t *testing.T, c *client, shop string) map[string]bool {
	t.Helper()
	got := ask[struct {
		Shop struct {
			Variants struct {
				Nodes []struct {
					ID    string
					Stock stockView
				}
			}
		}
	}](t, c, `query($id: ID!) { shop(id: $id) { variants(first: 100, onlyLow: true) { nodes { id stock `+stockFields+` } } } }`, vars{"id": shop})
	out := map[string]bool{}
	for _, v := range got.Shop.Variants.Nodes {
		if out[v.ID] = true; !v.Stock.IsLow {
			t.Errorf("%s is among the low and says it is not", v.ID)
		}
	}
	return out
}

func staffSeeOrders(t *testing.T, w *world) {
	type rule struct {
		Receiver    string
		Role        string
		BasisPoints int64
	}
	type shopOrders struct {
		Shop struct {
			SplitRules []rule
			Orders     *struct{ Nodes []orderView }
		}
	}
	const query = `query($id: ID!, $filter: OrderFilter) { shop(id: $id) { splitRules { receiver role basisPoints }
		orders(first: 100, filter: $filter) { nodes ` + orderFields + ` } } }`
	shops, buyer, merchant := w.shops(t), w.buyer(t, "generous"), w.merchant(t)
	v := append(w.goods(t, shops[0], 9999, 9), w.goods(t, shops[2], 7, 9)...)
	placed := buyer.buy(t, vars{"lines": lines(v[0], 3, v[1], 1)})
	buyer.confirm(t, placed.Payment.ID).refused(t)

	for i, shop := range []shopView{shops[0], shops[2]} {
		got := ask[shopOrders](t, merchant, query, vars{"id": shop.ID, "filter": vars{"statuses": []string{"PAID"}, "text": placed.Orders[i].Number}}).Shop
		if len(got.Orders.Nodes) != 1 || got.Orders.Nodes[0].ID != placed.Orders[i].ID {
			t.Fatalf("the order of shop %d is not found by its number: %+v", i, got.Orders.Nodes)
		}
		o := got.Orders.Nodes[0]
		if len(got.SplitRules) != 2 {
			t.Fatalf("demo shop %d has rules %+v", i, got.SplitRules)
		}
		var want []splitView
		left := o.Total.Amount
		for _, r := range got.SplitRules {
			share := o.Total.Amount * r.BasisPoints / 10_000 // rounded down
			left -= share
			if share > 0 {
				want = append(want, splitView{Receiver: r.Receiver, Role: r.Role, Amount: moneyView{share, "CNY"}, Returned: moneyView{0, "CNY"}})
			}
		}
		var sum int64
		var given []splitView
		for _, s := range o.Splits {
			sum += s.Amount.Amount
			if s.Role == "MERCHANT" {
				if s.Amount.Amount != left {
					t.Errorf("the merchant gets %d, want what is left: %d", s.Amount.Amount, left)
				}
				continue
			}
			given = append(given, s)
		}
		if diff := cmp.Diff(want, given, sharesMove); diff != "" || sum != o.Total.Amount {
			t.Errorf("splits add up to %d of %d (-want +got):\n%s", sum, o.Total.Amount, diff)
		}
		if hidden := ask[shopOrders](t, buyer, query, vars{"id": shop.ID}).Shop; hidden.Orders != nil || hidden.SplitRules != nil {
			t.Errorf("a buyer sees of a shop %+v", hidden)
		}
	}
	if paid := buyer.payment(t, placed.Payment.ID); paid.Splits != nil {
		t.Errorf("a buyer sees the splits %+v", paid.Splits)
	}
	if o := buyer.order(t, placed.Orders[0].ID); o.Splits != nil {
		t.Errorf("a buyer sees the splits %+v", o.Splits)
	}
	var sum int64
	all := merchant.payment(t, placed.Payment.ID)
	for _, s := range all.Splits {
		sum += s.Amount.Amount
	}
	if sum != placed.Payment.Amount.Amount || all.WeChatPay != nil {
		t.Errorf("the payment's splits add up to %d of %d", sum, placed.Payment.Amount.Amount)
	}
}

func ordersByPage(t *testing.T, w *world) {
	buyer := w.buyer(t, "regular")
	v := w.goods(t, w.shops(t)[0], 100, 9)[0]
	var want []string // newest first
	for range 5 {
		want = append([]string{buyer.buy(t, vars{"lines": lines(v, 1)}).Orders[0].ID}, want...)
	}
	buyer.cancel(t, ask[struct {
		Order struct{ Checkout struct{ ID string } }
	}](t, buyer, `query($id: ID!) { order(id: $id) { checkout { id } } }`, vars{"id": want[4]}).Order.Checkout.ID).refused(t)

	var got []string
	var after any
	for {
		page := buyer.orders(t, vars{"after": after})
		for i, e := range page.Edges {
			got = append(got, e.Node.ID)
			if page.Nodes[i] != e.Node {
				t.Errorf("nodes %v differ from edges %v", page.Nodes, page.Edges)
			}
		}
		if page.PageInfo.HasPreviousPage || len(page.Edges) > 2 {
			t.Errorf("the page %+v", page)
		}
		if after = *page.PageInfo.EndCursor; !page.PageInfo.HasNextPage {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		filter vars
		want   int
	}{
		{vars{"statuses": []string{"CANCELLED"}}, 1},
		{vars{"statuses": []string{}}, 2},
		{vars{"statuses": []string{"PAID", "EXPIRED"}}, 0},
		{vars{"text": home["phone"]}, 2},
		{vars{"text": "no such"}, 0},
		{vars{"placedFrom": "2999-01-01T00:00:00Z"}, 0},
		{vars{"placedBefore": "2999-01-01T00:00:00+08:00"}, 2},
	} {
		if got := buyer.orders(t, vars{"filter": c.filter}); len(got.Nodes) != c.want {
			t.Errorf("%v finds %d orders on the first page, want %d", c.filter, len(got.Nodes), c.want)
		}
	}
	at := ask[struct{ Order struct{ PlacedAt string } }](t, buyer, `query($id: ID!) { order(id: $id) { placedAt } }`, vars{"id": want[0]}).Order.PlacedAt
	if from := buyer.orders(t, vars{"filter": vars{"placedFrom": at}}); len(from.Nodes) != 1 || from.Nodes[0].ID != want[0] || !strings.HasSuffix(at, "Z") {
		t.Errorf("placed from the newest's moment %s: %v", at, from.Nodes)
	}
	if before := buyer.orders(t, vars{"filter": vars{"placedBefore": at}}); len(before.Nodes) == 0 || before.Nodes[0].ID != want[1] {
		t.Errorf("placed before the newest's moment: %v", before.Nodes)
	}
	if end := buyer.orders(t, vars{"after": after}); len(end.Edges) != 0 || end.PageInfo.StartCursor != nil || end.PageInfo.EndCursor != nil || end.PageInfo.HasNextPage {
		t.Errorf("behind the last page: %+v", end)
	}
}

type orderPage struct {
	Edges    []struct{ Node struct{ ID string } }
	Nodes    []struct{ ID string }
	PageInfo struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
}

// orders are the buyer's, two a page.
func (c *client) orders(t *testing.T, v vars) orderPage {
	t.Helper()
	return ask[struct{ Viewer struct{ Orders orderPage } }](t, c, `query($after: String, $filter: OrderFilter) { viewer { ... on Buyer {
		orders(first: 2, after: $after, filter: $filter) { edges { node { id } } nodes { id }
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }`, v).Viewer.Orders
}
