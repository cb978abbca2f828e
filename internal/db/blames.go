package db

import (
	"context"
	"errors"

	"holdfast/internal/fault"
)

// Blames tells whether an error may be the fault of what was asked: it is false when the database could not be reached, did not get to
// it in time, or gave it up for others' sake.
func Blames(err error) bool {
	return !lost(err) && !broken(err) && !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, context.Canceled) && !fault.Is(err, fault.Overloaded)
}
