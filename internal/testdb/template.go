package testdb

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/db"
)

// template is what the migrations make of an empty database. A process runs them once for each kind, and copies what came of it:
// that takes a quarter of the time. What they do step by step is for the tests of Migrate, which use Empty.
type template struct {
	mu   sync.Mutex
	made string // the file on SQLite, else a script; empty until it is made
}

//nolint:gochecknoglobals // the tests of a process share them
var templates = map[Kind]*template{MySQL: {}, MariaDB: {}, SQLite: {}}

// fill brings an empty database to where Migrate would bring it.
func fill(t *testing.T, kind Kind, source string) {
	t.Helper()
	err := write(t, kind, source, templates[kind].get(t, kind))
	if err != nil {
		t.Fatalf("copy the migrated database: %v", err)
	}
}

// get makes it the first time, in a database of its own, which goes with this test. Where that fails the next test tries again.
func (m *template) get(t *testing.T, kind Kind) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == "" {
		source := Empty(t, kind)
		d, err := db.Open(t.Context(), source, db.Options{})
		if err == nil {
			err = errors.Join(d.Migrate(t.Context()), d.Close()) // closed, a file of SQLite's is all there is
		}
		made := ""
		if err == nil {
			made, err = read(t, kind, source)
		}
		if err != nil {
			t.Fatalf("migrate test database: %v", err)
		}
		m.made = made
	}
	return m.made
}

func read(t *testing.T, kind Kind, source string) (string, error) {
	t.Helper()
	if kind == SQLite {
		file, err := os.ReadFile(strings.TrimPrefix(source, "sqlite:"))
		return string(file), err
	}
	pool, err := plain(source)
	if err != nil {
		return "", err
	}
	script, err := dump(t, pool)
	return script, errors.Join(err, pool.Close())
}

func write(t *testing.T, kind Kind, source, made string) error {
	t.Helper()
	if kind == SQLite {
		return os.WriteFile(strings.TrimPrefix(source, "sqlite:"), []byte(made), 0o600)
	}
	pool, err := plain(source)
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(t.Context(), made)
	return errors.Join(err, pool.Close())
}

// plain opens a MySQL without any of the program's settings, for many statements at once.
func plain(source string) (*sql.DB, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, err
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName = "tcp", u.Host, u.User.Username(), strings.Trim(u.Path, "/")
	cfg.Passwd, _ = u.User.Password()
	cfg.MultiStatements = true
	return sql.Open("mysql", cfg.FormatDSN())
}

// dump returns the statements that make all tables again, with what Migrate remembers. Migrations that write other rows are
// refused: they would have to be copied too.
func dump(t *testing.T, pool *sql.DB) (string, error) {
	t.Helper()
	tables, err := column(t, pool, "SHOW TABLES")
	if err != nil {
		return "", err
	}
	script := []string{"SET foreign_key_checks = 0"} // or their order would matter
	for _, table := range tables {
		var name, ddl string
		if err := pool.QueryRowContext(t.Context(), "SHOW CREATE TABLE `"+table+"`").Scan(&name, &ddl); err != nil {
			return "", err
		}
		script = append(script, ddl)
		var rows int
		if err := pool.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM `"+table+"`").Scan(&rows); err != nil {
			return "", err
		}
		if rows > 0 && table != "holdfast_migrations" {
			return "", fmt.Errorf("migrations write rows into %s: have testdb copy them", table)
		}
	}
	applied, err := column(t, pool, `SELECT CONCAT_WS(', ', QUOTE(version), done, started, total, QUOTE(hash), QUOTE(changed_at)) FROM holdfast_migrations`)
	if err != nil {
		return "", err
	}
	script = append(script, "INSERT INTO holdfast_migrations (version, done, started, total, hash, changed_at) VALUES ("+strings.Join(applied, "), (")+")")
	return strings.Join(script, ";\n"), nil
}

// column reads a query's only one.
func column(t *testing.T, pool *sql.DB, query string) (out []string, err error) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
