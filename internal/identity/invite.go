package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/staff"
	"holdfast/ent/staffinvitation"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

const (
	// InvitationLife is for how long an invitation can be accepted.
	InvitationLife = 7 * 24 * time.Hour
	// MaxInvitations is how many open invitations a shop may have.
	MaxInvitations = 100
)

// InviteInput is who is invited to work for a shop, and as what.
type InviteInput struct {
	ShopID string
	Email  string
	Role   Role
}

// Invitation is an offer to work for a shop. It is open until it is accepted or revoked, or expires.
type Invitation struct {
	ID        typeid.Invitation
	ShopID    typeid.Shop
	Email     string
	Role      Role
	InvitedBy typeid.Staff
	CreatedAt time.Time
	ExpiresAt time.Time
	// Token is what the invited person accepts with: a secret, in the answer of Invite and empty ever after.
	Token string
}

// LogValue keeps the token out of logs.
func (i Invitation) LogValue() slog.Value { return slog.StringValue(i.ID.String()) }

// inviteDetail is what the audit log keeps of an invitation.
type inviteDetail struct {
	Email string `json:"email"`
	Role  Role   `json:"role"`
}

// Invite offers somebody to work for the shop, for owners of the shop and operators. The answer holds the token, which the
// caller brings to the person; inviting the same e-mail again replaces the open invitation. It fails with INVALID, NOT_FOUND,
// FORBIDDEN, TOO_MANY, and CONFLICT for somebody who works there already.
func (s *Service) Invite(ctx context.Context, who Principal, in InviteInput) (*Invitation, error) {
	shop, err := managed(who, in.ShopID, "input", "shopId")
	if err != nil {
		return nil, err
	}
	email := normalEmail(in.Email)
	if err := checkEmail(email, "input", "email"); err != nil {
		return nil, err
	}
	if err := in.Role.check("input", "role"); err != nil {
		return nil, err
	}
	token, now := newSecretToken(), s.now()
	made := &Invitation{
		ID: typeid.New[typeid.Invitation](now), ShopID: shop, Email: email, Role: in.Role, InvitedBy: who.Staff,
		CreatedAt: now, ExpiresAt: now.Add(InvitationLife), Token: token.text,
	}
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, inviteTx(ctx, tx, who, made, token.hash)
	})
	if err != nil {
		return nil, fmt.Errorf("invite: %w", err)
	}
	return made, nil
}

func inviteTx(ctx context.Context, tx *db.Tx, who Principal, made *Invitation, hash [sha256.Size]byte) error {
	locked, err := lockCrewTx(ctx, tx, made.ShopID)
	if fault.Is(err, fault.NotFound) {
		return noSuchShop().At("input", "shopId")
	}
	if err != nil {
		return err
	}
	if err := locked.admits(who, "input", "shopId"); err != nil {
		return err
	}
	known, err := tx.Staff.Query().Where(staff.Email(made.Email)).All(ctx)
	if err != nil {
		return fmt.Errorf("read staff: %w", err)
	}
	for _, person := range known {
		if _, works := locked[person.ID]; works {
			return worksAlready().At("input", "email")
		}
	}
	if err := makeRoomTx(ctx, tx, made); err != nil {
		return err
	}
	if err := tx.Insert(ctx, staffinvitation.Table, []string{
		staffinvitation.FieldID, staffinvitation.FieldShopID, staffinvitation.FieldEmail, staffinvitation.FieldRole,
		staffinvitation.FieldTokenHash, staffinvitation.FieldInvitedBy, staffinvitation.FieldExpiresAt, staffinvitation.FieldCreatedAt,
	}, [][]any{{made.ID, made.ShopID, made.Email, string(made.Role), hash[:], made.InvitedBy, made.ExpiresAt, made.CreatedAt}}); err != nil {
		return err
	}
	return audit.RecordTx(ctx, tx, made.CreatedAt, audit.Act{
		Shop: made.ShopID, Staff: who.Staff, Action: "staffInvite", Subject: made.ID, Detail: inviteDetail{made.Email, made.Role},
	})
}

// makeRoomTx deletes what the new invitation replaces and what has expired, and refuses it when the shop has its fill.
func makeRoomTx(ctx context.Context, tx *db.Tx, made *Invitation) error {
	unused := staffinvitation.And(staffinvitation.ShopID(made.ShopID), staffinvitation.AcceptedAtIsNil())
	if _, err := tx.StaffInvitation.Delete().Where(unused,
		staffinvitation.Or(staffinvitation.Email(made.Email), staffinvitation.ExpiresAtLTE(made.CreatedAt))).Exec(ctx); err != nil {
		return fmt.Errorf("delete old invitations: %w", err)
	}
	n, err := tx.StaffInvitation.Query().Where(unused).Count(ctx)
	if err != nil {
		return fmt.Errorf("count invitations: %w", err)
	}
	if n >= MaxInvitations {
		return fault.New(fault.TooMany, "a shop has at most %d open invitations", MaxInvitations).At("input", "shopId")
	}
	return nil
}

func worksAlready() *fault.Error {
	return fault.New(fault.Conflict, "somebody with this e-mail address works there already")
}

// InvitationsOfShops is, for each shop, a page of its open invitations, newest first and without their tokens. Callers ask
// Principal.Manages first. It fails with BAD_REQUEST.
func (s *Service) InvitationsOfShops(ctx context.Context, shops []typeid.Shop, q page.Query) (map[typeid.Shop]page.Page[*Invitation], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	now := s.now()
	parts := make([]*entsql.Selector, len(shops))
	for i, id := range shops {
		t := s.db.SQL().Table(staffinvitation.Table)
		part := s.db.SQL().Select(t.C(staffinvitation.FieldID)).From(t).Where(entsql.And(
			entsql.EQ(t.C(staffinvitation.FieldShopID), id), entsql.IsNull(t.C(staffinvitation.FieldAcceptedAt)),
			entsql.GT(t.C(staffinvitation.FieldExpiresAt), now)))
		parts[i] = db.Before(part, q.After).Limit(q.First + 1)
	}
	rows, err := s.db.StaffInvitation.Query().Where(func(sel *entsql.Selector) {
		sel.Where(db.AnyOf(sel, staffinvitation.FieldID, parts)).OrderBy(entsql.Desc(sel.C(staffinvitation.FieldID)))
	}).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read invitations of shops: %w", err)
	}
	return page.Deal(rows, q.First, func(r *ent.StaffInvitation) (typeid.Shop, *Invitation) { return r.ShopID, invitationOf(r) }), nil
}

func invitationOf(r *ent.StaffInvitation) *Invitation {
	return &Invitation{
		ID: r.ID, ShopID: r.ShopID, Email: r.Email, Role: Role(r.Role), InvitedBy: r.InvitedBy,
		CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt,
	}
}

// RevokeInvitation takes an open invitation back, for owners of its shop and operators. It fails with NOT_FOUND, also once it
// has been accepted or has expired, and FORBIDDEN.
func (s *Service) RevokeInvitation(ctx context.Context, who Principal, invitationID string) error {
	absent := noSuchInvitation().At("invitationId")
	id, ok := typeid.Parse[typeid.Invitation](invitationID)
	if !ok {
		return absent
	}
	row, err := s.db.StaffInvitation.Get(ctx, id)
	if ent.IsNotFound(err) || err == nil && !who.SeesShop(row.ShopID) {
		return absent
	}
	if err != nil {
		return fmt.Errorf("read invitation: %w", err)
	}
	if !who.Manages(row.ShopID) {
		return notOwner()
	}
	now := s.now()
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		locked, err := lockCrewTx(ctx, tx, row.ShopID)
		if err != nil {
			return struct{}{}, err
		}
		if err := locked.admits(who); err != nil {
			return struct{}{}, err
		}
		n, err := tx.StaffInvitation.Delete().Where(staffinvitation.ID(id), staffinvitation.AcceptedAtIsNil(),
			staffinvitation.ExpiresAtGT(now)).Exec(ctx)
		if err == nil && n == 0 {
			err = absent
		}
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, audit.RecordTx(ctx, tx, now, audit.Act{
			Shop: row.ShopID, Staff: who.Staff, Action: "staffInvitationRevoke", Subject: id,
			Detail: inviteDetail{row.Email, Role(row.Role)},
		})
	})
	if err != nil {
		return fmt.Errorf("revoke invitation: %w", err)
	}
	return nil
}

// noSuchInvitation is all that is told of invitations that are unknown, used, revoked or expired.
func noSuchInvitation() *fault.Error {
	return fault.New(fault.NotFound, "there is no such invitation; ask for a new one")
}
