package checkout_test

import (
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect/sql"

	"holdfast/internal/db"
	"holdfast/internal/identity"
	"holdfast/internal/testdb"
)

// life places, pays, cancels and lets go, and looks at all of it.
func (w *world) life(t *testing.T, who identity.Principal, of ...any) {
	t.Helper()
	paid, cancelled, overdue := w.place(t, who, w.buy(of...)), w.place(t, who, w.buy(of...)), w.place(t, who, w.buy(of...))
	_, err := w.Checkouts.SandboxConfirm(t.Context(), who, paid.Payment.ID.String())
	must(t, err)
	_, err = w.Checkouts.Cancel(t.Context(), who, cancelled.ID.String())
	must(t, err)
	w.clock.Advance(w.Checkouts.Hold())
	w.sweep(t, 1)
	w.ordersOf(t, overdue.ID)
}

// TestGrowth proves that no statement of a checkout's life reads more rows when there are more orders of others. MySQL and
// MariaDB count the rows they read; SQLite tells its plans.
func TestGrowth(t *testing.T) {
	t.Parallel()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			source := testdb.Source(t, kind)
			w := newWorld(t, testdb.Open(t, source, db.Options{MaxConns: 1})) // one connection, so that its counters count all
			of := []any{w.variant(t, 0, 1999, 1000), 1, w.variant(t, 1, 500, 1000), 2}
			cost := func() int {
				before := w.rowsRead(t)
				w.life(t, w.buyer(t), of...)
				return w.rowsRead(t) - before
			}
			fill := func(n int) {
				for _, who := range w.buyers(t, n) {
					w.life(t, who, of...)
				}
				for _, table := range []string{"checkouts", "orders", "order_lines", "holds", "payments", "payment_splits", "stock_movements", "buyers", "carts"} {
					_, err := db.Collect(t.Context(), w.db, sql.Raw("ANALYZE TABLE "+table), func(db.Row) (struct{}, error) { return struct{}{}, nil })
					must(t, err)
				}
			}
			fill(12) // enough that the optimizers prefer indexes to scans
			few := cost()
			fill(36)
			if many := cost(); many > few+few/5 {
				t.Errorf("reads %d rows among 48 buyers' orders, %d among 12 buyers'", many, few)
			}
		})
	}
	on(t, testdb.SQLite, func(t *testing.T, w *world) {
		who, of := w.buyer(t), []any{w.variant(t, 0, 1999, 1000), 1, w.variant(t, 1, 500, 1000), 2}
		statements := w.statements(func() { w.life(t, who, of...) })
		slices.Sort(statements)
		for _, s := range slices.Compact(statements) {
			if strings.HasPrefix(s, "INSERT") {
				continue
			}
			plan, err := db.Collect(t.Context(), w.db, query{"EXPLAIN QUERY PLAN " + s, make([]any, strings.Count(s, "?"))}, func(row db.Row) (string, error) {
				var id, parent, unused int
				var detail string
				err := row.Scan(&id, &parent, &unused, &detail)
				return detail, err
			})
			must(t, err)
			if slices.ContainsFunc(plan, func(p string) bool { return strings.HasPrefix(p, "SCAN") && !strings.Contains(p, "CONSTANT ROW") }) {
				t.Errorf("a scan of a whole table:\n%s\n%s", s, strings.Join(plan, "\n"))
			}
		}
	})
}

// query is a statement with its arguments.
type query struct {
	text string
	args []any
}

// Query implements sql.Querier.
func (q query) Query() (string, []any) { return q.text, q.args }

// rowsRead is how many rows the one connection has read so far.
func (w *world) rowsRead(t *testing.T) int {
	t.Helper()
	counts, err := db.Collect(t.Context(), w.db, sql.Raw("SHOW SESSION STATUS LIKE 'Handler_read%'"), func(row db.Row) (n int, err error) {
		var name string
		return n, row.Scan(&name, &n)
	})
	must(t, err)
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}
