package graph

import (
	"strings"
	"testing"

	"holdfast/internal/identity"
	"holdfast/internal/testdb"
)

// A level of the answer costs one statement, however many objects it has.
func TestStatementsPerLevel(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWorldAt(t, source)
		goods := w.goods(t, 3, 2)
		for range 3 {
			w.place(t, w.buyer, goods...)
		}
		both := w.place(t, w.buyer, goods[0], goods[2])
		shop := goods[0].ShopID.String()
		for _, c := range []struct {
			name  string
			who   identity.Principal
			query string
			want  int
		}{
			{
				"20 products with variants and stock",
				identity.Principal{},
				`query($id: ID!) { shop(id: $id) { products(first: 20) { nodes { title imageUrls variants { id price { amount currency }
					stock { available isLow onHand held } } } } } }`, 4, // shop, products, variants, stock
			},
			{
				"shops to stock, by nodes and by edges",
				identity.Principal{},
				`{ miniProgram(appId: "wxdemo") { shops(first: 10) { nodes { products(first: 10) { nodes { variants { stock { available } } } } }
					edges { node { products(first: 10) { edges { node { variants { id } } } } } } } } }`, 5,
			},
			{
				"two pages of the same lists",
				identity.Principal{},
				`{ shops(first: 3) { nodes { a: products(first: 2) { nodes { id } } b: products(first: 3) { nodes { id } } } } }`, 3,
			},
			{
				"a buyer's orders and all below", w.buyer,
				`{ viewer { ... on Buyer { orders(first: 20) { nodes {
					lines { variant { product { shop { name } } } } shop { name } refunds { id } shipments { id }
					checkout { id orders { id } payment { id status } } payment { id weChatPay { package } } splits { id } } } } } }`,
				// orders; lines, shops, refunds, shipments, checkouts, payments; variants, orders of checkouts; products
				// (shops of products are the shops of the orders)
				10,
			},
			{
				"staff's orders and all below", w.clerk,
				`query($id: ID!) { shop(id: $id) { splitRules { receiver } orders(first: 20) { nodes { splits { amount { amount } }
					checkout { heldUntil } payment { splits { id } } } } variants(first: 20) { nodes { stock { onHand } product { title } } } } }`,
				// shop; rules, orders, variants; splits, orders of checkouts, stock, products. No checkout and no payment is the clerk's.
				8,
			},
			{
				"100 nodes of one type",
				identity.Principal{},
				`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, 2, // variants, and their products, on which it depends who sees them
			},
			{
				"a checkout", w.buyer,
				`query($chk: ID!) { node(id: $chk) { ... on Checkout { orders { lines { id } } payment { amount { amount } weChatPay { paySign } } } } }`, 4,
			},
			{
				"a cart, asked for twice", w.buyer,
				`{ viewer { ... on Buyer { cart { lines { variant { product { title } } } } again: cart { version } } } }`, 1, // it is empty
			},
		} {
			t.Run(c.name, func(t *testing.T) {
				var ids []string
				for i := range 100 {
					ids = append(ids, goods[i%len(goods)].ID.String())
				}
				for range 20 { // always as many, however busy the machine
					got := w.counting(func() {
						w.must(t, c.who, c.query, object{"id": shop, "ids": ids, "chk": both.ID.String()})
					})
					if len(got) != c.want {
						t.Fatalf("%d statements, want %d:\n%s", len(got), c.want, strings.Join(got, "\n"))
					}
				}
			})
		}
	})
}
