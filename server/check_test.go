package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/testdb"
)

// TestCheckCommand proves a demo, then finds the row of it that was spoiled by hand.
func TestCheckCommand(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		env, dir := []string{"HOLDFAST_DATABASE=" + source}, t.TempDir()
		d := testdb.Open(t, source, db.Options{})
		if _, err := demo.Fill(t.Context(), d, time.Now()); err != nil {
			t.Fatal(err)
		}
		clean := run(t, dir, "", env, "check")
		if out := clean.out.String(); clean.code != 0 || clean.err.String() != "" || !strings.Contains(out, "\n1b  ok") || strings.Contains(out, "BROKEN") {
			t.Errorf("on a fresh demo: ended with %d:\n%s%s", clean.code, out, clean.err.String())
		}

		spoiled := d.Stock.Query().FirstX(t.Context())
		spoiled.Update().AddOnHand(1000).ExecX(t.Context())
		want := spoiled.ID.String() + ", on_hand "
		p := run(t, dir, "", env, "check")
		if out := p.out.String(); p.code != 1 || strings.Count(out, "BROKEN") != 2 || !strings.Contains(out, "\n1c  BROKEN") || !strings.Contains(out, "\n      "+want) {
			t.Errorf("spoiled: ended with %d, want 1 and %q below 1c:\n%s", p.code, want, out)
		}
		if last := lastLine(p.err.String()); !strings.HasPrefix(last, "server: 1 of ") {
			t.Errorf("spoiled: the last line is %q", last)
		}

		p = run(t, dir, "", env, "check", "--format", "json")
		var report struct {
			OK         bool
			Invariants []struct {
				Number string
				OK     bool
				Rows   []map[string]any
			}
		}
		if err := json.Unmarshal([]byte(p.out.String()), &report); err != nil || p.code != 1 || report.OK {
			t.Fatalf("as JSON: ended with %d, %v:\n%s", p.code, err, p.out.String())
		}
		for _, inv := range report.Invariants {
			if inv.OK == (inv.Number == "1c") || !inv.OK && inv.Rows[0]["variant_id"] != spoiled.ID.String() {
				t.Errorf("as JSON: %+v", inv)
			}
		}
	})
}

// TestCheckLeavesDatabasesAlone refuses what it does not know instead of changing it.
func TestCheckLeavesDatabasesAlone(t *testing.T) {
	t.Parallel()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			source := testdb.Empty(t, kind)
			p := run(t, t.TempDir(), "", []string{"HOLDFAST_DATABASE=" + source}, "check")
			if p.code != 1 || !strings.Contains(lastLine(p.err.String()), "server migrate") || p.out.String() != "" {
				t.Errorf("an empty database: ended with %d:\n%s%s", p.code, p.out.String(), p.err.String())
			}
			if err := testdb.Open(t, source, db.Options{}).Current(t.Context()); err == nil {
				t.Error("the database was migrated")
			}
		})
	}
}
