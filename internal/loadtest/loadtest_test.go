package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"holdfast/internal/testdb"
)

// The floor is only worth comparing with while its rows are those of a real order, and the proof only while it can fail.
func TestFloorWritesWhatIsProved(t *testing.T) {
	l, err := newLab(t.Context(), testdb.Empty(t, testdb.MySQL))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	}()
	f, err := newFloor(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	defer f.pool.Close()
	told := &tally{}
	for _, when := range []lockOrder{lockFirst, lockLast} {
		w := workload{name: "spread", clients: 4, variants: spreadOver, duration: 200 * time.Millisecond}
		s, err := measureOne(t.Context(), l, contender{"SQL", f.clients(when), told}, w)
		if err != nil || len(s.codes) > 0 || s.rate == 0 {
			t.Fatalf("lock first %t: %.0f orders a second, %v, %v", when, s.rate, s.codes, err)
		}
	}
	p := proof{f.database, "SQL", told}
	if err := p.prove(t.Context(), l, io.Discard); err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct{ name, harm, wants string }{
		{"held is lost", "UPDATE stocks SET held = held - 1 WHERE held > 0 LIMIT 1", "held = sum of open holds"},
		{"a split is short", "UPDATE payment_splits SET amount = amount - 1 LIMIT 1", "each order's splits add up"},
		{"a movement is gone", "DELETE FROM stock_movements WHERE kind = 'HELD' LIMIT 1", "sums of the movements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := f.pool.ExecContext(t.Context(), tt.harm); err != nil {
				t.Fatal(err)
			}
			if err := p.prove(t.Context(), l, io.Discard); err == nil || !strings.Contains(err.Error(), tt.wants) {
				t.Errorf("got %v, want %q", err, tt.wants)
			}
		})
	}
	told.placed++
	if err := p.prove(t.Context(), l, io.Discard); err == nil || !strings.Contains(err.Error(), "clients were told of") {
		t.Errorf("an order that clients were told of is gone: %v", err)
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, tt := range []struct {
		of   []time.Duration
		p    int
		want time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{7}, 99, 7},
		{hundred, 50, 50},
		{hundred, 99, 99},
	} {
		if got := percentile(tt.of, tt.p); got != tt.want {
			t.Errorf("percentile %d of %d values: %d, want %d", tt.p, len(tt.of), got, tt.want)
		}
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median: %g", got)
	}
}
