package clock_test

import (
	"testing"
	"time"

	"holdfast/internal/clock"
)

func TestTruncate(t *testing.T) {
	t.Parallel()
	shanghai := time.FixedZone("CST", 8*60*60)
	got := clock.Truncate(time.Date(2026, 1, 1, 7, 59, 59, 999_999_999, shanghai))
	want := time.Date(2025, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	if !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("got %v, want %v: down, never up, and in UTC", got, want)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	now := clock.Of(time.Now)()
	if now.Location() != time.UTC || now.Nanosecond()%1000 != 0 {
		t.Errorf("got %v, want UTC and whole microseconds", now)
	}
	if _, offset := now.Zone(); offset != 0 {
		t.Errorf("got an offset of %d s", offset)
	}
	if d := time.Since(now); d < 0 || d > time.Minute {
		t.Errorf("is %v off", d)
	}
}

func TestManual(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 4, 5, 6, 7, 891, time.UTC)
	m := clock.NewManual(start)
	if got := m.Now(); !got.Equal(start.Truncate(time.Microsecond)) {
		t.Errorf("starts at %v", got)
	}
	m.Advance(time.Microsecond)
	m.Advance(2 * time.Hour)
	if got, want := m.Now(), start.Truncate(time.Microsecond).Add(2*time.Hour+time.Microsecond); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOnward(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
	now, start := clock.Onward(m.Now), m.Now()
	for _, step := range []struct{ by, want time.Duration }{
		{0, 0},
		{time.Second, time.Second},
		{-10 * time.Minute, time.Second},
		{time.Second, 2 * time.Second},
		{-time.Microsecond, 2 * time.Second},
		{10 * time.Minute, 10*time.Minute + 2*time.Second},
	} {
		m.Advance(step.by)
		if got := now().Sub(start); got != step.want {
			t.Errorf("after a step of %v it is %v on, want %v", step.by, got, step.want)
		}
	}
}
