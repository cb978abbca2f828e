package identity

import (
	"context"
	"fmt"
	"slices"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent/shop"
	"holdfast/ent/shopstaff"
	"holdfast/ent/staff"
	"holdfast/ent/staffinvitation"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// ShopMember is a person who works for a shop.
type ShopMember struct {
	StaffMember
	ShopID typeid.Shop
	Role   Role
	// Link is what the staff of a shop are ordered by: those who came first are first.
	Link typeid.Link
}

// StaffOfShops is, for each shop, a page of those who work for it, in one statement. Callers ask Principal.Manages first. It
// fails with BAD_REQUEST.
func (s *Service) StaffOfShops(ctx context.Context, shops []typeid.Shop, q page.Query) (map[typeid.Shop]page.Page[*ShopMember], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	parts := make([]*entsql.Selector, len(shops))
	for i, id := range shops {
		t := s.db.SQL().Table(shopstaff.Table)
		part := s.db.SQL().Select(t.C(shopstaff.FieldID)).From(t).Where(entsql.EQ(t.C(shopstaff.FieldShopID), id))
		parts[i] = db.After(part, q.After).Limit(q.First + 1)
	}
	sel := selectMembers(s.db.SQL())
	sel.Where(db.AnyOf(sel, shopstaff.FieldID, parts)).OrderBy(sel.C(shopstaff.FieldID))
	members, err := db.Collect(ctx, s.db, sel, scanMember)
	if err != nil {
		return nil, fmt.Errorf("read staff of shops: %w", err)
	}
	return page.Deal(members, q.First, func(m *ShopMember) (typeid.Shop, *ShopMember) { return m.ShopID, m }), nil
}

// selectMembers selects from the links first, so that sel.C is a column of theirs.
func selectMembers(d *entsql.DialectBuilder) *entsql.Selector {
	l, st := d.Table(shopstaff.Table).As("l"), d.Table(staff.Table).As("st")
	return d.Select(l.C(shopstaff.FieldID), l.C(shopstaff.FieldShopID), l.C(shopstaff.FieldRole),
		st.C(staff.FieldID), st.C(staff.FieldEmail), st.C(staff.FieldIsOperator)).
		From(l).Join(st).On(l.C(shopstaff.FieldStaffID), st.C(staff.FieldID))
}

func scanMember(row db.Row) (*ShopMember, error) {
	m := &ShopMember{}
	return m, row.Scan(&m.Link, &m.ShopID, &m.Role, &m.ID, &m.Email, &m.IsOperator)
}

// managed is the shop of this id, whose staff who may manage. It fails with NOT_FOUND, for foreign shops too, and FORBIDDEN;
// at is the path of the id in the input.
func managed(who Principal, shopID string, at ...string) (typeid.Shop, error) {
	id, ok := typeid.Parse[typeid.Shop](shopID)
	switch {
	case ok && who.Manages(id):
		return id, nil
	case ok && who.WorksFor(id):
		return id, notOwner()
	default:
		return id, noSuchShop().At(at...)
	}
}

func notOwner() error { return fault.New(fault.Forbidden, "only owners of a shop may do this") }

// crew is who works for a shop, and as what.
type crew map[typeid.Staff]Role

// lockCrewTx locks who works for a shop and who is invited to, until the transaction ends. The lock is the shop's own row,
// which is there even before its first member of staff. It fails with NOT_FOUND.
func lockCrewTx(ctx context.Context, tx *db.Tx, id typeid.Shop) (crew, error) {
	t := tx.SQL().Table(shop.Table)
	found, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().Select(t.C(shop.FieldID)).From(t).Where(entsql.EQ(t.C(shop.FieldID), id))),
		func(row db.Row) (id typeid.Shop, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("lock shop: %w", err)
	}
	if len(found) == 0 {
		return nil, noSuchShop()
	}
	type member struct {
		id   typeid.Staff
		role Role
	}
	l := tx.SQL().Table(shopstaff.Table)
	rows, err := db.Collect(ctx, tx, tx.SQL().Select(l.C(shopstaff.FieldStaffID), l.C(shopstaff.FieldRole)).From(l).
		Where(entsql.EQ(l.C(shopstaff.FieldShopID), id)),
		func(row db.Row) (m member, err error) { return m, row.Scan(&m.id, &m.role) })
	if err != nil {
		return nil, fmt.Errorf("read staff of shop: %w", err)
	}
	out := make(crew, len(rows))
	for _, m := range rows {
		out[m.id] = m.role
	}
	return out, nil
}

// admits asks again, now that nothing can change, whether who may manage the shop: who was an owner when the request came may
// have been removed while it waited for the lock.
func (c crew) admits(who Principal, at ...string) error {
	role, ok := c[who.Staff]
	switch {
	case who.Operator || role == Owner:
		return nil
	case ok:
		return notOwner()
	default:
		return noSuchShop().At(at...)
	}
}

// needs tells whether the shop would have no owner without this one.
func (c crew) needs(owner typeid.Staff) bool {
	if c[owner] != Owner {
		return false
	}
	for id, role := range c {
		if id != owner && role == Owner {
			return false
		}
	}
	return true
}

// memberTx locks the shop's staff and is the role of the one that who is about to change. An owner who is about to cease to be
// one must not be the last. It fails with NOT_FOUND, CONFLICT and FORBIDDEN; at is the path of the arguments.
func memberTx(ctx context.Context, tx *db.Tx, who Principal, in typeid.Shop, member typeid.Staff, staysOwner bool, at []string) (Role, error) {
	locked, err := lockCrewTx(ctx, tx, in)
	if fault.Is(err, fault.NotFound) {
		return "", noSuchShop().At(below(at, "shopId")...)
	}
	if err != nil {
		return "", err
	}
	role, ok := locked[member]
	if !ok {
		return "", noSuchStaff().At(below(at, "staffId")...)
	}
	// Before who's own rights: of two owners who remove each other, the second learns that the first stays.
	if !staysOwner && locked.needs(member) {
		return "", fault.New(fault.Conflict, "a shop has at least one owner").At(below(at, "staffId")...)
	}
	return role, locked.admits(who, below(at, "shopId")...)
}

// below is the path of a field of what is at.
func below(at []string, field string) []string { return append(slices.Clip(at), field) }

// withdrawTx deletes the open invitations of one who may no longer invite, and tells how many there were: who knows their
// tokens must not come back by one.
func withdrawTx(ctx context.Context, tx *db.Tx, in typeid.Shop, by typeid.Staff) (int, error) {
	n, err := tx.StaffInvitation.Delete().Where(staffinvitation.ShopID(in), staffinvitation.InvitedBy(by),
		staffinvitation.AcceptedAtIsNil()).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("withdraw invitations: %w", err)
	}
	return n, nil
}
