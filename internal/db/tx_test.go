package db_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/testdb"
)

type none = struct{}

// eachWithCounters runs fn on databases with the table n (id, v >= 0), which holds the rows 1 and 2.
func eachWithCounters(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	eachEmpty(t, kinds, func(t *testing.T, d *db.DB) {
		mustExec(t, d, "CREATE TABLE n (id int PRIMARY KEY, v int NOT NULL, name varchar(8), CONSTRAINT v CHECK (v >= 0))")
		mustExec(t, d, "INSERT INTO n (id, v) VALUES (1, 0), (2, 0)")
		fn(t, d)
	})
}

func add(ctx context.Context, tx *db.Tx, id int) error {
	_, err := tx.ExecContext(ctx, "UPDATE n SET v = v + 1 WHERE id = ?", id)
	return err
}

func TestWithTxRollsBack(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		mine := errors.New("mine")
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
			return none{}, errors.Join(add(ctx, tx, 1), mine)
		})
		if !errors.Is(err, mine) {
			t.Errorf("want the function's error, got %v", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
				if err := add(ctx, tx, 1); err != nil {
					return none{}, err
				}
				panic("mine")
			})
		}()
		if got := lookUp(t, d, "SELECT SUM(v) FROM n"); got != "0" {
			t.Errorf("want nothing to be written, got %s", got)
		}
		out, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (string, error) { return "out", add(ctx, tx, 1) })
		if err != nil || out != "out" || lookUp(t, d, "SELECT SUM(v) FROM n") != "1" {
			t.Errorf("afterwards: want out, got %q, %v", out, err)
		}
	})
}

func TestWithTxRefusesToNest(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, _ *db.Tx) (none, error) {
			return db.WithTx(ctx, d, func(context.Context, *db.Tx) (none, error) { return none{}, nil })
		})
		if err == nil || !strings.Contains(err.Error(), "open already") {
			t.Errorf("want a transaction inside another to be refused, got %v", err)
		}
	})
}

// Who hangs up before gets nothing; who hangs up meanwhile changes nothing.
func TestWithTxAndAClientThatHangsUp(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		ctx, hangUp := context.WithCancel(t.Context())
		_, err := db.WithTx(ctx, d, func(ctx context.Context, tx *db.Tx) (none, error) {
			hangUp()
			return none{}, errors.Join(add(ctx, tx, 1), ctx.Err())
		})
		if err != nil || lookUp(t, d, "SELECT SUM(v) FROM n") != "1" {
			t.Errorf("want it to be committed, got %v", err)
		}
		_, err = db.WithTx(ctx, d, func(ctx context.Context, tx *db.Tx) (none, error) { return none{}, add(ctx, tx, 1) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("want it not to begin, got %v", err)
		}
	})
}

// Transactions that lock the same rows in opposite order deadlock; the database breaks one off, and it is run again.
func TestWithTxRunsDeadlocksAgain(t *testing.T) {
	eachWithCounters(t, servers, func(t *testing.T, d *db.DB) {
		runs := make(chan none, 100)
		meet := make(chan none)
		var group errgroup.Group
		for _, ids := range [][]int{{1, 2}, {2, 1}} {
			group.Go(func() error {
				first := true
				_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
					runs <- none{}
					if err := add(ctx, tx, ids[0]); err != nil {
						return none{}, err
					}
					if first { // each holds its first row before either asks for the other's
						first = false
						select {
						case meet <- none{}:
						case <-meet:
						}
					}
					return none{}, add(ctx, tx, ids[1])
				})
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if len(runs) < 3 {
			t.Errorf("want a deadlock, got %d runs", len(runs))
		}
		if got := lookUp(t, d, "SELECT SUM(v) FROM n"); got != "4" {
			t.Errorf("want both to be done once, got a sum of %s", got)
		}
	})
}

// A lock wait that times out rolls back the statement alone; the rest must go as well.
func TestWithTxRunsLockWaitsAgain(t *testing.T) {
	eachWithCounters(t, servers, func(t *testing.T, d *db.DB) {
		locked, tried := make(chan none), make(chan none, 100)
		var group errgroup.Group
		group.Go(func() error {
			_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
				if err := add(ctx, tx, 2); err != nil {
					return none{}, err
				}
				close(locked)
				for range 2 { // until the other has begun a second time
					select {
					case <-tried:
					case <-ctx.Done():
						return none{}, ctx.Err()
					}
				}
				return none{}, nil
			})
			return err
		})
		group.Go(func() error {
			<-locked
			_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
				tried <- none{}
				if _, err := tx.ExecContext(ctx, "SET innodb_lock_wait_timeout = 1"); err != nil {
					return none{}, err
				}
				return none{}, errors.Join(add(ctx, tx, 1), add(ctx, tx, 2))
			})
			return err
		})
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if got := lookUp(t, d, "SELECT v FROM n WHERE id = 1"); got != "1" {
			t.Errorf("want what was written before the wait once, got %s", got)
		}
	})
}

// Writers in other processes make a writer wait, and no more.
func TestWithTxFromTwoProcesses(t *testing.T) {
	for _, kind := range all {
		t.Run(string(kind), func(t *testing.T) {
			source := testdb.Empty(t, kind)
			handles := []*db.DB{testdb.Open(t, source, db.Options{}), testdb.Open(t, source, db.Options{})}
			mustExec(t, handles[0], "CREATE TABLE n (id int PRIMARY KEY, v int NOT NULL)")
			mustExec(t, handles[0], "INSERT INTO n VALUES (1, 0)")
			var runs atomic.Int64
			var group errgroup.Group
			for i := range 16 {
				group.Go(func() error {
					for range 10 {
						_, err := db.WithTx(t.Context(), handles[i%2], func(ctx context.Context, tx *db.Tx) (none, error) {
							runs.Add(1)
							if _, err := ask(ctx, tx, "SELECT v FROM n"); err != nil {
								return none{}, err
							}
							return none{}, add(ctx, tx, 1)
						})
						if err != nil {
							return err
						}
					}
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				t.Error(err)
			}
			if got := lookUp(t, handles[1], "SELECT v FROM n"); got != "160" {
				t.Errorf("want 160, got %s", got)
			}
			// To read and then to write takes BEGIN IMMEDIATE on SQLite, or the second step is refused and all is run again.
			if kind == testdb.SQLite && runs.Load() != 160 {
				t.Errorf("want 160 runs, got %d", runs.Load())
			}
		})
	}
}

// When the answer to COMMIT is lost nobody knows, and it is not run again.
func TestWithTxUnknownOutcome(t *testing.T) {
	eachWithCounters(t, servers, func(t *testing.T, d *db.DB) {
		runs := 0
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
			runs++
			id, err := ask(ctx, tx, "SELECT CONNECTION_ID() FROM (SELECT GET_LOCK(CONCAT('alive.', DATABASE()), 0)) AS l")
			if err != nil {
				return none{}, err
			}
			if _, err := d.ExecContext(t.Context(), "KILL "+id); err != nil {
				return none{}, err
			}
			for { // the server takes a moment to hang up
				gone, err := ask(t.Context(), d, "SELECT IS_FREE_LOCK(CONCAT('alive.', DATABASE()))")
				if err != nil || gone == "1" {
					return none{}, err
				}
			}
		})
		if !errors.Is(err, db.ErrUnknownOutcome) || runs != 1 {
			t.Errorf("want an unknown outcome after one run, got %v after %d", err, runs)
		}
	})
}

func TestIsDuplicate(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		_, duplicate := d.ExecContext(t.Context(), "INSERT INTO n (id, v) VALUES (1, 0)")
		_, check := d.ExecContext(t.Context(), "INSERT INTO n (id, v) VALUES (3, -1)")
		if !db.IsDuplicate(duplicate) || check == nil || db.IsDuplicate(check) || db.IsDuplicate(nil) {
			t.Errorf("want the duplicate alone: %v; %v", duplicate, check)
		}
	})
}

func TestInsertTakesAnyNumberOfRows(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		var rows [][]any
		for i := range 25_000 {
			rows = append(rows, []any{10 + i, i})
		}
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
			return none{}, errors.Join(tx.Insert(ctx, "n", []string{"id", "v"}, rows), tx.Insert(ctx, "n", []string{"id", "v"}, nil))
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := lookUp(t, d, "SELECT COUNT(*) FROM n"); got != strconv.Itoa(2+len(rows)) {
			t.Errorf("want %d rows, got %s", 2+len(rows), got)
		}
	})
}

// The databases behave alike.
func TestSession(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
			matched, err := tx.Exec(ctx, tx.SQL().Update("n").Set("v", 0))
			if matched != 2 {
				t.Errorf("a write that changes nothing: want 2 rows matched, got %d", matched)
			}
			return none{}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if d.Dialect == dialect.SQLite { // the rest is the servers'
			return
		}
		if _, err := d.ExecContext(t.Context(), "UPDATE n SET name = 'longer than 8'"); err == nil {
			t.Error("want text that is too long to be refused, not cut")
		}
		_, err = db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
			if _, err := ask(ctx, tx, "SELECT v FROM n WHERE id = 1"); err != nil {
				return none{}, err
			}
			mustExec(t, d, "UPDATE n SET v = 7 WHERE id = 1")
			got, err := ask(ctx, tx, "SELECT v FROM n WHERE id = 1")
			if got != "7" {
				t.Errorf("want READ COMMITTED, got a value of the past: %s", got)
			}
			return none{}, err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestForUpdateLocks(t *testing.T) {
	eachWithCounters(t, all, func(t *testing.T, d *db.DB) {
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (none, error) {
			query := tx.ForUpdate(tx.SQL().Select("id").From(tx.SQL().Table("n")))
			if _, err := db.Collect(ctx, tx, query, func(r db.Row) (id int, err error) { return id, r.Scan(&id) }); err != nil {
				return none{}, err
			}
			quick, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := d.ExecContext(quick, "UPDATE n SET v = 1"); err == nil {
				t.Error("want the rows to be locked")
			}
			return none{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestOverloaded has a transaction wait for a row that another keeps: it is told to come back, and nothing of it has happened.
func TestOverloaded(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		holder := testdb.Open(t, source, db.Options{})
		d := testdb.Open(t, source, db.Options{TxTimeout: 300 * time.Millisecond})
		id := "pay_1"
		if err := holder.SandboxTrade.Create().SetID(id).SetStatus("PAID").SetAmount(1).SetCurrency("CNY").SetCreatedAt(time.Unix(0, 0).UTC()).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		pay := func(amount int64, then func()) func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			return func(ctx context.Context, tx *db.Tx) (struct{}, error) {
				_, err := tx.SandboxTrade.Update().SetAmount(amount).Save(ctx)
				then()
				return struct{}{}, err
			}
		}
		_, err := db.WithTx(t.Context(), holder, pay(2, func() {
			_, err := db.WithTx(t.Context(), d, pay(3, func() {}))
			if !fault.Is(err, fault.Overloaded) {
				t.Errorf("got %v", err)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if row, err := holder.SandboxTrade.Get(t.Context(), id); err != nil || row.Amount != 2 {
			t.Errorf("row %+v, %v", row, err)
		}
	})
}
