package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ent/refreshtoken"
	"holdfast/ent/session"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

func (w *world) refresh(t *testing.T, token string) Session {
	t.Helper()
	s, err := w.Refresh(t.Context(), token)
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	return s
}

func TestRefresh(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, first := range map[string]Session{"buyer": w.buyer(t), "staff": w.owner(t)} {
			t.Run(name, func(t *testing.T) {
				s := first
				for range 3 {
					w.clock.Advance(time.Hour)
					next := w.refresh(t, s.RefreshToken)
					first.Viewer.ExpiresAt = next.ExpiresAt // the token is new, who it is of is not
					if diff := cmp.Diff(first.Viewer, next.Viewer, samePrincipal); diff != "" {
						t.Errorf("viewer (-want +got)\n%s", diff)
					}
					if next.RefreshToken == s.RefreshToken || next.AccessToken == s.AccessToken {
						t.Error("a token did not change")
					}
					if want := w.clock.Now().Add(30 * time.Minute).Truncate(time.Second); !next.ExpiresAt.Equal(want) {
						t.Errorf("expires at %v, want %v", next.ExpiresAt, want)
					}
					got, err := w.Authenticate(t.Context(), next.AccessToken)
					if diff := cmp.Diff(first.Viewer, got, samePrincipal); diff != "" || err != nil {
						t.Errorf("authenticate: %v (-want +got)\n%s", err, diff)
					}
					s = next
				}
			})
		}
	})
}

func TestRefreshTokensAreStoredHashed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		raw, err := base64.RawURLEncoding.DecodeString(s.RefreshToken)
		if err != nil || len(raw) != 32 {
			t.Fatalf("the token has %d bytes (%v), want 32", len(raw), err)
		}
		sum := sha256.Sum256(raw)
		row := w.db.RefreshToken.Query().OnlyX(t.Context())
		if diff := cmp.Diff(sum[:], row.TokenHash); diff != "" {
			t.Errorf("stored (-want +got)\n%s", diff)
		}
		if want := start.Add(30 * 24 * time.Hour); !row.ExpiresAt.Equal(want) || row.UsedAt != nil {
			t.Errorf("expires %v, used %v, want %v, never", row.ExpiresAt, row.UsedAt, want)
		}
	})
}

func TestRefreshAgainWithinGrace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.buyer(t)
		lost := w.refresh(t, first.RefreshToken)
		w.clock.Advance(refreshGrace)
		again := w.refresh(t, first.RefreshToken)
		if again.Viewer.Session != first.Viewer.Session || again.RefreshToken == lost.RefreshToken {
			t.Error("want another token of the same session")
		}
		// Both live on: the client has one of them.
		for _, s := range []Session{lost, again} {
			w.refresh(t, s.RefreshToken)
			if _, err := w.Authenticate(t.Context(), s.AccessToken); err != nil {
				t.Error(err)
			}
		}
		// The grace runs from the first use, not from the last.
		w.clock.Advance(time.Microsecond)
		_, err := w.Refresh(t.Context(), first.RefreshToken)
		wantCode(t, err, fault.SessionExpired, first.RefreshToken)
	})
}

func TestRefreshAgainLaterEndsTheFamily(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, bystander := w.buyer(t), w.buyer(t)
		second := w.refresh(t, first.RefreshToken)
		third := w.refresh(t, second.RefreshToken)
		other := w.another(t, w.clock.Now)
		w.clock.Advance(refreshGrace + time.Microsecond)
		w.polled(t) // so that it is not the session's row that is asked

		_, err := w.Refresh(t.Context(), first.RefreshToken)
		wantCode(t, err, fault.SessionExpired, first.RefreshToken)
		for _, s := range []Session{first, second, third} {
			for _, svc := range []*Service{w.Service, other} {
				_, err := svc.Authenticate(t.Context(), s.AccessToken)
				wantCode(t, err, fault.Unauthenticated, s.AccessToken)
				_, err = svc.Refresh(t.Context(), s.RefreshToken)
				wantCode(t, err, fault.SessionExpired, s.RefreshToken)
			}
		}
		row := w.db.Session.GetX(t.Context(), first.Viewer.Session)
		if row.RevokedAt == nil || !row.RevokedAt.Equal(w.clock.Now()) {
			t.Errorf("ended at %v, want %v", row.RevokedAt, w.clock.Now())
		}
		if _, err := w.Authenticate(t.Context(), bystander.AccessToken); err != nil {
			t.Errorf("another session of the same buyer: %v", err)
		}
	})
}

func TestRefreshRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		for name, token := range map[string]string{
			"nothing":         "",
			"unknown":         newSecretToken().text,
			"cut":             s.RefreshToken[:42],
			"longer":          s.RefreshToken + "A",
			"padded":          s.RefreshToken + "=",
			"blank":           " " + s.RefreshToken,
			"no base64":       strings.Repeat("!", 43),
			"long":            strings.Repeat("A", 1<<16),
			"an access token": s.AccessToken,
		} {
			_, err := w.Refresh(t.Context(), token)
			wantCode(t, err, fault.SessionExpired, token)
			if err == nil {
				t.Errorf("%s was taken", name)
			}
		}
		w.refresh(t, s.RefreshToken)
	})
}

func TestRefreshTokensExpire(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		last, late := w.buyer(t), w.buyer(t)
		w.clock.Advance(30*24*time.Hour - time.Microsecond)
		w.refresh(t, last.RefreshToken)
		w.clock.Advance(time.Microsecond)
		_, err := w.Refresh(t.Context(), late.RefreshToken)
		wantCode(t, err, fault.SessionExpired, late.RefreshToken)
		if w.db.Session.GetX(t.Context(), late.Viewer.Session).RevokedAt != nil {
			t.Error("an expired token ended the session")
		}
	})
}

func TestRefreshOfStaffWhoAreGone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.owner(t)
		w.db.Staff.DeleteOneID(s.Viewer.Staff).ExecX(t.Context())
		_, err := w.Refresh(t.Context(), s.RefreshToken)
		wantCode(t, err, fault.SessionExpired, s.RefreshToken)
	})
}

// What a refresh says of the roles is as they are now.
func TestRefreshReadsRolesAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.owner(t)
		if err := w.GrantRole(t.Context(), s.Viewer.Staff, w.books, Clerk); err != nil {
			t.Fatal(err)
		}
		if got := w.refresh(t, s.RefreshToken).Viewer; !got.WorksFor(w.books) || !got.Owns(w.fruit) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestConcurrentRefreshes(t *testing.T) {
	const n = 10
	each(t, func(t *testing.T, w *world) {
		services := []*Service{w.Service, w.another(t, w.clock.Now)}
		s := w.buyer(t)
		all := func() []result {
			return atOnce(n, func(i int) result {
				out, err := services[i%2].Refresh(t.Context(), s.RefreshToken)
				return result{out, err}
			})
		}
		tokens := map[string]bool{}
		for _, r := range all() {
			if r.Err != nil {
				t.Fatalf("within the grace: %v", r.Err)
			}
			if r.Session.Viewer.Session != s.Viewer.Session {
				t.Error("another family")
			}
			tokens[r.Session.RefreshToken] = true
		}
		if len(tokens) != n {
			t.Errorf("%d different tokens, want %d", len(tokens), n)
		}
		if used := w.db.RefreshToken.Query().Where(refreshtoken.UsedAtNotNil()).CountX(t.Context()); used != 1 {
			t.Errorf("%d tokens are used, want 1", used)
		}
		for token := range tokens {
			w.refresh(t, token)
		}

		w.clock.Advance(refreshGrace + time.Microsecond)
		rows := w.db.RefreshToken.Query().CountX(t.Context())
		for _, r := range all() {
			wantCode(t, r.Err, fault.SessionExpired, s.RefreshToken)
		}
		if now := w.db.RefreshToken.Query().CountX(t.Context()); now != rows {
			t.Errorf("%d new tokens of an ended family", now-rows)
		}
	})
}

// A refresh and a revoke at once: whichever is first, the session has ended and no token of it works.
func TestRefreshAgainstRevoke(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 10 {
			s := w.buyer(t)
			got := atOnce(2, func(i int) result {
				if i == 0 {
					return result{Err: w.Revoke(t.Context(), s.Viewer)}
				}
				out, err := w.Refresh(t.Context(), s.RefreshToken)
				return result{out, err}
			})
			if got[0].Err != nil {
				t.Fatal(got[0].Err)
			}
			for _, token := range []string{s.RefreshToken, got[1].Session.RefreshToken} {
				_, err := w.Refresh(t.Context(), token)
				wantCode(t, err, fault.SessionExpired, token)
			}
		}
	})
}

// A session that is about to end gives no more tokens: the refresh waits for what becomes of it.
func TestRefreshWaitsForARevoke(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		refreshed := make(chan error, 1)
		_, err := db.WithTx(t.Context(), w.db, func(ctx context.Context, tx *db.Tx) (int, error) {
			if err := revokeTx(ctx, tx, s.Viewer.Session, start); err != nil {
				return 0, err
			}
			go func() {
				_, err := w.Refresh(t.Context(), s.RefreshToken)
				refreshed <- err
			}()
			select {
			case err := <-refreshed:
				t.Errorf("did not wait: %v", err)
				refreshed <- err
			case <-time.After(200 * time.Millisecond):
			}
			return 0, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, <-refreshed, fault.SessionExpired)
		if n := w.db.RefreshToken.Query().CountX(t.Context()); n != 1 {
			t.Errorf("%d tokens, want the first alone", n)
		}
	})
}

// Transactions are few on SQLite: one that must come to nothing is not begun.
func TestRefusedRefreshesOnlyRead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		if err := w.Revoke(t.Context(), s.Viewer); err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			token string
			want  int64
		}{
			"not one of ours": {"x", 0}, "unknown": {newSecretToken().text, 1}, "of an ended session": {s.RefreshToken, 1},
		} {
			n := w.counted(func() {
				_, err := w.Refresh(t.Context(), test.token)
				wantCode(t, err, fault.SessionExpired)
			})
			if n != test.want {
				t.Errorf("%s: %d statements, want %d", name, n, test.want)
			}
		}
	})
}

func TestCleanUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := make([][]any, 2*cleanUpBatch+7)
		for i := range old {
			w.db.RefreshToken.Create().SetID(typeid.New[typeid.Link](start)).SetTokenHash(hashOf(i)).
				SetSessionID(typeid.New[typeid.Session](start)).SetExpiresAt(start.Add(time.Duration(i) * time.Millisecond)).SaveX(t.Context())
		}
		s := w.buyer(t)
		w.clock.Advance(29 * 24 * time.Hour)
		if err := w.cleanUp(t.Context(), w.clock.Now()); err != nil {
			t.Fatal(err)
		}
		if n := w.db.RefreshToken.Query().CountX(t.Context()); n != 1 {
			t.Errorf("%d tokens left, want 1", n)
		}
		w.refresh(t, s.RefreshToken)
		if err := w.cleanUp(t.Context(), w.clock.Now()); err != nil {
			t.Fatal(err)
		}
		if n := w.db.RefreshToken.Query().CountX(t.Context()); n != 2 {
			t.Errorf("%d tokens left, want 2", n)
		}
	})
}

// Sessions that were ended go once no token of theirs can be good any more; the others stay.
func TestCleanUpOfSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ended, lately, open := w.buyer(t).Viewer, w.buyer(t).Viewer, w.buyer(t).Viewer
		if err := w.Revoke(t.Context(), ended); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Microsecond)
		if err := w.Revoke(t.Context(), lately); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(30*24*time.Hour + 30*time.Minute + clockSkew)
		if err := w.cleanUp(t.Context(), w.clock.Now()); err != nil {
			t.Fatal(err)
		}
		left := w.db.Session.Query().Order(session.ByID()).AllX(t.Context())
		var got []typeid.Session
		for _, row := range left {
			got = append(got, row.ID)
		}
		want := []typeid.Session{lately.Session, open.Session}
		slices.SortFunc(want, func(a, b typeid.Session) int { return a.Compare(b.UUID) })
		if diff := cmp.Diff(want, got, sameIDs); diff != "" {
			t.Errorf("left (-want +got)\n%s", diff)
		}
	})
}

func hashOf(i int) []byte {
	sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
	return sum[:]
}
