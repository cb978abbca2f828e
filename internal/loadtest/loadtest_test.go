package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/testdb"
)

// labs runs fn on a lab of each kind.
func labs(t *testing.T, fn func(t *testing.T, l *lab)) {
	t.Helper()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			where := onSQLite
			if kind == testdb.MySQL {
				where = testdb.Empty(t, kind)
			}
			l, err := newLab(t.Context(), where)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := l.close(); err != nil {
					t.Error(err)
				}
			}()
			fn(t, l)
		})
	}
}

// wants wants an error that says this.
func wants(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %q", err, text)
	}
}

// The floor is only worth comparing with while its rows are those of a real order, and the proof only while it can fail.
func TestFloorWritesWhatIsProved(t *testing.T) {
	t.Parallel()
	labs(t, func(t *testing.T, l *lab) {
		f, err := newFloor(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		defer f.pool.Close()
		told := &tally{}
		for _, name := range []string{spread, basket} {
			for _, when := range []lockOrder{lockFirst, lockLast} {
				w := workload{name: name, clients: 4, duration: 200 * time.Millisecond}
				s, err := measureOne(t.Context(), l, contender{name: "SQL", clients: f.clients(when), tally: told}, w)
				if err != nil || s.rate == 0 || name == spread && len(s.codes) > 0 {
					t.Fatalf("%s, lock first %t: %.0f orders a second, %v, %v", name, when, s.rate, s.codes, err)
				}
				if s.own <= 0 || !l.isSQLite() && (s.database <= 0 || s.statements < 9) {
					t.Errorf("%s: costs %+v", name, s)
				}
			}
		}
		told.faults = nil // a deadlock of carts that lock last
		p := proof{f.database, "SQL", told}
		if err := p.prove(t.Context(), l, io.Discard); err != nil {
			t.Fatal(err)
		}
		one := func(table, where string) string {
			key := map[string]string{"stocks": "variant_id"}[table]
			if key == "" {
				key = "id"
			}
			return " WHERE " + key + " = (SELECT * FROM (SELECT " + key + " FROM " + table + " WHERE " + where + " LIMIT 1) one)"
		}
		for _, tt := range []struct{ name, harm, wants string }{
			{"held is lost", "UPDATE stocks SET held = held - 1" + one("stocks", "held > 0"), "held = sum of open holds"},
			{"a split is short", "UPDATE payment_splits SET amount = amount - 1" + one("payment_splits", "amount > 0"), "each order's splits add up"},
			{"a movement is gone", "DELETE FROM stock_movements" + one("stock_movements", "kind = 'HELD'"), "sums of the movements"},
			{"what nobody paid is paid", "UPDATE checkouts SET status = 'PAID'" + one("checkouts", "status = 'OPEN'"), "1 rows in checkouts WHERE status = 'PAID'"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				if _, err := f.pool.ExecContext(t.Context(), tt.harm); err != nil {
					t.Fatal(err)
				}
				wants(t, p.prove(t.Context(), l, io.Discard), tt.wants)
			})
		}
		told.done[ordering]++
		told.lines++
		err = p.prove(t.Context(), l, io.Discard)
		wants(t, err, "rows in orders, but clients were told of")
		wants(t, err, "lines, but clients were told of")
	})
}

// A sale that sells one too many, or loses one, is no sale.
func TestFlashIsProved(t *testing.T) {
	t.Parallel()
	labs(t, func(t *testing.T, l *lab) {
		f, err := newFloor(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		defer f.pool.Close()
		const onHand = 7
		goods, err := f.receive(t.Context(), 1, onHand)
		if err != nil {
			t.Fatal(err)
		}
		told := &tally{}
		f.hot = goods
		clients, end, err := f.clients(lockFirst)(t.Context(), workload{name: hot, clients: 4})
		if err != nil {
			t.Fatal(err)
		}
		s, err := sellOut(t.Context(), l.meter(0), clients, told)
		if err != nil || s.rate <= 0 || told.done[ordering] != onHand || len(s.codes) > 0 {
			t.Fatalf("%+v, %v, %v", s, told.done, err)
		}
		for i := range clients {
			clients[i] = turnsAway(clients[i])
		}
		s, err = drive(t.Context(), l.meter(0), clients, workload{duration: 50 * time.Millisecond}, told)
		if err != nil || s.each[turningAway].rate != s.rate || s.rate <= 0 {
			t.Fatalf("%+v, %v", s, err)
		}
		end() // which gives the connections back
		prove := func() error { return proveFlash(t.Context(), l, f.database, goods[0], onHand, told) }
		if err := prove(); err != nil {
			t.Fatal(err)
		}
		told.done[ordering]++
		wants(t, prove(), "8 buyers of 7 were told")
		told.done[ordering] -= 2
		wants(t, prove(), "6 buyers of 7 were told")
		told.done[ordering]++
		if _, err := f.pool.ExecContext(t.Context(), "UPDATE stocks SET on_hand = on_hand + 1 WHERE variant_id = ?", goods[0]); err != nil {
			t.Fatal(err)
		}
		wants(t, prove(), "8 are on hand")
	})
}

func TestChart(t *testing.T) {
	t.Parallel()
	var rows []*row
	for i, w := range sweeps(options{}) {
		for _, who := range []string{holdfast, "SQL, stock <locked> first"} {
			s := speed{float64(100 * (i + 1)), time.Duration(i+1) * time.Millisecond, time.Duration(i+1) * 3 * time.Millisecond}
			rows = append(rows, &row{w, who, []sample{{speed: s}}})
		}
	}
	file := filepath.Join(t.TempDir(), "chart.svg")
	if err := drawChart(file, rows); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tags := make(map[string]int)
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if tag, ok := token.(xml.StartElement); ok {
			tags[tag.Name.Local]++
			for _, a := range tag.Attr {
				if n, err := strconv.ParseFloat(a.Value, 64); (a.Name.Local == "cx" || a.Name.Local == "cy") && (err != nil || n < 0 || n > 2*panelWidth) {
					t.Errorf("a point at %s", a.Value)
				}
			}
		}
	}
	// Two workloads of two contenders: a line of rates, of p50 and of p99, and a point for each of 1, 2, 4, … 256.
	if tags["polyline"] != 2*2*3 || tags["circle"] != 2*2*3*9 {
		t.Errorf("drawn: %v", tags)
	}
	if err := drawChart(file, nil); err == nil {
		t.Error("a chart of nothing")
	}
}

func TestParse(t *testing.T) {
	t.Setenv("HOLDFAST_TEST_MYSQL", "")
	for _, tt := range []struct {
		args  string
		names string // and how many
		wants string
	}{
		{"", "hot 128, spread 64, alone 1, cart 64, browse 16, mixed 64; flash 128; on SQLite hot 64, spread 64, alone 1", ""},
		{"-database sqlite", "hot 128, spread 64, alone 1, cart 64, browse 16, mixed 64; flash 128", ""},
		{"-buyers 8 -workloads hot,flash,alone", "hot 8, alone 1; flash 8", ""},
		{"-workloads sweep", "hot 1, hot 2, hot 4, hot 8, hot 16, hot 32, hot 64, hot 128, hot 256, spread 1, spread 2, spread 4, spread 8, " +
			"spread 16, spread 32, spread 64, spread 128, spread 256; flash 0", ""},
		{"-database mysql://root@127.0.0.1/ -workloads sqlite", "; flash 0; on SQLite hot 64, spread 64, alone 1", ""},
		{"-workloads what", "", "none of hot,"},
		{"-database sqlite -workloads past", "", "past is measured on MySQL"},
		{"-runs 0", "", "must be 1 or more"},
	} {
		o, err := parse(strings.Fields(tt.args))
		if tt.wants != "" {
			wants(t, err, tt.wants)
			continue
		}
		list := func(all []workload) string {
			var names []string
			for _, w := range all {
				names = append(names, fmt.Sprint(w.name, " ", w.clients))
			}
			return strings.Join(names, ", ")
		}
		got := fmt.Sprintf("%s; flash %d", list(o.workloads), o.flash)
		if o.onSQLite {
			got += "; on SQLite " + list(o.sqlite().workloads)
		}
		if err != nil || got != tt.names {
			t.Errorf("%s: %s, %v; want %s", tt.args, got, err, tt.names)
		}
	}
	if o, err := parse([]string{"-workloads", growth}); err != nil || !o.growth || !o.needsDatabase() || o.database != onOwnMySQL {
		t.Errorf("growth needs a MySQL of its own: %+v, %v", o, err)
	}
	if o, err := parse([]string{"-workloads", watch}); err != nil || o.needsDatabase() {
		t.Errorf("sockets need no database: %v", err)
	}
	if o, err := parse([]string{"-workloads", "alone", "-chart", "x.svg"}); err != nil || len(o.workloads) != 1+2*9 {
		t.Errorf("a chart brings its sweep: %v, %v", o.workloads, err)
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
