package main

import (
	"cmp"
	"context"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"holdfast/internal/typeid"
)

func cartOverTwoSessions(t *testing.T, w *world) {
	shops := w.shops(t)
	phone, tablet := w.buyer(t, "two-sessions"), w.buyer(t, "two-sessions")
	if phone.session.Viewer.ID != tablet.session.Viewer.ID || phone.token == tablet.token {
		t.Fatal("want two sessions of one buyer")
	}
	v := w.goods(t, shops[0], 250, 5, 1, 9)
	abroad := w.goods(t, shops[len(shops)-1], 100, 5)[0]

	first := phone.setCart(t, lines(v[0], 2, v[1], 1), nil)
	first.refused(t)
	if diff := gocmp.Diff(*first.Cart, tablet.cart(t)); diff != "" {
		t.Errorf("the other session sees another cart (-first +second):\n%s", diff)
	}
	second := tablet.setCart(t, lines(v[2], 3), first.Cart.Version)
	second.refused(t)
	stale := phone.setCart(t, lines(v[0], 0), first.Cart.Version)
	if stale.refused(t, "VERSION_MISMATCH"); stale.Cart != nil {
		t.Errorf("refused, and a cart: %+v", stale.Cart)
	}

	// More than there is is taken, and said; other carts hold nothing back.
	greedy := phone.setCart(t, lines(v[1], 4, v[0], 0), second.Cart.Version)
	greedy.refused(t)
	type line struct {
		Variant  string
		Quantity int
		Problem  string
	}
	var got []line
	for _, l := range greedy.Cart.Lines {
		entry := line{Variant: l.Variant.ID, Quantity: l.Quantity}
		for _, p := range l.Problems {
			entry.Problem += p.Code
			if want := []shortage{{v[1], 4, 1}}; !gocmp.Equal(p.Shortages, want) {
				t.Errorf("the problem %+v, want shortages %+v", p, want)
			}
		}
		got = append(got, entry)
	}
	if diff := gocmp.Diff([]line{{v[1], 4, "OUT_OF_STOCK"}, {v[2], 3, ""}}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if *greedy.Cart.Subtotal != (moneyView{7 * 250, "CNY"}) {
		t.Errorf("subtotal %v", *greedy.Cart.Subtotal)
	}
	if w.buyer(t, "neighbour").cart(t).Lines != nil && len(w.buyer(t, "neighbour").cart(t).Lines) != 0 {
		t.Error("a new buyer's cart is not empty")
	}

	// All or none.
	bad := phone.setCart(t, lines(v[0], 1, "var_x", 1, v[2], -1, v[0], 2), nil)
	bad.refused(t, "NOT_FOUND", "INVALID", "INVALID")
	if diff := gocmp.Diff(*greedy.Cart, tablet.cart(t)); diff != "" {
		t.Errorf("a refused change changed the cart (-before +after):\n%s", diff)
	}
	two := tablet.setCart(t, lines(abroad, 1), nil)
	if two.refused(t); two.Cart.Subtotal != nil {
		t.Errorf("a subtotal of two currencies: %v", two.Cart.Subtotal)
	}
}

func buyingTheCart(t *testing.T, w *world) {
	buyer := w.buyer(t, "carter")
	v := w.goods(t, w.shops(t)[0], 100, 5, 5, 5)
	had := buyer.setCart(t, lines(v[0], 1, v[1], 2), nil)
	moved := buyer.setCart(t, lines(v[2], 1), nil)
	buyer.place(t, vars{"cartVersion": had.Cart.Version}).refused(t, "VERSION_MISMATCH")
	if held := *w.merchant(t).stock(t, v[0]).Held; held != 0 {
		t.Errorf("%d held after a refusal", held)
	}

	// Bought apart, by name: it stays in the cart unless it is to be taken out.
	buyer.buy(t, vars{"lines": lines(v[0], 1)})
	if diff := gocmp.Diff(*moved.Cart, buyer.cart(t)); diff != "" {
		t.Errorf("the cart (-before +after):\n%s", diff)
	}
	buyer.buy(t, vars{"lines": lines(v[0], 1), "removeFromCart": true})
	if left := buyer.cart(t); len(left.Lines) != 2 || left.Version <= moved.Cart.Version {
		t.Errorf("the cart after its first line was bought: %+v", left)
	}
	got := buyer.buy(t, vars{})
	bought := got.Orders[0].Lines
	slices.SortFunc(bought, func(a, b lineView) int { return cmp.Compare(a.Quantity, b.Quantity) })
	if len(bought) != 2 || bought[0].Variant.ID != v[2] || bought[1].Variant.ID != v[1] || bought[1].Quantity != 2 {
		t.Errorf("bought %+v", bought)
	}
	if left := buyer.cart(t); len(left.Lines) != 0 {
		t.Errorf("still in the cart: %+v", left.Lines)
	}
	buyer.place(t, vars{}).refused(t, "INVALID")
}

// noLongerForSale archives a product, and closes a shop, under a cart and an order.
func noLongerForSale(t *testing.T, w *world) {
	shops, buyer := w.shops(t), w.buyer(t, "nostalgic")
	gone, stays := w.product(t, shops[0], "ACTIVE", 100, 5), w.goods(t, shops[1], 100, 5)[0]
	placed := buyer.buy(t, vars{"lines": lines(gone.variants[0], 1)})
	buyer.setCart(t, lines(gone.variants[0], 1, stays, 1), nil).refused(t)
	productID, _ := typeid.Parse[typeid.Product](gone.product)
	shopID, _ := typeid.Parse[typeid.Shop](shops[1].ID)
	archive := w.db.Product.UpdateOneID(productID).SetStatus("ARCHIVED").Exec(t.Context())
	shut := w.db.Shop.UpdateOneID(shopID).SetStatus("CLOSED").Exec(t.Context())
	if archive != nil || shut != nil {
		t.Fatal(archive, shut)
	}
	t.Cleanup(func() {
		if err := w.db.Shop.UpdateOneID(shopID).SetStatus("OPEN").Exec(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	for _, l := range buyer.cart(t).Lines {
		if len(l.Problems) != 1 || l.Problems[0].Code != "NOT_FOR_SALE" || l.Problems[0].VariantID != l.Variant.ID || l.Problems[0].Field != nil {
			t.Errorf("the line of %s says %+v", l.Variant.ID, l.Problems)
		}
	}
	buyer.place(t, vars{}).refused(t, "NOT_FOR_SALE", "NOT_FOR_SALE")
	w.buyer(t, "too-late").setCart(t, lines(stays, 1), nil).refused(t, "NOT_FOR_SALE")
	// It stays readable in the cart and in the order, and for itself is gone.
	type readable struct {
		Viewer struct {
			Cart struct {
				Lines []struct {
					Variant struct {
						Title   string
						Product struct{ Title, Status string }
					}
				}
			}
		}
		Order struct {
			Lines []struct{ Variant struct{ ID string } }
		}
		Product, Node *struct{ ID string }
	}
	got := ask[readable](t, buyer, `query($p: ID!, $v: ID!, $o: ID!) { viewer { ... on Buyer { cart { lines { variant { title product { title status } } } } } }
		order(id: $o) { lines { variant { id } } } product(id: $p) { id } node(id: $v) { id } }`, vars{"p": gone.product, "v": gone.variants[0], "o": placed.Orders[0].ID})
	if p := got.Viewer.Cart.Lines[0].Variant.Product; p.Title == "" || p.Status != "ARCHIVED" || got.Order.Lines[0].Variant.ID != gone.variants[0] || got.Product != nil || got.Node != nil {
		t.Errorf("what is archived: %+v", got)
	}
	buyer.setCart(t, lines(gone.variants[0], 0), nil).refused(t)
	buyer.confirm(t, placed.Payment.ID).refused(t) // what was ordered in time is paid
}

// oneAfterTheOther sends mutations in one request: each sees what the one before has done, and none is more than the sender.
func oneAfterTheOther(t *testing.T, w *world) {
	buyer, v := w.buyer(t, "orderly"), w.goods(t, w.shops(t)[0], 100, 5)[0]
	type answer struct {
		A, C cartPayload
		B    checkoutPayload
	}
	got := ask[answer](t, buyer, `mutation($l: [CartLineInput!]!, $input: CheckoutPlaceInput!) {
		a: cartLinesSet(lines: $l) { cart { version lines { quantity variant { id } } } userErrors { code } }
		b: checkoutPlace(input: $input) { checkout { orders { lines { quantity } } } userErrors { code } }
		c: cartLinesSet(lines: $l) { cart { version lines { quantity variant { id } } } userErrors { code } } }`,
		vars{"l": lines(v, 2), "input": filled(vars{})})
	got.A.refused(t)
	got.B.refused(t)
	got.C.refused(t)
	if got.B.Checkout.Orders[0].Lines[0].Quantity != 2 || got.C.Cart.Version != got.A.Cart.Version+2 || len(got.C.Cart.Lines) != 1 {
		t.Errorf("one after the other: %+v", got)
	}
	both := w.anonymous().send(t, `mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-orderly"}}) { session { viewer { __typename ... on Buyer { cart { version } } } } }
		sessionRevoke { userErrors { code } } }`, nil)
	if !slices.Equal(both.codes(), []string{"UNAUTHENTICATED"}) || !slices.Equal(both.Errors[0].Path, []any{"sessionRevoke"}) {
		t.Errorf("a log-in and what needs one: %s", both.Body)
	}
}
