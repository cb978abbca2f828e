package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
)

// watchFigure is one line of the table of sockets.
type watchFigure struct {
	crowd, what, format string
	of                  func(watchSample) float64
}

func watchFigures(o options) []watchFigure {
	const kib = 1 << 10
	idle := fmt.Sprintf("%d idle sockets", o.watch.idle)
	slow := fmt.Sprintf("%d sockets, %d changes/s", o.watch.busy, calm)
	fast := fmt.Sprintf("%d sockets, %d changes/s", o.watch.busy, flood)
	return []watchFigure{
		{idle, "goroutines a socket", "%.2f", func(s watchSample) float64 { return s.goroutines }},
		{idle, "RSS, KiB a socket", "%.1f", func(s watchSample) float64 { return s.resident / kib }},
		{idle, "RSS once collected, KiB a socket", "%.1f", func(s watchSample) float64 { return s.collected / kib }},
		{idle, "heap and stacks once collected, KiB a socket", "%.1f", func(s watchSample) float64 { return s.heap / kib }},
		{slow, "messages/s", "%.0f", func(s watchSample) float64 { return s.calm.rate }},
		{slow, "of all states, a socket is told", "%.3f", func(s watchSample) float64 { return s.calm.share }},
		{slow, "server's CPU ms for 1,000 messages", "%.1f", func(s watchSample) float64 { return millis(s.calm.cpu) }},
		{slow, "clients' CPU ms for 1,000 messages", "%.1f", func(s watchSample) float64 { return millis(s.calm.own) }},
		{slow, "commit to client, p50 ms", "%.1f", func(s watchSample) float64 { return millis(s.calm.p50) }},
		{slow, "commit to client, p99 ms", "%.1f", func(s watchSample) float64 { return millis(s.calm.p99) }},
		{fast, "messages/s", "%.0f", func(s watchSample) float64 { return s.flood.rate }},
		{fast, "of all states, a socket is told", "%.3f", func(s watchSample) float64 { return s.flood.share }},
		{fast, "server's CPU ms for 1,000 messages", "%.1f", func(s watchSample) float64 { return millis(s.flood.cpu) }},
		{fast, "clients' CPU ms for 1,000 messages", "%.1f", func(s watchSample) float64 { return millis(s.flood.own) }},
		{"", "bytes a message", "%.1f", func(s watchSample) float64 { return s.size }},
	}
}

// printWatch prints the medians of the runs, with the least and the most beside, and Holdfast's over stock gqlgen's.
func printWatch(out io.Writer, o options, ours, theirs []watchSample) {
	_, _ = fmt.Fprintf(out, "\n%d cores, GOMAXPROCS %d, %s; the sockets' clients share them\n", runtime.NumCPU(), runtime.GOMAXPROCS(0), runtime.Version())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s\t\t%s\tmin-max\t%s\tmin-max\tratio\n", watch, holdfast, stockGqlgen)
	for _, f := range watchFigures(o) {
		a, b := each(ours, f.of), each(theirs, f.of)
		show := func(values []float64) string {
			return fmt.Sprintf(f.format+"\t"+f.format+"-"+f.format, median(values), slices.Min(values), slices.Max(values))
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.2f\n", f.crowd, f.what, show(a), show(b), median(a)/median(b))
	}
	_ = w.Flush()
	_, _ = fmt.Fprintln(out, "Only what reached a socket counts as a message; a slow socket skips to the newest state. Every socket ended with the\n"+
		"newest, and saw versions rise. While nobody times them (200 changes/s), clients read each 50 ms what has come, to leave the machine\n"+
		"to the server. Each socket's operation has a UUID, as of graphql-ws's own client. The ratio is Holdfast over stock gqlgen, which sends no pings here.")
}
