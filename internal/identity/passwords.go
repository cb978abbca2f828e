package identity

import (
	"context"
	"encoding/base64"
	"fmt"
	"runtime"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
)

// argon is what one hash costs: OWASP's 19 MiB, 2 passes, 1 lane, about 20 ms of one core.
func argon() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// passwords hashes and compares them, never more at once than there are cores: more would not be faster, and a flood of
// log-ins would take 19 MiB each.
type passwords struct{ slots chan struct{} }

func newPasswords() passwords { return passwords{slots: make(chan struct{}, runtime.NumCPU())} }

// take waits for a slot, as long as ctx lets it.
func (p passwords) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil { // select would pick at random
		return fmt.Errorf("wait to hash a password: %w", err)
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (p passwords) give() { <-p.slots }

// hash makes what is stored of a password.
func (p passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.take(ctx); err != nil {
		return "", err
	}
	defer p.give()
	return HashPassword(password)
}

// HashPassword makes what is stored of a password; it takes its time on purpose. It is for whoever writes staff without a
// Service, as demo data are.
func HashPassword(password string) (string, error) {
	hash, err := argon2id.CreateHash(password, argon())
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

// match tells whether hash is of this password.
func (p passwords) match(ctx context.Context, password, hash string) (bool, error) {
	if err := p.take(ctx); err != nil {
		return false, err
	}
	defer p.give()
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return ok, nil
}

// nobodysHash costs as much to compare as any other and is of no known password.
func nobodysHash() string {
	p := argon()
	zeros := func(n uint32) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, p.Memory, p.Iterations, p.Parallelism, zeros(p.SaltLength), zeros(p.KeyLength))
}
