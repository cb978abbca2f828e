package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/identity"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// books is what a client reads of a ledger or of balances, as lines.
func books(of any) (lines []string, sum float64) {
	list, _ := of.([]any)
	for _, e := range list {
		e, _ := e.(object)
		amount := e["amount"].(object)["amount"].(float64)
		sum += amount
		line := fmt.Sprint(e["account"], " ", amount)
		if e["receiver"] != nil {
			line = fmt.Sprint(e["account"], " ", e["receiver"], " ", amount)
		}
		if e["kind"] != nil {
			line = fmt.Sprint(e["kind"], " ", line)
		}
		lines = append(lines, line)
	}
	return lines, sum
}

// An order is paid, shared out and partly refunded; staff and operators read it in the books, buyers and strangers read nothing.
func TestBooks(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWorldAt(t, source)
		goods := w.goods(t, 2, 1)
		placed := w.place(t, w.buyer, goods...)
		w.must(t, w.buyer, `mutation ($p: ID!) { sandboxPaymentConfirm(paymentId: $p) { userErrors { code } } }`, object{"p": placed.Payment.ID.String()})
		shop := object{"shop": goods[0].ShopID.String()}
		const read = `query ($shop: ID!, $after: String) { shop(id: $shop) { balances { account receiver amount { amount currency } }
			ledger(first: 5, after: $after) { nodes { id kind movementId orderId account receiver amount { amount currency } createdAt } pageInfo { hasNextPage endCursor } }
			orders(first: 1) { nodes { id total { amount } splits { id receiver amount { amount } }
				ledger { kind movementId account receiver amount { amount } order { id number splits { receiver amount { amount } returned { amount } } } } } } } }`
		order := fmt.Sprint(w.must(t, w.clerk, read, shop).at("shop", "orders", "nodes", 0, "id"))
		refund := func(key string, amount int) {
			w.clock.Advance(time.Second)
			got := w.must(t, w.merchant, `mutation ($o: ID!, $k: String!, $a: Int64!) { orderRefund(input: {orderId: $o, idempotencyKey: $k, reason: "x",
				amount: {amount: $a, currency: CNY}}) { refund { id status } userErrors { code } } }`, object{"o": order, "k": key, "a": amount})
			if got.at("orderRefund", "refund", "status") != "SUCCEEDED" {
				t.Fatalf("refund: %v", got.Data)
			}
		}
		w.clock.Advance(time.Hour)
		refund("before-shares", 100)
		refund("after-shares", 200)

		got := w.must(t, w.clerk, read, shop)
		first := []any{"shop", "orders", "nodes", 0}
		splits, _ := got.at(append(first, "splits")...).([]any)
		total := got.at(append(first, "total", "amount")...).(float64)
		entries, sum := books(got.at(append(first, "ledger")...))
		if sum != 0 || len(entries) != 6+4*len(splits) || len(splits) < 2 {
			t.Fatalf("the order's books come to %v: %q", sum, entries)
		}
		for _, line := range []string{
			fmt.Sprint("RECEIVED BUYER ", -total), fmt.Sprint("RECEIVED ORDER ", total),
			"REFUNDED ORDER -100", "REFUNDED BUYER 100", "REFUNDED ORDER -200", "REFUNDED BUYER 200",
		} {
			if !slices.Contains(entries, line) {
				t.Errorf("the order's books do not say %q: %q", line, entries)
			}
		}
		prefix := map[string]string{"RECEIVED": "pay_", "SHARED": "split_", "RETURNED": "sret_", "REFUNDED": "rfd_"}
		for i, line := range entries {
			kind, _, _ := strings.Cut(line, " ")
			if id := fmt.Sprint(got.at(append(first, "ledger", i, "movementId")...)); !strings.HasPrefix(id, prefix[kind]) {
				t.Errorf("%s is of %s", line, id)
			}
		}
		var want []string
		for i := range splits {
			part := func(field string) float64 {
				return got.at(append(first, "ledger", 0, "order", "splits", i, field, "amount")...).(float64)
			}
			want = append(want, fmt.Sprint("RECEIVER ", got.at(append(first, "splits", i, "receiver")...), " ", part("amount")-part("returned")))
		}
		slices.Sort(want)
		want = append([]string{fmt.Sprint("BUYER ", 300-total), "ORDER 0"}, want...)
		if balances, sum := books(got.at("shop", "balances")); sum != 0 || !slices.Equal(balances, want) {
			t.Errorf("balances come to %v (-want +got):\n%s", sum, cmp.Diff(want, balances))
		}
		w.pagesOfBooks(t, read, shop, entries)
		for name, who := range map[string]identity.Principal{"the buyer": w.buyer, "another buyer": w.other, "nobody": {}, "foreign staff": w.foreign(goods[1].ShopID)} {
			a := w.must(t, who, `query ($shop: ID!, $o: ID!) { shop(id: $shop) { balances { account } ledger(first: 1) { nodes { id } } } order(id: $o) { ledger { id } } }`,
				object{"shop": shop["shop"], "o": order})
			if a.at("shop", "balances") != nil || a.at("shop", "ledger") != nil || a.at("order", "ledger") != nil {
				t.Errorf("%s reads %v", name, a.Data)
			}
		}
	})
}

// foreign is staff of another shop.
func (w *world) foreign(shop typeid.Shop) identity.Principal {
	return identity.Principal{Session: w.clerk.Session, Staff: w.clerk.Staff}.WithRole(shop, identity.Owner)
}

// pagesOfBooks reads a shop's books from page to page: the order's, the other way round.
func (w *world) pagesOfBooks(t *testing.T, read string, shop object, entries []string) {
	t.Helper()
	var got []string
	for after := any(nil); ; {
		a := w.must(t, w.operator, read, object{"shop": shop["shop"], "after": after})
		lines, _ := books(a.at("shop", "ledger", "nodes"))
		got = append(lines, got...) // whose order is turned below
		if a.at("shop", "ledger", "pageInfo", "hasNextPage") != true {
			break
		}
		after = a.at("shop", "ledger", "pageInfo", "endCursor")
	}
	count := make(map[string]int)
	for i, line := range entries {
		count[line]++
		count[got[i]]--
	}
	for line, n := range count {
		if n != 0 || len(got) != len(entries) {
			t.Errorf("%q is %d times too seldom on the pages: %q", line, n, got)
		}
	}
}

// The books of many orders, and of many shops, cost a statement each.
func TestStatementsOfBooks(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWorldAt(t, source)
		w.handler = NewHandler(w.Deps, Options{Wait: 10 * time.Millisecond})
		goods := w.goods(t, 3, 1)
		for range 4 {
			placed := w.place(t, w.buyer, goods...)
			if _, err := w.Checkouts.SandboxConfirm(t.Context(), w.buyer, placed.Payment.ID.String()); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			query string
			want  int
		}{
			// shops; orders; their entries
			"orders": {`{ shops(first: 3) { nodes { orders(first: 9) { nodes { ledger { account order { number } } } } } } }`, 3 + 1},
			"shops":  {`{ shops(first: 3) { nodes { balances { account } ledger(first: 9) { nodes { account order { number } } } } } }`, 3 + 1},
		} {
			var a answer
			seen := w.counting(func() { a = w.must(t, w.operator, c.query, nil) })
			if len(seen) != c.want || a.at("shops", "nodes", 2) == nil {
				t.Errorf("%s cost %d statements, want %d:\n%s", name, len(seen), c.want, strings.Join(seen, "\n"))
			}
		}
	})
}
