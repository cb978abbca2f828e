package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
)

// socket is one client. It has two goroutines: live reads, and pump, from connection_ack on, sends what streams have. Each
// message has one more until it is dealt with, which is long for queries and mutations.
type socket struct {
	t             *WebSocket
	ws            *websocket.Conn
	line          *line
	exec          graphql.GraphExecutor
	authorization string // of the upgrade request

	base   context.Context    //nolint:containedctx // it has the values of the upgrade request, and no end
	ended  context.Context    //nolint:containedctx // base, until the socket is closed
	cancel context.CancelFunc // of ended

	closing sync.Once
	work    sync.WaitGroup // goroutines beside live
	handled chan *closure  // of each message: live reads on, or closes the socket
	turns   sync.Mutex     // held by who takes events from streams, and sends them
	slots   chan struct{}  // what is not released yet takes one; see subscribe
	queue   queue

	begun bool // connection_init has come; used by one message after the other

	mu           sync.Mutex // it is held while writing, so that what is decided and what is sent cannot differ
	acknowledged bool
	left         bool // nothing may be started any more
	draining     bool
	session      Session
	pulse        *time.Timer // for connection_init, then for pings
	expiry       *time.Timer
	ops          map[string]*operation // by id
	mutations    int                   // in flight
}

func newSocket(t *WebSocket, ws *websocket.Conn, l *line, exec graphql.GraphExecutor, r *http.Request) *socket {
	c := &socket{
		t: t, ws: ws, line: l, exec: exec, authorization: r.Header.Get("Authorization"),
		base:    context.WithoutCancel(r.Context()),
		handled: make(chan *closure),
		slots:   make(chan struct{}, 2*MaxOperations),
		queue:   queue{signal: make(chan struct{}, 1)},
		ops:     make(map[string]*operation),
	}
	c.ended, c.cancel = context.WithCancel(c.base)
	return c
}

// live reads until the socket ends, and returns when nothing of it is left.
func (c *socket) live() {
	defer c.t.remove(c)
	defer c.work.Wait()
	defer c.leave()
	if c.ws.Subprotocol() != subprotocol {
		c.close(codeSubprotocol, "Subprotocol not acceptable")
		return
	}
	c.after(&c.pulse, or(c.t.InitTimeout, initTimeout), func() {
		c.close(codeInitTimeout, "Connection initialisation timeout")
	})
	for c.ended.Err() == nil {
		text, end := c.receive()
		if end == nil {
			c.work.Go(func() { c.handle(text) })
			end = <-c.handled
		}
		if end != nil {
			c.close(end.code, end.reason)
		}
	}
	c.close(websocket.StatusNormalClosure, "") // or wait for the one who does
}

// leave ends what close has not ended; pump ends the operations.
func (c *socket) leave() {
	c.mu.Lock()
	c.left = true
	for _, timer := range []*time.Timer{c.pulse, c.expiry} {
		if timer != nil {
			timer.Stop()
		}
	}
	c.mu.Unlock()
	_ = c.ws.CloseNow()
}

// close sends a close frame, once, and waits for its answer: to hang up at once could lose the frame on its way. Who comes
// later waits as well.
func (c *socket) close(code websocket.StatusCode, reason string) {
	c.closing.Do(func() {
		c.cancel()
		_ = c.line.SetReadDeadline(time.Time{}) // of a message that is cut short
		// The library's own limits do not hold where the peer has stopped in the middle of a message. A peer that is only
		// slow gets what the kernel still has for it, and with it the close frame.
		hangUp := time.AfterFunc(or(c.t.CloseTimeout, closeTimeout), func() { _ = c.line.Close() })
		defer hangUp.Stop()
		_ = c.ws.Close(code, shortened(reason, maxReason)) // the peer may be gone
	})
}

// cut ends the socket without a word.
func (c *socket) cut() {
	c.cancel()
	c.line.cut()
}

// drain closes for a shutdown, as soon as no mutation is in flight.
func (c *socket) drain() {
	c.mu.Lock()
	c.draining = true
	idle := c.mutations == 0
	c.mu.Unlock()
	if idle {
		c.close(websocket.StatusGoingAway, shuttingDown)
	}
}

// after sets a timer, instead of the one that was there, unless the socket has ended.
func (c *socket) after(timer **time.Timer, wait time.Duration, f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *timer != nil {
		(*timer).Stop()
	}
	if !c.left {
		*timer = time.AfterFunc(wait, f)
	}
}

// receive waits for a message. While it waits it has no buffer but that of the line.
func (c *socket) receive() (*bytes.Buffer, *closure) {
	kind, reader, err := c.ws.Reader(c.base)
	if err != nil {
		return nil, ending(err)
	}
	if kind != websocket.MessageText {
		return nil, malformed("it must be text")
	}
	buffer := c.t.buffer()
	_ = c.line.SetReadDeadline(graphql.Now().Add(or(c.t.ReadTimeout, readTimeout)))
	if _, err := buffer.ReadFrom(reader); err != nil {
		return nil, ending(err)
	}
	_ = c.line.SetReadDeadline(time.Time{})
	return buffer, nil
}

// ending is what is answered when nothing more can be read. The library has answered some of it already; then this only
// waits for the peer.
func ending(err error) *closure {
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return &closure{websocket.StatusMessageTooBig, "Message too big"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return malformed("it did not arrive in time")
	default:
		return &closure{websocket.StatusProtocolError, "Protocol error"}
	}
}

// handle deals with one message, in a goroutine of its own: to parse takes far more stack than to wait for the next one,
// and the stack of a goroutine that waits stays as large as it once was.
func (c *socket) handle(text *bytes.Buffer) {
	m, end := parseMessage(text.Bytes())
	c.t.recycle(text)
	var rest func()
	if end == nil {
		rest, end = c.answer(m)
	}
	c.handled <- end
	if rest != nil {
		rest()
	}
}

// answer does what must be done before the next message is read. It returns what is left to do after that, or why the
// socket is to be closed.
func (c *socket) answer(m *message) (rest func(), end *closure) {
	switch m.kind {
	case typeInit:
		return c.begin(m.payload)
	case typePing:
		c.send(typePong, m.payload)
	case typeSubscribe:
		return c.subscribe(m)
	case typeComplete:
		c.complete(m.id)
	}
	return nil, nil // a pong has been heard by the line
}

// begin leaves the authentication for later: pings are answered meanwhile, and whatever needs the acknowledgement is
// refused.
func (c *socket) begin(payload json.RawMessage) (rest func(), end *closure) {
	if c.begun {
		return nil, &closure{codeTooManyInits, "Too many initialisation requests"}
	}
	authorization, end := authorizationOf(payload)
	if end != nil {
		return nil, end
	}
	c.begun = true
	c.after(&c.pulse, or(c.t.PingEvery, pingEvery), c.ping)
	if authorization == "" {
		authorization = c.authorization
	}
	c.authorization = "" // a token is large
	return func() {
		if end := c.authenticate(authorization); end != nil {
			c.close(end.code, end.reason)
		}
	}, nil
}

// authenticate acknowledges the connection, or tells why not.
func (c *socket) authenticate(authorization string) (end *closure) {
	defer func() {
		if caught := recover(); caught != nil {
			_ = c.recovered(c.ended, caught) // logged there
			end = &closure{codeInternal, "Internal server error"}
		}
	}()
	session, err := c.t.Begin(c.ended, authorization)
	if err != nil {
		return &closure{codeForbidden, "Forbidden"}
	}
	if session.Context == nil {
		session.Context = c.ended
	}
	if !session.ExpiresAt.IsZero() {
		now := graphql.Now
		if c.t.Now != nil {
			now = c.t.Now
		}
		left := session.ExpiresAt.Sub(now())
		if left <= 0 {
			return &closure{codeForbidden, "Token expired"}
		}
		c.after(&c.expiry, left, func() { c.close(codeForbidden, "Token expired") })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acknowledged, c.session = true, session
	c.write(typeAck, nil, nil)
	c.work.Go(func() { c.pump(session.Ended) })
	return nil
}

// ping asks the peer for a sign, and closes the socket if none comes: connections can end without anybody being told.
func (c *socket) ping() {
	every, patience := or(c.t.PingEvery, pingEvery), or(c.t.PingTimeout, pingTimeout)
	c.line.heard.Store(false)
	c.send(typePing, nil)
	c.after(&c.pulse, patience, func() {
		if !c.line.heard.Load() {
			c.close(codeTerminated, "Terminated: no answer to a ping")
			return
		}
		c.after(&c.pulse, max(0, every-patience), c.ping)
	})
}

// send sends a message that belongs to no operation.
func (c *socket) send(kind string, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(kind, nil, payload)
}

// write is called with the lock. The id, if there is one, and the payload are JSON. A reader that is stuck holds up those
// who wait to write to it, and nobody else, until it is cut.
func (c *socket) write(kind string, id, payload []byte) {
	if c.ended.Err() != nil {
		return
	}
	buffer := c.t.buffer()
	defer c.t.recycle(buffer)
	writeFrame(buffer, kind, id, payload)
	if err := c.line.send(buffer.Bytes()); err != nil && c.ended.Err() == nil {
		c.cut() // but not while close waits for its answer
	}
}
