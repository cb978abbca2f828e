package transport

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/fault"
)

// Types of messages.
const (
	typeInit      = "connection_init"
	typeAck       = "connection_ack"
	typePing      = "ping"
	typePong      = "pong"
	typeSubscribe = "subscribe"
	typeNext      = "next"
	typeError     = "error"
	typeComplete  = "complete"
)

// Close codes of the subprotocol, and two that its reference implementation knows beside them.
const (
	codeMalformed    websocket.StatusCode = 4400
	codeUnauthorized websocket.StatusCode = 4401
	codeForbidden    websocket.StatusCode = 4403
	codeSubprotocol  websocket.StatusCode = 4406
	codeInitTimeout  websocket.StatusCode = 4408
	codeDuplicate    websocket.StatusCode = 4409
	codeTooManyInits websocket.StatusCode = 4429
	codeTerminated   websocket.StatusCode = 4499 // the peer is frozen or gone: its client, should it wake up, comes back
	codeInternal     websocket.StatusCode = 4500
)

// maxID is how many bytes an operation's id may have; clients make UUIDs or count.
const maxID = 128

// maxReason is how many bytes of a close reason fit into its frame.
const maxReason = 123

// closure is why a socket is closed.
type closure struct {
	code   websocket.StatusCode
	reason string
}

// malformed closes for a message that the protocol does not know. The reason repeats nothing of the message.
func malformed(reason string) *closure { return &closure{codeMalformed, "Invalid message: " + reason} }

// message is one from the client.
type message struct {
	kind    string
	id      string          // of subscribe and complete
	payload json.RawMessage // of connection_init, ping and pong: an object, or nil
	request *envelope       // of subscribe
	refused *refusal        // what is wrong with the request, though it is well-formed
}

// parseMessage reads a message and keeps nothing of text. As the reference implementation does, it passes over members that
// it does not know.
func parseMessage(text []byte) (*message, *closure) {
	if !utf8.Valid(text) {
		return nil, malformed("it must be UTF-8")
	}
	members, ok := objectOf(text)
	if !ok {
		return nil, malformed("it must be a JSON object")
	}
	m := new(message)
	if m.kind, ok = stringOf(members["type"]); !ok {
		return nil, malformed("type must be a string")
	}
	switch m.kind {
	case typeInit, typePing, typePong:
		if m.payload, ok = optional(members["payload"]); !ok {
			return nil, malformed("payload must be an object")
		}
		return m, nil
	case typeSubscribe, typeComplete:
		if m.id, ok = stringOf(members["id"]); !ok || m.id == "" || len(m.id) > maxID {
			return nil, malformed("id must be a string of 1 to 128 bytes")
		}
		if m.kind == typeComplete {
			return m, nil
		}
		return m, m.parseParams(members["payload"])
	default:
		return nil, malformed("unknown type, or one that only servers send")
	}
}

// parseParams reads the payload of subscribe, by the rules of HTTP's envelope but for what the protocol has of its own: a
// query that is empty is well-formed, and one that is absent is not.
func (m *message) parseParams(text json.RawMessage) *closure {
	if _, ok := objectOf(text); !ok {
		return malformed("payload must be an object")
	}
	m.request = new(envelope)
	hasQuery := false
	refused := members(text, func(name string, value []byte) *refusal {
		hasQuery = hasQuery || name == "query" && value[0] == '"'
		return m.request.member(name, value)
	})
	switch {
	case refused != nil && (refused.code == fault.CostExceeded || refused.message == halfOfACharacter):
		m.refused = refused
		return nil
	case refused != nil:
		return malformed(refused.message)
	case !hasQuery && !m.request.names():
		return malformed("query must be a string")
	}
	return nil
}

// authorizationOf is the token in the payload of connection_init; "" for none.
func authorizationOf(payload json.RawMessage) (string, *closure) {
	members, _ := objectOf(payload)
	for _, name := range []string{"authorization", "Authorization"} {
		value, ok := members[name]
		if !ok || isNull(value) {
			continue
		}
		text, ok := stringOf(value)
		if !ok {
			// Not 4403, after which clients would try again with the same.
			return "", malformed("authorization must be a string")
		}
		if text != "" {
			return text, nil
		}
	}
	return "", nil
}

// objectOf takes a JSON object apart. Names are matched exactly, and of a repeated one the last counts.
func objectOf(text []byte) (map[string]json.RawMessage, bool) {
	var members map[string]json.RawMessage
	err := json.Unmarshal(text, &members)
	return members, err == nil && members != nil // null is no object
}

// stringOf reads a JSON string.
func stringOf(text json.RawMessage) (string, bool) {
	if len(text) == 0 || text[0] != '"' {
		return "", false // null would do for json
	}
	var value string
	err := json.Unmarshal(text, &value)
	return value, err == nil
}

// optional is an object, or nil where there is none.
func optional(text json.RawMessage) (json.RawMessage, bool) {
	if len(text) == 0 || isNull(text) {
		return nil, true
	}
	return text, text[0] == '{'
}

func isNull(text json.RawMessage) bool { return bytes.Equal(text, []byte("null")) }

// writeFrame writes a message to the client, in a frame of its own. The id, if there is one, and the payload are JSON.
func writeFrame(b *bytes.Buffer, kind string, id, payload []byte) {
	size := len(`{"type":""}`) + len(kind)
	if id != nil {
		size += len(`"id":,`) + len(id)
	}
	if payload != nil {
		size += len(`,"payload":`) + len(payload)
	}
	b.Grow(size + maxHeader)
	b.Write(appendHeader(b.AvailableBuffer(), size))
	b.WriteByte('{')
	if id != nil {
		b.WriteString(`"id":`)
		b.Write(id)
		b.WriteByte(',')
	}
	b.WriteString(`"type":"`)
	b.WriteString(kind)
	b.WriteByte('"')
	if payload != nil {
		b.WriteString(`,"payload":`)
		b.Write(payload)
	}
	b.WriteByte('}')
}

// maxHeader is how many bytes the header of a frame may have.
const maxHeader = 10

// appendHeader begins a text frame of so many bytes. Frames of servers are not masked.
func appendHeader(b []byte, size int) []byte {
	const finalText, twoBytes, eightBytes = 0x81, 126, 127
	switch {
	case size < twoBytes:
		return append(b, finalText, byte(size)) //nolint:gosec // it fits
	case size <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, finalText, twoBytes), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(b, finalText, eightBytes), uint64(size))
	}
}

// encodeErrors is the payload of an error message.
func encodeErrors(errs gqlerror.List) []byte {
	text, err := json.Marshal(errs)
	if err != nil || len(errs) == 0 {
		text, _ = json.Marshal(failed().Errors) // strings always encode
	}
	return text
}

// shortened cuts text to so many bytes, at the end of a character.
func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit - len("…")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
