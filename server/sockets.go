package main

import (
	"context"
	"strings"

	"holdfast/graph"
	"holdfast/graph/transport"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/limit"
)

// begin lets a WebSocket in: as who its token says, or as nobody when it has none.
func (s *server) begin(ctx context.Context, authorization string) (transport.Session, error) {
	who, err := s.bearer(ctx, authorization)
	if err != nil {
		return transport.Session{}, err
	}
	if err := s.countSession(ctx, who); err != nil {
		return transport.Session{}, err
	}
	return transport.Session{
		Context:   graph.WithSocket(ctx, who),
		ExpiresAt: who.ExpiresAt,
		Ended:     s.business.Identity.Ended(ctx, who),
	}, nil
}

// countSession counts a socket of who, until ctx ends with it.
func (s *server) countSession(ctx context.Context, who identity.Principal) error {
	account := accountOf(who)
	if s.limits.rates == nil || account == "" {
		return nil
	}
	done, ok := s.limits.ofSession.Add(account)
	if !ok {
		return limit.Connections()
	}
	context.AfterFunc(ctx, done)
	return nil
}

// bearer is who an Authorization header names; nobody when there is none.
func (s *server) bearer(ctx context.Context, authorization string) (identity.Principal, error) {
	scheme, token, _ := strings.Cut(authorization, " ")
	switch {
	case scheme == "":
		return identity.Principal{}, nil
	case !strings.EqualFold(scheme, "Bearer"):
		return identity.Principal{}, fault.New(fault.Unauthenticated, "the access token is not valid; log in again")
	}
	return s.business.Identity.Authenticate(ctx, strings.TrimSpace(token))
}
