package graph

import (
	"fmt"
	"testing"

	"holdfast/internal/identity"
)

// What a new session may see is there in the answer that brings it, and in no other field of the request.
func TestNewSessionsShowTheirViewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.goods(t, 1, 1)[0]
	w.place(t, w.buyer, v)
	viewer := `viewer { __typename ... on Buyer { id cart { id version } orders(first: 1) { nodes { payment { weChatPay { package } } } } }
		... on Staff { id email isOperator shops(first: 2) { edges { role node { name splitRules { receiver } } } pageInfo { hasNextPage } } } }`
	nobody := identity.Principal{}
	a := w.must(t, nobody, `mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-xiaoyu"}}) {
		session { accessToken refreshToken expiresAt `+viewer+` } userErrors { message } } }`, nil)
	session := []any{"sessionCreate", "session"}
	if a.at(append(session, "viewer", "id")...) != w.buyer.Buyer.String() || a.at(append(session, "viewer", "cart", "version")...) == nil ||
		a.at(append(session, "viewer", "orders", "nodes", 0, "payment", "weChatPay", "package")...) == nil {
		t.Errorf("the buyer's: %v", a.Data)
	}

	refresh := `mutation($t: String!) { sessionRefresh(refreshToken: $t) { session { refreshToken ` + viewer + ` } userErrors { code } } }`
	a = w.must(t, nobody, refresh, object{"t": a.at(append(session, "refreshToken")...)})
	if a.at("sessionRefresh", "session", "viewer", "orders", "nodes", 0) == nil {
		t.Errorf("the buyer's, refreshed: %v", a.Data)
	}
	if a := w.must(t, nobody, refresh, object{"t": "x"}); a.at("sessionRefresh", "userErrors", 0, "code") != "SESSION_EXPIRED" || a.at("sessionRefresh", "session") != nil {
		t.Errorf("a refresh token that never was: %v", a.Data)
	}

	a = w.must(t, nobody, `mutation { sessionCreate(input: {staff: {email: "clerk@demo.test", password: "holdfast-demo"}}) { session { `+viewer+` } userErrors { message } } }`, nil)
	edges := append(session, "viewer", "shops", "edges")
	if a.at(append(edges, 0, "role")...) != "CLERK" || a.at(append(edges, 1)...) != nil || a.at(append(edges, 0, "node", "splitRules")...) == nil {
		t.Errorf("the clerk's: %v", a.Data)
	}
	a = w.must(t, w.operator, `{ viewer { ... on Staff { isOperator shops(first: 2) { edges { role } nodes { name } pageInfo { hasNextPage } } } } }`, nil)
	if a.at("viewer", "shops", "edges", 1, "role") != "OWNER" || a.at("viewer", "shops", "pageInfo", "hasNextPage") != true {
		t.Errorf("the operator's: %v", a.Data)
	}

	// The token was not sent with the second mutation: it is still nobody's.
	two := w.asks(t, nobody, `mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-xiaoyu"}}) { session { expiresAt } }
		cartLinesSet(lines: []) { userErrors { code } } }`, nil)
	if two.codes() != "UNAUTHENTICATED" {
		t.Errorf("codes %s", two.codes())
	}
	if a := w.must(t, nobody, `{ viewer { __typename } }`, nil); a.at("viewer") != nil {
		t.Errorf("nobody is %v", a.Data)
	}
	if a := w.must(t, w.buyer, `mutation { sessionRevoke { userErrors { code } } }`, nil); fmt.Sprint(a.at("sessionRevoke", "userErrors")) != "[]" {
		t.Errorf("%v", a.Data)
	}
}

func TestExactlyOneWayIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	query := `mutation($in: SessionCreateInput!) { sessionCreate(input: $in) { userErrors { code } } }`
	inside := `mutation($c: WeChatLoginInput) { sessionCreate(input: {weChat: $c}) { userErrors { code } } }`
	chat, staff := object{"appId": "wxdemo", "code": "demo-a"}, object{"email": "a@b.test", "password": "x"}
	for _, c := range []struct {
		name, query string
		vars        object
		codes       string
	}{
		{"one", query, object{"in": object{"weChat": chat}}, ""},
		{"the other", query, object{"in": object{"staff": staff}}, ""},
		{"none", query, object{"in": object{}}, "BAD_REQUEST"},
		{"both", query, object{"in": object{"weChat": chat, "staff": staff}}, "BAD_REQUEST"},
		{"null", query, object{"in": object{"weChat": nil}}, "BAD_REQUEST"},
		{"a variable that is not there", inside, nil, "BAD_REQUEST"},
		{"a variable that is null", inside, object{"c": nil}, "BAD_REQUEST"},
	} {
		if a := w.asks(t, identity.Principal{}, c.query, c.vars); a.codes() != c.codes {
			t.Errorf("%s: %s %+v", c.name, a.codes(), a.Errors)
		}
	}
}
