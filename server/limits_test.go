package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"holdfast/ent/session"
	"holdfast/graph"
	"holdfast/graph/transport/wstest"
	"holdfast/internal/demo"
	"holdfast/internal/limit"
	"holdfast/internal/testdb"
)

// withLimits turns on what is off in other tests. The proxy in front is the test.
func withLimits(c *serveCommand, _ *app) {
	c.RateLimits, c.MaxOperations, c.TrustedProxies = "on", "auto", []string{"127.0.0.1"}
}

// newLimited is a world with limits. Changing them, before the first request, is for tests that would send thousands.
func newLimited(t *testing.T, change func(l *limits, tight func(burst int) *limit.Buckets)) *world {
	t.Helper()
	w := newWorld(t, testdb.Source(t, testdb.SQLite), withLimits)
	if change != nil {
		change(w.limits, func(burst int) *limit.Buckets {
			return limit.NewBuckets(limit.Rate{Burst: burst, Every: time.Hour}, w.app.now)
		})
	}
	return w
}

// from sends one operation from an address.
func (c *client) from(t *testing.T, address, query string, v vars) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": v})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.try(body, http.Header{"X-Forwarded-For": {address}})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// later expects that nothing was done, and that the client is told when to come back.
func later(t *testing.T, what string, got answer, code string, status int) {
	t.Helper()
	var told struct {
		Errors []struct {
			Extensions struct{ RetryAfterMs int }
		}
	}
	if err := json.Unmarshal(got.Body, &told); err != nil {
		t.Fatal(err)
	}
	if got.Status != status || fmt.Sprint(got.codes()) != "["+code+"]" || len(got.Data) > 0 && string(got.Data) != "null" ||
		len(told.Errors) != 1 || told.Errors[0].Extensions.RetryAfterMs <= 0 {
		t.Errorf("%s: answered %d, want %d %s: %s", what, got.Status, status, code, got.Body)
	}
	if status != http.StatusOK && got.Header.Get("Retry-After") == "" {
		t.Errorf("%s: no Retry-After", what)
	}
}

// served expects an answer without top-level errors.
func served(t *testing.T, what string, got answer) {
	t.Helper()
	if got.Status != http.StatusOK || len(got.Errors) > 0 {
		t.Errorf("%s: answered %d: %s", what, got.Status, got.Body)
	}
}

const typename = `{ __typename }`

func TestLimitRequests(t *testing.T) {
	t.Parallel()
	w := newLimited(t, func(l *limits, tight func(int) *limit.Buckets) { l.guests, l.requests = tight(3), tight(4) })
	nobody := w.anonymous()
	served(t, "one", nobody.from(t, "1.1.1.1", typename, nil))
	nobody.from(t, "1.1.1.1", "{ nonsense", nil) // what is wrong counts as well
	served(t, "three, under a made-up address", nobody.from(t, "9.9.9.9, 1.1.1.1", typename, nil))
	later(t, "four", nobody.from(t, "8.8.8.8, 1.1.1.1:99", typename, nil), "RATE_LIMITED", http.StatusTooManyRequests)
	nobody.language = "zh-CN"
	served(t, "another address", nobody.from(t, "1.1.1.2", typename, nil))

	lin := w.buyer(t, "lin")
	for range 4 {
		served(t, "a session", lin.from(t, "1.1.1.1", typename, nil))
	}
	later(t, "five of a session", lin.from(t, "2.2.2.2", typename, nil), "RATE_LIMITED", http.StatusTooManyRequests)
	later(t, "another session of the buyer", w.buyerFrom(t, "3.3.3.3").from(t, "3.3.3.3", typename, nil), "RATE_LIMITED", http.StatusTooManyRequests)

	// Probes are never refused.
	for range 9 {
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			if got := w.do(t, http.MethodGet, path, nil, http.Header{"X-Forwarded-For": {"1.1.1.1"}}); got.Status != http.StatusOK {
				t.Fatalf("%s: %d", path, got.Status)
			}
		}
	}
	if got := w.do(t, http.MethodGet, "/files/orders.csv", nil, http.Header{"X-Forwarded-For": {"1.1.1.1"}}); got.Status != http.StatusTooManyRequests ||
		!strings.Contains(got.Body, `"retryAfterMs":`) {
		t.Errorf("a file: %d %s", got.Status, got.Body)
	}
}

// buyerFrom is demo-lin, logged in from an address.
func (w *world) buyerFrom(t *testing.T, address string) *client {
	t.Helper()
	got := w.anonymous().from(t, address, `mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-lin"}}) { `+sessionFields+` } }`, nil)
	var data struct {
		SessionCreate struct{ Session *sessionView }
	}
	if err := json.Unmarshal(got.Data, &data); err != nil || data.SessionCreate.Session == nil {
		t.Fatalf("log in: %s (%v)", got.Body, err)
	}
	return w.as(t, data.SessionCreate.Session)
}

// TestLimitAttempts sends several attempts in one request: each counts, and all of a request are done, or none.
func TestLimitAttempts(t *testing.T) {
	t.Parallel()
	w := newLimited(t, func(l *limits, tight func(int) *limit.Buckets) { l.logIns, l.mutations = tight(5), tight(5) })
	attempts := func(n int) string {
		var text strings.Builder
		text.WriteString("mutation {")
		for i := range n {
			fmt.Fprintf(&text, ` a%d: sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-a%d"}}) { userErrors { code } }`, i, i)
		}
		return text.String() + "}"
	}
	nobody := w.anonymous()
	served(t, "three log-ins", nobody.from(t, "1.1.1.1", attempts(3), nil))
	later(t, "three more", nobody.from(t, "1.1.1.1", attempts(3), nil), "RATE_LIMITED", http.StatusOK)
	if n := w.db.Session.Query().CountX(t.Context()); n != 3 {
		t.Errorf("there are %d sessions, want 3", n)
	}
	served(t, "two more", nobody.from(t, "1.1.1.1", attempts(2), nil))

	lin := w.buyerFrom(t, "2.2.2.2")
	served(t, "nine queries", lin.send(t, `{ a: viewer { __typename } b: viewer { __typename } c: viewer { __typename } d: viewer { __typename }
		e: viewer { __typename } f: viewer { __typename } }`, nil))
	set := ` cartLinesSet(lines: []) { userErrors { code } }`
	served(t, "four mutations", lin.send(t, "mutation { a:"+set+" b:"+set+" ...F } fragment F on Mutation { c:"+set+" d:"+set+" }", nil))
	// A client that reads the newer media type is told by the status too.
	body := `{"query":"mutation { a:` + set + ` b:` + set + ` }"}`
	got, err := lin.try([]byte(body), http.Header{"Accept": {"application/graphql-response+json"}})
	if err != nil {
		t.Fatal(err)
	}
	later(t, "two mutations", got, "RATE_LIMITED", http.StatusTooManyRequests)
	served(t, "one", lin.send(t, "mutation {"+set+" }", nil))
}

func TestLimitSocketOperations(t *testing.T) {
	t.Parallel()
	w := newLimited(t, func(l *limits, tight func(int) *limit.Buckets) { l.requests, l.mutations = tight(6), tight(2) })
	lin := w.buyer(t, "lin")
	s := lin.socket(t)
	refused := func(query string) {
		t.Helper()
		payload := s.next(s.watch(query, nil), "error")
		if !strings.Contains(string(payload), `"RATE_LIMITED"`) || !strings.Contains(string(payload), `"retryAfterMs":`) {
			t.Errorf("%s: %s", query, payload)
		}
	}
	const set = `mutation { a: cartLinesSet(lines: []) { userErrors { code } } b: cartLinesSet(lines: []) { userErrors { code } } }`
	served(t, "two mutations", s.ran(set, nil))
	refused(set)
	for range 4 {
		served(t, "a query", s.ran(typename, nil))
	}
	refused(typename)
	refused(`subscription { orderChanged(orderId: "x") { id } }`)
}

func TestLimitGuesses(t *testing.T) {
	t.Parallel()
	w := newLimited(t, nil)
	nobody := w.anonymous()
	logIn := func(address, email, password string) string {
		t.Helper()
		got := nobody.from(t, address, `mutation ($e: String!, $p: String!) { sessionCreate(input: {staff: {email: $e, password: $p}}) {
			session { expiresAt } userErrors { code } } }`, vars{"e": email, "p": password})
		if len(got.Errors) > 0 {
			later(t, "a guess", got, "RATE_LIMITED", http.StatusOK)
			return got.Errors[0].Message
		}
		return string(got.Data)
	}
	const wrong = `{"sessionCreate":{"session":null,"userErrors":[{"code":"LOGIN_FAILED"}]}}`
	for i := range 5 {
		for _, email := range []string{demo.Merchant, "nobody@demo.test"} {
			if got := logIn("1.1.1.1", email, "guess"); got != wrong {
				t.Fatalf("guess %d of %s: %s", i+1, email, got)
			}
		}
	}
	for _, email := range []string{demo.Merchant, "nobody@demo.test"} {
		// On a slow machine the first pauses are over before the next guess.
		for i := 0; logIn("1.1.1.1", email, "guess") == wrong; i++ {
			if i == 4 {
				t.Fatalf("ten guesses of %s", email)
			}
		}
	}
	for _, email := range []string{demo.Merchant, " MERCHANT@demo.test", "nobody@demo.test"} {
		if got := logIn("1.1.1.1", email, demo.Password); got != "too many attempts failed; try again later" {
			t.Errorf("the sixth of %s: %s", email, got)
		}
	}
	if got := logIn("2.2.2.2", demo.Merchant, demo.Password); strings.Contains(got, "null") || !strings.Contains(got, "expiresAt") {
		t.Errorf("the owner, from elsewhere: %s", got)
	}
	if n := w.db.Session.Query().Where(session.StaffIDNotNil()).CountX(t.Context()); n != 1 {
		t.Errorf("there are %d sessions, want 1", n)
	}

	accept := `mutation { staffInvitationAccept(token: "` + strings.Repeat("A", 43) + `", password: "guess guess guess") { userErrors { code } } }`
	for i := range 50 {
		served(t, fmt.Sprint("token ", i+1), nobody.from(t, "3.3.3.3", accept, nil))
	}
	later(t, "the last token", nobody.from(t, "3.3.3.3", accept, nil), "RATE_LIMITED", http.StatusOK)
	served(t, "a token from elsewhere", nobody.from(t, "3.3.3.4", accept, nil))
	code := `mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "guess"}}) { userErrors { code } } }`
	later(t, "a code after them", nobody.from(t, "3.3.3.3", code, nil), "RATE_LIMITED", http.StatusOK)
}

func TestOverload(t *testing.T) {
	t.Parallel()
	w := newLimited(t, func(l *limits, _ func(int) *limit.Buckets) {
		l.reads, l.changes, l.files = limit.NewGate(1, 0, 0), limit.NewGate(1, 0, 0), limit.NewGate(1, 0, 0)
	})
	lin := w.buyer(t, "lin")
	s := lin.socket(t)
	newer := func(query string) answer {
		t.Helper()
		got, err := lin.try([]byte(`{"query":"`+query+`"}`), http.Header{"Accept": {"application/graphql-response+json"}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	const set = `mutation { cartLinesSet(lines: []) { userErrors { code } } }`
	occupy := func(ask graph.Ask) (leave func()) {
		t.Helper()
		leave, err := w.limits.Enter(context.WithoutCancel(t.Context()), ask)
		if err != nil {
			t.Fatal(err)
		}
		return leave
	}
	change := occupy(graph.Ask{Mutations: 1})
	later(t, "a mutation", newer(set), "OVERLOADED", http.StatusServiceUnavailable)
	later(t, "a mutation, to an older client", lin.send(t, set, nil), "OVERLOADED", http.StatusOK)
	served(t, "a query", newer(typename))
	read := occupy(graph.Ask{})
	if got := w.get(t, "/metrics"); !strings.Contains(got.Body, `holdfast_operations_inside{kind="mutation"} 1`) ||
		!strings.Contains(got.Body, `holdfast_operations_waiting{kind="query"} 0`) {
		t.Error("/metrics does not tell how full it is")
	}
	later(t, "a query", newer(typename), "OVERLOADED", http.StatusServiceUnavailable)
	for _, query := range []string{typename, `subscription { orderChanged(orderId: "x") { id } }`} {
		if payload := s.next(s.watch(query, nil), "error"); !strings.Contains(string(payload), `"OVERLOADED"`) || !strings.Contains(string(payload), "retryAfterMs") {
			t.Errorf("on a socket: %s", payload)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if got := w.get(t, path); got.Status != http.StatusOK {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
	file, err := w.limits.files.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := w.get(t, "/files/orders.csv"); got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Body, "OVERLOADED") {
		t.Errorf("a file: %d %s", got.Status, got.Body)
	}
	file()
	read()
	change()
	served(t, "a mutation, later", newer(set))
	if reads, changes := w.limits.reads.Inside(), w.limits.changes.Inside(); reads+changes != 0 {
		t.Errorf("%d and %d are still inside", reads, changes)
	}
}

func TestLimitSockets(t *testing.T) {
	t.Parallel()
	w := newLimited(t, func(l *limits, _ func(int) *limit.Buckets) {
		l.sockets, l.ofSession = limit.NewCounters(3), limit.NewCounters(1)
	})
	dial := func(address string) (*websocket.Conn, int) {
		t.Helper()
		conn, resp, err := websocket.Dial(t.Context(), w.url+"/graphql", &websocket.DialOptions{ //nolint:bodyclose // the library says not to
			Subprotocols: []string{wstest.Subprotocol}, HTTPHeader: http.Header{"X-Forwarded-For": {address}},
		})
		if resp == nil {
			t.Fatal(err)
		}
		return conn, resp.StatusCode
	}
	var open []*websocket.Conn
	for range 3 {
		conn, status := dial("1.1.1.1")
		if status != http.StatusSwitchingProtocols {
			t.Fatalf("status %d", status)
		}
		defer conn.CloseNow() //nolint:errcheck // whatever it says
		open = append(open, conn)
	}
	if _, status := dial("1.1.1.1"); status != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", status)
	}
	if conn, status := dial("1.1.1.2"); status != http.StatusSwitchingProtocols {
		t.Errorf("from elsewhere: %d", status)
	} else {
		defer conn.CloseNow() //nolint:errcheck // whatever it says
	}
	_ = open[0].CloseNow()
	waitFor(t, "room for another socket", func() bool {
		conn, status := dial("1.1.1.1")
		if conn != nil {
			t.Cleanup(func() { _ = conn.CloseNow() })
		}
		return status == http.StatusSwitchingProtocols
	})

	lin := w.buyer(t, "lin")
	first := lin.socket(t)
	second := wstest.Dial(t, w.url+"/graphql", lin.dialOptions())
	second.Send(wstest.Message{Type: "connection_init", Payload: json.RawMessage(lin.initPayload())})
	if m, err := second.Read(t.Context()); err == nil {
		t.Errorf("a second socket of the session: %s", m)
	}
	_ = first.Conn.CloseNow()
	waitFor(t, "the first one to be forgotten", func() bool {
		done, ok := w.limits.ofSession.Add(lin.session.Viewer.ID)
		if ok {
			done()
		}
		return ok
	})
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		trusted, peer, forwarded, want string
	}{
		{"", "1.2.3.4:5", "9.9.9.9", "1.2.3.4"},
		{"10.0.0.0/8", "1.2.3.4:5", "9.9.9.9", "1.2.3.4"},
		{"10.0.0.0/8", "10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.0/8", "10.0.0.1:5", "9.9.9.9", "9.9.9.9"},
		{"10.0.0.0/8", "10.0.0.1:5", "8.8.8.8, 9.9.9.9", "9.9.9.9"},
		{"10.0.0.0/8", "10.0.0.1:5", "8.8.8.8,9.9.9.9, 10.0.0.2 ", "9.9.9.9"},
		{"10.0.0.0/8", "10.0.0.1:5", "9.9.9.9:1234", "9.9.9.9"},
		{"10.0.0.0/8", "10.0.0.1:5", "9.9.9.9, nonsense", "10.0.0.1"},
		{"10.0.0.0/8", "10.0.0.1:5", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"10.0.0.0/8", "[::ffff:10.0.0.1]:5", "::ffff:9.9.9.9", "9.9.9.9"},
		{"fd00::/8,127.0.0.1", "127.0.0.1:5", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"fd00::/8", "[fd00::1]:5", "[2001:db8:1:2::1]:99", "2001:db8:1:2::/64"},
	} {
		trusted, err := parseProxies(strings.FieldsFunc(c.trusted, func(r rune) bool { return r == ',' }))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			before, after, two := strings.Cut(c.forwarded, ", ")
			r.Header.Add("X-Forwarded-For", before)
			if two { // a proxy may add a line instead
				r.Header.Add("X-Forwarded-For", after)
			}
		}
		if got := trusted.client(r); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestLimitsConfiguration(t *testing.T) {
	t.Parallel()
	for env, says := range map[string]string{
		"HOLDFAST_TRUSTED_PROXIES=proxy.example": "10.0.0.0/8",
		"HOLDFAST_MAX_OPERATIONS=0":              "auto, off",
		"HOLDFAST_RATE_LIMITS=perhaps":           "perhaps",
	} {
		p := run(t, t.TempDir(), "", []string{"HOLDFAST_ADDR=127.0.0.1:0", env}, "serve")
		if p.code == 0 || !strings.Contains(p.err.String(), says) {
			t.Errorf("%s: ended with %d:\n%s", env, p.code, p.err.String())
		}
	}
	// On unless told otherwise. Of loopback nothing counts but wrong guesses.
	for _, on := range []bool{true, false} {
		var env []string
		if !on {
			env = append(env, "HOLDFAST_RATE_LIMITS=off")
		}
		p, _ := serve(t, t.TempDir(), env...)
		nobody := p.world().anonymous()
		var logIns strings.Builder
		for i := range 10 {
			fmt.Fprintf(&logIns, ` a%d: sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-a"}}) { userErrors { code } }`, i)
		}
		for range addressLogIns/10 + 1 {
			served(t, "log-ins of loopback", nobody.send(t, "mutation {"+logIns.String()+"}", nil))
		}
		var got answer
		for range 6 { // wrong passwords, and then one more
			got = nobody.send(t, `mutation { sessionCreate(input: {staff: {email: "a@demo.test", password: "guess"}}) { userErrors { code } } }`, nil)
		}
		if (len(got.Errors) > 0) != on {
			t.Errorf("limits on: %t; answered %s", on, got.Body)
		}
		p.end(t)
	}
}
