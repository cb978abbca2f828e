package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ent/auditentry"
	"holdfast/ent/session"
	"holdfast/ent/staffinvitation"
	"holdfast/internal/fault"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

func (w *world) invite(t *testing.T, who Principal, email string, role Role) *Invitation {
	t.Helper()
	got, err := w.Invite(t.Context(), who, InviteInput{ShopID: w.fruit.String(), Email: email, Role: role})
	if err != nil {
		t.Fatalf("invite %s: %v", email, err)
	}
	return got
}

// acts are what the audit log says of a shop, oldest first: who did what with which detail.
func (w *world) acts(t *testing.T, in typeid.Shop) []string {
	t.Helper()
	var out []string
	for _, e := range w.db.AuditEntry.Query().Where(auditentry.ShopID(in)).Order(auditentry.ByCreatedAt()).AllX(t.Context()) {
		by := w.db.Staff.GetX(t.Context(), e.StaffID)
		out = append(out, by.Email+" "+e.Action+" "+e.Detail)
	}
	return out
}

func wantField(t *testing.T, err error, field string) {
	t.Helper()
	for _, r := range fault.List(err) {
		if got := strings.Join(r.Refused().Field, "."); got != field {
			t.Errorf("at %q, want %q", got, field)
		}
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss := w.hire(t, "boss@shop.test", w.fruit, Owner)
		got := w.invite(t, boss, " New@Shop.TEST ", Clerk)
		raw, err := base64.RawURLEncoding.DecodeString(got.Token)
		if err != nil || len(raw) != 32 {
			t.Fatalf("the token has %d bytes (%v), want 32", len(raw), err)
		}
		want := &Invitation{
			ID: got.ID, ShopID: w.fruit, Email: "new@shop.test", Role: Clerk, InvitedBy: boss.Staff, Token: got.Token,
			CreatedAt: start, ExpiresAt: start.Add(7 * 24 * time.Hour),
		}
		if diff := cmp.Diff(want, got, sameInvitation); diff != "" {
			t.Errorf("invitation (-want +got)\n%s", diff)
		}
		row := w.db.StaffInvitation.Query().OnlyX(t.Context())
		if sum := sha256.Sum256(raw); !bytes.Equal(row.TokenHash, sum[:]) {
			t.Error("what is stored is not the token's SHA-256")
		}

		// Again: the first one's token is worth nothing now.
		w.clock.Advance(time.Second)
		again := w.invite(t, boss, "new@shop.test", Owner)
		if row := w.db.StaffInvitation.Query().OnlyX(t.Context()); row.ID != again.ID || row.Role != string(Owner) {
			t.Errorf("got %v, want the second alone", row)
		}
		_, err = w.AcceptInvitation(t.Context(), got.Token, password)
		wantCode(t, err, fault.NotFound, got.Token, password)

		pages, err := w.InvitationsOfShops(t.Context(), []typeid.Shop{w.fruit, w.books}, page.Query{First: 10})
		again.Token = ""
		if diff := cmp.Diff(map[typeid.Shop]page.Page[*Invitation]{w.fruit: {Items: []*Invitation{again}}}, pages, sameInvitation); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
		if diff := cmp.Diff([]string{
			`boss@shop.test staffInvite {"email":"new@shop.test","role":"CLERK"}`,
			`boss@shop.test staffInvite {"email":"new@shop.test","role":"OWNER"}`,
		}, w.acts(t, w.fruit)); diff != "" {
			t.Errorf("audit log (-want +got)\n%s", diff)
		}
	})
}

func TestInvitationIsLoggedWithoutItsToken(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	i := Invitation{ID: typeid.New[typeid.Invitation](start), Email: "new@shop.test", Token: newSecretToken().text}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("made", "value", i, "pointer", &i)
	if text := out.String(); strings.Contains(text, i.Token) || !strings.Contains(text, i.ID.String()) {
		t.Errorf("logged %s", text)
	}
}

func TestInviteRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss, clerk := w.hire(t, "boss@shop.test", w.fruit, Owner), w.hire(t, "clerk@shop.test", w.fruit, Clerk)
		other := w.hire(t, "other@shop.test", w.books, Owner)
		operator := w.operator(t)
		fruit := w.fruit.String()
		for name, c := range map[string]struct {
			who   Principal
			in    InviteInput
			code  fault.Code
			field string
		}{
			"a clerk":                 {clerk, InviteInput{fruit, "new@shop.test", Clerk}, fault.Forbidden, ""},
			"another shop's owner":    {other, InviteInput{fruit, "new@shop.test", Clerk}, fault.NotFound, "input.shopId"},
			"a buyer":                 {w.buyer(t).Viewer, InviteInput{fruit, "new@shop.test", Clerk}, fault.NotFound, "input.shopId"},
			"nobody":                  {Principal{}, InviteInput{fruit, "new@shop.test", Clerk}, fault.NotFound, "input.shopId"},
			"no shop":                 {boss, InviteInput{"shop", "new@shop.test", Clerk}, fault.NotFound, "input.shopId"},
			"an operator and no shop": {operator, InviteInput{typeid.New[typeid.Shop](start).String(), "new@shop.test", Clerk}, fault.NotFound, "input.shopId"},
			"no e-mail":               {boss, InviteInput{fruit, "new", Clerk}, fault.Invalid, "input.email"},
			"no role":                 {boss, InviteInput{fruit, "new@shop.test", "BOSS"}, fault.Invalid, "input.role"},
			"who works there":         {boss, InviteInput{fruit, "Clerk@shop.test", Owner}, fault.Conflict, "input.email"},
		} {
			_, err := w.Invite(t.Context(), c.who, c.in)
			t.Log(name)
			wantCode(t, err, c.code)
			wantField(t, err, c.field)
		}
		// Whose rights ended after the request began is refused all the same.
		if err := w.GrantRole(t.Context(), boss.Staff, w.fruit, Clerk); err != nil {
			t.Fatal(err)
		}
		_, err := w.Invite(t.Context(), boss, InviteInput{fruit, "new@shop.test", Clerk})
		wantCode(t, err, fault.Forbidden)
		if n := w.db.StaffInvitation.Query().CountX(t.Context()) + w.db.AuditEntry.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d rows of what was refused", n)
		}
		w.invite(t, operator, "new@shop.test", Owner)   // for any shop
		w.invite(t, operator, "other@shop.test", Owner) // who works elsewhere
	})
}

func TestInvitationsAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss := w.hire(t, "boss@shop.test", w.fruit, Owner)
		old := w.invite(t, boss, "old@shop.test", Clerk)
		w.clock.Advance(InvitationLife)
		insert := w.db.StaffInvitation.Create
		for i := range MaxInvitations - 1 {
			insert().SetID(typeid.New[typeid.Invitation](w.clock.Now())).SetShopID(w.fruit).SetEmail(fmt.Sprintf("%d@shop.test", i)).
				SetRole("CLERK").SetTokenHash(bytes.Repeat([]byte{byte(i)}, 32)).SetInvitedBy(boss.Staff).
				SetExpiresAt(w.clock.Now().Add(time.Hour)).SetCreatedAt(w.clock.Now()).SaveX(t.Context())
		}
		// Those of one time, and of other shops, do not count.
		w.invite(t, boss, "last@shop.test", Clerk)
		if w.db.StaffInvitation.Query().Where(staffinvitation.ID(old.ID)).CountX(t.Context()) != 0 {
			t.Error("the expired one is still there")
		}
		_, err := w.Invite(t.Context(), boss, InviteInput{w.fruit.String(), "more@shop.test", Clerk})
		wantCode(t, err, fault.TooMany)
		w.invite(t, boss, "7@shop.test", Clerk) // replaces one

		var got []typeid.Invitation
		q := page.Query{First: 60}
		for range 2 {
			n := w.counted(func() {
				pages, err := w.InvitationsOfShops(t.Context(), []typeid.Shop{w.fruit, w.books}, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, i := range pages[w.fruit].Items {
					got = append(got, i.ID)
				}
			})
			if n != 1 {
				t.Errorf("%d statements, want 1", n)
			}
			q.After = got[len(got)-1].UUID
		}
		want := w.db.StaffInvitation.Query().Order(staffinvitation.ByID()).AllX(t.Context())
		if len(got) != MaxInvitations || got[0] != want[len(want)-1].ID || got[len(got)-1] != want[0].ID {
			t.Errorf("got %d invitations, want %d, newest first", len(got), MaxInvitations)
		}
		_, err = w.InvitationsOfShops(t.Context(), nil, page.Query{First: 101})
		wantCode(t, err, fault.BadRequest)
	})
}

func TestRevokeInvitation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss, clerk := w.hire(t, "boss@shop.test", w.fruit, Owner), w.hire(t, "clerk@shop.test", w.fruit, Clerk)
		other := w.hire(t, "other@shop.test", w.books, Owner)
		i := w.invite(t, boss, "new@shop.test", Clerk)
		for _, c := range []struct {
			who  Principal
			id   string
			code fault.Code
		}{
			{clerk, i.ID.String(), fault.Forbidden},
			{other, i.ID.String(), fault.NotFound},
			{Principal{}, i.ID.String(), fault.NotFound},
			{boss, typeid.New[typeid.Invitation](start).String(), fault.NotFound},
			{boss, w.fruit.String(), fault.NotFound},
		} {
			wantCode(t, w.RevokeInvitation(t.Context(), c.who, c.id), c.code)
		}
		w.clock.Advance(time.Second)
		if err := w.RevokeInvitation(t.Context(), boss, i.ID.String()); err != nil {
			t.Fatal(err)
		}
		_, err := w.AcceptInvitation(t.Context(), i.Token, password)
		wantCode(t, err, fault.NotFound)
		wantCode(t, w.RevokeInvitation(t.Context(), boss, i.ID.String()), fault.NotFound)
		if diff := cmp.Diff(`boss@shop.test staffInvitationRevoke {"email":"new@shop.test","role":"CLERK"}`, w.acts(t, w.fruit)[1]); diff != "" {
			t.Errorf("audit log (-want +got)\n%s", diff)
		}
		late := w.invite(t, boss, "new@shop.test", Clerk)
		w.clock.Advance(InvitationLife)
		wantCode(t, w.RevokeInvitation(t.Context(), w.operator(t), late.ID.String()), fault.NotFound)
	})
}

func TestAcceptInvitation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss := w.hire(t, "boss@shop.test", w.fruit, Owner)
		i := w.invite(t, boss, "new@shop.test", Owner)
		_, err := w.AcceptInvitation(t.Context(), i.Token, "elevenchars")
		wantCode(t, err, fault.Invalid, "elevenchars", i.Token)
		wantField(t, err, "password")

		w.clock.Advance(InvitationLife - time.Microsecond)
		s, err := w.AcceptInvitation(t.Context(), i.Token, password)
		if err != nil {
			t.Fatal(err)
		}
		if s.RefreshToken == "" || !s.Viewer.Owns(w.fruit) || s.Viewer.Operator || len(s.Viewer.Shops()) != 1 {
			t.Errorf("got %+v", s.Viewer)
		}
		got, err := w.Authenticate(t.Context(), s.AccessToken)
		if diff := cmp.Diff(s.Viewer, got, samePrincipal, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "ExpiresAt" }, cmp.Ignore())); diff != "" || err != nil {
			t.Errorf("authenticate: %v (-want +got)\n%s", err, diff)
		}
		if in, err := w.LoginStaff(t.Context(), "NEW@shop.test", password); err != nil || in.Viewer.Staff != s.Viewer.Staff {
			t.Errorf("log in: %+v, %v", in.Viewer, err)
		}
		_, err = w.AcceptInvitation(t.Context(), i.Token, password) // once
		wantCode(t, err, fault.NotFound, i.Token, password)
		wantCode(t, w.RevokeInvitation(t.Context(), boss, i.ID.String()), fault.NotFound)
		if pages, err := w.InvitationsOfShops(t.Context(), []typeid.Shop{w.fruit}, page.Query{First: 1}); len(pages) != 0 || err != nil {
			t.Errorf("open still: %v, %v", pages, err)
		}
		if diff := cmp.Diff(`new@shop.test staffInvitationAccept {"email":"new@shop.test","role":"OWNER"}`, w.acts(t, w.fruit)[1]); diff != "" {
			t.Errorf("audit log (-want +got)\n%s", diff)
		}

		late := w.invite(t, boss, "late@shop.test", Clerk)
		w.clock.Advance(InvitationLife)
		for _, token := range []string{late.Token, newSecretToken().text, "", late.Token + "A", s.RefreshToken} {
			_, err = w.AcceptInvitation(t.Context(), token, password)
			wantCode(t, err, fault.NotFound, token, password)
			wantField(t, err, "token")
		}
	})
}

func TestAcceptInvitationWithAnAccount(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss := w.hire(t, "boss@shop.test", w.books, Owner)
		known := w.owner(t).Viewer // of the fruit shop, with a password
		i, err := w.Invite(t.Context(), boss, InviteInput{w.books.String(), email, Clerk})
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []string{"", "short", "another password"} {
			_, err := w.AcceptInvitation(t.Context(), i.Token, wrong)
			wantCode(t, err, fault.LoginFailed, wrong, i.Token)
		}
		s, err := w.AcceptInvitation(t.Context(), i.Token, password)
		if err != nil {
			t.Fatal(err)
		}
		if role, _ := s.Viewer.Role(w.books); s.Viewer.Staff != known.Staff || !s.Viewer.Owns(w.fruit) || role != Clerk {
			t.Errorf("got %+v", s.Viewer)
		}

		// Who got the role in another way meanwhile keeps that one.
		w.clock.Advance(time.Second)
		if err := w.Remove(t.Context(), boss, w.books.String(), known.Staff.String()); err != nil {
			t.Fatal(err)
		}
		if i, err = w.Invite(t.Context(), boss, InviteInput{w.books.String(), email, Clerk}); err != nil {
			t.Fatal(err)
		}
		if err := w.GrantRole(t.Context(), known.Staff, w.books, Owner); err != nil {
			t.Fatal(err)
		}
		_, err = w.AcceptInvitation(t.Context(), i.Token, password)
		wantCode(t, err, fault.Conflict, i.Token, password)
		if !w.principal(t, known.Staff).Owns(w.books) {
			t.Error("an invitation took a role away")
		}
	})
}

// What somebody invited is worth nothing once they may not invite: or they would come back by it.
func TestInvitationsEndWithTheirInviter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss := w.hire(t, "boss@shop.test", w.fruit, Owner)
		for name, end := range map[string]func(Principal) error{
			"removed": func(p Principal) error {
				return w.Remove(t.Context(), boss, w.fruit.String(), p.Staff.String())
			},
			"a clerk now": func(p Principal) error {
				_, err := w.SetRole(t.Context(), boss, SetRoleInput{w.fruit.String(), p.Staff.String(), Clerk})
				return err
			},
			"a clerk by command": func(p Principal) error { return w.GrantRole(t.Context(), p.Staff, w.fruit, Clerk) },
		} {
			thief := w.hire(t, strings.ReplaceAll(name, " ", "-")+"@shop.test", w.fruit, Owner)
			theirs, ours := w.invite(t, thief, "back@shop.test", Owner), w.invite(t, boss, "new@shop.test", Clerk)
			if err := end(thief); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			_, err := w.AcceptInvitation(t.Context(), theirs.Token, password)
			wantCode(t, err, fault.NotFound)
			if row := w.db.StaffInvitation.Query().OnlyX(t.Context()); row.ID != ours.ID {
				t.Errorf("%s: %v is left", name, row)
			}
		}
	})
}

// One invitation, many who accept; two invitations of one new e-mail; an acceptance against a revocation.
func TestAcceptInvitationAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		boss, other := w.hire(t, "boss@shop.test", w.fruit, Owner), w.hire(t, "other@shop.test", w.books, Owner)
		services := []*Service{w.Service, w.another(t, w.clock.Now)}
		i := w.invite(t, boss, "new@shop.test", Clerk)
		won := 0
		for _, err := range atOnce(4, func(n int) error {
			_, err := services[n%2].AcceptInvitation(t.Context(), i.Token, password)
			return err
		}) {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.NotFound) {
				t.Errorf("got %v, want %s", err, fault.NotFound)
			}
		}
		if n := w.db.Session.Query().Where(session.StaffIDNotNil()).CountX(t.Context()); won != 1 || n != 1 {
			t.Errorf("%d won and %d sessions began, want 1", won, n)
		}

		a := w.invite(t, boss, "both@shop.test", Clerk)
		b, err := w.Invite(t.Context(), other, InviteInput{w.books.String(), "both@shop.test", Owner})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range atOnce(2, func(n int) error {
			_, err := services[n].AcceptInvitation(t.Context(), []string{a.Token, b.Token}[n], password)
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if who, err := w.StaffByEmail(t.Context(), "both@shop.test"); err != nil || len(w.principal(t, who.ID).Shops()) != 2 {
			t.Errorf("got %+v, %v, want both shops", who, err)
		}

		c := w.invite(t, boss, "or@shop.test", Clerk)
		errs := atOnce(2, func(n int) error {
			if n == 0 {
				return services[1].RevokeInvitation(t.Context(), boss, c.ID.String())
			}
			_, err := w.AcceptInvitation(t.Context(), c.Token, password)
			return err
		})
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("revoked: %v; accepted: %v; want one of them", errs[0], errs[1])
		}
	})
}

// Whatever happens at once, a shop has one open invitation of an e-mail.
func TestInviteAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		boss := w.hire(t, "boss@shop.test", w.fruit, Owner)
		for _, err := range atOnce(6, func(int) error {
			_, err := w.Invite(t.Context(), boss, InviteInput{w.fruit.String(), "new@shop.test", Clerk})
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if n := w.db.StaffInvitation.Query().CountX(t.Context()); n != 1 {
			t.Errorf("%d invitations, want 1", n)
		}
	})
}
