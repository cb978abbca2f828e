package scalar

import (
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/internal/clock"
	"holdfast/internal/fault"
)

// layout writes what there is of a fraction, up to microseconds.
const layout = `"2006-01-02T15:04:05.999999Z07:00"`

// MarshalDateTime writes RFC 3339 in UTC, microseconds at the finest. The zero time, which is a time that nobody set,
// and years of more than four digits become null, which gqlgen reports as an error of the field.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	t = clock.Truncate(t)
	if t.IsZero() || !fourDigits(t) {
		return graphql.Null
	}
	return graphql.WriterFunc(func(w io.Writer) {
		// A writer that fails is the transport's to notice; gqlgen writes to memory.
		_, _ = io.WriteString(w, t.Format(layout))
	})
}

// UnmarshalDateTime takes RFC 3339 with any offset and answers in UTC, what is finer than microseconds cut off. The
// years are 1 to 9999, in UTC.
func UnmarshalDateTime(v any) (time.Time, error) {
	if text, ok := v.(string); ok {
		// UnmarshalText looks at the ranges, of the offset too, which time.Parse does not.
		var t time.Time
		if err := t.UnmarshalText([]byte(text)); err == nil && inPlace(text) {
			if t = clock.Truncate(t); fourDigits(t) {
				return t, nil
			}
		}
	}
	return time.Time{}, fault.New(fault.BadRequest,
		`DateTime must be RFC 3339 text with an offset, such as "2026-01-02T15:04:05Z", in the years 1 to 9999`)
}

func fourDigits(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

// inPlace refuses what Go reads and RFC 3339 does not know: an hour of one digit, and a comma before the fraction.
func inPlace(text string) bool { return text[13] == ':' && text[19] != ',' }
