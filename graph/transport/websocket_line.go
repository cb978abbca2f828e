package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// Buffers that a socket has while it is idle. What is larger is read and written past them. The write buffer takes a
// control frame whole: the library writes nothing else.
const (
	readBuffer  = 512
	writeBuffer = 128
	// kernelBuffer is how much the kernel keeps for a slow reader: events there are no longer replaced by newer ones.
	kernelBuffer = 64 << 10
	// maxKept is how large the buffers are that one message leaves for another.
	maxKept = 16 << 10
)

// line is the network connection of a socket.
type line struct {
	net.Conn
	timeout time.Duration // of one write
	early   []byte        // what the client sent before the connection was ours
	heard   atomic.Bool   // something has come since it was last unset

	raw  syscall.RawConn // nil when it is not the kernel that is written to, as with TLS
	once func(fd uintptr) bool

	mu     sync.Mutex // held while writing
	rest   []byte     // of a frame that the kernel has taken in part: it comes before anything else
	closed bool       // a close frame was sent: there is nothing after it
	broken error      // of a write: a frame may have been cut short

	// These are of offer.
	offered []byte
	taken   int
}

// Read notes that the peer is there.
func (l *line) Read(b []byte) (int, error) {
	if len(l.early) > 0 {
		n := copy(b, l.early)
		l.early = l.early[n:]
		return n, nil
	}
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.heard.Store(true)
	}
	return n, err
}

// Write is for the library, which writes control frames alone, each in one piece.
func (l *line) Write(b []byte) (int, error) {
	const ofClose = 8
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = l.closed || b[0]&0x0f == ofClose
	return len(b), l.write(b)
}

// send writes a frame with a message, and fails when that takes too long.
func (l *line) send(frame []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil // for nobody
	}
	return l.write(frame)
}

// flush writes what offer has left.
func (l *line) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) == 0 {
		return nil
	}
	return l.write(nil)
}

// write is called with the lock.
func (l *line) write(b []byte) (err error) {
	if l.broken != nil {
		return l.broken
	}
	defer func() { l.broken = err }()
	if err := l.SetWriteDeadline(graphql.Now().Add(l.timeout)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	defer func() { _ = l.SetWriteDeadline(time.Time{}) }() // or offer fails once it is over
	if len(l.rest) > 0 {
		rest := l.rest
		l.rest = nil
		if _, err := l.Conn.Write(rest); err != nil {
			return err
		}
	}
	if len(b) == 0 {
		return nil
	}
	_, err = l.Conn.Write(b)
	return err
}

// offers makes offer work where it is the kernel that is written to.
func (l *line) offers() (err error) {
	if plain, ok := l.Conn.(syscall.Conn); ok {
		if l.raw, err = plain.SyscallConn(); err != nil {
			return fmt.Errorf("reach the connection: %w", err)
		}
		l.once = l.tryOnce // made once, or each write would make it
	}
	return nil
}

// offer writes a frame if that can be done without waiting. What is taken in part has a rest, which flush writes.
func (l *line) offer(frame []byte) (taken, rest bool) {
	if l.raw == nil || !l.mu.TryLock() {
		return false, false
	}
	defer l.mu.Unlock()
	if l.closed || l.broken != nil || len(l.rest) > 0 {
		return false, false
	}
	l.offered, l.taken = frame, 0
	err := l.raw.Write(l.once)
	l.offered = nil
	if err != nil || l.taken <= 0 {
		return false, false // it is full; or broken, as send will find
	}
	l.rest = bytes.Clone(frame[l.taken:])
	return true, len(l.rest) > 0
}

// tryOnce has the kernel take as much as it has room for.
func (l *line) tryOnce(fd uintptr) bool {
	l.taken, _ = writeNow(fd, l.offered) // send will find what is wrong
	return true
}

// cut ends the connection at once, and whatever the peer has not read is forgotten.
func (l *line) cut() {
	if tcp, ok := l.Conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = l.Close()
}

// buffer is an empty one, to be given back to recycle.
func (t *WebSocket) buffer() *bytes.Buffer {
	if buffer, ok := t.buffers.Get().(*bytes.Buffer); ok {
		return buffer
	}
	return new(bytes.Buffer)
}

// recycle keeps buffers of a usual size.
func (t *WebSocket) recycle(buffer *bytes.Buffer) {
	if buffer.Cap() <= maxKept {
		buffer.Reset()
		t.buffers.Put(buffer)
	}
}

// hijacker gives the WebSocket library a line with small buffers instead of net/http's.
type hijacker struct {
	http.ResponseWriter
	timeout time.Duration
	line    *line
}

// Hijack takes the connection from the server.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take connection over: %w", err)
	}
	early, _ := buffered.Peek(buffered.Reader.Buffered()) // it cannot fail for what is there
	h.line = &line{Conn: conn, timeout: h.timeout, early: bytes.Clone(early)}
	if err := h.line.offers(); err != nil {
		return nil, nil, err
	}
	if tcp, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(kernelBuffer) // a refusal only costs memory
	}
	return h.line, bufio.NewReadWriter(bufio.NewReaderSize(h.line, readBuffer), bufio.NewWriterSize(h.line, writeBuffer)), nil
}
