package identity

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/ent"
	"holdfast/ent/shopstaff"
	"holdfast/ent/staff"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

const (
	minPassword = 12  // characters
	maxEmail    = 200 // as wide as its column
)

// normalEmail is how an e-mail address is stored and looked for.
func normalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// CreateStaff adds a person who logs in with this e-mail and password. It asks nobody's leave: it is for the command line
// and for demo data. A bad e-mail or a password under 12 characters is fault.Invalid, a known e-mail fault.Conflict.
func (s *Service) CreateStaff(ctx context.Context, email, password string, operator bool) (typeid.Staff, error) {
	email = normalEmail(email)
	if err := checkEmail(email, "email"); err != nil {
		return typeid.Staff{}, err
	}
	if err := checkPassword(password); err != nil {
		return typeid.Staff{}, err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return typeid.Staff{}, err
	}
	now := s.now()
	id := typeid.New[typeid.Staff](now)
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, insertStaffTx(ctx, tx, id, email, hash, operator, now)
	})
	if db.IsDuplicate(err) {
		return typeid.Staff{}, fault.New(fault.Conflict, "there is somebody with this e-mail address").At("email")
	}
	if err != nil {
		return typeid.Staff{}, fmt.Errorf("create staff: %w", err)
	}
	return id, nil
}

func insertStaffTx(ctx context.Context, tx *db.Tx, id typeid.Staff, email, hash string, operator bool, now time.Time) error {
	return tx.Insert(ctx, staff.Table,
		[]string{staff.FieldID, staff.FieldEmail, staff.FieldPasswordHash, staff.FieldIsOperator, staff.FieldCreatedAt},
		[][]any{{id, email, hash, operator, now}})
}

// checkEmail refuses what is no e-mail address in its normal form.
func checkEmail(email string, at ...string) error {
	if !looksLikeEmail(email) {
		return fault.New(fault.Invalid, "this is not an e-mail address").At(at...)
	}
	return nil
}

// checkPassword refuses passwords that are too short to be set.
func checkPassword(password string) error {
	if utf8.RuneCountInString(password) < minPassword {
		return fault.New(fault.Invalid, "a password has at least %d characters", minPassword).At("password")
	}
	return nil
}

func looksLikeEmail(email string) bool {
	if len(email) > maxEmail {
		return false
	}
	addr, err := mail.ParseAddress(email)
	return err == nil && addr.Address == email // no display name, no quotes
}

// GrantRole gives a member of staff this role in this shop, in place of the one they had. It asks nobody's leave, not even
// whether the shop keeps an owner: it is for the command line and for demo data. An unknown person or shop is fault.NotFound.
func (s *Service) GrantRole(ctx context.Context, who typeid.Staff, in typeid.Shop, role Role) error {
	if err := role.check("role"); err != nil {
		return err
	}
	now := s.now()
	_, err := db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, grantTx(ctx, tx, who, in, role, now)
	})
	if err != nil {
		return fmt.Errorf("grant role: %w", err)
	}
	return nil
}

func grantTx(ctx context.Context, tx *db.Tx, who typeid.Staff, in typeid.Shop, role Role, now time.Time) error {
	crew, err := lockCrewTx(ctx, tx, in)
	if fault.Is(err, fault.NotFound) {
		return noSuchShop().At("shop")
	}
	if err != nil {
		return err
	}
	if was, ok := crew[who]; ok {
		_, err := changeRoleTx(ctx, tx, in, who, was, role)
		return err
	}
	if n, err := tx.Staff.Query().Where(staff.ID(who)).Count(ctx); err != nil {
		return err
	} else if n == 0 {
		return noSuchStaff().At("staff")
	}
	return insertRoleTx(ctx, tx, who, in, role, now)
}

func insertRoleTx(ctx context.Context, tx *db.Tx, who typeid.Staff, in typeid.Shop, role Role, now time.Time) error {
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
		return StaffMember{}, noSuchStaff()
	}
	return member, nil
}

// StaffByEmail is the member of staff who logs in with this e-mail, or fault.NotFound. It asks nobody's leave: it is for the
// command line.
func (s *Service) StaffByEmail(ctx context.Context, email string) (StaffMember, error) {
	row, err := s.findStaff(ctx, normalEmail(email))
	if err != nil {
		return StaffMember{}, err
	}
	if row == nil {
		return StaffMember{}, noSuchStaff().At("email")
	}
	return StaffMember{ID: row.ID, Email: row.Email, IsOperator: row.IsOperator}, nil
}

// findStaff is the row of the person with this e-mail in its normal form; nil when there is none.
func (s *Service) findStaff(ctx context.Context, email string) (*ent.Staff, error) {
	row, err := s.db.Staff.Query().Where(staff.Email(email)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil //nolint:nilnil // nobody
	}
	if err != nil {
		return nil, fmt.Errorf("read staff: %w", err)
	}
	return row, nil
}

func noSuchStaff() *fault.Error { return fault.New(fault.NotFound, "there is no such member of staff") }

func noSuchShop() *fault.Error { return fault.New(fault.NotFound, "there is no such shop") }

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
