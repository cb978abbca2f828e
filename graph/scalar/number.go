// Package scalar says what the API's scalars look like on the wire: what is accepted, and what is written. It follows
// the GraphQL specification's input coercion, which is stricter than gqlgen's own marshalers: "7" is no Int, 7 is no String.
//
// The functions are named for gqlgen.yml. Whatever they refuse is a fault.BadRequest that says what is wanted and never
// repeats what was sent.
package scalar

import (
	"encoding/json"
	"math"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/internal/fault"
)

// maxSafe is 2^53-1: beyond it a client that reads JSON numbers as doubles sees another number than was sent.
const maxSafe = 1<<53 - 1

// MarshalInt writes a number of 32 bits. What does not fit becomes null, which gqlgen reports as an error of the field.
func MarshalInt(n int) graphql.Marshaler {
	if n < math.MinInt32 || n > math.MaxInt32 {
		return graphql.Null
	}
	return graphql.MarshalInt(n)
}

// UnmarshalInt takes a whole number of 32 bits.
func UnmarshalInt(v any) (int, error) {
	n, ok := integer(v)
	if !ok || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, fault.New(fault.BadRequest, "Int must be a whole number from -2147483648 to 2147483647, without quotes")
	}
	return int(n), nil
}

// MarshalInt64 writes a number of at most 2^53-1 either way. What is larger becomes null, which gqlgen reports as an
// error of the field: a wrong amount would be worse.
func MarshalInt64(n int64) graphql.Marshaler {
	if n < -maxSafe || n > maxSafe {
		return graphql.Null
	}
	return graphql.MarshalInt64(n)
}

// UnmarshalInt64 takes a whole number of at most 2^53-1 either way. 1.0 and 1e3 are whole numbers, as a literal and in
// a variable.
func UnmarshalInt64(v any) (int64, error) {
	n, ok := integer(v)
	if !ok || n < -maxSafe || n > maxSafe {
		return 0, fault.New(fault.BadRequest,
			"Int64 must be a whole number from -9007199254740991 to 9007199254740991, without quotes")
	}
	return n, nil
}

// integer reads the forms a number arrives in: literals as int64 or float64, variables as json.Number, or as what a
// Go caller or gqlparser made of them.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		return whole(n)
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return i, true
		}
		f, err := n.Float64()
		if err != nil {
			return 0, false
		}
		return whole(f)
	default:
		return 0, false
	}
}

// whole refuses fractions, NaN, and what a double no longer tells from its neighbour.
func whole(f float64) (int64, bool) {
	if f != math.Trunc(f) || math.Abs(f) > maxSafe {
		return 0, false
	}
	return int64(f), true
}
