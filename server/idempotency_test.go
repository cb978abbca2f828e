package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sameKeyAgain(t *testing.T, w *world) {
	buyer, merchant := w.buyer(t, "impatient"), w.merchant(t)
	v := w.goods(t, w.shops(t)[0], 100, 50)[0]
	key := unique("Key")
	input := vars{"idempotencyKey": key, "lines": lines(v, 1)}
	first := buyer.buy(t, input)

	// Absent, null and the default are one; the answer is the checkout as it stands now.
	same := vars{"idempotencyKey": key, "lines": lines(v, 1), "cartVersion": nil, "removeFromCart": false, "shops": nil, "expectedTotal": nil}
	second := buyer.buy(t, same)
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".WeChatPay" }, cmp.Ignore())
	if diff := cmp.Diff(first, second, ignore); diff != "" || second.Payment.WeChatPay == nil {
		t.Errorf("the repeat answers another checkout (-first +second):\n%s", diff)
	}
	for name, other := range map[string]vars{
		"another quantity": {"lines": lines(v, 2)},
		"the cart":         {"lines": nil},
		"a note":           {"lines": lines(v, 1), "shops": []vars{{"shopId": first.Orders[0].Shop.ID, "note": "x"}}},
		"another address":  {"lines": lines(v, 1), "shipTo": nil},
		"a price":          {"lines": lines(v, 1), "expectedTotal": moneyView{100, "CNY"}},
		"a wrong quantity": {"lines": lines(v, 0)},
	} {
		other["idempotencyKey"] = key
		if got := buyer.place(t, other); len(got.UserErrors) != 1 || got.UserErrors[0].Code != "IDEMPOTENCY_KEY_REUSED" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// Keys are the buyer's own, and told apart by case.
	if got := w.buyer(t, "another").buy(t, input); got.ID == first.ID {
		t.Error("two buyers with one key have one checkout")
	}
	if got := buyer.buy(t, vars{"idempotencyKey": "k" + key[1:], "lines": lines(v, 1)}); got.ID == first.ID {
		t.Error("keys that differ in case are one")
	}
	checkStock(t, "held", merchant.stock(t, v), 50, 3, 0)

	buyer.confirm(t, first.Payment.ID).refused(t)
	paid := buyer.buy(t, input)
	if paid.ID != first.ID || paid.Orders[0].Status != "PAID" || paid.Payment.WeChatPay != nil {
		t.Errorf("the repeat once paid: %+v", paid)
	}
}
