package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/graph/transport/wstest"
)

const (
	wsInit = `{"type":"connection_init"}`
	wsPing = `{"type":"ping"}`
	// noSocket is what is expected of a connect that must not become a socket, less its HTTP status.
	noSocket = 10_000
)

// badConnect is one way to abuse a WebSocket.
type badConnect struct {
	name   string
	header string // a line of the upgrade
	send   func(c *wstest.Raw)
	want   int // the close code, or noSocket and a status; 0: the client aborts, and nothing is waited for
}

func says(texts ...string) func(*wstest.Raw) {
	return func(c *wstest.Raw) {
		for _, text := range texts {
			c.Send(text)
		}
	}
}

func frames(of ...any) func(*wstest.Raw) {
	return func(c *wstest.Raw) {
		for i := 0; i < len(of); i += 2 {
			c.Frame(of[i].(byte), of[i+1].(string))
		}
	}
}

func wsSubscribe(id int, query string) string {
	return fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":%q}}`, id, query)
}

// badConnects are all of them. Variant is one to subscribe to, token a good one.
func badConnects(variant, token string) []badConnect {
	stock := `subscription { stockChanged(variantIds: ["` + variant + `"]) { available } }`
	withToken := func(token string) string {
		return `{"type":"connection_init","payload":{"authorization":"Bearer ` + token + `"}}`
	}
	const whole = wstest.Fin | wstest.Text
	return []badConnect{
		{"no init, gone", "", says(), 0},
		{"init with text", "", says(`{"type":"connection_init","payload":"x"}`), 4400},
		{"init that is no JSON", "", says(`{"type":"connection_init"`), 4400},
		{"a wrong token", "", says(withToken("x")), 4403},
		{"a token that is cut", "", says(withToken(token[:len(token)-2])), 4403},
		{"a wrong token in the header", "Authorization: Bearer x", says(wsInit), 4403},
		{"a token that is no text", "", says(`{"type":"connection_init","payload":{"authorization":7}}`), 4400},
		{"a large init", "", says(withToken(strings.Repeat("x", 256<<10))), 1009},
		{"a second init", "", says(wsInit, wsInit), 4429},
		{"subscribe before init", "", says(wsSubscribe(1, stock), wsInit), 4401},
		{"one id twice", "", acknowledged(says(wsSubscribe(1, stock), wsSubscribe(1, stock))), 4409},
		{"51 subscriptions", "", acknowledged(tooMany(stock)), 4409},
		{"nonsense", "", acknowledged(says(wsSubscribe(1, "{"), wsSubscribe(2, "{ x }"), "x")), 4400},
		{"a flood, and gone", "", acknowledged(says(repeated(wsPing, 100)...)), 0},
		{"subscribed, and gone", "", acknowledged(says(wsSubscribe(1, stock), wsSubscribe(2, "{ shops(first: 9) { nodes { id } } }"))), 0},
		{"bad UTF-8", "", says("{\"type\":\"ping\",\"x\":\"\xff\"}"), 4400},
		{"binary", "", frames(wstest.Fin|wstest.Binary, wsPing), 4400},
		{"fragments, and one out of place", "", frames(wstest.Text, `{"type":"p`, wstest.Continues, `i`, whole, wsPing), 1002},
		{"a fragment of nothing", "", frames(wstest.Fin|wstest.Continues, wsPing), 1002},
		{"a compressed frame", "Sec-WebSocket-Extensions: permessage-deflate", frames(whole|wstest.Compressed, strings.Repeat("\x00", 99)), 1002},
		{"a reserved opcode", "", frames(wstest.Fin|0x03, wsPing), 1002},
		{"a long control frame", "", frames(wstest.Fin|0x09, strings.Repeat("x", 126)), 1002},
		{"a control frame in fragments", "", frames(byte(0x09), "x"), 1002},
		{"no mask", "", func(c *wstest.Raw) { _, _ = c.Write(append([]byte{whole, byte(len(wsPing))}, wsPing...)) }, 1002},
		{"a message of 2^62 bytes", "", func(c *wstest.Raw) { _, _ = c.Write(wstest.FrameHeader(whole, 1<<62)); c.Send("x") }, 0},
		{"half a message, and gone", "", func(c *wstest.Raw) { _, _ = c.Write(append(wstest.FrameHeader(whole, 9999), "{"...)) }, 0},
		{"no such protocol", "Sec-WebSocket-Protocol: mqtt", says(wsInit), 4406},
		{"a foreign page", "Origin: https://evil.example", nil, noSocket + http.StatusForbidden},
		{"a page of nowhere", "Origin: null", nil, noSocket + http.StatusForbidden},
		{"a key that is none", "Sec-WebSocket-Key: x", nil, noSocket + http.StatusBadRequest},
		{"another version", "Sec-WebSocket-Version: 8", nil, noSocket + http.StatusBadRequest},
	}
}

// acknowledged does the rest after connection_ack.
func acknowledged(rest func(*wstest.Raw)) func(*wstest.Raw) {
	return func(c *wstest.Raw) {
		c.Send(wsInit)
		if _, text, err := c.Next(); err == nil && string(text) == `{"type":"connection_ack"}` {
			rest(c)
		} // or else what is expected will not come
	}
}

// tooMany opens as many subscriptions as there may be. One more is refused, and an id twice ends it.
func tooMany(stock string) func(*wstest.Raw) {
	return func(c *wstest.Raw) {
		for i := range 51 {
			c.Send(wsSubscribe(i, stock))
		}
		for {
			_, text, err := c.Next()
			if err != nil {
				return
			}
			if strings.Contains(string(text), `"RATE_LIMITED"`) && strings.Contains(string(text), `"id":"50"`) {
				c.Send(wsSubscribe(0, stock))
				return
			}
		}
	}
}

func repeated(text string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = text
	}
	return out
}

// try does it once.
func (b badConnect) try(ctx context.Context, address string) error {
	var more []string
	if b.header != "" {
		more = append(more, b.header)
	}
	c, status, err := wstest.TryRaw(ctx, address, more...)
	if err != nil {
		return fmt.Errorf("%s: %w", b.name, err)
	}
	defer c.Close()
	if b.want >= noSocket || status != http.StatusSwitchingProtocols {
		if status != b.want-noSocket {
			return fmt.Errorf("%s: status %d", b.name, status)
		}
		return nil
	}
	if extensions := c.Header.Get("Sec-WebSocket-Extensions"); extensions != "" {
		return fmt.Errorf("%s: %s is spoken; then bombs have to be thought of", b.name, extensions)
	}
	b.send(c)
	if b.want == 0 {
		c.Abort()
	} else if got := c.Closed(); got != b.want {
		return fmt.Errorf("%s: closed with %d, want %d", b.name, got, b.want)
	}
	return nil
}

// holdings are what a process holds: files, and goroutines. Connections that the tests keep for later are none of them.
func (p *process) holdings(t *testing.T) (files, goroutines int) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("there is no /proc here")
	}
	got := p.world().get(t, "/metrics").Body
	_, after, _ := strings.Cut(got, "\ngo_goroutines ")
	line, _, _ := strings.Cut(after, "\n")
	if goroutines, err = strconv.Atoi(line); err != nil {
		t.Fatalf("goroutines: %q: %v", line, err)
	}
	return len(entries), goroutines
}

// rest is the least that a process holds over a second or two, when nobody wants anything of it.
func (p *process) rest(t *testing.T) (files, goroutines int) {
	t.Helper()
	files, goroutines = p.holdings(t)
	for range 30 {
		time.Sleep(50 * time.Millisecond)
		f, g := p.holdings(t)
		files, goroutines = min(files, f), min(goroutines, g)
	}
	return files, goroutines
}

const (
	// crowdOf is how many connect at once.
	crowdOf = 64
	// others are files and goroutines that come and go with work of the server's own. Each kind of bad connect that left one would
	// have left ten times as many.
	others = 6
)

// TestHostileSockets abuses a server process with thousands of sockets and connections of every kind, while one client watches a
// stock that moves. It does not notice, and nothing is left in the end.
func TestHostileSockets(t *testing.T) {
	t.Parallel() // it waits
	p, _ := serve(t, t.TempDir())
	w := p.world()
	variant := w.goods(t, w.shops(t)[0], 100, 9)[0]
	kinds := badConnects(variant, w.buyer(t, "hostile").token)
	n, waits := 2000, patientClients(variant)
	if os.Getenv("HOLDFAST_TEST_LONG") == "1" {
		n = 10_000
	} else { // what takes longest is tested with shorter times too: see TestHalfOpenSocketIsFound
		waits = slices.DeleteFunc(waits, func(p patient) bool { return p.figure > 30*time.Second })
	}
	// Once in full, so that pools and caches are as large as they get.
	flood(t, p.url, kinds, crowdOf*len(kinds)/8)
	files, goroutines := p.rest(t)

	stop := w.watched(t, variant)
	var waiting sync.WaitGroup
	for _, who := range waits {
		for range 8 {
			waiting.Go(func() { who.outwaited(t, p.url) })
		}
	}
	start := time.Now()
	flood(t, p.url, kinds, n)
	t.Logf("%d bad connects in %v", n, time.Since(start))
	waiting.Wait()
	stop()

	var f, g int
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if f, g = p.holdings(t); f <= files+others && g <= goroutines+others {
			break
		}
		if time.Now().After(deadline) {
			_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it says what its goroutines do
			p.wait(t)
			t.Fatalf("%d files and %d goroutines are left, before there were %d and %d:\n%s", f, g, files, goroutines, p.err.String())
		}
	}
	t.Logf("%d files and %d goroutines, before %d and %d", f, g, files, goroutines)
	if got := w.get(t, "/metrics").Body; !strings.Contains(got, "\nholdfast_websocket_connections 0\n") {
		t.Error("sockets are still counted")
	}
	p.end(t)
}

// flood does n bad connects, each kind as often as the others, in any order.
func flood(t *testing.T, url string, kinds []badConnect, n int) {
	t.Helper()
	order := rand.Perm(n)
	var next atomic.Int64
	var crowd sync.WaitGroup
	for range crowdOf {
		crowd.Go(func() {
			for !t.Failed() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := kinds[order[i]%len(kinds)].try(t.Context(), url+"/graphql"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	crowd.Wait()
}

// watched moves a stock again and again, and has somebody watch it, until stop.
func (w *world) watched(t *testing.T, variant string) (stop func()) {
	t.Helper()
	merchant := w.merchant(t)
	watcher := w.anonymous().socket(t)
	id := watcher.watch(watchStocks, vars{"ids": []string{variant}})
	told[stockView](watcher, id)
	done, ended := make(chan struct{}), make(chan struct{})
	var slowest time.Duration
	moves := 0
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
			begun := time.Now()
			body := fmt.Sprintf(`{"query":"mutation { stockAdjust(input: {variantId: \"%s\", idempotencyKey: \"%s\", reason: \"x\", delta: 1}) { stock { version } } }"}`,
				variant, unique("move"))
			if _, err := merchant.try([]byte(body), nil); err != nil {
				t.Errorf("move the stock: %v", err)
				return
			}
			if m, ok := watcher.try(id, notNoticed); !ok || m.Type != "next" {
				t.Errorf("move %d was not told in %v: %s", moves, notNoticed, m)
				return
			}
			slowest = max(slowest, time.Since(begun))
			moves++
		}
	}()
	return func() {
		t.Helper()
		close(done)
		<-ended
		t.Logf("%d moves of the stock, the slowest was told after %v", moves, slowest)
		if slowest > notNoticed || moves < 10 {
			t.Errorf("the others have noticed: %d moves, the slowest was told after %v", moves, slowest)
		}
		_ = watcher.Conn.CloseNow()
	}
}

// patient is a client that keeps a connection for as long as it can.
type patient struct {
	name string
	// begin is all that it does; a connection is to be cut by the server within three times the figure after it.
	begin  func(conn net.Conn) error
	drip   string        // what it sends after that, again and again
	figure time.Duration // how long the server may bear it
	reads  bool          // or else it takes nothing, and knows of the end only because nothing more can be sent
}

// patientClients are all of them. Sockets that were sent a close frame may keep silent for closeTimeout.
func patientClients(variant string) []patient {
	const closing = 5 * time.Second
	plain := func(text string) func(net.Conn) error {
		return func(conn net.Conn) error {
			_, err := io.WriteString(conn, text)
			return err
		}
	}
	upgraded := func(texts ...string) func(net.Conn) error {
		return func(conn net.Conn) error {
			_, err := io.WriteString(conn, "GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "+wstest.Subprotocol+"\r\n\r\n")
			for _, text := range texts {
				if err == nil {
					_, err = conn.Write(append(wstest.FrameHeader(wstest.Fin|wstest.Text, len(text)), text...))
				}
			}
			return err
		}
	}
	ping := `{"type":"ping","payload":{"x":"` + strings.Repeat("x", 60<<10) + `"}}`
	pings := string(wstest.FrameHeader(wstest.Fin|wstest.Text, len(ping))) + ping
	const post = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{"
	file := "POST /files/stock.csv?shop=x HTTP/1.1\r\nHost: x\r\nIdempotency-Key: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ns\r\n"
	return []patient{
		{"says nothing", plain(""), "", readHeaderTimeout, true},
		{"slow headers", plain("GET /graphql HTTP/1.1\r\nHost: x\r\n"), "X-A: b\r\n", readHeaderTimeout, true},
		{"a slow body", plain(post), " ", readTimeout, true},
		{"a body that does not come", plain(post), "", readTimeout, true},
		{"a slow file of nobody", plain(file), "1\r\ns\r\n", readTimeout, true},
		{"no init, no answer", upgraded(), "", 3*time.Second + closing, true},
		{"a bad init, no answer", upgraded("x"), "", closing, true},
		{"a message without an end", func(conn net.Conn) error {
			return errors.Join(upgraded(wsInit)(conn), plain(string(wstest.FrameHeader(wstest.Fin|wstest.Text, 9999)))(conn))
		}, " ", 15*time.Second + closing, true},
		{"reads nothing", upgraded(wsInit), pings, 10 * time.Second, false},
		{"half-open", upgraded(wsInit, wsSubscribe(1, `subscription { stockChanged(variantIds: ["`+variant+`"]) { version } }`)), "", 35*time.Second + closing, true},
	}
}

// outwaited keeps a connection until the server ends it, which it must.
func (p patient) outwaited(t *testing.T, url string) {
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Errorf("%s: %v", p.name, err)
		return
	}
	defer conn.Close()
	start := time.Now()
	_ = conn.SetDeadline(start.Add(3 * p.figure))
	over := make(chan error, 2)
	go func() {
		err := p.begin(conn)
		for p.drip != "" && err == nil {
			if p.reads {
				time.Sleep(500 * time.Millisecond)
			}
			_, err = io.WriteString(conn, p.drip)
		}
		if !p.reads {
			over <- err
		}
	}()
	if p.reads {
		_, err := io.Copy(io.Discard, bufio.NewReader(conn))
		over <- err
	}
	if err := <-over; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: it is still there after %v", p.name, time.Since(start))
	}
}
