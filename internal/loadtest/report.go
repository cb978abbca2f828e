package main

import (
	"context"
	"database/sql"
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
func printMachine(ctx context.Context, out io.Writer, admin *sql.DB) error {
	set, err := namesAndValues(ctx, admin, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'version_comment', "+
		"'innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'innodb_doublewrite', 'innodb_buffer_pool_size', 'innodb_redo_log_capacity', 'performance_schema')")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%d cores, GOMAXPROCS %d, %s; the load, the server and MySQL share them\nMySQL %s (%s):", runtime.NumCPU(),
		runtime.GOMAXPROCS(0), runtime.Version(), set["version"], set["version_comment"])
	delete(set, "version")
	delete(set, "version_comment")
	for _, name := range slices.Sorted(maps.Keys(set)) {
		_, _ = fmt.Fprintf(out, " %s=%s", name, set[name])
	}
	_, _ = fmt.Fprintln(out)
	return nil
}

// printTable prints the medians of the runs, with the slowest and the fastest run's rate beside.
func printTable(out io.Writer, rows []*row) {
	_, _ = fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "workload\tclients\twho\torders/s\tmin-max\tp50 ms\tp99 ms\tSQL/order\tlock wait ms/order\tHoldfast is\terrors, refusals")
	for _, r := range rows {
		rates := each(r.samples, func(s sample) float64 { return s.rate })
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\t%.0f\t%.0f-%.0f\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%s\n",
			r.workload.name, r.workload.clients, r.who, median(rates), slices.Min(rates), slices.Max(rates),
			median(each(r.samples, func(s sample) float64 { return millis(s.p50) })),
			median(each(r.samples, func(s sample) float64 { return millis(s.p99) })),
			median(each(r.samples, func(s sample) float64 { return s.statements })),
			median(each(r.samples, func(s sample) float64 { return millis(s.lockWait) })),
			comparison(rows, r), codes(r.samples))
	}
	_ = w.Flush()
	_, _ = fmt.Fprintln(out, "SQL/order and lock waits are of the whole MySQL server: exact when nothing else uses it.")
}

// comparison is Holdfast's rate over this row's, in the same workload.
func comparison(rows []*row, r *row) string {
	rate := func(r *row) float64 { return median(each(r.samples, func(s sample) float64 { return s.rate })) }
	for _, h := range rows {
		if h.who == holdfast && h != r && h.workload == r.workload && rate(r) > 0 {
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
