package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// contender is one of those that are measured beside each other: Holdfast, or what does the same and was written by hand.
type contender struct {
	name string
	// does tells whether it takes part in a workload.
	does func(w workload) bool
	// clients makes n of them, ready to go, and end releases what they need.
	clients func(ctx context.Context, w workload) (places []place, end func(), err error)
	tally   *tally
	pid     int // of the server under test; 0 for none
}

// all are everybody who is measured, and what is to be proved of them.
type all struct {
	*lab

	market     *market // nil for the SQL alone
	placed     *tally  // what the market's buyers were told
	contenders []contender
	proofs     []proof
	ends       []func(failed bool) error
}

func (a *all) close(failed bool) error {
	var errs []error
	for _, end := range slices.Backward(a.ends) {
		errs = append(errs, end(failed))
	}
	return errors.Join(errs...)
}

// run measures everything and proves that nothing was lost on the way.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	l, err := newLab(ctx, o.database)
	if err != nil {
		return err
	}
	a := &all{lab: l}
	a.ends = append(a.ends, func(bool) error { return l.close() })
	defer func() { err = errors.Join(err, a.close(err != nil)) }()
	if err := printMachine(ctx, out, l); err != nil {
		return err
	}
	if err := a.open(ctx, o); err != nil {
		return err
	}
	rows, err := measure(ctx, o, a, out)
	if err != nil {
		return err
	}
	if o.flash > 0 && a.market != nil {
		some, err := runFlash(ctx, o, a, out)
		if err != nil {
			return err
		}
		rows = append(rows, some...)
	}
	printTable(out, rows)
	if o.chart != "" {
		if err := drawChart(o.chart, rows); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "The chart is in %s.\n", o.chart)
	}
	return prove(ctx, l, a.proofs, out)
}

// open makes the contenders.
func (a *all) open(ctx context.Context, o options) error {
	most := o.flash
	for _, w := range o.workloads {
		most = max(most, w.clients)
	}
	if err := a.makeRoom(ctx, most); err != nil {
		return err
	}
	if slices.ContainsFunc(o.workloads, sells) {
		if err := a.openFloor(ctx); err != nil {
			return err
		}
	}
	if o.floorsOnly {
		return nil
	}
	return a.openMarket(ctx, most, o)
}

// sells tells whether a workload is orders alone.
func sells(w workload) bool { return w.name != browse && w.name != mixed }

// openFloor adds the SQL.
func (a *all) openFloor(ctx context.Context) error {
	byHand, err := newFloor(ctx, a.lab)
	if err != nil {
		return err
	}
	a.ends = append(a.ends, func(bool) error { return byHand.pool.Close() })
	written := &tally{}
	a.proofs = append(a.proofs, proof{byHand.database, "SQL", written})
	if a.isSQLite() {
		a.contenders = append(a.contenders, contender{"SQL", sells, byHand.clients(lockFirst), written, 0})
		return nil
	}
	a.contenders = append(a.contenders,
		contender{"SQL, stock locked first", sells, byHand.clients(lockFirst), written, 0},
		contender{"SQL, stock locked last", func(w workload) bool { return sells(w) && !w.sweep }, byHand.clients(lockLast), written, 0})
	return nil
}

// openMarket adds Holdfast, and who serves a page beside it.
func (a *all) openMarket(ctx context.Context, buyers int, o options) error {
	m, err := openMarket(ctx, a.lab, buyers, o)
	if err != nil {
		return err
	}
	a.ends = append(a.ends, m.server.stop)
	a.market, a.placed = m, &tally{}
	a.contenders = slices.Insert(a.contenders, 0,
		contender{holdfast, func(workload) bool { return true }, m.clients, a.placed, m.server.cmd.Process.Pid})
	a.proofs = append(a.proofs, proof{m.database, holdfast, a.placed})
	reads := func(w workload) bool { return w.name == browse }
	if !slices.ContainsFunc(o.workloads, reads) {
		return nil
	}
	p, err := startPages(ctx, o, m)
	if err != nil {
		return fmt.Errorf("serve the page by hand: %w", err)
	}
	a.ends = append(a.ends, func(bool) error { return p.stop() })
	a.contenders = append(a.contenders, contender{byHandPage, reads, p.clients, &tally{}, p.cmd.Process.Pid})
	return nil
}

// measure has every contender do every workload, runs times over, one after the other. They take turns in being first: the
// tables grow and machines slow down.
func measure(ctx context.Context, o options, a *all, out io.Writer) ([]*row, error) {
	var rows []*row
	for run := range o.runs {
		for _, w := range o.workloads {
			for i := range a.contenders {
				c := a.contenders[(run+i)%len(a.contenders)]
				if !c.does(w) {
					continue
				}
				s, err := measureOne(ctx, a.lab, c, w)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", w.name, c.name, err)
				}
				told(out, run, o, w, c.name, s)
				rows = note(rows, w, c.name, s)
			}
		}
	}
	sortRows(rows, o.workloads, a.contenders)
	return rows, nil
}

func measureOne(ctx context.Context, l *lab, c contender, w workload) (sample, error) {
	clients, end, err := c.clients(ctx, w)
	if err != nil {
		return sample{}, err
	}
	defer end()
	return drive(ctx, l.meter(c.pid), clients, w, c.tally)
}

// told says that a measurement is over: whoever waits sees that it goes on.
func told(out io.Writer, run int, o options, w workload, who string, s sample) {
	_, _ = fmt.Fprintf(out, "run %d of %d  %-6s %4d  %-24s %7.0f/s\n", run+1, o.runs, w.name, w.clients, who, s.rate)
}

// note adds a sample to its row.
func note(rows []*row, w workload, who string, s sample) []*row {
	i := slices.IndexFunc(rows, func(r *row) bool { return r.workload == w && r.who == who })
	if i < 0 {
		return append(rows, &row{w, who, []sample{s}})
	}
	rows[i].samples = append(rows[i].samples, s)
	return rows
}

// sortRows puts workloads in the order in which they were asked for, and in each of them Holdfast first.
func sortRows(rows []*row, asked []workload, contenders []contender) {
	place := func(r *row) int {
		w := slices.Index(asked, r.workload)
		return w*len(contenders) + slices.IndexFunc(contenders, func(c contender) bool { return c.name == r.who })
	}
	slices.SortFunc(rows, func(a, b *row) int { return place(a) - place(b) })
}
