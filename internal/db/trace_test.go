package db_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

// tracer notes what it is told, each as "outer > inner: how it ended".
type tracer struct {
	mu   sync.Mutex
	seen []string
}

type tracedUnder struct{}

func (tr *tracer) trace(ctx context.Context, what string) (context.Context, func(error)) {
	if outer, ok := ctx.Value(tracedUnder{}).(string); ok {
		what = outer + " > " + what
	}
	return context.WithValue(ctx, tracedUnder{}, what), func(err error) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		if err != nil {
			what += ": error"
		}
		tr.seen = append(tr.seen, what)
	}
}

func (tr *tracer) take() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	seen := slices.Clone(tr.seen)
	tr.seen = nil
	return seen
}

// Everything that is asked of the database is traced once, statements under their transaction, and none of their texts.
func TestTrace(t *testing.T) {
	testdb.EachSource(t, func(t *testing.T, source string) {
		tr := &tracer{}
		d := testdb.Open(t, source, db.Options{Trace: tr.trace})
		ctx := t.Context()
		check := func(what string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, tr.take()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		tr.take()
		if _, err := d.SigningKey.Query().Count(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := d.ExecContext(ctx, "DELETE FROM signing_keys WHERE id = 'x'"); err != nil {
			t.Fatal(err)
		}
		check("outside", "SELECT signing_keys", "DELETE signing_keys")

		insert := func(ctx context.Context, tx *db.Tx) error {
			return tx.Insert(ctx, "signing_keys", []string{"id", "secret", "created_at"}, [][]any{{"a", make([]byte, 32), time.Unix(0, 0).UTC()}})
		}
		_, err := db.WithTx(ctx, d, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			if err := insert(ctx, tx); err != nil {
				return struct{}{}, err
			}
			_, err := tx.SigningKey.Query().All(ctx)
			return struct{}{}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		check("inside", "transaction > INSERT signing_keys", "transaction > SELECT signing_keys", "transaction")

		_, err = db.WithTx(ctx, d, func(ctx context.Context, tx *db.Tx) (struct{}, error) { return struct{}{}, insert(ctx, tx) })
		if !db.IsDuplicate(err) {
			t.Fatalf("want a duplicate, got %v", err)
		}
		check("given up", "transaction > INSERT signing_keys: error", "transaction: error")

		tx, err := d.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		check("by hand", "transaction: error")
	})
}

func TestPools(t *testing.T) {
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"main"}
		if d.Dialect == "sqlite3" {
			want = []string{"write", "read"}
		}
		var got []string
		for _, p := range d.Pools() {
			got = append(got, p.Name)
			if p.MaxOpenConnections < 1 || p.OpenConnections < 1 {
				t.Errorf("%s: %+v", p.Name, p.DBStats)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pools (-want +got):\n%s", diff)
		}
	})
}

func TestSchemaVersion(t *testing.T) {
	count, newest, err := db.SchemaVersion()
	if err != nil || count < 1 || !strings.HasPrefix(newest, "20") {
		t.Errorf("got %d, %q, %v", count, newest, err)
	}
	d := testdb.New(t, testdb.SQLite)
	rows, err := d.QueryContext(t.Context(), "SELECT COUNT(*) FROM holdfast_migrations WHERE version <= ?", newest)
	if err != nil {
		t.Fatal(err)
	}
	applied := -1
	for rows.Next() && err == nil {
		err = rows.Scan(&applied)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil || applied != count {
		t.Errorf("%d migrations are applied, want %d (%v)", applied, count, err)
	}
}
