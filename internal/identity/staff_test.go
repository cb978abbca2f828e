package identity

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

func TestCreateStaff(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id, err := w.CreateStaff(t.Context(), " Boss@Shop.TEST ", password, true)
		if err != nil {
			t.Fatal(err)
		}
		row := w.db.Staff.GetX(t.Context(), id)
		if row.Email != "boss@shop.test" || !row.IsOperator || !row.CreatedAt.Equal(start) {
			t.Errorf("got %v", row)
		}
		if !strings.HasPrefix(row.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(row.PasswordHash, password) {
			t.Errorf("got hash %q", row.PasswordHash)
		}
		s, err := w.LoginStaff(t.Context(), "boss@shop.test", password)
		if err != nil || !s.Viewer.Operator {
			t.Errorf("log in: %+v, %v", s.Viewer, err)
		}
		_, err = w.CreateStaff(t.Context(), "BOSS@shop.test", "another password", false)
		wantCode(t, err, fault.Conflict, "boss@shop.test", "another password", row.PasswordHash)
	})
}

func TestCreateStaffRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, test := range []struct{ email, password, field string }{
			{"", password, "email"},
			{"boss", password, "email"},
			{"boss@", password, "email"},
			{"@shop.test", password, "email"},
			{"a@b@c", password, "email"},
			{"a b@shop.test", password, "email"},
			{"Boss <boss@shop.test>", password, "email"},
			{"boss@shop.test\nx", password, "email"},
			{strings.Repeat("a", 200) + "@shop.test", password, "email"},
			{"boss@shop.test", "", "password"},
			{"boss@shop.test", "elevenchars", "password"},
			{"boss@shop.test", "十一个字的密码不够长了", "password"}, // 11 characters, 33 bytes
		} {
			_, err := w.CreateStaff(t.Context(), test.email, test.password, false)
			wantCode(t, err, fault.Invalid, test.password)
			if list := fault.List(err); len(list) == 1 {
				if diff := cmp.Diff([]string{test.field}, list[0].Refused().Field); diff != "" {
					t.Errorf("%q, %q: field (-want +got)\n%s", test.email, test.password, diff)
				}
			}
		}
		if _, err := w.CreateStaff(t.Context(), "boss@shop.test", "twelve chars", false); err != nil {
			t.Error(err)
		}
	})
}

func TestCreateStaffAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		made := 0
		for _, err := range atOnce(4, func(int) error {
			_, err := w.CreateStaff(t.Context(), email, password, false)
			return err
		}) {
			if err == nil {
				made++
			} else {
				wantCode(t, err, fault.Conflict)
			}
		}
		if made != 1 {
			t.Errorf("made %d times", made)
		}
	})
}

func TestGrantRole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.owner(t)
		me := s.Viewer.Staff
		now := func() Principal {
			p, err := w.Authenticate(t.Context(), s.AccessToken)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		for _, role := range []Role{Clerk, Clerk, Owner} { // the same token tells the new role at once
			if err := w.GrantRole(t.Context(), me, w.books, role); err != nil {
				t.Fatal(err)
			}
			if got, _ := now().Role(w.books); got != role {
				t.Errorf("got role %q, want %q", got, role)
			}
		}
		if diff := cmp.Diff(2, len(now().Shops())); diff != "" {
			t.Errorf("shops (-want +got)\n%s", diff)
		}
		wantCode(t, w.GrantRole(t.Context(), me, w.books, "BOSS"), fault.Invalid)
		wantCode(t, w.GrantRole(t.Context(), typeid.New[typeid.Staff](start), w.books, Owner), fault.NotFound)
		wantCode(t, w.GrantRole(t.Context(), me, typeid.New[typeid.Shop](start), Owner), fault.NotFound)
		if n := w.db.ShopStaff.Query().CountX(t.Context()); n != 2 {
			t.Errorf("%d roles, want 2", n)
		}
	})
}

func TestGrantRoleAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id, err := w.CreateStaff(t.Context(), email, password, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range atOnce(8, func(i int) error {
			return w.GrantRole(t.Context(), id, w.fruit, []Role{Owner, Clerk}[i%2])
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if n := w.db.ShopStaff.Query().CountX(t.Context()); n != 1 {
			t.Errorf("%d roles, want 1", n)
		}
	})
}

func TestReadStaff(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, err := w.CreateStaff(t.Context(), "a@shop.test", password, false)
		if err != nil {
			t.Fatal(err)
		}
		b, err := w.CreateStaff(t.Context(), "b@shop.test", password, true)
		if err != nil {
			t.Fatal(err)
		}
		want := map[typeid.Staff]StaffMember{
			a: {ID: a, Email: "a@shop.test"},
			b: {ID: b, Email: "b@shop.test", IsOperator: true},
		}
		none := typeid.New[typeid.Staff](start)
		n := w.counted(func() {
			got, err := w.StaffByIDs(t.Context(), []typeid.Staff{b, none, a, b})
			if diff := cmp.Diff(want, got, sameIDs); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
		if n != 1 {
			t.Errorf("%d statements, want 1", n)
		}
		if got, err := w.StaffByIDs(t.Context(), nil); len(got) != 0 || err != nil {
			t.Errorf("none: got %v, %v", got, err)
		}
		if got, err := w.Staff(t.Context(), b); got != want[b] || err != nil {
			t.Errorf("got %+v, %v", got, err)
		}
		_, err = w.Staff(t.Context(), none)
		wantCode(t, err, fault.NotFound)
	})
}
