package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"holdfast/internal/typeid"
)

// growth is the workload that asks how cost grows with one thing at a time.
const growth = "growth"

// grown is one case of it.
type grown struct {
	of                            string
	lines, skus, buyers, watchers int
	samples                       []sample
}

// growths vary lines, SKUs, buyers and sockets beside; the rest is as usual.
func growths() (out []grown) {
	for _, n := range []int{1, 5, 20} {
		out = append(out, grown{"lines", n, cartSKUs, 64, 0, nil})
	}
	for _, n := range []int{1, 10, 100, spreadOver} {
		out = append(out, grown{"SKUs", 1, n, 64, 0, nil})
	}
	for _, n := range []int{1, 16, 64, topOfSweep} {
		out = append(out, grown{"buyers", 1, spreadOver, n, 0, nil})
	}
	for _, n := range []int{0, 500, 2000} {
		out = append(out, grown{"sockets", 1, spreadOver, 64, n, nil})
	}
	return out
}

// goods are what buyers of g choose from.
func (m *market) goods(g grown) []string {
	if g.of == "lines" {
		return m.cart
	}
	return m.spread[:g.skus]
}

// runGrowth prints what orders cost as lines, SKUs, buyers and sockets grow, then proves that nothing was oversold or lost.
func runGrowth(ctx context.Context, o options, cases []grown, out io.Writer) (err error) {
	l, err := newLab(ctx, o.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := printMachine(ctx, out, l); err != nil {
		return err
	}
	most := 0
	for _, g := range cases {
		most = max(most, g.buyers)
	}
	m, err := openMarket(ctx, l, most, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.server.stop(err != nil)) }()
	placed := &tally{}
	for range o.runs { // in turn: the tables grow, and machines slow down
		for i, g := range cases {
			s, err := m.grow(ctx, l, g, o, placed)
			if err != nil {
				return fmt.Errorf("%s: %w", g.of, err)
			}
			cases[i].samples = append(g.samples, s)
		}
	}
	printGrowth(out, cases)
	return prove(ctx, l, []proof{{m.database, holdfast, placed}}, out)
}

// grow measures one case, beside sockets that watch what nobody buys.
func (m *market) grow(ctx context.Context, l *lab, g grown, o options, placed *tally) (s sample, err error) {
	if g.watchers > 0 {
		quiet, ok := typeid.Parse[typeid.Variant](m.other[0])
		if !ok {
			return s, errors.New("a variant without an id")
		}
		c, err := openCrowd(ctx, m.server.addr, []typeid.Variant{quiet}, g.watchers)
		defer c.close()
		if err != nil {
			return s, err
		}
	}
	clients := make([]place, g.buyers)
	for i := range clients {
		clients[i] = m.buyers[i].buys(m.goods(g), g.lines)
	}
	return drive(ctx, l.meter(m.server.cmd.Process.Pid), clients, workload{name: growth, warmup: o.warmup, duration: o.duration}, placed)
}

// printGrowth prints the medians of the runs.
func printGrowth(out io.Writer, cases []grown) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprint(w, "\ngrowing\tlines\tSKUs\tbuyers\tsockets\torders/s\t")
	for _, c := range columns() {
		_, _ = fmt.Fprint(w, c.name, "\t")
	}
	_, _ = fmt.Fprintln(w, "errors, refusals")
	for _, g := range cases {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.0f\t", g.of, g.lines, g.skus, g.buyers, g.watchers,
			median(each(g.samples, func(s sample) float64 { return s.rate })))
		for _, c := range columns() {
			_, _ = fmt.Fprint(w, c.figure(g.samples), "\t")
		}
		_, _ = fmt.Fprintln(w, codes(g.samples))
	}
	_ = w.Flush()
}
