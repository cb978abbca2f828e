package identity

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 890_123_000, time.UTC)

const (
	email    = "owner@shop.test"
	password = "correct horse battery"
)

// world is a service on a fresh database with one mini-program and two shops, at a time that stands still.
type world struct {
	*Service
	source       string
	clock        *clock.Manual
	mini         typeid.MiniProgram
	fruit, books typeid.Shop
	statements   atomic.Int64
}

// each runs fn on every database.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	testdb.EachSource(t, func(t *testing.T, source string) {
		t.Helper()
		fn(t, newWorld(t, source))
	})
}

// everywhere runs fn on MariaDB as well: for races.
func everywhere(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) { fn(t, newWorld(t, testdb.Source(t, kind))) })
	}
}

func newWorld(t *testing.T, source string) *world {
	t.Helper()
	w := &world{source: source, clock: clock.NewManual(start)}
	d := testdb.Open(t, source, db.Options{OnStatement: func(string) { w.statements.Add(1) }})
	w.Service = New(d, w.clock.Now, SandboxCodes{}, Settings{}, slog.New(slog.DiscardHandler))
	w.mini = typeid.New[typeid.MiniProgram](start)
	d.MiniProgram.Create().SetID(w.mini).SetAppID("wxdemo").SetName("Demo").SetSubject("Demo Ltd").SetCreatedAt(start).SaveX(t.Context())
	w.fruit, w.books = w.shop(t), w.shop(t)
	return w
}

func (w *world) shop(t *testing.T) typeid.Shop {
	t.Helper()
	id := typeid.New[typeid.Shop](start)
	w.db.Shop.Create().SetID(id).SetName("Shop").SetSubject("Shop Ltd").SetCurrency("CNY").SetStatus("OPEN").
		SetReceiver("shop").SetMaxShareBasisPoints(3000).SetCreatedAt(start).SaveX(t.Context())
	return id
}

// hire makes somebody with a role in a shop, who has no password to log in with.
func (w *world) hire(t *testing.T, email string, in typeid.Shop, role Role) Principal {
	t.Helper()
	id := typeid.New[typeid.Staff](w.clock.Now())
	w.db.Staff.Create().SetID(id).SetEmail(email).SetPasswordHash(nobodysHash()).SetIsOperator(role == "").SetCreatedAt(start).SaveX(t.Context())
	if role != "" {
		if err := w.GrantRole(t.Context(), id, in, role); err != nil {
			t.Fatalf("grant role: %v", err)
		}
	}
	return w.principal(t, id)
}

// operator makes somebody who operates the platform and has no role.
func (w *world) operator(t *testing.T) Principal {
	t.Helper()
	return w.hire(t, "operator@test.test", typeid.Shop{}, "")
}

// principal is the person with the roles of this moment.
func (w *world) principal(t *testing.T, id typeid.Staff) Principal {
	t.Helper()
	p, ok, err := w.loadStaff(t.Context(), Principal{Staff: id})
	if err != nil || !ok {
		t.Fatalf("load staff: %v, %v", ok, err)
	}
	return p
}

// another is what another process on the same database has. It knows nothing of what the first one knows.
func (w *world) another(t *testing.T, now clock.Clock) *Service {
	t.Helper()
	return New(testdb.Open(t, w.source, db.Options{}), now, SandboxCodes{}, Settings{}, slog.New(slog.DiscardHandler))
}

func (w *world) buyer(t *testing.T) Session {
	t.Helper()
	s, err := w.LoginBuyer(t.Context(), "wxdemo", "demo-ann")
	if err != nil {
		t.Fatalf("log in buyer: %v", err)
	}
	return s
}

// owner makes a member of staff who owns the fruit shop, and logs in.
func (w *world) owner(t *testing.T) Session {
	t.Helper()
	id, err := w.CreateStaff(t.Context(), email, password, false)
	if err != nil {
		t.Fatalf("create staff: %v", err)
	}
	if err := w.GrantRole(t.Context(), id, w.fruit, Owner); err != nil {
		t.Fatalf("grant role: %v", err)
	}
	s, err := w.LoginStaff(t.Context(), email, password)
	if err != nil {
		t.Fatalf("log in staff: %v", err)
	}
	return s
}

// counted is how many statements fn sends.
func (w *world) counted(fn func()) int64 {
	before := w.statements.Load()
	fn()
	return w.statements.Load() - before
}

// wantCode checks that err is one refusal of this code, and that it tells none of the secrets.
func wantCode(t *testing.T, err error, code fault.Code, secrets ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got error %v, want %s", err, code)
	}
	wantSecret(t, err, secrets...)
}

// wantInternal checks that err says nothing to a client.
func wantInternal(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if err == nil || fault.List(err) != nil {
		t.Errorf("got error %v, want an internal one", err)
	}
	wantSecret(t, err, secrets...)
}

func wantSecret(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if err != nil && len(secret) > 3 && strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
}

// atOnce runs fn n times at once and returns the results in order.
func atOnce[T any](n int, fn func(i int) T) []T {
	out := make([]T, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			out[i] = fn(i)
		})
	}
	close(begin)
	wg.Wait()
	return out
}

type result struct {
	Session Session
	Err     error
}

// exchange is a CodeExchanger made of a function.
type exchange func(ctx context.Context, appID, code string) (string, error)

func (f exchange) OpenID(ctx context.Context, appID, code string) (string, error) {
	return f(ctx, appID, code)
}
