package db_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/go-cmp/cmp"

	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

func TestOpenRefuses(t *testing.T) {
	tests := map[string]string{ // source: what the error says
		"":                                  "want mysql://",
		"postgres://u:s3cret@h/name":        "want mysql://",
		"sqlite:":                           "want sqlite:PATH",
		"mysql://u:s3cret@127.0.0.1:3306":   "want mysql://",
		"mysql://u:s3cret%zz@127.0.0.1/n":   "percent-encoded",
		"mysql://u:s3cret@h/n?charset=utf8": "charset",
		"mysql://u:s3cret@h/n?tls=maybe":    "maybe",
		"mysql://u:s3cret@127.0.0.1:1/n":    "127.0.0.1:1",
	}
	for source, says := range tests {
		t.Run(source, func(t *testing.T) {
			d, err := db.Open(t.Context(), source, db.Options{})
			if err == nil {
				t.Fatal("want an error", d.Close())
			}
			if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("want an error with %q and without the password, got %v", says, err)
			}
		})
	}
}

func TestSupportedVersions(t *testing.T) {
	got := map[string]bool{}
	for _, version := range []string{"8.0.44", "8.4.0", "9.7.4-2", "10.6.22-MariaDB", "10.11.19-MariaDB-0+deb12u1", "11.8.3-MariaDB", "what"} {
		got[version] = db.Supported(version) == nil
	}
	want := map[string]bool{
		"8.0.44": false, "8.4.0": true, "9.7.4-2": true,
		"10.6.22-MariaDB": false, "10.11.19-MariaDB-0+deb12u1": true, "11.8.3-MariaDB": true, "what": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("supported (-want +got):\n%s", diff)
	}
}

func TestOpenSQLiteTakesAnyPath(t *testing.T) {
	for _, name := range []string{"plain.db", "a b.db", "what?mode=memory#x.db", "100%.db", "数据.db", "new/folder/x.db"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			one := testdb.Open(t, "sqlite:"+path, db.Options{})
			mustExec(t, one, "CREATE TABLE a (x int)")
			if files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(files) == 0 || files[0] != path {
				t.Errorf("want %s, got %q", path, files)
			}
			if !hasTable(t, testdb.Open(t, "sqlite:"+path, db.Options{}), "a") {
				t.Error("opening it again opened another file")
			}
		})
	}
}

// Times come back as they went in, and are stored so that their order is the database's order.
func TestTimes(t *testing.T) {
	base := clock.Truncate(time.Date(2026, 3, 1, 1, 30, 0, 999_999_600, time.FixedZone("east", 8*3600)))
	var times []time.Time
	for _, plus := range []time.Duration{0, time.Microsecond, 400 * time.Microsecond, 10 * time.Millisecond, time.Second, 24 * time.Hour} {
		times = append(times, base.Add(plus), base.Truncate(time.Second).Add(plus))
	}
	testdb.EachWithMariaDB(t, func(t *testing.T, d *db.DB) {
		for i, at := range times {
			if err := d.SigningKey.Create().SetID(fmt.Sprint(i)).SetSecret(make([]byte, 32)).SetCreatedAt(at).Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i, at := range times {
			got, err := d.SigningKey.Get(t.Context(), fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(at, got.CreatedAt); diff != "" {
				t.Errorf("time (-want +got):\n%s", diff)
			}
			var sooner int
			for _, other := range times {
				if other.Before(at) {
					sooner++
				}
			}
			query := d.SQL().Select("id").From(d.SQL().Table("signing_keys"))
			query.Where(entsql.LT(query.C("created_at"), at))
			ids, err := db.Collect(t.Context(), d, query, func(r db.Row) (id string, err error) { return id, r.Scan(&id) })
			if err != nil {
				t.Fatal(err)
			}
			if len(ids) != sooner {
				t.Errorf("%d times before %s, got %d", sooner, at, len(ids))
			}
		}
	})
}

// On SQLite a writer does not make readers wait, and readers see what is committed alone.
func TestReadsDoNotWaitForTheWriter(t *testing.T) {
	testdb.Each(t, func(t *testing.T, d *db.DB) {
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			if err := tx.SigningKey.Create().SetID("a").SetSecret(make([]byte, 32)).SetCreatedAt(time.Unix(0, 0).UTC()).Exec(ctx); err != nil {
				return struct{}{}, err
			}
			quick, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if n, err := d.SigningKey.Query().Count(quick); err != nil || n != 0 {
				t.Errorf("outside: want 0 rows, got %d, %v", n, err)
			}
			if n, err := tx.SigningKey.Query().Count(ctx); err != nil || n != 1 {
				t.Errorf("inside: want 1 row, got %d, %v", n, err)
			}
			return struct{}{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestOnStatementSeesEveryStatement(t *testing.T) {
	testdb.EachSource(t, func(t *testing.T, source string) {
		var mu sync.Mutex
		var seen []string
		d := testdb.Open(t, source, db.Options{OnStatement: func(query string) {
			mu.Lock()
			defer mu.Unlock()
			verb, _, _ := strings.Cut(query, " ")
			seen = append(seen, verb)
		}})
		if _, err := d.SigningKey.Query().Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
			rows := [][]any{{"a", make([]byte, 32), time.Unix(0, 0).UTC()}}
			if err := tx.Insert(ctx, "signing_keys", []string{"id", "secret", "created_at"}, rows); err != nil {
				return struct{}{}, err
			}
			if _, err := tx.SigningKey.Query().All(ctx); err != nil {
				return struct{}{}, err
			}
			_, err := tx.Exec(ctx, tx.SQL().Delete("signing_keys"))
			return struct{}{}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"SELECT", "INSERT", "SELECT", "DELETE"}, seen); diff != "" {
			t.Errorf("statements (-want +got):\n%s", diff)
		}
	})
}
