package identity

import (
	"context"
	"database/sql"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent/session"
	"holdfast/ent/shopstaff"
	"holdfast/ent/staff"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// Authenticate is who holds this access token (without "Bearer"). A token that is not ours, has expired, or whose session
// or person is gone is fault.Unauthenticated and says what to do; any other error means that it could not be found out, and
// the request must be refused. Buyers normally cost no SQL; staff cost one statement, so that a role given or taken counts
// at once.
func (s *Service) Authenticate(ctx context.Context, bearerToken string) (Principal, error) {
	p, err := s.tokens.read(ctx, bearerToken)
	if err != nil {
		return Principal{}, err
	}
	fresh := s.revoked.fresh(s.now()) // before looking: a poll that ends in between makes the set fresh, not this look
	if s.revoked.has(p.Session) {
		return Principal{}, sessionEnded()
	}
	if p.IsStaff() {
		full, ok, err := s.loadStaff(ctx, p)
		if err == nil && !ok {
			err = sessionEnded()
		}
		return full, err
	}
	if fresh {
		return p, nil
	}
	goesOn, err := s.sessionGoesOn(ctx, p.Session)
	if err == nil && !goesOn {
		err = sessionEnded()
	}
	if err != nil {
		return Principal{}, err
	}
	return p, nil
}

// Ended is closed when the session of who ends, within a second wherever it was ended, as long as ctx lasts and Run runs.
// For nobody it is nil.
func (s *Service) Ended(ctx context.Context, who Principal) <-chan struct{} {
	if who.IsAnonymous() {
		return nil
	}
	over, release := s.revoked.await(who.Session)
	context.AfterFunc(ctx, release)
	return over
}

// Renew is who with the roles of this moment, for those who were let in a while ago. A person who is gone, or whose session
// has ended, is fault.Unauthenticated. Buyers have no roles: they cost nothing.
func (s *Service) Renew(ctx context.Context, who Principal) (Principal, error) {
	if s.revoked.has(who.Session) {
		return Principal{}, sessionEnded()
	}
	if !who.IsStaff() {
		return who, nil
	}
	now, ok, err := s.loadStaff(ctx, who)
	if err == nil && !ok {
		err = sessionEnded()
	}
	return now, err
}

// sessionGoesOn reads the session's row.
func (s *Service) sessionGoesOn(ctx context.Context, id typeid.Session) (bool, error) {
	n, err := s.db.Session.Query().Where(session.ID(id), session.RevokedAtIsNil()).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("read session %s: %w", id, err)
	}
	return n > 0, nil
}

// loadStaff is p with what the database says of this member of staff: operator or not, and the roles. ok is false when
// there is no such person or when p has a session that is not theirs or has ended. It is one statement.
func (s *Service) loadStaff(ctx context.Context, p Principal) (_ Principal, ok bool, err error) {
	type row struct {
		operator bool
		shop     sql.Null[typeid.Shop]
		role     sql.Null[Role]
	}
	st, ss := s.db.SQL().Table(staff.Table).As("st"), s.db.SQL().Table(shopstaff.Table).As("ss")
	query := s.db.SQL().Select(st.C(staff.FieldIsOperator), ss.C(shopstaff.FieldShopID), ss.C(shopstaff.FieldRole)).
		From(st).LeftJoin(ss).On(ss.C(shopstaff.FieldStaffID), st.C(staff.FieldID)).
		Where(entsql.EQ(st.C(staff.FieldID), p.Staff))
	if !p.Session.IsZero() {
		se := s.db.SQL().Table(session.Table).As("se")
		query.Join(se).On(se.C(session.FieldStaffID), st.C(staff.FieldID)).
			Where(entsql.And(entsql.EQ(se.C(session.FieldID), p.Session), entsql.IsNull(se.C(session.FieldRevokedAt))))
	}
	rows, err := db.Collect(ctx, s.db, query, func(r db.Row) (out row, err error) {
		return out, r.Scan(&out.operator, &out.shop, &out.role)
	})
	if err != nil {
		return Principal{}, false, fmt.Errorf("read staff %s: %w", p.Staff, err)
	}
	if len(rows) == 0 {
		return Principal{}, false, nil
	}
	p.Operator = rows[0].operator
	p.roles = make(map[typeid.Shop]Role, len(rows))
	for _, r := range rows {
		if r.shop.Valid {
			p.roles[r.shop.V] = r.role.V
		}
	}
	return p, true, nil
}
