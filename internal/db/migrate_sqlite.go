package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// migrateSQLite migrates in one transaction: all of it happens, or nothing.
func (d *DB) migrateSQLite(ctx context.Context, files []migration) (err error) {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// SQLite changes a table by copying it and dropping the old one, which the keys of its children forbid. The
	// switch does nothing inside a transaction, so the files cannot throw it themselves.
	if _, err := conn.ExecContext(ctx, "PRAGMA foreign_keys = 0"); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	defer func() {
		if _, perr := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA foreign_keys = 1"); perr != nil {
			// A connection that no longer checks keys must not go back into the pool.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
			err = errors.Join(err, fmt.Errorf("migrate database: %w", perr))
		}
	}()
	tx, err := beginSQLite(ctx, conn)
	if err != nil {
		return err
	}
	if err := applySQLite(ctx, tx, files); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("migrate database: commit: %w", err)
	}
	return nil
}

// beginSQLite waits for its turn, longer than a single BEGIN does.
func beginSQLite(ctx context.Context, conn *sql.Conn) (*sql.Tx, error) {
	wait, cancel := context.WithTimeout(ctx, migrateWait)
	defer cancel()
	for {
		tx, err := conn.BeginTx(ctx, nil)
		if err == nil {
			return tx, nil
		}
		if !broken(err) || wait.Err() != nil {
			return nil, fmt.Errorf("migrate database: wait for another process that writes to it: %w", err)
		}
	}
}

func applySQLite(ctx context.Context, tx *sql.Tx, files []migration) error {
	if _, err := tx.ExecContext(ctx, createRevisions); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	revs, err := readRevisions(ctx, tx)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	todo, err := plan(files, revs)
	if err != nil {
		return err
	}
	for _, s := range todo {
		for i, stmt := range s.stmts {
			if _, err := tx.ExecContext(ctx, stmt); err != nil {
				return fmt.Errorf("migrate database: %s, statement %d: %w", s.migration.version, i+1, err)
			}
		}
		if err := s.save(ctx, tx, len(s.stmts), len(s.stmts)); err != nil {
			return err
		}
	}
	return checkKeys(ctx, tx)
}

// checkKeys looks for rows whose parent is gone.
func checkKeys(ctx context.Context, tx *sql.Tx) error {
	var table, parent string
	var row sql.NullInt64
	var key int
	err := tx.QueryRowContext(ctx, "PRAGMA foreign_key_check").Scan(&table, &row, &parent, &key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("migrate database: check foreign keys: %w", err)
	}
	return fmt.Errorf("migrate database: a row of %s would lack its row in %s", table, parent)
}
