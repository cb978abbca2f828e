package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// Buffers that a socket has while it is idle. What is larger is read and written past them. The write buffer takes a
// usual event, with its frame, into one packet.
const (
	readBuffer  = 512
	writeBuffer = 1024
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

// Write fails when it takes too long.
func (l *line) Write(b []byte) (int, error) {
	if err := l.SetWriteDeadline(graphql.Now().Add(l.timeout)); err != nil {
		return 0, fmt.Errorf("set deadline: %w", err)
	}
	return l.Conn.Write(b)
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
	if tcp, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(kernelBuffer) // a refusal only costs memory
	}
	return h.line, bufio.NewReadWriter(bufio.NewReaderSize(h.line, readBuffer), bufio.NewWriterSize(h.line, writeBuffer)), nil
}
