package check_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/check"
	"holdfast/internal/check/checktest"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// plant breaks something. It should be found by these invariants and no others, and each should name this.
type plant struct {
	name   string
	broken string
	spoil  func(t *testing.T, h *history, v *vandal) (names fmt.Stringer)
}

// set is a plant that changes one row.
func set(broken, table, change string, row func(h *history) (typeid.UUID, fmt.Stringer)) plant {
	return plant{table + ": " + change, broken, func(t *testing.T, h *history, v *vandal) fmt.Stringer {
		t.Helper()
		id, names := row(h)
		v.set(t, table, id, change)
		return names
	}}
}

// drop is a plant that deletes one row.
func drop(broken, table string, row func(h *history) (typeid.UUID, fmt.Stringer)) plant {
	return plant{table + ": deleted", broken, func(t *testing.T, h *history, v *vandal) fmt.Stringer {
		t.Helper()
		id, names := row(h)
		v.drop(t, table, id)
		return names
	}}
}

// of picks a row, which is what is named.
func of[T interface {
	fmt.Stringer
	Bytes() typeid.UUID
}](pick func(h *history) T) func(h *history) (typeid.UUID, fmt.Stringer) {
	return func(h *history) (typeid.UUID, fmt.Stringer) { id := pick(h); return id.Bytes(), id }
}

// names is a row of which another is named.
func names[T interface{ Bytes() typeid.UUID }, N fmt.Stringer](pick func(h *history) (T, N)) func(h *history) (typeid.UUID, fmt.Stringer) {
	return func(h *history) (typeid.UUID, fmt.Stringer) { id, other := pick(h); return id.Bytes(), other }
}

// TestEveryInvariant holds on a small history, and finds each way in which it can be broken, and nothing else.
func TestEveryInvariant(t *testing.T) {
	t.Parallel()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			source := testdb.Source(t, kind)
			h := newHistory(t, testdb.Open(t, source, db.Options{}))
			checktest.Must(t, h.db)
			v := newVandal(t, kind, source)
			found := make(map[string]bool)
			for _, p := range slices.Concat(stockPlants(), checkoutPlants(), moneyPlants(), goodsPlants(), rowPlants(), ledgerPlants()) {
				t.Run(p.name, func(t *testing.T) {
					named := p.spoil(t, h, v)
					defer v.repair(t)
					report := brokenOf(run(t, h.db))
					if diff := cmp.Diff(p.broken, numbers(report)); diff != "" {
						t.Errorf("broken invariants (-want +got):\n%s\n%s", diff, text(t, report))
					}
					if !strings.Contains(text(t, report), named.String()) {
						t.Errorf("%s is not named in\n%s", named, text(t, report))
					}
				})
				for number := range strings.FieldsSeq(p.broken) {
					found[number] = true
				}
			}
			report := run(t, h.db)
			if broken := brokenOf(report); broken.Broken() > 0 {
				t.Fatalf("repaired, and still broken:\n%s", text(t, broken))
			}
			for _, r := range report.Results {
				if r.Looked == 0 {
					t.Errorf("%s looked at nothing", r.Number)
				}
			}
			if diff := cmp.Diff(numbers(report), strings.Join(slices.Sorted(maps.Keys(found)), " ")); diff != "" {
				t.Errorf("invariants that were found broken (-all +found):\n%s", diff)
			}
		})
	}
}

func run(t *testing.T, d *db.DB) check.Report {
	t.Helper()
	report, err := check.Run(t.Context(), d)
	must(t, err)
	return report
}

// brokenOf is what of a report is broken.
func brokenOf(r check.Report) (out check.Report) {
	for _, res := range r.Results {
		if res.Broken > 0 {
			out.Results = append(out.Results, res)
		}
	}
	return out
}

func numbers(r check.Report) string {
	var out []string
	for _, res := range r.Results {
		out = append(out, res.Number)
	}
	return strings.Join(out, " ")
}

func text(t *testing.T, r check.Report) string {
	t.Helper()
	var out bytes.Buffer
	must(t, r.WriteText(&out, time.Second))
	return out.String()
}
