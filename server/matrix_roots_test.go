package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// rootRow says who may ask for a root field. The object, if there is one, is that of the actors' own side; it is made anew
// for each who may have it, so that what one changes is whole for the next.
type rootRow struct {
	rights rights
	object func(t *testing.T, c *cast, s *side) string
	ask    func(s *side, id string) vars // the field's arguments
}

func (r rootRow) request(t *testing.T, root string, s *side, id string) request {
	t.Helper()
	var args vars
	if r.ask != nil {
		args = r.ask(s, id)
	}
	root, _, _ = strings.Cut(root, " ")
	return operation(t, root, args)
}

// The objects that root fields are about.
func anOrder(_ *testing.T, _ *cast, s *side) string  { return s.single.Orders[0].ID }
func aPayment(_ *testing.T, _ *cast, s *side) string { return s.single.Payment.ID }
func aShop(_ *testing.T, _ *cast, s *side) string    { return s.shop.ID }
func aVariant(_ *testing.T, _ *cast, s *side) string { return s.goods.variants[0] }
func aDraft(_ *testing.T, _ *cast, s *side) string   { return s.draft.product }
func aSecret(_ *testing.T, _ *cast, s *side) string  { return s.draft.variants[0] }
func aLine(_ *testing.T, _ *cast, s *side) string    { return s.single.Orders[0].Lines[0].ID }
func anAddress(t *testing.T, _ *cast, s *side) string {
	return s.buyer.saveAddress(t, vars{"address": home}).Address.ID
}
func aNewOrder(t *testing.T, _ *cast, s *side) string { return s.pays(t).ID }
func aSentOrder(t *testing.T, _ *cast, s *side) string {
	o := s.pays(t)
	s.boss.ship(t, vars{"orderId": o.ID, "method": "PICKUP"}).refused(t)
	return o.ID
}

// aSentJob is what an order that is on its way still has to do: to arrive.
func aSentJob(t *testing.T, c *cast, s *side) string { return jobOf(aSentOrder(t, c, s)) }

// jobOf is the id of an order's job, whether there is one or not.
func jobOf(order string) string { return strings.Replace(order, "order_", "job_", 1) }

func aNewCheckout(t *testing.T, _ *cast, s *side) string {
	placed := s.buyer.buy(t, vars{"lines": lines(s.goods.variants[0], 1)})
	t.Cleanup(func() { s.buyer.cancel(t, placed.ID) }) // or the buyer would hold too many
	return placed.ID
}

func ofBothShops(t *testing.T, c *cast, s *side) string {
	placed := s.buyer.buy(t, vars{"lines": lines(c.goods.variants[0], 1, c.there.goods.variants[0], 1)})
	t.Cleanup(func() { s.buyer.cancel(t, placed.ID) })
	return placed.ID
}

func aNewPayment(t *testing.T, _ *cast, s *side) string {
	return s.buyer.buy(t, vars{"lines": lines(s.goods.variants[0], 1)}).Payment.ID
}

func (s *side) pays(t *testing.T) orderView {
	t.Helper()
	return s.buyer.pays(t, vars{"lines": lines(s.goods.variants[0], 2)})[0]
}

func anInvitation(t *testing.T, c *cast, s *side) string { return c.invited(t, s).Invitation.ID }
func aMember(t *testing.T, c *cast, s *side) string {
	return c.accept(t, *c.invited(t, s).Token).session.Viewer.ID
}

func (c *cast) invited(t *testing.T, s *side) invitePayload {
	t.Helper()
	got := s.boss.invite(t, s.shop.ID, unique("invited")+"@example.test", "CLERK")
	got.refused(t)
	return got
}

// The ways to name an object.
func arg(name string) func(*side, string) vars {
	return func(_ *side, id string) vars { return vars{name: id} }
}

func input(name string, more vars) func(*side, string) vars {
	return func(_ *side, id string) vars {
		v := maps.Clone(more)
		v[name] = id
		return vars{"input": v}
	}
}

func fresh(prefix string) func() string { return func() string { return unique(prefix) } }

func newProduct(shop string) vars {
	return vars{"input": vars{"shopId": shop, "title": "x", "variants": []vars{{"sku": unique("SKU"), "price": moneyView{1, "CNY"}, "onHand": 1}}}}
}

func email() string { return unique("invited") + "@example.test" }

// rootRights is the table of root fields. Several rows of one field name their objects in several places.
func rootRights() map[string]rootRow {
	const (
		anybody  rights = "+  U  +  +  +  +  +  +  +  +"
		always   rights = "+  +  +  +  +  +  +  +  +  +"
		readers  rights = "-  U  +  -  +  +  -  +  -  +" // of an order
		staff    rights = "-  U  -  -  +  +  -  +  -  +"
		buyers   rights = "U  U  +  +  F  F  F  F  F  F"
		oneBuyer rights = "U  U  +  N  F  F  F  F  F  F"
		noBuyer  rights = "U  U  N  N  F  F  F  F  F  F"
		noWeChat rights = "U  U  C  C  F  F  F  F  F  F"
		toldOff  rights = "U  U  S  S  F  F  F  F  F  F"
		workers  rights = "U  U  F  F  +  +  N  +  F  F"
		noWorker rights = "U  U  F  F  N  N  N  N  F  F"
		owners   rights = "U  U  F  F  F  +  N  f  F  F"
		noOwner  rights = "U  U  F  F  F  N  N  F  F  F"
		managers rights = "U  U  F  F  f  +  N  f  N  +" // of a shop's people
		crew     rights = "U  U  F  F  F  +  N  F  N  +" // of the members of one's shop
		noMember rights = "U  U  F  F  f  n  N  f  N  n"
		operator rights = "U  U  F  F  F  F  F  F  F  +"
	)
	return map[string]rootRow{
		"Query.node":        {readers, anOrder, arg("id")},
		"Query.nodes":       {readers, anOrder, func(_ *side, id string) vars { return vars{"ids": []string{id}} }},
		"Query.order":       {readers, anOrder, arg("id")},
		"Query.product":     {staff, aDraft, arg("id")},
		"Query.shop":        {anybody, aShop, arg("id")},
		"Query.jobs":        {operator, nil, func(*side, string) vars { return vars{"first": 1} }},
		"Query.shops":       {anybody, nil, func(*side, string) vars { return vars{"first": 1} }},
		"Query.miniProgram": {anybody, nil, func(*side, string) vars { return vars{"appId": "wxdemo"} }},
		"Query.viewer":      {"-  U  +  +  +  +  +  +  +  +", nil, nil},

		"Mutation.sessionCreate": {always, nil, func(*side, string) vars {
			return vars{"input": vars{"weChat": vars{"appId": "wxdemo", "code": "demo-cast"}}}
		}},
		"Mutation.sessionRefresh": {always, func(t *testing.T, c *cast, _ *side) string {
			return c.buyer(t, "cast").session.RefreshToken
		}, arg("refreshToken")},
		"Mutation.sessionRevoke": {"U  U  +  +  +  +  +  +  +  +", nil, nil},

		"Mutation.addressSave":           {buyers, nil, func(*side, string) vars { return vars{"input": vars{"address": home}} }},
		"Mutation.addressSave addressId": {oneBuyer, anAddress, input("addressId", vars{"address": home})},
		"Mutation.addressDelete":         {oneBuyer, anAddress, arg("addressId")},
		"Mutation.cartLinesSet": {buyers, aVariant, func(_ *side, id string) vars {
			return vars{"lines": lines(id, 1)}
		}},
		"Mutation.cartLinesSet draft": {toldOff, aSecret, func(_ *side, id string) vars { return vars{"lines": lines(id, 1)} }},
		"Mutation.checkoutPlace": {buyers, aVariant, func(_ *side, id string) vars {
			return vars{"input": vars{"lines": lines(id, 1), "shipTo": home}}
		}},
		"Mutation.checkoutPlace draft": {toldOff, aSecret, func(_ *side, id string) vars {
			return vars{"input": vars{"lines": lines(id, 1), "shipTo": home}}
		}},
		"Mutation.checkoutPlace shops": {noBuyer, func(_ *testing.T, c *cast, s *side) string {
			if s == &c.here {
				return c.there.shop.ID
			}
			return c.shop.ID
		}, func(s *side, id string) vars {
			return vars{"input": vars{"lines": lines(s.goods.variants[0], 1), "shipTo": home, "shops": []vars{{"shopId": id, "note": "x"}}}}
		}},
		"Mutation.checkoutCancel":               {"U  U  +  N  +  +  N  +  N  +", aNewCheckout, arg("checkoutId")},
		"Mutation.checkoutCancel of both shops": {"U  U  +  N  N  +  N  +  N  +", ofBothShops, arg("checkoutId")},
		"Mutation.paymentPrepare":               {oneBuyer, aPayment, arg("paymentId")},
		"Mutation.paymentSync":                  {oneBuyer, aPayment, arg("paymentId")},
		"Mutation.sandboxPaymentConfirm":        {oneBuyer, aNewPayment, arg("paymentId")},
		"Mutation.stockReminderCreate": {noWeChat, nil, func(s *side, _ string) vars {
			return vars{"variantId": s.goods.variants[0]}
		}},
		"Mutation.stockReminderCreate draft": {noBuyer, aSecret, arg("variantId")},
		"Mutation.stockReminderDelete":       {buyers, aVariant, arg("variantId")},
		"Mutation.phoneNumberExchange":       {noWeChat, nil, func(*side, string) vars { return vars{"code": "x"} }},
		"Mutation.orderBuyAgain":             {oneBuyer, anOrder, arg("orderId")},
		"Mutation.orderComplete":             {oneBuyer, aSentOrder, arg("orderId")},

		"Mutation.orderNoteAdd": {workers, anOrder, func(_ *side, id string) vars { return vars{"orderId": id, "text": "x"} }},
		"Mutation.orderShip":    {workers, aNewOrder, input("orderId", vars{"method": "PICKUP"})},
		"Mutation.orderShip lines": {noWorker, aLine, func(s *side, id string) vars {
			return vars{"input": vars{"orderId": s.paid.ID, "method": "PICKUP", "lines": []vars{{"orderLineId": id, "quantity": 1}}}}
		}},
		"Mutation.orderRefund": {owners, aNewOrder, input("orderId", vars{"reason": "broken"})},
		"Mutation.orderRefund lines": {noOwner, aLine, func(s *side, id string) vars {
			return vars{"input": vars{"orderId": s.paid.ID, "reason": "broken", "lines": []vars{{"orderLineId": id, "quantity": 1}}}}
		}},
		"Mutation.orderRefund restock": {noOwner, aLine, func(s *side, id string) vars {
			return vars{"input": vars{"orderId": s.paid.ID, "reason": "broken", "amount": moneyView{1, "CNY"}, "restock": []vars{{"orderLineId": id, "quantity": 1}}}}
		}},
		"Mutation.productCreate": {workers, aShop, func(_ *side, id string) vars { return newProduct(id) }},
		"Mutation.productUpdate": {workers, aDraft, input("productId", vars{"title": fresh("title")})},
		"Mutation.productVariantAdd": {workers, aDraft, input("productId",
			vars{"sku": fresh("SKU"), "price": moneyView{1, "CNY"}, "onHand": 1})},
		"Mutation.productVariantUpdate": {workers, aSecret, input("variantId", vars{"sku": fresh("SKU")})},
		"Mutation.stockAdjust":          {workers, aVariant, input("variantId", vars{"delta": 1, "reason": "found"})},
		"Mutation.stockAdjustMany": {workers, aVariant, func(_ *side, id string) vars {
			return vars{"input": vars{"reason": "found", "lines": []vars{{"variantId": id, "delta": 1}}}}
		}},

		"Mutation.staffInvite": {managers, aShop, input("shopId", vars{"email": email, "role": "CLERK"})},
		// Anybody gets as far as to be told of no such invitation; that one is accepted is seen by aMember.
		"Mutation.staffInvitationAccept": {"n  n  n  n  n  n  n  n  n  n", nil, func(*side, string) vars { return vars{"token": "x", "password": hired} }},
		"Mutation.staffInvitationRevoke": {managers, anInvitation, arg("invitationId")},
		"Mutation.staffRoleSet": {crew, aMember, func(s *side, id string) vars {
			return vars{"input": vars{"shopId": s.shop.ID, "staffId": id, "role": "OWNER"}}
		}},
		"Mutation.staffRoleSet shopId": {managers, aShop, func(s *side, id string) vars {
			return vars{"input": vars{"shopId": id, "staffId": s.nodes["Staff"], "role": s.role}}
		}},
		"Mutation.staffRemove shopId": {noMember, aShop, func(_ *side, id string) vars { return vars{"shopId": id, "staffId": "x"} }},
		"Mutation.staffRemove":        {crew, aMember, func(s *side, id string) vars { return vars{"shopId": s.shop.ID, "staffId": id} }},
		"Mutation.splitRulesSet": {operator, aShop, func(_ *side, id string) vars {
			return vars{"shopId": id, "rules": []vars{{"receiver": "platform", "role": "PLATFORM", "basisPoints": 300}}}
		}},
		"Mutation.jobRetry": {managers, aSentJob, arg("jobId")},
		"Mutation.shopUpdate": {operator, aShop, func(_ *side, id string) vars {
			return vars{"input": vars{"shopId": id, "shareWhen": "AFTER_PAYMENT"}}
		}},
		"Query.reconciliations": {operator, nil, func(*side, string) vars { return vars{"first": 1} }},
		// The sandbox has no merchants: an operator gets as far as to be told so.
		"Mutation.reconciliationRun": {"U  U  F  F  F  F  F  F  F  n", nil, func(*side, string) vars { return vars{"merchant": "x", "day": "2026-11-22"} }},
		"Mutation.sandboxFaultsSet":  {operator, nil, func(*side, string) vars { return vars{"input": vars{}} }},
	}
}

// endsSessions is the root field that is asked for last.
const endsSessions = "Mutation.sessionRevoke"

// rightsOfRoots asks for each root field as everybody, first as those who may not: what they do must leave the object whole
// for those who may.
func rightsOfRoots(t *testing.T, c *cast) {
	table := rootRights()
	checkNames(t, append(roots("Query"), roots("Mutation")...), table)
	names := slices.Sorted(maps.Keys(table))
	for _, name := range append(slices.DeleteFunc(names, func(name string) bool { return name == endsSessions }), endsSessions) {
		t.Run(name, func(t *testing.T) {
			row := table[name]
			p := &asking{name: name, row: row, cast: c}
			var may []string
			for n, actor := range actors {
				if want, letter := row.rights.of(t, actor); want != shown {
					p.refuses(t, n, actor, want, letter, &c.here)
				} else {
					may = append(may, actor)
				}
			}
			for _, actor := range may {
				// What is there is to those here what is here to those there.
				if want, letter := row.rights.of(t, mirrored(actor)); want != shown && row.object != nil {
					p.refuses(t, 0, actor, want, letter, &c.there)
				}
				p.shows(t, actor)
			}
		})
	}
}
