package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast/ent"
	"holdfast/ent/buyer"
	"holdfast/ent/cart"
	"holdfast/ent/miniprogram"
	"holdfast/ent/session"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/limit"
	"holdfast/internal/typeid"
)

const (
	maxOpenID = 128 // as wide as its column
	// loginTries bounds how often a first log-in gives way to another one of the same buyer. The second try finds the row.
	loginTries = 3
)

// LoginBuyer begins a session for the user of the mini-program who got the code, a new buyer with an empty cart if need be.
// Anyone may call it. An unknown mini-program and a refused code are fault.LoginFailed alike; after too many of them from one
// address (see limit.Guesses) it is fault.RateLimited, and the provider is not asked.
func (s *Service) LoginBuyer(ctx context.Context, appID, code string) (Session, error) {
	return limit.TryCode(ctx, func() (Session, error) { return s.loginBuyer(ctx, appID, code) })
}

func (s *Service) loginBuyer(ctx context.Context, appID, code string) (Session, error) {
	mini, err := s.db.MiniProgram.Query().Where(miniprogram.AppID(appID)).Only(ctx)
	if ent.IsNotFound(err) || err == nil && mini.AppID != appID { // MySQL ignores trailing spaces when it compares
		return Session{}, loginFailed()
	}
	if err != nil {
		return Session{}, fmt.Errorf("read mini-program: %w", err)
	}
	openID, err := s.exchange(ctx, appID, code) // asks the network, so no transaction is open
	if err != nil {
		return Session{}, err
	}
	for range loginTries {
		out, err := s.beginBuyer(ctx, mini.ID, openID)
		if !db.IsDuplicate(err) {
			return out, err
		}
	}
	return Session{}, errors.New("log in buyer: the buyer's row comes and goes")
}

// exchange is the open id that the code stands for.
func (s *Service) exchange(ctx context.Context, appID, code string) (string, error) {
	openID, err := s.codes.OpenID(ctx, appID, code)
	if refusals := fault.List(err); len(refusals) > 0 {
		if refused := refusals[0].Refused(); len(refused.Args) == 0 { // a text of our own, without what the provider had to say
			return "", refused
		}
		return "", loginFailed()
	}
	if err != nil {
		return "", fmt.Errorf("exchange log-in code: %w", err)
	}
	if openID == "" || len(openID) > maxOpenID || strings.TrimSpace(openID) != openID {
		return "", errors.New("exchange log-in code: the provider's answer is no open id")
	}
	return openID, nil
}

// beginBuyer makes a session for the buyer of this open id, who may be new. When another first log-in of the same buyer has
// just been committed the error is a duplicate key.
func (s *Service) beginBuyer(ctx context.Context, mini typeid.MiniProgram, openID string) (Session, error) {
	p := Principal{MiniProgram: mini}
	known, err := s.db.Buyer.Query().Where(buyer.MiniProgramID(mini), buyer.OpenID(openID)).Only(ctx)
	switch {
	case err == nil:
		p.Buyer = known.ID
		return s.begin(ctx, p, nothingMore)
	case ent.IsNotFound(err):
		p.Buyer = typeid.New[typeid.Buyer](s.now())
		return s.begin(ctx, p, func(ctx context.Context, tx *db.Tx, now time.Time) error {
			return insertBuyerTx(ctx, tx, p, openID, now)
		})
	default:
		return Session{}, fmt.Errorf("read buyer: %w", err)
	}
}

// insertBuyerTx writes a new buyer and its cart. Of two first log-ins at once, one meets a duplicate key here.
func insertBuyerTx(ctx context.Context, tx *db.Tx, p Principal, openID string, now time.Time) error {
	err := tx.Insert(ctx, buyer.Table,
		[]string{buyer.FieldID, buyer.FieldMiniProgramID, buyer.FieldOpenID, buyer.FieldCreatedAt},
		[][]any{{p.Buyer, p.MiniProgram, openID, now}})
	if err != nil {
		return err
	}
	return tx.Insert(ctx, cart.Table, []string{cart.FieldID, cart.FieldVersion},
		[][]any{{typeid.From[typeid.Cart](p.Buyer.UUID), 1}})
}

// LoginStaff begins a session for the member of staff of this e-mail and password. Anyone may call it. Whatever is wrong
// is fault.LoginFailed, after the same work: nobody learns who works here. After too many of them (see limit.Guesses) it is
// fault.RateLimited, whether or not there is such a person, and even for the right password.
func (s *Service) LoginStaff(ctx context.Context, email, password string) (Session, error) {
	email = normalEmail(email)
	return limit.TryPassword(ctx, email, func() (Session, error) { return s.loginStaff(ctx, email, password) })
}

func (s *Service) loginStaff(ctx context.Context, email, password string) (Session, error) {
	row, err := s.findStaff(ctx, email)
	if err != nil {
		return Session{}, err
	}
	hash := nobodysHash()
	if row != nil {
		hash = row.PasswordHash
	}
	matches, err := s.passwords.match(ctx, password, hash)
	if err != nil {
		return Session{}, err
	}
	if row == nil || !matches {
		return Session{}, loginFailed()
	}
	p, ok, err := s.loadStaff(ctx, Principal{Staff: row.ID})
	if err != nil {
		return Session{}, err
	}
	if !ok { // deleted since
		return Session{}, loginFailed()
	}
	return s.begin(ctx, p, nothingMore)
}

// begin makes a session for p and its first tokens, in one transaction with what first does.
func (s *Service) begin(
	ctx context.Context, p Principal, first func(ctx context.Context, tx *db.Tx, now time.Time) error,
) (Session, error) {
	now := s.now()
	p.Session = typeid.New[typeid.Session](now)
	access, expiresAt, err := s.tokens.sign(ctx, p) // first, for it may need the database
	if err != nil {
		return Session{}, err
	}
	refresh := newSecretToken()
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		if err := first(ctx, tx, now); err != nil {
			return struct{}{}, err
		}
		if err := insertSessionTx(ctx, tx, p, now); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.insertRefreshTx(ctx, tx, p.Session, refresh, now)
	})
	if err != nil {
		return Session{}, fmt.Errorf("begin session: %w", err)
	}
	p.ExpiresAt = expiresAt
	return Session{AccessToken: access, ExpiresAt: expiresAt, RefreshToken: refresh.text, Viewer: p}, nil
}

// nothingMore is for begin when the session is all that is written.
func nothingMore(context.Context, *db.Tx, time.Time) error { return nil }

func insertSessionTx(ctx context.Context, tx *db.Tx, p Principal, now time.Time) error {
	row := []any{p.Session, nil, nil, p.Staff, now}
	if p.IsBuyer() {
		row = []any{p.Session, p.Buyer, p.MiniProgram, nil, now}
	}
	return tx.Insert(ctx, session.Table,
		[]string{session.FieldID, session.FieldBuyerID, session.FieldMiniProgramID, session.FieldStaffID, session.FieldCreatedAt},
		[][]any{row})
}
