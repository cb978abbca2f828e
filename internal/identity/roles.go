package identity

import (
	"context"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent/shopstaff"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// SetRoleInput is the role that a member of a shop's staff is to have.
type SetRoleInput struct {
	ShopID  string
	StaffID string
	Role    Role
}

// roleDetail is what the audit log keeps of a role that changed or ended.
type roleDetail struct {
	Was       Role `json:"was"`
	Role      Role `json:"role,omitempty"`
	Withdrawn int  `json:"withdrawnInvitations,omitempty"`
}

// SetRole gives somebody who works for the shop another role there, for owners of the shop and operators. What an owner had
// invited and is open still ends when the owner becomes a clerk. It fails with INVALID, NOT_FOUND, FORBIDDEN, and CONFLICT for
// the last owner.
func (s *Service) SetRole(ctx context.Context, who Principal, in SetRoleInput) (*ShopMember, error) {
	shop, err := managed(who, in.ShopID, "input", "shopId")
	if err != nil {
		return nil, err
	}
	member, ok := typeid.Parse[typeid.Staff](in.StaffID)
	if !ok {
		return nil, noSuchStaff().At("input", "staffId")
	}
	if err := in.Role.check("input", "role"); err != nil {
		return nil, err
	}
	now := s.now()
	out, err := db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (*ShopMember, error) {
		was, err := memberTx(ctx, tx, who, shop, member, in.Role == Owner, []string{"input"})
		if err != nil {
			return nil, err
		}
		if was != in.Role {
			detail := roleDetail{Was: was, Role: in.Role}
			if detail.Withdrawn, err = changeRoleTx(ctx, tx, shop, member, was, in.Role); err != nil {
				return nil, err
			}
			act := audit.Act{Shop: shop, Staff: who.Staff, Action: "staffRoleSet", Subject: member, Detail: detail}
			if err := audit.RecordTx(ctx, tx, now, act); err != nil {
				return nil, err
			}
		}
		return readMemberTx(ctx, tx, shop, member)
	})
	if err != nil {
		return nil, fmt.Errorf("set role: %w", err)
	}
	return out, nil
}

// changeRoleTx writes another role, and withdraws what one who was an owner has invited.
func changeRoleTx(ctx context.Context, tx *db.Tx, in typeid.Shop, member typeid.Staff, was, role Role) (withdrawn int, err error) {
	if _, err := tx.Exec(ctx, tx.SQL().Update(shopstaff.Table).Set(shopstaff.FieldRole, string(role)).
		Where(entsql.And(entsql.EQ(shopstaff.FieldStaffID, member), entsql.EQ(shopstaff.FieldShopID, in)))); err != nil {
		return 0, fmt.Errorf("write role: %w", err)
	}
	if was != Owner || role == Owner {
		return 0, nil
	}
	return withdrawTx(ctx, tx, in, member)
}

func readMemberTx(ctx context.Context, tx *db.Tx, in typeid.Shop, member typeid.Staff) (*ShopMember, error) {
	sel := selectMembers(tx.SQL())
	sel.Where(entsql.And(entsql.EQ(sel.C(shopstaff.FieldShopID), in), entsql.EQ(sel.C(shopstaff.FieldStaffID), member)))
	found, err := db.Collect(ctx, tx, sel, scanMember)
	if err != nil {
		return nil, fmt.Errorf("read member of staff: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("read member of staff: %s is gone", member)
	}
	return found[0], nil
}

// Remove ends somebody's work for the shop, for owners of the shop and operators; the person stays, and so do other shops'
// roles. Their rights in the shop are gone with the answer, and with them the open invitations that they sent. It fails with
// NOT_FOUND, FORBIDDEN, and CONFLICT for the last owner.
func (s *Service) Remove(ctx context.Context, who Principal, shopID, staffID string) error {
	in, err := managed(who, shopID, "shopId")
	if err != nil {
		return err
	}
	member, ok := typeid.Parse[typeid.Staff](staffID)
	if !ok {
		return noSuchStaff().At("staffId")
	}
	now := s.now()
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, removeTx(ctx, tx, who, in, member, now)
	})
	if err != nil {
		return fmt.Errorf("remove member of staff: %w", err)
	}
	return nil
}

func removeTx(ctx context.Context, tx *db.Tx, who Principal, in typeid.Shop, member typeid.Staff, now time.Time) error {
	was, err := memberTx(ctx, tx, who, in, member, false, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ShopStaff.Delete().Where(shopstaff.ShopID(in), shopstaff.StaffID(member)).Exec(ctx); err != nil {
		return fmt.Errorf("delete role: %w", err)
	}
	detail := roleDetail{Was: was}
	if detail.Withdrawn, err = withdrawTx(ctx, tx, in, member); err != nil {
		return err
	}
	return audit.RecordTx(ctx, tx, now, audit.Act{Shop: in, Staff: who.Staff, Action: "staffRemove", Subject: member, Detail: detail})
}
