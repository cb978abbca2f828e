package identity

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/fault"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

var sameInvitation = cmp.Options{sameIDs, cmpopts.EquateComparable(typeid.Invitation{}, typeid.Link{})}

func TestStaffOfShops(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		var want []string
		for i := range 5 {
			w.clock.Advance(time.Millisecond) // ids are in the order of time
			email := fmt.Sprintf("%d@shop.test", 9-i)
			w.hire(t, email, w.fruit, []Role{Owner, Clerk}[i%2])
			want = append(want, email)
		}
		other := w.hire(t, "other@shop.test", w.books, Owner)
		empty := w.shop(t)
		read := func(q page.Query) map[typeid.Shop]page.Page[*ShopMember] {
			t.Helper()
			var pages map[typeid.Shop]page.Page[*ShopMember]
			n := w.counted(func() {
				var err error
				if pages, err = w.StaffOfShops(t.Context(), []typeid.Shop{w.books, w.fruit, empty}, q); err != nil {
					t.Fatal(err)
				}
			})
			if n != 1 {
				t.Errorf("%d statements, want 1", n)
			}
			return pages
		}
		first := read(page.Query{First: 3})
		if !first[w.fruit].HasNext || first[w.books].HasNext || len(first) != 2 {
			t.Errorf("got %+v", first)
		}
		books := &ShopMember{StaffMember: StaffMember{ID: other.Staff, Email: "other@shop.test"}, ShopID: w.books, Role: Owner}
		if len(first[w.books].Items) == 1 {
			books.Link = first[w.books].Items[0].Link
		}
		if diff := cmp.Diff([]*ShopMember{books}, first[w.books].Items, sameInvitation); diff != "" {
			t.Errorf("books (-want +got)\n%s", diff)
		}
		second := read(page.Query{First: 3, After: first[w.fruit].Items[2].Link.UUID})
		var got []string
		for _, m := range append(first[w.fruit].Items, second[w.fruit].Items...) {
			got = append(got, m.Email)
		}
		if diff := cmp.Diff(want, got); diff != "" || second[w.fruit].HasNext {
			t.Errorf("two pages (-want +got)\n%s", diff)
		}
		_, err := w.StaffOfShops(t.Context(), []typeid.Shop{w.fruit}, page.Query{})
		wantCode(t, err, fault.BadRequest)
	})
}

func TestSetRole(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss, clerk := w.hire(t, "boss@shop.test", w.fruit, Owner), w.hire(t, "clerk@shop.test", w.fruit, Clerk)
		set := func(who Principal, of Principal, role Role) (*ShopMember, error) {
			w.clock.Advance(time.Second)
			return w.SetRole(t.Context(), who, SetRoleInput{w.fruit.String(), of.Staff.String(), role})
		}
		_, err := set(boss, boss, Clerk)
		wantCode(t, err, fault.Conflict) // the last owner
		wantField(t, err, "input.staffId")

		got, err := set(boss, clerk, Owner)
		want := &ShopMember{StaffMember: StaffMember{ID: clerk.Staff, Email: "clerk@shop.test"}, ShopID: w.fruit, Role: Owner}
		if got != nil {
			want.Link = got.Link
		}
		if diff := cmp.Diff(want, got, sameInvitation); diff != "" || err != nil {
			t.Fatalf("%v (-want +got)\n%s", err, diff)
		}
		if _, err := set(boss, clerk, Owner); err != nil { // nothing to do, nothing to record
			t.Error(err)
		}
		w.invite(t, boss, "new@shop.test", Clerk)
		if _, err := set(w.principal(t, clerk.Staff), boss, Clerk); err != nil {
			t.Error(err)
		}
		_, err = set(boss, boss, Owner) // boss's principal is of a moment ago
		wantCode(t, err, fault.Forbidden)
		if role, _ := w.principal(t, boss.Staff).Role(w.fruit); role != Clerk {
			t.Errorf("got %s, want %s", role, Clerk)
		}
		if diff := cmp.Diff([]string{
			`boss@shop.test staffRoleSet {"was":"CLERK","role":"OWNER"}`,
			`boss@shop.test staffInvite {"email":"new@shop.test","role":"CLERK"}`,
			`clerk@shop.test staffRoleSet {"was":"OWNER","role":"CLERK","withdrawnInvitations":1}`,
		}, w.acts(t, w.fruit)); diff != "" {
			t.Errorf("audit log (-want +got)\n%s", diff)
		}
	})
}

func TestStaffIsManagedByOwners(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss, clerk := w.hire(t, "boss@shop.test", w.fruit, Owner), w.hire(t, "clerk@shop.test", w.fruit, Clerk)
		other, operator := w.hire(t, "other@shop.test", w.books, Owner), w.operator(t)
		fruit := w.fruit.String()
		for name, c := range map[string]struct {
			who         Principal
			shop, staff string
			code        fault.Code
			field       string
		}{
			"a clerk":              {clerk, fruit, clerk.Staff.String(), fault.Forbidden, ""},
			"another shop's owner": {other, fruit, clerk.Staff.String(), fault.NotFound, "shopId"},
			"nobody":               {Principal{}, fruit, clerk.Staff.String(), fault.NotFound, "shopId"},
			"no such shop":         {operator, typeid.New[typeid.Shop](start).String(), clerk.Staff.String(), fault.NotFound, "shopId"},
			"no shop":              {operator, "", clerk.Staff.String(), fault.NotFound, "shopId"},
			"who works elsewhere":  {boss, fruit, other.Staff.String(), fault.NotFound, "staffId"},
			"no member of staff":   {boss, fruit, "staff", fault.NotFound, "staffId"},
			"the last owner":       {operator, fruit, boss.Staff.String(), fault.Conflict, "staffId"},
		} {
			t.Log(name)
			err := w.Remove(t.Context(), c.who, c.shop, c.staff)
			wantCode(t, err, c.code)
			wantField(t, err, c.field)
			_, err = w.SetRole(t.Context(), c.who, SetRoleInput{c.shop, c.staff, Clerk})
			wantCode(t, err, c.code)
			if c.field != "" {
				wantField(t, err, "input."+c.field)
			}
		}
		_, err := w.SetRole(t.Context(), boss, SetRoleInput{fruit, clerk.Staff.String(), "BOSS"})
		wantCode(t, err, fault.Invalid)
		wantField(t, err, "input.role")
		if n := w.db.AuditEntry.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d entries of what was refused", n)
		}
		if _, err := w.SetRole(t.Context(), operator, SetRoleInput{fruit, clerk.Staff.String(), Owner}); err != nil {
			t.Error(err)
		}
		if err := w.Remove(t.Context(), operator, fruit, boss.Staff.String()); err != nil {
			t.Error(err)
		}
	})
}

// With the answer every process refuses the person, who keeps their token, their session and their other shop.
func TestRemoveEndsRightsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss, s := w.hire(t, "boss@shop.test", w.fruit, Owner), w.owner(t)
		if err := w.GrantRole(t.Context(), s.Viewer.Staff, w.books, Clerk); err != nil {
			t.Fatal(err)
		}
		other := w.another(t, w.clock.Now)
		before, err := other.Authenticate(t.Context(), s.AccessToken)
		if err != nil || !before.Owns(w.fruit) {
			t.Fatalf("got %+v, %v", before, err)
		}
		if err := w.Remove(t.Context(), boss, w.fruit.String(), s.Viewer.Staff.String()); err != nil {
			t.Fatal(err)
		}
		for _, svc := range []*Service{w.Service, other} {
			now, err := svc.Authenticate(t.Context(), s.AccessToken)
			if err != nil || now.SeesShop(w.fruit) || !now.WorksFor(w.books) {
				t.Errorf("a new request: %+v, %v", now, err)
			}
			now, err = svc.Renew(t.Context(), before) // as an open socket does
			if err != nil || now.SeesShop(w.fruit) || !now.WorksFor(w.books) {
				t.Errorf("an open socket: %+v, %v", now, err)
			}
		}
		wantCode(t, w.Remove(t.Context(), boss, w.fruit.String(), s.Viewer.Staff.String()), fault.NotFound)
		if diff := cmp.Diff([]string{`boss@shop.test staffRemove {"was":"OWNER"}`}, w.acts(t, w.fruit)); diff != "" {
			t.Errorf("audit log (-want +got)\n%s", diff)
		}
	})
}

// Two owners who remove or demote each other at the same moment: one of them does.
func TestAShopKeepsAnOwner(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		services := []*Service{w.Service, w.another(t, w.clock.Now)}
		for round := range 8 {
			shop := w.shop(t)
			owners := []Principal{
				w.hire(t, fmt.Sprintf("a%d@shop.test", round), shop, Owner), w.hire(t, fmt.Sprintf("b%d@shop.test", round), shop, Owner),
			}
			errs := atOnce(2, func(i int) error {
				me, them := owners[i], owners[1-i]
				if (round+i)%3 == 0 {
					_, err := services[i].SetRole(t.Context(), me, SetRoleInput{shop.String(), them.Staff.String(), Clerk})
					return err
				}
				return services[i].Remove(t.Context(), me, shop.String(), them.Staff.String())
			})
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("round %d: %v and %v, want one of them", round, errs[0], errs[1])
			}
			for _, err := range errs {
				if err != nil {
					wantCode(t, err, fault.Conflict)
				}
			}
			left := 0
			for _, o := range owners {
				if w.principal(t, o.Staff).Owns(shop) {
					left++
				}
			}
			if left != 1 {
				t.Fatalf("round %d: %d owners are left", round, left)
			}
		}
	})
}

// Of three owners, one who was removed while they waited removes nobody.
func TestRightsAreAskedUnderTheLock(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		a, b := w.hire(t, "a@shop.test", w.fruit, Owner), w.hire(t, "b@shop.test", w.fruit, Owner)
		w.hire(t, "c@shop.test", w.fruit, Owner)
		if err := w.Remove(t.Context(), a, w.fruit.String(), b.Staff.String()); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.Remove(t.Context(), b, w.fruit.String(), a.Staff.String()), fault.NotFound)
		if !w.principal(t, a.Staff).Owns(w.fruit) {
			t.Error("somebody without rights removed an owner")
		}
	})
}

func TestStaffByEmail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		boss := w.hire(t, "boss@shop.test", w.fruit, Owner)
		got, err := w.StaffByEmail(t.Context(), " Boss@Shop.test ")
		if diff := cmp.Diff(StaffMember{ID: boss.Staff, Email: "boss@shop.test"}, got, sameIDs); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
		_, err = w.StaffByEmail(t.Context(), "nobody@shop.test")
		wantCode(t, err, fault.NotFound)
		wantField(t, err, "email")
	})
}
