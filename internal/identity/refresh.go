package identity

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent/refreshtoken"
	"holdfast/ent/session"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// refreshGrace is for how long a used refresh token works once more: the answer to the first use may have been lost.
const refreshGrace = 30 * time.Second

func (s *Service) insertRefreshTx(ctx context.Context, tx *db.Tx, id typeid.Session, token secretToken, now time.Time) error {
	return tx.Insert(ctx, refreshtoken.Table,
		[]string{refreshtoken.FieldID, refreshtoken.FieldTokenHash, refreshtoken.FieldSessionID, refreshtoken.FieldExpiresAt},
		[][]any{{typeid.New[typeid.Link](now), token.hash[:], id, now.Add(s.refreshLife)}})
}

// Refresh trades a refresh token for new tokens of the same session. Anyone may call it. A token is used once; again within
// 30 s it gives yet other tokens of the session, because the answer may have been lost; used later, somebody else has had
// it, and the session ends. Whatever is wrong is fault.SessionExpired.
func (s *Service) Refresh(ctx context.Context, text string) (Session, error) {
	now := s.now()
	hash, ok := secretHash(text)
	if !ok {
		return Session{}, sessionExpired()
	}
	// Read first: what is made up, expired or ended never opens a transaction, which on SQLite would be the only one.
	id, p, err := s.findRefresh(ctx, hash, now)
	if err != nil {
		return Session{}, err
	}
	if p.IsStaff() {
		full, ok, err := s.loadStaff(ctx, p)
		if err != nil {
			return Session{}, err
		}
		if !ok {
			return Session{}, sessionExpired()
		}
		p = full
	}
	access, expiresAt, err := s.tokens.sign(ctx, p)
	if err != nil {
		return Session{}, err
	}
	next := newSecretToken()
	end, err := db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (ending, error) {
		return s.rotateTx(ctx, tx, id, p.Session, next, now)
	})
	if err != nil {
		return Session{}, fmt.Errorf("rotate refresh token of %s: %w", p.Session, err)
	}
	if end == endedNow {
		s.revoked.add(p.Session, now)
		s.log.WarnContext(ctx, "refresh token used again, session ended", "session", p.Session.String())
	}
	if end != goesOn {
		return Session{}, sessionExpired()
	}
	p.ExpiresAt = expiresAt
	return Session{AccessToken: access, ExpiresAt: expiresAt, RefreshToken: next.text, Viewer: p}, nil
}

// findRefresh is the row of a refresh token that has not expired and whose session goes on, and whom the session is of.
func (s *Service) findRefresh(ctx context.Context, hash [sha256.Size]byte, now time.Time) (typeid.Link, Principal, error) {
	type found struct {
		id      typeid.Link
		expires time.Time
		revoked sql.Null[time.Time]
		session typeid.Session
		buyer   sql.Null[typeid.Buyer]
		mini    sql.Null[typeid.MiniProgram]
		staff   sql.Null[typeid.Staff]
	}
	t, se := s.db.SQL().Table(refreshtoken.Table).As("t"), s.db.SQL().Table(session.Table).As("s")
	rows, err := db.Collect(ctx, s.db, s.db.SQL().
		Select(t.C(refreshtoken.FieldID), t.C(refreshtoken.FieldExpiresAt), se.C(session.FieldRevokedAt), se.C(session.FieldID),
			se.C(session.FieldBuyerID), se.C(session.FieldMiniProgramID), se.C(session.FieldStaffID)).
		From(t).Join(se).On(t.C(refreshtoken.FieldSessionID), se.C(session.FieldID)).
		Where(entsql.EQ(t.C(refreshtoken.FieldTokenHash), hash[:])),
		func(r db.Row) (f found, err error) {
			return f, r.Scan(&f.id, &f.expires, &f.revoked, &f.session, &f.buyer, &f.mini, &f.staff)
		})
	if err != nil {
		return typeid.Link{}, Principal{}, fmt.Errorf("read refresh token: %w", err)
	}
	if len(rows) == 0 || !now.Before(rows[0].expires) || rows[0].revoked.Valid {
		return typeid.Link{}, Principal{}, sessionExpired()
	}
	f := rows[0]
	return f.id, Principal{Session: f.session, Buyer: f.buyer.V, MiniProgram: f.mini.V, Staff: f.staff.V}, nil
}

// ending is what a refresh did to its session.
type ending int

const (
	goesOn ending = iota
	endedNow
	endedBefore
)

// rotateTx uses the refresh token and writes the next one, or ends the session. It locks the token and then its session, so
// that uses of one token, and of one session, happen one after the other.
func (s *Service) rotateTx(
	ctx context.Context, tx *db.Tx, id typeid.Link, sess typeid.Session, next secretToken, now time.Time,
) (ending, error) {
	type state struct{ used, revoked sql.Null[time.Time] }
	t, se := tx.SQL().Table(refreshtoken.Table).As("t"), tx.SQL().Table(session.Table).As("s")
	rows, err := db.Collect(ctx, tx, tx.ForUpdate(tx.SQL().
		Select(t.C(refreshtoken.FieldUsedAt), se.C(session.FieldRevokedAt)).
		From(t).Join(se).On(t.C(refreshtoken.FieldSessionID), se.C(session.FieldID)).
		Where(entsql.EQ(t.C(refreshtoken.FieldID), id))),
		func(r db.Row) (st state, err error) { return st, r.Scan(&st.used, &st.revoked) })
	if err != nil {
		return goesOn, fmt.Errorf("lock: %w", err)
	}
	if len(rows) == 0 || rows[0].revoked.Valid {
		return endedBefore, nil
	}
	used := rows[0].used
	if used.Valid && now.Sub(used.V) > refreshGrace {
		return endedNow, revokeTx(ctx, tx, sess, now)
	}
	if !used.Valid {
		_, err := tx.Exec(ctx, tx.SQL().Update(refreshtoken.Table).Set(refreshtoken.FieldUsedAt, now).
			Where(entsql.And(entsql.EQ(refreshtoken.FieldID, id), entsql.IsNull(refreshtoken.FieldUsedAt))))
		if err != nil {
			return goesOn, fmt.Errorf("mark as used: %w", err)
		}
	}
	return goesOn, s.insertRefreshTx(ctx, tx, sess, next, now)
}

// Revoke ends the session that asks: this process refuses it when Revoke returns, every other within a second. Whoever has
// a session may call it; to end one that has ended does nothing. Without a session it is fault.Unauthenticated.
func (s *Service) Revoke(ctx context.Context, who Principal) error {
	if who.Session.IsZero() {
		return fault.New(fault.Unauthenticated, "log in first")
	}
	now := s.now()
	_, err := db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, revokeTx(ctx, tx, who.Session, now)
	})
	if err != nil {
		return fmt.Errorf("revoke session %s: %w", who.Session, err)
	}
	s.revoked.add(who.Session, now)
	return nil
}

// revokeTx ends a session that goes on. The first end counts.
func revokeTx(ctx context.Context, tx *db.Tx, id typeid.Session, now time.Time) error {
	_, err := tx.Exec(ctx, tx.SQL().Update(session.Table).Set(session.FieldRevokedAt, now).
		Where(entsql.And(entsql.EQ(session.FieldID, id), entsql.IsNull(session.FieldRevokedAt))))
	return err
}
