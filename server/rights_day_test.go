package main

import (
	"testing"
)

// ofOwners is what only owners of the shop and operators may ask for; other staff do not know of its people.
func ofOwners() map[string]string {
	return but(but(ofShop(), forbidden, "clerk"), notFound, "staff of no shop")
}

// ofOperators is what only operators may ask for.
func ofOperators() map[string]string {
	return but(but(ofShop(), forbidden, "clerk", "owner", "owner elsewhere"), shown, "operator")
}

// paidOrder is an order of two of the goods, paid by the buyer.
func (c *cast) paidOrder(t *testing.T) orderView {
	t.Helper()
	return c.clients["buyer"].pays(t, vars{"lines": lines(c.goods.variants[0], 2)})[0]
}

// mutation is a request of a mutation that takes an input.
func mutation(name, input, fields string, v vars) request {
	return request{`mutation($input: ` + input + `!) { it: ` + name + `(input: $input) { ` + fields + ` userErrors { code } } }`, vars{"input": v}}
}

// rootsOfBuyers are the root fields of the address book, and of orders that one has bought.
func (c *cast) rootsOfBuyers() map[string]rootCase {
	buyer := c.clients["buyer"]
	ofOrders := but(ofBuyers(), notFound, "other buyer")
	return map[string]rootCase{
		"Mutation.addressSave": {func(*testing.T, *client) request {
			return mutation("addressSave", "AddressSaveInput", "address { id }", vars{"address": home})
		}, ofBuyers()},
		"Mutation.addressDelete": {func(t *testing.T, _ *client) request {
			saved := buyer.saveAddress(t, vars{"address": home}).Address.ID
			return request{`mutation($id: ID!) { it: addressDelete(addressId: $id) { buyer { id } userErrors { code } } }`, vars{"id": saved}}
		}, ofOrders},
		"Mutation.orderBuyAgain": {func(*testing.T, *client) request {
			return request{`mutation($id: ID!) { it: orderBuyAgain(orderId: $id) { cart { id } userErrors { code } } }`, vars{"id": c.single.Orders[0].ID}}
		}, ofOrders},
		"Mutation.orderComplete": {func(t *testing.T, _ *client) request {
			o := c.paidOrder(t)
			c.clients["clerk"].ship(t, vars{"orderId": o.ID, "method": "PICKUP"}).refused(t)
			return request{`mutation($id: ID!) { it: orderComplete(orderId: $id) { order { id } userErrors { code } } }`, vars{"id": o.ID}}
		}, ofOrders},
	}
}

// rootsOfShops are the root fields of a shop's orders, goods and rules.
func (c *cast) rootsOfShops(t *testing.T) map[string]rootCase {
	goods := c.product(t, c.shop, "ACTIVE", 700, 10)
	return map[string]rootCase{
		"Mutation.orderShip": {func(t *testing.T, _ *client) request {
			return mutation("orderShip", "OrderShipInput", "shipment { id }", keyed(vars{"orderId": c.paidOrder(t).ID, "method": "PICKUP"}, nil))
		}, ofShop()},
		"Mutation.orderNoteAdd": {func(*testing.T, *client) request {
			return request{`mutation($id: ID!) { it: orderNoteAdd(orderId: $id, text: "x") { note { id } userErrors { code } } }`, vars{"id": c.single.Orders[0].ID}}
		}, ofShop()},
		"Mutation.orderRefund": {func(t *testing.T, _ *client) request {
			return mutation("orderRefund", "OrderRefundInput", "refund { id }", keyed(vars{"orderId": c.paidOrder(t).ID, "reason": "broken"}, nil))
		}, but(ofShop(), forbidden, "clerk")},
		"Mutation.productUpdate": {func(*testing.T, *client) request {
			return mutation("productUpdate", "ProductUpdateInput", "product { id }", vars{"productId": goods.product, "title": unique("title")})
		}, ofShop()},
		"Mutation.productVariantAdd": {func(*testing.T, *client) request {
			return mutation("productVariantAdd", "ProductVariantAddInput", "variant { id }",
				vars{"productId": goods.product, "sku": unique("SKU"), "price": moneyView{1, "CNY"}, "onHand": 1})
		}, ofShop()},
		"Mutation.productVariantUpdate": {func(*testing.T, *client) request {
			return mutation("productVariantUpdate", "ProductVariantUpdateInput", "variant { id }", vars{"variantId": goods.variants[0], "sku": unique("SKU")})
		}, ofShop()},
		"Mutation.stockAdjustMany": {func(*testing.T, *client) request {
			return mutation("stockAdjustMany", "StockAdjustManyInput", "verdicts { stock { version } userErrors { code } }",
				keyed(vars{"reason": "found", "lines": []vars{{"variantId": c.goods.variants[0], "delta": 1}}}, nil))
		}, ofShop()},
		"Mutation.splitRulesSet": {func(*testing.T, *client) request {
			return request{
				`mutation($id: ID!) { it: splitRulesSet(shopId: $id, rules: [{receiver: "platform", role: PLATFORM, basisPoints: 300}]) { shop { id } userErrors { code } } }`,
				vars{"id": c.shop.ID},
			}
		}, ofOperators()},
		"Mutation.sandboxFaultsSet": {func(*testing.T, *client) request {
			return mutation("sandboxFaultsSet", "SandboxFaultsInput", "faults { repeat }", vars{})
		}, ofOperators()},
	}
}

// rootsOfPeople are the root fields of who works for a shop.
func (c *cast) rootsOfPeople() map[string]rootCase {
	owner := c.clients["owner"]
	invited := func(t *testing.T) invitePayload {
		got := owner.invite(t, c.shop.ID, unique("invited")+"@example.test", "CLERK")
		got.refused(t)
		return got
	}
	joined := func(t *testing.T) string { return c.accept(t, *invited(t).Token).session.Viewer.ID }
	return map[string]rootCase{
		"Mutation.staffInvite": {func(*testing.T, *client) request {
			return mutation("staffInvite", "StaffInviteInput", "invitation { id }", vars{"shopId": c.shop.ID, "email": unique("invited") + "@example.test", "role": "CLERK"})
		}, but(ofOwners(), shown, "operator")},
		"Mutation.staffInvitationAccept": {func(t *testing.T, _ *client) request {
			return request{
				`mutation($token: String!) { it: staffInvitationAccept(token: $token, password: "` + hired + `") { session { expiresAt } userErrors { code } } }`,
				vars{"token": *invited(t).Token},
			}
		}, but(public(), shown, "refused token")},
		"Mutation.staffInvitationRevoke": {func(t *testing.T, _ *client) request {
			return request{
				`mutation($id: ID!) { it: staffInvitationRevoke(invitationId: $id) { invitationId userErrors { code } } }`,
				vars{"id": invited(t).Invitation.ID},
			}
		}, but(ofOwners(), shown, "operator")},
		"Mutation.staffRoleSet": {func(t *testing.T, _ *client) request {
			return mutation("staffRoleSet", "StaffRoleSetInput", "member { role }", vars{"shopId": c.shop.ID, "staffId": joined(t), "role": "OWNER"})
		}, but(ofOwners(), shown, "operator")},
		"Mutation.staffRemove": {func(t *testing.T, _ *client) request {
			return request{
				`mutation($shop: ID!, $id: ID!) { it: staffRemove(shopId: $shop, staffId: $id) { staffId userErrors { code } } }`,
				vars{"shop": c.shop.ID, "id": joined(t)},
			}
		}, but(ofOwners(), shown, "operator")},
	}
}
