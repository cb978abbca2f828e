package identity

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

var samePrincipal = cmp.Options{
	cmp.AllowUnexported(Principal{}), cmpopts.EquateEmpty(), sameIDs,
}

var sameIDs = cmpopts.EquateComparable(
	typeid.Session{}, typeid.Buyer{}, typeid.MiniProgram{}, typeid.Staff{}, typeid.Shop{},
)

func TestLoginBuyer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.buyer(t)
		if first.Viewer.Buyer.IsZero() || first.Viewer.MiniProgram != w.mini || first.Viewer.Session.IsZero() || first.Viewer.IsStaff() {
			t.Errorf("got viewer %+v", first.Viewer)
		}
		if want := start.Add(30 * time.Minute).Truncate(time.Second); !first.ExpiresAt.Equal(want) {
			t.Errorf("expires at %v, want %v", first.ExpiresAt, want)
		}
		row := w.db.Buyer.GetX(t.Context(), first.Viewer.Buyer)
		if row.MiniProgramID != w.mini || row.OpenID != "demo-ann" || !row.CreatedAt.Equal(start) {
			t.Errorf("got row %v", row)
		}
		if cart := w.db.Cart.GetX(t.Context(), typeid.From[typeid.Cart](first.Viewer.Buyer.UUID)); cart.Version != 1 {
			t.Errorf("got cart %v, want version 1", cart)
		}
		got, err := w.Authenticate(t.Context(), first.AccessToken)
		if diff := cmp.Diff(first.Viewer, got, samePrincipal); diff != "" || err != nil {
			t.Errorf("authenticate: %v (-want +got)\n%s", err, diff)
		}

		again := w.buyer(t)
		if again.Viewer.Buyer != first.Viewer.Buyer {
			t.Error("the second log-in made another buyer")
		}
		if again.Viewer.Session == first.Viewer.Session || again.RefreshToken == first.RefreshToken {
			t.Error("two log-ins share a session")
		}
	})
}

// The same user of another mini-program has another open id by right; if not, it is another buyer all the same.
func TestLoginBuyerOfAnotherMiniProgram(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.db.MiniProgram.Create().SetID(typeid.New[typeid.MiniProgram](start)).SetAppID("wxother").SetName("Other").
			SetSubject("Other Ltd").SetCreatedAt(start).SaveX(t.Context())
		here := w.buyer(t)
		there, err := w.LoginBuyer(t.Context(), "wxother", "demo-ann")
		if err != nil {
			t.Fatal(err)
		}
		if here.Viewer.Buyer == there.Viewer.Buyer || here.Viewer.MiniProgram == there.Viewer.MiniProgram {
			t.Error("the buyers of two mini-programs are one")
		}
	})
}

func TestLoginBuyerRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.codes = exchange(func(_ context.Context, _, code string) (string, error) {
			switch code {
			case "used":
				return "", fault.New(fault.LoginFailed, "code %s was used by %s", code, "somebody")
			case "down":
				return "", errors.New("provider does not answer")
			case "empty":
				return "", nil
			case "blank":
				return "open id ", nil
			}
			return code, nil
		})
		for _, appID := range []string{"wxnone", "", "wxdemo ", "WXDEMO"} {
			_, err := w.LoginBuyer(t.Context(), appID, "good")
			wantCode(t, err, fault.LoginFailed)
			if diff := cmp.Diff(loginFailed().Error(), err.Error()); diff != "" {
				t.Errorf("app %q: (-want +got)\n%s", appID, diff)
			}
		}
		_, err := w.LoginBuyer(t.Context(), "wxdemo", "used")
		wantCode(t, err, fault.LoginFailed, "used", "somebody")
		for _, code := range []string{"down", "empty", "blank"} {
			_, err := w.LoginBuyer(t.Context(), "wxdemo", code)
			wantInternal(t, err)
		}
		if n := w.db.Buyer.Query().CountX(t.Context()) + w.db.Session.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d rows of refused log-ins stayed", n)
		}
		if _, err := w.LoginBuyer(t.Context(), "wxdemo", "good"); err != nil {
			t.Errorf("the good code: %v", err)
		}
	})
}

// The provider is asked while no transaction is open: one could begin here.
func TestLoginBuyerExchangesOutsideTransactions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.codes = exchange(func(ctx context.Context, _, code string) (string, error) {
			_, err := db.WithTx(ctx, w.db, func(context.Context, *db.Tx) (int, error) { return 0, nil })
			return code, err
		})
		if _, err := w.LoginBuyer(t.Context(), "wxdemo", "ann"); err != nil {
			t.Error(err)
		}
	})
}

func TestFirstLogInsAtOnce(t *testing.T) {
	const n = 16
	each(t, func(t *testing.T, w *world) {
		other := w.another(t, w.clock.Now)
		for _, name := range []string{"demo-a", "demo-b", "demo-c", "demo-d"} {
			got := atOnce(n, func(i int) result {
				s, err := []*Service{w.Service, other}[i%2].LoginBuyer(t.Context(), "wxdemo", name)
				return result{s, err}
			})
			sessions := map[typeid.Session]bool{}
			for _, r := range got {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				if r.Session.Viewer.Buyer != got[0].Session.Viewer.Buyer {
					t.Error("two buyers of one open id")
				}
				sessions[r.Session.Viewer.Session] = true
			}
			if len(sessions) != n {
				t.Errorf("%d sessions of %d log-ins", len(sessions), n)
			}
		}
		if n := w.db.Buyer.Query().CountX(t.Context()); n != 4 {
			t.Errorf("%d buyers, want 4", n)
		}
		if n := w.db.Cart.Query().CountX(t.Context()); n != 4 {
			t.Errorf("%d carts, want 4", n)
		}
	})
}

func TestLoginStaff(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.owner(t)
		if role, _ := s.Viewer.Role(w.fruit); role != Owner || s.Viewer.Operator || !s.Viewer.IsStaff() || s.Viewer.IsBuyer() {
			t.Errorf("got viewer %+v", s.Viewer)
		}
		got, err := w.Authenticate(t.Context(), s.AccessToken)
		if diff := cmp.Diff(s.Viewer, got, samePrincipal); diff != "" || err != nil {
			t.Errorf("authenticate: %v (-want +got)\n%s", err, diff)
		}
		if _, err := w.LoginStaff(t.Context(), "  Owner@SHOP.test\t", password); err != nil {
			t.Errorf("the same e-mail, spelled otherwise: %v", err)
		}
		for name, in := range map[string][2]string{
			"wrong password": {email, "correct horse batterY"},
			"no password":    {email, ""},
			"padded":         {email, password + " "},
			"unknown e-mail": {"nobody@shop.test", password},
			"no e-mail":      {"", password},
			"the dummy's":    {"nobody@shop.test", ""},
		} {
			_, err := w.LoginStaff(t.Context(), in[0], in[1])
			wantCode(t, err, fault.LoginFailed, in[0], in[1])
			if err.Error() != loginFailed().Error() {
				t.Errorf("%s: says more than that it failed: %v", name, err)
			}
		}
		if n := w.db.Session.Query().CountX(t.Context()); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}

// An unknown e-mail costs a hash like any other: it waits for a slot as well.
func TestUnknownEmailCostsTheSame(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if _, err := w.CreateStaff(t.Context(), email, password, false); err != nil {
			t.Fatal(err)
		}
		known := w.db.Staff.Query().OnlyX(t.Context()).PasswordHash
		want, _, _, err := argon2id.DecodeHash(known)
		if err != nil {
			t.Fatal(err)
		}
		got, _, _, err := argon2id.DecodeHash(nobodysHash())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("cost of nobody's hash: %v (-want +got)\n%s", err, diff)
		}
		for range cap(w.passwords.slots) {
			if err := w.passwords.take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, who := range []string{email, "nobody@shop.test"} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := w.LoginStaff(ctx, who, password); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v, want to wait in vain", who, err)
			}
		}
	})
}

func TestPasswordsWaitForASlot(t *testing.T) {
	p := passwords{slots: make(chan struct{}, 1)}
	if err := p.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.hash(ctx, password); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	p.give()
	if _, err := p.hash(t.Context(), password); err != nil {
		t.Errorf("with a free slot: %v", err)
	}
	if _, err := p.match(ctx, password, nobodysHash()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline, even with a free slot", err)
	}
}

func TestSessionsAreNotLogged(t *testing.T) {
	var out logged
	slog.New(slog.NewTextHandler(&out, nil)).InfoContext(t.Context(), "here", "session", Session{AccessToken: "secret-a", RefreshToken: "secret-b"})
	wantSecret(t, errors.New(out.String()), "secret-a", "secret-b")
}
