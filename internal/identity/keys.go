package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"holdfast/ent"
	"holdfast/ent/signingkey"
	"holdfast/internal/clock"
	"holdfast/internal/db"
)

const (
	// firstKey is the id of the key that the first start makes. It is fixed so that of two processes which start at once one
	// meets the other's row and takes it.
	firstKey  = "first"
	secretLen = 32 // as long as HS256's hash

	keysReadPause   = time.Second     // between two readings because of a key that is not known
	keysReadTimeout = 2 * time.Second // of one reading
)

var errUnknownKey = errors.New("no such signing key")

// keyring holds the signing keys that all processes on one database share.
type keyring struct {
	db  *db.DB
	now clock.Clock

	keys atomic.Pointer[keys] // nil until read

	gate    chan struct{} // guards what follows; a channel, so that waiting for it honours ctx
	triedAt time.Time
	failed  error
}

type keys struct {
	newest  string
	secrets map[string][]byte
}

func newKeyring(d *db.DB, now clock.Clock) *keyring {
	return &keyring{db: d, now: now, gate: make(chan struct{}, 1)}
}

// signing is the newest key.
func (k *keyring) signing(ctx context.Context) (id string, secret []byte, err error) {
	known, err := k.known(ctx)
	if err != nil {
		return "", nil, err
	}
	return known.newest, known.secrets[known.newest], nil
}

// secret is the key of this id, or errUnknownKey. A key that is not known may be another process's new one, so the table is
// read again; once a second at most, because anybody can send a token that names a key.
func (k *keyring) secret(ctx context.Context, id string) ([]byte, error) {
	known, err := k.known(ctx)
	if err != nil {
		return nil, err
	}
	if secret, ok := known.secrets[id]; ok {
		return secret, nil
	}
	if err := k.refresh(ctx, keysReadPause); err != nil {
		return nil, err
	}
	if secret, ok := k.keys.Load().secrets[id]; ok {
		return secret, nil
	}
	return nil, errUnknownKey
}

// known are the keys as they were read last, whenever that was.
func (k *keyring) known(ctx context.Context) (*keys, error) {
	if known := k.keys.Load(); known != nil {
		return known, nil
	}
	if err := k.refresh(ctx, keysReadPause); err != nil {
		return nil, err
	}
	return k.keys.Load(), nil
}

// refresh reads the table, unless that was tried less than pause ago: then it answers as it did. After it has returned nil,
// keys are set.
func (k *keyring) refresh(ctx context.Context, pause time.Duration) error {
	select {
	case k.gate <- struct{}{}:
		defer func() { <-k.gate }()
	case <-ctx.Done():
		return fmt.Errorf("read signing keys: %w", ctx.Err())
	}
	now := k.now()
	if age := now.Sub(k.triedAt); age >= 0 && age < pause {
		return k.failed
	}
	// The answer serves others too: it does not depend on this caller's patience.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysReadTimeout)
	defer cancel()
	read, err := k.read(ctx, now)
	if err == nil {
		k.keys.Store(read)
	}
	k.triedAt, k.failed = now, err
	return err
}

// read reads the table, and makes the first key if there is none.
func (k *keyring) read(ctx context.Context, now time.Time) (*keys, error) {
	rows, err := k.rows(ctx)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		if err := k.makeFirst(ctx, now); err != nil {
			return nil, err
		}
		if rows, err = k.rows(ctx); err != nil { // the row may be another process's
			return nil, err
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("read signing keys: the first one is gone at once")
	}
	out := &keys{newest: rows[0].ID, secrets: make(map[string][]byte, len(rows))}
	for _, row := range rows {
		out.secrets[row.ID] = row.Secret
	}
	return out, nil
}

// rows are all keys, the newest first.
func (k *keyring) rows(ctx context.Context) ([]*ent.SigningKey, error) {
	rows, err := k.db.SigningKey.Query().
		Order(ent.Desc(signingkey.FieldCreatedAt, signingkey.FieldID)).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	return rows, nil
}

func (k *keyring) makeFirst(ctx context.Context, now time.Time) error {
	secret := make([]byte, secretLen)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	_, err := db.WithTx(ctx, k.db, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, tx.Insert(ctx, signingkey.Table,
			[]string{signingkey.FieldID, signingkey.FieldSecret, signingkey.FieldCreatedAt},
			[][]any{{firstKey, secret, now}})
	})
	if err != nil && !db.IsDuplicate(err) {
		return fmt.Errorf("make the first signing key: %w", err)
	}
	return nil
}
