package identity

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent/shop"
	"holdfast/ent/shopstaff"
	"holdfast/ent/staff"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

const (
	minPassword = 12  // characters
	maxEmail    = 200 // as wide as its column

	grantTries = 3
)

// normalEmail is how an e-mail address is stored and looked for.
func normalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// CreateStaff adds a person who logs in with this e-mail and password. It asks nobody's leave: it is for the command line
// and for demo data. A bad e-mail or a password under 12 characters is fault.Invalid, a known e-mail fault.Conflict.
func (s *Service) CreateStaff(ctx context.Context, email, password string, operator bool) (typeid.Staff, error) {
	email = normalEmail(email)
	if !looksLikeEmail(email) {
		return typeid.Staff{}, fault.New(fault.Invalid, "this is not an e-mail address").At("email")
	}
	if utf8.RuneCountInString(password) < minPassword {
		return typeid.Staff{}, fault.New(fault.Invalid, "a password has at least %d characters", minPassword).At("password")
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return typeid.Staff{}, err
	}
	now := s.now()
	id := typeid.New[typeid.Staff](now)
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, tx.Insert(ctx, staff.Table,
			[]string{staff.FieldID, staff.FieldEmail, staff.FieldPasswordHash, staff.FieldIsOperator, staff.FieldCreatedAt},
			[][]any{{id, email, hash, operator, now}})
	})
	if db.IsDuplicate(err) {
		return typeid.Staff{}, fault.New(fault.Conflict, "there is somebody with this e-mail address").At("email")
	}
	if err != nil {
		return typeid.Staff{}, fmt.Errorf("create staff: %w", err)
	}
	return id, nil
}

func looksLikeEmail(email string) bool {
	if len(email) > maxEmail {
		return false
	}
	addr, err := mail.ParseAddress(email)
	return err == nil && addr.Address == email // no display name, no quotes
}

// GrantRole gives a member of staff this role in this shop, in place of the one they had. It asks nobody's leave: it is for
// the command line and for demo data. An unknown person or shop is fault.NotFound.
func (s *Service) GrantRole(ctx context.Context, who typeid.Staff, in typeid.Shop, role Role) error {
	if role != Owner && role != Clerk {
		return fault.New(fault.Invalid, "the role is none of %s, %s", Owner, Clerk).At("role")
	}
	now := s.now()
	var err error
	for range grantTries { // of two first grants at once, one meets a duplicate key and then finds the row
		_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			return struct{}{}, grantTx(ctx, tx, who, in, role, now)
		})
		if !db.IsDuplicate(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("grant role: %w", err)
	}
	return nil
}

func grantTx(ctx context.Context, tx *db.Tx, who typeid.Staff, in typeid.Shop, role Role, now time.Time) error {
	changed, err := tx.Exec(ctx, tx.SQL().Update(shopstaff.Table).Set(shopstaff.FieldRole, string(role)).
		Where(entsql.And(entsql.EQ(shopstaff.FieldStaffID, who), entsql.EQ(shopstaff.FieldShopID, in))))
	if err != nil || changed > 0 {
		return err
	}
	if n, err := tx.Staff.Query().Where(staff.ID(who)).Count(ctx); err != nil {
		return err
	} else if n == 0 {
		return fault.New(fault.NotFound, "there is no such member of staff").At("staff")
	}
	if n, err := tx.Shop.Query().Where(shop.ID(in)).Count(ctx); err != nil {
		return err
	} else if n == 0 {
		return fault.New(fault.NotFound, "there is no such shop").At("shop")
	}
	return tx.Insert(ctx, shopstaff.Table,
		[]string{shopstaff.FieldID, shopstaff.FieldStaffID, shopstaff.FieldShopID, shopstaff.FieldRole},
		[][]any{{typeid.New[typeid.Link](now), who, in, string(role)}})
}

// Staff is one member of staff, or fault.NotFound. Callers ask Principal.SeesStaff first.
func (s *Service) Staff(ctx context.Context, id typeid.Staff) (StaffMember, error) {
	found, err := s.StaffByIDs(ctx, []typeid.Staff{id})
	if err != nil {
		return StaffMember{}, err
	}
	member, ok := found[id]
	if !ok {
		return StaffMember{}, fault.New(fault.NotFound, "there is no such member of staff")
	}
	return member, nil
}

// StaffByIDs are these members of staff, in one statement; those that do not exist are left out. Callers ask
// Principal.SeesStaff first.
func (s *Service) StaffByIDs(ctx context.Context, ids []typeid.Staff) (map[typeid.Staff]StaffMember, error) {
	rows, err := s.db.Staff.Query().Where(staff.IDIn(ids...)).
		Select(staff.FieldID, staff.FieldEmail, staff.FieldIsOperator).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read staff: %w", err)
	}
	out := make(map[typeid.Staff]StaffMember, len(rows))
	for _, row := range rows {
		out[row.ID] = StaffMember{ID: row.ID, Email: row.Email, IsOperator: row.IsOperator}
	}
	return out, nil
}
