// Package idempotency lets a client send a request again without its happening again: a key that the client chose names
// the request, and a hash tells whether it is the same one.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"holdfast/ent/staffrequest"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// MaxKey is how many characters a key may have.
const MaxKey = 128

// Hash is what two requests have in common when they are the same: the SHA-256 of the input's JSON.
type Hash [sha256.Size]byte

// HashOf hashes an input: plain exported fields, in which absent and null are one.
func HashOf(input any) (Hash, error) {
	text, err := json.Marshal(input)
	if err != nil {
		return Hash{}, fmt.Errorf("hash request: %w", err)
	}
	return sha256.Sum256(text), nil
}

// CheckKey refuses keys that are not 1 to 128 visible ASCII characters.
func CheckKey(key string) error {
	ok := len(key) >= 1 && len(key) <= MaxKey
	for i := 0; ok && i < len(key); i++ {
		ok = key[i] > ' ' && key[i] < 0x7f
	}
	if !ok {
		return fault.New(fault.Invalid, "idempotencyKey must be 1 to %d visible ASCII characters", MaxKey).At("input", "idempotencyKey")
	}
	return nil
}

// Reused is the refusal of a key that named another request before.
func Reused() error {
	return fault.New(fault.IdempotencyKeyReused, "this idempotencyKey was used with another input").At("input", "idempotencyKey")
}

// Request is one request of staff.
type Request struct {
	Staff     typeid.Staff
	Operation string
	Key       string
	Hash      Hash
	Now       time.Time
}

// Result is what became of a request: done now, or before.
type Result struct {
	// Repeated is true when the same request was done before.
	Repeated bool
	// Made is what the request made, as it said when it was done: an id, or a report.
	Made string
}

// errInFlight says that somebody else has just inserted the same key.
var errInFlight = errors.New("the same key was inserted meanwhile")

// attempts is how often a transaction is tried that meets a key which was inserted meanwhile: the next try finds it.
const attempts = 5

// Repeat is db.Repeat for a transaction that looks keys up and writes them: one that meets a key which was inserted meanwhile is run
// again as well. What a try whose COMMIT got no answer has done is found by its key.
func Repeat[T any](ctx context.Context, d *db.DB, fn func(ctx context.Context, tx *db.Tx) (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		out, err := db.Repeat(ctx, d, fn)
		if !errors.Is(err, errInFlight) || attempt == attempts {
			return out, err
		}
	}
}

// Once runs fn in a transaction unless the same request was done before. fn returns what the request makes; a repeat is
// told the same. What fn refuses leaves the key free. It fails with INVALID and IDEMPOTENCY_KEY_REUSED.
func Once(ctx context.Context, d *db.DB, r Request, fn func(ctx context.Context, tx *db.Tx) (made string, err error)) (Result, error) {
	if err := CheckKey(r.Key); err != nil {
		return Result{}, err
	}
	return Repeat(ctx, d, func(ctx context.Context, tx *db.Tx) (Result, error) { return onceTx(ctx, tx, r, fn) })
}

func onceTx(ctx context.Context, tx *db.Tx, r Request, fn func(ctx context.Context, tx *db.Tx) (string, error)) (Result, error) {
	past, err := LookUpTx(ctx, tx, []Request{r})
	if err != nil {
		return Result{}, err
	}
	if before, err := past.Of(r); before.Repeated || err != nil {
		return before, err
	}
	// The row is the lock: the same key at the same time waits here for the first to end.
	id := typeid.New[typeid.StaffRequest](r.Now)
	err = tx.StaffRequest.Create().SetID(id).SetStaffID(r.Staff).SetOperation(r.Operation).SetIdempotencyKey(r.Key).
		SetRequestHash(r.Hash[:]).SetCreatedAt(r.Now).Exec(ctx)
	if db.IsDuplicate(err) {
		return Result{}, errInFlight
	}
	if err != nil {
		return Result{}, fmt.Errorf("remember request: %w", err)
	}
	made, err := fn(ctx, tx)
	if err != nil || made == "" {
		return Result{}, err
	}
	if _, err := tx.StaffRequest.Update().Where(staffrequest.ID(id)).SetResult(made).Save(ctx); err != nil {
		return Result{}, fmt.Errorf("remember what the request made: %w", err)
	}
	return Result{Made: made}, nil
}
