package testdb

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Cable is what lies between a server and its MySQL, and may go wrong. It holds bytes back rather than dropping them, as a network
// does that loses and repeats them; no proxy off the shelf knows where a COMMIT is.
type Cable struct {
	upstream string
	listener net.Listener

	mu      sync.Mutex
	changed *sync.Cond
	links   map[*link]bool
	delay   time.Duration // of each request
	hole    bool          // nothing passes, nothing is closed
	closed  bool
	cutAt   CommitCut
	cuts    int // how many more COMMITs are cut
	every   int // of so many one
	commits int
}

// CommitCut is where a connection is reset.
type CommitCut int

// The places.
const (
	BeforeCommit CommitCut = iota + 1 // it never arrives
	BeforeAnswer                      // it arrives, and its answer does not
)

// link is one connection through the cable.
type link struct {
	down, up       net.Conn // to the server under test, to MySQL
	deadUp         bool     // what the server says does not arrive
	deadDown       bool     // what MySQL says does not
	waitsForAnswer bool     // to cut it
}

// NewCable puts a cable in front of the MySQL of a source, and returns the source behind it.
func NewCable(t *testing.T, source string) (*Cable, string) {
	t.Helper()
	u, err := url.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cable{upstream: u.Host, links: map[*link]bool{}}
	c.changed = sync.NewCond(&c.mu)
	c.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { c.accept(t.Context(), &all) })
	t.Cleanup(func() {
		_ = c.listener.Close()
		c.change(func() {
			c.closed = true
			for l := range c.links {
				l.close()
			}
		})
		all.Wait()
	})
	u.Host = c.listener.Addr().String()
	return c, u.String()
}

// change changes the weather.
func (c *Cable) change(how func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	how()
	c.changed.Broadcast()
}

// Slow delays each request.
func (c *Cable) Slow(delay time.Duration) { c.change(func() { c.delay = delay }) }

// Swallow lets nothing pass, and closes nothing, until it is told to stop; then all that was held back goes on.
func (c *Cable) Swallow(on bool) { c.change(func() { c.hole = on }) }

// Halve kills one direction of every connection that there is. Its ends are not told.
func (c *Cable) Halve(up bool) {
	c.change(func() {
		for l := range c.links {
			l.deadUp, l.deadDown = l.deadUp || up, l.deadDown || !up
		}
	})
}

// Cut resets so many of the COMMITs to come: each, or one of every few, so that trying again helps.
func (c *Cable) Cut(at CommitCut, every, times int) {
	c.change(func() { c.cutAt, c.every, c.cuts = at, every, times })
}

// Left is how many COMMITs are still to be cut.
func (c *Cable) Left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

func (c *Cable) accept(ctx context.Context, all *sync.WaitGroup) {
	for {
		down, err := c.listener.Accept()
		if err != nil {
			return
		}
		up, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", c.upstream)
		if err != nil {
			reset(down) // as if it had been refused
			continue
		}
		l := &link{down: down, up: up}
		c.change(func() {
			if c.links[l] = true; c.closed {
				l.close()
			}
		})
		all.Go(func() { c.carry(l, l.down, l.up, true) })
		all.Go(func() { c.carry(l, l.up, l.down, false) })
	}
}

// carry takes bytes one way until either end has closed.
func (c *Cable) carry(l *link, from, to net.Conn, up bool) {
	defer c.change(func() {
		delete(c.links, l)
		l.close()
	})
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		if err != nil || !c.pass(l, chunk[:n], up) {
			return
		}
		if _, err := to.Write(chunk[:n]); err != nil {
			return
		}
	}
}

// commit is the packet of a COMMIT: its length, its number, COM_QUERY, the text.
const commit = "\x07\x00\x00\x00\x03COMMIT"

// pass holds bytes back as long as the weather wants it, and tells whether they go on.
func (c *Cable) pass(l *link, chunk []byte, up bool) bool {
	c.mu.Lock()
	delay := c.delay
	c.mu.Unlock()
	if up && delay > 0 {
		time.Sleep(delay)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.links[l] && (c.hole || up && l.deadUp || !up && l.deadDown) {
		c.changed.Wait()
	}
	isCommit := up && string(chunk) == commit
	if isCommit {
		c.commits++
	}
	switch {
	case isCommit && c.cuts > 0 && c.commits%c.every == 0:
		c.cuts--
		l.waitsForAnswer = c.cutAt == BeforeAnswer
		return l.waitsForAnswer
	case !up && l.waitsForAnswer:
		return false
	}
	return c.links[l]
}

// close resets both ends.
func (l *link) close() {
	reset(l.down)
	reset(l.up)
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
