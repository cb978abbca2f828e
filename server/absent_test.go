package main

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/typeid"
)

// foreignIsAbsent sends the same request for what is somebody else's, for what does not exist and for what is no id: all
// answers are the same, byte for byte, so that nobody learns what exists.
func foreignIsAbsent(t *testing.T, c *cast) {
	now := c.app.now()
	other, elsewhere := c.clients["other buyer"], c.clients["owner elsewhere"]
	node, order := `query($id: ID!) { node(id: $id) { __typename id } }`, `query($id: ID!) { order(id: $id) { id number } }`
	payment := func(mutation string) string {
		return `mutation($id: ID!) { ` + mutation + `(paymentId: $id) { payment { id } ` + userErrors + ` } }`
	}
	absentOrder, absentPayment := typeid.New[typeid.Order](now).String(), typeid.New[typeid.Payment](now).String()
	for name, this := range map[string]struct {
		who             *client
		query           string
		foreign, absent string
		id              string // where the id goes, in `input`; "" is $id
		input           vars
	}{
		"node of an order":           {other, node, c.single.Orders[0].ID, absentOrder, "", nil},
		"node of an order, staff":    {elsewhere, node, c.single.Orders[0].ID, absentOrder, "", nil},
		"node of an order, nobody":   {c.clients["anonymous"], node, c.single.Orders[0].ID, absentOrder, "", nil},
		"node of a checkout":         {other, node, c.single.ID, typeid.New[typeid.Checkout](now).String(), "", nil},
		"node of a payment":          {other, node, c.single.Payment.ID, absentPayment, "", nil},
		"node of a split":            {c.clients["buyer"], node, c.nodes["PaymentSplit"].id, typeid.New[typeid.Split](now).String(), "", nil},
		"node of a refund":           {elsewhere, node, c.nodes["Refund"].id, typeid.New[typeid.Refund](now).String(), "", nil},
		"node of a draft":            {other, node, c.draft.product, typeid.New[typeid.Product](now).String(), "", nil},
		"node of a draft's variant":  {elsewhere, node, c.draft.variants[0], typeid.New[typeid.Variant](now).String(), "", nil},
		"node of a cart":             {other, node, c.nodes["Cart"].id, typeid.New[typeid.Cart](now).String(), "", nil},
		"node of a buyer":            {c.clients["operator"], node, c.nodes["Buyer"].id, typeid.New[typeid.Buyer](now).String(), "", nil},
		"node of staff":              {elsewhere, node, c.nodes["Staff"].id, typeid.New[typeid.Staff](now).String(), "", nil},
		"order":                      {other, order, c.single.Orders[0].ID, absentOrder, "", nil},
		"order, of another type":     {c.clients["buyer"], order, c.single.ID, absentOrder, "", nil},
		"product":                    {other, `query($id: ID!) { product(id: $id) { id } }`, c.draft.product, typeid.New[typeid.Product](now).String(), "", nil},
		"checkoutCancel":             {other, `mutation($id: ID!) { checkoutCancel(checkoutId: $id) { checkout { id } ` + userErrors + ` } }`, c.single.ID, typeid.New[typeid.Checkout](now).String(), "", nil},
		"checkoutCancel, staff":      {elsewhere, `mutation($id: ID!) { checkoutCancel(checkoutId: $id) { checkout { id } ` + userErrors + ` } }`, c.single.ID, typeid.New[typeid.Checkout](now).String(), "", nil},
		"checkoutCancel, of two":     {elsewhere, `mutation($id: ID!) { checkoutCancel(checkoutId: $id) { checkout { id } ` + userErrors + ` } }`, c.double.ID, typeid.New[typeid.Checkout](now).String(), "", nil},
		"paymentPrepare":             {other, payment("paymentPrepare"), c.single.Payment.ID, absentPayment, "", nil},
		"paymentSync":                {other, payment("paymentSync"), c.single.Payment.ID, absentPayment, "", nil},
		"sandboxPaymentConfirm":      {other, payment("sandboxPaymentConfirm"), c.single.Payment.ID, absentPayment, "", nil},
		"paymentPrepare, role":       {elsewhere, payment("paymentPrepare"), c.single.Payment.ID, absentPayment, "", nil},
		"stockAdjust":                {elsewhere, adjustQuery, c.goods.variants[0], typeid.New[typeid.Variant](now).String(), "variantId", vars{"delta": 1, "reason": "x", "idempotencyKey": "absent"}},
		"stockAdjust, old version":   {elsewhere, adjustQuery, c.goods.variants[0], typeid.New[typeid.Variant](now).String(), "variantId", vars{"delta": 1, "ifVersion": 0, "reason": "x", "idempotencyKey": "absent"}},
		"stockAdjust, bad input":     {elsewhere, adjustQuery, c.goods.variants[0], typeid.New[typeid.Variant](now).String(), "variantId", vars{"reason": "", "idempotencyKey": ""}},
		"stockAdjust, role":          {other, adjustQuery, c.goods.variants[0], typeid.New[typeid.Variant](now).String(), "variantId", vars{"delta": 1, "reason": "x", "idempotencyKey": "absent"}},
		"productCreate":              {elsewhere, createMutation, c.shop.ID, typeid.New[typeid.Shop](now).String(), "shopId", c.newProduct("")},
		"productCreate, bad input":   {elsewhere, createMutation, c.shop.ID, typeid.New[typeid.Shop](now).String(), "shopId", vars{"title": "", "variants": []vars{}}},
		"productCreate, bad money":   {elsewhere, createMutation, c.shop.ID, typeid.New[typeid.Shop](now).String(), "shopId", vars{"title": "x", "variants": []vars{{"sku": "x", "price": moneyView{1, "HKD"}, "onHand": 1}}}},
		"productCreate, known sku":   {elsewhere, createMutation, c.shop.ID, typeid.New[typeid.Shop](now).String(), "shopId", vars{"title": "x", "variants": []vars{{"sku": "TEA-DDO-050", "price": moneyView{1, "CNY"}, "onHand": 1}}}},
		"productCreate, no one's":    {c.clients["staff of no shop"], createMutation, c.shop.ID, typeid.New[typeid.Shop](now).String(), "shopId", c.newProduct("")},
		"checkoutPlace, shop's note": {other, placeMutationIt, c.elsewhere.ID, typeid.New[typeid.Shop](now).String(), "note", filled(vars{"lines": lines(c.goods.variants[0], 1)})},
	} {
		ask := func(id string) string {
			v := vars{"id": id}
			if this.id != "" {
				input := vars{}
				maps.Copy(input, this.input)
				if input[this.id] = id; this.id == "note" {
					delete(input, "note")
					input["shops"] = []vars{{"shopId": id}}
				}
				v = vars{"input": input}
			}
			return fingerprint(this.who.send(t, this.query, v))
		}
		foreign := ask(this.foreign)
		for _, id := range []string{this.absent, "nonsense", "", strings.Repeat("x", 5000), this.foreign + "0", strings.ToUpper(this.foreign)} {
			if diff := cmp.Diff(foreign, ask(id)); diff != "" {
				t.Errorf("%s: %.40q is told from a foreign one (-foreign +absent):\n%s", name, id, diff)
			}
		}
		if strings.Contains(foreign, this.foreign) {
			t.Errorf("%s: the answer names what is foreign: %s", name, foreign)
		}
	}
}

const adjustQuery = `mutation($input: StockAdjustInput!) { stockAdjust(input: $input) { stock { version } ` + userErrors + ` } }`

// fingerprint is all of an answer but what differs from request to request.
func fingerprint(a answer) string {
	h := a.Header.Clone()
	h.Del("Date")
	h.Del("X-Request-Id")
	var out bytes.Buffer
	_ = h.Write(&out) // a buffer takes everything
	return http.StatusText(a.Status) + "\n" + out.String() + "\n" + string(a.Body)
}
