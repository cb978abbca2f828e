// Command diff writes the next migration of each dialect: the statements that lead from the files in its folder to the ent
// schema as it is now. A schema that has not changed gets no file. Run it in the root of the module:
//
//	HOLDFAST_TEST_MYSQL=mysql://root@127.0.0.1:3306/ go run ./internal/db/migrations/diff NAME
//
// With -fresh, all migrations are replaced by a single one; databases that exist then belong to no version.
// It needs a MySQL (MariaDB writes other statements), where it makes and drops a database of its own.
// Read what it writes: it knows nothing of the rows, and drops what the schema no longer has.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
	atlasschema "ariga.io/atlas/sql/schema"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"holdfast/ent/migrate"
)

func main() {
	fresh := flag.Bool("fresh", false, "replace all migrations by one")
	flag.Parse()
	if err := run(context.Background(), flag.Arg(0), *fresh); err != nil {
		fmt.Fprintln(os.Stderr, "diff:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, fresh bool) error {
	if name == "" {
		return errors.New("usage: diff [-fresh] NAME")
	}
	for _, d := range []struct {
		name string
		open func(context.Context) (*sql.DB, func() error, error)
	}{{dialect.MySQL, openMySQL}, {dialect.SQLite, openSQLite}} {
		folder := filepath.Join("internal", "db", "migrations", map[string]string{dialect.MySQL: "mysql", dialect.SQLite: "sqlite"}[d.name])
		pool, drop, err := d.open(ctx)
		if err != nil {
			return err
		}
		if fresh {
			err = empty(folder)
		}
		if err == nil {
			err = write(ctx, entsql.OpenDB(d.name, pool), folder, name)
		}
		if err := errors.Join(err, drop()); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

// empty removes the migrations of a folder and their checksums.
func empty(folder string) error {
	for _, pattern := range []string{"*.sql", "atlas.sum"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// write replays the folder on an empty database, compares the result with the ent schema and writes the difference.
func write(ctx context.Context, drv dialect.Driver, folder, name string) error {
	dir, err := atlas.NewLocalDir(folder)
	if err != nil {
		return err
	}
	err = plan(ctx, drv, dir, schema.ModeReplay, name)
	if errors.Is(err, atlas.ErrNoPlan) {
		fmt.Println(folder + ": no change")
		return nil
	}
	return err
}

// plan writes into dir what leads from the state of dir (ModeReplay, on an empty database) or of the database itself
// (ModeInspect) to the ent schema. No difference is atlas.ErrNoPlan.
func plan(ctx context.Context, drv dialect.Driver, dir atlas.Dir, mode schema.Mode, name string) error {
	options := []schema.MigrateOption{
		schema.WithDir(dir), schema.WithMigrationMode(mode), schema.WithFormatter(atlas.DefaultFormatter),
		schema.WithDropColumn(true), schema.WithDropIndex(true), schema.WithErrNoPlan(true), schema.WithIndent("  "),
	}
	if drv.Dialect() == dialect.SQLite {
		options = append(options, schema.WithDiffHook(wrapChecks))
	}
	m, err := schema.NewMigrate(drv, options...)
	if err != nil {
		return err
	}
	return m.NamedDiff(ctx, name, migrate.Tables...)
}

// wrapChecks puts parentheses around constraints like (a) = (b), which Atlas takes for wrapped on SQLite.
func wrapChecks(next schema.Differ) schema.Differ {
	return schema.DiffFunc(func(current, desired *atlasschema.Schema) ([]atlasschema.Change, error) {
		for _, table := range desired.Tables {
			for _, attr := range table.Attrs {
				if check, ok := attr.(*atlasschema.Check); ok && strings.HasPrefix(check.Expr, "(") {
					check.Expr = "(" + check.Expr + ")"
				}
			}
		}
		return next.Diff(current, desired)
	})
}

// openMySQL makes an empty database on the server that HOLDFAST_TEST_MYSQL names; the func drops it.
func openMySQL(ctx context.Context) (*sql.DB, func() error, error) {
	u, err := url.Parse(os.Getenv("HOLDFAST_TEST_MYSQL"))
	if err != nil || u.Host == "" {
		return nil, nil, errors.New(`set HOLDFAST_TEST_MYSQL to mysql://root@127.0.0.1:3306/, or start one: eval "$(.ci/databases DIR)"`)
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", u.Host, u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	server, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		return nil, nil, err
	}
	name := "holdfast_diff_" + rand.Text()
	if _, err := server.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	cfg.DBName = name
	pool, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	return pool, func() error {
		_, err := server.ExecContext(ctx, "DROP DATABASE "+name)
		return errors.Join(err, pool.Close(), server.Close())
	}, nil
}

// openSQLite makes an empty database in memory.
func openSQLite(context.Context) (*sql.DB, func() error, error) {
	pool, err := sql.Open("sqlite", "file::memory:?_pragma=foreign_keys(1)")
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(1) // each connection would have a memory of its own
	return pool, pool.Close, nil
}
