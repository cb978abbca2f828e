package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/fault"
)

// Blames tells whether an error may be the fault of what was asked: it is false when the database could not be reached, did not get to
// it in time, or gave it up for others' sake.
func Blames(err error) bool {
	var network net.Error
	switch {
	case broken(err), fault.Is(err, fault.Overloaded), errors.Is(err, ErrUnknownOutcome):
		return false
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, io.EOF), errors.As(err, &network):
		return false
	}
	return true
}
