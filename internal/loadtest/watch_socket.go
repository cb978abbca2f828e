package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast/internal/typeid"
)

// watcher is a socket that speaks graphql-transport-ws. It reads frames itself and looks at no more of a message than it
// must: it shares the machine with what is measured.
type watcher struct {
	raw net.Conn // until the crowd reads it
	fd  int      // from then on
	buf []byte   // read and not yet looked at

	messages, bytes, version atomic.Int64

	took []time.Duration // from commit to here
}

const (
	watchQuery     = `subscription($ids: [ID!]!) { stockChanged(variantIds: $ids) { variantId available isLow version changedAt } }`
	watchBuffer    = 2 << 10
	watchChangedAt = "2006-01-02T15:04:05.999999Z07:00"
)

// openWatcher connects, and subscribes to one variant.
func openWatcher(ctx context.Context, addr string, v typeid.Variant) (_ *watcher, err error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	w := &watcher{raw: raw, buf: make([]byte, 0, watchBuffer)}
	defer func() {
		if err != nil {
			_ = raw.Close()
		}
	}()
	if err := raw.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return nil, err
	}
	key := base64.StdEncoding.EncodeToString([]byte(rand.Text()[:16]))
	if _, err := fmt.Fprintf(raw, "GET /graphql HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n", addr, key); err != nil {
		return nil, err
	}
	if err := w.upgraded(); err != nil {
		return nil, err
	}
	if err := w.send(map[string]any{"type": "connection_init"}); err != nil {
		return nil, err
	}
	if text, err := w.next(); err != nil || !bytes.Contains(text, []byte(`"connection_ack"`)) {
		return nil, errors.Join(fmt.Errorf("want connection_ack, got %s", text), err)
	}
	if err := w.send(map[string]any{"id": operationID(), "type": "subscribe", "payload": map[string]any{
		"query": watchQuery, "variables": map[string]any{"ids": []typeid.Variant{v}},
	}}); err != nil {
		return nil, err
	}
	return w, raw.SetDeadline(time.Time{})
}

// operationID is a UUID, as graphql-ws's own client makes one for each operation: no two sockets are sent the same bytes.
func operationID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// upgraded reads the answer to the upgrade request.
func (w *watcher) upgraded() error {
	for {
		if head, rest, ok := bytes.Cut(w.buf, []byte("\r\n\r\n")); ok {
			if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
				return fmt.Errorf("no WebSocket: %s", head)
			}
			w.buf = w.buf[:copy(w.buf, rest)]
			return nil
		}
		if err := w.more(); err != nil {
			return err
		}
	}
}

func (w *watcher) more() error {
	if len(w.buf) == cap(w.buf) {
		return errors.New("a message is larger than any should be")
	}
	n, err := w.raw.Read(w.buf[len(w.buf):cap(w.buf)])
	w.buf = w.buf[:len(w.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}

// frame is the first text frame of buf and how many bytes it takes; 0 when it has not come whole.
func frame(buf []byte) (text []byte, size int, err error) {
	const final, ofText, ofClose, longer = 0x80, 1, 8, 126
	if len(buf) < 4 {
		return nil, 0, nil
	}
	start, n := 2, int(buf[1])
	if n == longer {
		start, n = 4, int(binary.BigEndian.Uint16(buf[2:]))
	}
	switch {
	case buf[0] == final|ofClose && len(buf) >= start+n && n >= 2:
		return nil, 0, fmt.Errorf("closed with %d %s", binary.BigEndian.Uint16(buf[start:]), buf[start+2:start+n])
	case buf[0] != final|ofText && buf[0] != final|ofClose, buf[1] > longer:
		return nil, 0, fmt.Errorf("unexpected frame %x", buf[:2])
	case len(buf) < start+n:
		return nil, 0, nil
	}
	return buf[start : start+n], start + n, nil
}

// next is one message, before read takes over.
func (w *watcher) next() ([]byte, error) {
	for {
		text, size, err := frame(w.buf)
		if err != nil {
			return nil, err
		}
		if size > 0 {
			text = bytes.Clone(text)
			w.buf = w.buf[:copy(w.buf, w.buf[size:])]
			return text, nil
		}
		if err := w.more(); err != nil {
			return nil, err
		}
	}
}

// read notes what has come. The buffer, of which nothing is kept, is for all sockets of a crowd.
func (w *watcher) read(buffer []byte, timing bool) error {
	for {
		kept := copy(buffer, w.buf)
		n, err := syscall.Read(w.fd, buffer[kept:])
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
			return nil
		case err != nil:
			return err
		case n <= 0:
			return io.EOF
		}
		done, err := w.hearAll(buffer[:kept+n], timing)
		if err != nil {
			return err
		}
		w.buf = append(w.buf[:0], buffer[done:kept+n]...)
		if kept+n < len(buffer) {
			return nil // what comes now is told anew
		}
	}
}

// hearAll notes the frames that have come whole, and returns how many bytes they take.
func (w *watcher) hearAll(buf []byte, timing bool) (done int, err error) {
	for {
		text, size, err := frame(buf[done:])
		if err != nil || size == 0 {
			return done, err
		}
		if err := w.hear(text, timing); err != nil {
			return done, err
		}
		done += size
	}
}

// hear notes one message. Versions must rise.
func (w *watcher) hear(text []byte, timing bool) error {
	number := member(text, `"version":`)
	if number == nil {
		if bytes.Contains(text, []byte(`"type":"ping"`)) {
			return w.send(map[string]any{"type": "pong"})
		}
		return fmt.Errorf("unexpected message %s", text)
	}
	version, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		return err
	}
	if before := w.version.Load(); version <= before {
		return fmt.Errorf("version %d after %d", version, before)
	}
	w.messages.Add(1)
	w.bytes.Add(int64(len(text)))
	if timing {
		at, err := time.Parse(watchChangedAt, string(bytes.Trim(member(text, `"changedAt":`), `"`)))
		if err != nil {
			return err
		}
		w.took = append(w.took, time.Since(at))
	}
	w.version.Store(version) // the last, so that who has seen the version may read the rest
	return nil
}

// member is the text of a number, or of a string without escapes; nil when there is no such member.
func member(text []byte, name string) []byte {
	i := bytes.Index(text, []byte(name))
	if i < 0 {
		return nil
	}
	value := text[i+len(name):]
	return value[:max(0, bytes.IndexAny(value, ",}"))]
}

// send writes a message in one frame. The mask may be anything: zero leaves the text as it is.
func (w *watcher) send(message any) error {
	const finalText, masked, longer = 0x81, 0x80, 126
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	out := []byte{finalText, masked | byte(min(len(text), longer))}
	if len(text) >= longer {
		out = binary.BigEndian.AppendUint16(out, uint16(len(text))) //nolint:gosec // our own messages are short
	}
	out = append(append(out, 0, 0, 0, 0), text...)
	if w.raw == nil {
		_, err = syscall.Write(w.fd, out) // a pong: there is always room for one
		return err
	}
	_, err = w.raw.Write(out)
	return err
}
