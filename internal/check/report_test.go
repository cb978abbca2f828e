package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/check"
	"holdfast/internal/db"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// TestManyBrokenRows counts all rows that break an invariant, names the first, and says the same each time.
func TestManyBrokenRows(t *testing.T) {
	t.Parallel()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.MariaDB, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			source := testdb.Source(t, kind)
			d := testdb.Open(t, source, db.Options{})
			v := newVandal(t, kind, source)
			var want []string
			for i := range 25 {
				now := time.Unix(int64(i), 0)
				id := typeid.New[typeid.Variant](now)
				v.do(t, "INSERT INTO stocks VALUES (?, ?, 0, -1, 0, 1, ?)", id, id, now.UTC())
				want = append(want, fmt.Sprintf("%s, on_hand 0, held -1", id))
			}
			first := run(t, d)
			var got []string
			for _, r := range first.Results[0].Rows {
				got = append(got, r.String())
			}
			if diff := cmp.Diff(want[:20], got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if first.Results[0].Broken != 25 || first.Results[0].Looked != 25 || !strings.Contains(text(t, first), "\n      and 5 more\n") {
				t.Errorf("want 25 broken rows of 25:\n%s", text(t, first))
			}
			if diff := cmp.Diff(text(t, first), text(t, run(t, d))); diff != "" {
				t.Errorf("the second time (-first +second):\n%s", diff)
			}
			requests(t, d, 2500) // more than is looked at with one statement
			report := run(t, d)
			lost := slices.IndexFunc(report.Results, func(r check.Result) bool { return r.Number == "5c" })
			if found := report.Results[lost]; found.Broken != 2500 || len(found.Rows) != 20 {
				t.Errorf("got 5c with %d broken and %d rows, want 2500 and 20", found.Broken, len(found.Rows))
			}
		})
	}
}

// requests remembers n requests that made refunds which are not there.
func requests(t *testing.T, d *db.DB, n int) {
	t.Helper()
	var rows [][]any
	for i := range n {
		now := time.Unix(int64(i), 0).UTC()
		rows = append(rows, []any{
			typeid.New[typeid.StaffRequest](now), typeid.Staff{}, "orderRefund", fmt.Sprint(i), make([]byte, 32), now, typeid.New[typeid.Refund](now).String(),
		})
	}
	_, err := db.WithTx(t.Context(), d, func(ctx context.Context, tx *db.Tx) (struct{}, error) {
		return struct{}{}, tx.Insert(ctx, "staff_requests", []string{
			"id", "staff_id", "operation", "idempotency_key", "request_hash", "created_at", "result",
		}, rows)
	})
	must(t, err)
}

func TestReportAsText(t *testing.T) {
	t.Parallel()
	want := `1a  ok             12 rows  0 <= held <= on_hand
4c  BROKEN          3 rows  one transaction pays one payment
      transaction_id t1, payments 2
      pay_x, transaction_id none
      and 1 more
1 of 2 invariants are BROKEN. Looked at 15 rows in 7ms.
`
	var got bytes.Buffer
	must(t, sample().WriteText(&got, 7*time.Millisecond))
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got.Reset()
	must(t, check.Report{Results: sample().Results[:1]}.WriteText(&got, 0))
	if !strings.HasSuffix(got.String(), "All 1 invariants hold. Looked at 12 rows in 0s.\n") {
		t.Errorf("got %s", got.String())
	}
}

func TestReportAsJSON(t *testing.T) {
	t.Parallel()
	want := `{"ok":false,"broken":1,"looked":15,"seconds":0.5,"invariants":[
		{"number":"1a","words":"0 <= held <= on_hand","ok":true,"looked":12,"broken":0,"rows":[]},
		{"number":"4c","words":"one transaction pays one payment","ok":false,"looked":3,"broken":3,"rows":[
			{"transaction_id":"t1","payments":2},{"payment_id":"pay_x","transaction_id":null}]}]}`
	var got, expected bytes.Buffer
	must(t, sample().WriteJSON(&got, 500*time.Millisecond))
	compact := bytes.Buffer{}
	must(t, json.Compact(&compact, got.Bytes()))
	must(t, json.Compact(&expected, []byte(want)))
	if diff := cmp.Diff(expected.String(), compact.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func sample() check.Report {
	return check.Report{Results: []check.Result{
		{Number: "1a", Words: "0 <= held <= on_hand", Looked: 12},
		{Number: "4c", Words: "one transaction pays one payment", Looked: 3, Broken: 3, Rows: []check.Row{
			{{"transaction_id", "t1"}, {"payments", int64(2)}},
			{{"payment_id", "pay_x"}, {"transaction_id", nil}},
		}},
	}}
}
