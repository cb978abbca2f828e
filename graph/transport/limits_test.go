package transport_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/graph/guard"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	// pad makes a body of just so many bytes.
	pad := func(size int) string {
		body := query("{ __typename }")
		return body + strings.Repeat(" ", size-len(body))
	}
	// long makes a query of just so many bytes.
	long := func(size int) string { return fmt.Sprintf("{ __typename %*s}", size-len("{ __typename }"), "") }
	for _, x := range []exchange{
		{name: "a body of 256 KiB", body: pad(guard.MaxBody), status: 200, runs: 1},
		{name: "a body of 256 KiB and a byte", accept: full, body: pad(guard.MaxBody + 1), status: http.StatusRequestEntityTooLarge, media: full, code: "BAD_REQUEST", data: "absent"},
		{name: "a body far larger", body: pad(4 * guard.MaxBody), status: http.StatusRequestEntityTooLarge, code: "BAD_REQUEST"},
		{name: "a query of 16 KiB", body: query(long(guard.MaxQuery)), status: 200, runs: 1},
		{name: "a query of 16 KiB and a byte", body: query(long(guard.MaxQuery + 1)), status: 400, code: "COST_EXCEEDED", data: "absent"},
		{name: "a query of 16 KiB by GET", method: "GET", params: "query=" + strings.ReplaceAll(long(guard.MaxQuery), " ", "+"), status: 200, runs: 1},
		{name: "a query of 16 KiB and a byte by GET", method: "GET", params: "query=" + strings.ReplaceAll(long(guard.MaxQuery+1), " ", "+"), status: 400, code: "COST_EXCEEDED", data: "absent"},
		{name: "a URL of more than 256 KiB", method: "GET", params: "query=%7B__typename%7D&x=" + strings.Repeat("x", guard.MaxBody), status: http.StatusRequestURITooLong, code: "BAD_REQUEST"},
		{name: "JSON that is nested too deeply", body: `{"query":"{ __typename }","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, status: 400, code: "BAD_REQUEST"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			x.run(t)
		})
	}
}

func TestBodyOfUnknownLengthIsLimited(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	// A reader that is nothing but a reader is sent in chunks, without a Content-Length.
	body := io.MultiReader(strings.NewReader(strings.Repeat(" ", 2*guard.MaxBody)))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", plain)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", resp.StatusCode)
	}
}

func TestLongQueriesAreNotCached(t *testing.T) {
	t.Parallel()
	cache := &countingCache{}
	server, _ := newServer(t, func(srv *handler.Server) { srv.SetQueryCache(cache) })
	exchange{body: query("{ __typename #" + strings.Repeat("x", guard.MaxQuery) + "\n}"), status: 400, code: "COST_EXCEEDED"}.check(t, server.URL)
	if cache.uses != 0 {
		t.Error("the cache was asked for a query that is too long")
	}
	exchange{body: query("{ __typename }"), status: 200}.check(t, server.URL)
	if cache.uses != 2 {
		t.Errorf("the cache was used %d times for a good query, want a look-up and an addition", cache.uses)
	}
}

type countingCache struct {
	graphql.NoCache[*ast.QueryDocument]
	uses int
}

func (c *countingCache) Get(context.Context, string) (*ast.QueryDocument, bool) {
	c.uses++
	return nil, false
}
func (c *countingCache) Add(context.Context, string, *ast.QueryDocument) { c.uses++ }

// TestBodyThatDoesNotArrive speaks HTTP by hand: a client library would not break off.
func TestBodyThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		length int
		hang   bool // or else hang up
		want   int
	}{
		{"a body that is too slow is 408", 100, true, http.StatusRequestTimeout},
		{"a body that breaks off is 400", 100, false, http.StatusBadRequest},
		{"a body that says it is too large is not waited for", guard.MaxBody + 1, true, http.StatusRequestEntityTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			quick, a := newServer(t)
			slow := httptest.NewUnstartedServer(quick.Config.Handler)
			slow.Config.ReadTimeout = 300 * time.Millisecond
			slow.Start()
			t.Cleanup(slow.Close)
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", slow.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
				tc.length, query("{ __typename }"))
			if !tc.hang {
				half, ok := conn.(*net.TCPConn)
				if !ok || half.CloseWrite() != nil {
					t.Fatal("cannot hang up")
				}
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tc.want || a.runs.Load() != 0 {
				t.Errorf("status %d, %d executed; want %d and nothing", resp.StatusCode, a.runs.Load(), tc.want)
			}
		})
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	for name, x := range map[string]exchange{
		"data":          {body: query("{ __typename }"), accept: full},
		"request error": {body: query("{"), accept: full},
		"refusal":       {body: "nonsense"},
		"other method":  {method: "PUT"},
		"panic":         {body: query("{ panics }"), accept: full},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := x.send(t, server.URL)
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" ||
				!strings.HasPrefix(got.header.Get("Content-Type"), "application/") {
				t.Errorf("headers %v", got.header)
			}
			if got.length != int64(len(got.body)) || len(got.body) == 0 {
				t.Errorf("Content-Length %d for %d bytes", got.length, len(got.body))
			}
		})
	}
}

// TestRefusalsSayNothingBack sends a secret in every way that is refused before the executor.
func TestRefusalsSayNothingBack(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	const secret = "hunter2"
	for _, body := range []string{
		`{"query":"` + secret, `{"query":` + secret + `}`, `{"` + secret + `":1}`, `["` + secret + `"]`, `"` + secret + `"`,
		`{"query":{"` + secret + `":1}}`, `{"query":"{ __typename }","variables":"` + secret + `"}`, secret,
		`{"query":"{ __typename }"} ` + secret,
		`{"query":"query($n: Int) { take(int: $n) }","variables":{"n":"` + secret + `"}}`,
		`{"query":"query($n: Int64) { take(big: $n) }","variables":{"n":"` + secret + `"}}`,
	} {
		got := exchange{body: body, accept: full}.send(t, server.URL)
		if got.status != 400 || strings.Contains(string(got.body), secret) {
			t.Errorf("for %s: status %d, body %s", body, got.status, got.body)
		}
	}
}

// TestConcurrentRequests gives each of many requests its own variables, and headers that must not get mixed up.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 20 {
				name := fmt.Sprintf("%d-%d", i, j)
				exchange{
					body:   fmt.Sprintf(`{"query":"query($n: String) { hello(name: $n) }","variables":{"n":%q}}`, name),
					status: 200, data: `{"hello":"` + name + `"}`,
				}.check(t, server.URL)
			}
		})
	}
	wg.Wait()
}
