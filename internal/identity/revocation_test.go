package identity

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

func (w *world) polled(t *testing.T) {
	t.Helper()
	if err := w.poll(t.Context()); err != nil {
		t.Fatalf("poll: %v", err)
	}
}

func TestRevoke(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, s := range map[string]Session{"buyer": w.buyer(t), "staff": w.owner(t)} {
			t.Run(name, func(t *testing.T) {
				w.polled(t)
				bystander := w.buyer(t)
				if err := w.Revoke(t.Context(), s.Viewer); err != nil {
					t.Fatal(err)
				}
				_, err := w.Authenticate(t.Context(), s.AccessToken)
				wantCode(t, err, fault.Unauthenticated, s.AccessToken)
				if err == nil || err.Error() != sessionEnded().Error() {
					t.Errorf("got %v, want %v", err, sessionEnded())
				}
				_, err = w.Refresh(t.Context(), s.RefreshToken)
				wantCode(t, err, fault.SessionExpired, s.RefreshToken)
				// Another process without Run reads the row.
				_, err = w.another(t, w.clock.Now).Authenticate(t.Context(), s.AccessToken)
				wantCode(t, err, fault.Unauthenticated, s.AccessToken)

				if _, err := w.Authenticate(t.Context(), bystander.AccessToken); err != nil {
					t.Errorf("another session: %v", err)
				}
				w.clock.Advance(time.Minute)
				if err := w.Revoke(t.Context(), s.Viewer); err != nil {
					t.Errorf("again: %v", err)
				}
				if at := w.db.Session.GetX(t.Context(), s.Viewer.Session).RevokedAt; at == nil || !at.Equal(w.clock.Now().Add(-time.Minute)) {
					t.Errorf("ended at %v, want the first time", at)
				}
			})
		}
		wantCode(t, w.Revoke(t.Context(), Principal{}), fault.Unauthenticated)
	})
}

// Every process refuses a session within a second of its end, in the end without reading its row.
func TestRevokedByAnotherProcess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		now := clock.Of(time.Now)
		here, there := w.another(t, now), w.another(t, now)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := there.Run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
		defer running.Wait()
		defer stop()
		for range 3 {
			s, err := here.LoginBuyer(ctx, "wxdemo", "demo-ann")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := there.Authenticate(ctx, s.AccessToken); err != nil {
				t.Fatal(err)
			}
			if err := here.Revoke(ctx, s.Viewer); err != nil {
				t.Fatal(err)
			}
			ended := time.Now()
			for err == nil && time.Since(ended) < 3*time.Second {
				time.Sleep(5 * time.Millisecond)
				_, err = there.Authenticate(ctx, s.AccessToken)
			}
			if took := time.Since(ended); took > time.Second {
				t.Errorf("the other process refused it after %v", took)
			}
			wantCode(t, err, fault.Unauthenticated, s.AccessToken)
			for !there.revoked.has(s.Viewer.Session) && time.Since(ended) < 10*time.Second {
				time.Sleep(5 * time.Millisecond)
			}
			if !there.revoked.has(s.Viewer.Session) {
				t.Error("the polls did not find it")
			}
		}
	})
}

func TestAuthenticateStatements(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		buyer, staff := w.buyer(t), w.owner(t)
		count := func(s Session) int64 {
			return w.counted(func() {
				if _, err := w.Authenticate(t.Context(), s.AccessToken); err != nil {
					t.Error(err)
				}
			})
		}
		if n := count(buyer); n != 1 {
			t.Errorf("buyer before the first poll: %d statements, want 1", n)
		}
		w.polled(t)
		for range 3 {
			if n := count(buyer); n != 0 {
				t.Errorf("buyer: %d statements, want 0", n)
			}
			if n := count(staff); n != 1 {
				t.Errorf("staff: %d statements, want 1", n)
			}
		}
		w.clock.Advance(pollAge)
		if n := count(buyer); n != 0 {
			t.Errorf("buyer a second after the last poll: %d statements, want 0", n)
		}
		w.clock.Advance(time.Microsecond)
		if n := count(buyer); n != 1 {
			t.Errorf("buyer later: %d statements, want 1", n)
		}
		if n := count(staff); n != 1 {
			t.Errorf("staff later: %d statements, want 1", n)
		}
		w.polled(t)
		w.clock.Advance(-time.Microsecond)
		if n := count(buyer); n != 1 {
			t.Errorf("buyer after the clock was set back: %d statements, want 1", n)
		}
	})
}

// When it cannot be found out whether the session goes on, the request is refused, but nobody is told to log in again.
func TestAuthenticateFailsClosed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		buyer, staff := w.buyer(t), w.owner(t)
		w.polled(t)
		if err := w.db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Authenticate(t.Context(), buyer.AccessToken); err != nil {
			t.Errorf("buyer, within a second: %v", err)
		}
		_, err := w.Authenticate(t.Context(), staff.AccessToken)
		wantInternal(t, err, staff.AccessToken)
		if w.poll(t.Context()) == nil {
			t.Error("the poll found a closed database")
		}
		w.clock.Advance(pollAge + time.Microsecond)
		_, err = w.Authenticate(t.Context(), buyer.AccessToken)
		wantInternal(t, err, buyer.AccessToken)
		_, err = w.Refresh(t.Context(), buyer.RefreshToken)
		wantInternal(t, err, buyer.RefreshToken)
		_, err = w.LoginStaff(t.Context(), email, password)
		wantInternal(t, err, email, password)
		wantInternal(t, w.Revoke(t.Context(), buyer.Viewer))
	})
}

func TestSessionOrStaffGone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		buyer, staff := w.buyer(t), w.owner(t)
		w.db.Session.DeleteOneID(buyer.Viewer.Session).ExecX(t.Context())
		_, err := w.Authenticate(t.Context(), buyer.AccessToken)
		wantCode(t, err, fault.Unauthenticated, buyer.AccessToken)

		w.polled(t)
		w.db.Staff.DeleteOneID(staff.Viewer.Staff).ExecX(t.Context())
		_, err = w.Authenticate(t.Context(), staff.AccessToken)
		wantCode(t, err, fault.Unauthenticated, staff.AccessToken)
	})
}

// The first poll, and the first after a failure, look back as far as an access token lives; those between only minutes.
func TestPollLooksBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ended := func(ago time.Duration) typeid.Session {
			id := typeid.New[typeid.Session](start)
			w.db.Session.Create().SetID(id).SetBuyerID(typeid.New[typeid.Buyer](start)).SetMiniProgramID(w.mini).
				SetCreatedAt(start).SetRevokedAt(w.clock.Now().Add(-ago)).SaveX(t.Context())
			return id
		}
		old, long := ended(34*time.Minute+59*time.Second), ended(35*time.Minute)
		future := ended(-time.Minute) // another process's clock
		open := w.buyer(t)
		w.polled(t)
		for name, test := range map[string]struct {
			id   typeid.Session
			want bool
		}{
			"35 minutes ago": {long, false}, "just under": {old, true}, "in the future": {future, true}, "open": {open.Viewer.Session, false},
		} {
			if got := w.revoked.has(test.id); got != test.want {
				t.Errorf("%s: known %v, want %v", name, got, test.want)
			}
		}

		late, missed := ended(clockSkew-2*time.Second), ended(10*time.Minute)
		w.clock.Advance(time.Second)
		w.polled(t)
		if !w.revoked.has(late) || w.revoked.has(missed) {
			t.Errorf("the next poll: known %v, %v, want true, false", w.revoked.has(late), w.revoked.has(missed))
		}
		w.clock.Advance(pollAge + time.Microsecond)
		w.polled(t)
		if !w.revoked.has(missed) {
			t.Error("the poll after a gap did not look back")
		}

		w.revoked.prune(w.clock.Now())
		if w.revoked.has(old) || !w.revoked.has(missed) || !w.revoked.has(future) {
			t.Error("prune forgets what has left the window, and that alone")
		}
	})
}

func TestRunSaysOnceThatThePollFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var out logged
		w.log = slog.New(slog.NewTextHandler(&out, nil))
		if err := w.db.Close(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*pollEvery+pollEvery/2)
		defer cancel()
		if err := w.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
		if n := strings.Count(out.String(), "ended sessions cannot be read"); n != 1 {
			t.Errorf("said %d times, want once:\n%s", n, out.String())
		}
	})
}

// logged is what was logged, by several goroutines.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
