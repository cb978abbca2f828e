package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/graph/transport/wstest"
	"holdfast/internal/demo"
)

// injections are texts that want to be more than text, in a header, in a log or on the screen of who reads it.
var injections = []string{
	"a\r\nSet-Cookie: stolen=1",
	"a\nX-Injected: 1",
	"a\rX-Injected: 1",
	"a\r\n\r\n{\"level\":\"ERROR\",\"msg\":\"forged\"}",
	"\"}\n{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"ERROR\",\"msg\":\"forged\"}",
	`","msg":"forged","x":"`,
	"\x1b[2J\x1b[31mred\x07",
	"\u009b31mred\u009c", // the same, in one character
	"\u202etxet\u2066\u200f",
	"line\u2028line\u2029line\u0085",
	"\x00\x01\x08\x7f",
	"\xff\xfe\xc0\xaf\xed\xa0\x80",
	"%0d%0aSet-Cookie:%20stolen=1",
	"%1b%5b31m%9b%7f",
	"${jndi:ldap://127.0.0.1:1/x} {{7*7}} %s%n <script>alert(1)</script>",
	strings.Repeat("龙", 2000),
	strings.Repeat("A", 60<<10),
}

// TestHostileText injects into every header and every field that a stranger may fill, at a process of its own, and then has secrets sent in
// places where they do not belong. Answers have the server's headers alone, each line of the log is one JSON object of printable text,
// and no secret is in it.
func TestHostileText(t *testing.T) {
	t.Parallel()
	p, _ := serve(t, t.TempDir())
	w := p.world()
	asked := 0
	for _, text := range injections {
		escaped, _ := json.Marshal(text)
		for _, r := range []string{
			"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + text + "\r\n\r\n",
			"GET /nowhere HTTP/1.1\r\nHost: x\r\nUser-Agent: " + text + "\r\nReferer: " + text + "\r\nX-Forwarded-For: " + text + "\r\n\r\n",
			"GET /nowhere HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + text + "\r\nAccept-Language: " + text + "\r\nOrigin: " + text + "\r\n\r\n",
			"GET /nowhere HTTP/1.1\r\nHost: " + text + "\r\n\r\n",
			"GET /nowhere/" + text + " HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /nowhere/" + url.PathEscape(text) + " HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET //" + url.PathEscape(text) + "/../ HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /files/orders.csv?shop=" + url.QueryEscape(text) + " HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /graphql?query={__typename}&operationName=" + url.QueryEscape(text) + " HTTP/1.1\r\nHost: x\r\n\r\n",
			text + " / HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET / " + text + "\r\nHost: x\r\n\r\n",
			postOf(`{"query":"{ __typename }","operationName":` + string(escaped) + `}`),
			postOf(`{"query":` + string(escaped) + `}`),
			postOf(`{"query":"mutation($x: String!) { sessionCreate(input: {weChat: {appId: $x, code: $x}}) { userErrors { message } } }","variables":{"x":` + string(escaped) + `}}`),
			postOf(`{"query":"mutation($x: String!) { sessionCreate(input: {staff: {email: $x, password: $x}}) { userErrors { message } } }","variables":{"x":` + string(escaped) + `}}`),
			postOf(`{"query":"mutation($x: String!) { sessionRefresh(refreshToken: $x) { userErrors { message } } }","variables":{"x":` + string(escaped) + `}}`),
			postOf(`{"query":"query($x: ID!) { node(id: $x) { id } }","variables":{"x":` + string(escaped) + `}}`),
		} {
			if checkCleanAnswer(t, p.url, r) {
				asked++
			}
		}
		c, _, err := wstest.TryRaw(t.Context(), p.url+"/graphql")
		if err != nil {
			t.Fatal(err)
		}
		c.Send(`{"type":"connection_init","payload":{"authorization":` + string(escaped) + `}}`)
		c.Send(text)
		c.Abort()
	}
	if asked < 10*len(injections) {
		t.Errorf("only %d requests were answered", asked)
	}
	secrets := spillSecrets(t, w)
	p.end(t)
	checkCleanLog(t, p.err.String())
	checkSecrets(t, "the log", p.err.String(), secrets)
}

func postOf(body string) string {
	return fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// ownHeaders are those that answers may have.
var ownHeaders = map[string]bool{
	"Content-Type": true, "Content-Length": true, "Cache-Control": true, "X-Content-Type-Options": true, "X-Request-Id": true, "Date": true,
	"Connection": true, "Allow": true, "Location": true, "Www-Authenticate": true, "Content-Security-Policy": true, "Retry-After": true,
}

// checkCleanAnswer sends a request byte by byte as it is, and looks at the answer if there is one.
func checkCleanAnswer(t *testing.T, address, request string) bool {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	_, _ = io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false // it was none
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	for name, values := range resp.Header {
		value := strings.Join(values, "")
		if !ownHeaders[name] || len(values) != 1 || len(value) > 500 || strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%.100q is answered with the header %s: %.200q", request, name, values)
		}
	}
	if resp.StatusCode >= http.StatusInternalServerError || len(body) > 4<<10 {
		t.Errorf("%.100q: status %d, %d bytes", request, resp.StatusCode, len(body))
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/") && !json.Valid(body) || !utf8.Valid(body) {
		t.Errorf("%.100q: body %.200q", request, body)
	}
	return true
}

// maxLogLine is how many bytes of a log one request may fill.
const maxLogLine = 2 << 10

// checkCleanLog expects lines of one JSON object each, which nobody has forged, and which a terminal may show.
func checkCleanLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		text := strings.TrimSuffix(line, "\n")
		var e map[string]any
		if err := json.Unmarshal([]byte(text), &e); err != nil || e["msg"] == "forged" || e["time"] == "2026-01-01T00:00:00Z" {
			t.Errorf("a line of the log is forged, or no object (%v): %.300q", err, text)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("a line of the log has %+.20q: %.300q", text[i:], text)
		}
		if len(text) > maxLogLine {
			t.Errorf("a line of the log has %d bytes: %.300q", len(text), text)
		}
		if d := json.NewDecoder(bytes.NewReader([]byte(text))); d.Decode(&e) != nil || d.More() {
			t.Errorf("a line of the log is more than one object: %.300q", text)
		}
	}
}

// spillSecrets uses secrets where they belong and where they do not, and returns them.
func spillSecrets(t *testing.T, w *world) []string {
	t.Helper()
	const password, wrong, code = "correct-horse-battery-staple", "wrong-horse-battery-staple", "demo-secretcode"
	secrets := []string{password, wrong, code, demo.Password, home["phone"].(string), home["street"].(string)}
	keep := func(c *client) *client {
		secrets = append(secrets, c.session.AccessToken, c.session.RefreshToken)
		return c
	}
	buyer, owner := keep(w.logIn(t, vars{"weChat": vars{"appId": demo.AppID, "code": code}})), keep(w.merchant(t))
	keep(w.as(t, buyer.refresh(t).Session))
	invited := owner.invite(t, w.shops(t)[0].ID, "secret@example.test", "CLERK")
	invited.refused(t)
	token := *invited.Token
	secrets = append(secrets, token)
	accept := `mutation { staffInvitationAccept(token: "` + token + `", password: "` + password + `") { userErrors { code } } }`
	served(t, "accept", w.anonymous().send(t, accept, nil))
	served(t, "accept again", w.anonymous().send(t, accept, nil))
	keep(w.logIn(t, vars{"staff": vars{"email": "secret@example.test", "password": password}}))
	order := buyer.pays(t, vars{"lines": lines(w.goods(t, w.shops(t)[0], 100, 9)[0], 1)})[0]
	owner.refund(t, vars{"orderId": order.ID}).refused(t)

	logIn := `mutation { sessionCreate(input: {staff: {email: "secret@example.test", password: "` + wrong + `"}}) { session { accessToken } userErrors { code message } } }`
	for _, query := range []string{
		logIn,
		logIn[:len(logIn)-20],
		strings.Replace(logIn, "password:", "pasword:", 1),
		strings.Replace(logIn, `"`+wrong+`"`, wrong, 1),
		strings.Replace(logIn, "staff: {", `weChat: {appId: "x", code: "`+wrong+`"}, staff: {`, 1),
		`query { ` + strings.ReplaceAll(token, "-", "_") + ` }`,
		`{ node(id: "` + token + `") { id } }`,
	} {
		w.anonymous().send(t, query, nil)
		w.get(t, "/graphql?query="+url.QueryEscape(query))
		w.get(t, "/graphql?access_token="+token+"&query="+url.QueryEscape(query))
	}
	w.anonymous().send(t, `mutation($p: Int!) { sessionRevoke { userErrors { code } } }`, vars{"p": password})
	for _, header := range []http.Header{
		{"Authorization": {"Basic " + token}},
		{"Authorization": {"Bearer " + token}},
		{"Authorization": {token}},
		{"Cookie": {"session=" + token}},
		{"X-Api-Key": {token}},
		{"User-Agent": {token}},
		{"Referer": {"http://x/?token=" + token}},
		{"Idempotency-Key": {token}},
	} {
		w.do(t, http.MethodGet, "/graphql?query={viewer{__typename}}", nil, header)
		w.do(t, http.MethodGet, "/files/orders.csv?shop=x&token="+token, nil, header)
		w.do(t, http.MethodPost, "/files/stock.csv?shop="+token, strings.NewReader(token), header)
	}
	for _, init := range []string{`{"authorization":"Bearer ` + token + `"}`, `{"token":"` + token + `"}`, `"` + token + `"`} {
		c := wstest.Dial(t, w.url+"/graphql", nil)
		c.SendText(`{"type":"connection_init","payload":` + init + `}`)
		c.Subscribe(token[:20], `{ x(token: "`+token+`") }`, "")
		c.SendText(token)
		_, _ = c.Read(t.Context())
	}
	buyer.revoke(t)
	buyer.refresh(t).refused(t, "SESSION_EXPIRED")
	buyer.viewerID(t)
	return secrets
}

// TestHostileConfiguration has a password in an address of a database that cannot be used. Neither the log nor the terminal shows it.
func TestHostileConfiguration(t *testing.T) {
	t.Parallel()
	const password = "correct-horse-battery"
	for _, source := range []string{
		"mysql://shop:" + password + "@127.0.0.1:1/shop",
		"mysql://shop:" + password + "@127.0.0.1:port/shop",
		"mysql://shop:" + password + "%zz@127.0.0.1/shop",
		"mysql://shop:" + password + "@127.0.0.1:1/shop\x7f",
		"mysql://shop:" + password + "@127.0.0.1:1",
		"mysql://shop:" + password + "@127.0.0.1:1/shop?tls=perhaps&x=" + password,
		"mysql:shop:" + password + "@tcp(127.0.0.1:1)/shop",
		"shop:" + password + "@tcp(127.0.0.1:1)/shop",
		"postgres://shop:" + password + "@127.0.0.1:1/shop",
		" mysql://shop:" + password + "@127.0.0.1:1/shop",
	} {
		for _, args := range [][]string{{"serve"}, {"check"}} {
			p := run(t, t.TempDir(), "", []string{"HOLDFAST_ADDR=127.0.0.1:0", "HOLDFAST_DATABASE=" + source}, args...)
			if p.code == 0 {
				t.Errorf("%s of %q ends well", args[0], source)
			}
			checkSecrets(t, fmt.Sprintf("%s of %q: what it says", args[0], source), p.out.String()+p.err.String(), []string{password})
		}
	}
}
