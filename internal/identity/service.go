// Package identity knows who is asking: buyers who come from a mini-program, staff who come with a password, and the
// sessions of both.
//
// An access token is a signed statement that lives for half an hour and is checked without the database. A session can be
// ended before that: every process learns of it within a second. A refresh token is used once; used again it tells that
// somebody else has it, and the session ends.
package identity

import (
	"log/slog"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// Settings are what may be configured. Zero means the default.
type Settings struct {
	// AccessLife is how long an access token is good: 30 minutes by default.
	AccessLife time.Duration
	// RefreshLife is how long a refresh token is good: 30 days by default.
	RefreshLife time.Duration
}

const (
	defaultAccessLife  = 30 * time.Minute
	defaultRefreshLife = 30 * 24 * time.Hour
)

// Service logs in, refreshes, ends and recognizes sessions, and keeps the staff. It is safe for concurrent use.
type Service struct {
	db          *db.DB
	now         clock.Clock
	codes       CodeExchanger
	phones      PhoneExchanger
	log         *slog.Logger
	refreshLife time.Duration
	tokens      *accessTokens
	passwords   passwords
	revoked     *revocations
}

// New makes the service. It reads nothing yet. Without Run it is correct but slower: see Run.
func New(d *db.DB, now clock.Clock, codes CodeExchanger, set Settings, log *slog.Logger) *Service {
	if set.AccessLife == 0 {
		set.AccessLife = defaultAccessLife
	}
	if set.RefreshLife == 0 {
		set.RefreshLife = defaultRefreshLife
	}
	return &Service{
		db: d, now: now, codes: codes, log: log,
		refreshLife: set.RefreshLife,
		tokens:      newAccessTokens(newKeyring(d, now), now, set.AccessLife),
		passwords:   newPasswords(),
		revoked:     &revocations{window: set.AccessLife + clockSkew, watched: make(map[typeid.Session]*watch)},
	}
}

// Session is what a log-in or a refresh gives. Both tokens are secrets: they go to the client and nowhere else.
type Session struct {
	AccessToken string
	// ExpiresAt is when the access token ends, in whole seconds.
	ExpiresAt    time.Time
	RefreshToken string
	Viewer       Principal
}

// LogValue keeps the tokens out of logs.
func (s Session) LogValue() slog.Value { return slog.StringValue(s.Viewer.Session.String()) }

// Buyer is one user of one mini-program.
type Buyer struct{ ID typeid.Buyer }

// StaffMember is a person who works for shops or for the platform.
type StaffMember struct {
	ID         typeid.Staff
	Email      string
	IsOperator bool
}

// loginFailed is all that anybody learns of a log-in that failed.
func loginFailed() error { return fault.New(fault.LoginFailed, "log-in failed") }

// sessionExpired answers a refresh that cannot be.
func sessionExpired() error {
	return fault.New(fault.SessionExpired, "the session has ended; log in again")
}

// The refusals of an access token, each saying what to do.

func tokenInvalid() error {
	return fault.New(fault.Unauthenticated, "the access token is not valid; log in again")
}

func tokenExpired() error {
	return fault.New(fault.Unauthenticated, "the access token has expired; refresh the session")
}

func sessionEnded() error {
	return fault.New(fault.Unauthenticated, "the session has ended; log in again")
}
