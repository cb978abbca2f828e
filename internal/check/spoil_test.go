package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/db"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// vandal changes rows by hand, past all constraints, and puts them back.
type vandal struct {
	db   *db.DB // one connection
	undo []func(t *testing.T)
}

// newVandal takes from the database whatever would refuse a broken row.
func newVandal(t *testing.T, kind testdb.Kind, source string) *vandal {
	t.Helper()
	v := &vandal{db: testdb.Open(t, source, db.Options{MaxConns: 1})}
	switch kind {
	case testdb.SQLite:
		v.do(t, "PRAGMA foreign_keys = off")
		v.do(t, "PRAGMA ignore_check_constraints = on")
		v.do(t, "DROP INDEX checkout_buyer_id_idempotency_key")
		v.do(t, "DROP INDEX payments_checkout_id_key")
		v.do(t, "DROP INDEX staffrequest_staff_id_operation_idempotency_key")
		return v
	case testdb.MariaDB:
		v.do(t, "SET SESSION check_constraint_checks = 0")
	case testdb.MySQL:
		for _, c := range v.read(t, `SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS
			WHERE CONSTRAINT_SCHEMA = DATABASE() AND CONSTRAINT_TYPE = 'CHECK'`).rows {
			v.do(t, fmt.Sprintf("ALTER TABLE %s DROP CHECK %s", c[0], c[1]))
		}
	}
	v.do(t, "SET SESSION foreign_key_checks = 0")
	v.do(t, "ALTER TABLE checkouts DROP INDEX checkout_buyer_id_idempotency_key")
	v.do(t, "ALTER TABLE payments DROP INDEX checkout_id, ADD INDEX plain (checkout_id)")
	v.do(t, "ALTER TABLE staff_requests DROP INDEX staffrequest_staff_id_operation_idempotency_key")
	return v
}

func (v *vandal) do(t *testing.T, stmt string, args ...any) {
	t.Helper()
	if _, err := v.db.ExecContext(t.Context(), stmt, args...); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// table is rows as the driver gives them.
type table struct {
	columns []string
	rows    [][]any
}

func (v *vandal) read(t *testing.T, query string, args ...any) (out table) {
	t.Helper()
	rows, err := v.db.QueryContext(t.Context(), query, args...)
	must(t, err)
	defer rows.Close()
	out.columns, err = rows.Columns()
	must(t, err)
	for rows.Next() {
		row, into := make([]any, len(out.columns)), make([]any, len(out.columns))
		for i := range row {
			into[i] = &row[i]
		}
		must(t, rows.Scan(into...))
		for i := range row {
			if raw, ok := row[i].([]byte); ok && len(raw) != 16 && len(raw) != 32 {
				row[i] = string(raw) // SQLite would store a blob where there was text
			}
		}
		out.rows = append(out.rows, row)
	}
	must(t, rows.Err())
	return out
}

func (v *vandal) insert(t *testing.T, name string, of table) {
	t.Helper()
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(of.columns)), ", ")
	for _, row := range of.rows {
		v.do(t, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", name, strings.Join(of.columns, ", "), marks), row...)
	}
}

// key is the primary key of a table.
func key(name string) string {
	if name == "stocks" {
		return "variant_id"
	}
	return "id"
}

// keep remembers the row, to put it back with repair.
func (v *vandal) keep(t *testing.T, name string, id typeid.UUID) table {
	t.Helper()
	was := v.read(t, fmt.Sprintf("SELECT * FROM %s WHERE %s = ?", name, key(name)), id)
	v.undo = append(v.undo, func(t *testing.T) {
		t.Helper()
		v.do(t, fmt.Sprintf("DELETE FROM %s WHERE %s = ?", name, key(name)), id)
		v.insert(t, name, was)
	})
	return was
}

// repair puts everything back.
func (v *vandal) repair(t *testing.T) {
	t.Helper()
	for _, undo := range slices.Backward(v.undo) {
		undo(t)
	}
	v.undo = nil
}

// set changes a row.
func (v *vandal) set(t *testing.T, name string, id typeid.UUID, change string, args ...any) {
	t.Helper()
	if was := v.keep(t, name, id); len(was.rows) != 1 {
		t.Fatalf("%s has %d rows of this id", name, len(was.rows))
	}
	v.do(t, fmt.Sprintf("UPDATE %s SET %s WHERE %s = ?", name, change, key(name)), append(args, id)...)
}

// drop deletes a row.
func (v *vandal) drop(t *testing.T, name string, id typeid.UUID) {
	t.Helper()
	if was := v.keep(t, name, id); len(was.rows) != 1 {
		t.Fatalf("%s has %d rows of this id", name, len(was.rows))
	}
	v.do(t, fmt.Sprintf("DELETE FROM %s WHERE %s = ?", name, key(name)), id)
}

// copied inserts a row again under another id, with other values of some columns.
func (v *vandal) copied(t *testing.T, name string, id, as typeid.UUID, other map[string]any) {
	t.Helper()
	v.keep(t, name, as)
	was := v.read(t, fmt.Sprintf("SELECT * FROM %s WHERE %s = ?", name, key(name)), id)
	if len(was.rows) != 1 {
		t.Fatalf("%s has %d rows of this id", name, len(was.rows))
	}
	for i, c := range was.columns {
		if c == key(name) {
			was.rows[0][i] = as
		} else if value, ok := other[c]; ok {
			was.rows[0][i] = value
		}
	}
	v.insert(t, name, was)
}
