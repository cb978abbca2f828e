package graph

import (
	"fmt"
	"testing"
	"time"
)

// TestEditAndBuyAgain edits the catalogue, counts stock in bulk, reads why it moved, and buys an order again.
func TestEditAndBuyAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goods := w.goods(t, 1, 2)
	v, second := goods[0], goods[1]
	before := w.place(t, w.buyer, v)
	order := fmt.Sprint(w.must(t, w.buyer, fmt.Sprintf(`{ node(id: %q) { ... on Checkout { orders { id } } } }`, before.ID), nil).at("node", "orders", 0, "id"))
	w.clock.Advance(time.Second)
	got := w.must(t, w.clerk, `mutation ($v: ID!, $p: ID!, $s: ID!) {
		productUpdate(input: {productId: $p, title: "Other"}) { product { title } userErrors { code } }
		productVariantAdd(input: {productId: $p, sku: "new-1", price: {amount: 5, currency: CNY}, onHand: 3}) { variant { sku isArchived } userErrors { code } }
		productVariantUpdate(input: {variantId: $v, price: {amount: 7, currency: CNY}}) { variant { price { amount } } userErrors { code } }
		stockAdjustMany(input: {idempotencyKey: "k", reason: "count", lines: [{variantId: $v, delta: 5}, {variantId: $s, delta: 5, ifVersion: 77}]}) {
			verdicts { variantId stock { available } userErrors { code field } } userErrors { code } } }`,
		map[string]any{"v": v.ID.String(), "s": second.ID.String(), "p": v.ProductID.String()})
	if got.at("productUpdate", "product", "title") != "Other" || got.at("productVariantAdd", "variant", "isArchived") != false ||
		got.at("stockAdjustMany", "verdicts", 1, "userErrors", 0, "code") != "VERSION_MISMATCH" {
		t.Errorf("got %+v", got)
	}
	read := w.must(t, w.clerk, `query ($v: ID!) { node(id: $v) { ... on ProductVariant { movements(first: 2) {
		nodes { kind onHandDelta heldDelta orderId order { number } staffId staffEmail reason version createdAt } pageInfo { hasNextPage } } } } }`, map[string]any{"v": v.ID.String()})
	if at := func(path ...any) any { return read.at(append([]any{"node", "movements", "nodes"}, path...)...) }; at(0, "kind") != "ADJUSTED" || at(0, "reason") != "count" ||
		at(0, "staffEmail") == nil || at(1, "kind") != "HELD" || at(1, "orderId") != order || at(1, "order", "number") == nil {
		t.Errorf("got %+v", read)
	}
	again := w.must(t, w.buyer, `mutation ($o: ID!) { orderBuyAgain(orderId: $o) { cart { lines { quantity } } userErrors { code } } }`, map[string]any{"o": order})
	if again.at("orderBuyAgain", "cart", "lines", 0, "quantity") == nil {
		t.Errorf("got %+v", again)
	}
	foreign := w.must(t, w.other, `mutation ($o: ID!) { orderBuyAgain(orderId: $o) { cart { version } userErrors { code field } } }`, map[string]any{"o": order})
	if foreign.at("orderBuyAgain", "userErrors", 0, "code") != "NOT_FOUND" {
		t.Errorf("got %+v", foreign)
	}
}
