package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/job"
	ordernoun "holdfast/internal/order"
)

// roots are the root fields of the schema, as access names them.
func roots(schema *ast.Schema) []string {
	var out []string
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription} {
		if root == nil {
			continue
		}
		for _, f := range root.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				out = append(out, root.Name+"."+f.Name)
			}
		}
	}
	return out
}

func TestEveryRootFieldHasARule(t *testing.T) {
	t.Parallel()
	rules, schema := newAccess(), Schema()
	all := roots(schema)
	for _, field := range all {
		if rules.roots[field] == nil {
			t.Errorf("%s has no rule: say in access.go who may ask for it", field)
		}
	}
	for field := range rules.roots {
		if !slices.Contains(all, field) {
			t.Errorf("there is a rule for %s, which is no root field", field)
		}
	}
	for field := range rules.fields {
		typ, name, _ := strings.Cut(field, ".")
		def := schema.Types[typ]
		if def == nil || def.Fields.ForName(name) == nil {
			t.Errorf("there is a rule for %s, which is no field", field)
		} else if def.Fields.ForName(name).Type.NonNull {
			t.Errorf("%s is null for some and says that it never is", field)
		}
	}
}

func TestRootRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	idle := identity.Principal{Session: w.clerk.Session, Staff: w.clerk.Staff}
	people := []struct {
		name string
		who  identity.Principal
	}{
		{"anonymous", identity.Principal{}},
		{"buyer", w.buyer},
		{"clerk", w.clerk},
		{"idle staff", idle},
		{"operator", w.operator},
	}
	const login, no, ok = fault.Unauthenticated, fault.Forbidden, fault.Code("")
	for field, want := range map[string][5]fault.Code{
		"Query.__schema":                 {ok, ok, ok, ok, ok},
		"Query.__type":                   {ok, ok, ok, ok, ok},
		"Query.node":                     {ok, ok, ok, ok, ok},
		"Query.nodes":                    {ok, ok, ok, ok, ok},
		"Query.viewer":                   {ok, ok, ok, ok, ok},
		"Query.miniProgram":              {ok, ok, ok, ok, ok},
		"Query.shops":                    {ok, ok, ok, ok, ok},
		"Query.shop":                     {ok, ok, ok, ok, ok},
		"Query.product":                  {ok, ok, ok, ok, ok},
		"Query.order":                    {ok, ok, ok, ok, ok},
		"Query.jobs":                     {login, no, no, no, ok},
		"Mutation.jobRetry":              {login, no, ok, ok, ok}, // and then the domain: owners and operators
		"Mutation.sessionCreate":         {ok, ok, ok, ok, ok},
		"Mutation.sessionRefresh":        {ok, ok, ok, ok, ok},
		"Mutation.sessionRevoke":         {login, ok, ok, ok, ok},
		"Mutation.staffInvite":           {login, no, ok, ok, ok}, // and then the domain: owners alone
		"Mutation.staffInvitationAccept": {ok, ok, ok, ok, ok},
		"Mutation.staffInvitationRevoke": {login, no, ok, ok, ok},
		"Mutation.staffRoleSet":          {login, no, ok, ok, ok},
		"Mutation.staffRemove":           {login, no, ok, ok, ok},
		"Mutation.addressSave":           {login, ok, no, no, no},
		"Mutation.addressDelete":         {login, ok, no, no, no},
		"Mutation.cartLinesSet":          {login, ok, no, no, no},
		"Mutation.checkoutPlace":         {login, ok, no, no, no},
		"Mutation.checkoutCancel":        {login, ok, ok, ok, ok},
		"Mutation.paymentPrepare":        {login, ok, no, no, no},
		"Mutation.paymentSync":           {login, ok, no, no, no},
		"Mutation.sandboxPaymentConfirm": {login, ok, no, no, no},
		"Mutation.productCreate":         {login, no, ok, no, no},
		"Mutation.stockAdjust":           {login, no, ok, no, no},
		"Mutation.stockAdjustMany":       {login, no, ok, no, no},
		"Mutation.productUpdate":         {login, no, ok, no, no},
		"Mutation.productVariantAdd":     {login, no, ok, no, no},
		"Mutation.productVariantUpdate":  {login, no, ok, no, no},
		"Mutation.orderBuyAgain":         {login, ok, no, no, no},
		"Mutation.stockReminderCreate":   {login, ok, no, no, no},
		"Mutation.stockReminderDelete":   {login, ok, no, no, no},
		"Mutation.phoneNumberExchange":   {login, ok, no, no, no},
		"Query.reconciliations":          {login, no, no, no, ok},
		"Mutation.reconciliationRun":     {login, no, no, no, ok},
		"Query.orders":                   {no, no, no, no, no}, // no such field: default deny
		"Subscription.stockChanged":      {ok, ok, ok, ok, ok},
		"Subscription.shopStockChanged":  {login, no, ok, ok, ok},
		"Subscription.orderChanged":      {login, ok, ok, ok, ok},
		"Subscription.orders":            {no, no, no, no, no},
	} {
		for i, p := range people {
			err := newAccess().root(WithPrincipal(t.Context(), p.who, nil), field)
			if got := codeOf(err); got != want[i] {
				t.Errorf("%s of %s: %q, want %q", field, p.name, got, want[i])
			}
		}
	}
	for _, field := range roots(Schema()) {
		err := newAccess().root(WithPrincipal(t.Context(), identity.Principal{}, errors.New("refused")), field)
		if open := givesToken(field); (err == nil) != open {
			t.Errorf("%s with a token that was refused: %v", field, err)
		}
	}
}

// Whoever asks, introspection is refused where it is off, and nothing else is.
func TestHiddenSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handler = NewHandler(w.Deps, Options{HideSchema: true})
	for _, who := range []identity.Principal{{}, w.buyer, w.operator} {
		for query, codes := range map[string]string{
			`{ __schema { queryType { name } } }`: "BAD_REQUEST",
			`{ a: __type(name: "Shop") { name } ...F } fragment F on Query { b: __type(name: "Stock") { name } }`: "BAD_REQUEST BAD_REQUEST",
			`{ __typename shops(first: 1) { nodes { __typename } } }`:                                             "",
		} {
			if a := w.send(WithPrincipal(t.Context(), who, nil), t, query, nil, ""); a.codes() != codes || strings.Contains(fmt.Sprint(a.Data), "Stock") {
				t.Errorf("%s: codes %q, data %v; want %q", query, a.codes(), a.Data, codes)
			}
		}
	}
}

func codeOf(err error) fault.Code {
	if list := fault.List(err); len(list) > 0 {
		return list[0].Refused().Code
	}
	return ""
}

// A refusal reaches the client as a top-level error, and a non-null field that is refused takes the data with it.
func TestRootRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := `mutation { cartLinesSet(lines: []) { userErrors { code } } }`
	nobody := identity.Principal{}
	ended := fault.New(fault.Unauthenticated, "the session has ended; log in again")
	down := errors.New("database is down")
	for _, c := range []struct {
		name    string
		who     identity.Principal
		refused error
		query   string
		codes   string
		data    bool
	}{
		{"nobody", nobody, nil, set, "UNAUTHENTICATED", false},
		{"staff", w.clerk, nil, set, "FORBIDDEN", false},
		{"buyer", w.buyer, nil, set, "", true},
		{"ended session, non-null", nobody, ended, `{ shops(first: 1) { nodes { id } } }`, "UNAUTHENTICATED", false},
		{"ended session, nullable", nobody, ended, `{ a: viewer { __typename } b: node(id: "x") { id } }`, "UNAUTHENTICATED UNAUTHENTICATED", true},
		{"session cannot be checked", nobody, down, `{ viewer { __typename } }`, "INTERNAL", true},
		{
			"a log-in with an ended session", nobody, ended,
			`mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-new"}}) { session { expiresAt } } }`, "", true,
		},
		{"introspection", nobody, nil, `{ __schema { queryType { name } } __typename }`, "", true},
	} {
		a := w.send(WithPrincipal(t.Context(), c.who, c.refused), t, c.query, nil, "")
		if a.codes() != c.codes || (a.Data != nil) != c.data {
			t.Errorf("%s: codes %q, data %v; want %q, %t", c.name, a.codes(), a.Data, c.codes, c.data)
		}
		for _, e := range a.Errors {
			if len(e.Path) != 1 || strings.Contains(e.Message, "database") {
				t.Errorf("%s: %+v", c.name, e)
			}
		}
	}
}

// Each restricted field is null for everybody from whom it is kept, and is not for those whom it is for.
func TestRestrictedFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goods := w.goods(t, 2, 1)
	one, both := w.place(t, w.buyer, goods[1]), w.place(t, w.buyer, goods...) // the clerk works in the shop of goods[0]
	load := func(query string, path ...any) string {
		return fmt.Sprint(w.must(t, w.operator, query, nil).at(path...))
	}
	orderOfOne := load(fmt.Sprintf(`{ node(id: %q) { ... on Checkout { orders { id } } } }`, one.ID), "node", "orders", 0, "id")
	orderOfBoth := load(fmt.Sprintf(`{ node(id: %q) { ... on Checkout { orders { id } } } }`, both.ID), "node", "orders", 0, "id")

	// Objects as the resolvers have them; each rule is asked as the field is.
	ctx := func(who identity.Principal) context.Context {
		r := &Resolver{Deps: w.Deps, access: newAccess()}
		return r.withScope(WithPrincipal(t.Context(), who, nil))
	}
	get := func(id string) any {
		found, err := node(ctx(w.operator), id)
		if err != nil || found == nil {
			t.Fatalf("%s: %v, %v", id, found, err)
		}
		return found
	}
	stock, err := w.Inventory.Stocks(t.Context(), ids(goods[1:]))
	if err != nil {
		t.Fatal(err)
	}
	shop, order, shared, paid := get(goods[1].ShopID.String()), get(orderOfOne), get(orderOfBoth), get(one.Payment.ID.String())
	anonymous := identity.Principal{}
	outsiders := map[string]identity.Principal{"anonymous": anonymous, "the buyer": w.buyer, "another buyer": w.other, "foreign staff": w.clerk}
	insiders := map[string]identity.Principal{"staff": w.merchant, "an operator": w.operator}
	without := func(m map[string]identity.Principal, names ...string) map[string]identity.Principal {
		out := make(map[string]identity.Principal)
		for name, p := range m {
			if !slices.Contains(names, name) {
				out[name] = p
			}
		}
		return out
	}
	with := map[string]identity.Principal{"staff": w.merchant, "an operator": w.operator, "the buyer": w.buyer}
	unmanaged := maps.Clone(outsiders)
	unmanaged["a clerk of the shop"] = identity.Principal{Session: w.clerk.Session, Staff: w.clerk.Staff}.WithRole(goods[1].ShopID, identity.Clerk)
	cases := map[string]struct {
		obj     any
		no, yes map[string]identity.Principal
	}{
		"Stock.onHand":             {stock[0], outsiders, insiders},
		"Stock.held":               {stock[0], outsiders, insiders},
		"Shop.variants":            {shop, outsiders, insiders},
		"Shop.orders":              {shop, outsiders, insiders},
		"Shop.splitRules":          {shop, outsiders, insiders},
		"Shop.shareWhen":           {shop, outsiders, insiders},
		"Shop.maxShareBasisPoints": {shop, outsiders, insiders},
		"ProductVariant.movements": {goods[1], outsiders, insiders},
		"Shop.staff":               {shop, unmanaged, insiders},
		"Shop.invitations":         {shop, unmanaged, insiders},
		"Shop.auditLog":            {shop, unmanaged, insiders},
		"Shop.balances":            {shop, outsiders, insiders},
		"Shop.ledger":              {shop, outsiders, insiders},
		"Order.splits":             {order, outsiders, insiders},
		"Order.staffNotes":         {order, outsiders, insiders},
		"Order.notifications":      {order, outsiders, insiders},
		"Order.ledger":             {order, outsiders, insiders},
		"Order.job":                {order, outsiders, insiders},
		"Refund.failure":           {&ordernoun.Refund{OrderID: order.(*ordernoun.Order).ID}, outsiders, insiders},
		"Job.lastError": {
			&job.Job{},
			map[string]identity.Principal{"anonymous": anonymous, "the buyer": w.buyer, "staff": w.merchant},
			map[string]identity.Principal{"an operator": w.operator},
		},
		"Order.checkout": {order, without(outsiders, "the buyer"), with},
		"Order.payment":  {shared, without(outsiders, "the buyer"), with}, // the clerk sees one of its two orders
		// Whoever holds a payment as staff sees all its orders; foreign staff gets none, and an empty list at worst.
		"Payment.splits":    {paid, without(outsiders, "foreign staff"), insiders},
		"Payment.weChatPay": {paid, map[string]identity.Principal{"anonymous": anonymous, "another buyer": w.other, "staff": w.merchant, "an operator": w.operator}, map[string]identity.Principal{"the buyer": w.buyer}},
	}
	for field := range newAccess().fields {
		c, ok := cases[field]
		if !ok {
			t.Errorf("%s is restricted and not tested here", field)
			continue
		}
		for name, who := range c.no {
			if shown(ctx(who), t, field, c.obj) {
				t.Errorf("%s is shown to %s", field, name)
			}
		}
		for name, who := range c.yes {
			if !shown(ctx(who), t, field, c.obj) {
				t.Errorf("%s is not shown to %s", field, name)
			}
		}
	}
	if shown(ctx(w.operator), t, "Shop.receiver", shop) {
		t.Error("a field without a rule is shown")
	}
}

func shown(ctx context.Context, t *testing.T, field string, obj any) bool {
	t.Helper()
	typ, name, _ := strings.Cut(field, ".")
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{
		Object: typ, Field: graphql.CollectedField{Field: &ast.Field{Name: name, Alias: "other"}},
	})
	ok, err := newAccess().shows(ctx, obj)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// The same, as clients see it: every restricted field of what an outsider can reach is null.
func TestRestrictedFieldsAreNull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goods := w.goods(t, 2, 1)
	placed := w.place(t, w.buyer, goods...)
	shop := `query($id: ID!) { shop(id: $id) { variants(first: 9) { nodes { id } } orders(first: 9) { nodes { id } } splitRules { receiver }
		products(first: 1) { nodes { variants { stock { onHand held } } } } } }`
	for name, who := range map[string]identity.Principal{"anonymous": {}, "buyer": w.buyer, "foreign staff": w.clerk} {
		a := w.must(t, who, shop, object{"id": goods[1].ShopID.String()})
		for _, path := range [][]any{
			{"variants"},
			{"orders"},
			{"splitRules"},
			{"products", "nodes", 0, "variants", 0, "stock", "onHand"},
			{"products", "nodes", 0, "variants", 0, "stock", "held"},
		} {
			if got := a.at(append([]any{"shop"}, path...)...); got != nil {
				t.Errorf("%s sees %v: %v", name, path, got)
			}
		}
	}
	orders := `query($id: ID!) { shop(id: $id) { variants(first: 1) { nodes { stock { onHand held } } } splitRules { receiver role basisPoints }
		orders(first: 9) { nodes { number splits { receiver amount { amount } } checkout { id } payment { id splits { orderId } weChatPay { package } } } } } }`
	a := w.must(t, w.clerk, orders, object{"id": goods[0].ShopID.String()})
	first := []any{"shop", "orders", "nodes", 0}
	if a.at(append(first, "number")...) == nil || a.at(append(first, "splits", 0, "receiver")...) == nil ||
		a.at("shop", "variants", "nodes", 0, "stock", "onHand") == nil || a.at("shop", "splitRules", 0, "basisPoints") == nil {
		t.Errorf("the clerk does not see the shop's own: %v", a.Data)
	}
	if a.at(append(first, "checkout")...) != nil || a.at(append(first, "payment")...) != nil {
		t.Errorf("the clerk sees a checkout of which another shop has a part: %v", a.Data)
	}
	a = w.must(t, w.merchant, orders, object{"id": goods[0].ShopID.String()})
	if a.at(append(first, "checkout", "id")...) != placed.ID.String() || a.at(append(first, "payment", "splits", 1)...) == nil ||
		a.at(append(first, "payment", "weChatPay")...) != nil {
		t.Errorf("the owner of all its shops: %v", a.Data)
	}
	own := `{ viewer { ... on Buyer { orders(first: 1) { nodes { splits { id } payment { splits { id } weChatPay { package timeStamp nonceStr signType paySign } } checkout { id } } } } } }`
	a = w.must(t, w.buyer, own, nil)
	first = []any{"viewer", "orders", "nodes", 0}
	if a.at(append(first, "splits")...) != nil || a.at(append(first, "payment", "splits")...) != nil ||
		a.at(append(first, "payment", "weChatPay", "paySign")...) == nil || a.at(append(first, "checkout", "id")...) == nil {
		t.Errorf("the buyer: %v", a.Data)
	}
}
