package wstest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Bits of a frame's first byte.
const (
	Continues  byte = 0x00 // opcode: more of the message before
	Text       byte = 0x01 // opcode
	Binary     byte = 0x02 // opcode
	CloseFrame byte = 0x08 // opcode
	Compressed byte = 0x40 // RSV1
	Fin        byte = 0x80 // the message ends with this frame
)

// Raw is a connection that speaks WebSocket by hand: without goroutines of its own, and without the manners of a library. Its
// methods are for one goroutine, and need no test: many of them are a crowd.
type Raw struct {
	net.Conn
	reader *bufio.Reader
	// Header is that of the answer to the upgrade.
	Header http.Header
}

// TryRaw opens a connection to an address such as http://127.0.0.1:80/graphql. More are header lines, which may be empty, beside
// those of an upgrade to Subprotocol; a line of the same name takes the place of one of these. The status is 101 when it is a
// socket. The connection is there in any case without err, and is to be closed.
func TryRaw(ctx context.Context, address string, more ...string) (r *Raw, status int, err error) {
	host, path, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, 0, fmt.Errorf("dial: %w", err)
	}
	lines := []string{
		"Host: " + host, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: " + Subprotocol,
	}
	for _, line := range more {
		name, _, _ := strings.Cut(line, ":")
		for i := range lines {
			if strings.HasPrefix(lines[i], name+":") {
				lines[i], line = line, ""
				break
			}
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	deadline := time.Now().Add(2 * Patience) //nolint:forbidigo // the kernel's clock counts
	_ = conn.SetDeadline(deadline)
	r = &Raw{Conn: conn, reader: bufio.NewReaderSize(conn, 4096)}
	_, err = io.WriteString(conn, "GET /"+path+" HTTP/1.1\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n")
	if err == nil {
		var resp *http.Response
		if resp, err = http.ReadResponse(r.reader, nil); err == nil {
			_ = resp.Body.Close()
			r.Header = resp.Header
			return r, resp.StatusCode, nil
		}
	}
	_ = conn.Close()
	return nil, 0, fmt.Errorf("upgrade: %w", err)
}

// Send sends text in one frame. Who has gone is not told.
func (r *Raw) Send(text string) { r.Frame(Fin|Text, text) }

// Frame sends one frame, masked with zeros.
func (r *Raw) Frame(first byte, payload string) {
	_, _ = r.Write(append(FrameHeader(first, len(payload)), payload...))
}

// FrameHeader is the beginning of a frame, masked with zeros, of so many bytes.
func FrameHeader(first byte, size int) []byte {
	const masked = 0x80
	var header []byte
	switch {
	case size > 0xffff:
		header = binary.BigEndian.AppendUint64([]byte{first, masked | 127}, uint64(size))
	case size > 125:
		header = binary.BigEndian.AppendUint16([]byte{first, masked | 126}, uint16(size))
	default:
		header = []byte{first, masked | byte(size&0x7f)}
	}
	return append(header, 0, 0, 0, 0)
}

// Next reads a frame: its opcode and its payload.
func (r *Raw) Next() (opcode byte, payload []byte, err error) {
	var header [2]byte
	if _, err := io.ReadFull(r.reader, header[:]); err != nil {
		return 0, nil, fmt.Errorf("read frame: %w", err)
	}
	size := int(header[1])
	switch size {
	case 126:
		var long [2]byte
		_, err = io.ReadFull(r.reader, long[:])
		size = int(binary.BigEndian.Uint16(long[:]))
	case 127:
		var long [8]byte
		_, err = io.ReadFull(r.reader, long[:])
		size = int(binary.BigEndian.Uint64(long[:]) & 0xffffff) // servers send nothing larger
	}
	if err == nil {
		payload = make([]byte, size)
		_, err = io.ReadFull(r.reader, payload)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read frame: %w", err)
	}
	return header[0] &^ (Fin | Compressed), payload, nil
}

// Closed passes over what comes until the close frame, and returns its code; 0 for a frame without one, and -1 where the
// connection ends without a frame.
func (r *Raw) Closed() int {
	for {
		opcode, payload, err := r.Next()
		switch {
		case err != nil:
			return -1
		case opcode == CloseFrame && len(payload) < 2:
			return 0
		case opcode == CloseFrame:
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

// Abort resets the connection, as a peer that crashes does.
func (r *Raw) Abort() {
	if tcp, ok := r.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = r.Close()
}
