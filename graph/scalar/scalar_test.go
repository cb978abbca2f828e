package scalar_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/graph/scalar"
	"holdfast/internal/fault"
)

const refused = "refused"

// coerce shows what came of a value as text.
func coerce[T any](f func(any) (T, error), v any) string {
	got, err := f(v)
	switch {
	case err == nil:
		return fmt.Sprintf("%v", got)
	case fault.Is(err, fault.BadRequest):
		return refused
	default:
		return err.Error()
	}
}

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	number := func(s string) any { return json.Number(s) }
	for _, tc := range []struct {
		value                            any
		asInt, asInt64, asID, asStr, asB string
	}{
		{7, "7", "7", "7", refused, refused},
		{int32(7), "7", "7", "7", refused, refused},
		{int64(-7), "-7", "-7", "-7", refused, refused},
		{float64(7), "7", "7", "7", refused, refused},
		{7.5, refused, refused, refused, refused, refused},
		{math.NaN(), refused, refused, refused, refused, refused},
		{math.Inf(1), refused, refused, refused, refused, refused},
		{number("7"), "7", "7", "7", refused, refused},
		{number("-0"), "0", "0", "-0", refused, refused},
		{number("1.0"), "1", "1", refused, refused, refused},
		{number("1e3"), "1000", "1000", refused, refused, refused},
		{number("1.5"), refused, refused, refused, refused, refused},
		{number("1e-1"), refused, refused, refused, refused, refused},
		{number("x"), refused, refused, "x", refused, refused},
		{number("1e400"), refused, refused, refused, refused, refused},
		{number("2147483647"), "2147483647", "2147483647", "2147483647", refused, refused},
		{number("-2147483648"), "-2147483648", "-2147483648", "-2147483648", refused, refused},
		{number("2147483648"), refused, "2147483648", "2147483648", refused, refused},
		{number("-2147483649"), refused, "-2147483649", "-2147483649", refused, refused},
		{int64(3e9), refused, "3000000000", "3000000000", refused, refused},
		{number("9007199254740991"), refused, "9007199254740991", "9007199254740991", refused, refused},
		{number("-9007199254740991"), refused, "-9007199254740991", "-9007199254740991", refused, refused},
		{number("9007199254740992"), refused, refused, "9007199254740992", refused, refused},
		{number("-9007199254740992"), refused, refused, "-9007199254740992", refused, refused},
		{float64(1 << 53), refused, refused, refused, refused, refused},
		{number("99999999999999999999"), refused, refused, "99999999999999999999", refused, refused},
		{"7", refused, refused, "7", "7", refused},
		{"", refused, refused, "", "", refused},
		{"true", refused, refused, "true", "true", refused},
		{true, refused, refused, refused, refused, "true"},
		{false, refused, refused, refused, refused, "false"},
		{nil, refused, refused, refused, refused, refused},
		{[]any{7}, refused, refused, refused, refused, refused},
		{map[string]any{}, refused, refused, refused, refused, refused},
	} {
		for name, pair := range map[string][2]string{
			"Int":     {coerce(scalar.UnmarshalInt, tc.value), tc.asInt},
			"Int64":   {coerce(scalar.UnmarshalInt64, tc.value), tc.asInt64},
			"ID":      {coerce(scalar.UnmarshalID, tc.value), tc.asID},
			"String":  {coerce(scalar.UnmarshalString, tc.value), tc.asStr},
			"Boolean": {coerce(scalar.UnmarshalBoolean, tc.value), tc.asB},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s of %T(%v) is %s, want %s", name, tc.value, tc.value, pair[0], pair[1])
			}
		}
	}
}

func TestUnmarshalDateTime(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		value any
		want  string
	}{
		{"2026-01-02T15:04:05Z", "2026-01-02 15:04:05 +0000 UTC"},
		{"2026-01-02T15:04:05.5Z", "2026-01-02 15:04:05.5 +0000 UTC"},
		{"2026-01-02T23:04:05+08:00", "2026-01-02 15:04:05 +0000 UTC"},
		{"2026-01-02T15:04:05-00:00", "2026-01-02 15:04:05 +0000 UTC"},
		{"2026-01-02T15:04:05.123456Z", "2026-01-02 15:04:05.123456 +0000 UTC"},
		{"2026-01-02T15:04:05.9999999Z", "2026-01-02 15:04:05.999999 +0000 UTC"},
		{"1969-12-31T23:59:59.9999999Z", "1969-12-31 23:59:59.999999 +0000 UTC"},
		{"0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000 UTC"},
		{"9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999 +0000 UTC"},
		{"2024-02-29T00:00:00Z", "2024-02-29 00:00:00 +0000 UTC"},
		{"2023-02-29T00:00:00Z", refused},
		{"0000-12-31T23:59:59Z", refused},
		{"0001-01-01T00:00:00+00:01", refused},
		{"9999-12-31T23:59:59-00:01", refused},
		{"10000-01-01T00:00:00Z", refused},
		{"2026-01-02T15:04:05", refused},
		{"2026-01-02 15:04:05Z", refused},
		{"2026-01-02T9:04:05Z", refused},
		{"2026-01-02T15:04:05,5Z", refused},
		{"2026-01-02T24:00:00Z", refused},
		{"2026-01-02T15:04:05+25:00", refused},
		{"2026-01-02", refused},
		{" 2026-01-02T15:04:05Z", refused},
		{"", refused},
		{json.Number("1767366245"), refused},
		{int64(1767366245), refused},
		{true, refused},
		{nil, refused},
	} {
		if got := coerce(scalar.UnmarshalDateTime, tc.value); got != tc.want {
			t.Errorf("%v is %s, want %s", tc.value, got, tc.want)
		}
	}
}

func TestMarshal(t *testing.T) {
	t.Parallel()
	shanghai := time.FixedZone("", 8*3600)
	for _, tc := range []struct {
		name string
		m    graphql.Marshaler
		want string
	}{
		{"Int", scalar.MarshalInt(-7), "-7"},
		{"largest Int", scalar.MarshalInt(math.MaxInt32), "2147483647"},
		{"Int too large", scalar.MarshalInt(math.MaxInt32 + 1), "null"},
		{"Int too small", scalar.MarshalInt(math.MinInt32 - 1), "null"},
		{"Int64", scalar.MarshalInt64(-3e9), "-3000000000"},
		{"largest Int64", scalar.MarshalInt64(1<<53 - 1), "9007199254740991"},
		{"Int64 too large", scalar.MarshalInt64(1 << 53), "null"},
		{"Int64 too small", scalar.MarshalInt64(-1 << 53), "null"},
		{"String", scalar.MarshalString("a\"\\\n\x00你<"), `"a\"\\\n\u0000你<"`},
		{"String that is not UTF-8", scalar.MarshalString("a\xffb"), `"a�b"`},
		{"ID", scalar.MarshalID("7"), `"7"`},
		{"Boolean", scalar.MarshalBoolean(true), "true"},
		{"DateTime", scalar.MarshalDateTime(time.Date(2026, 1, 2, 23, 4, 5, 0, shanghai)), `"2026-01-02T15:04:05Z"`},
		{"DateTime in microseconds", scalar.MarshalDateTime(time.Date(2026, 1, 2, 3, 4, 5, 120_000_999, time.UTC)), `"2026-01-02T03:04:05.12Z"`},
		{"DateTime cut off", scalar.MarshalDateTime(time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC)), `"2026-01-02T03:04:05.999999Z"`},
		{"DateTime of the first year", scalar.MarshalDateTime(time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)), `"0001-01-01T00:00:01Z"`},
		{"no DateTime", scalar.MarshalDateTime(time.Time{}), "null"},
		{"DateTime too late", scalar.MarshalDateTime(time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))), "null"},
	} {
		var b strings.Builder
		tc.m.MarshalGQL(&b)
		if b.String() != tc.want {
			t.Errorf("%s is %s, want %s", tc.name, &b, tc.want)
		}
		// gqlgen reports a null in a non-null position only for this very value.
		if tc.want == "null" && tc.m != graphql.Null {
			t.Errorf("%s is not graphql.Null", tc.name)
		}
	}
}

// TestMessages: what is wanted is said, what was sent is not.
func TestMessages(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"-2147483648 to 2147483647":             errorOf(scalar.UnmarshalInt("secret")),
		"-9007199254740991 to 9007199254740991": errorOf(scalar.UnmarshalInt64("secret")),
		"text in quotes":                        errorOf(scalar.UnmarshalString(json.Number("12345"))),
		"a whole number":                        errorOf(scalar.UnmarshalID(json.Number("12345.5"))),
		"true or false":                         errorOf(scalar.UnmarshalBoolean("secret")),
		"RFC 3339":                              errorOf(scalar.UnmarshalDateTime("secret")),
	} {
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "12345") {
			t.Errorf("%v does not say %q, or repeats what was sent", err, name)
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }
