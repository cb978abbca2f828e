package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"holdfast/internal/clock"
	"holdfast/internal/typeid"
)

const (
	issuer   = "holdfast" // and audience: nobody else reads our tokens, and we read nobody else's
	maxToken = 2048       // bytes; ours have about 400

	// remembered is how many tokens are known to be good, of about 1 KiB each: whoever sends one sends it again.
	remembered = 8192
)

// claims are what an access token says.
type claims struct {
	jwt.RegisteredClaims
	Session     string `json:"sid"`
	MiniProgram string `json:"mp,omitempty"` // of buyers
}

// accessTokens makes and reads access tokens.
type accessTokens struct {
	keys   *keyring
	now    clock.Clock
	life   time.Duration
	parser *jwt.Parser
	good   *lru.Cache[string, Principal] // tokens that have been verified
}

func newAccessTokens(keys *keyring, now clock.Clock, life time.Duration) *accessTokens {
	good, _ := lru.New[string, Principal](remembered) // which refuses sizes below 1 alone
	return &accessTokens{
		keys: keys, now: now, life: life, good: good,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), // never "none", nor what the token would like
			jwt.WithIssuer(issuer),
			jwt.WithAudience(issuer),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(now),
			jwt.WithStrictDecoding(), // one token has one spelling
		),
	}
}

// sign makes the access token of p, and says when it ends.
func (t *accessTokens) sign(ctx context.Context, p Principal) (token string, expiresAt time.Time, err error) {
	kid, secret, err := t.keys.signing(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	now := t.now()
	expiresAt = now.Add(t.life).Truncate(time.Second) // a JWT counts in seconds
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{issuer}, Subject: p.Staff.String(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expiresAt),
		},
		Session: p.Session.String(),
	}
	if p.IsBuyer() {
		c.Subject, c.MiniProgram = p.Buyer.String(), p.MiniProgram.String()
	}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
	unsigned.Header["kid"] = kid
	token, err = unsigned.SignedString(secret)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign access token: %w", err)
	}
	return token, expiresAt, nil
}

// read is who the token says it is, without roles, if it is one of ours and has not expired; else fault.Unauthenticated.
// Errors of another kind are the database's. None repeats the token.
func (t *accessTokens) read(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxToken {
		return Principal{}, tokenInvalid()
	}
	if p, ok := t.good.Get(token); ok {
		if !t.now().Before(p.ExpiresAt) {
			return Principal{}, tokenExpired()
		}
		return p, nil
	}
	var c claims
	var keyErr error
	_, err := t.parser.ParseWithClaims(token, &c, func(unverified *jwt.Token) (any, error) {
		kid, _ := unverified.Header["kid"].(string)
		var secret []byte
		secret, keyErr = t.keys.secret(ctx, kid)
		return secret, keyErr
	})
	switch {
	case keyErr != nil && !errors.Is(keyErr, errUnknownKey):
		return Principal{}, keyErr // not the token's fault
	case errors.Is(err, jwt.ErrTokenExpired):
		return Principal{}, tokenExpired()
	case err != nil:
		return Principal{}, tokenInvalid()
	}
	p, ok := c.principal()
	if !ok {
		return Principal{}, tokenInvalid()
	}
	p.ExpiresAt = c.ExpiresAt.UTC()
	t.good.Add(token, p)
	return p, nil
}

// principal is whom the claims name: a buyer in a mini-program, or staff.
func (c claims) principal() (p Principal, ok bool) {
	if p.Session, ok = typeid.Parse[typeid.Session](c.Session); !ok {
		return Principal{}, false
	}
	if p.Staff, ok = typeid.Parse[typeid.Staff](c.Subject); ok {
		return p, c.MiniProgram == ""
	}
	if p.Buyer, ok = typeid.Parse[typeid.Buyer](c.Subject); !ok {
		return Principal{}, false
	}
	p.MiniProgram, ok = typeid.Parse[typeid.MiniProgram](c.MiniProgram)
	return p, ok
}
