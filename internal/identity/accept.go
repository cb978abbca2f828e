package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/staffinvitation"
	"holdfast/internal/audit"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/limit"
	"holdfast/internal/typeid"
)

// AcceptInvitation gives whoever has the token its role, once, and begins a session. Anyone may call it. A new e-mail becomes
// a person with this password; one that is known needs the password that it has. It fails with NOT_FOUND (unknown, used,
// revoked or expired), INVALID, LOGIN_FAILED, and CONFLICT for somebody who works there meanwhile; and with RATE_LIMITED after too
// many tokens or passwords that were wrong, which count with those of log-ins.
func (s *Service) AcceptInvitation(ctx context.Context, token, password string) (*Session, error) {
	hash, ok := secretHash(token)
	if !ok {
		return nil, noSuchInvitation().At("token")
	}
	return limit.TryCode(ctx, func() (*Session, error) {
		for range loginTries { // of two invitations of one new e-mail, one meets the other's person and then finds it
			out, err := s.accept(ctx, hash, password)
			if !db.IsDuplicate(err) {
				return out, err
			}
		}
		return nil, errors.New("accept invitation: the person's row comes and goes")
	})
}

func (s *Service) accept(ctx context.Context, hash [sha256.Size]byte, password string) (*Session, error) {
	// Read first: what is made up costs no password's work and opens no transaction.
	row, err := s.db.StaffInvitation.Query().Where(staffinvitation.TokenHash(hash[:])).Only(ctx)
	if ent.IsNotFound(err) || err == nil && (row.AcceptedAt != nil || !s.now().Before(row.ExpiresAt)) {
		return nil, noSuchInvitation().At("token")
	}
	if err != nil {
		return nil, fmt.Errorf("read invitation: %w", err)
	}
	who, newHash, err := s.invited(ctx, row.Email, password)
	if err != nil {
		return nil, err
	}
	offer := invitationOf(row)
	begun, err := s.begin(ctx, who.WithRole(offer.ShopID, offer.Role), func(ctx context.Context, tx *db.Tx, now time.Time) error {
		return acceptTx(ctx, tx, offer, who.Staff, newHash, now)
	})
	if err != nil {
		return nil, err
	}
	return &begun, nil
}

// invited is who accepts: a known person whose password this is, or a new one and the hash to be stored. Either takes the work
// of one password, as a log-in does.
func (s *Service) invited(ctx context.Context, email, password string) (who Principal, newHash string, err error) {
	known, err := s.findStaff(ctx, email)
	if err != nil {
		return Principal{}, "", err
	}
	if known == nil {
		if err := checkPassword(password); err != nil {
			return Principal{}, "", err
		}
		newHash, err := s.passwords.hash(ctx, password)
		return Principal{Staff: typeid.New[typeid.Staff](s.now())}, newHash, err
	}
	who, err = limit.TryPassword(ctx, email, func() (Principal, error) { return s.proven(ctx, known, password) })
	return who, "", err
}

// proven is a known person whose password this is.
func (s *Service) proven(ctx context.Context, known *ent.Staff, password string) (Principal, error) {
	matches, err := s.passwords.match(ctx, password, known.PasswordHash)
	if err != nil {
		return Principal{}, err
	}
	if !matches {
		return Principal{}, loginFailed()
	}
	who, ok, err := s.loadStaff(ctx, Principal{Staff: known.ID})
	if err == nil && !ok { // deleted since
		err = loginFailed()
	}
	return who, err
}

// acceptTx uses the invitation up and gives the role. newHash is empty for somebody who is known already.
func acceptTx(ctx context.Context, tx *db.Tx, offer *Invitation, who typeid.Staff, newHash string, now time.Time) error {
	locked, err := lockCrewTx(ctx, tx, offer.ShopID)
	if fault.Is(err, fault.NotFound) {
		return noSuchInvitation().At("token")
	}
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, tx.SQL().Update(staffinvitation.Table).Set(staffinvitation.FieldAcceptedAt, now).Where(entsql.And(
		entsql.EQ(staffinvitation.FieldID, offer.ID), entsql.IsNull(staffinvitation.FieldAcceptedAt),
		entsql.GT(staffinvitation.FieldExpiresAt, now))))
	if err != nil {
		return fmt.Errorf("use invitation: %w", err)
	}
	if n == 0 { // used, revoked or replaced since it was read
		return noSuchInvitation().At("token")
	}
	if _, works := locked[who]; works {
		return worksAlready()
	}
	if newHash != "" {
		if err := insertStaffTx(ctx, tx, who, offer.Email, newHash, false, now); err != nil {
			return err
		}
	}
	if err := insertRoleTx(ctx, tx, who, offer.ShopID, offer.Role, now); err != nil {
		return err
	}
	return audit.RecordTx(ctx, tx, now, audit.Act{
		Shop: offer.ShopID, Staff: who, Action: "staffInvitationAccept", Subject: offer.ID, Detail: inviteDetail{offer.Email, offer.Role},
	})
}
