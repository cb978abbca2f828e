package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"entgo.io/ent/dialect"
)

// The migrations of each dialect; MariaDB takes MySQL's. They are written by ./migrations/diff and never changed once released.
//
//go:embed migrations/mysql/*.sql migrations/sqlite/*.sql
var migrationFiles embed.FS

// What Migrate refuses. The errors it returns also say which migration it is and what to do.
var (
	// ErrNewerSchema says that the database has a migration that this program does not know.
	ErrNewerSchema = errors.New("the database belongs to a newer version of this program")
	// ErrChangedMigration says that a migration no longer reads as it did when it was applied.
	ErrChangedMigration = errors.New("an applied migration was changed afterwards")
	// ErrMigrationOrder says that the database lacks a migration older than one that it has.
	ErrMigrationOrder = errors.New("a migration was added before one that is applied already")
)

// migrateWait is how long Migrate waits for another process that migrates the same database.
const migrateWait = 10 * time.Minute

// Migrate brings the database to the schema of this program. It is safe to call from many processes at once, does nothing, with
// one statement, when nothing is to do, and refuses, before it touches anything, a database that it does not understand.
// What was interrupted goes on where it stopped when Migrate is called again.
//
// Atlas writes and parses the files; its Executor does not apply them: it takes a database that is newer, or a file that was changed
// later, for up to date, and stumbles over a statement that was carried out by a process that died before it noted so.
func (d *DB) Migrate(ctx context.Context) error {
	files, err := readMigrations(migrationFiles, "migrations/"+folder(d.Dialect))
	if err != nil {
		return err
	}
	return d.migrate(ctx, files)
}

func folder(name string) string {
	if name == dialect.SQLite {
		return "sqlite"
	}
	return "mysql"
}

func (d *DB) migrate(ctx context.Context, files []migration) error {
	// Most starts find nothing to do, and take no lock for it. A fresh database has no table of revisions: that fails here,
	// and whatever else is wrong fails again below.
	if revs, err := readRevisions(ctx, d.read); err == nil {
		todo, err := plan(files, revs)
		if err != nil || len(todo) == 0 {
			return err
		}
	}
	if d.Dialect == dialect.SQLite {
		return d.migrateSQLite(ctx, files)
	}
	return d.migrateMySQL(ctx, files)
}

// migration is one file.
type migration struct {
	version string // the file's name: a time, then words
	stmts   []string
}

// hash identifies the first n statements.
func (m migration) hash(n int) string {
	sum := sha256.Sum256([]byte(strings.Join(m.stmts[:n], "\x00")))
	return hex.EncodeToString(sum[:])
}

// revision is what the database remembers of a migration.
type revision struct {
	version string
	done    int    // statements that have happened
	started int    // done, or done+1 if it is not known whether the next one has happened
	total   int    // statements of the file
	hash    string // of the statements that were started
}

// step is a migration to apply or to finish.
type step struct {
	migration
	revision
	isNew bool // the database has no row of it yet
}

// readMigrations returns the files of a folder in their order.
func readMigrations(fsys fs.FS, folder string) ([]migration, error) {
	names, err := fs.Glob(fsys, path.Join(folder, "*.sql"))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	slices.Sort(names)
	files := make([]migration, 0, len(names))
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		stmts, err := migrate.NewLocalFile(path.Base(name), data).Stmts()
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		files = append(files, migration{version: strings.TrimSuffix(path.Base(name), ".sql"), stmts: stmts})
	}
	return files, nil
}

// createRevisions makes the table that remembers what was applied. All dialects understand it.
const createRevisions = `CREATE TABLE IF NOT EXISTS holdfast_migrations (
	version varchar(128) NOT NULL PRIMARY KEY,
	done int NOT NULL,
	started int NOT NULL,
	total int NOT NULL,
	hash varchar(64) NOT NULL,
	changed_at datetime NOT NULL
)`

// querier is a connection, a pool or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readRevisions(ctx context.Context, q querier) (revs []revision, err error) {
	rows, err := q.QueryContext(ctx, "SELECT version, done, started, total, hash FROM holdfast_migrations ORDER BY version")
	if err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r revision
		if err := rows.Scan(&r.version, &r.done, &r.started, &r.total, &r.hash); err != nil {
			return nil, fmt.Errorf("read applied migrations: %w", err)
		}
		revs = append(revs, r)
	}
	return revs, rows.Err()
}

// save notes how far a step has come.
func (s *step) save(ctx context.Context, q querier, done, started int) error {
	s.done, s.started, s.total, s.revision.hash = done, started, len(s.stmts), s.migration.hash(started)
	query := "UPDATE holdfast_migrations SET done = ?, started = ?, total = ?, hash = ?, changed_at = CURRENT_TIMESTAMP WHERE version = ?"
	if s.isNew {
		query = "INSERT INTO holdfast_migrations (done, started, total, hash, changed_at, version) VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP, ?)"
	}
	if _, err := q.ExecContext(ctx, query, s.done, s.started, s.total, s.revision.hash, s.migration.version); err != nil {
		return fmt.Errorf("note migration %s: %w", s.migration.version, err)
	}
	s.isNew = false
	return nil
}

// plan tells what is left to do. What the database remembers has to be the beginning of files, statement for statement; only
// the last of it may be unfinished.
func plan(files []migration, revs []revision) ([]step, error) {
	var todo []step
	for i, r := range revs {
		if !slices.ContainsFunc(files, func(m migration) bool { return m.version == r.version }) {
			return nil, fmt.Errorf("migrate database: %w: it has migration %s, which is unknown here; run the version that made it or a later one, or restore a backup from before",
				ErrNewerSchema, r.version)
		}
		m := files[i] // as versions are unique and known so far, there are at least as many files
		if m.version != r.version {
			return nil, fmt.Errorf("migrate database: %w: %s before %s; rename its file to be the last one", ErrMigrationOrder, m.version, r.version)
		}
		finished := r.done == r.total
		if r.started > len(m.stmts) || m.hash(r.started) != r.hash || finished && r.total != len(m.stmts) {
			return nil, fmt.Errorf("migrate database: %w: %s; restore its file, and put the change into a migration of its own", ErrChangedMigration, r.version)
		}
		if !finished {
			todo = append(todo, step{migration: m, revision: r})
		}
	}
	for _, m := range files[len(revs):] {
		todo = append(todo, step{migration: m, isNew: true})
	}
	return todo, nil
}
