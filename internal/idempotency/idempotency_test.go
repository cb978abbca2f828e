package idempotency_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

func TestCheckKey(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		key := "k" + string([]byte{byte(c)})
		if err := idempotency.CheckKey(key); (err == nil) != (c > 32 && c < 127) || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", key, err)
		}
	}
	for key, ok := range map[string]bool{"": false, "a": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "键": false} {
		if err := idempotency.CheckKey(key); (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestHashOf(t *testing.T) {
	t.Parallel()
	type input struct {
		Text string   `json:"text"`
		Note *string  `json:"note"`
		List []string `json:"list"`
		Key  string   `json:"-"`
	}
	empty, note := "", "note"
	hash := func(in input) idempotency.Hash {
		t.Helper()
		h, err := idempotency.HashOf(in)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash(input{Text: "a"})
	if hash(input{Text: "a", Key: "other"}) != base {
		t.Error("the key is part of the hash")
	}
	for name, in := range map[string]input{
		"text": {Text: "b"}, "empty note": {Text: "a", Note: &empty}, "note": {Text: "a", Note: &note}, "empty list": {Text: "a", List: []string{}}, "list": {Text: "a", List: []string{""}},
	} {
		if hash(in) == base {
			t.Errorf("%s: the same hash", name)
		}
	}
}

func each(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, d *db.DB, r idempotency.Request)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
			fn(t, testdb.New(t, kind), idempotency.Request{
				Staff: typeid.New[typeid.Staff](now), Operation: "one", Key: "key", Hash: idempotency.Hash{1}, Now: now,
			})
		})
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	each(t, []testdb.Kind{testdb.MySQL, testdb.SQLite}, func(t *testing.T, d *db.DB, r idempotency.Request) {
		ran := 0
		run := func(r idempotency.Request, err error) (bool, error) {
			out, err := idempotency.Once(t.Context(), d, r, func(context.Context, *db.Tx) (string, error) {
				ran++
				return "made by " + r.Operation, err
			})
			if err == nil && out.Made != "made by "+r.Operation {
				t.Errorf("made %q", out.Made)
			}
			return out.Repeated, err
		}
		want := func(name string, wantRan int, wantDone bool, done bool, err error) {
			t.Helper()
			if err != nil || done != wantDone || ran != wantRan {
				t.Errorf("%s: done %v, %v; ran %d times, want %d", name, done, err, ran, wantRan)
			}
		}
		no := errors.New("no")
		if _, err := run(r, no); !errors.Is(err, no) || ran != 1 {
			t.Errorf("refused: %v", err)
		}
		done, err := run(r, nil)
		want("after a refusal", 2, false, done, err)
		done, err = run(r, no)
		want("again", 2, true, done, err)
		other := r
		other.Hash = idempotency.Hash{2}
		if _, err := run(other, nil); !fault.Is(err, fault.IdempotencyKeyReused) || ran != 2 {
			t.Errorf("another input: %v", err)
		}
		other = r
		other.Operation = "two"
		done, err = run(other, nil)
		want("another operation", 3, false, done, err)
		other = r
		other.Staff = typeid.New[typeid.Staff](r.Now)
		done, err = run(other, nil)
		want("somebody else", 4, false, done, err)
		other = r
		other.Key = "KEY"
		done, err = run(other, nil)
		want("a key in capitals", 5, false, done, err)
		other.Key = " "
		if _, err := run(other, nil); !fault.Is(err, fault.Invalid) || ran != 5 {
			t.Errorf("a bad key: %v", err)
		}
	})
}

// TestRaceOnce lets many run the same at once, of which the first few are refused: one has its effect.
func TestRaceOnce(t *testing.T) {
	t.Parallel()
	each(t, []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite}, func(t *testing.T, d *db.DB, r idempotency.Request) {
		var (
			refuse, effects, done atomic.Int64
			no                    = errors.New("no")
			start                 = make(chan struct{})
			wg                    sync.WaitGroup
		)
		refuse.Store(5)
		for range 40 {
			wg.Go(func() {
				<-start
				out, err := idempotency.Once(t.Context(), d, r, func(ctx context.Context, tx *db.Tx) (string, error) {
					if refuse.Add(-1) >= 0 {
						return "", no
					}
					// The effect is a row, so that what is rolled back does not count.
					return "", tx.SandboxTrade.Create().SetID(typeid.New[typeid.Payment](r.Now).String()).SetStatus("PAID").SetAmount(1).
						SetCurrency("CNY").SetCreatedAt(r.Now).Exec(ctx)
				})
				switch {
				case err == nil && out.Repeated:
					done.Add(1)
				case err == nil:
					effects.Add(1)
				case !errors.Is(err, no):
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		rows, err := d.SandboxTrade.Query().Count(t.Context())
		if err != nil || rows != 1 || effects.Load() != 1 {
			t.Errorf("%d rows, %d effects, %d repeats, %v", rows, effects.Load(), done.Load(), err)
		}
	})
}
