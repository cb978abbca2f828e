package identity

import (
	"bytes"
	"testing"
	"time"

	"holdfast/internal/fault"
)

func (w *world) addKey(t *testing.T, id string, at time.Time) {
	t.Helper()
	w.db.SigningKey.Create().SetID(id).SetSecret(bytes.Repeat([]byte(id[:1]), secretLen)).SetCreatedAt(at).SaveX(t.Context())
}

func TestFirstStartsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		services := make([]*Service, 6)
		for i := range services {
			services[i] = w.another(t, w.clock.Now)
		}
		type key struct {
			id     string
			secret []byte
			err    error
		}
		got := atOnce(len(services), func(i int) key {
			id, secret, err := services[i].tokens.keys.signing(t.Context())
			return key{id, secret, err}
		})
		for _, k := range got {
			if k.err != nil {
				t.Fatal(k.err)
			}
			if k.id != got[0].id || !bytes.Equal(k.secret, got[0].secret) || len(k.secret) != secretLen {
				t.Error("two processes sign with different keys")
			}
		}
		if bytes.Equal(got[0].secret, make([]byte, secretLen)) {
			t.Error("the key is all zeros")
		}
		if n := w.db.SigningKey.Query().CountX(t.Context()); n != 1 {
			t.Errorf("%d keys, want 1", n)
		}
	})
}

func TestNewSigningKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := w.buyer(t)
		w.addKey(t, "older", start.Add(-time.Hour))
		w.addKey(t, "newer", start.Add(time.Hour))
		w.clock.Advance(2 * keysReadPause)

		other := w.another(t, w.clock.Now)
		fresh, err := other.LoginBuyer(t.Context(), "wxdemo", "demo-ann")
		if err != nil {
			t.Fatal(err)
		}
		if id, _, _ := other.tokens.keys.signing(t.Context()); id != "newer" {
			t.Errorf("a new process signs with %q, want the newest key", id)
		}
		if id, _, _ := w.tokens.keys.signing(t.Context()); id != firstKey {
			t.Errorf("signs with %q, want the key it knows", id)
		}
		for name, s := range map[string]Session{"of the old key": old, "of a key not seen yet": fresh} {
			if _, err := w.Authenticate(t.Context(), s.AccessToken); err != nil {
				t.Errorf("token %s: %v", name, err)
			}
		}
		if id, _, _ := w.tokens.keys.signing(t.Context()); id != "newer" {
			t.Errorf("signs with %q, want the newest key", id)
		}
	})
}

func TestUnknownKeysAreReadOnceASecond(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		_, secret, err := w.tokens.keys.signing(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		flood := func() int64 {
			return w.counted(func() {
				for _, err := range atOnce(50, func(int) error {
					_, err := w.tokens.keys.secret(t.Context(), "unknown")
					return err
				}) {
					if err == nil {
						t.Error("an unknown key was found")
					}
				}
			})
		}
		if n := flood(); n != 0 {
			t.Errorf("%d statements within a second of the first reading, want 0", n)
		}
		w.clock.Advance(keysReadPause)
		if n := flood(); n != 1 {
			t.Errorf("%d statements a second later, want 1", n)
		}
		if _, err := w.tokens.keys.secret(t.Context(), firstKey); err != nil || len(secret) == 0 {
			t.Errorf("the known key: %v", err)
		}
		if _, err := w.Authenticate(t.Context(), s.AccessToken); err != nil {
			t.Errorf("a good token: %v", err)
		}
	})
}

func TestTokensOfADeletedKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		w.addKey(t, "newer", start.Add(time.Hour))
		w.db.SigningKey.DeleteOneID(firstKey).ExecX(t.Context())

		_, err := w.another(t, w.clock.Now).Authenticate(t.Context(), s.AccessToken)
		wantCode(t, err, fault.Unauthenticated, s.AccessToken)

		if err := w.tokens.keys.refresh(t.Context(), 0); err != nil { // as Run does
			t.Fatal(err)
		}
		_, err = w.Authenticate(t.Context(), s.AccessToken)
		wantCode(t, err, fault.Unauthenticated, s.AccessToken)
	})
}

// When all keys are gone the next one is new, although it has the first one's id.
func TestAllKeysDeleted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		w.db.SigningKey.Delete().ExecX(t.Context())
		if err := w.tokens.keys.refresh(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		_, err := w.Authenticate(t.Context(), s.AccessToken)
		wantCode(t, err, fault.Unauthenticated, s.AccessToken)
		if _, err := w.Authenticate(t.Context(), w.buyer(t).AccessToken); err != nil {
			t.Errorf("a token of the new key: %v", err)
		}
	})
}

// That the keys cannot be read is not the client's fault: it must not be told to log in again.
func TestKeysCannotBeRead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		other := w.another(t, w.clock.Now)
		if err := other.db.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := other.Authenticate(t.Context(), s.AccessToken)
		wantInternal(t, err, s.AccessToken)
	})
}
