package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

// files makes a folder of migrations: names and contents in turn.
func files(pairs ...string) fstest.MapFS {
	folder := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		folder[pairs[i]+".sql"] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return folder
}

func mustExec(t *testing.T, d *db.DB, query string) {
	t.Helper()
	if _, err := d.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// ask returns the first value that a query finds.
func ask(ctx context.Context, q db.Querier, query string, args ...any) (value string, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&value)
	}
	return value, errors.Join(err, rows.Err())
}

func lookUp(t *testing.T, d *db.DB, query string) string {
	t.Helper()
	value, err := ask(t.Context(), d, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func hasTable(t *testing.T, d *db.DB, name string) bool {
	t.Helper()
	_, err := ask(t.Context(), d, "SELECT COUNT(*) FROM "+name)
	return err == nil
}

// eachEmpty runs fn on an empty database of every kind.
func eachEmpty(t *testing.T, kinds []testdb.Kind, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) { fn(t, testdb.Open(t, testdb.Empty(t, kind), db.Options{})) })
	}
}

var (
	all     = []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite}
	servers = []testdb.Kind{testdb.MySQL, testdb.MariaDB}
)

func TestMigrateAgainTakesNoLock(t *testing.T) {
	testdb.EachWithMariaDB(t, func(t *testing.T, d *db.DB) {
		before := lookUp(t, d, "SELECT COUNT(*) FROM holdfast_migrations WHERE done = total AND started = total")
		if before == "0" {
			t.Fatal("want applied migrations")
		}
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (struct{}, error) { // SQLite's only lock
			if d.Dialect == dialect.MySQL {
				// The server lets the lock of the first migration go when it sees that connection end, which takes its time.
				if got, err := ask(ctx, tx, db.MigrationLock, 10); err != nil || got != "1" {
					return struct{}{}, fmt.Errorf("take the lock: %q, %w", got, err)
				}
			}
			quick, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			return struct{}{}, d.Migrate(quick)
		})
		if err != nil {
			t.Errorf("migrate while another holds the lock: %v", err)
		}
	})
}

func TestMigrateAtOnce(t *testing.T) {
	for _, kind := range all {
		t.Run(string(kind), func(t *testing.T) {
			rounds := 2
			if kind == testdb.SQLite { // quick, and opening it is a race of its own
				rounds = 10
			}
			for range rounds {
				source := testdb.Empty(t, kind)
				var group errgroup.Group
				start := make(chan struct{})
				for range 4 {
					group.Go(func() error {
						<-start
						d, err := db.Open(t.Context(), source, db.Options{})
						if err != nil {
							return err
						}
						return errors.Join(d.Migrate(t.Context()), d.Close())
					})
				}
				close(start)
				if err := group.Wait(); err != nil {
					t.Fatal(err)
				}
				if !hasTable(t, testdb.Open(t, source, db.Options{}), "orders") {
					t.Fatal("no tables after migrating")
				}
			}
		})
	}
}

func TestMigrateRefuses(t *testing.T) {
	const a, b, c = "CREATE TABLE a (x int);", "CREATE TABLE b (x int);", "CREATE TABLE c (x int);"
	tests := map[string]struct {
		applied, now fstest.MapFS
		want         error
		says         string
	}{
		"newer":             {files("1", a, "3", c), files("1", a), db.ErrNewerSchema, "3"},
		"of another branch": {files("1", a, "3", c), files("1", a, "2", b, "4", c), db.ErrNewerSchema, "3"},
		"changed":           {files("1", a+c), files("1", a+"CREATE TABLE c (y int);", "2", b), db.ErrChangedMigration, "1"},
		"longer":            {files("1", a), files("1", a+b), db.ErrChangedMigration, "1"},
		"shorter":           {files("1", a+c), files("1", a, "2", b), db.ErrChangedMigration, "1"},
		"out of order":      {files("1", a, "3", c), files("1", a, "2", b, "3", c), db.ErrMigrationOrder, "2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			eachEmpty(t, []testdb.Kind{testdb.MySQL, testdb.SQLite}, func(t *testing.T, d *db.DB) {
				if err := d.MigrateFiles(t.Context(), test.applied); err != nil {
					t.Fatal(err)
				}
				err := d.MigrateFiles(t.Context(), test.now)
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("want %v that names %s, got %v", test.want, test.says, err)
				}
				if hasTable(t, d, "b") {
					t.Error("a refused database was changed")
				}
			})
		})
	}
}

func TestMigrateIgnoresComments(t *testing.T) {
	eachEmpty(t, all, func(t *testing.T, d *db.DB) {
		if err := d.MigrateFiles(t.Context(), files("1", "-- first\nCREATE TABLE a (x int);")); err != nil {
			t.Fatal(err)
		}
		if err := d.MigrateFiles(t.Context(), files("1", "-- the first\nCREATE TABLE a (x int);\n\n")); err != nil {
			t.Error(err)
		}
	})
}

func TestMigrateGoesOn(t *testing.T) {
	const a, wrong, right = "CREATE TABLE a (x int);", "CREATE TABLE b (x nonsense(1) y);", "CREATE TABLE b (x int);"
	const row = "INSERT INTO a VALUES (1);"
	eachEmpty(t, all, func(t *testing.T, d *db.DB) {
		for range 2 {
			if err := d.MigrateFiles(t.Context(), files("1", a+row+wrong)); err == nil {
				t.Fatal("want the wrong statement to be refused")
			}
		}
		// What did not happen may be corrected; what did happen, on MySQL, would fail if it were done again.
		if err := d.MigrateFiles(t.Context(), files("1", a+row+right, "2", row)); err != nil {
			t.Fatal(err)
		}
		if got := lookUp(t, d, "SELECT COUNT(*) FROM a"); got != "2" || !hasTable(t, d, "b") {
			t.Errorf("want 2 rows and table b, got %s", got)
		}
		if err := d.MigrateFiles(t.Context(), files("1", a+row+right, "2", row)); err != nil {
			t.Error(err)
		}
	})
}

func TestMigrateCutShort(t *testing.T) {
	folder := files("1", "CREATE TABLE a (x int); INSERT INTO a VALUES (1); DO SLEEP(0.6); INSERT INTO a VALUES (2); CREATE TABLE b (x int);")
	eachEmpty(t, servers, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := d.MigrateFiles(ctx, folder); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("want the deadline to cut it short, got %v", err)
		}
		if err := d.MigrateFiles(t.Context(), folder); err != nil {
			t.Fatal(err)
		}
		if got := lookUp(t, d, "SELECT SUM(x) FROM a"); got != "3" || !hasTable(t, d, "b") {
			t.Errorf("want both rows once and table b, got sum %s", got)
		}
	})
}

// Rows are changed together with the note of it, or they would be changed twice.
func TestMigrateChangesRowsOnce(t *testing.T) {
	const a, row = "CREATE TABLE a (x int);", "INSERT INTO a VALUES (1);"
	eachEmpty(t, servers, func(t *testing.T, d *db.DB) {
		if err := d.MigrateFiles(t.Context(), files("1", a)); err != nil {
			t.Fatal(err)
		}
		mustExec(t, d, `CREATE TRIGGER deny BEFORE UPDATE ON holdfast_migrations FOR EACH ROW
			BEGIN IF NEW.done > 0 THEN SIGNAL SQLSTATE '45000'; END IF; END`)
		if err := d.MigrateFiles(t.Context(), files("1", a, "2", row)); err == nil {
			t.Fatal("want the note to be refused")
		}
		mustExec(t, d, "DROP TRIGGER deny")
		if err := d.MigrateFiles(t.Context(), files("1", a, "2", row)); err != nil {
			t.Fatal(err)
		}
		if got := lookUp(t, d, "SELECT COUNT(*) FROM a"); got != "1" {
			t.Errorf("want the row once, got %s", got)
		}
	})
}

// A process that dies between a statement and its note leaves it open whether the statement happened.
func TestMigrateUnsure(t *testing.T) {
	const base = `CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE a (x int, y int, z int, KEY y (y), KEY z (z), CONSTRAINT old CHECK (x > 0),
		CONSTRAINT p_old FOREIGN KEY (y) REFERENCES p (id));`
	statements := []string{
		"CREATE TABLE b (x int)",
		"DROP TABLE c",
		"ALTER TABLE a ADD COLUMN w int, ADD INDEX w (w)",
		"ALTER TABLE a DROP COLUMN z",
		"CREATE INDEX x ON a (x)",
		"DROP INDEX z ON a",
		"ALTER TABLE a DROP FOREIGN KEY p_old",
		"ALTER TABLE a ADD CONSTRAINT p_z FOREIGN KEY (z) REFERENCES p (id)",
		"ALTER TABLE a ADD CONSTRAINT new CHECK (y > 0)",
		"ALTER TABLE a DROP CONSTRAINT old",
	}
	for _, kind := range servers {
		t.Run(string(kind), func(t *testing.T) {
			for _, statement := range statements {
				t.Run(statement, func(t *testing.T) {
					d := testdb.Open(t, testdb.Empty(t, kind), db.Options{})
					mustExec(t, d, "CREATE TABLE c (x int)")
					if err := d.MigrateFiles(t.Context(), files("1", base)); err != nil {
						t.Fatal(err)
					}
					// Noted as it would be if the process had died after the statement.
					folder := files("1", base, "2", statement+"; CREATE TABLE last (x int);")
					broken := files("1", base, "2", statement+"; CREATE TABLE last (x nonsense(1) y);")
					if err := d.MigrateFiles(t.Context(), broken); err == nil {
						t.Fatal("want the last statement to be refused")
					}
					mustExec(t, d, "UPDATE holdfast_migrations SET done = 0 WHERE version = '2'")
					if err := d.MigrateFiles(t.Context(), folder); err != nil {
						t.Fatal(err)
					}
					if !hasTable(t, d, "last") {
						t.Error("the statement after it was not run")
					}
				})
			}
		})
	}
}

func TestMigrateDoesNotTakeAStrangersTable(t *testing.T) {
	eachEmpty(t, all, func(t *testing.T, d *db.DB) {
		mustExec(t, d, "CREATE TABLE a (y int)")
		for range 2 {
			if err := d.MigrateFiles(t.Context(), files("1", "CREATE TABLE a (x int);")); err == nil {
				t.Fatal("want a table that was there before to be refused")
			}
		}
	})
}

func TestMigrateSQLiteIsAllOrNothing(t *testing.T) {
	d := testdb.Open(t, testdb.Empty(t, testdb.SQLite), db.Options{})
	if err := d.MigrateFiles(t.Context(), files("1", "CREATE TABLE a (x int);", "2", "CREATE TABLE nonsense")); err == nil {
		t.Fatal("want the second file to be refused")
	}
	if hasTable(t, d, "a") || hasTable(t, d, "holdfast_migrations") {
		t.Error("want nothing to be left of a failed migration")
	}
}

// SQLite rebuilds a table to change it; the rows that refer to it must stay as they are.
func TestMigrateSQLiteRebuildsParents(t *testing.T) {
	const base = `CREATE TABLE parent (id integer PRIMARY KEY); CREATE TABLE child (id integer PRIMARY KEY, parent_id integer REFERENCES parent (id) ON DELETE SET NULL);
		INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1);`
	const rebuild = `CREATE TABLE new_parent (id integer PRIMARY KEY, name text); INSERT INTO new_parent (id) SELECT id FROM parent;
		DROP TABLE parent; ALTER TABLE new_parent RENAME TO parent;`
	d := testdb.Open(t, testdb.Empty(t, testdb.SQLite), db.Options{})
	if err := d.MigrateFiles(t.Context(), files("1", base)); err != nil {
		t.Fatal(err)
	}
	err := d.MigrateFiles(t.Context(), files("1", base, "2", rebuild+"DELETE FROM parent;"))
	if err == nil || !strings.Contains(err.Error(), "child") {
		t.Errorf("want orphans to be refused, got %v", err)
	}
	if err := d.MigrateFiles(t.Context(), files("1", base, "2", rebuild)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("1", lookUp(t, d, "SELECT parent_id FROM child")); diff != "" {
		t.Errorf("the child's parent (-want +got):\n%s", diff)
	}
	if _, err := d.ExecContext(t.Context(), "INSERT INTO child VALUES (2, 99)"); err == nil {
		t.Error("foreign keys are no longer checked after a migration")
	}
}

func TestMigrateLocksItsOwnDatabaseAlone(t *testing.T) {
	for _, kind := range servers {
		t.Run(string(kind), func(t *testing.T) {
			one, two := testdb.Open(t, testdb.Empty(t, kind), db.Options{}), testdb.New(t, kind)
			_, err := db.WithTx(t.Context(), two, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
				// The server lets the lock of the first migration go when it sees that connection end, which takes its time.
				if got, err := ask(ctx, tx, db.MigrationLock, 10); err != nil || got != "1" {
					return struct{}{}, fmt.Errorf("take the other database's lock: %q, %w", got, err)
				}
				quick, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				return struct{}{}, one.Migrate(quick)
			})
			if err != nil {
				t.Errorf("migrate while another database is locked: %v", err)
			}
		})
	}
}
