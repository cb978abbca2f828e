package main

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/demo"
	"holdfast/internal/testdb"
)

// page is an answer of a plain address.
type page struct {
	Status int
	Header http.Header
	Body   string
}

// get asks a world's server for a path.
func (w *world) get(t *testing.T, path string) page {
	t.Helper()
	return w.do(t, http.MethodGet, path, nil, nil)
}

func (w *world) do(t *testing.T, method, path string, body io.Reader, header http.Header) page {
	t.Helper()
	r, err := http.NewRequest(method, w.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	// Not the default client: what is asked for is what is looked at, wherever it may point.
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return page{resp.StatusCode, resp.Header, string(text)}
}

func TestPages(t *testing.T) {
	source := testdb.Source(t, testdb.SQLite)
	w := newWorld(t, source, func(c *serveCommand, _ *app) { c.Playground = "off" }) // TestPlaygroundPages has the other
	of := ask[struct {
		Shops struct {
			Nodes []struct {
				Products struct {
					Nodes []struct{ ImageURLs []string }
				}
			}
		}
	}](t, w.anonymous(), `{ shops(first: 1) { nodes { products(first: 1) { nodes { imageUrls } } } } }`, nil).Shops.Nodes[0].Products.Nodes[0].ImageURLs[0]
	for _, c := range []struct {
		method, path string
		status       int
		kind, text   string
	}{
		{http.MethodGet, "/", http.StatusOK, "text/html; charset=utf-8", demo.Password},
		{http.MethodGet, "/", http.StatusOK, "text/html; charset=utf-8", w.url + "/graphql"},
		{http.MethodHead, "/", http.StatusOK, "text/html; charset=utf-8", ""},
		{http.MethodGet, "/healthz", http.StatusOK, "text/plain; charset=utf-8", "ok"},
		{http.MethodGet, "/readyz", http.StatusOK, "text/plain; charset=utf-8", "ready"},
		{http.MethodHead, "/readyz", http.StatusOK, "text/plain; charset=utf-8", ""},
		{http.MethodPost, "/", http.StatusMethodNotAllowed, "text/plain; charset=utf-8", ""},
		{http.MethodPost, "/readyz", http.StatusMethodNotAllowed, "text/plain; charset=utf-8", ""},
		{http.MethodDelete, "/healthz", http.StatusMethodNotAllowed, "text/plain; charset=utf-8", ""},
		{http.MethodGet, "/nowhere", http.StatusNotFound, "text/plain; charset=utf-8", ""},
		{http.MethodGet, "/z", http.StatusNotFound, "text/plain; charset=utf-8", ""},
		{http.MethodGet, "/index.html", http.StatusNotFound, "text/plain; charset=utf-8", ""},
		{http.MethodGet, demo.ImagePath, http.StatusNotFound, "text/plain; charset=utf-8", ""},
		{http.MethodGet, demo.ImagePath + "none.png", http.StatusNotFound, "text/plain; charset=utf-8", ""},
		{http.MethodGet, demo.ImagePath + "..%2fhttp.go", http.StatusNotFound, "text/plain; charset=utf-8", ""},
		{http.MethodGet, of, http.StatusOK, "image/png", "\x89PNG"},
		{http.MethodHead, of, http.StatusOK, "image/png", ""},
		{http.MethodPost, of, http.StatusMethodNotAllowed, "text/plain; charset=utf-8", ""},
	} {
		got := w.do(t, c.method, c.path, nil, nil)
		if got.Status != c.status || got.Header.Get("Content-Type") != c.kind || !strings.Contains(got.Body, c.text) {
			t.Errorf("%s %s: %d %s %.200q; want %d %s with %q", c.method, c.path, got.Status, got.Header.Get("Content-Type"), got.Body, c.status, c.kind, c.text)
		}
		if got.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s %s: no X-Request-Id", c.method, c.path)
		}
	}
	picture := w.get(t, of)
	if c := picture.Header.Get("Cache-Control"); !strings.Contains(c, "max-age=") || picture.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a picture is sent with %v", picture.Header)
	}
	if missing := w.get(t, demo.ImagePath+"none.png"); strings.Contains(missing.Header.Get("Cache-Control"), "max-age=8") {
		t.Errorf("that there is no picture is to be kept: %v", missing.Header)
	}
	tools := ask[struct {
		Schema struct {
			Types []struct{ Name, Description string }
		} `json:"__schema"`
	}](t, newWorld(t, source).anonymous(), `{ __schema { types { name description } } }`, nil).Schema.Types
	if !slices.ContainsFunc(tools, func(d struct{ Name, Description string }) bool { return d.Name == "Checkout" && d.Description != "" }) {
		t.Errorf("tools do not find the schema: %d types", len(tools))
	}
	// A page of another origin gets no leave to read anything.
	cross := w.do(t, http.MethodGet, "/graphql?query={__typename}", nil, http.Header{"Origin": {"https://evil.example"}})
	for name := range cross.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: %s", name, cross.Header.Get(name))
		}
	}
	hostile := w.do(t, http.MethodGet, "/", nil, http.Header{"Host": {"x"}, "X-Forwarded-Host": {`"><script>`}})
	if strings.Contains(hostile.Body, "<script") {
		t.Errorf("the page holds a script: %s", hostile.Body)
	}
	logged := 0
	for _, e := range w.log.entries(t) {
		if e.Path == "/z" {
			logged++
		}
		if e.Path == "/healthz" || e.Path == "/readyz" {
			t.Errorf("a probe fills the log: %+v", e)
		}
	}
	if logged != 1 {
		t.Errorf("a request for /z is %d times in the log", logged)
	}

	t.Run("no demo", func(t *testing.T) {
		plain := newWorld(t, source, func(c *serveCommand, _ *app) { *c.Demo = false })
		if got := plain.get(t, "/"); got.Status != http.StatusOK || strings.Contains(got.Body, "demo") {
			t.Errorf("the page of a server without demo: %d %s", got.Status, got.Body)
		}
		if got := plain.get(t, of); got.Status != http.StatusNotFound {
			t.Errorf("a demo picture without demo: %d", got.Status)
		}
		ask[struct{ SessionCreate sessionPayload }](t, plain.anonymous(), `mutation { sessionCreate(input: {weChat: {appId: "wxdemo", code: "demo-lin"}}) { `+
			sessionFields+userErrors+` } }`, nil).SessionCreate.refused(t, "LOGIN_FAILED")
	})
}

// TestReady takes the database away from under a server.
func TestReady(t *testing.T) {
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWorld(t, source)
		w.draining.Store(true)
		if got := w.get(t, "/readyz"); got.Status != http.StatusServiceUnavailable {
			t.Errorf("ready while draining: %d %s", got.Status, got.Body)
		}
		if got := w.get(t, "/healthz"); got.Status != http.StatusOK {
			t.Errorf("not alive while draining: %d", got.Status)
		}
		w.draining.Store(false)
		if got := w.get(t, "/readyz"); got.Status != http.StatusOK {
			t.Errorf("not ready: %d %s", got.Status, got.Body)
		}
		w.log.expectFaults()
		w.unchecked = true
		if err := w.db.Close(); err != nil {
			t.Fatal(err)
		}
		if got := w.get(t, "/readyz"); got.Status != http.StatusServiceUnavailable || !strings.Contains(got.Body, "database") {
			t.Errorf("ready without a database: %d %s", got.Status, got.Body)
		}
		if got := w.get(t, "/healthz"); got.Status != http.StatusOK {
			t.Errorf("not alive without a database: %d", got.Status)
		}
		got := w.anonymous().send(t, `{ shops(first: 1) { nodes { id } } }`, nil)
		if got.Status != http.StatusOK || len(got.Errors) != 1 || got.Errors[0].Extensions.Code != "INTERNAL" {
			t.Errorf("asked without a database: %d %s", got.Status, got.Body)
		}
	})
}

// TestDatabaseComesBack cuts the wire to MySQL, and lets it hang, and mends it.
func TestDatabaseComesBack(t *testing.T) {
	source := testdb.Source(t, testdb.MySQL)
	u, err := url.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	wire := newWire(t, u.Host)
	u.Host = wire.addr
	w := newWorld(t, u.String())
	buyer, v := w.buyer(t, "steady"), w.goods(t, w.shops(t)[0], 100, 9)[0]
	w.log.expectFaults()
	for name, state := range map[string]wireState{"cut": wireCut, "silent": wireSilent} {
		wire.set(state)
		start := time.Now()
		if got := w.get(t, "/readyz"); got.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: ready: %d %s", name, got.Status, got.Body)
		}
		if took := time.Since(start); took > readyTimeout+2*time.Second {
			t.Errorf("%s: a probe took %v", name, took)
		}
		wire.set(wireWhole)
		for w.get(t, "/readyz").Status != http.StatusOK {
			if time.Since(start) > 15*time.Second {
				t.Fatalf("%s: not ready again", name)
			}
			time.Sleep(50 * time.Millisecond)
		}
		buyer.buy(t, vars{"lines": lines(v, 1)})
	}
}

// TestSlowClients keeps connections open without a request.
func TestSlowClients(t *testing.T) {
	t.Parallel() // it waits
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, sent := range []string{"", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "GET /healthz HTTP/1.1\r\nX-"} {
		wg.Go(func() { checkHangsUp(t, w, sent) })
	}
}

// checkHangsUp sends the beginning of a request and waits for the server to lose patience.
func checkHangsUp(t *testing.T, w *world, sent string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	start := time.Now()
	_, err = io.WriteString(conn, sent)
	if err == nil {
		err = conn.SetReadDeadline(start.Add(2 * readHeaderTimeout))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, conn) // until the server hangs up
	}
	if took := time.Since(start); err != nil || took < readHeaderTimeout-time.Second {
		t.Errorf("after %q the server hung up after %v (%v), want %v", sent, took, err, readHeaderTimeout)
	}
}
