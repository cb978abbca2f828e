package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"holdfast/graph/guard"
	"holdfast/graph/transport"
	"holdfast/graph/transport/wstest"
)

// eventually waits for three times the figure at most.
func eventually(t *testing.T, figure time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * figure); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %s: %s", 3*figure, what)
		}
	}
}

// wantClosed checks the code and the reason of a close frame.
func wantClosed(t *testing.T, c *wstest.Client, code int, reason string) {
	t.Helper()
	if gotCode, gotReason := c.Closed(); gotCode != code || gotReason != reason {
		t.Errorf("closed with %d %q, want %d %q", gotCode, gotReason, code, reason)
	}
}

// wantBrief checks what comes next.
func wantBrief(t *testing.T, c *wstest.Client, want ...string) {
	t.Helper()
	for _, text := range want {
		if got := brief(t, c); got != text {
			t.Fatalf("%s came, want %s", got, text)
		}
	}
}

// TestReasons are the words of close frames that the protocol gives.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		send   []string
		code   int
		reason string
	}{
		{[]string{sub("1", "{ hello }")}, 4401, "Unauthorized"},
		{[]string{`{"type":"connection_init","payload":{"authorization":"Bearer slow"}}`, connectionInit}, 4429, "Too many initialisation requests"},
		{[]string{`{"type":"connection_init","payload":{"authorization":"Bearer bad"}}`}, 4403, "Forbidden"},
		{[]string{`{"type":"hunter2"}`}, 4400, "Invalid message: unknown type, or one that only servers send"},
	} {
		server, _ := newLive(t)
		c := wstest.Dial(t, server.URL, nil)
		for _, text := range tc.send {
			c.SendText(text)
		}
		wantClosed(t, c, tc.code, tc.reason)
	}
	server, _ := newLive(t)
	for id, shown := range map[string]string{"1": "1", "ü<>": "ü<>", strings.Repeat("é", 60): strings.Repeat("é", 45) + "…"} {
		c := wstest.Connect(t, server.URL, "")
		c.Subscribe(id, "subscription { silent }", "")
		c.Subscribe(id, "subscription { silent }", "")
		wantClosed(t, c, 4409, "Subscriber for "+shown+" already exists")
	}
}

func TestSubprotocolIsRequired(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t)
	for name, offered := range map[string][]string{
		"none": nil, "the legacy one": {"graphql-ws"}, "another": {"mqtt", "soap"}, "in capitals": {"GRAPHQL-TRANSPORT-WS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := wstest.Dial(t, server.URL, &websocket.DialOptions{Subprotocols: offered})
			c.SendText(connectionInit)
			wantClosed(t, c, 4406, "Subprotocol not acceptable")
		})
	}
	c := wstest.Dial(t, server.URL, &websocket.DialOptions{Subprotocols: []string{"graphql-ws", wstest.Subprotocol}})
	if got := c.Conn.Subprotocol(); got != wstest.Subprotocol {
		t.Errorf("of two %q is chosen", got)
	}
	c.Init("")
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t, func(l *live) {
		l.transport.Origins = []string{"shop.example", "https://admin.example:8443", "[::1]:3000"}
	})
	for origin, allowed := range map[string]bool{
		"":                             true,
		server.URL:                     true,
		"https://shop.example":         true,
		"http://SHOP.example":          true,
		"https://admin.example:8443":   true,
		"http://[::1]:3000":            true,
		"http://admin.example:8443":    false,
		"https://shop.example:444":     false,
		"https://evil.example":         false,
		"https://shop.example.evil":    false,
		"https://evil-shop.example":    false,
		"null":                         false,
		"file://":                      false,
		"shop.example":                 false,
		"http://127.0.0.1":             false,
		"https://evil.example/" + "%z": false,
	} {
		options := &websocket.DialOptions{Subprotocols: []string{wstest.Subprotocol}, HTTPHeader: http.Header{}}
		if origin != "" {
			options.HTTPHeader.Set("Origin", origin)
		}
		c, err := wstest.TryDial(t, server.URL, options)
		switch {
		case allowed && err != nil:
			t.Errorf("Origin %q: %v", origin, err)
		case allowed:
			c.Init("")
		case err == nil:
			t.Errorf("Origin %q is let in", origin)
		case !strings.Contains(err.Error(), "status 403"):
			t.Errorf("Origin %q: %v, want 403", origin, err)
		}
	}
}

// TestUpgradesThatAreNone are answered by HTTP.
func TestUpgradesThatAreNone(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t)
	upgrade := map[string]string{"Connection": "keep-alive, Upgrade", "Upgrade": "WebSocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, tc := range []struct {
		name, method, header, value string
		status                      int
	}{
		{"POST", "POST", "Sec-WebSocket-Version", "13", http.StatusMethodNotAllowed},
		{"no Connection", "GET", "Connection", "keep-alive", http.StatusUpgradeRequired},
		{"an old version", "GET", "Sec-WebSocket-Version", "8", http.StatusBadRequest},
		{"a key that is none", "GET", "Sec-WebSocket-Key", "x", http.StatusBadRequest},
		{"another protocol is plain HTTP", "GET", "Upgrade", "h2c", http.StatusBadRequest},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range upgrade {
			req.Header.Set(name, value)
		}
		req.Header.Set(tc.header, tc.value)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.status {
			t.Errorf("%s: status %d, want %d", tc.name, resp.StatusCode, tc.status)
		}
	}
}

// TestAuthorization: the payload's goes before the header's.
func TestAuthorization(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t)
	for _, tc := range []struct{ header, payload, want string }{
		{"", "", `""`},
		{"", `{"authorization":"Bearer a"}`, `"Bearer a"`},
		{"", `{"Authorization":"Bearer a"}`, `"Bearer a"`},
		{"Bearer h", "", `"Bearer h"`},
		{"Bearer h", `{"other":1}`, `"Bearer h"`},
		{"Bearer h", `{"authorization":null}`, `"Bearer h"`},
		{"Bearer h", `{"authorization":""}`, `"Bearer h"`},
		{"Bearer bad", `{"authorization":"Bearer a"}`, `"Bearer a"`},
	} {
		options := &websocket.DialOptions{Subprotocols: []string{wstest.Subprotocol}, HTTPHeader: http.Header{}}
		if tc.header != "" {
			options.HTTPHeader.Set("Authorization", tc.header)
		}
		c := wstest.Dial(t, server.URL, options)
		c.Init(tc.payload)
		c.Subscribe("1", "{ who }", "")
		wantBrief(t, c, `next 1 {"who":`+tc.want+`}`)
	}
}

func TestBinaryMessages(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	if err := c.Conn.Write(t.Context(), websocket.MessageBinary, []byte(pingMessage)); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, c, 4400, "Invalid message: it must be text")
}

func TestMessageSizes(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t)
	pad := func(size int) string {
		return fmt.Sprintf(`{"type":"ping","x":%q}`, strings.Repeat("x", size-len(`{"type":"ping","x":""}`)))
	}
	c := wstest.Connect(t, server.URL, "")
	c.SendText(pad(guard.MaxBody))
	wantBrief(t, c, "pong")
	c.SendText(pad(guard.MaxBody + 1))
	if code, _ := c.Closed(); code != 1009 {
		t.Errorf("a message of 256 KiB and a byte closes with %d, want 1009", code)
	}
	// Fragments are one message.
	c = wstest.Connect(t, server.URL, "")
	w, err := c.Conn.Writer(t.Context(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`{"type"`, ``, `:"pi`, `ng"}`} {
		_, _ = w.Write([]byte(part))
	}
	_ = w.Close()
	wantBrief(t, c, "pong")
}

// TestInitTimeout: a socket without ConnectionInit is closed with 4408, also when it is not silent, and one with it is not.
func TestInitTimeout(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t, func(l *live) { l.transport.InitTimeout = time.Second })
	start := time.Now()
	early, late := wstest.Connect(t, server.URL, ""), wstest.Dial(t, server.URL, nil)
	late.SendText(pingMessage)
	wantBrief(t, late, "pong")
	wantClosed(t, late, 4408, "Connection initialisation timeout")
	if took := time.Since(start); took < time.Second || took > 3*time.Second {
		t.Errorf("closed after %s", took)
	}
	early.SendText(pingMessage)
	wantBrief(t, early, "pong")
}

// TestWhileBeginTakesTime: nothing is acknowledged yet, but the socket answers.
func TestWhileBeginTakesTime(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 3)
	server, _ := newLive(t, func(l *live) {
		l.transport.InitTimeout = 500 * time.Millisecond
		l.transport.Begin = func(ctx context.Context, _ string) (transport.Session, error) {
			<-ctx.Done()
			ended <- struct{}{}
			return transport.Session{}, ctx.Err()
		}
	})
	for text, code := range map[string]int{sub("1", "{ hello }"): 4401, connectionInit: 4429, "x": 4400} {
		c := wstest.Dial(t, server.URL, nil)
		c.SendText(connectionInit)
		time.Sleep(600 * time.Millisecond) // past InitTimeout, which is over with ConnectionInit
		c.SendText(pingMessage)
		wantBrief(t, c, "pong")
		c.SendText(text)
		if got, _ := c.Closed(); got != code {
			t.Errorf("%s closes with %d, want %d", text, got, code)
		}
		<-ended // the ctx of Begin ends with the socket
	}
}

func TestPings(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t, func(l *live) {
		l.transport.PingEvery, l.transport.PingTimeout = time.Second, time.Second
	})
	c := wstest.Connect(t, server.URL, "")
	c.ShowPings = true
	start := time.Now()
	for _, sign := range []string{`{"type":"pong"}`, `{"type":"ping"}`, `{"type":"complete","id":"1"}`} {
		wantBrief(t, c, "ping")
		c.SendText(sign)
		if sign == pingMessage {
			wantBrief(t, c, "pong")
		}
	}
	wantBrief(t, c, "ping")
	if took := time.Since(start); took < 4*time.Second || took > 12*time.Second {
		t.Errorf("four pings took %s, want 4 s", took)
	}
	wantClosed(t, c, 4499, "Terminated: no answer to a ping")
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var left time.Duration
	server, l := newLive(t, func(l *live) {
		l.transport.Now = func() time.Time { return now }
		l.transport.Begin = func(context.Context, string) (transport.Session, error) {
			return transport.Session{ExpiresAt: now.Add(left)}, nil
		}
	})
	left = 200 * time.Millisecond
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("1", "subscription { silent }", "")
	start := time.Now()
	wantClosed(t, c, 4403, "Token expired")
	if took := time.Since(start); took < 100*time.Millisecond || took > 600*time.Millisecond {
		t.Errorf("closed after %s", took)
	}
	eventually(t, time.Second, "the stream is closed", func() bool { return l.open.Load() == 0 })
	left = 0
	c = wstest.Dial(t, server.URL, nil)
	c.SendText(connectionInit)
	wantClosed(t, c, 4403, "Token expired")
}

// TestSessionEnds closes sockets that are idle, and ones that are busy in both directions: their close frames must arrive.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	server, l := newLive(t, func(l *live) {
		l.transport.Begin = func(context.Context, string) (transport.Session, error) {
			return transport.Session{Ended: ended}, nil
		}
	})
	idle := wstest.Connect(t, server.URL, "")
	var busy []*wstest.Client
	for range 20 {
		c := wstest.Connect(t, server.URL, "")
		c.Subscribe("1", "subscription { flood(size: 2000) }", "")
		c.Next()
		busy = append(busy, c)
	}
	close(ended)
	var wg sync.WaitGroup
	for _, c := range busy {
		wg.Go(func() {
			for range 100 {
				c.SendText(`{"type":"pong"}`)
			}
		})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), wstest.Patience)
			defer cancel()
			var err error
			for err == nil {
				_, err = c.Read(ctx)
			}
			if code := websocket.CloseStatus(err); code != 4403 {
				t.Errorf("closed with %d (%v), want 4403", code, err)
			}
		})
	}
	wantClosed(t, idle, 4403, "Session ended")
	wg.Wait()
	eventually(t, time.Second, "the streams are closed", func() bool { return l.open.Load() == 0 })
}
