// Package typeid is the identity of every row: a UUIDv7 made by the application, typed by its noun in Go and spelled as a
// TypeID outside (https://github.com/jetify-com/typeid), such as "order_01h455vb4pex5vsknk084sn02q".
//
// Ids made later sort later (to the microsecond), so that a primary key is also a creation order. The spelling has at most
// 32 characters, which is what payment providers take as an order number.
package typeid

import (
	"bytes"
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"go.jetify.com/typeid/base32"
)

// UUID is the 16 bytes that a row is stored under, whatever its noun.
type UUID [16]byte

// suffixLen is the length of a UUID in the base32 of TypeIDs.
const suffixLen = 26

// v7 makes a UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 12 bits of the fraction of a
// millisecond (section 6.2, method 3), 62 random bits. Ids that are a microsecond apart sort in that order.
func v7(now time.Time) UUID {
	micros := uint64(now.UnixMicro())
	var u UUID
	binary.BigEndian.PutUint64(u[:8], micros/1000<<16|micros%1000*4096/1000|0x7000)
	_, _ = rand.Read(u[8:]) // never fails: crypto/rand ends the program instead
	u[8] = u[8]&0x3f | 0x80
	return u
}

// Floor sorts before every id made in t's millisecond or later, and after every one made in an earlier millisecond.
func Floor(t time.Time) UUID {
	var u UUID
	millis := min(max(t.UnixMilli(), 0), 1<<48-1) // what ids can say: 1970 to 10889
	binary.BigEndian.PutUint64(u[:8], uint64(millis)<<16)
	return u
}

// IsZero tells whether the id was never set.
func (u UUID) IsZero() bool { return u == UUID{} }

// Bytes are the id without its noun, for code that treats all nouns alike.
func (u UUID) Bytes() UUID { return u }

// Compare orders ids as the databases do: byte by byte.
func (u UUID) Compare(v UUID) int { return bytes.Compare(u[:], v[:]) }

// Value stores the id as 16 bytes.
func (u UUID) Value() (driver.Value, error) { return u[:], nil }

// Scan reads 16 bytes.
func (u *UUID) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok || len(raw) != len(u) {
		return fmt.Errorf("scan id: want %d bytes, got %T", len(u), src)
	}
	copy(u[:], raw)
	return nil
}

type noun interface{ prefix() string }

// id is a UUID that knows its noun. Each noun wraps it in a named struct, because ent's generator cannot name a generic type.
type id[N noun] struct{ UUID }

// String spells the TypeID.
func (i id[N]) String() string {
	var n N
	return n.prefix() + "_" + base32.Encode(i.UUID)
}

// MarshalText spells the TypeID.
func (i id[N]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads a TypeID of this noun.
func (i *id[N]) UnmarshalText(text []byte) error {
	var n N
	prefix, u, err := Decode(string(text))
	if err != nil {
		return err
	}
	if prefix != n.prefix() {
		return fmt.Errorf("read id: prefix %q, want %q", prefix, n.prefix())
	}
	i.UUID = u
	return nil
}

// New makes an id of the noun T, created now.
func New[T interface{ ~struct{ id[N] } }, N noun](now time.Time) T {
	return From[T](v7(now))
}

// From gives the 16 bytes the noun T.
func From[T interface{ ~struct{ id[N] } }, N noun](u UUID) T {
	return T(struct{ id[N] }{id[N]{u}})
}

// Parse reads a TypeID of the noun T. ok is false for every other text, which callers treat as an id that names nothing.
func Parse[T interface{ ~struct{ id[N] } }, N noun](text string) (t T, ok bool) {
	var i id[N]
	if err := i.UnmarshalText([]byte(text)); err != nil {
		return t, false
	}
	return From[T](i.UUID), true
}

// Prefix is how the noun T is spelled.
func Prefix[T interface{ ~struct{ id[N] } }, N noun]() string {
	var n N
	return n.prefix()
}

// Decode reads a TypeID of any noun. It accepts the canonical spelling alone, so that one row has one id.
func Decode(text string) (prefix string, u UUID, err error) {
	prefix, suffix, found := strings.Cut(text, "_")
	if !found || len(suffix) != suffixLen {
		return "", u, fmt.Errorf("read id: not a TypeID")
	}
	raw, err := base32.Decode(suffix)
	if err != nil {
		return "", u, fmt.Errorf("read id: %w", err)
	}
	copy(u[:], raw)
	if base32.Encode(u) != suffix {
		return "", u, fmt.Errorf("read id: not the canonical spelling")
	}
	return prefix, u, nil
}
