package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"holdfast/ent/refreshtoken"
	"holdfast/ent/session"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

const (
	// clockSkew is how far processes' clocks may lie apart, with the time that a revoking transaction takes.
	clockSkew = 5 * time.Minute

	// pollAge is how old the last look at the database may be: the second within which every process refuses an ended
	// session. With a poll every 300 ms two may fail before requests notice.
	pollAge = time.Second

	pollEvery    = 300 * time.Millisecond
	upkeepEvery  = 30 * time.Second
	cleanUpEvery = 5 * time.Minute

	cleanUpBatch   = 200 // rows a transaction, so that log-ins never wait for long
	cleanUpBatches = 50  // a round: the rest has time until the next
)

// revocations are the sessions that ended lately, as this process knows them. Sessions that ended earlier than an access
// token lives need no remembering: their tokens have expired.
type revocations struct {
	window   time.Duration
	ended    sync.Map // typeid.Session -> when it ended, time.Time; read far more often than written
	polledAt atomic.Pointer[time.Time]

	mu      sync.Mutex
	watched map[typeid.Session]*watch
}

// watch is what those share who wait for one session to end.
type watch struct {
	waiting int
	over    chan struct{}
}

func (r *revocations) add(id typeid.Session, at time.Time) {
	if _, again := r.ended.LoadOrStore(id, at); again {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, ok := r.watched[id]; ok {
		close(w.over)
		delete(r.watched, id)
	}
}

// await is closed when the session ends; release is called by whoever waits no more.
func (r *revocations) await(id typeid.Session) (over <-chan struct{}, release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, ok := r.watched[id]
	if !ok {
		w = &watch{over: make(chan struct{})}
		if r.has(id) { // add stores before it looks here
			close(w.over)
			return w.over, func() {}
		}
		r.watched[id] = w
	}
	w.waiting++
	return w.over, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if w.waiting--; w.waiting == 0 && r.watched[id] == w {
			delete(r.watched, id)
		}
	}
}

func (r *revocations) has(id typeid.Session) bool {
	_, ok := r.ended.Load(id)
	return ok
}

// fresh tells whether the set is known to be complete up to a second ago. It never is before the first poll, nor after the
// clock was set back.
func (r *revocations) fresh(now time.Time) bool {
	at := r.polledAt.Load()
	if at == nil {
		return false
	}
	age := now.Sub(*at)
	return age >= 0 && age <= pollAge
}

// prune forgets sessions none of whose access tokens is still good.
func (r *revocations) prune(now time.Time) {
	r.ended.Range(func(id, at any) bool {
		if at, ok := at.(time.Time); ok && now.Sub(at) > r.window {
			r.ended.Delete(id)
		}
		return true
	})
}

// Run keeps up with what other processes do, until ctx ends: sessions that they end, signing keys that come and go (within
// 30 s). It also deletes expired refresh tokens. One call a process. Without it, and while the database does not answer,
// Authenticate reads each session's row: correct, but a statement for every request.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.keepPolling(ctx) })
	wg.Go(func() { s.keepUp(ctx) })
	wg.Wait()
	return nil
}

func (s *Service) keepPolling(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := s.poll(ctx)
		if ctx.Err() != nil {
			return
		}
		switch { // said once, not three times a second
		case err != nil && !failing:
			s.log.WarnContext(ctx, "ended sessions cannot be read, checking each session's row", "error", err)
		case err == nil && failing:
			s.log.InfoContext(ctx, "ended sessions can be read again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// poll adds the sessions that ended lately to the set. While it is fresh only the last minutes are read; what ended before
// was found by the polls before.
func (s *Service) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollAge)
	defer cancel()
	start := s.now()
	since := start.Add(-s.revoked.window)
	if s.revoked.fresh(start) {
		since = start.Add(-clockSkew)
	}
	type row struct {
		id typeid.Session
		at time.Time
	}
	rows, err := db.Collect(ctx, s.db, s.db.SQL().Select(session.FieldID, session.FieldRevokedAt).
		From(s.db.SQL().Table(session.Table)).Where(entsql.GT(session.FieldRevokedAt, since)),
		func(r db.Row) (out row, err error) { return out, r.Scan(&out.id, &out.at) })
	if err != nil {
		return fmt.Errorf("read ended sessions: %w", err)
	}
	for _, r := range rows {
		s.revoked.add(r.id, r.at)
	}
	s.revoked.polledAt.Store(&start) // when it began: what was committed later may be missing
	return nil
}

// keepUp does what has time.
func (s *Service) keepUp(ctx context.Context) {
	ticker := time.NewTicker(upkeepEvery)
	defer ticker.Stop()
	cleanUpAt := s.now().Add(cleanUpEvery)
	for {
		// A new key signs, and a deleted one is refused, from here on.
		if err := s.tokens.keys.refresh(ctx, 0); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "signing keys cannot be read", "error", err)
		}
		now := s.now()
		s.revoked.prune(now)
		if !now.Before(cleanUpAt) {
			cleanUpAt = now.Add(cleanUpEvery)
			if err := s.cleanUp(ctx, now); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "what has expired cannot be deleted", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// cleanUp deletes expired refresh tokens, and sessions that were ended so long ago that none of their tokens can be good. It
// keeps those of the last minutes, so that no refresh still has one in hand.
func (s *Service) cleanUp(ctx context.Context, now time.Time) error {
	tokens, sessions := now.Add(-clockSkew), now.Add(-clockSkew-s.refreshLife-s.tokens.life)
	return errors.Join(
		inBatches(func() (int, error) { return s.cleanUpTokens(ctx, tokens) }),
		inBatches(func() (int, error) { return s.cleanUpSessions(ctx, sessions) }))
}

func inBatches(some func() (int, error)) error {
	for range cleanUpBatches {
		n, err := some()
		if err != nil || n < cleanUpBatch {
			return err
		}
	}
	return nil
}

func (s *Service) cleanUpTokens(ctx context.Context, before time.Time) (int, error) {
	rows, err := s.db.RefreshToken.Query().Where(refreshtoken.ExpiresAtLT(before)).
		Order(refreshtoken.ByExpiresAt()).Limit(cleanUpBatch).Select(refreshtoken.FieldID).All(ctx)
	if err != nil {
		return 0, fmt.Errorf("find expired refresh tokens: %w", err)
	}
	if len(rows) == 0 {
		return 0, nil
	}
	ids := make([]typeid.Link, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	slices.SortFunc(ids, func(a, b typeid.Link) int { return a.Compare(b.UUID) }) // processes that do this at once lock alike
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (int, error) {
		return tx.RefreshToken.Delete().Where(refreshtoken.IDIn(ids...)).Exec(ctx)
	})
	if err != nil {
		return 0, fmt.Errorf("delete expired refresh tokens: %w", err)
	}
	return len(ids), nil
}

// cleanUpSessions deletes sessions that were ended before this moment: the index of what was revoked finds them. Sessions
// that merely fell asleep stay, for nothing finds the last token of one cheaply.
func (s *Service) cleanUpSessions(ctx context.Context, before time.Time) (int, error) {
	rows, err := s.db.Session.Query().Where(session.RevokedAtLT(before)).
		Order(session.ByRevokedAt()).Limit(cleanUpBatch).Select(session.FieldID).All(ctx)
	if err != nil {
		return 0, fmt.Errorf("find sessions that ended: %w", err)
	}
	if len(rows) == 0 {
		return 0, nil
	}
	ids := make([]typeid.Session, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	slices.SortFunc(ids, func(a, b typeid.Session) int { return a.Compare(b.UUID) })
	_, err = db.WithTx(ctx, s.db, func(ctx context.Context, tx *db.Tx) (int, error) {
		return tx.Session.Delete().Where(session.IDIn(ids...)).Exec(ctx)
	})
	if err != nil {
		return 0, fmt.Errorf("delete sessions that ended: %w", err)
	}
	return len(ids), nil
}
