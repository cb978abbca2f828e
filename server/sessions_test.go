package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/demo"
	"holdfast/internal/typeid"
)

func (c *client) refresh(t *testing.T) sessionPayload {
	t.Helper()
	return ask[struct{ SessionRefresh sessionPayload }](t, c, `mutation($token: String!) { sessionRefresh(refreshToken: $token) { `+
		sessionFields+userErrors+` } }`, vars{"token": c.session.RefreshToken}).SessionRefresh
}

func (c *client) revoke(t *testing.T) {
	t.Helper()
	ask[struct{ SessionRevoke payload }](t, c, `mutation { sessionRevoke { `+userErrors+` } }`, nil).SessionRevoke.refused(t)
}

// viewerID is who the server takes c for; "" when the token is refused.
func (c *client) viewerID(t *testing.T) string {
	t.Helper()
	got := c.send(t, `{ viewer { ... on Buyer { id } ... on Staff { id } } }`, nil)
	if slices.Equal(got.codes(), []string{"UNAUTHENTICATED"}) {
		return ""
	}
	data := decode[struct{ Viewer *struct{ ID string } }](t, got)
	if len(got.Errors) > 0 || data.Viewer == nil {
		t.Fatalf("viewer: %s", got.Body)
	}
	return data.Viewer.ID
}

func logIns(t *testing.T, w *world) {
	a, again, other := w.buyer(t, "anna"), w.buyer(t, "anna"), w.buyer(t, "bea")
	if v := a.session.Viewer; v.Typename != "Buyer" || v.ID != again.viewerID(t) || v.ID == other.viewerID(t) {
		t.Errorf("buyers: %+v, %s, %s", v, again.viewerID(t), other.viewerID(t))
	}
	if life := time.Until(a.session.ExpiresAt); life < 29*time.Minute || life > 30*time.Minute {
		t.Errorf("an access token lives %v, want 30 minutes", life)
	}
	operator := w.staff(t, "  "+strings.ToUpper(demo.Operator)+" ", demo.Password)
	if v := operator.session.Viewer; v.Typename != "Staff" || v.Email != demo.Operator || !v.IsOperator {
		t.Errorf("the operator: %+v", v)
	}
	w.log.keepOut("not-the-password")
	for name, input := range map[string]vars{
		"another mini-program": {"weChat": vars{"appId": "wxother", "code": "demo-anna"}},
		"upper case":           {"weChat": vars{"appId": "WXDEMO", "code": "demo-anna"}},
		"trailing space":       {"weChat": vars{"appId": "wxdemo ", "code": "demo-anna"}},
		"no demo code":         {"weChat": vars{"appId": demo.AppID, "code": "anna"}},
		"wrong password":       {"staff": vars{"email": demo.Merchant, "password": "not-the-password"}},
		"no such staff":        {"staff": vars{"email": "nobody@demo.test", "password": demo.Password}},
	} {
		got := ask[struct{ SessionCreate sessionPayload }](t, w.anonymous(), `mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { `+
			sessionFields+userErrors+` } }`, vars{"input": input}).SessionCreate
		if got.refused(t, "LOGIN_FAILED"); got.Session != nil || got.UserErrors[0].Field != nil || got.UserErrors[0].Message != "log-in failed" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, input := range map[string]vars{
		"no way in":   {},
		"two ways in": {"weChat": vars{"appId": demo.AppID, "code": "demo-anna"}, "staff": vars{"email": demo.Merchant, "password": demo.Password}},
		"a null way":  {"weChat": vars{"appId": demo.AppID, "code": "demo-anna"}, "staff": nil},
	} {
		got := w.anonymous().send(t, `mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { `+sessionFields+` } }`, vars{"input": input})
		if !slices.Equal(got.codes(), []string{"BAD_REQUEST"}) {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
}

func refresh(t *testing.T, w *world) {
	for _, first := range []*client{w.buyer(t, "fresh"), w.staff(t, demo.Clerk, demo.Password)} {
		id := first.viewerID(t)
		got := first.refresh(t)
		got.refused(t)
		second := w.as(t, got.Session)
		if second.viewerID(t) != id || second.session.Viewer.ID != id || second.session.RefreshToken == first.session.RefreshToken {
			t.Errorf("refreshed: %+v", second.session.Viewer)
		}
		// The answer may have been lost: for a while the first token works again, for the same session.
		repeated := first.refresh(t)
		repeated.refused(t)
		third := w.as(t, repeated.Session)
		third.revoke(t)
		for i, c := range []*client{first, second, third} {
			if who := c.viewerID(t); who != "" {
				t.Errorf("session %d of the family goes on after its end, as %s", i+1, who)
			}
			c.refresh(t).refused(t, "SESSION_EXPIRED")
		}
	}
	for _, token := range []string{"", "x", strings.Repeat("A", 43), w.buyer(t, "fresh").token} {
		none := &client{world: w, session: sessionView{RefreshToken: token}}
		none.refresh(t).refused(t, "SESSION_EXPIRED")
	}
}

func revoke(t *testing.T, w *world) {
	mine, other := w.buyer(t, "leaving"), w.buyer(t, "leaving")
	mine.revoke(t)
	if mine.viewerID(t) != "" {
		t.Error("a revoked token is not refused at once")
	}
	for query, data := range map[string]string{
		`{ shops(first: 1) { nodes { id } } }`:                      `null`,
		`{ a: viewer { __typename } b: product(id: "x") { id } }`:   `{"a":null,"b":null}`,
		`mutation { sessionRevoke { userErrors { code } } }`:        `null`,
		`mutation { cartLinesSet(lines: []) { cart { version } } }`: `null`,
	} {
		got := mine.send(t, query, nil)
		if string(got.Data) != data || got.Status != http.StatusOK || len(got.Errors) == 0 || slices.ContainsFunc(got.codes(), func(c string) bool { return c != "UNAUTHENTICATED" }) {
			t.Errorf("%s with a revoked token: %s", query, got.Body)
		}
	}
	// It is no way out of a new log-in.
	ask[struct{ SessionCreate sessionPayload }](t, mine, `mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-leaving"}}) { `+
		sessionFields+userErrors+` } }`, nil).SessionCreate.refused(t)
	if other.viewerID(t) == "" {
		t.Error("another session of the buyer ended too")
	}
	for name, token := range map[string]string{
		"made up":         "x",
		"a refresh token": other.session.RefreshToken,
		"another's end":   other.token[:len(other.token)-4] + "AAAA",
		"unsigned":        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
		"two tokens":      other.token + " " + other.token,
		"too long":        strings.Repeat("x", 9000),
	} {
		if who := (&client{world: w, token: token}).viewerID(t); who != "" {
			t.Errorf("%s: taken for %s", name, who)
		}
	}
	// The scheme is told apart from its token, in any case; another scheme is no log-in.
	for header, known := range map[string]bool{
		"bearer " + other.token: true, "BEARER  " + other.token + " ": true,
		"Basic " + other.token: false, other.token: false, "Bearer": false, "Bearer ": false,
	} {
		got, err := w.anonymous().try([]byte(`{"query":"{ viewer { __typename } }"}`), http.Header{"Authorization": {header}})
		if err != nil || (len(got.Errors) == 0) != known {
			t.Errorf("%.12s…: %s (%v)", header, got.Body, err)
		}
	}
}

func revokeElsewhere(t *testing.T, w *world) {
	second := newWorld(t, w.source)
	for _, here := range []*client{w.buyer(t, "traveller"), w.staff(t, demo.Operator, demo.Password)} {
		there := &client{world: second, token: here.token}
		if there.viewerID(t) != here.viewerID(t) {
			t.Fatal("two servers on one database do not agree who this is")
		}
		here.revoke(t)
		revoked := time.Now()
		for asked := time.Now(); there.viewerID(t) != ""; asked = time.Now() {
			if asked.Sub(revoked) > time.Second {
				t.Fatal("the other server takes the token for longer than a second")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// anotherMiniProgram shows none of the demo's shops: its buyers are others, even with the same code, and cannot buy there.
func anotherMiniProgram(t *testing.T, w *world) {
	here, v := w.buyer(t, "tourist"), w.goods(t, w.shops(t)[0], 100, 5)[0]
	placed := here.buy(t, vars{"lines": lines(v, 1)})
	now := w.app.now()
	err := w.db.MiniProgram.Create().SetID(typeid.New[typeid.MiniProgram](now)).SetAppID("wxother").SetName("x").SetSubject("x").SetCreatedAt(now).Exec(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	there := w.logIn(t, vars{"weChat": vars{"appId": "wxother", "code": "demo-tourist"}})
	if there.viewerID(t) == here.viewerID(t) || there.order(t, placed.Orders[0].ID) != nil {
		t.Error("the same code in another mini-program is the same buyer")
	}
	there.place(t, vars{"lines": lines(v, 1)}).refused(t, "NOT_FOR_SALE")
	there.setCart(t, lines(v, 1), nil).refused(t, "NOT_FOR_SALE")
	shops := ask[struct {
		MiniProgram struct {
			Shops struct{ Nodes []struct{ ID string } }
		}
	}](t, there,
		`{ miniProgram(appId: "wxother") { shops(first: 9) { nodes { id } } } }`, nil).MiniProgram.Shops.Nodes
	if len(shops) != 0 {
		t.Errorf("it shows %v", shops)
	}
}

// timeGoesBy asks servers whose clocks are ahead.
func timeGoesBy(t *testing.T, w *world) {
	ahead := func(d time.Duration) *world {
		return newWorld(t, w.source, func(_ *serveCommand, a *app) { a.now = clock.Of(func() time.Time { return time.Now().Add(d) }) })
	}
	buyer, thief := w.buyer(t, "owner"), w.buyer(t, "victim")
	w.as(t, thief.refresh(t).Session)

	// A refresh token that was used is good for half a minute more. Later, somebody else has it.
	soon := ahead(31 * time.Second)
	at := func(w *world, c *client) *client { return &client{world: w, token: c.token, session: c.session} }
	if at(soon, thief).viewerID(t) == "" {
		t.Error("a session ended by itself")
	}
	at(soon, thief).refresh(t).refused(t, "SESSION_EXPIRED")
	if who := at(soon, thief).viewerID(t); who != "" {
		t.Errorf("the family of a token that was used twice goes on, as %s", who)
	}

	// An access token lives for half an hour, and is refreshed after it.
	late := ahead(31 * time.Minute)
	got := at(late, buyer).send(t, `{ viewer { __typename } }`, nil)
	if !slices.Equal(got.codes(), []string{"UNAUTHENTICATED"}) || !strings.Contains(got.Errors[0].Message, "refresh") {
		t.Errorf("half an hour later: %s", got.Body)
	}
	next := at(late, buyer).refresh(t)
	next.refused(t)
	if late.as(t, next.Session).viewerID(t) != buyer.session.Viewer.ID {
		t.Error("refreshed, and somebody else")
	}
}
