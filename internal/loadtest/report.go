package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the table: what a contender did in one workload, over all runs.
type row struct {
	workload workload
	who      string
	samples  []sample
}

// printMachine says what the figures were measured on: durability costs more than anything else.
func printMachine(ctx context.Context, out io.Writer, l *lab) error {
	_, _ = fmt.Fprintf(out, "%d cores, GOMAXPROCS %d, %s; the load, the server and the database share them\n", runtime.NumCPU(), runtime.GOMAXPROCS(0), runtime.Version())
	if l.isSQLite() {
		_, _ = fmt.Fprintf(out, "SQLite, synchronous FULL, WAL, one writer; the files are in %s\n", l.dir)
		return nil
	}
	set, err := namesAndValues(ctx, l.admin, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'version_comment', "+
		"'innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'innodb_doublewrite', 'innodb_buffer_pool_size', 'innodb_redo_log_capacity', 'performance_schema')")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "MySQL %s (%s):", set["version"], set["version_comment"])
	delete(set, "version")
	delete(set, "version_comment")
	for _, name := range slices.Sorted(maps.Keys(set)) {
		_, _ = fmt.Fprintf(out, " %s=%s", name, set[name])
	}
	_, _ = fmt.Fprintln(out)
	return nil
}

// column is a figure of a row.
type column struct {
	name, format string
	of           func(sample) float64 // negative for what cannot be seen
}

// columns are what the table has beside names and rates.
func columns() []column {
	const mib = 1 << 20
	perThousand := func(d time.Duration) float64 { return 1000 * d.Seconds() }
	return []column{
		{"p50 ms", "%.1f", func(s sample) float64 { return millis(s.p50) }},
		{"p99 ms", "%.1f", func(s sample) float64 { return millis(s.p99) }},
		{"SQL each", "%.1f", func(s sample) float64 { return s.statements }},
		{"lock wait ms", "%.1f", func(s sample) float64 { return millis(s.lockWait) }},
		{"CPU s: load", "%.2f", func(s sample) float64 { return perThousand(s.own) }},
		{"server", "%.2f", func(s sample) float64 { return perThousand(s.server) }},
		{"database", "%.2f", func(s sample) float64 { return perThousand(s.database) }},
		{"RSS MiB", "%.0f", func(s sample) float64 { return float64(s.resident) / mib }},
	}
}

// figure is the median of a column, or nothing where there is nothing to see.
func (c column) figure(of []sample) string {
	if n := median(each(of, c.of)); n > 0 {
		return fmt.Sprintf(c.format, n)
	}
	return "-"
}

// printTable prints the medians of the runs, with the slowest and the fastest run's rate beside.
func printTable(out io.Writer, rows []*row) {
	_, _ = fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprint(w, "workload\tclients\twho\tdone/s\tmin-max\t")
	for _, c := range columns() {
		_, _ = fmt.Fprint(w, c.name, "\t")
	}
	_, _ = fmt.Fprintln(w, "Holdfast is\terrors, refusals")
	for _, r := range rows {
		rates := each(r.samples, func(s sample) float64 { return s.rate })
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\t%.0f\t%.0f-%.0f\t", r.workload.name, r.workload.clients, r.who, median(rates), slices.Min(rates), slices.Max(rates))
		for _, c := range columns() {
			_, _ = fmt.Fprint(w, c.figure(r.samples), "\t")
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\n", comparison(rows, r), codes(r.samples))
	}
	_ = w.Flush()
	_, _ = fmt.Fprintln(out, "Done are checkouts (flash: then refusals), pages in browse, all of them in mixed. SQL, lock waits and CPU are for each, or 1,000, that\n"+
		"were done; SQL, lock waits and the database's CPU are of all of MySQL: exact when nothing else uses it.")
	printActions(out, rows)
}

// printActions prints apart what clients did that did more than one thing.
func printActions(out io.Writer, rows []*row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if r.workload.name != mixed {
			continue
		}
		_, _ = fmt.Fprintf(w, "\n%s\tdone/s\tp50 ms\tp99 ms\n", mixed)
		for a := range actions {
			part := func(value func(speed) float64) float64 {
				return median(each(r.samples, func(s sample) float64 { return value(s.each[a]) }))
			}
			if rate := part(func(s speed) float64 { return s.rate }); rate > 0 {
				_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.1f\n", a, rate,
					part(func(s speed) float64 { return millis(s.p50) }), part(func(s speed) float64 { return millis(s.p99) }))
			}
		}
	}
	_ = w.Flush()
}

// comparison is Holdfast's rate over this row's, in the same workload.
func comparison(rows []*row, r *row) string {
	rate := func(r *row) float64 { return median(each(r.samples, func(s sample) float64 { return s.rate })) }
	for _, h := range rows {
		if (h.who == holdfast || h.who == soldOut && r.who == nothing) && h != r && h.workload == r.workload && rate(r) > 0 {
			return fmt.Sprintf("%.2f x", rate(h)/rate(r))
		}
	}
	return ""
}

func codes(samples []sample) string {
	sum := make(map[string]int)
	for _, s := range samples {
		for code, n := range s.codes {
			sum[code] += n
		}
	}
	if len(sum) == 0 {
		return "none"
	}
	var out []string
	for _, code := range slices.Sorted(maps.Keys(sum)) {
		out = append(out, fmt.Sprintf("%d x %s", sum[code], code))
	}
	return strings.Join(out, ", ")
}

func each[T any](of []T, value func(T) float64) []float64 {
	out := make([]float64, len(of))
	for i, v := range of {
		out[i] = value(v)
	}
	return out
}

// median is the middle value, or the mean of the two in the middle; of at least one.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
