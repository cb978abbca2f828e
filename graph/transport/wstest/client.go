// Package wstest is a client of the graphql-transport-ws subprotocol for tests: one that can also do what no good client
// does.
package wstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Subprotocol is the one that servers want.
const Subprotocol = "graphql-transport-ws"

// Patience is how long a Client waits for what must come.
const Patience = 15 * time.Second

// Message is one of the subprotocol.
type Message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// String is the message as JSON.
func (m Message) String() string {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Sprintf("%s %s: %v", m.Type, m.ID, err)
	}
	return string(text)
}

// Client is one socket. It answers pings when told to read; its methods are for one goroutine, but Send is for any.
type Client struct {
	tb testing.TB
	// Conn is the socket itself.
	Conn *websocket.Conn
	// ShowPings hands pings out as messages instead of answering them.
	ShowPings bool
}

// Dial opens a socket and does nothing more. The address may begin with http. The socket is cut at the end of the test.
func Dial(tb testing.TB, address string, options *websocket.DialOptions) *Client {
	tb.Helper()
	c, err := TryDial(tb, address, options)
	if err != nil {
		tb.Fatalf("dial: %v", err)
	}
	return c
}

// TryDial is Dial for an attempt that may fail.
func TryDial(tb testing.TB, address string, options *websocket.DialOptions) (*Client, error) {
	tb.Helper()
	if options == nil {
		options = &websocket.DialOptions{Subprotocols: []string{Subprotocol}}
	}
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(address, "http"), options) //nolint:bodyclose // the library says not to
	if err != nil {
		if resp != nil {
			err = errors.Join(fmt.Errorf("status %d", resp.StatusCode), err)
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		tb.Errorf("status %d, want 101", resp.StatusCode)
	}
	conn.SetReadLimit(-1)
	tb.Cleanup(func() { _ = conn.CloseNow() })
	return &Client{tb: tb, Conn: conn}, nil
}

// Connect opens a socket that is ready for operations, with a payload of connection_init such as
// {"authorization":"Bearer …"}, or "".
func Connect(tb testing.TB, address, payload string) *Client {
	tb.Helper()
	c := Dial(tb, address, nil)
	c.Init(payload)
	return c
}

// Init sends connection_init and waits for connection_ack.
func (c *Client) Init(payload string) {
	c.tb.Helper()
	c.Send(Message{Type: "connection_init", Payload: json.RawMessage(payload)})
	if got := c.Next(); got.Type != "connection_ack" {
		c.tb.Fatalf("connection_init is answered with %s", got)
	}
}

// Send sends one message.
func (c *Client) Send(m Message) {
	c.tb.Helper()
	c.SendText(m.String())
}

// SendText sends what need not be a message. A socket that is closed already is not told.
func (c *Client) SendText(text string) {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(c.tb.Context(), Patience)
	defer cancel()
	_ = c.Conn.Write(ctx, websocket.MessageText, []byte(text))
}

// Subscribe asks for an operation; variables are JSON, or "".
func (c *Client) Subscribe(id, query, variables string) {
	c.tb.Helper()
	payload := map[string]any{"query": query}
	if variables != "" {
		payload["variables"] = json.RawMessage(variables)
	}
	text, err := json.Marshal(payload)
	if err != nil {
		c.tb.Fatalf("encode payload: %v", err)
	}
	c.Send(Message{ID: id, Type: "subscribe", Payload: text})
}

// Complete stops an operation.
func (c *Client) Complete(id string) {
	c.tb.Helper()
	c.Send(Message{ID: id, Type: "complete"})
}

// Read waits for the next message, or for the end of the socket.
func (c *Client) Read(ctx context.Context) (Message, error) {
	for {
		_, text, err := c.Conn.Read(ctx)
		if err != nil {
			return Message{}, fmt.Errorf("read: %w", err)
		}
		var m Message
		if err := json.Unmarshal(text, &m); err != nil {
			return Message{}, fmt.Errorf("%q is no message: %w", text, err)
		}
		if m.Type != "ping" || c.ShowPings {
			return m, nil
		}
		c.Send(Message{Type: "pong", Payload: m.Payload})
	}
}

// Next is the next message, which must come.
func (c *Client) Next() Message {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(c.tb.Context(), Patience)
	defer cancel()
	m, err := c.Read(ctx)
	if err != nil {
		c.tb.Fatalf("there is no message: %v", err)
	}
	return m
}

// Closed waits for the end of the socket, which must be the next that comes, and returns the code and the reason of its
// close frame. The code is -1 where it ended without one.
func (c *Client) Closed() (code int, reason string) {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(c.tb.Context(), Patience)
	defer cancel()
	m, err := c.Read(ctx)
	switch closed, ok := errors.AsType[websocket.CloseError](err); {
	case err == nil:
		c.tb.Fatalf("%s came, and no end", m)
		return 0, ""
	case ctx.Err() != nil:
		c.tb.Fatalf("the socket is not closed after %s", Patience)
		return 0, ""
	case ok:
		return int(closed.Code), closed.Reason
	default:
		return -1, err.Error()
	}
}
