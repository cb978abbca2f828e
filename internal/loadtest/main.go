// Command loadtest measures checkouts per second: real buyers with sessions, over real HTTP, on a real MySQL, beside SQL
// written by hand that does the same on the same server in the same run.
//
//	go run ./internal/loadtest -database mysql://root@127.0.0.1:3306/
//
// It builds the server, makes two databases of its own (one for the server, one for the SQL), and drops them at the end. It
// exits with 1 when anything was oversold, lost or answered with a fault. Figures of two runs are not comparable: the ratio
// within one is.
//
//	go run ./internal/loadtest -workloads beside
//
// measures what one buyer notices of a crowd in another shop.
//
//	go run ./internal/loadtest -workloads watch
//
// measures thousands of sockets that watch stock, beside stock gqlgen. It needs no database.
//
//	go run ./internal/loadtest -workloads past
//
// fills a database of its own, on MySQL and on SQLite, with 10,000 and with 1,000,000 orders of the last year, and asks both
// for the same things.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	database         string
	buyers, accounts int
	duration, warmup time.Duration
	runs             int
	workloads        []workload
	floorsOnly       bool
	watch            *crowds  // nil for none
	past             *history // nil for none
	beside           bool
}

func parse(args []string) (options, error) {
	var (
		o     options
		names string
		h     = history{few: fewOrders}
	)
	f := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	f.StringVar(&o.database, "database", os.Getenv("HOLDFAST_TEST_MYSQL"), "MySQL `server`, mysql://user:password@host:3306/; default: $HOLDFAST_TEST_MYSQL")
	f.IntVar(&o.buyers, "buyers", 64, "how many buy at once, each over one connection")
	f.IntVar(&o.accounts, "accounts", 16, "how many buyers take turns on one connection: nobody has thousands of open checkouts")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "how long one measurement takes")
	f.DurationVar(&o.warmup, "warmup", 2*time.Second, "how long before a measurement the load begins")
	f.IntVar(&o.runs, "runs", 3, "how often everything is measured; the medians are printed")
	f.StringVar(&names, "workloads", "hot,spread,alone", "hot: all buy one SKU; spread: 1,000 SKUs; alone: one buyer; beside: one buyer while many crowd into another shop; watch: sockets, beside stock gqlgen; past: lists among many old orders")
	f.IntVar(&h.many, "past", 1_000_000, "how many old orders there are, beside 10,000")
	f.IntVar(&h.calls, "calls", pastCalls, "how often each is called among old orders; the medians are printed")
	f.BoolVar(&h.check, "check", true, "check the invariants of the old orders, and say how long that takes")
	f.BoolVar(&o.floorsOnly, "floors-only", false, "measure the SQL alone")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for name := range strings.SplitSeq(names, ",") {
		if name == watch {
			o.watch = &crowds{idle: idleSockets, busy: busySockets}
			continue
		}
		if name == past {
			o.past = &h
			continue
		}
		if name == beside {
			o.beside = true
			continue
		}
		i := slices.IndexFunc(workloads(o), func(w workload) bool { return w.name == name })
		if i < 0 {
			return o, fmt.Errorf("-workloads: %q is none of hot, spread, alone, beside, watch, past", name)
		}
		o.workloads = append(o.workloads, workloads(o)[i])
	}
	switch {
	case o.database == "" && (len(o.workloads) > 0 || o.past != nil || o.beside):
		return o, errors.New("-database or HOLDFAST_TEST_MYSQL must name a MySQL server, such as mysql://root@127.0.0.1:3306/")
	case o.buyers < 1 || o.accounts < 1 || o.runs < 1 || h.many < fewOrders || h.calls < 1 || o.duration <= 0 || o.warmup < 0:
		return o, errors.New("-buyers, -accounts, -runs, -calls and -duration must be 1 or more, -warmup 0 or more, -past 10,000 or more")
	}
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	child, err := asWatchChild(ctx)
	if !child {
		err = runAll(ctx, os.Args[1:], os.Stdout)
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "loadtest:", err)
		os.Exit(1)
	}
}

// runAll measures what the command line asks for.
func runAll(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err == nil && len(o.workloads) > 0 {
		err = run(ctx, o, out)
	}
	if err == nil && o.beside {
		err = runBeside(ctx, o, out)
	}
	if err == nil && o.watch != nil {
		err = runWatch(ctx, o, out)
	}
	if err == nil && o.past != nil {
		err = runPast(ctx, o, out)
	}
	return err
}

// contender is one of those that are measured beside each other: Holdfast, or SQL written by hand.
type contender struct {
	name string
	// clients makes n of them, ready to go, and end releases what they need.
	clients func(ctx context.Context, w workload) (places []place, end func(), err error)
	tally   *tally
}

// run measures everything and proves that nothing was lost on the way.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	l, err := newLab(ctx, o.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := printMachine(ctx, out, l.admin); err != nil {
		return err
	}
	byHand, err := newFloor(ctx, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, byHand.pool.Close()) }()
	written := &tally{}
	contenders := []contender{
		{"SQL, stock locked first", byHand.clients(lockFirst), written},
		{"SQL, stock locked last", byHand.clients(lockLast), written},
	}
	proofs := []proof{{byHand.database, "SQL", written}}
	if !o.floorsOnly {
		market, err := openMarket(ctx, l, o)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, market.server.stop(err != nil)) }()
		placed := &tally{}
		contenders = slices.Insert(contenders, 0, contender{holdfast, market.clients, placed})
		proofs = append(proofs, proof{market.database, holdfast, placed})
	}
	rows, err := measure(ctx, o, l, contenders, out)
	if err != nil {
		return err
	}
	printTable(out, rows)
	return prove(ctx, l, proofs, out)
}

// measure has every contender do every workload, runs times over, one after the other. They take turns in being first: the
// tables grow and machines slow down.
func measure(ctx context.Context, o options, l *lab, contenders []contender, out io.Writer) ([]*row, error) {
	var rows []*row
	for _, w := range o.workloads {
		for _, c := range contenders {
			rows = append(rows, &row{workload: w, who: c.name})
		}
	}
	for run := range o.runs {
		for i, w := range o.workloads {
			for j := range contenders {
				n := (run + j) % len(contenders)
				s, err := measureOne(ctx, l, contenders[n], w)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", w.name, contenders[n].name, err)
				}
				_, _ = fmt.Fprintf(out, "run %d of %d  %-7s %-24s %7.0f/s\n", run+1, o.runs, w.name, contenders[n].name, s.rate)
				r := rows[i*len(contenders)+n]
				r.samples = append(r.samples, s)
			}
		}
	}
	return rows, nil
}

func measureOne(ctx context.Context, l *lab, c contender, w workload) (sample, error) {
	clients, end, err := c.clients(ctx, w)
	if err != nil {
		return sample{}, err
	}
	defer end()
	return drive(ctx, l, clients, w, c.tally)
}
