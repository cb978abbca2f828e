package identity

import (
	"maps"
	"slices"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// Role is what a member of staff is in one shop. It is stored and shown as it is spelled.
type Role string

// The roles. An owner may do all that a clerk may.
const (
	Owner Role = "OWNER"
	Clerk Role = "CLERK"
)

// check refuses what is no role; at is its path in the input.
func (r Role) check(at ...string) error {
	if r != Owner && r != Clerk {
		return fault.New(fault.Invalid, "the role is none of %s, %s", Owner, Clerk).At(at...)
	}
	return nil
}

// Principal is who is asking. Every domain method takes it by value and asks it what is allowed. The zero Principal is
// nobody: it sees what is public and nothing else.
type Principal struct {
	// Session is the session that asks; zero for nobody.
	Session typeid.Session
	// Buyer and MiniProgram are set for a buyer alone: who it is, and in which mini-program.
	Buyer       typeid.Buyer
	MiniProgram typeid.MiniProgram
	// Staff is set for a member of staff alone.
	Staff typeid.Staff
	// Operator is true for the staff that operate the platform.
	Operator bool
	// ExpiresAt is when the access token ends; zero where none was read.
	ExpiresAt time.Time

	roles map[typeid.Shop]Role // never written to after it is set: copies of a Principal share it
}

// WithRole is the same principal, having this role in this shop.
func (p Principal) WithRole(shop typeid.Shop, role Role) Principal {
	roles := make(map[typeid.Shop]Role, len(p.roles)+1)
	maps.Copy(roles, p.roles)
	roles[shop] = role
	p.roles = roles
	return p
}

// IsBuyer tells whether a buyer asks.
func (p Principal) IsBuyer() bool { return !p.Buyer.IsZero() }

// IsStaff tells whether a member of staff asks; operators are staff.
func (p Principal) IsStaff() bool { return !p.Staff.IsZero() }

// IsAnonymous tells whether nobody is logged in.
func (p Principal) IsAnonymous() bool { return !p.IsBuyer() && !p.IsStaff() }

// Role is the role in this shop, if there is one. Operators have none unless they work there as well.
func (p Principal) Role(shop typeid.Shop) (Role, bool) {
	role, ok := p.roles[shop]
	return role, ok
}

// Shops are the shops that one has a role in, in id order. For operators too, who see more than these.
func (p Principal) Shops() []typeid.Shop {
	return slices.SortedFunc(maps.Keys(p.roles), func(a, b typeid.Shop) int { return a.Compare(b.UUID) })
}

// SeesShop tells whether what only staff of the shop see is shown: to whoever has a role in it, and to operators.
func (p Principal) SeesShop(shop typeid.Shop) bool { return p.Operator || p.WorksFor(shop) }

// WorksFor tells whether one has any role in the shop.
func (p Principal) WorksFor(shop typeid.Shop) bool {
	_, ok := p.roles[shop]
	return ok
}

// Owns tells whether one is an owner of the shop.
func (p Principal) Owns(shop typeid.Shop) bool { return p.roles[shop] == Owner }

// Manages tells whether one may manage the shop's staff and read its log: its owners, and operators.
func (p Principal) Manages(shop typeid.Shop) bool { return p.Operator || p.Owns(shop) }

// SeesStaff tells whether one may know of this member of staff: oneself, and operators know of all.
func (p Principal) SeesStaff(staff typeid.Staff) bool {
	return p.Operator || p.IsStaff() && p.Staff == staff
}
