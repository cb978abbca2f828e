package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/ent/shopstaff"
	"holdfast/internal/demo"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// actors are everybody whose rights differ, in the order of the columns of every table of rights.
var actors = []string{
	"anonymous", "refused token", "buyer", "other buyer", "clerk", "owner", "owner elsewhere", "clerk, owner elsewhere", "staff of no shop", "operator",
}

// TestRights asks for everything as everybody. What is in the schema and not in the tables fails.
func TestRights(t *testing.T) {
	t.Parallel() // it waits for the database
	eachWorld(t, func(t *testing.T, w *world) {
		c := newCast(t, w)
		c.furnish(t)
		c.whole = strings.HasPrefix(w.source, "mysql") || os.Getenv("HOLDFAST_TEST_LONG") != ""
		t.Run("nodes", func(t *testing.T) { rightsOfNodes(t, c) })
		t.Run("fields", func(t *testing.T) { rightsOfFields(t, c) })
		t.Run("connections", func(t *testing.T) { rightsOfPages(t, c) })
		t.Run("two shops", func(t *testing.T) { rightsOfTwoShops(t, c) })
		t.Run("files", func(t *testing.T) { rightsOfFiles(t, c) })
		t.Run("subscriptions", func(t *testing.T) { rightsOfWatchers(t, c) })
		t.Run("tokens that are no good", func(t *testing.T) { rightsOfBadTokens(t, c) })
		t.Run("a role counts at once", func(t *testing.T) { roleCountsAtOnce(t, c) })
		t.Run("root fields", func(t *testing.T) { rightsOfRoots(t, c) }) // ends all sessions at last
	})
}

// side is a shop, one of its owners, one of its buyers, and what is theirs.
type side struct {
	shop         shopView
	boss, buyer  *client
	goods, draft goods
	single       *checkoutView     // of this shop alone
	sent         orderView         // shipped
	paid         orderView         // refunded and shipped in part
	role, sku    string            // the role of nodes["Staff"]; the sku of goods
	nodes        map[string]string // an object of each type
	marks        map[string]string // texts that only some may read, by what they are
}

// cast is a world with one of each actor. What is here is the buyer's, and of the shop that has the clerk; what is there is
// the other buyer's, and of the shop whose owner is elsewhere.
type cast struct {
	*world
	here, there side
	clients     map[string]*client
	double      *checkoutView // of both shops
	whole       bool          // also what is decided before there is a database, and what takes long to read: where that costs less

	shop   shopView // of those that are here
	goods  goods
	single *checkoutView
}

func newCast(t *testing.T, w *world) *cast {
	t.Helper()
	shops := w.shops(t)
	c := &cast{world: w, clients: map[string]*client{
		"anonymous":   w.anonymous(),
		"buyer":       w.buyer(t, "cast-buyer"),
		"other buyer": w.buyer(t, "cast-other"),
		"clerk":       w.staff(t, demo.Clerk, demo.Password), // of the first shop alone
		"owner":       w.merchant(t),                         // of both
		"operator":    w.staff(t, demo.Operator, demo.Password),
	}}
	c.clients["owner elsewhere"] = c.hire(t, "elsewhere@example.test", shops[1].ID)
	c.clients["staff of no shop"] = c.hire(t, "idle@example.test", "")
	c.clients["clerk, owner elsewhere"] = c.hire(t, "both@example.test", shops[1].ID)
	c.grant(t, c.clients["clerk, owner elsewhere"], shops[0].ID, identity.Clerk)
	ended := w.buyer(t, "cast-ended")
	ended.revoke(t)
	c.clients["refused token"] = ended
	c.here = c.newSide(t, shops[0], "owner", "buyer")
	c.there = c.newSide(t, shops[1], "owner elsewhere", "other buyer")
	c.shop, c.goods, c.single = c.here.shop, c.here.goods, c.here.single
	c.double = c.here.buyer.buy(t, vars{"lines": lines(c.goods.variants[0], 1, c.there.goods.variants[0], 1)})
	return c
}

func (c *cast) newSide(t *testing.T, shop shopView, boss, buyer string) side {
	t.Helper()
	s := side{shop: shop, boss: c.clients[boss], buyer: c.clients[buyer]}
	s.goods, s.draft = c.product(t, shop, "ACTIVE", 700, 1000), c.product(t, shop, "DRAFT", 700, 10)
	s.single = s.buyer.buy(t, vars{"lines": lines(s.goods.variants[0], 2)})
	return s
}

// hire makes a member of staff, the owner of a shop if one is named.
func (c *cast) hire(t *testing.T, email, shop string) *client {
	t.Helper()
	if _, err := c.business.Identity.CreateStaff(t.Context(), email, hired, false); err != nil {
		t.Fatalf("create staff: %v", err)
	}
	who := c.staff(t, email, hired)
	if shop != "" {
		c.grant(t, who, shop, identity.Owner)
	}
	return who
}

func (c *cast) grant(t *testing.T, who *client, shop string, role identity.Role) {
	t.Helper()
	id, _ := typeid.Parse[typeid.Staff](who.session.Viewer.ID)
	in, _ := typeid.Parse[typeid.Shop](shop)
	if err := c.business.Identity.GrantRole(t.Context(), id, in, role); err != nil {
		t.Fatalf("grant role: %v", err)
	}
}

// hired is the password of whom the tests hire.
const hired = "a long enough password"

// request is one operation with one root field, aliased "it".
type request struct {
	query string
	vars  vars
}

// mutation is a request of a mutation that takes an input.
func mutation(name, input, fields string, v vars) request {
	return request{`mutation($input: ` + input + `!) { it: ` + name + `(input: $input) { ` + fields + ` userErrors { code } } }`, vars{"input": v}}
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
	return c.send(t, r.query, r.vars).outcome(t)
}

func (a answer) outcome(t *testing.T) string {
	t.Helper()
	switch len(a.Errors) {
	case 0:
	case 1:
		return a.Errors[0].Extensions.Code
	default:
		t.Fatalf("want one error: %s", a.Body)
	}
	switch it := decode[map[string]any](t, a)["it"].(type) {
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

// rights are what becomes of the same request of each actor, in their order:
//
//   - it is shown, or done          U nobody is logged in, or the token is no good
//   - it is null, as if absent      F the role does not allow it, whatever the object is
//     C there is no WeChat to ask     S it is not for sale
//     N it is refused as absent       f the role is too low for an object that one sees; another one is absent
type rights string

// of is the outcome for an actor, and its letter.
func (r rights) of(t *testing.T, actor string) (outcome, letter string) {
	t.Helper()
	cells := strings.Fields(string(r))
	if len(cells) != len(actors) {
		t.Fatalf("%q: want a letter for each of %q", r, actors)
	}
	letter = cells[slices.Index(actors, actor)]
	outcome, ok := map[string]string{"+": shown, "-": null, "U": unauthorized, "F": forbidden, "f": forbidden, "N": notFound, "n": notFound, "S": "NOT_FOR_SALE", "C": "CONFLICT"}[letter]
	if !ok {
		t.Fatalf("%q: what is %s?", r, letter)
	}
	return outcome, letter
}

// mirrored is whose rights to what is here an actor has to what is there.
func mirrored(actor string) string {
	as := map[string]string{
		"buyer": "other buyer", "other buyer": "buyer", "clerk": "owner elsewhere", "owner elsewhere": "owner", "clerk, owner elsewhere": "owner",
	}[actor]
	if as == "" {
		return actor
	}
	return as
}

func roleCountsAtOnce(t *testing.T, c *cast) {
	idle := c.clients["staff of no shop"]
	try := func() string {
		t.Helper()
		return idle.outcome(t, operation(t, "Mutation.productCreate", newProduct(c.there.shop.ID)))
	}
	if got := try(); got != forbidden {
		t.Errorf("before: %s", got)
	}
	c.grant(t, idle, c.there.shop.ID, identity.Clerk)
	granted := time.Now()
	if got := try(); got != shown {
		t.Errorf("%v after the role was granted: %s", time.Since(granted), got)
	}
	id, _ := typeid.Parse[typeid.Staff](idle.session.Viewer.ID)
	if _, err := c.db.ShopStaff.Delete().Where(shopstaff.StaffID(id)).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := try(); got != forbidden {
		t.Errorf("after the role was taken: %s", got)
	}
}

// rightsOfBadTokens sends tokens that are over, forged or none at all: whatever is the matter with it, a token is
// refused like one of a session that was revoked, and the fields that give another one still work.
func rightsOfBadTokens(t *testing.T, c *cast) {
	bad := map[string]string{"expired": c.expired(t), "cut": c.here.buyer.token[:len(c.here.buyer.token)-1], "no token": "x"}
	for name, token := range bad {
		who := &client{world: c.world, token: token}
		for _, root := range append(roots("Query"), roots("Mutation")...) {
			row, ok := rootRights()[root]
			if !ok {
				continue // which rightsOfRoots tells
			}
			want, _ := row.rights.of(t, "refused token")
			if row.object != nil && want == shown {
				continue // it takes an object that is used up
			}
			if got := who.outcome(t, row.request(t, root, &c.here, c.goods.product)); got != want {
				t.Errorf("%s with a token that is %s: %s, want %s", root, name, got, want)
			}
		}
		if got := who.watchOutcome(t, operation(t, "Subscription.stockChanged", vars{"variantIds": c.goods.variants}), nil); got != "closed 4403" {
			t.Errorf("a socket with a token that is %s: %s", name, got)
		}
	}
}

// public, but and ofOrder are for subscriptions; see watchCases.
func public() map[string]string {
	want := map[string]string{}
	for _, a := range actors {
		want[a] = shown
	}
	return but(want, unauthorized, "refused token")
}

func but(want map[string]string, outcome string, who ...string) map[string]string {
	want = maps.Clone(want)
	for _, a := range who {
		want[a] = outcome
	}
	return want
}

func ofOrder(absent string) map[string]string {
	return but(public(), absent, "anonymous", "other buyer", "owner elsewhere", "staff of no shop")
}

// rootCase is a subscription, and what it answers to each actor.
type rootCase struct {
	make func(t *testing.T, actor *client) request
	want map[string]string
}
