package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"holdfast/ent"
	"holdfast/internal/limit"
)

// Tx is an open transaction.
type Tx struct {
	*ent.Tx
	dialect string
}

// ErrUnknownOutcome says that the answer to COMMIT was lost: the transaction may or may not have happened. It is never
// run again blindly; the caller looks its idempotency key up.
var ErrUnknownOutcome = errors.New("the outcome of the commit is unknown")

const (
	txTimeout  = 15 * time.Second // of all tries together, and above the database's own wait for a lock
	txAttempts = 12
	txBackoff  = 2 * time.Millisecond
)

type inTx struct{}

// WithTx runs fn in one transaction and commits. It rolls back when fn fails or panics, and refuses to nest. A transaction
// that the database broke off (deadlock, lock wait) is run again, so fn must have no effect but on tx. The transaction has a
// deadline of its own: a client that hangs up changes nothing half-way; one that does not get its turn before is OVERLOADED, and
// nothing has happened. A COMMIT whose answer is lost is ErrUnknownOutcome.
func WithTx[T any](ctx context.Context, d *DB, fn func(ctx context.Context, tx *Tx) (T, error)) (T, error) {
	var zero T
	if ctx.Value(inTx{}) != nil {
		return zero, errors.New("begin transaction: one is open already")
	}
	if err := ctx.Err(); err != nil {
		return zero, fmt.Errorf("begin transaction: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), inTx{}, true), d.txTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		out, err := once(ctx, d, fn)
		if err != nil && ctx.Err() != nil && !errors.Is(err, ErrUnknownOutcome) {
			return zero, errors.Join(limit.Crowded(), err) // rolled back: nothing has happened
		}
		if err == nil || !broken(err) || attempt == txAttempts {
			return out, err
		}
		pause := txBackoff * time.Duration(1+rand.IntN(1<<min(attempt, 6))) //nolint:gosec // jitter, not a secret
		select {
		case <-ctx.Done():
			return zero, fmt.Errorf("retry transaction: %w", errors.Join(limit.Crowded(), ctx.Err(), err))
		case <-time.After(pause):
		}
	}
}

// lostTries is how often Repeat tries a transaction whose commit's answer is lost.
const lostTries = 5

// Repeat is WithTx for a transaction that may happen twice: one whose COMMIT got no answer is run again.
func Repeat[T any](ctx context.Context, d *DB, fn func(ctx context.Context, tx *Tx) (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		out, err := WithTx(ctx, d, fn)
		if !errors.Is(err, ErrUnknownOutcome) || attempt == lostTries {
			return out, err
		}
	}
}

func once[T any](ctx context.Context, d *DB, fn func(ctx context.Context, tx *Tx) (T, error)) (out T, err error) {
	var zero T
	tx, err := d.Tx(ctx)
	if err != nil {
		return zero, fmt.Errorf("begin transaction: %w", err)
	}
	done := false
	defer func() {
		if !done { // fn failed or panicked
			if rerr := tx.Rollback(); rerr != nil && err != nil && !broken(err) {
				err = errors.Join(err, fmt.Errorf("roll back: %w", rerr))
			}
		}
	}()
	out, err = fn(ctx, &Tx{Tx: tx, dialect: d.Dialect})
	if err != nil {
		return zero, err
	}
	done = true
	if err := tx.Commit(); err != nil {
		if broken(err) || answered(err) {
			return zero, fmt.Errorf("commit: %w", err)
		}
		return zero, fmt.Errorf("commit: %w: %w", ErrUnknownOutcome, err)
	}
	return out, nil
}

// MySQL's and MariaDB's numbers.
const (
	duplicateKey    = 1062
	deadlock        = 1213
	lockWaitTimeout = 1205 // rolls back the statement alone; we roll back the rest
	recordChanged   = 1020 // MariaDB, snapshot isolation
)

// broken tells whether the database gave the transaction up through no fault of its statements.
func broken(err error) bool {
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return my.Number == deadlock || my.Number == lockWaitTimeout || my.Number == recordChanged
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_BUSY
}

// answered tells whether the database itself said no, so that the outcome is known.
func answered(err error) bool {
	var my *mysql.MySQLError
	var lite *sqlite.Error
	return errors.As(err, &my) || errors.As(err, &lite)
}

// IsDuplicate tells whether a row was refused because its key exists.
func IsDuplicate(err error) bool {
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return my.Number == duplicateKey
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && (lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}

// SQL starts a statement in the transaction's dialect.
func (tx *Tx) SQL() *entsql.DialectBuilder { return entsql.Dialect(tx.dialect) }

// SQL starts a statement in the database's dialect.
func (d *DB) SQL() *entsql.DialectBuilder { return entsql.Dialect(d.Dialect) }

// ForUpdate locks the selected rows until the transaction ends. On SQLite the whole database is locked from BEGIN on.
func (tx *Tx) ForUpdate(s *entsql.Selector) *entsql.Selector {
	if tx.dialect == dialect.MySQL {
		s.ForUpdate()
	}
	return s
}

// ForShare waits for whoever is changing the selected rows, and has them stay as they are until the transaction ends.
func (tx *Tx) ForShare(s *entsql.Selector) *entsql.Selector {
	if tx.dialect == dialect.MySQL {
		s.ForShare()
	}
	return s
}

// maxArgs is how many arguments one statement takes: below SQLite's 32,766.
const maxArgs = 30_000

// Insert writes rows, each in the order of columns, with as few statements as arguments allow. The caller has validated them.
func (tx *Tx) Insert(ctx context.Context, table string, columns []string, rows [][]any) error {
	chunk := maxArgs / len(columns)
	for start := 0; start < len(rows); start += chunk {
		insert := tx.SQL().Insert(table).Columns(columns...)
		for _, row := range rows[start:min(start+chunk, len(rows))] {
			insert.Values(row...)
		}
		query, args := insert.Query()
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
	}
	return nil
}

// InsertLater is Insert for rows of which nothing has to be known: on MySQL they travel with the next statement, or with COMMIT, and
// whatever is wrong with them is an error of that.
func (tx *Tx) InsertLater(ctx context.Context, table string, columns []string, rows [][]any) error {
	return tx.Insert(later(ctx), table, columns, rows)
}

// Querier runs a read: *DB or *Tx.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Row is one row of an answer.
type Row interface{ Scan(into ...any) error }

// Collect runs a built query and reads every row with scan.
func Collect[T any](ctx context.Context, q Querier, query entsql.Querier, scan func(Row) (T, error)) ([]T, error) {
	text, args := query.Query()
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Read is a query, and what is done with each row of its answer.
type Read struct {
	Query entsql.Querier
	Row   func(Row) error
}

// ReadAll runs reads one after the other, each on what was committed when it begins; on MySQL with one round trip.
func (tx *Tx) ReadAll(ctx context.Context, reads ...Read) error {
	return readAll(ctx, tx, tx.dialect, reads)
}

// ReadAll runs reads one after the other, each on what was committed when it begins; on MySQL with one round trip.
func (d *DB) ReadAll(ctx context.Context, reads ...Read) error {
	return readAll(ctx, d, d.Dialect, reads)
}

func readAll(ctx context.Context, q Querier, name string, reads []Read) error {
	if name != dialect.MySQL {
		for _, r := range reads {
			text, args := r.Query.Query()
			if err := readSets(ctx, q, text, args, r); err != nil {
				return err
			}
		}
		return nil
	}
	var all script
	var args []any
	for _, r := range reads {
		text, more := r.Query.Query()
		all.add(text, nil)
		args = append(args, more...)
	}
	return readSets(ctx, q, all.text, args, reads...)
}

// readSets reads one answer after the other of what was asked together.
func readSets(ctx context.Context, q Querier, text string, args []any, reads ...Read) error {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for i, r := range reads {
		if i > 0 && !rows.NextResultSet() {
			if err := rows.Err(); err != nil {
				return err
			}
			return fmt.Errorf("read answer %d of %d: there is none", i+1, len(reads))
		}
		for rows.Next() {
			if err := r.Row(rows); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Exec runs a built statement and returns the rows that it matched.
func (tx *Tx) Exec(ctx context.Context, stmt entsql.Querier) (int64, error) {
	text, args := stmt.Query()
	res, err := tx.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Args are the arguments of a statement, one for each value.
func Args[T any](of []T) []any {
	out := make([]any, len(of))
	for i, v := range of {
		out[i] = v
	}
	return out
}
