package main

import (
	"bytes"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"holdfast/internal/testdb"
)

// A past is only worth asking while it is one that could have happened, and everything that is asked for is found in it.
func TestPastCouldHaveHappened(t *testing.T) {
	t.Parallel()
	l, err := newLab(t.Context(), testdb.Empty(t, testdb.MySQL))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	}()
	names := []string{dialect.MySQL, dialect.SQLite}
	if raced {
		names = names[:1]
	}
	for _, name := range names {
		var out bytes.Buffer
		if err := pastOn(t.Context(), l, name, history{few: fewOrders, many: fewOrders + 100, calls: 1, check: true}, &out); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"small shop's orders: a week", "checkout and payment", "10100 orders: server check looks at"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is not in\n%s", name, want, out.String())
			}
		}
	}
}
