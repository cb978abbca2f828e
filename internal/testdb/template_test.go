package testdb

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/db"
)

// TestCopyIsWhatMigrationsMake compares the tables of a copy with those of a database that was migrated, and has Migrate find
// nothing to do.
func TestCopyIsWhatMigrationsMake(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{MySQL, MariaDB, SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			original := Empty(t, kind)
			if err := Open(t, original, db.Options{}).Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			Source(t, kind) // makes the template; the one below copies it
			written := 0
			copied := Source(t, kind)
			d := Open(t, copied, db.Options{OnStatement: func(q string) {
				if !strings.HasPrefix(q, "SELECT") {
					written++
				}
			}})
			if err := d.Migrate(t.Context()); err != nil || written > 0 {
				t.Errorf("%d statements to migrate the copy: %v", written, err)
			}
			want, got := tables(t, original), tables(t, copied)
			if diff := cmp.Diff(want, got); diff != "" || len(want) < 30 {
				t.Errorf("%d tables (-migrated +copied):\n%s", len(want), diff)
			}
		})
	}
}

// tables returns how every table, index and note of a migration is written.
func tables(t *testing.T, source string) (out []string) {
	t.Helper()
	d := Open(t, source, db.Options{})
	query := "SELECT coalesce(sql, name) FROM sqlite_schema"
	if !strings.HasPrefix(source, "sqlite:") {
		pool, err := plain(source)
		if err != nil {
			t.Fatal(err)
		}
		script, err := dump(t, pool)
		if err != nil || pool.Close() != nil {
			t.Fatal(err)
		}
		script = strings.ReplaceAll(script, " CHARACTER SET utf8mb4", "") // MySQL tells how it was told: in one word more or less
		out = strings.Split(script, ";\n")
		out = out[:len(out)-1] // which has moments in it
		query = "SELECT version FROM holdfast_migrations"
	}
	rows, err := d.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
