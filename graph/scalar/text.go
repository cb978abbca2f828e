package scalar

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/internal/fault"
)

// MarshalString writes text; bytes that are not UTF-8 would make the whole answer unreadable and are replaced.
func MarshalString(s string) graphql.Marshaler {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	return graphql.MarshalString(s)
}

// UnmarshalString takes a string and nothing that could be made one.
func UnmarshalString(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fault.New(fault.BadRequest, "String must be text in quotes")
	}
	return s, nil
}

// MarshalID writes an id as a string.
func MarshalID(s string) graphql.Marshaler { return MarshalString(s) }

// UnmarshalID takes a string or a whole number, whose decimal digits are the id.
func UnmarshalID(v any) (string, error) {
	switch id := v.(type) {
	case string:
		return id, nil
	case json.Number:
		// Kept as it was written: an id may have more digits than any integer type.
		if !strings.ContainsAny(string(id), ".eE") {
			return string(id), nil
		}
	default:
		if n, ok := integer(v); ok {
			return strconv.FormatInt(n, 10), nil
		}
	}
	return "", fault.New(fault.BadRequest, "ID must be text in quotes or a whole number")
}

// MarshalBoolean writes true or false.
func MarshalBoolean(b bool) graphql.Marshaler { return graphql.MarshalBoolean(b) }

// UnmarshalBoolean takes true and false, and no number or text instead.
func UnmarshalBoolean(v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, fault.New(fault.BadRequest, "Boolean must be true or false, without quotes")
	}
	return b, nil
}
