package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/testdb"
)

// number is the one number that a query answers.
func number(ctx context.Context, q db.Querier, query string) (n int64, err error) {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// TestLostConnections kills connections where it hurts, and looks at what is said of it: what has certainly not happened is
// OVERLOADED, a COMMIT without an answer has an unknown outcome.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.MySQL)
	d, other := testdb.Open(t, source, db.Options{}), testdb.Open(t, source, db.Options{})
	inTx := func(last string) error {
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			id, err := number(ctx, tx, "SELECT CONNECTION_ID()")
			if err == nil {
				_, err = other.ExecContext(t.Context(), "KILL CONNECTION ?", id)
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond) // until it is gone
			if last != "" {
				_, err = tx.ExecContext(ctx, last)
			}
			return struct{}{}, err
		})
		return err
	}
	if err := inTx("DELETE FROM orders"); !fault.Is(err, fault.Overloaded) || errors.Is(err, db.ErrUnknownOutcome) {
		t.Errorf("before COMMIT: %v", err)
	}
	if err := inTx(""); fault.Is(err, fault.Overloaded) || !errors.Is(err, db.ErrUnknownOutcome) {
		t.Errorf("at COMMIT: %v", err)
	}
	if _, err := number(t.Context(), d, "SELECT 1"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestSilence has MySQL say nothing: who waits for it gives up, and whom it waits for loses its locks.
func TestSilence(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.MySQL)
	d := testdb.Open(t, source, db.Options{})
	const most = 9 * time.Second
	t.Run("a read", func(t *testing.T) {
		t.Parallel()
		start := time.Now()
		_, err := number(t.Context(), d, "SELECT SLEEP(12)")
		if took := time.Since(start); !fault.Is(err, fault.Overloaded) || took > most {
			t.Errorf("after %v: %v", took, err)
		}
	})
	t.Run("a write by itself", func(t *testing.T) {
		t.Parallel()
		start := time.Now()
		_, err := d.ExecContext(t.Context(), "DO SLEEP(12)")
		if took := time.Since(start); err == nil || fault.Is(err, fault.Overloaded) || took > most {
			t.Errorf("after %v: %v", took, err) // it may have happened
		}
	})
	t.Run("whoever has left in a transaction", func(t *testing.T) {
		t.Parallel()
		gone := testdb.Open(t, source, db.Options{})
		_, err := db.WithTx(t.Context(), gone, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			if err := tx.SandboxTrade.Create().SetID("pay_1").SetStatus("PAID").SetAmount(1).SetCurrency("CNY").
				SetCreatedAt(time.Unix(0, 0).UTC()).Exec(ctx); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
				return struct{}{}, tx.SandboxTrade.Create().SetID("pay_1").SetStatus("PAID").SetAmount(2).SetCurrency("CNY").
					SetCreatedAt(time.Unix(0, 0).UTC()).Exec(ctx)
			})
			if took := time.Since(start); err != nil || took > most {
				t.Errorf("its row is free after %v: %v", took, err)
			}
			return struct{}{}, nil
		})
		if err == nil {
			t.Error("it committed")
		}
	})
}

// TestDeadConnections has half of every idle connection die, of which nobody is told. Once one request has found out, the others do
// not have to.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	const (
		conns  = 20
		silent = 2 * time.Second // one after the other, two idle connections prove nothing in a second each
	)
	cable, source := testdb.NewCable(t, testdb.Source(t, testdb.MySQL))
	d := testdb.Open(t, source, db.Options{})
	all := func(query string) error {
		var group errgroup.Group
		for range conns {
			group.Go(func() error {
				_, err := number(t.Context(), d, query)
				return err
			})
		}
		return group.Wait()
	}
	if err := all("SELECT SLEEP(0.3)"); err != nil { // at the same time, so that each has its own
		t.Fatal(err)
	}
	cable.Halve(true)
	hasty, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := number(hasty, d, "SELECT 1"); err == nil {
		t.Fatal("nothing is wrong")
	}
	start := time.Now()
	err := all("SELECT 1")
	took := time.Since(start)
	t.Logf("they took %v", took)
	if err != nil || took > 3*silent {
		t.Errorf("after %v: %v", took, err)
	}
}

// TestLostAmongAnswers loses the connection while the answers to several reads are on their way: nothing was done, and it may be asked again.
func TestLostAmongAnswers(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.MySQL)
	d, other := testdb.Open(t, source, db.Options{}), testdb.Open(t, source, db.Options{})
	for _, inTx := range []bool{true, false} {
		first := db.Read{Query: d.SQL().SelectExpr(sql.Raw("1")), Row: func(r db.Row) error { return r.Scan(new(int64)) }}
		slow := db.Read{Query: d.SQL().SelectExpr(sql.Raw("SLEEP(5)")), Row: func(db.Row) error { return errors.New("it has slept well") }}
		go func() {
			_, _ = other.ExecContext(t.Context(), "DO SLEEP(0.3)") // until it sleeps
			id, err := number(t.Context(), other, "SELECT id FROM information_schema.processlist WHERE info LIKE '%SLEEP(5)%' AND info NOT LIKE '%processlist%'")
			if err == nil {
				_, _ = other.ExecContext(t.Context(), "KILL CONNECTION ?", id)
			}
		}()
		var err error
		if inTx {
			_, err = db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
				return struct{}{}, tx.ReadAll(ctx, first, slow)
			})
		} else {
			err = d.ReadAll(t.Context(), first, slow)
		}
		if !fault.Is(err, fault.Overloaded) || errors.Is(err, db.ErrUnknownOutcome) {
			t.Errorf("in a transaction: %t: %v", inTx, err)
		}
	}
}
