package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
)

// Snapshot runs fn, all of whose reads see the database as it was at one moment, before fn began. It takes no lock and
// hinders no writer; what it reads from can only be read. It may last as long as ctx allows, but the database keeps
// what writers have replaced since, so minutes are much. fn must close what it reads before it asks again.
func Snapshot(ctx context.Context, d *DB, fn func(ctx context.Context, q Querier) error) error {
	if d.Dialect == dialect.SQLite {
		return d.snapshotSQLite(ctx, fn)
	}
	return d.snapshotMySQL(ctx, fn)
}

// snapshotMySQL reads on a connection of its own, which ends with it: the pool's are READ COMMITTED, and their reads end
// after seconds of silence.
func (d *DB) snapshotMySQL(ctx context.Context, fn func(ctx context.Context, q Querier) error) (err error) {
	pool, err := d.patientPool()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin snapshot: connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }() // which rolls back
	for _, stmt := range []string{
		"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", // or a snapshot lasts for one statement
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	} {
		if _, err := conn.ExecContext(ctx, stmt); err != nil {
			return fmt.Errorf("begin snapshot: %w", err)
		}
	}
	return fn(ctx, conn)
}

// snapshotSQLite reads in a transaction of a reader. Its moment is that of its first read.
func (d *DB) snapshotSQLite(ctx context.Context, fn func(ctx context.Context, q Querier) error) (err error) {
	tx, err := d.read.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", err)
	}
	defer func() {
		if rerr := tx.Rollback(); !errors.Is(rerr, sql.ErrTxDone) { // done when ctx has ended
			err = errors.Join(err, rerr)
		}
	}()
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master").Scan(&tables); err != nil {
		return fmt.Errorf("begin snapshot: %w", err)
	}
	return fn(ctx, tx)
}

// ErrOldSchema says that migrations of this program are missing in the database.
var ErrOldSchema = errors.New("the database is older than this program")

// Current tells whether the database has the schema of this program, and changes nothing. It fails with ErrOldSchema and
// with what Migrate refuses.
func (d *DB) Current(ctx context.Context) error {
	files, err := readMigrations(migrationFiles, "migrations/"+folder(d.Dialect))
	if err != nil {
		return err
	}
	revs, err := readRevisions(ctx, d.read)
	if err != nil {
		return fmt.Errorf("%w, or empty: %w", ErrOldSchema, err)
	}
	todo, err := plan(files, revs)
	if err != nil {
		return err
	}
	if len(todo) > 0 {
		return fmt.Errorf("%w: %d migrations are missing, the first is %s", ErrOldSchema, len(todo), todo[0].migration.version)
	}
	return nil
}
