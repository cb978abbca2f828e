package graph

import (
	"log/slog"
	"testing"
	"time"

	"holdfast/internal/fault"
)

// TestPresenterTellsWhenToComeBack rounds up, and only for what may be sent again.
func TestPresenterTellsWhenToComeBack(t *testing.T) {
	t.Parallel()
	p := presenter{slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		code  fault.Code
		after time.Duration
		want  any
	}{
		{fault.RateLimited, 1500 * time.Millisecond, int64(1500)},
		{fault.Overloaded, time.Microsecond, int64(1)},
		{fault.Overloaded, 0, nil},
		{fault.Forbidden, time.Second, nil},
	} {
		got := p.present(t.Context(), fault.New(c.code, "no").After(c.after)).Extensions["retryAfterMs"]
		if got != c.want {
			t.Errorf("%s after %v: %v, want %v", c.code, c.after, got, c.want)
		}
	}
}
