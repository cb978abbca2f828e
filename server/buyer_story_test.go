package main

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBuyersDay is what buyers do beside buying.
func TestBuyersDay(t *testing.T) {
	t.Parallel() // it waits
	eachWorld(t, func(t *testing.T, w *world) {
		t.Run("an address book", func(t *testing.T) { addressBook(t, w) })
		t.Run("problems in the cart", func(t *testing.T) { cartProblems(t, w) })
		t.Run("buy again", func(t *testing.T) { buyAgain(t, w) })
		t.Run("what one has bought", func(t *testing.T) { orderHistory(t, w) })
	})
}

func (c *client) addresses(t *testing.T) []addressView {
	t.Helper()
	return ask[struct {
		Viewer struct{ Addresses []addressView }
	}](t, c, `{ viewer { ... on Buyer { addresses `+addressFields+` } } }`, nil).Viewer.Addresses
}

func addressBook(t *testing.T, w *world) {
	buyer, other := w.buyer(t, "much-moved"), w.buyer(t, "nosy")
	at := func(street string) vars {
		a := maps.Clone(home)
		a["street"] = street
		return a
	}
	check := func(want ...string) {
		t.Helper()
		var got []string
		for i, a := range buyer.addresses(t) {
			got = append(got, a.Address.Street)
			if a.IsDefault != (i == 0) || a.Address.Country != "CN" {
				t.Errorf("address %d: %+v", i, a)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("addresses (-want +got):\n%s", diff)
		}
	}
	remove := func(who *client, id string) payload {
		return ask2[payload](t, who, "addressDelete", `mutation($id: ID!) { addressDelete(addressId: $id) { `+userErrors+` } }`, vars{"id": id})
	}
	first := buyer.saveAddress(t, vars{"address": at("1"), "isDefault": true})
	first.refused(t)
	second := buyer.saveAddress(t, vars{"address": at("2")})
	second.refused(t)
	check("1", "2")
	buyer.saveAddress(t, vars{"addressId": second.Address.ID, "address": at("2a"), "isDefault": true}).refused(t)
	check("2a", "1")
	buyer.saveAddress(t, vars{"address": at("")}).refused(t, "INVALID")
	for _, id := range []string{first.Address.ID, "x"} {
		other.saveAddress(t, vars{"addressId": id, "address": at("3")}).refused(t, "NOT_FOUND")
		remove(other, id).refused(t, "NOT_FOUND")
	}
	placed := buyer.buy(t, vars{"lines": lines(w.goods(t, w.shops(t)[0], 100, 1)[0], 1), "shipTo": at("2a")})
	remove(buyer, second.Address.ID).refused(t)
	remove(buyer, second.Address.ID).refused(t, "NOT_FOUND")
	check("1") // and is the default
	if o := buyer.order(t, placed.Orders[0].ID); o.ShipTo == nil || o.ShipTo.Name != home["name"] {
		t.Errorf("the order goes to %+v", o.ShipTo)
	}
	for range 49 {
		buyer.saveAddress(t, vars{"address": at("many")}).refused(t)
	}
	buyer.saveAddress(t, vars{"address": at("one more")}).refused(t, "TOO_MANY")
	if n := len(other.addresses(t)); n != 0 {
		t.Errorf("another buyer sees %d addresses", n)
	}
}

func cartProblems(t *testing.T, w *world) {
	merchant, buyer, shop := w.merchant(t), w.buyer(t, "hesitant"), w.shops(t)[0]
	v := append(w.goods(t, shop, 100, 5, 5, 5, 5), w.product(t, shop, "ACTIVE", 100, 5).variants...)
	fine, sold, dearer, both, archived := v[0], v[1], v[2], v[3], v[4]
	buyer.setCart(t, lines(fine, 1, sold, 3, dearer, 1, both, 2, archived, 1), nil).refused(t)
	w.buyer(t, "quick").buy(t, vars{"lines": lines(sold, 3, both, 4)})
	for _, id := range []string{dearer, both} {
		merchant.editVariant(t, vars{"variantId": id, "price": moneyView{150, "CNY"}}).refused(t)
	}
	merchant.editVariant(t, vars{"variantId": archived, "archived": true}).refused(t)

	elsewhere := w.buyer(t, "hesitant") // on another device
	got := map[string][]string{}
	for _, line := range elsewhere.cart(t).Lines {
		codes := []string{}
		for _, p := range line.Problems {
			codes = append(codes, p.Code)
			if p.Code == "OUT_OF_STOCK" && (len(p.Shortages) != 1 || p.Shortages[0].VariantID != line.Variant.ID || p.Shortages[0].Requested != line.Quantity) {
				t.Errorf("what is left of %s: %+v", line.Variant.ID, p.Shortages)
			}
		}
		got[line.Variant.ID] = codes
	}
	want := map[string][]string{fine: {}, sold: {"OUT_OF_STOCK"}, dearer: {"PRICE_CHANGED"}, both: {"OUT_OF_STOCK", "PRICE_CHANGED"}, archived: {"NOT_FOR_SALE"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	fixed := elsewhere.setCart(t, lines(sold, 2, dearer, 1, both, 1, archived, 0), nil)
	fixed.refused(t)
	for _, line := range fixed.Cart.Lines {
		if len(line.Problems) > 0 {
			t.Errorf("once it was set again: %+v", line)
		}
	}
	bought := buyer.buy(t, vars{"expectedTotal": *fixed.Cart.Subtotal})
	if len(bought.Orders[0].Lines) != 4 {
		t.Errorf("bought %+v", bought.Orders[0].Lines)
	}
}

func buyAgain(t *testing.T, w *world) {
	merchant, buyer, shop := w.merchant(t), w.buyer(t, "creature-of-habit"), w.shops(t)[0]
	v := w.goods(t, shop, 100, 20, 20, 20)
	o := buyer.pays(t, vars{"lines": lines(v[0], 2, v[1], 3)})[0]
	buyer.setCart(t, lines(v[0], 1, v[2], 1), nil).refused(t)
	again := func(who *client) cartPayload {
		return ask2[cartPayload](t, who, "orderBuyAgain", `mutation($id: ID!) { orderBuyAgain(orderId: $id) { cart `+cartFields+userErrors+` } }`, vars{"id": o.ID})
	}
	quantities := func(c *cartView) map[string]int {
		out := map[string]int{}
		for _, l := range c.Lines {
			out[l.Variant.ID] = l.Quantity
		}
		return out
	}
	got := again(buyer)
	got.refused(t)
	if diff := cmp.Diff(map[string]int{v[0]: 3, v[1]: 3, v[2]: 1}, quantities(got.Cart)); diff != "" {
		t.Errorf("the cart (-want +got):\n%s", diff)
	}
	merchant.editVariant(t, vars{"variantId": v[1], "archived": true}).refused(t)
	got = again(buyer)
	got.refused(t, "NOT_FOR_SALE")
	if diff := cmp.Diff(map[string]int{v[0]: 5, v[1]: 3, v[2]: 1}, quantities(got.Cart)); diff != "" || got.UserErrors[0].VariantID != v[1] {
		t.Errorf("with one archived, refused %+v (-want +got):\n%s", got.UserErrors, diff)
	}
	again(w.buyer(t, "copycat")).refused(t, "NOT_FOUND")
}

func orderHistory(t *testing.T, w *world) {
	merchant, buyer, shop := w.merchant(t), w.buyer(t, "archivist"), w.shops(t)[0]
	v := w.goods(t, shop, 100, 50, 50)
	shipped := buyer.pays(t, vars{"lines": lines(v[0], 1)})[0]
	merchant.ship(t, vars{"orderId": shipped.ID, "method": "PICKUP"}).refused(t)
	refunded := buyer.pays(t, vars{"lines": lines(v[0], 1)})[0]
	merchant.refund(t, vars{"orderId": refunded.ID}).refused(t)
	between := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	other := maps.Clone(home)
	other["phone"] = "13900139000"
	paid := buyer.pays(t, vars{"lines": lines(v[1], 1)})[0]
	open := buyer.buy(t, vars{"lines": lines(v[1], 1), "shipTo": other}).Orders[0]
	sku := paid.Lines[0].SKU
	for name, this := range map[string]struct {
		filter vars
		want   []string // newest first
	}{
		"all, two a page":    {nil, []string{open.ID, paid.ID}},
		"by one status":      {vars{"statuses": []string{"SHIPPED"}}, []string{shipped.ID}},
		"by statuses":        {vars{"statuses": []string{"SHIPPED", "REFUNDED"}}, []string{refunded.ID, shipped.ID}},
		"since":              {vars{"placedFrom": between}, []string{open.ID, paid.ID}},
		"before":             {vars{"placedBefore": between}, []string{refunded.ID, shipped.ID}},
		"by number":          {vars{"text": refunded.Number}, []string{refunded.ID}},
		"by phone":           {vars{"text": "13900139000"}, []string{open.ID}},
		"by sku":             {vars{"text": sku}, []string{open.ID, paid.ID}},
		"by sku and status":  {vars{"text": sku, "statuses": []string{"PAID"}}, []string{paid.ID}},
		"by a part of a sku": {vars{"text": sku[:len(sku)-1]}, nil},
		"by none of these":   {vars{"text": "nothing", "placedFrom": between}, nil},
	} {
		var got []string
		for _, n := range buyer.orders(t, vars{"filter": this.filter}).Nodes {
			got = append(got, n.ID)
		}
		if diff := cmp.Diff(this.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
