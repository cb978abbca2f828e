package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

func TestSnapshotSeesOneMoment(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		err := db.Snapshot(t.Context(), d, func(ctx context.Context, q db.Querier) error {
			for round := range 2 {
				// Before the first read too: the moment is when the snapshot begins. And nobody waits for it.
				quick, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				if _, err := d.ExecContext(quick, "UPDATE n SET v = v + 1"); err != nil {
					t.Errorf("a writer beside the snapshot: %v", err)
				}
				got, err := ask(ctx, q, "SELECT SUM(v) FROM n")
				if err != nil {
					return err
				}
				if got != "0" {
					t.Errorf("read %d of the snapshot sees a later sum: %s", round+1, got)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := lookUp(t, d, "SELECT SUM(v) FROM n"); got != "4" {
			t.Errorf("after the snapshot the sum is %s, want 4", got)
		}
	})
}

func TestSnapshotEnds(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		sentinel := errors.New("no")
		for range 20 { // more than the pool of readers has connections
			err := db.Snapshot(t.Context(), d, func(context.Context, db.Querier) error { return sentinel })
			if !errors.Is(err, sentinel) {
				t.Fatalf("got %v, want what fn said", err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Snapshot(ctx, d, func(ctx context.Context, q db.Querier) error {
			cancel()
			_, err := ask(ctx, q, "SELECT SUM(v) FROM n")
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was cancelled", err)
		}
		// The connections are as they were: each read sees what was committed before it, and writes are written.
		for _, want := range []string{"2", "4", "6"} {
			mustExec(t, d, "UPDATE n SET v = v + 1")
			if got := lookUp(t, d, "SELECT SUM(v) FROM n"); got != want {
				t.Errorf("the sum is %s, want %s", got, want)
			}
		}
	})
}

func TestSnapshotOnlyReads(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		err := db.Snapshot(t.Context(), d, func(ctx context.Context, q db.Querier) error {
			rows, err := q.QueryContext(ctx, "UPDATE n SET v = 7")
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() { // SQLite runs the statement when its rows are read
			}
			return rows.Err()
		})
		if err == nil || lookUp(t, d, "SELECT SUM(v) FROM n") != "0" {
			t.Errorf("a snapshot took a write: %v", err)
		}
	})
}

func TestCurrent(t *testing.T) {
	for _, kind := range all {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := testdb.Open(t, testdb.Empty(t, kind), db.Options{})
			if err := d.Current(t.Context()); !errors.Is(err, db.ErrOldSchema) {
				t.Errorf("an empty database: %v", err)
			}
			if err := d.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := d.Current(t.Context()); err != nil {
				t.Errorf("a migrated database: %v", err)
			}
			mustExec(t, d, "INSERT INTO holdfast_migrations VALUES ('99991231235959_later', 1, 1, 1, 'x', CURRENT_TIMESTAMP)")
			if err := d.Current(t.Context()); !errors.Is(err, db.ErrNewerSchema) {
				t.Errorf("a newer database: %v", err)
			}
			mustExec(t, d, "DELETE FROM holdfast_migrations WHERE version > '20261123120724_initial'")
			if err := d.Current(t.Context()); !errors.Is(err, db.ErrOldSchema) {
				t.Errorf("an older database: %v", err)
			}
		})
	}
}
