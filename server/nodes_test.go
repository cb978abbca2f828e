package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/graph"
)

// nodeCase is an object of one type, and who sees it.
type nodeCase struct {
	id   string
	want map[string]string
}

func (c *cast) newNodes(t *testing.T) map[string]nodeCase {
	t.Helper()
	first := ask[struct {
		Order struct {
			Lines  []struct{ ID string }
			Splits []struct{ ID string }
		}
		MiniProgram struct{ ID string }
	}](t, c.clients["owner"], `query($id: ID!) { order(id: $id) { lines { id } splits { id } } miniProgram(appId: "wxdemo") { id } }`,
		vars{"id": c.single.Orders[0].ID})
	refund, shipment := c.refundAndShipment(t)
	only := func(who ...string) map[string]string {
		return but(but(public(), null, slices.DeleteFunc(slices.Clone(actors), func(a string) bool { return slices.Contains(who, a) })...), unauthorized, "refused token")
	}
	return map[string]nodeCase{
		"MiniProgram":    {first.MiniProgram.ID, public()},
		"Shop":           {c.shop.ID, public()},
		"Product":        {c.draft.product, only("clerk", "owner", "operator")},
		"ProductVariant": {c.draft.variants[0], only("clerk", "owner", "operator")},
		"Buyer":          {c.clients["buyer"].session.Viewer.ID, only("buyer")},
		"Cart":           {c.clients["buyer"].cart(t).ID, only("buyer")},
		"Staff":          {c.clients["clerk"].session.Viewer.ID, only("clerk")},
		"Checkout":       {c.single.ID, ofOrder(null)},
		"Order":          {c.single.Orders[0].ID, ofOrder(null)},
		"OrderLine":      {first.Order.Lines[0].ID, ofOrder(null)},
		"Payment":        {c.single.Payment.ID, ofOrder(null)},
		"PaymentSplit":   {first.Order.Splits[0].ID, only("clerk", "owner", "operator")},
		"Refund":         {refund, ofOrder(null)},
		"Shipment":       {shipment, ofOrder(null)},
		"SavedAddress":   {c.clients["buyer"].saveAddress(t, vars{"address": home}).Address.ID, only("buyer")},
	}
}

// refundAndShipment are of an order of its own: of one unit each.
func (c *cast) refundAndShipment(t *testing.T) (refund, shipment string) {
	t.Helper()
	o := c.paidOrder(t)
	line := []vars{{"orderLineId": o.Lines[0].ID, "quantity": 1}}
	given := c.clients["owner"].refund(t, vars{"orderId": o.ID, "amount": moneyView{1, "CNY"}})
	given.refused(t)
	sent := c.clients["clerk"].ship(t, vars{"orderId": o.ID, "method": "PICKUP", "lines": line})
	sent.refused(t)
	return given.Refund.ID, sent.Shipment.ID
}

// rightsOfNodes asks for an object of each type as everybody. A type that has no expectation fails.
func rightsOfNodes(t *testing.T, c *cast) {
	cases := c.nodes
	schema := graph.Schema()
	var types []string
	for _, def := range schema.PossibleTypes["Node"] {
		types = append(types, def.Name)
	}
	slices.Sort(types)
	if diff := cmp.Diff(types, slices.Sorted(maps.Keys(cases))); diff != "" {
		t.Fatalf("types that are nodes (-schema +expected here):\n%s", diff)
	}
	for name, this := range cases {
		for _, actor := range actors {
			r := request{`query($id: ID!) { it: node(id: $id) { __typename id } }`, vars{"id": this.id}}
			if got := c.clients[actor].outcome(t, r); got != this.want[actor] {
				t.Errorf("%s as %s: %s, want %s", name, actor, got, this.want[actor])
			}
			if this.want[actor] != shown {
				continue
			}
			got := ask[struct {
				It struct {
					Typename string `json:"__typename"`
					ID       string
				}
			}](t, c.clients[actor], r.query, r.vars).It
			if got.Typename != name || got.ID != this.id {
				t.Errorf("node(%s) is %s %s, want %s", this.id, got.Typename, got.ID, name)
			}
		}
	}
	// Many at once: in order, null for what is not there, and each as often as it is named.
	ids := []string{c.shop.ID, "x", c.single.ID, c.shop.ID, c.draft.product, ""}
	var got []string
	for _, n := range ask[struct{ Nodes []*struct{ ID string } }](t, c.clients["buyer"], `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, vars{"ids": ids}).Nodes {
		if n == nil {
			n = &struct{ ID string }{}
		}
		got = append(got, n.ID)
	}
	if diff := cmp.Diff([]string{c.shop.ID, "", c.single.ID, c.shop.ID, "", ""}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

// fieldCases are the fields that are null for some: where one finds each, below the root field "it", and who is shown it.
func (c *cast) fieldCases() map[string]struct {
	request
	path []string
	who  []string
} {
	type fieldCase = struct {
		request
		path []string
		who  []string
	}
	staff, managers := []string{"clerk", "owner", "operator"}, []string{"owner", "operator"}
	everybody := append([]string{"buyer"}, staff...)
	of := func(root, id, selection, path string, who []string) fieldCase {
		return fieldCase{request{`query($id: ID!) { it: node(id: $id) { ... on ` + root + ` ` + selection + ` } }`, vars{"id": id}}, strings.Split(path, "."), who}
	}
	order := c.single.Orders[0].ID
	return map[string]fieldCase{
		"Stock.onHand":             of("ProductVariant", c.goods.variants[0], `{ stock { f: onHand } }`, "stock.f", staff),
		"Stock.held":               of("ProductVariant", c.goods.variants[0], `{ stock { f: held } }`, "stock.f", staff),
		"Shop.variants":            of("Shop", c.shop.ID, `{ f: variants(first: 1) { nodes { id } } }`, "f", staff),
		"Shop.orders":              of("Shop", c.shop.ID, `{ f: orders(first: 1) { nodes { id } } }`, "f", staff),
		"Shop.splitRules":          of("Shop", c.shop.ID, `{ f: splitRules { receiver } }`, "f", staff),
		"Order.splits":             of("Order", order, `{ f: splits { id } }`, "f", staff),
		"Order.checkout":           of("Order", order, `{ f: checkout { id } }`, "f", everybody),
		"Order.payment":            of("Order", order, `{ f: payment { id } }`, "f", everybody),
		"Payment.splits":           of("Payment", c.single.Payment.ID, `{ f: splits { id } }`, "f", staff),
		"Order.staffNotes":         of("Order", order, `{ f: staffNotes { id } }`, "f", staff),
		"Shop.staff":               of("Shop", c.shop.ID, `{ f: staff(first: 1) { nodes { staffId } } }`, "f", managers),
		"Shop.invitations":         of("Shop", c.shop.ID, `{ f: invitations(first: 1) { nodes { id } } }`, "f", managers),
		"Shop.auditLog":            of("Shop", c.shop.ID, `{ f: auditLog(first: 1) { nodes { id } } }`, "f", managers),
		"ProductVariant.movements": of("ProductVariant", c.goods.variants[0], `{ f: movements(first: 1) { nodes { id } } }`, "f", staff),
		"Payment.weChatPay":        of("Payment", c.single.Payment.ID, `{ f: weChatPay { paySign } }`, "f", []string{"buyer"}),
	}
}

// hidden finds the fields whose description says that some do not see them.
var hidden = regexp.MustCompile(`(?i)null for (others|buyers|staff)|buyer only|^as checkout`)

func rightsOfFields(t *testing.T, c *cast) {
	cases := c.fieldCases()
	for name, def := range graph.Schema().Types {
		for _, f := range def.Fields {
			if _, ok := cases[name+"."+f.Name]; !ok && hidden.MatchString(f.Description) {
				t.Errorf("%s.%s is null for some: say here for whom", name, f.Name)
			}
		}
	}
	for name, this := range cases {
		for _, actor := range actors {
			if actor == "refused token" {
				continue
			}
			got := c.clients[actor].send(t, this.query, this.vars)
			if len(got.Errors) > 0 {
				t.Errorf("%s as %s: %s", name, actor, got.Body)
				continue
			}
			at := decode[map[string]any](t, got)["it"]
			for _, step := range this.path {
				if at != nil {
					at = at.(map[string]any)[step]
				}
			}
			if want := slices.Contains(this.who, actor); (at != nil) != want {
				t.Errorf("%s as %s: shown %v, want %v: %s", name, actor, at != nil, want, got.Body)
			}
		}
	}
}

// rightsOfTwoShops looks at a checkout of two shops: the staff of one see its order, and nothing of the other's.
func rightsOfTwoShops(t *testing.T, c *cast) {
	const query = `query($order: ID!, $other: ID!, $checkout: ID!, $payment: ID!) {
		order(id: $order) { id splits { orderId } checkout { id } payment { id } } other: order(id: $other) { id }
		checkout: node(id: $checkout) { id } payment: node(id: $payment) { ... on Payment { splits { orderId } } } }`
	type answer struct {
		Order *struct {
			ID                string
			Splits            []struct{ OrderID string }
			Checkout, Payment *struct{ ID string }
		}
		Other    *struct{ ID string }
		Checkout *struct{ ID string }
		Payment  *struct{ Splits []struct{ OrderID string } }
	}
	here, there := c.double.Orders[0].ID, c.double.Orders[1].ID
	v := vars{"order": here, "other": there, "checkout": c.double.ID, "payment": c.double.Payment.ID}
	half := ask[answer](t, c.clients["clerk"], query, v)
	if half.Order == nil || half.Order.Checkout != nil || half.Order.Payment != nil || half.Other != nil || half.Checkout != nil || half.Payment != nil {
		t.Errorf("the clerk of one shop sees %+v", half)
	}
	for _, s := range half.Order.Splits {
		if s.OrderID != here {
			t.Errorf("the clerk of one shop sees a split of %s", s.OrderID)
		}
	}
	if got := c.clients["clerk"].cancel(t, c.double.ID); got.Checkout != nil || got.UserErrors[0].Code != notFound {
		t.Errorf("the clerk of one shop cancels: %+v", got)
	}
	for _, actor := range []string{"owner", "operator"} {
		whole := ask[answer](t, c.clients[actor], query, v)
		orders := map[string]bool{}
		if whole.Payment != nil {
			for _, s := range whole.Payment.Splits {
				orders[s.OrderID] = true
			}
		}
		if whole.Order.Checkout == nil || whole.Order.Payment == nil || whole.Other == nil || whole.Checkout == nil || len(orders) != 2 {
			t.Errorf("%s of both shops sees %+v", actor, whole)
		}
	}
}
