package identity

import (
	"context"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/fault"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestEnded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, other := w.buyer(t), w.buyer(t)
		ended := w.Ended(t.Context(), s.Viewer)
		gone, cancel := context.WithCancel(t.Context())
		w.Ended(gone, s.Viewer)
		cancel()
		if closed(ended) {
			t.Fatal("ended before it was revoked")
		}
		if err := w.Revoke(t.Context(), s.Viewer); err != nil {
			t.Fatal(err)
		}
		if !closed(ended) || !closed(w.Ended(t.Context(), s.Viewer)) {
			t.Error("not told that the session has ended")
		}
		if closed(w.Ended(t.Context(), other.Viewer)) {
			t.Error("another session ended as well")
		}
		if w.Ended(t.Context(), Principal{}) != nil {
			t.Error("nobody has a session that can end")
		}
	})
}

func TestEndedElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		elsewhere := w.another(t, clock.Of(time.Now))
		ctx, stop := context.WithCancel(t.Context())
		running := make(chan error, 1)
		go func() { running <- elsewhere.Run(ctx) }()
		defer func() {
			stop()
			if err := <-running; err != nil {
				t.Error(err)
			}
		}()
		here := w.another(t, clock.Of(time.Now)) // a clock of today, as what is revoked long ago is not asked for
		s := w.buyer(t)
		ended := elsewhere.Ended(t.Context(), s.Viewer)
		if err := here.Revoke(t.Context(), s.Viewer); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
		case <-time.After(3 * time.Second): // three times the second that is promised
			t.Error("another process was not told")
		}
	})
}

func TestRenew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.buyer(t)
		if got, err := w.Renew(t.Context(), b.Viewer); err != nil || got.Buyer != b.Viewer.Buyer {
			t.Errorf("renew buyer = %+v, %v", got, err)
		}
		if err := w.Revoke(t.Context(), b.Viewer); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Renew(t.Context(), b.Viewer); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("renew after revoke: %v", err)
		}
	})
}
