package main

import (
	"encoding/json"
	"fmt"
	"slices"
)

func ofPayment(name, id string) request {
	return request{`mutation($id: ID!) { it: ` + name + `(paymentId: $id) { payment { status } userErrors { code } } }`, vars{"id": id}}
}

// act is one thing that a buyer does.
func (b *mixBuyer) act() {
	b.choose([]chance{
		{14, b.browse},
		{8, b.fillCart},
		{26, b.place},
		{4, b.placeAgain},
		{24, b.payOpen},
		{5, b.cancelOpen},
		{8, b.payOver},
		{4, b.payAgain},
		{3, b.read},
		{4, b.arrived},
	})
}

func (b *mixBuyer) browse() {
	call[struct{}](&b.mixer, "browse", request{
		`query($id: ID!) { it: shop(id: $id) { products(first: 20) { nodes { title variants { price { amount } stock { available isLow } } } } } }`,
		vars{"id": pick(b.rand, b.m.shops).ID},
	})
}

// wants is up to three lines, of one shop or of both.
func (b *mixBuyer) wants() []vars {
	var out []vars
	for range 1 + b.rand.IntN(3) {
		v := pick(b.rand, pick(b.rand, b.m.goods))
		if !slices.ContainsFunc(out, func(l vars) bool { return l["variantId"] == v }) {
			out = append(out, vars{"variantId": v, "quantity": 1 + b.rand.IntN(3)})
		}
	}
	return out
}

func (b *mixBuyer) fillCart() {
	call[struct{}](&b.mixer, "cart", request{
		`mutation($lines: [CartLineInput!]!) { it: cartLinesSet(lines: $lines) { cart { subtotal { amount } lines { problems { code } } } userErrors { code } } }`,
		vars{"lines": b.wants()},
	})
}

func (b *mixBuyer) place() {
	input := vars{"idempotencyKey": fmt.Sprintf("mix-%d", b.rand.Uint64()), "shipTo": home}
	if b.rand.IntN(5) > 0 {
		input["lines"] = b.wants()
	}
	b.bodies = append(b.bodies, input)
	b.send("place", input)
}

// placeAgain sends a checkout again, as a client does whose answer was lost.
func (b *mixBuyer) placeAgain() {
	if len(b.bodies) > 0 {
		b.send("place again", pick(b.rand, b.bodies))
	}
}

func (b *mixBuyer) send(op string, input vars) {
	type placed struct {
		It struct {
			Checkout *struct {
				ID      string
				Payment struct{ ID, Status string }
				Orders  []struct{ ID string }
			}
		}
	}
	got, _ := call[placed](&b.mixer, op, mutation("checkoutPlace", "CheckoutPlaceInput", "checkout { id payment { id status } orders { id } }", input))
	if c := got.It.Checkout; c != nil && c.Payment.Status == "PENDING" {
		p := mixPayment{c.ID, c.Payment.ID, c.Orders[0].ID}
		if !slices.Contains(b.open, p) {
			b.open = append(b.open, p)
		}
	}
}

// take takes any of a list out of it; false when it is empty.
func (b *mixBuyer) take(list *[]mixPayment) (mixPayment, bool) {
	if len(*list) == 0 {
		return mixPayment{}, false
	}
	i := b.rand.IntN(len(*list))
	p := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return p, true
}

// confirm pays, and remembers what became of it. What is not heard of stays open: it is asked about again.
func (b *mixBuyer) confirm(op string, p mixPayment) {
	got, ok := call[struct {
		It struct{ Payment *struct{ Status string } }
	}](&b.mixer, op, ofPayment("sandboxPaymentConfirm", p.payment))
	switch {
	case ok:
		b.paid = append(b.paid, p)
	case got.It.Payment != nil && got.It.Payment.Status == "CLOSED" || got.It.Payment == nil:
		b.over, b.open = append(b.over, p), append(b.open, p)
	default:
		b.open = append(b.open, p)
	}
}

func (b *mixBuyer) payOpen() {
	if p, ok := b.take(&b.open); ok {
		b.confirm("pay", p)
	} else {
		b.browse()
	}
}

func (b *mixBuyer) cancelOpen() {
	p, ok := b.take(&b.open)
	if !ok {
		return
	}
	call[struct{}](&b.mixer, "cancel", request{
		`mutation($id: ID!) { it: checkoutCancel(checkoutId: $id) { checkout { id } userErrors { code } } }`, vars{"id": p.checkout},
	})
	b.over = append(b.over, p)
}

// payOver pays for what was cancelled: late money. What expired meanwhile is paid by payOpen.
func (b *mixBuyer) payOver() {
	if p, ok := b.take(&b.over); ok {
		b.confirm("pay late", p)
	}
}

func (b *mixBuyer) payAgain() {
	if len(b.paid) > 0 {
		call[struct{}](&b.mixer, "pay again", ofPayment(pick(b.rand, []string{"sandboxPaymentConfirm", "paymentSync"}), pick(b.rand, b.paid).payment))
	}
}

func (b *mixBuyer) read() {
	call[struct{}](&b.mixer, "history", request{
		`{ it: viewer { ... on Buyer { orders(first: 10, filter: {statuses: [PAID, SHIPPED, REFUNDED]}) { nodes { status refunded { amount }
			refunds { status } shipments { id } lines { quantity variant { stock { available } } } payment { status } } } } } }`, nil,
	})
}

func (b *mixBuyer) arrived() {
	if len(b.paid) > 0 {
		call[struct{}](&b.mixer, "complete", request{
			`mutation($id: ID!) { it: orderComplete(orderId: $id) { order { status } userErrors { code } } }`, vars{"id": pick(b.rand, b.paid).order},
		})
	}
}

// act is one thing that a member of staff does.
func (s *mixStaff) act() {
	list := []chance{
		{25, s.send},
		{20, s.count},
		{6, s.countMany},
		{8, s.price},
		{6, s.archive},
		{5, s.look},
	}
	if s.owner {
		list = append(list, chance{30, s.giveBack})
	}
	s.choose(list)
}

type mixOrder struct {
	ID    string
	Total moneyView
	Lines []struct {
		ID       string
		Quantity int
	}
}

// order is any of the newest of the shop in these states.
func (s *mixStaff) order(statuses ...string) (mixOrder, bool) {
	got, _ := call[struct {
		It struct{ Orders struct{ Nodes []mixOrder } }
	}](&s.mixer, "orders", request{
		`query($id: ID!, $in: [OrderStatus!]) { it: shop(id: $id) { orders(first: 40, filter: {statuses: $in}) { nodes { id total ` + moneyFields +
			` lines { id quantity } } } } }`, vars{"id": s.m.shops[s.shop].ID, "in": statuses},
	})
	if len(got.It.Orders.Nodes) == 0 {
		return mixOrder{}, false
	}
	return pick(s.rand, got.It.Orders.Nodes), true
}

func (s *mixStaff) key() string { return fmt.Sprintf("mix-%d", s.rand.Uint64()) }

// some are lines of an order, none of them more than was bought.
func (s *mixStaff) some(o mixOrder) []vars {
	var out []vars
	for _, l := range o.Lines {
		if out == nil || s.rand.IntN(2) == 0 {
			out = append(out, vars{"orderLineId": l.ID, "quantity": 1 + s.rand.IntN(l.Quantity)})
		}
	}
	return out
}

func (s *mixStaff) giveBack() {
	o, ok := s.order("PAID", "SHIPPED", "COMPLETED", "REFUNDED")
	if !ok {
		return
	}
	input := vars{"orderId": o.ID, "idempotencyKey": s.key(), "reason": "broken"}
	switch s.rand.IntN(4) {
	case 0: // all that is left
	case 1:
		input["lines"] = s.some(o)
	default:
		input["amount"] = moneyView{1 + s.rand.Int64N(o.Total.Amount), o.Total.Currency}
	}
	if s.rand.IntN(2) == 0 {
		input["restock"] = s.some(o)
	}
	ask := mutation("orderRefund", "OrderRefundInput", "refund { status }", input)
	call[struct{}](&s.mixer, "refund", ask)
	if s.rand.IntN(3) == 0 {
		call[struct{}](&s.mixer, "refund again", ask)
	}
}

func (s *mixStaff) send() {
	if o, ok := s.order("PAID"); ok {
		input := vars{"orderId": o.ID, "idempotencyKey": s.key(), "method": "PICKUP"}
		if s.rand.IntN(2) == 0 {
			input["lines"] = s.some(o)
		}
		call[struct{}](&s.mixer, "ship", mutation("orderShip", "OrderShipInput", "shipment { id }", input))
	}
}

func (s *mixStaff) count() {
	input := vars{"variantId": pick(s.rand, s.m.goods[s.shop]), "reason": "counted", "idempotencyKey": s.key()}
	if s.rand.IntN(4) == 0 {
		input["onHand"] = s.rand.IntN(60)
	} else {
		input["delta"] = s.rand.IntN(30) - 8
	}
	call[struct{}](&s.mixer, "adjust", mutation("stockAdjust", "StockAdjustInput", "stock { version }", input))
}

func (s *mixStaff) countMany() {
	var list []vars
	for _, v := range s.m.goods[s.shop] {
		line := vars{"variantId": v, "delta": 1 + s.rand.IntN(9)}
		if s.rand.IntN(4) == 0 {
			line["ifVersion"] = 1
		}
		list = append(list, line)
	}
	call[struct{}](&s.mixer, "adjust many", mutation("stockAdjustMany", "StockAdjustManyInput", "verdicts { userErrors { code } }",
		vars{"lines": list, "reason": "a delivery", "idempotencyKey": s.key()}))
}

func (s *mixStaff) price() {
	call[struct{}](&s.mixer, "price", mutation("productVariantUpdate", "ProductVariantUpdateInput", "variant { id }",
		vars{"variantId": pick(s.rand, s.m.goods[s.shop]), "price": moneyView{1 + s.rand.Int64N(9999), "CNY"}, "lowStockThreshold": json.Number(fmt.Sprint(s.rand.IntN(9)))}))
}

// archive takes things off the shelf, or brings them back.
func (s *mixStaff) archive() {
	if s.rand.IntN(2) == 0 {
		call[struct{}](&s.mixer, "archive", mutation("productVariantUpdate", "ProductVariantUpdateInput", "variant { id }",
			vars{"variantId": pick(s.rand, s.m.goods[s.shop]), "archived": s.rand.IntN(6) == 0}))
		return
	}
	call[struct{}](&s.mixer, "archive", mutation("productUpdate", "ProductUpdateInput", "product { id }",
		vars{"productId": pick(s.rand, s.m.products[s.shop]), "status": pick(s.rand, []string{"ARCHIVED", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE"})}))
}

func (s *mixStaff) look() {
	call[struct{}](&s.mixer, "look", request{
		`query($id: ID!) { it: shop(id: $id) { auditLog(first: 10) { nodes { action } }
			variants(first: 10, onlyLow: true) { nodes { movements(first: 5) { nodes { kind order { number } staffEmail } } } } } }`,
		vars{"id": s.m.shops[s.shop].ID},
	})
	if s.owner {
		return
	}
	call[struct{}](&s.mixer, "look", request{`{ it: viewer { ... on Staff { shops(first: 5) { edges { role } } } } }`, nil})
}
