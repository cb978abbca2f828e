package main

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// Views and payloads of a shop's day: what becomes of orders once they are paid.
type (
	refundView struct {
		ID        string
		Amount    moneyView
		Reason    string
		Status    string
		CreatedAt time.Time
	}
	shipmentView struct {
		ID             string
		Method         string
		Carrier        *string
		TrackingNumber *string
		Lines          []struct {
			OrderLineID string
			Quantity    int
		}
	}
	addressView struct {
		ID        string
		IsDefault bool
		Address   struct{ Name, Street, Country string }
	}
	refundPayload struct {
		payload
		Order  *orderView
		Refund *refundView
	}
	shipPayload struct {
		payload
		Order    *orderView
		Shipment *shipmentView
	}
	orderPayload struct {
		payload
		Order *orderView
	}
	addressPayload struct {
		payload
		Address *addressView
	}
	invitePayload struct {
		payload
		Token      *string
		Invitation *struct{ ID, Email, Role string }
	}
	manyPayload struct {
		payload
		Verdicts []struct {
			VariantID  string
			Stock      *stockView
			UserErrors []refusal
		}
	}
)

const (
	refundFields   = `{ id amount ` + moneyFields + ` reason status createdAt }`
	shipmentFields = `{ id method carrier trackingNumber lines { orderLineId quantity } }`
	addressFields  = `{ id isDefault address { name street country } }`
	refundMutation = `mutation($input: OrderRefundInput!) { orderRefund(input: $input) { order ` + orderFields + ` refund ` + refundFields + userErrors + ` } }`
	shipMutation   = `mutation($input: OrderShipInput!) { orderShip(input: $input) { order ` + orderFields + ` shipment ` + shipmentFields + userErrors + ` } }`
)

// change sends a mutation that takes an input; what the input lacks of a key it gets. The payload's fields are what T has.
func change[T any](t *testing.T, c *client, mutation, input string, fields string, v vars) T {
	t.Helper()
	return ask[map[string]T](t, c, `mutation($input: `+input+`!) { `+mutation+`(input: $input) { `+fields+userErrors+` } }`, vars{"input": v})[mutation]
}

// keyed is an input with a key of its own, unless it has one.
func keyed(input vars, also vars) vars {
	full := vars{"idempotencyKey": unique("key")}
	maps.Copy(full, also)
	maps.Copy(full, input)
	return full
}

func (c *client) refund(t *testing.T, input vars) refundPayload {
	t.Helper()
	return change[refundPayload](t, c, "orderRefund", "OrderRefundInput", `order `+orderFields+` refund `+refundFields, keyed(input, vars{"reason": "broken"}))
}

func (c *client) ship(t *testing.T, input vars) shipPayload {
	t.Helper()
	return change[shipPayload](t, c, "orderShip", "OrderShipInput", `order `+orderFields+` shipment `+shipmentFields, keyed(input, nil))
}

func (c *client) complete(t *testing.T, order string) orderPayload {
	t.Helper()
	return ask[struct{ OrderComplete orderPayload }](t, c, `mutation($id: ID!) { orderComplete(orderId: $id) { order `+orderFields+userErrors+` } }`,
		vars{"id": order}).OrderComplete
}

func (c *client) saveAddress(t *testing.T, input vars) addressPayload {
	t.Helper()
	return change[addressPayload](t, c, "addressSave", "AddressSaveInput", `address `+addressFields, input)
}

func (c *client) invite(t *testing.T, shop, email, role string) invitePayload {
	t.Helper()
	got := change[invitePayload](t, c, "staffInvite", "StaffInviteInput", `token invitation { id email role }`, vars{"shopId": shop, "email": email, "role": role})
	if got.Token != nil {
		c.world.log.keepOut(*got.Token)
	}
	return got
}

// accept takes an invitation up with the password of whom the tests hire.
func (w *world) accept(t *testing.T, token string) *client {
	t.Helper()
	got := ask[struct{ StaffInvitationAccept sessionPayload }](t, w.anonymous(), `mutation($token: String!, $password: String!) {
		staffInvitationAccept(token: $token, password: $password) { `+sessionFields+userErrors+` } }`, vars{"token": token, "password": hired})
	got.StaffInvitationAccept.refused(t)
	return w.as(t, got.StaffInvitationAccept.Session)
}

func (c *client) adjustMany(t *testing.T, input vars) manyPayload {
	t.Helper()
	return change[manyPayload](t, c, "stockAdjustMany", "StockAdjustManyInput", `verdicts { variantId stock `+stockFields+userErrors+` }`,
		keyed(input, vars{"reason": "counted"}))
}

// misbehave has the sandbox of c's server misbehave.
func (c *client) misbehave(t *testing.T, faults vars) {
	t.Helper()
	change[payload](t, c, "sandboxFaultsSet", "SandboxFaultsInput", ``, faults).refused(t)
}

// pays places a checkout, pays it, and returns its orders as they are then.
func (c *client) pays(t *testing.T, input vars) []orderView {
	t.Helper()
	placed := c.buy(t, input)
	c.confirm(t, placed.Payment.ID).refused(t)
	var out []orderView
	for _, o := range placed.Orders {
		out = append(out, *c.order(t, o.ID))
	}
	return out
}

// lineOf is so many of an order's line, as inputs name it.
func lineOf(o orderView, i, quantity int) vars {
	return vars{"orderLineId": o.Lines[i].ID, "quantity": quantity}
}

// shared waits until all shares of an order are paid out, and returns them.
func (c *client) shared(t *testing.T, order string) []splitView {
	t.Helper()
	var out []splitView
	waitFor(t, "the shares to be paid out", func() bool {
		out = c.order(t, order).Splits
		return !slices.ContainsFunc(out, func(s splitView) bool { return s.Status == "PLANNED" || s.Status == "PROCESSING" })
	})
	return out
}
