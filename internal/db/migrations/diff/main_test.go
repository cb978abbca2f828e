package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	atlas "ariga.io/atlas/sql/migrate"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"

	"holdfast/internal/testdb"
)

// open opens a test database below internal/db: Atlas needs a pool of its own.
func open(t *testing.T, source string) dialect.Driver {
	t.Helper()
	name, dsn := dialect.SQLite, "file:"+strings.TrimPrefix(source, "sqlite:")+"?_pragma=foreign_keys(1)"
	if rest, ok := strings.CutPrefix(source, "mysql://root@"); ok {
		host, database, _ := strings.Cut(rest, "/")
		name, dsn = dialect.MySQL, "root@tcp("+host+")/"+database+"?parseTime=true"
	}
	pool, err := sql.Open(map[string]string{dialect.MySQL: "mysql", dialect.SQLite: "sqlite"}[name], dsn)
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = pool.Close() })
	return entsql.OpenDB(name, pool)
}

// differences returns what would be written into the folder.
func differences(t *testing.T, drv dialect.Driver, dir *atlas.MemDir, mode schema.Mode) string {
	t.Helper()
	before, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	switch err := plan(t.Context(), drv, dir, mode, "difference"); {
	case errors.Is(err, atlas.ErrNoPlan):
		return ""
	case err != nil:
		t.Fatal(err)
	}
	after, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	return string(after[len(before)].Bytes())
}

// A change of the schema without a migration fails here.
func TestMigratedDatabaseIsTheSchema(t *testing.T) {
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			drv := open(t, testdb.Source(t, kind))
			if got := differences(t, drv, &atlas.MemDir{}, schema.ModeInspect); got != "" {
				t.Errorf("a migrated database is not the schema; write a migration with this command:\n%s", got)
			}
		})
	}
}

// So does a table that only the migrations have, and a folder whose checksums are not the generator's.
func TestMigrationsAreTheSchema(t *testing.T) {
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			dir := folder(t, kind)
			if err := atlas.Validate(dir); err != nil {
				t.Fatalf("atlas.sum: %v", err)
			}
			if got := differences(t, open(t, testdb.Empty(t, kind)), dir, schema.ModeReplay); got != "" {
				t.Errorf("the migrations do not lead to the schema; write another with this command:\n%s", got)
			}
		})
	}
}

// The comparison is worth something: it sees what is too much and what is missing.
func TestDifferencesAreSeen(t *testing.T) {
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			drv := open(t, testdb.Source(t, kind))
			stmts := []string{"DROP INDEX order_shop_id_status_id ON orders", "ALTER TABLE shops ADD COLUMN more int", "ALTER TABLE stocks DROP CONSTRAINT stock_threshold"}
			want := []string{"order_shop_id_status_id", "shops", "stock_threshold"}
			if drv.Dialect() == dialect.SQLite { // which cannot drop a constraint
				stmts, want = []string{"DROP INDEX order_shop_id_status_id", stmts[1]}, want[:2]
			}
			for _, stmt := range stmts {
				if err := drv.Exec(context.WithoutCancel(t.Context()), stmt, []any{}, nil); err != nil {
					t.Fatal(err)
				}
			}
			got := differences(t, drv, &atlas.MemDir{}, schema.ModeInspect)
			for _, name := range want {
				if !strings.Contains(got, name) {
					t.Errorf("want %s among the differences, got %q", name, got)
				}
			}
		})
	}
}

// folder copies a dialect's migrations, so that nothing is written into them.
func folder(t *testing.T, kind testdb.Kind) *atlas.MemDir {
	t.Helper()
	dir := &atlas.MemDir{}
	names, err := filepath.Glob(filepath.Join("..", string(kind), "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.WriteFile(filepath.Base(name), data); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
