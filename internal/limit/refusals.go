package limit

import (
	"time"

	"holdfast/internal/fault"
)

// connections is when to look again whether one of one's connections has gone.
const connections = 5 * time.Second

// Requests refuses for as long as tokens are missing; nil when none are.
func Requests(missing time.Duration) error {
	if missing <= 0 {
		return nil
	}
	return fault.New(fault.RateLimited, "too many requests; try again later").After(missing)
}

// Connections refuses one more.
func Connections() error {
	return fault.New(fault.RateLimited, "too many connections are open; close some").After(connections)
}

// Crowded refuses what did not get its turn among too many: nothing has happened.
func Crowded() *fault.Error {
	return fault.New(fault.Overloaded, "too many want the same at the moment; try again").After(time.Second)
}

func tooManyGuesses(wait time.Duration) error {
	return fault.New(fault.RateLimited, "too many attempts failed; try again later").After(wait)
}

func busy(wait time.Duration) error {
	return fault.New(fault.Overloaded, "the server is busy; try again").After(wait)
}
