package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"holdfast/graph/transport/wstest"
)

// socket is a WebSocket of one user. It reads all the time, so that waiting for a message does not end it.
type socket struct {
	*wstest.Client
	t    *testing.T
	mail chan wstest.Message // closed at the end
	code int                 // of the close frame, or -1; set before mail is closed
	kept map[string][]wstest.Message
}

// dialOptions are those of c's sockets.
func (c *client) dialOptions() *websocket.DialOptions {
	return &websocket.DialOptions{Subprotocols: []string{wstest.Subprotocol}, HTTPHeader: http.Header{"Accept-Language": {c.language}}}
}

// initPayload is what c says in connection_init.
func (c *client) initPayload() string {
	if c.token == "" {
		return ""
	}
	return `{"authorization":"Bearer ` + c.token + `"}`
}

// socket opens one that is ready for operations.
func (c *client) socket(t *testing.T) *socket {
	t.Helper()
	return c.socketWith(t, c.dialOptions())
}

func (c *client) socketWith(t *testing.T, options *websocket.DialOptions) *socket {
	t.Helper()
	s := &socket{
		Client: wstest.Dial(t, c.world.url+"/graphql", options), t: t,
		mail: make(chan wstest.Message, 4096), kept: make(map[string][]wstest.Message),
	}
	s.Init(c.initPayload())
	go s.read()
	t.Cleanup(func() {
		_ = s.Conn.CloseNow()
		for range s.mail { // until it has ended
		}
	})
	return s
}

func (s *socket) read() {
	defer close(s.mail)
	for {
		m, err := s.Read(s.t.Context())
		if err != nil {
			s.code = -1
			if closed, ok := errors.AsType[websocket.CloseError](err); ok {
				s.code = int(closed.Code)
			}
			return
		}
		s.mail <- m
	}
}

// patience is how long a test waits for what comes at once, or within a second from another process: three times that.
const patience = 3 * time.Second

// try waits for the next message of an operation; ok is false when none came in time.
func (s *socket) try(id string, wait time.Duration) (m wstest.Message, ok bool) {
	s.t.Helper()
	if list := s.kept[id]; len(list) > 0 {
		s.kept[id] = list[1:]
		return list[0], true
	}
	end := time.After(wait)
	for {
		select {
		case m, open := <-s.mail:
			if !open {
				s.t.Fatalf("the socket was closed with %d", s.code)
			}
			if m.ID == id {
				return m, true
			}
			s.kept[m.ID] = append(s.kept[m.ID], m)
		case <-end:
			return m, false
		}
	}
}

// next is the next message of an operation, of this type.
func (s *socket) next(id, kind string) json.RawMessage {
	s.t.Helper()
	m, ok := s.try(id, patience)
	if !ok {
		s.t.Fatalf("nothing of %s came in %v", id, patience)
	}
	if m.Type != kind {
		s.t.Fatalf("%s came, want %s of %s", m, kind, id)
	}
	return m.Payload
}

// closedWith waits for the end of the socket. What came before it is lost.
func (s *socket) closedWith(within time.Duration) int {
	s.t.Helper()
	end := time.After(within)
	for {
		select {
		case _, open := <-s.mail:
			if !open {
				return s.code
			}
		case <-end:
			s.t.Fatalf("the socket is still open after %v", within)
		}
	}
}

// watch subscribes under a new id and returns it.
func (s *socket) watch(query string, v vars) string {
	s.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	id := unique("watch")
	s.Subscribe(id, query, string(text))
	return id
}

// Subscriptions of everything that T has.
const (
	watchStocks = `subscription($ids: [ID!]!) { stockChanged(variantIds: $ids) ` + stockFields + ` }`
	watchShop   = `subscription($shop: ID!, $low: Boolean) { shopStockChanged(shopId: $shop, onlyLow: $low) ` + stockFields + ` }`
	watchOrder  = `subscription($id: ID!) { orderChanged(orderId: $id) ` + orderFields + ` }`
)

// told is the next event of a subscription, which must be a good one.
func told[T any](s *socket, id string) T {
	s.t.Helper()
	return event[T](s.t, s.next(id, "next"))
}

// event decodes a payload of one root field.
func event[T any](t *testing.T, payload json.RawMessage) T {
	t.Helper()
	var got answer
	if err := json.Unmarshal(payload, &got); err != nil || len(got.Errors) > 0 {
		t.Fatalf("event %s (%v)", payload, err)
	}
	for _, v := range decode[map[string]T](t, got) {
		return v
	}
	t.Fatalf("event %s", payload)
	panic("unreachable")
}

// refused waits for an operation's end by the error BAD_REQUEST, and returns it.
func (s *socket) refused(id string) requestError {
	s.t.Helper()
	payload := s.next(id, "error")
	var list []requestError
	if err := json.Unmarshal(payload, &list); err != nil || len(list) != 1 || list[0].Extensions.Code != "BAD_REQUEST" {
		s.t.Fatalf("refused with %s, want BAD_REQUEST (%v)", payload, err)
	}
	return list[0]
}

// ran is the answer to a query or a mutation over the socket.
func (s *socket) ran(query string, v vars) answer {
	s.t.Helper()
	id := s.watch(query, v)
	var got answer
	payload := s.next(id, "next")
	if err := json.Unmarshal(payload, &got); err != nil {
		s.t.Fatalf("answer %s: %v", payload, err)
	}
	got.Status, got.Body = http.StatusOK, bytes.Clone(payload)
	s.next(id, "complete")
	return got
}
