package main

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/graph"
	"holdfast/internal/demo"
	"holdfast/internal/typeid"
)

// TestErrors sends what is wrong, and breaks what is right.
func TestErrors(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		t.Run("requests", func(t *testing.T) { badRequests(t, w) })
		t.Run("http", func(t *testing.T) { badHTTP(t, w) })
		t.Run("pages", func(t *testing.T) { badPages(t, w) })
		t.Run("ids", func(t *testing.T) { badIDs(t, w) })
		t.Run("searches", func(t *testing.T) { oddSearches(t, w) })
		t.Run("languages", func(t *testing.T) { languages(t, w) })
		t.Run("request ids", func(t *testing.T) { requestIDs(t, w) })
		t.Run("faults", func(t *testing.T) { faults(t, w) }) // last: it breaks the database
	})
}

// badRequests are refused before anything runs: no data, one code, and nothing of the business is named that was not sent.
func badRequests(t *testing.T, w *world) {
	buyer := w.buyer(t, "sloppy")
	variant := w.goods(t, w.shops(t)[0], 100, 5)[0]
	place := `mutation($input: CheckoutPlaceInput!) { checkoutPlace(input: $input) { checkout { id } userErrors { code } } }`
	line := func(quantity any) vars {
		return vars{"input": filled(vars{"lines": []vars{{"variantId": variant, "quantity": quantity}}})}
	}
	for name, r := range map[string]request{
		"no GraphQL":              {`{ shops(`, nil},
		"no field":                {`{ shoes }`, nil},
		"no field of the type":    {`{ shops(first: 1) { nodes { colour } } }`, nil},
		"a field of another type": {`{ viewer { id } }`, nil},
		"no argument":             {`{ shops(first: 1, last: 2) { nodes { id } } }`, nil},
		"an argument missing":     {`{ shops { nodes { id } } }`, nil},
		"no selection":            {`{ shops(first: 1) }`, nil},
		"text for an Int":         {`{ shops(first: "1") { nodes { id } } }`, nil},
		"a fraction":              {`{ shops(first: 1.5) { nodes { id } } }`, nil},
		"a variable missing":      {`query($n: Int!) { shops(first: $n) { nodes { id } } }`, nil},
		"a variable of no use":    {`query($n: Int!) { shops(first: 1) { nodes { id } } }`, vars{"n": 1}},
		"text in a variable":      {`query($n: Int!) { shops(first: $n) { nodes { id } } }`, vars{"n": "1"}},
		"null in a variable":      {`query($n: Int!) { shops(first: $n) { nodes { id } } }`, vars{"n": nil}},
		"33 bits":                 {`query($n: Int!) { shops(first: $n) { nodes { id } } }`, vars{"n": 1 << 32}},
		"two operations":          {`query a { __typename } query b { __typename }`, nil},
		"a subscription":          {`subscription { stockChanged(variantIds: []) { version } }`, nil},
		"a quantity as text":      {place, line("2")},
		"a quantity of a half":    {place, line(0.5)},
		"an unknown input field":  {place, vars{"input": filled(vars{"price": 1})}},
		"a price of 2^53":         {place, vars{"input": filled(vars{"expectedTotal": vars{"amount": 1 << 53, "currency": "CNY"}})}},
		"a currency in lower":     {place, vars{"input": filled(vars{"expectedTotal": vars{"amount": 1, "currency": "cny"}})}},
		"no date":                 {`query($f: OrderFilter) { viewer { ... on Buyer { orders(first: 1, filter: $f) { nodes { id } } } } }`, vars{"f": vars{"placedFrom": "yesterday"}}},
		"101 nodes' worth":        {`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, vars{"ids": slices.Repeat([]string{"x"}, 101)}},
	} {
		got := buyer.send(t, r.query, r.vars)
		if len(got.Errors) == 0 || slices.ContainsFunc(got.codes(), func(c string) bool { return c != "BAD_REQUEST" }) {
			t.Errorf("%s: %s", name, got.Body)
		}
		for _, e := range got.Errors {
			if strings.Contains(e.Message, "Did you mean") {
				t.Errorf("%s: suggests names: %s", name, e.Message)
			}
		}
	}
	if s := w.merchant(t).stock(t, variant); *s.Held != 0 {
		t.Errorf("%d held after requests that were refused", *s.Held)
	}
	if got := buyer.send(t, "{ "+strings.Repeat("__typename ", 2000)+"}", nil); !slices.Equal(got.codes(), []string{"COST_EXCEEDED"}) {
		t.Errorf("a query of more than 16 KiB: %.300s", got.Body)
	}
}

// badHTTP are requests that are refused by their form, through the whole of the server.
func badHTTP(t *testing.T, w *world) {
	const good = `{"query":"{ __typename }"}`
	asJSON := http.Header{"Content-Type": {"application/json"}}
	for name, c := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		with               http.Header
	}{
		"put":              {http.MethodPut, "/graphql", good, asJSON, http.StatusMethodNotAllowed, http.Header{"Allow": {"GET, POST"}}},
		"options":          {http.MethodOptions, "/graphql", "", nil, http.StatusMethodNotAllowed, nil},
		"form":             {http.MethodPost, "/graphql", "query={__typename}", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, http.StatusUnsupportedMediaType, nil},
		"no type":          {http.MethodPost, "/graphql", good, nil, http.StatusUnsupportedMediaType, nil},
		"html wanted":      {http.MethodPost, "/graphql", good, http.Header{"Content-Type": {"application/json"}, "Accept": {"text/html"}}, http.StatusNotAcceptable, nil},
		"no json":          {http.MethodPost, "/graphql", "{", asJSON, http.StatusBadRequest, nil},
		"a batch":          {http.MethodPost, "/graphql", "[" + good + "]", asJSON, http.StatusBadRequest, nil},
		"empty":            {http.MethodPost, "/graphql", "", asJSON, http.StatusBadRequest, nil},
		"too large":        {http.MethodPost, "/graphql", `{"query":"{ __typename }","x":"` + strings.Repeat("x", 256<<10) + `"}`, asJSON, http.StatusRequestEntityTooLarge, nil},
		"mutation by GET":  {http.MethodGet, "/graphql?query=mutation{sessionRevoke{userErrors{code}}}", "", nil, http.StatusMethodNotAllowed, http.Header{"Allow": {"POST"}}},
		"a query by GET":   {http.MethodGet, "/graphql?query={__typename}", "", nil, http.StatusOK, nil},
		"nothing by GET":   {http.MethodGet, "/graphql", "", nil, http.StatusBadRequest, nil},
		"invalid, in full": {http.MethodPost, "/graphql", `{"query":"{ x }"}`, http.Header{"Content-Type": {"application/json"}, "Accept": {"application/graphql-response+json"}}, http.StatusBadRequest, nil},
		"below":            {http.MethodGet, "/graphql/", "", nil, http.StatusNotFound, nil},
		"large headers":    {http.MethodGet, "/graphql?query={__typename}", "", http.Header{"X-Large": {strings.Repeat("x", maxHeaderBytes+8<<10)}}, http.StatusRequestHeaderFieldsTooLarge, nil},
	} {
		got := w.do(t, c.method, c.path, strings.NewReader(c.body), c.header)
		if got.Status != c.status {
			t.Errorf("%s: %d, want %d: %.200s", name, got.Status, c.status, got.Body)
		}
		for header, want := range c.with {
			if diff := cmp.Diff(want, got.Header[header]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, header, diff)
			}
		}
	}
}

// badPages asks each list of the schema for pages that there are not. A list that is not here fails.
func badPages(t *testing.T, w *world) {
	operator := w.staff(t, demo.Operator, demo.Password)
	now := time.Now()
	w.db.Reconciliation.Create().SetID(typeid.New[typeid.Reconciliation](now)).SetMerchant("1900000001").SetDay("2026-11-22").SetStatus("PENDING").
		SetPayments(0).SetRefunds(0).SetDifferences(0).SetReceived(0).SetRefunded(0).SetFees(0).SetCurrency("CNY").SetCreatedAt(now).ExecX(t.Context())
	shop, variant := w.shops(t)[0].ID, w.goods(t, w.shops(t)[0], 100, 1)[0]
	lists := map[string]struct {
		who  *client
		text string // with PAGE for the arguments
	}{
		"Query.jobs":                 {operator, `{ jobs(PAGE) { nodes { id } } }`},
		"Query.shops":                {w.anonymous(), `{ shops(PAGE) { nodes { id } } }`},
		"Query.reconciliations":      {operator, `{ reconciliations(PAGE) { nodes { id } } }`},
		"Reconciliation.differences": {operator, `{ reconciliations(first: 1) { nodes { differences(PAGE) { nodes { id } } } } }`},
		"MiniProgram.shops":          {w.anonymous(), `{ miniProgram(appId: "wxdemo") { shops(PAGE) { nodes { id } } } }`},
		"Shop.products":              {w.anonymous(), `{ shop(id: "` + shop + `") { products(PAGE) { nodes { id } } } }`},
		"Shop.variants":              {w.merchant(t), `{ shop(id: "` + shop + `") { variants(PAGE) { nodes { id } } } }`},
		"Shop.orders":                {w.merchant(t), `{ shop(id: "` + shop + `") { orders(PAGE) { nodes { id } } } }`},
		"Staff.shops":                {w.merchant(t), `{ viewer { ... on Staff { shops(PAGE) { nodes { id } } } } }`},
		"Buyer.orders":               {w.buyer(t, "pager"), `{ viewer { ... on Buyer { orders(PAGE) { nodes { id } } } } }`},
		"Shop.staff":                 {w.merchant(t), `{ shop(id: "` + shop + `") { staff(PAGE) { nodes { staffId } } } }`},
		"Shop.invitations":           {w.merchant(t), `{ shop(id: "` + shop + `") { invitations(PAGE) { nodes { id } } } }`},
		"Shop.auditLog":              {w.merchant(t), `{ shop(id: "` + shop + `") { auditLog(PAGE) { nodes { id } } } }`},
		"Shop.ledger":                {w.merchant(t), `{ shop(id: "` + shop + `") { ledger(PAGE) { nodes { id } } } }`},
		"ProductVariant.movements": {
			w.merchant(t), `{ node(id: "` + variant + `") { ... on ProductVariant { movements(PAGE) { nodes { id } } } } }`,
		},
	}
	var known []string
	for name, def := range graph.Schema().Types {
		for _, f := range def.Fields {
			if f.Arguments.ForName("first") != nil {
				known = append(known, name+"."+f.Name)
			}
		}
	}
	slices.Sort(known)
	if diff := cmp.Diff(known, slices.Sorted(maps.Keys(lists))); diff != "" {
		t.Fatalf("lists (-schema +here):\n%s", diff)
	}
	for name, list := range lists {
		for _, args := range []string{`first: 1`, `first: 100`, `first: 100, after: null`} {
			ask[any](t, list.who, strings.Replace(list.text, "PAGE", args, 1), nil)
		}
		for _, args := range []string{
			`first: 0`, `first: -1`, `first: 101`, `first: 2147483647`, `first: 1, after: ""`, `first: 1, after: "x"`, `first: 1, after: "` + shop + `"`,
			`first: 1, after: "AAAAAAAAAAAAAAAAAAAAAA"`, `first: 1, after: "AAAAAAAAAAAAAAAAAAAAAA=="`, `first: 1, after: "` + strings.Repeat("A", 9999) + `"`,
		} {
			got := list.who.send(t, strings.Replace(list.text, "PAGE", args, 1), nil)
			if !slices.Equal(got.codes(), []string{"BAD_REQUEST"}) || len(got.Errors[0].Path) == 0 {
				t.Errorf("%s(%.60s): %s", name, args, got.Body)
			}
		}
	}
}

// badIDs are answered as what does not exist.
func badIDs(t *testing.T, w *world) {
	for _, c := range []*client{w.anonymous(), w.buyer(t, "pager"), w.merchant(t)} {
		for _, id := range []any{"", "x", "shop_", "_", "shop_01h455vb4pex5vsknk084sn02q", "nope_01h455vb4pex5vsknk084sn02q", "\x00", "线", strings.Repeat("x", 9999), 7} {
			got := ask[map[string]any](t, c, `query($id: ID!) { node(id: $id) { id } shop(id: $id) { id } product(id: $id) { id } order(id: $id) { id } }`, vars{"id": id})
			if diff := cmp.Diff(map[string]any{"node": nil, "shop": nil, "product": nil, "order": nil}, got); diff != "" {
				t.Errorf("%.20v (-want +got):\n%s", id, diff)
			}
		}
	}
	for _, app := range []string{"", "x", "WXDEMO", demo.AppID + " ", " " + demo.AppID, strings.Repeat("x", 9999), "\x00"} {
		got := ask[map[string]any](t, w.anonymous(), `query($app: String!) { miniProgram(appId: $app) { id appId } }`, vars{"app": app})
		if got["miniProgram"] != nil {
			t.Errorf("%.20q is the mini-program %v", app, got)
		}
	}
}

// oddSearches are text, whatever they look like.
func oddSearches(t *testing.T, w *world) {
	shop := w.shops(t)[1]
	const title = `100% [cotton]_\'"é棉🍵`
	made := w.merchant(t).create(t, vars{"shopId": shop.ID, "title": title, "status": "ACTIVE", "variants": []vars{{"sku": `%_\`, "price": moneyView{1, "CNY"}, "onHand": 1}}})
	made.refused(t)
	for search, want := range map[string]bool{
		"": true, "100%": true, "0% [": true, "%": true, `_\`: true, "COTTON": true, "棉": true, "棉🍵": true, "  cotton  100 ": true, `\'"`: true,
		"1%c": false, "_": true, "cotton_棉": false, "__": false, `\\`: false, strings.Repeat("棉", 2000): false, "cotton 200": false,
	} {
		got := ask[struct {
			Shop struct {
				Products, Variants struct{ Nodes []struct{ ID string } }
			}
		}](t, w.merchant(t), `query($id: ID!, $search: String) { shop(id: $id) { products(first: 100, search: $search) { nodes { id } }
			variants(first: 100, search: $search) { nodes { id } } } }`, vars{"id": shop.ID, "search": search}).Shop
		found := slices.ContainsFunc(got.Products.Nodes, func(p struct{ ID string }) bool { return p.ID == made.Product.ID })
		if found != want || search != "" && len(got.Products.Nodes) > 1 {
			t.Errorf("%.20q finds it: %v, want %v, among %d", search, found, want, len(got.Products.Nodes))
		}
	}
}

func languages(t *testing.T, w *world) {
	variant := w.goods(t, w.shops(t)[0], 100, 0)[0]
	body := placeBody(t, vars{"lines": lines(variant, 1)})
	nobody := []byte(`{"query":"mutation { sessionRevoke { userErrors { code } } }"}`)
	buyer := w.buyer(t, "polyglot")
	for header, chinese := range map[string]bool{
		"": false, "en": false, "zh-CN": true, "zh": true, "zh-Hans-CN,zh;q=0.9,en;q=0.8": true, "en,zh;q=0.9": false, "zh-CN;q=0.1,en;q=0.2": false,
		"fr": false, "fr,zh-CN;q=0.5": true, "*": false, ";;;": false, strings.Repeat("zh,", 4000): false, "zh-SG": true,
	} {
		refusal, prompt := "less is left than you asked for", "log in first"
		if chinese {
			refusal, prompt = "库存不足", "请先登录"
		}
		for _, c := range []struct {
			who  *client
			body []byte
			want string
		}{{buyer, body, refusal}, {w.anonymous(), nobody, prompt}} {
			got, err := c.who.try(c.body, http.Header{"Accept-Language": {header}})
			if err != nil || !bytes.Contains(got.Body, []byte(`"message":"`+c.want+`"`)) {
				t.Errorf("%.40q: want %q: %s (%v)", header, c.want, got.Body, err)
			}
		}
	}
}

func requestIDs(t *testing.T, w *world) {
	for given, echoed := range map[string]bool{
		"abc-123_X.9": true, strings.Repeat("x", 64): true, "0": true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a;b": false, `"quoted"`: false, "<b>": false, "线": false, "a,b": false, "a\tb": false,
	} {
		got := w.do(t, http.MethodGet, "/graphql?query={__typename}", nil, http.Header{"X-Request-Id": {given}})
		id := got.Header.Get("X-Request-Id")
		if (id == given) != echoed || id == "" {
			t.Errorf("the request id %q is answered %q", given, id)
		}
		if lines := w.log.of(t, id); len(lines) != 1 || lines[0].Path != "/graphql" || lines[0].Status != http.StatusOK || lines[0].Method != http.MethodGet {
			t.Errorf("the log has of request %q: %+v", id, lines)
		}
	}
	for path, status := range map[string]int{"/": http.StatusOK, "/nowhere": http.StatusNotFound, "/graphql": http.StatusBadRequest} {
		id := w.get(t, path).Header.Get("X-Request-Id")
		if lines := w.log.of(t, id); len(lines) != 1 || lines[0].Status != status || lines[0].Path != path {
			t.Errorf("%s, %d: the log has %+v", path, status, lines)
		}
	}
}

// faults breaks the database under the server. The client learns that, and which request it was; the log has the rest.
func faults(t *testing.T, w *world) {
	buyer, shop := w.buyer(t, "unlucky"), w.shops(t)[0].ID
	variant := w.goods(t, w.shops(t)[0], 100, 5)[0]
	placed := buyer.buy(t, vars{"lines": lines(variant, 1)})
	w.log.expectFaults()
	w.unchecked = true
	for _, table := range []string{"stocks", "refunds", "refresh_tokens"} {
		if _, err := w.db.ExecContext(t.Context(), "ALTER TABLE "+table+" RENAME TO "+table+"_gone"); err != nil {
			t.Fatalf("break the database: %v", err)
		}
	}
	for name, r := range map[string]request{
		"a field of a node":       {`query($id: ID!) { order(id: $id) { number refunds { id } } }`, vars{"id": placed.Orders[0].ID}},
		"a field of many objects": {`query($id: ID!) { shop(id: $id) { products(first: 20) { nodes { variants { stock { available } } } } } }`, vars{"id": shop}},
		"a checkout":              {placeMutation, vars{"input": filled(vars{"lines": lines(variant, 1)})}},
		"a log-in":                {`mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-new"}}) { session { expiresAt } } }`, nil},
		"the cart":                {`mutation($v: ID!) { cartLinesSet(lines: [{variantId: $v, quantity: 1}]) { cart { version } } }`, vars{"v": variant}},
	} {
		for _, language := range []string{"en", "zh-CN"} {
			buyer.language = language
			got := buyer.send(t, r.query, r.vars)
			id := got.Header.Get("X-Request-Id")
			if len(got.Errors) == 0 {
				t.Fatalf("%s: %s", name, got.Body)
			}
			for _, e := range got.Errors {
				if e.Extensions.Code != "INTERNAL" || e.Message != "internal error" || e.Extensions.RequestID != id || id == "" {
					t.Errorf("%s: the client is told %+v of request %s", name, e, id)
				}
			}
			checkSecrets(t, name, strings.ToLower(string(got.Body)), []string{"gone", "stocks", "refresh_tokens", "sql", "table", "exist", "goroutine", ".go"})
			logged := 0
			for _, e := range w.log.of(t, id) {
				if strings.Contains(e.Error, "refunds") || strings.Contains(e.Error, "stocks") || strings.Contains(e.Error, "refresh_tokens") {
					logged++
				}
			}
			if logged != 1 {
				t.Errorf("%s: the log has the cause %d times, want once: %+v", name, logged, w.log.of(t, id))
			}
		}
	}
}
