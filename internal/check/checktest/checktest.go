// Package checktest ends tests with a check of all invariants.
package checktest

import (
	"context"
	"strings"
	"testing"

	"holdfast/internal/check"
	"holdfast/internal/db"
)

// Must fails the test, and goes on, when an invariant is broken in the database; it says which, and by which rows. It may
// be called while others write.
func Must(t *testing.T, d *db.DB) {
	t.Helper()
	report, err := check.Run(context.WithoutCancel(t.Context()), d) // in a cleanup the test's context has ended
	if err != nil {
		t.Errorf("check the invariants: %v", err)
		return
	}
	for _, r := range report.Results {
		if r.Broken == 0 {
			continue
		}
		var rows strings.Builder
		for _, row := range r.Rows {
			rows.WriteString("\n\t" + row.String())
		}
		t.Errorf("invariant %s is broken in %d rows: %s%s", r.Number, r.Broken, r.Words, rows.String())
	}
}
