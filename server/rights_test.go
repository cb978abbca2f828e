package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/ent/shopstaff"
	"holdfast/graph"
	"holdfast/internal/demo"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// actors are everybody whose rights differ.
var actors = []string{"anonymous", "refused token", "buyer", "other buyer", "clerk", "owner", "owner elsewhere", "staff of no shop", "operator"}

// cast is a world with one of each actor, and things that are theirs, or not.
type cast struct {
	*world
	shop, elsewhere shopView
	clients         map[string]*client
	goods, draft    goods
	single          *checkoutView
	double          *checkoutView // of both shops
	nodes           map[string]nodeCase
}

func newCast(t *testing.T, w *world) *cast {
	t.Helper()
	shops := w.shops(t)
	c := &cast{world: w, shop: shops[0], elsewhere: shops[1], clients: map[string]*client{
		"anonymous":   w.anonymous(),
		"buyer":       w.buyer(t, "cast-buyer"),
		"other buyer": w.buyer(t, "cast-other"),
		"clerk":       w.staff(t, demo.Clerk, demo.Password), // of the first shop alone
		"owner":       w.merchant(t),
		"operator":    w.staff(t, demo.Operator, demo.Password),
	}}
	c.clients["owner elsewhere"] = c.hire(t, "elsewhere@example.test", c.elsewhere.ID)
	c.clients["staff of no shop"] = c.hire(t, "idle@example.test", "")
	ended := w.buyer(t, "cast-ended")
	ended.revoke(t)
	c.clients["refused token"] = ended
	c.goods, c.draft = w.product(t, c.shop, "ACTIVE", 700, 1000), w.product(t, c.shop, "DRAFT", 700, 10)
	there := w.goods(t, c.elsewhere, 900, 1000)[0]
	buyer := c.clients["buyer"]
	c.single = buyer.buy(t, vars{"lines": lines(c.goods.variants[0], 2)})
	c.double = buyer.buy(t, vars{"lines": lines(c.goods.variants[0], 1, there, 1)})
	c.nodes = c.newNodes(t)
	return c
}

// hire makes a member of staff, the owner of a shop if one is named.
func (c *cast) hire(t *testing.T, email, shop string) *client {
	t.Helper()
	id, err := c.business.Identity.CreateStaff(t.Context(), email, hired, false)
	if err != nil {
		t.Fatalf("create staff: %v", err)
	}
	if in, ok := typeid.Parse[typeid.Shop](shop); ok {
		if err := c.business.Identity.GrantRole(t.Context(), id, in, identity.Owner); err != nil {
			t.Fatalf("grant role: %v", err)
		}
	}
	return c.staff(t, email, hired)
}

// hired is the password of whom the tests hire.
const hired = "a long enough password"

// request is one operation with one root field, aliased "it".
type request struct {
	query string
	vars  vars
}

// What may become of a root field.
const (
	shown        = "shown"
	null         = "null"
	unauthorized = "UNAUTHENTICATED"
	forbidden    = "FORBIDDEN"
	notFound     = "NOT_FOUND"
)

// outcome is what became of the field: a code of a top-level error or of a refusal, or whether there is something.
func (c *client) outcome(t *testing.T, r request) string {
	t.Helper()
	got := c.send(t, r.query, r.vars)
	switch len(got.Errors) {
	case 0:
	case 1:
		return got.Errors[0].Extensions.Code
	default:
		t.Fatalf("%s: want one error: %s", r.query, got.Body)
	}
	data := decode[map[string]any](t, got)["it"]
	switch it := data.(type) {
	case nil:
		return null
	case []any:
		if len(it) == 1 && it[0] == nil {
			return null
		}
	case map[string]any:
		if verdicts, ok := it["verdicts"].([]any); ok && len(verdicts) == 1 {
			it = verdicts[0].(map[string]any)
		}
		if refusals, ok := it["userErrors"].([]any); ok && len(refusals) > 0 {
			return fmt.Sprint(refusals[0].(map[string]any)["code"])
		}
	}
	return shown
}

// rootCase says what a root field answers to each actor. make is called for each of them, so that what one changes is
// whole for the next.
type rootCase struct {
	make func(t *testing.T, actor *client) request
	want map[string]string
}

// public is what anybody may ask for, but not with a token that is no good: a client would not notice that it is nobody.
func public() map[string]string {
	want := map[string]string{}
	for _, a := range actors {
		want[a] = shown
	}
	return but(want, unauthorized, "refused token")
}

// but changes what is wanted for some actors.
func but(want map[string]string, outcome string, who ...string) map[string]string {
	want = maps.Clone(want)
	for _, a := range who {
		want[a] = outcome
	}
	return want
}

// ofOrder is who sees an order of the first shop, and what others are answered.
func ofOrder(absent string) map[string]string {
	return but(public(), absent, "anonymous", "other buyer", "owner elsewhere", "staff of no shop")
}

// ofBuyers is what only buyers may ask for.
func ofBuyers() map[string]string {
	return but(but(public(), forbidden, "clerk", "owner", "owner elsewhere", "staff of no shop", "operator"), unauthorized, "anonymous")
}

// ofShop is what only staff of the shop may ask for.
func ofShop() map[string]string {
	return but(but(but(public(), forbidden, "buyer", "other buyer", "staff of no shop", "operator"),
		notFound, "owner elsewhere"), unauthorized, "anonymous")
}

func (c *cast) roots(t *testing.T) map[string]rootCase {
	fixed := func(query string, v vars) func(*testing.T, *client) request {
		return func(*testing.T, *client) request { return request{query, v} }
	}
	buyer := c.clients["buyer"]
	fresh := func(t *testing.T) *checkoutView { return buyer.buy(t, vars{"lines": lines(c.goods.variants[0], 1)}) }
	ofPayment := func(mutation, payment string) rootCase {
		return rootCase{
			fixed(`mutation($id: ID!) { it: `+mutation+`(paymentId: $id) { payment { id } userErrors { code } } }`, vars{"id": payment}),
			but(ofBuyers(), notFound, "other buyer"),
		}
	}
	order := c.single.Orders[0].ID
	out := map[string]rootCase{
		"Query.node":        {fixed(`query($id: ID!) { it: node(id: $id) { id } }`, vars{"id": order}), ofOrder(null)},
		"Query.nodes":       {fixed(`query($id: ID!) { it: nodes(ids: [$id]) { id } }`, vars{"id": order}), ofOrder(null)},
		"Query.order":       {fixed(`query($id: ID!) { it: order(id: $id) { id } }`, vars{"id": order}), ofOrder(null)},
		"Query.viewer":      {fixed(`{ it: viewer { __typename } }`, nil), but(public(), null, "anonymous")},
		"Query.miniProgram": {fixed(`{ it: miniProgram(appId: "wxdemo") { id } }`, nil), public()},
		"Query.shops":       {fixed(`{ it: shops(first: 1) { nodes { id } } }`, nil), public()},
		"Query.shop":        {fixed(`query($id: ID!) { it: shop(id: $id) { id } }`, vars{"id": c.shop.ID}), public()},
		"Query.product": {
			fixed(`query($id: ID!) { it: product(id: $id) { id } }`, vars{"id": c.draft.product}),
			but(public(), null, "anonymous", "buyer", "other buyer", "owner elsewhere", "staff of no shop"),
		},
		"Mutation.sessionCreate": {
			fixed(`mutation { it: sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-cast"}}) { session { expiresAt } userErrors { code } } }`, nil),
			but(public(), shown, "refused token"),
		},
		"Mutation.sessionRefresh": {func(t *testing.T, _ *client) request {
			return request{
				`mutation($token: String!) { it: sessionRefresh(refreshToken: $token) { session { expiresAt } userErrors { code } } }`,
				vars{"token": c.buyer(t, "cast").session.RefreshToken},
			}
		}, but(public(), shown, "refused token")},
		"Mutation.sessionRevoke": {fixed(`mutation { it: sessionRevoke { userErrors { code } } }`, nil), but(public(), unauthorized, "anonymous")},
		"Mutation.cartLinesSet": {
			fixed(`mutation($v: ID!) { it: cartLinesSet(lines: [{variantId: $v, quantity: 1}]) { cart { id } userErrors { code } } }`, vars{"v": c.goods.variants[0]}), ofBuyers(),
		},
		"Mutation.checkoutPlace": {func(*testing.T, *client) request {
			return request{placeMutationIt, vars{"input": filled(vars{"lines": lines(c.goods.variants[0], 1)})}}
		}, ofBuyers()},
		"Mutation.checkoutCancel": {func(t *testing.T, _ *client) request {
			fresh := fresh(t)
			t.Cleanup(func() { buyer.cancel(t, fresh.ID) }) // or the buyer would hold too many
			return request{`mutation($id: ID!) { it: checkoutCancel(checkoutId: $id) { checkout { id } userErrors { code } } }`, vars{"id": fresh.ID}}
		}, but(ofOrder(notFound), unauthorized, "anonymous")},
		"Mutation.paymentPrepare":        ofPayment("paymentPrepare", c.single.Payment.ID),
		"Mutation.paymentSync":           ofPayment("paymentSync", c.single.Payment.ID),
		"Mutation.sandboxPaymentConfirm": ofPayment("sandboxPaymentConfirm", fresh(t).Payment.ID),
		"Mutation.productCreate": {func(*testing.T, *client) request {
			return request{`mutation($input: ProductCreateInput!) { it: productCreate(input: $input) { product { id } userErrors { code } } }`, vars{"input": c.newProduct(c.shop.ID)}}
		}, ofShop()},
		"Mutation.stockAdjust": {func(*testing.T, *client) request {
			return request{
				`mutation($input: StockAdjustInput!) { it: stockAdjust(input: $input) { stock { version } userErrors { code } } }`,
				vars{"input": vars{"variantId": c.goods.variants[0], "delta": 1, "reason": "found", "idempotencyKey": unique("key")}},
			}
		}, ofShop()},
	}
	for _, more := range []map[string]rootCase{c.rootsOfBuyers(), c.rootsOfShops(t), c.rootsOfPeople()} {
		maps.Copy(out, more)
	}
	return out
}

const placeMutationIt = `mutation($input: CheckoutPlaceInput!) { it: checkoutPlace(input: $input) { checkout { id } userErrors { code } } }`

func (c *cast) newProduct(shop string) vars {
	return vars{"shopId": shop, "title": "x", "variants": []vars{{"sku": unique("SKU"), "price": moneyView{1, "CNY"}, "onHand": 1}}}
}

// TestRights asks for each root field as everybody. One that has no expectation here fails.
func TestRights(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		c := newCast(t, w)
		t.Run("root fields", func(t *testing.T) { rightsOfRoots(t, c) })
		t.Run("subscriptions", func(t *testing.T) { rightsOfWatchers(t, c) })
		t.Run("nodes", func(t *testing.T) { rightsOfNodes(t, c) })
		t.Run("fields", func(t *testing.T) { rightsOfFields(t, c) })
		t.Run("two shops", func(t *testing.T) { rightsOfTwoShops(t, c) })
		t.Run("foreign is absent", func(t *testing.T) { foreignIsAbsent(t, c) })
		t.Run("a role counts at once", func(t *testing.T) { roleCountsAtOnce(t, c) })
	})
}

// roots are the fields of a root type of the schema.
func roots(of string) []string {
	var names []string
	if def := graph.Schema().Types[of]; def != nil {
		for _, f := range def.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				names = append(names, of+"."+f.Name)
			}
		}
	}
	return names
}

func rightsOfRoots(t *testing.T, c *cast) {
	cases := c.roots(t)
	names := append(roots("Query"), roots("Mutation")...)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		if !slices.Contains(names, name) {
			t.Errorf("%s is expected, and not in the schema", name)
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			this, ok := cases[name]
			if !ok {
				t.Fatal("a new root field: say in roots() who may ask for it")
			}
			for _, actor := range actors {
				who := c.clients[actor]
				if name == "Mutation.sessionRevoke" {
					who = c.throwAway(t, actor)
				}
				if got := who.outcome(t, this.make(t, who)); got != this.want[actor] {
					t.Errorf("%s: %s, want %s", actor, got, this.want[actor])
				}
			}
		})
	}
}

// throwAway is a session of an actor that may end.
func (c *cast) throwAway(t *testing.T, actor string) *client {
	t.Helper()
	who := c.clients[actor]
	switch v := who.session.Viewer; {
	case actor == "anonymous" || actor == "refused token":
		return who
	case v.Typename == "Buyer":
		return c.buyer(t, "cast-away")
	case strings.HasSuffix(v.Email, "@demo.test"):
		return c.staff(t, v.Email, demo.Password)
	default:
		return c.staff(t, v.Email, hired)
	}
}

func roleCountsAtOnce(t *testing.T, c *cast) {
	idle := c.clients["staff of no shop"]
	try := func() string {
		t.Helper()
		return idle.outcome(t, request{
			`mutation($input: ProductCreateInput!) { it: productCreate(input: $input) { product { id } userErrors { code } } }`,
			vars{"input": c.newProduct(c.elsewhere.ID)},
		})
	}
	if got := try(); got != forbidden {
		t.Errorf("before: %s", got)
	}
	id, _ := typeid.Parse[typeid.Staff](idle.session.Viewer.ID)
	in, _ := typeid.Parse[typeid.Shop](c.elsewhere.ID)
	if err := c.business.Identity.GrantRole(t.Context(), id, in, identity.Clerk); err != nil {
		t.Fatal(err)
	}
	granted := time.Now()
	if got := try(); got != shown {
		t.Errorf("%v after the role was granted: %s", time.Since(granted), got)
	}
	if _, err := c.db.ShopStaff.Delete().Where(shopstaff.StaffID(id)).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := try(); got != forbidden {
		t.Errorf("after the role was taken: %s", got)
	}
}
