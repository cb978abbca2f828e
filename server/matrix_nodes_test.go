package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	entjob "holdfast/ent/job"
	"holdfast/graph"
	"holdfast/internal/typeid"
)

// nodeRights say who sees an object of each type by its id; the objects are those of furnish.
var nodeRights = map[string]rights{
	"MiniProgram":    "+  U  +  +  +  +  +  +  +  +",
	"Shop":           "+  U  +  +  +  +  +  +  +  +",
	"Product":        "-  U  -  -  +  +  -  +  -  +", // a draft
	"ProductVariant": "-  U  -  -  +  +  -  +  -  +",
	"Buyer":          "-  U  +  -  -  -  -  -  -  -",
	"Cart":           "-  U  +  -  -  -  -  -  -  -",
	"SavedAddress":   "-  U  +  -  -  -  -  -  -  -",
	"Staff":          "-  U  -  -  +  -  -  -  -  -", // the clerk
	"Checkout":       "-  U  +  -  +  +  -  +  -  +",
	"Order":          "-  U  +  -  +  +  -  +  -  +",
	"OrderLine":      "-  U  +  -  +  +  -  +  -  +",
	"Payment":        "-  U  +  -  +  +  -  +  -  +",
	"PaymentSplit":   "-  U  -  -  +  +  -  +  -  +",
	"Job":            "-  U  -  -  +  +  -  +  -  +",
	"Refund":         "-  U  +  -  +  +  -  +  -  +",
	"Shipment":       "-  U  +  -  +  +  -  +  -  +",
}

// furnish gives both sides an object of each type, with texts that are found again wherever they are shown.
func (c *cast) furnish(t *testing.T) {
	t.Helper()
	c.here.furnish(t, c.clients["clerk"], "CLERK")
	c.there.furnish(t, c.clients["owner elsewhere"], "OWNER")
}

func (s *side) furnish(t *testing.T, worker *client, role string) {
	t.Helper()
	s.role, s.marks = role, map[string]string{}
	mark := func(what string) string {
		s.marks[what] = unique("mark") + "x" // so that none is the beginning of another
		return s.marks[what]
	}
	at := func(what string) vars {
		to := maps.Clone(home)
		to["street"] = mark(what)
		return to
	}
	placed := s.buyer.buy(t, vars{
		"lines": lines(s.goods.variants[0], 2), "shipTo": at("where an order goes"), "shops": []vars{{"shopId": s.shop.ID, "note": mark("an order's note")}},
	})
	s.buyer.confirm(t, placed.Payment.ID).refused(t)
	s.paid = *s.boss.order(t, placed.Orders[0].ID)
	line := []vars{{"orderLineId": s.paid.Lines[0].ID, "quantity": 1}}
	given := s.boss.refund(t, vars{"orderId": s.paid.ID, "amount": moneyView{1, "CNY"}, "reason": mark("why money went back")})
	given.refused(t)
	sent := worker.ship(t, vars{"orderId": s.paid.ID, "carrier": "SF", "trackingNumber": strings.ToUpper(mark("a tracking number")), "lines": line})
	sent.refused(t)
	s.marks["a tracking number"] = *sent.Shipment.TrackingNumber
	worker.adjust(t, vars{"variantId": s.goods.variants[0], "delta": 1, "reason": mark("why stock changed")}).refused(t)
	s.sent = s.pays(t)
	s.boss.ship(t, vars{"orderId": s.sent.ID, "method": "PICKUP"}).refused(t)
	s.breaks(t, given.Refund.ID, mark("why a refund fails"), mark("why a job fails"))
	noted := operation(t, "Mutation.orderNoteAdd", vars{"orderId": s.paid.ID, "text": mark("a note of staff")})
	if got := worker.outcome(t, noted); got != shown {
		t.Fatalf("add a note: %s", got)
	}
	s.boss.invite(t, s.shop.ID, mark("who is invited")+"@example.test", "OWNER").refused(t)
	address := s.buyer.saveAddress(t, vars{"address": at("an address in the book")})
	address.refused(t)
	more := ask[struct {
		MiniProgram struct{ ID string }
		Product     struct{ ID, Title string }
		Order       struct{ Splits []struct{ ID string } }
		Node        struct{ SKU string }
	}](t, s.boss, `query($o: ID!, $p: ID!, $v: ID!) { miniProgram(appId: "wxdemo") { id } product(id: $p) { id title }
		order(id: $o) { splits { id } } node(id: $v) { ... on ProductVariant { sku } } }`,
		vars{"o": s.paid.ID, "p": s.draft.product, "v": s.goods.variants[0]})
	s.sku = more.Node.SKU
	s.marks["an order's number"], s.marks["a draft's title"], s.marks["who works for the shop"] = s.paid.Number, more.Product.Title, worker.session.Viewer.Email
	s.nodes = map[string]string{
		"MiniProgram": more.MiniProgram.ID, "Shop": s.shop.ID, "Product": s.draft.product, "ProductVariant": s.draft.variants[0],
		"Buyer": s.buyer.session.Viewer.ID, "Cart": s.buyer.cart(t).ID, "SavedAddress": address.Address.ID,
		"Staff": worker.session.Viewer.ID, "Checkout": placed.ID, "Order": s.paid.ID, "OrderLine": s.paid.Lines[0].ID,
		"Payment": placed.Payment.ID, "PaymentSplit": more.Order.Splits[0].ID, "Refund": given.Refund.ID, "Job": jobOf(s.sent.ID), "Shipment": sent.Shipment.ID,
	}
}

// breaks has a refund, and the job of the order that was sent, say why they fail.
func (s *side) breaks(t *testing.T, refund, why, lastError string) {
	t.Helper()
	r, ok := typeid.Parse[typeid.Refund](refund)
	j, is := typeid.Parse[typeid.Job](jobOf(s.sent.ID))
	if !ok || !is {
		t.Fatal(refund, s.sent.ID)
	}
	db := s.boss.world.db
	must(t, db.Refund.UpdateOneID(r).SetFailure(why).Exec(t.Context()))
	waitFor(t, "the job to have nothing to do but wait", func() bool {
		n, err := db.Job.Update().Where(entjob.ID(j), entjob.LeasedUntilIsNil(), entjob.RunAtGT(time.Now().Add(time.Hour))).
			SetFailingSince(time.Now()).SetLastError(lastError).Save(t.Context())
		must(t, err)
		return n == 1
	})
}

// nodesOf asks for an object of each of these types at once, each named like its type.
func nodesOf(types []string, id func(name string) string) request {
	v := vars{}
	var declared, asked []string
	for _, name := range types {
		v[name] = id(name)
		declared, asked = append(declared, "$"+name+": ID!"), append(asked, name+": node(id: $"+name+") { __typename id }")
	}
	return request{"query(" + strings.Join(declared, ", ") + ") { " + strings.Join(asked, " ") + " }", v}
}

// rightsOfNodes asks for objects of each type as everybody, those of both sides, and looks for a difference between what is
// foreign and what is absent.
func rightsOfNodes(t *testing.T, c *cast) {
	var types []string
	for _, def := range graph.Schema().PossibleTypes["Node"] {
		types = append(types, def.Name)
	}
	checkNames(t, types, nodeRights)
	types = slices.Sorted(maps.Keys(nodeRights))
	for _, actor := range actors {
		for _, s := range c.sides(actor) {
			checkNodes(t, c, s, actor, types)
		}
	}
	// Many at once: in order, null for what is not there, and each as often as it is named.
	ids := []string{c.shop.ID, "x", c.single.ID, c.shop.ID, c.here.draft.product, "", c.there.single.ID}
	var got []string
	for _, n := range ask[struct{ Nodes []*struct{ ID string } }](t, c.here.buyer, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, vars{"ids": ids}).Nodes {
		if n == nil {
			n = &struct{ ID string }{}
		}
		got = append(got, n.ID)
	}
	if diff := cmp.Diff([]string{c.shop.ID, "", c.single.ID, c.shop.ID, "", "", ""}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

// wants is what an actor is to have of an object of this type, of either side.
func (c *cast) wants(t *testing.T, r rights, s *side, actor, of string) string {
	t.Helper()
	as := actor
	if s == &c.there {
		if as = mirrored(actor); of == "Staff" { // oneself alone, whatever the roles
			as = map[string]string{"owner elsewhere": "clerk", "clerk": "owner"}[actor]
			if as == "" {
				as = actor
			}
		}
	}
	want, _ := r.of(t, as)
	return want
}

// sides are where an actor looks: there too, if the actor's rights are others there.
func (c *cast) sides(actor string) []*side {
	if mirrored(actor) == actor {
		return []*side{&c.here}
	}
	return []*side{&c.here, &c.there}
}

// checkNodes looks at the objects of one side as one actor.
func checkNodes(t *testing.T, c *cast, s *side, actor string, types []string) {
	t.Helper()
	who := c.clients[actor]
	all := nodesOf(types, func(name string) string { return s.nodes[name] })
	answer := who.send(t, all.query, all.vars)
	if actor == "refused token" {
		if codes := slices.Compact(answer.codes()); !slices.Equal(codes, []string{unauthorized}) {
			t.Errorf("with a token that is no good: %s", answer.Body)
		}
		return
	}
	var got map[string]*struct {
		Typename string `json:"__typename"`
		ID       string
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil || len(answer.Errors) > 0 {
		t.Fatalf("%s: %s (%v)", actor, answer.Body, err)
	}
	var foreign []string
	for _, name := range types {
		want := c.wants(t, nodeRights[name], s, actor, name)
		switch it := got[name]; {
		case want == null:
			foreign = append(foreign, name)
			if it != nil {
				t.Errorf("%s sees the %s %s, which is foreign", actor, name, it.ID)
			}
		case it == nil:
			t.Errorf("%s does not see the %s %s", actor, name, s.nodes[name])
		case it.Typename != name || it.ID != s.nodes[name]:
			t.Errorf("node(%s) is %s %s, want %s", s.nodes[name], it.Typename, it.ID, name)
		}
	}
	send := func(id func(string) string) string {
		r := nodesOf(foreign, id)
		return fingerprint(who.send(t, r.query, r.vars), "")
	}
	if t.Failed() || len(foreign) == 0 {
		return
	}
	want := send(func(name string) string { return s.nodes[name] })
	for i := range oddIDs(s.nodes["Order"]) {
		if s == &c.there && i > 0 {
			break // it was tried here
		}
		odd := func(name string) string { return oddIDs(s.nodes[name])[i] }
		if i == 0 {
			odd = func(name string) string { return absentLike(s.nodes[name]) }
		}
		if diff := cmp.Diff(want, send(odd)); diff != "" {
			t.Errorf("%s tells foreign objects from such as %q (-foreign +absent):\n%s", actor, odd("Order"), diff)
		}
	}
}

// fieldRow is a field that is null for some, found below the object of a root type.
type fieldRow struct {
	root, path, selection string
	rights                rights
}

var fieldRights = func() map[string]fieldRow {
	const (
		staff    rights = "-  -  -  -  +  +  -  +  -  +"
		managers rights = "-  -  -  -  -  +  -  -  -  +"
		readers  rights = "-  -  +  -  +  +  -  +  -  +"
	)
	return map[string]fieldRow{
		"Stock.onHand":             {"Goods", "stock.f", `{ stock { f: onHand } }`, staff},
		"Stock.held":               {"Goods", "stock.f", `{ stock { f: held } }`, staff},
		"ProductVariant.movements": {"Goods", "f", `{ f: movements(first: 1) { nodes { id } } }`, staff},
		"Shop.variants":            {"Shop", "f", `{ f: variants(first: 1) { nodes { id } } }`, staff},
		"Shop.orders":              {"Shop", "f", `{ f: orders(first: 1) { nodes { id } } }`, staff},
		"Shop.splitRules":          {"Shop", "f", `{ f: splitRules { receiver } }`, staff},
		"Shop.shareWhen":           {"Shop", "f", `{ f: shareWhen }`, staff},
		"Shop.maxShareBasisPoints": {"Shop", "f", `{ f: maxShareBasisPoints }`, staff},
		"Shop.staff":               {"Shop", "f", `{ f: staff(first: 1) { nodes { staffId } } }`, managers},
		"Shop.invitations":         {"Shop", "f", `{ f: invitations(first: 1) { nodes { id } } }`, managers},
		"Shop.auditLog":            {"Shop", "f", `{ f: auditLog(first: 1) { nodes { id } } }`, managers},
		"Shop.balances":            {"Shop", "f", `{ f: balances { receiver } }`, staff},
		"Shop.ledger":              {"Shop", "f", `{ f: ledger(first: 1) { nodes { id } } }`, staff},
		"Order.splits":             {"Order", "f", `{ f: splits { id } }`, staff},
		"Order.job":                {"Sent", "f", `{ f: job { id } }`, staff},
		"Job.lastError":            {"Job", "f", `{ f: lastError }`, "-  -  -  -  -  -  -  -  -  +"},
		"Refund.failure":           {"Refund", "f", `{ f: failure }`, staff},
		"Order.ledger":             {"Order", "f", `{ f: ledger { id } }`, staff},
		"Order.staffNotes":         {"Order", "f", `{ f: staffNotes { id } }`, staff},
		"Order.notifications":      {"Order", "f", `{ f: notifications { kind } }`, staff},
		"Order.checkout":           {"Order", "f", `{ f: checkout { id } }`, readers},
		"Order.payment":            {"Order", "f", `{ f: payment { id } }`, readers},
		"Payment.splits":           {"Payment", "f", `{ f: splits { id } }`, staff},
		"Payment.weChatPay":        {"Payment", "f", `{ f: weChatPay { paySign } }`, "-  -  +  -  -  -  -  -  -  -"},
	}
}()

// hidden finds the fields whose description says that some do not see them.
var hidden = regexp.MustCompile(`(?i)null for (others|buyers|staff)|buyer only|^as checkout`)

// rightsOfFields asks for the fields that are null for some. Which they are is told by the schema; and by the answers, see
// crawl.
func rightsOfFields(t *testing.T, c *cast) {
	var names []string
	for name, def := range graph.Schema().Types {
		for _, f := range def.Fields {
			if hidden.MatchString(f.Description) {
				names = append(names, name+"."+f.Name)
			}
		}
	}
	checkNames(t, names, fieldRights)
	for _, actor := range actors {
		if actor == "refused token" {
			continue
		}
		for _, s := range c.sides(actor) {
			for name, got := range s.hiddenFields(t, c.clients[actor]) {
				if want := c.wants(t, fieldRights[name].rights, s, actor, ""); got != want {
					t.Errorf("%s as %s, shop %s: %s, want %s", name, actor, s.shop.Name, got, want)
				}
			}
		}
	}
	if c.whole {
		crawl(t, c)
	}
}

// hiddenFields asks for all of them at once.
func (s *side) hiddenFields(t *testing.T, who *client) map[string]string {
	t.Helper()
	roots := map[string][2]string{
		"Goods": {"ProductVariant", s.goods.variants[0]}, "Shop": {"Shop", s.shop.ID},
		"Order": {"Order", s.single.Orders[0].ID}, "Payment": {"Payment", s.single.Payment.ID},
		"Sent": {"Order", s.sent.ID}, "Job": {"Job", s.nodes["Job"]}, "Refund": {"Refund", s.nodes["Refund"]},
	}
	text, v := "query(", vars{}
	for _, root := range slices.Sorted(maps.Keys(roots)) {
		text += "$" + root + ": ID! "
		v[root] = roots[root][1]
	}
	text += ") {"
	for _, name := range slices.Sorted(maps.Keys(fieldRights)) {
		row := fieldRights[name]
		text += " " + strings.ReplaceAll(name, ".", "_") + `: node(id: $` + row.root + `) { ... on ` + roots[row.root][0] + ` ` + row.selection + ` }`
	}
	got := who.send(t, text+" }", v)
	if len(got.Errors) > 0 {
		t.Fatalf("fields: %s", got.Body)
	}
	data := decode[map[string]any](t, got)
	out := map[string]string{}
	for name, row := range fieldRights {
		at := data[strings.ReplaceAll(name, ".", "_")]
		for step := range strings.SplitSeq(row.path, ".") {
			if at != nil {
				at = at.(map[string]any)[step]
			}
		}
		if out[name] = shown; at == nil {
			out[name] = null
		}
	}
	return out
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
