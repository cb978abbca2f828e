// Package testdb gives each test a database of its own: fresh, migrated, and gone when the test ends.
//
// The servers are the ones that HOLDFAST_TEST_MYSQL and HOLDFAST_TEST_MARIADB name (mysql://root@127.0.0.1:3306/). Where there is
// none, tests of it are skipped; in CI they fail.
package testdb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/db"
)

// Kind is a database product.
type Kind string

// The kinds. MariaDB speaks MySQL's dialect and is there for migrations and races alone.
const (
	MySQL   Kind = "mysql"
	MariaDB Kind = "mariadb"
	SQLite  Kind = "sqlite"
)

// Each runs fn as a subtest on MySQL and on SQLite.
func Each(t *testing.T, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	EachSource(t, func(t *testing.T, source string) {
		t.Helper()
		fn(t, Open(t, source, db.Options{}))
	})
}

// EachWithMariaDB runs fn as a subtest on MySQL, MariaDB and SQLite.
func EachWithMariaDB(t *testing.T, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	for _, kind := range []Kind{MySQL, MariaDB, SQLite} {
		t.Run(string(kind), func(t *testing.T) { fn(t, New(t, kind)) })
	}
}

// EachSource is Each for tests that open the database themselves, with Open or in another process.
func EachSource(t *testing.T, fn func(t *testing.T, source string)) {
	t.Helper()
	for _, kind := range []Kind{MySQL, SQLite} {
		t.Run(string(kind), func(t *testing.T) { fn(t, Source(t, kind)) })
	}
}

// New returns a fresh, migrated database of a kind.
func New(t *testing.T, kind Kind) *db.DB {
	t.Helper()
	return Open(t, Source(t, kind), db.Options{})
}

// Open opens a source until the test ends. It does not migrate.
func Open(t *testing.T, source string, opts db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), source, opts)
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close test database: %v", err)
		}
	})
	return d
}

// Source makes a fresh, migrated database and returns what db.Open and HOLDFAST_DATABASE take.
func Source(t *testing.T, kind Kind) string {
	t.Helper()
	source := Empty(t, kind)
	fill(t, kind, source)
	return source
}

// Empty makes a database without tables.
func Empty(t *testing.T, kind Kind) string {
	t.Helper()
	switch kind {
	case SQLite:
		return "sqlite:" + filepath.Join(t.TempDir(), "holdfast.db")
	case MySQL:
		return create(t, shared(t, "HOLDFAST_TEST_MYSQL"))
	case MariaDB:
		return create(t, shared(t, "HOLDFAST_TEST_MARIADB"))
	}
	t.Fatalf("no such kind of database: %s", kind)
	return ""
}

// shared is the database server that the variable names. Without one the test is skipped, or fails in CI.
func shared(t *testing.T, variable string) string {
	t.Helper()
	server := os.Getenv(variable)
	if server == "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s names no database server", variable)
		}
		t.Skipf("%s names no database server; .ci/test brings one, or: eval \"$(.ci/databases DIR)\"", variable)
	}
	if u, err := url.Parse(server); err != nil || u.Host == "" {
		t.Fatalf("%s: want mysql://root@127.0.0.1:3306/", variable)
	}
	return server
}

// create makes a database on a server and drops it when the test ends.
func create(t *testing.T, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("make test database: %v", err)
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", u.Host, u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	pool, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		t.Fatalf("make test database: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if _, err := pool.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("make test database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := pool.ExecContext(context.WithoutCancel(t.Context()), "DROP DATABASE "+name); err != nil {
			t.Errorf("drop test database: %v", err)
		}
		if err := pool.Close(); err != nil {
			t.Errorf("close connection to test databases: %v", err)
		}
	})
	u.Path = "/" + name
	return u.String()
}
