package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"holdfast/internal/demo"
	"holdfast/internal/testdb"
)

// TestHostilePages sends what a page of another site can have a browser send without asking first: nothing of it changes anything, and
// nothing that the server answers may be read there.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	lin := w.buyer(t, "lin")
	sessions := w.db.Session.Query().CountX(t.Context())
	mutation := `mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-evil"}}) { userErrors { code } } }`
	asJSON := `{"query":"` + strings.ReplaceAll(mutation, `"`, `\"`) + `"}`
	form := url.Values{"query": {mutation}}.Encode()
	multipart := "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n" + asJSON + "\r\n--x--\r\n"
	foreign := http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}, "Cookie": {"session=" + lin.token}}
	check := func(what string, got page, statuses ...int) {
		t.Helper()
		ok := false
		for _, status := range statuses {
			ok = ok || got.Status == status
		}
		if !ok {
			t.Errorf("%s: %d, want one of %v: %s", what, got.Status, statuses, got.Body)
		}
		for name := range got.Header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" {
				t.Errorf("%s: %s: %s", what, name, got.Header.Get(name))
			}
		}
	}
	for kind, body := range map[string]string{
		"":                                  asJSON,
		"text/plain":                        asJSON,
		"text/plain; application/json":      asJSON,
		"text/plain, application/json":      asJSON,
		"application/json, text/plain":      asJSON,
		"application/json text/plain":       asJSON,
		"text/plain;charset=UTF-8":          asJSON,
		"application/x-www-form-urlencoded": form,
		"application/x-www-form-urlencoded; application/json": asJSON,
		"multipart/form-data; boundary=x":                     multipart,
		"multipart/form-data; boundary=application/json":      asJSON,
		"application/graphql":                                 mutation,
		"application/csp-report":                              asJSON,
	} {
		header := foreign.Clone()
		if kind != "" {
			header.Set("Content-Type", kind)
		}
		for _, path := range []string{"/graphql", "/graphql?" + form} {
			check(kind, w.do(t, http.MethodPost, path, strings.NewReader(body), header), http.StatusUnsupportedMediaType)
		}
		check("a file as "+kind, w.do(t, http.MethodPost, "/files/stock.csv?shop="+w.shops(t)[0].ID, strings.NewReader("sku,on_hand\nx,1\n"), header),
			http.StatusUnauthorized, http.StatusUnsupportedMediaType)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		header := foreign.Clone()
		for _, name := range []string{"X-HTTP-Method-Override", "X-Http-Method", "X-Method-Override"} {
			header.Set(name, http.MethodPost)
		}
		for _, path := range []string{"/graphql?" + form, "/graphql?_method=POST&" + form, "/graphql?operationName=&variables={}&" + form} {
			check(method+" "+path, w.do(t, method, path, nil, header), http.StatusMethodNotAllowed)
		}
	}
	preflight := foreign.Clone()
	preflight.Set("Access-Control-Request-Method", http.MethodPost)
	preflight.Set("Access-Control-Request-Headers", "authorization, content-type")
	for _, path := range []string{"/graphql", "/files/stock.csv", "/"} {
		check("a preflight of "+path, w.do(t, http.MethodOptions, path, nil, preflight), http.StatusMethodNotAllowed)
	}
	if n := w.db.Session.Query().CountX(t.Context()); n != sessions {
		t.Errorf("%d sessions were begun", n-sessions)
	}
	// No cookie and no address logs anybody in.
	for _, path := range []string{"", "&access_token=" + lin.token, "&authorization=Bearer%20" + lin.token} {
		got := w.do(t, http.MethodGet, "/graphql?query={viewer{__typename}}"+path, nil, foreign)
		check("who am I", got, http.StatusOK)
		if strings.Contains(got.Body, "Buyer") {
			t.Errorf("%q is somebody: %s", path, got.Body)
		}
	}
	w.log.keepOut(demo.Password)
}

// TestHostilePanic masks what goes wrong outside of GraphQL. (Inside: TestPanicsAreInternal.)
func TestHostilePanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	w.log.expectFaults()
	for _, wrote := range []bool{false, true} {
		id := unique("panic")
		r := httptest.NewRequest(http.MethodGet, "/nowhere", nil)
		r.Header.Set("X-Request-Id", id)
		got := httptest.NewRecorder()
		w.observed(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if wrote {
				rw.WriteHeader(http.StatusTeapot)
			}
			panic(fmt.Errorf("dial mysql://shop:secret@db: %s", id))
		})).ServeHTTP(got, r)
		want := "internal error\n"
		if wrote {
			want = ""
		}
		if got.Body.String() != want || got.Header().Get("X-Request-Id") != id {
			t.Errorf("answered %d %q, request %q", got.Code, got.Body, got.Header().Get("X-Request-Id"))
		}
		if lines := w.log.of(t, id); len(lines) != 2 || lines[0].Msg != "panic" {
			t.Errorf("the log has %+v", lines)
		}
	}
}
