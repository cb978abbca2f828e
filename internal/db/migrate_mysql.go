package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// migrateMySQL migrates on one connection that holds a named lock: the lock ends with the connection, however that ends.
func (d *DB) migrateMySQL(ctx context.Context, files []migration) (err error) {
	pool, err := d.patientPool()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("migrate database: connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := lockMigrations(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, createRevisions); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	revs, err := readRevisions(ctx, conn)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	todo, err := plan(files, revs)
	if err != nil {
		return err
	}
	for i := range todo {
		if err := todo[i].applyMySQL(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

// patientPool opens connections that wait for an answer as long as it takes: to alter a large table takes longer than any query
// may. A dead peer is still found out, by TCP.
func (d *DB) patientPool() (*sql.DB, error) {
	cfg := d.mysql.Clone()
	cfg.ReadTimeout, cfg.WriteTimeout = 0, 0
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("migrate database: %w", err)
	}
	return sql.OpenDB(sessionConnector{Connector: connector}), nil
}

// migrationLock is a lock of the server's, so its name has to hold the database's, which may alone be as long as the lock's can be.
const migrationLock = "SELECT GET_LOCK(CONCAT('holdfast.', LEFT(SHA2(DATABASE(), 256), 40)), ?)"

// lockMigrations waits until no other process migrates this database.
func lockMigrations(ctx context.Context, conn *sql.Conn) error {
	// Whoever waits to change a table makes everybody wait who wants to use it, so that must not take MySQL's default: a year.
	if _, err := conn.ExecContext(ctx, "SET SESSION lock_wait_timeout = 60"); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, migrationLock, int(migrateWait/time.Second)).Scan(&got); err != nil {
		return fmt.Errorf("migrate database: wait for another process that migrates it: %w", err)
	}
	if got.Int64 != 1 {
		return fmt.Errorf("migrate database: another process has been migrating it for %s; try again when it is done", migrateWait)
	}
	return nil
}

// changesRows matches statements that a transaction holds together; every other one commits by itself.
var changesRows = regexp.MustCompile(`(?i)^\s*(INSERT|UPDATE|DELETE|REPLACE)\s`)

// applyMySQL runs the statements that are left.
func (s *step) applyMySQL(ctx context.Context, conn *sql.Conn) error {
	if s.isNew || s.total != len(s.stmts) { // what is not started may have been corrected
		if err := s.save(ctx, conn, s.done, s.started); err != nil {
			return err
		}
	}
	for s.done < len(s.stmts) {
		apply := s.applyDDL
		if changesRows.MatchString(s.stmts[s.done]) {
			apply = s.applyRows
		}
		if err := apply(ctx, conn, s.stmts[s.done]); err != nil {
			return err
		}
	}
	return nil
}

// applyDDL runs a statement that commits at once, so it is noted before and after. If the note after it is missing, nobody
// knows whether it happened, and it is tried again.
func (s *step) applyDDL(ctx context.Context, conn *sql.Conn, stmt string) error {
	unsure := s.started > s.done
	if err := s.save(ctx, conn, s.done, s.done+1); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, stmt)
	if err != nil && (!unsure || !happenedAlready(err)) {
		err = fmt.Errorf("migrate database: %s, statement %d: %w", s.migration.version, s.done+1, err)
		if answered(err) { // it certainly did not happen
			err = errors.Join(err, s.save(ctx, conn, s.done, s.done))
		}
		return err
	}
	return s.save(ctx, conn, s.done+1, s.done+1)
}

// applyRows runs a statement and notes it in one transaction.
func (s *step) applyRows(ctx context.Context, conn *sql.Conn, stmt string) (err error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("migrate database: begin: %w", err)
	}
	before := *s
	if _, err = tx.ExecContext(ctx, stmt); err != nil {
		err = fmt.Errorf("migrate database: %s, statement %d: %w", s.migration.version, s.done+1, err)
	} else {
		err = s.save(ctx, tx, s.done+1, s.done+1)
	}
	if err != nil {
		*s = before
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("migrate database: commit: %w", err)
	}
	return nil
}

// happenedAlready tells whether the statement was refused because what it makes exists, or what it drops does not. Both
// databases carry out an ALTER as a whole or not at all, so then all of it has happened.
func happenedAlready(err error) bool {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return false
	}
	if my.Number == 1005 && strings.Contains(my.Message, "errno: 121") { // duplicate foreign key on MariaDB
		return true
	}
	return slices.Contains([]uint16{
		1050, // table exists
		1051, // unknown table
		1060, // duplicate column
		1061, // duplicate index
		1091, // no such column or index to drop
		1826, // duplicate foreign key; duplicate check on MariaDB
		3821, // no such check
		3822, // duplicate check
		3940, // no such constraint
	}, my.Number)
}
