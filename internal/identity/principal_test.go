package identity

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/typeid"
)

func TestPrincipal(t *testing.T) {
	mine, other := typeid.New[typeid.Shop](start), typeid.New[typeid.Shop](start)
	staff := Principal{Session: typeid.New[typeid.Session](start), Staff: typeid.New[typeid.Staff](start)}
	operator := staff
	operator.Operator = true
	type answers struct {
		Buyer, Staff, Anonymous                   bool
		SeesMine, SeesOther, WorksMine, WorksElse bool
		OwnsMine, OwnsOther                       bool
		ManagesMine, ManagesOther                 bool
	}
	for name, test := range map[string]struct {
		who  Principal
		want answers
	}{
		"nobody":    {Principal{}, answers{Anonymous: true}},
		"buyer":     {Principal{Buyer: typeid.New[typeid.Buyer](start)}, answers{Buyer: true}},
		"new staff": {staff, answers{Staff: true}},
		"clerk":     {staff.WithRole(mine, Clerk), answers{Staff: true, SeesMine: true, WorksMine: true}},
		"owner":     {staff.WithRole(mine, Owner), answers{Staff: true, SeesMine: true, WorksMine: true, OwnsMine: true, ManagesMine: true}},
		"operator":  {operator, answers{Staff: true, SeesMine: true, SeesOther: true, ManagesMine: true, ManagesOther: true}},
		"operator who clerks": {operator.WithRole(mine, Clerk), answers{
			Staff: true, SeesMine: true, SeesOther: true, WorksMine: true, ManagesMine: true, ManagesOther: true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := test.who
			got := answers{
				p.IsBuyer(), p.IsStaff(), p.IsAnonymous(),
				p.SeesShop(mine), p.SeesShop(other), p.WorksFor(mine), p.WorksFor(other),
				p.Owns(mine), p.Owns(other), p.Manages(mine), p.Manages(other),
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPrincipalRoles(t *testing.T) {
	a, b := typeid.New[typeid.Shop](start), typeid.New[typeid.Shop](start.Add(1e9))
	none := Principal{Staff: typeid.New[typeid.Staff](start)}
	both := none.WithRole(b, Clerk).WithRole(a, Owner)
	if diff := cmp.Diff([]typeid.Shop{a, b}, both.Shops(), sameIDs); diff != "" {
		t.Errorf("shops (-want +got)\n%s", diff)
	}
	if role, ok := both.Role(a); role != Owner || !ok {
		t.Errorf("got role %q, %v, want %q", role, ok, Owner)
	}
	if role, ok := none.Role(a); role != "" || ok || len(none.Shops()) != 0 {
		t.Errorf("WithRole changed the principal it was called on: %q, %v", role, ok)
	}
}

func TestSeesStaff(t *testing.T) {
	me, other := typeid.New[typeid.Staff](start), typeid.New[typeid.Staff](start)
	for name, test := range map[string]struct {
		who               Principal
		wantMe, wantOther bool
	}{
		"nobody":   {Principal{}, false, false},
		"buyer":    {Principal{Buyer: typeid.New[typeid.Buyer](start)}, false, false},
		"staff":    {Principal{Staff: me}, true, false},
		"operator": {Principal{Staff: me, Operator: true}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.who.SeesStaff(me); got != test.wantMe {
				t.Errorf("sees me: got %v", got)
			}
			if got := test.who.SeesStaff(other); got != test.wantOther {
				t.Errorf("sees the other: got %v", got)
			}
		})
	}
	if (Principal{}).SeesStaff(typeid.Staff{}) {
		t.Error("nobody sees the zero id")
	}
}
