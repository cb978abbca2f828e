package main

import (
	"testing"
	"time"

	"holdfast/internal/demo"
	"holdfast/internal/testdb"
	"holdfast/internal/wechatsim/sim"
)

// TestWeChatPolicy has an operator set rules and policies that WeChat has a say in, and a buyer order what it would not take.
func TestWeChatPolicy(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWeChatWorld(t, source)
		shop, other := w.shops(t)[0], w.shops(t)[1]
		operator := w.staff(t, demo.Operator, demo.Password)
		const rules = `mutation($id: ID!, $n: Int!) { splitRulesSet(shopId: $id, rules: [{receiver: "MERCHANT_ID:1900000201:示例供应商", role: PLATFORM, basisPoints: $n}]) { ` + userErrors + ` } }`
		set := func(points int) payload {
			return ask[struct{ SplitRulesSet payload }](t, operator, rules, vars{"id": shop.ID, "n": points}).SplitRulesSet
		}
		change := func(input vars) payload {
			input["shopId"] = shop.ID
			return ask[struct{ ShopUpdate payload }](t, operator, `mutation($in: ShopUpdateInput!) { shopUpdate(input: $in) { `+userErrors+` } }`, vars{"in": input}).ShopUpdate
		}
		set(3001).refused(t, "AMOUNT_EXCEEDED")
		change(vars{"maxShareBasisPoints": 3001}).refused(t, "AMOUNT_EXCEEDED")
		w.wx.Misbehave(sim.Fault{On: "ratio", Kind: sim.FailBefore, Chance: 1})
		if got := operator.send(t, rules, vars{"id": shop.ID, "n": 200}); len(got.Errors) != 1 || got.Errors[0].Extensions.Code != "OVERLOADED" {
			t.Errorf("WeChat says nothing: %s", got.Body)
		}
		w.wx.Behave()
		set(3000).refused(t)

		// WeChat takes no order of nothing in a combined payment; alone it needs none.
		buyer := w.buyer(t, "lin")
		tea, free := w.goods(t, shop, 1999, 100)[0], w.goods(t, other, 0, 100)[0]
		if none := buyer.place(t, vars{"lines": lines(tea, 1, free, 1)}); none.Checkout != nil {
			t.Errorf("it is held: %+v", none.Checkout)
		} else {
			none.refused(t, "PAYMENT_REFUSED")
		}
		buyer.place(t, vars{"lines": lines(free, 1)}).refused(t)

		// The most that WeChat lets be shared, of a total that does not divide; it waits for the goods until the shop lets it go.
		change(vars{"shareWhen": "AFTER_COMPLETION"}).refused(t)
		placed := buyer.place(t, vars{"lines": lines(tea, 1)})
		placed.refused(t)
		w.pay(t, placed.Checkout, "lin")
		w.until(t, "the notice", placed.Checkout, func(o orderView) bool { return o.Status == "PAID" })
		w.advance(5 * time.Minute)
		time.Sleep(time.Second) // the jobs look twice meanwhile
		if got := w.wx.Effects()["share"]; got != 0 {
			t.Errorf("%d shares before the goods arrived", got)
		}
		change(vars{"shareWhen": "AFTER_PAYMENT"}).refused(t)
		w.until(t, "the shares", placed.Checkout, allShared)
		shown := ask[struct {
			Shop struct {
				ShareWhen           string
				MaxShareBasisPoints int
			}
		}](t, w.merchant(t), `query($id: ID!) { shop(id: $id) { shareWhen maxShareBasisPoints } }`, vars{"id": shop.ID}).Shop
		if shown.ShareWhen != "AFTER_PAYMENT" || shown.MaxShareBasisPoints != 3000 {
			t.Errorf("the shop says %+v", shown)
		}
	})
}
