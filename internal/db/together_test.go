package db_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

// countTrips opens the database through a proxy that counts what the client sends.
func countTrips(t *testing.T, source string) (*db.DB, *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	trips, server := new(atomic.Int64), u.Host
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				upstream, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer upstream.Close()
				go func() { _, _ = io.Copy(client, upstream) }()
				buf := make([]byte, 1<<16)
				for {
					n, err := client.Read(buf)
					if err != nil {
						return
					}
					trips.Add(1)
					if _, err := upstream.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	u.Host = listener.Addr().String()
	return testdb.Open(t, u.String(), db.Options{MaxConns: 1}), trips
}

// TestTogether counts round trips: what needs no answer of its own costs none.
func TestTogether(t *testing.T) {
	t.Parallel()
	source := testdb.Empty(t, testdb.MySQL)
	d, trips := countTrips(t, source)
	mustExec(t, d, "CREATE TABLE n (id int PRIMARY KEY, v int NOT NULL)")
	later := func(ctx context.Context, tx *db.Tx, ids ...int) error {
		for _, id := range ids {
			if err := tx.InsertLater(ctx, "n", []string{"id", "v"}, [][]any{{id, 0}}); err != nil {
				return err
			}
		}
		return nil
	}
	numbers := func(tx *db.Tx, into *[]int) db.Read {
		return db.Read{Query: tx.SQL().Select("id").From(tx.SQL().Table("n")).OrderBy("id"), Row: func(r db.Row) error {
			var id int
			err := r.Scan(&id)
			*into = append(*into, id)
			return err
		}}
	}
	mine := errors.New("mine")
	for _, tc := range []struct {
		name string
		want int64 // round trips
		fail error
		do   func(ctx context.Context, tx *db.Tx) error
	}{
		{"nothing at all", 0, nil, func(context.Context, *db.Tx) error { return nil }},
		{"nothing was sent when it failed", 0, mine, func(ctx context.Context, tx *db.Tx) error {
			return errors.Join(later(ctx, tx, 90), mine)
		}},
		{"three rows, an update, COMMIT", 2, nil, func(ctx context.Context, tx *db.Tx) error {
			if err := later(ctx, tx, 1, 2, 3); err != nil {
				return err
			}
			return add(ctx, tx, 3)
		}},
		{"rows that nothing follows", 2, nil, func(ctx context.Context, tx *db.Tx) error { return later(ctx, tx, 4, 5) }},
		{"three reads, of which one finds nothing", 2, nil, func(ctx context.Context, tx *db.Tx) error {
			var first, second, third []int
			none := numbers(tx, &second)
			none.Query = tx.SQL().Select("id").From(tx.SQL().Table("n")).Limit(0)
			err := tx.ReadAll(ctx, numbers(tx, &first), none, numbers(tx, &third))
			if len(first) != 5 || len(second) != 0 || len(third) != 5 {
				t.Errorf("read %v, %v, %v", first, second, third)
			}
			return err
		}},
		{"rolled back after a read", 2, mine, func(ctx context.Context, tx *db.Tx) error {
			var all []int
			return errors.Join(later(ctx, tx, 91), tx.ReadAll(ctx, numbers(tx, &all)), later(ctx, tx, 92), mine)
		}},
	} {
		before := trips.Load()
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) { return none{}, tc.do(ctx, tx) })
		if !errors.Is(err, tc.fail) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if got := trips.Load() - before; got != tc.want {
			t.Errorf("%s: %d round trips, want %d", tc.name, got, tc.want)
		}
	}
	if got := lookUp(t, d, "SELECT GROUP_CONCAT(CONCAT(id, ':', v) ORDER BY id) FROM n"); got != "1:0,2:0,3:1,4:0,5:0" {
		t.Errorf("want what was committed alone, got %s", got)
	}
}

// TestLaterFails has rows refused that were sent with something else: nothing of the transaction stays, and whoever asked hears why.
func TestLaterFails(t *testing.T) {
	t.Parallel()
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		insert := func(ctx context.Context, tx *db.Tx, id int) error {
			return tx.InsertLater(ctx, "n", []string{"id", "v"}, [][]any{{id, 0}})
		}
		for name, do := range map[string]func(ctx context.Context, tx *db.Tx) error{
			"with the next statement": func(ctx context.Context, tx *db.Tx) error {
				if err := errors.Join(insert(ctx, tx, 10), insert(ctx, tx, 1)); err != nil {
					return err
				}
				return add(ctx, tx, 2)
			},
			"with the next read": func(ctx context.Context, tx *db.Tx) error {
				if err := errors.Join(insert(ctx, tx, 10), insert(ctx, tx, 1)); err != nil {
					return err
				}
				_, err := ask(ctx, tx, "SELECT v FROM n WHERE id = 1")
				return err
			},
			"with COMMIT": func(ctx context.Context, tx *db.Tx) error {
				return errors.Join(insert(ctx, tx, 10), insert(ctx, tx, 1))
			},
		} {
			_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) { return none{}, do(ctx, tx) })
			if !db.IsDuplicate(err) || errors.Is(err, db.ErrUnknownOutcome) {
				t.Errorf("%s: want the duplicate, got %v", name, err)
			}
			if got := lookUp(t, d, "SELECT COUNT(*) FROM n"); got != "2" {
				t.Errorf("%s: %s rows, want 2", name, got)
			}
		}
	})
}

// TestLaterIsBounded sends what waits before it is too much for one packet.
func TestLaterIsBounded(t *testing.T) {
	t.Parallel()
	eachWithCounters(t, servers, func(t *testing.T, d *db.DB) {
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
			for i := range 3 {
				var rows [][]any
				for k := range 14_000 {
					rows = append(rows, []any{10 + i*14_000 + k, 0})
				}
				if err := tx.InsertLater(ctx, "n", []string{"id", "v"}, rows); err != nil {
					return none{}, err
				}
			}
			return none{}, nil
		})
		if err != nil {
			t.Error(err)
		}
		if got := lookUp(t, d, "SELECT COUNT(*) FROM n"); got != "42002" {
			t.Errorf("%s rows, want 42002", got)
		}
	})
}

// TestDeadInPool begins on a connection that died while it lay in the pool: nobody hears of it.
func TestDeadInPool(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.MySQL)
	d, other := testdb.Open(t, source, db.Options{MaxConns: 1}), testdb.Open(t, source, db.Options{})
	for range 5 {
		id, err := ask(t.Context(), d, "SELECT CONNECTION_ID() FROM (SELECT GET_LOCK(CONCAT('alive.', DATABASE()), 0)) AS l")
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, other, "KILL "+id)
		for gone := ""; gone != "1"; {
			if gone, err = ask(t.Context(), other, "SELECT IS_FREE_LOCK(CONCAT('alive.', DATABASE()))"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
			now, err := ask(ctx, tx, "SELECT CONNECTION_ID()")
			if strings.EqualFold(now, id) {
				t.Error("it is not dead")
			}
			return none{}, err
		}); err != nil {
			t.Errorf("a transaction after the connection died: %v", err)
		}
	}
}
