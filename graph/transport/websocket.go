package transport

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"

	"holdfast/graph/guard"
	"holdfast/internal/clock"
	"holdfast/internal/fault"
)

// MaxOperations is how many operations one socket may have at once; one more is answered with RATE_LIMITED.
const MaxOperations = 50

// subprotocol is the only one that is spoken.
const subprotocol = "graphql-transport-ws"

const shuttingDown = "the server is shutting down"

// WebSocket serves queries, mutations and subscriptions by the graphql-transport-ws subprotocol, at the address of HTTP:
// it is added before HTTP. It belongs to one server, which calls Shutdown at its end, and must not be copied.
type WebSocket struct {
	// Begin authenticates a connection_init. Authorization is that of its payload, or else the header of the upgrade
	// request; "" for neither. The ctx has the values of the upgrade request and ends with the socket. An error closes the
	// socket with 4403 and is not shown.
	Begin func(ctx context.Context, authorization string) (Session, error)
	// Streams opens subscriptions.
	Streams Streams
	// Documents are those that requests may name.
	Documents Documents
	// Origins are hosts whose pages may open sockets, beside pages of the server's own host and beside clients that send no
	// Origin at all, as mini-programs do. An entry with a scheme, such as https://shop.example, allows only that scheme.
	Origins []string
	// Now is what sessions expire by; the system's clock unless set.
	Now clock.Clock

	// InitTimeout is how long a socket may be open without connection_init; 3 s unless set.
	InitTimeout time.Duration
	// ReadTimeout is how long the rest of a message may take once it has begun; 15 s unless set.
	ReadTimeout time.Duration
	// WriteTimeout is how long one write may take before the reader counts as stuck; 5 s unless set.
	WriteTimeout time.Duration
	// PingEvery is how often a ping is sent; 25 s unless set.
	PingEvery time.Duration
	// PingTimeout is how long a ping may remain without any sign of the peer; 10 s unless set.
	PingTimeout time.Duration
	// CloseTimeout is how long a peer may take to answer a close frame; 5 s unless set.
	CloseTimeout time.Duration
	// OperationTimeout is how long a query, a mutation, the opening of a stream and one event may take; 25 s unless set.
	OperationTimeout time.Duration

	payloads payloads
	senders  senders
	buffers  sync.Pool // of *bytes.Buffer

	mu      sync.Mutex
	sockets map[*socket]struct{}
	ended   chan struct{} // closed when the last socket is gone; nil until Shutdown
}

// Defaults of the fields of the same names.
const (
	initTimeout      = 3 * time.Second
	readTimeout      = 15 * time.Second
	writeTimeout     = 5 * time.Second
	pingEvery        = 25 * time.Second
	pingTimeout      = 10 * time.Second
	closeTimeout     = 5 * time.Second
	operationTimeout = 25 * time.Second
)

// Session is who a socket speaks for, from connection_ack on.
type Session struct {
	// Context is what every operation gets; nil for the ctx that Begin was given, from which it should come in any case.
	Context context.Context //nolint:containedctx // made by one call, Begin, for many others
	// ExpiresAt is when the socket is closed with 4403, so that the client comes back with a new token; zero for never.
	ExpiresAt time.Time
	// Ended is closed when the session is revoked, which closes the socket with 4403 as well; nil for never.
	Ended <-chan struct{}
}

// Streams opens the streams of subscriptions.
type Streams interface {
	// Open checks rights and starts a stream of the operation's one root field. The ctx carries the operation and ends with
	// it. Notify says that Take may have something new; it never blocks and may be called by anybody at any time, even
	// before Open returns and after Close. Take is called once in any case. An error ends the operation.
	Open(ctx context.Context, oc *graphql.OperationContext, notify func()) (Stream, error)
}

// Stream hands out events. Its methods are called one at a time, and must not block.
type Stream interface {
	// Take returns the newest event that was not taken yet, and is called again until there is none (ok is false). Done
	// means that nothing will follow, and an error that something went wrong: both end the operation.
	Take(ctx context.Context) (ev Event, ok, done bool, err error)
	// Close lets the stream go, whatever has ended the operation. It is called once.
	Close()
}

// Prompt is a Stream that tells whether the next Take waits for nothing: for no database, and no lock that is held for
// long. As long as it does not wait, one goroutine reads the streams of many sockets in turn.
type Prompt interface {
	Stream
	IsPrompt() bool
}

// Event is one response, to be executed and sent.
type Event struct {
	// Context puts the event where the resolver of the root field finds it, which returns a channel that holds just it.
	Context func(context.Context) context.Context
	// Share, unless nil, is a comparable value: the payloads of events with equal ones are the same, byte for byte, whoever
	// reads them, so that one of them is executed and encoded for all.
	Share any
}

var _ graphql.Transport = (*WebSocket)(nil)

// Supports is true for everything that asks for a WebSocket.
func (*WebSocket) Supports(r *http.Request) bool {
	for _, value := range r.Header.Values("Upgrade") {
		for token := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "websocket") {
				return true
			}
		}
	}
	return false
}

// Do opens a socket and returns: the socket lives on in goroutines of its own, or the buffers and the headers of the
// request, a third of what an idle socket takes, would live as long as it.
func (t *WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	if refused := t.admit(r); refused != nil {
		w.Header().Set("Content-Type", mediaJSON+"; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		refused.write(w)
		return
	}
	hijacker := &hijacker{ResponseWriter: w, timeout: or(t.WriteTimeout, writeTimeout)}
	ws, err := websocket.Accept(hijacker, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // admit has checked the origin; path patterns, as here, do not take IPv6 hosts
	})
	if err != nil {
		return // it has been answered
	}
	ws.SetReadLimit(guard.MaxBody)
	c := newSocket(t, ws, hijacker.line, exec, r)
	if t.add(c) {
		go c.live()
	} else {
		go c.close(websocket.StatusGoingAway, shuttingDown) // Shutdown was faster
	}
}

// admit refuses what must not become a socket.
func (t *WebSocket) admit(r *http.Request) *refusal {
	t.mu.Lock()
	ending := t.ended != nil
	t.mu.Unlock()
	if ending {
		refused := &refusal{status: http.StatusServiceUnavailable, code: fault.Overloaded, message: shuttingDown}
		return refused.with("Retry-After", "1")
	}
	for _, origin := range r.Header.Values("Origin") {
		if !t.allows(origin, r.Host) {
			return &refusal{status: http.StatusForbidden, code: fault.Forbidden, message: "this origin may not open a WebSocket"}
		}
	}
	return nil
}

// allows tells whether pages of origin may open sockets at host. Browsers always say the origin, and "null" where they
// will not tell it.
func (t *WebSocket) allows(origin, host string) bool {
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(u.Host, host) || slices.ContainsFunc(t.Origins, func(allowed string) bool {
		return strings.EqualFold(allowed, u.Host) || strings.EqualFold(allowed, u.Scheme+"://"+u.Host)
	})
}

func (t *WebSocket) add(c *socket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return false
	}
	if t.sockets == nil {
		t.sockets = make(map[*socket]struct{})
	}
	t.sockets[c] = struct{}{}
	return true
}

func (t *WebSocket) remove(c *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sockets, c)
	if t.ended != nil && len(t.sockets) == 0 {
		close(t.ended)
	}
}

// Sockets is how many are open.
func (t *WebSocket) Sockets() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sockets)
}

// Shutdown refuses new sockets and closes the open ones with 1001, each as soon as its mutations in flight are answered.
// It returns when all are gone. When ctx ends first, it cuts those that are left and returns an error.
func (t *WebSocket) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	if t.ended == nil {
		t.ended = make(chan struct{})
		if len(t.sockets) == 0 {
			close(t.ended)
		}
	}
	ended := t.ended
	for c := range t.sockets {
		go c.drain() // each waits for its peer
	}
	t.mu.Unlock()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.sockets {
		c.cut()
	}
	return fmt.Errorf("close %d sockets: %w", len(t.sockets), ctx.Err())
}

// or is value, unless it is not set.
func or(value, standard time.Duration) time.Duration {
	if value == 0 {
		return standard
	}
	return value
}
