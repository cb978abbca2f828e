// Package clock is the time as a value that is passed in: UTC and whole microseconds, which is what every database keeps.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time.
type Clock func() time.Time

// Of makes a Clock of a source such as time.Now.
func Of(now func() time.Time) Clock {
	return func() time.Time { return Truncate(now()) }
}

// Truncate brings a time to UTC and whole microseconds. MySQL would round up instead, and SQLite would keep nanoseconds.
func Truncate(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Onward makes a Clock of another that never goes back: when that one is set back, it stands still for a moment and goes on from
// there. It is for what is measured, such as pauses and rates, and not for what is told.
func Onward(now Clock) Clock {
	var (
		mu    sync.Mutex
		last  time.Time
		ahead time.Duration
	)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		t := now().Add(ahead)
		if t.Before(last) {
			ahead, t = ahead+last.Sub(t), last
		}
		last = t
		return t
	}
}

// Manual is a clock for tests that moves when told to.
type Manual struct {
	mu  sync.Mutex
	now time.Time
}

// NewManual starts at t.
func NewManual(t time.Time) *Manual { return &Manual{now: Truncate(t)} }

// Now is the time it was last set to.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Advance moves it by d.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = Truncate(m.now.Add(d))
}
