// Command loadtest measures Holdfast under load: real buyers with sessions, over real HTTP, beside SQL and handlers written by
// hand that do the same, in the same run.
//
//	go run ./internal/loadtest
//
// takes about four minutes. It builds the server, starts a MySQL (the one of the test command, with full durability), makes two
// databases (one for the server, one for the SQL), and leaves nothing of them, also when it is interrupted. It exits with 1 when
// anything was oversold, lost or answered with a fault. Figures of two runs are not comparable: the ratio within one is.
// -database mysql://root@127.0.0.1:3306/ or HOLDFAST_TEST_MYSQL name a MySQL that is there; on -database sqlite everything is measured
// on files. Data are in $TMPDIR, which is to be on a real disk.
//
// The workloads of that run, of which -workloads names some:
//
//   - hot: 128 buyers want one SKU; spread: 64 buyers and 1,000 SKUs; alone: one buyer
//   - cart: 64 buyers, each with 5 lines in any order, of 20 SKUs
//   - flash: 128 buyers go for 2,000 of one SKU until it is sold out, and go on trying, beside {__typename} of the same buyers
//   - browse: 16 anonymous readers of a page of 20 products with variants, prices and live stock, beside net/http and SQL by hand
//   - mixed: 64 buyers, of whose calls 80 % read that page, 15 % check out, 4 % pay and 1 % cancels
//   - sqlite: hot (64 buyers), spread and alone once more on SQLite with synchronous FULL, beside SQL on another file
//
// These have to be asked for:
//
//	go run ./internal/loadtest -workloads sweep -runs 1 -chart sweep.svg
//
// measures hot and spread with 1, 2, 4, … 256 buyers, and draws rate and latency.
//
//	go run ./internal/loadtest -workloads beside
//
// measures what one buyer notices of a crowd in another shop.
//
//	go run ./internal/loadtest -workloads growth
//
// measures how the cost of an order grows with lines, SKUs, buyers, and sockets that watch beside.
//
//	go run ./internal/loadtest -workloads notices
//
// measures 64 buyers who check out, without and with paying at a simulated WeChat, and how soon its notices are acknowledged.
//
//	go run ./internal/loadtest -workloads watch
//
// measures thousands of sockets that watch stock, beside stock gqlgen. It needs no database.
//
//	go run ./internal/loadtest -workloads past
//
// fills a database of its own, on MySQL and on SQLite, with 10,000 and with 1,000,000 orders of the last year, and asks both
// for the same things.
//
// The figures of the README are of
//
//	go run ./internal/loadtest -runs 3 -duration 4s -warmup 1s
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
	flash            int    // how many buyers; 0 for none
	chart            string // a file; empty for none
	onSQLite         bool   // once more
	floorsOnly       bool
	watch            *crowds  // nil for none
	past             *history // nil for none
	beside, growth   bool
	notices          bool
}

// scaling is the workload that the chart is drawn of.
const scaling = "sweep"

const defaultWorkloads = "hot,spread,alone,cart,flash,browse,mixed,sqlite"

func parse(args []string) (options, error) {
	var (
		o     options
		names string
		h     = history{few: fewOrders}
	)
	f := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	f.StringVar(&o.database, "database", os.Getenv("HOLDFAST_TEST_MYSQL"), "MySQL `server`, mysql://user:password@host:3306/, or sqlite; default: $HOLDFAST_TEST_MYSQL, or else one that is started for this")
	f.IntVar(&o.buyers, "buyers", 0, "how many buy at once, each over one connection; default: 128 for hot and flash, 16 for browse, 64 for the others")
	f.IntVar(&o.accounts, "accounts", 16, "how many buyers take turns on one connection: nobody has thousands of open checkouts")
	f.DurationVar(&o.duration, "duration", 2*time.Second, "how long one measurement takes")
	f.DurationVar(&o.warmup, "warmup", time.Second/2, "how long before a measurement the load begins")
	f.IntVar(&o.runs, "runs", 3, "how often everything is measured; the medians are printed")
	f.StringVar(&names, "workloads", defaultWorkloads, "these, and sweep, beside, growth, notices, watch, past: go doc -cmd ./internal/loadtest tells what they are")
	f.StringVar(&o.chart, "chart", "", "sweep, and draw it into this `file`, an SVG")
	f.IntVar(&h.many, "past", 1_000_000, "how many old orders there are, beside 10,000")
	f.IntVar(&h.calls, "calls", pastCalls, "how often each is called among old orders; the medians are printed")
	f.BoolVar(&h.check, "check", true, "check the invariants of the old orders, and say how long that takes")
	f.BoolVar(&o.floorsOnly, "floors-only", false, "measure the SQL alone")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.database == "" {
		o.database = onOwnMySQL
	}
	wanted := strings.Split(names, ",")
	if o.chart != "" && !slices.Contains(wanted, scaling) {
		wanted = append(wanted, scaling)
	}
	for _, name := range wanted {
		if err := o.add(name, h); err != nil {
			return o, err
		}
	}
	switch {
	case o.past != nil && o.database == onSQLite:
		return o, errors.New("past is measured on MySQL and on SQLite: -database sqlite is not enough for it")
	case o.buyers < 0 || o.accounts < 1 || o.runs < 1 || h.many < fewOrders || h.calls < 1 || o.duration <= 0 || o.warmup < 0:
		return o, errors.New("-accounts, -runs, -calls and -duration must be 1 or more, -buyers and -warmup 0 or more, -past 10,000 or more")
	}
	return o, nil
}

// add asks for a workload.
func (o *options) add(name string, h history) error {
	switch name {
	case watch:
		o.watch = &crowds{idle: idleSockets, busy: busySockets}
	case past:
		o.past = &h
	case beside:
		o.beside = true
	case growth:
		o.growth = true
	case notices:
		o.notices = true
	case flash:
		o.flash = 128
		if o.buyers > 0 {
			o.flash = o.buyers
		}
	case onSQLite:
		o.onSQLite = o.database != onSQLite
	case scaling:
		o.workloads = append(o.workloads, sweeps(*o)...)
	default:
		i := slices.IndexFunc(workloads(*o), func(w workload) bool { return w.name == name })
		if i < 0 {
			return fmt.Errorf("-workloads: %q is none of %s, sweep, beside, growth, notices, watch, past", name, defaultWorkloads)
		}
		o.workloads = append(o.workloads, workloads(*o)[i])
	}
	return nil
}

// sqlite is what is measured on SQLite, beside what is measured on MySQL.
func (o options) sqlite() options {
	o.database, o.flash, o.chart, o.workloads = onSQLite, 0, "", nil
	for _, w := range workloads(o) {
		switch w.name {
		case hot:
			w.clients = min(w.clients, 64)
			o.workloads = append(o.workloads, w)
		case spread, alone:
			o.workloads = append(o.workloads, w)
		}
	}
	return o
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	child, err := asChild(ctx, os.Args)
	if !child {
		err = runAll(ctx, os.Args[1:], os.Stdout)
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "loadtest:", err)
		os.Exit(1)
	}
}

// needsDatabase tells whether anything is measured on a MySQL.
func (o options) needsDatabase() bool {
	return len(o.workloads) > 0 || o.flash > 0 || o.beside || o.growth || o.notices || o.past != nil
}

// startMySQL makes one that is started for this run the database of it.
func (o *options) startMySQL(ctx context.Context, out io.Writer) (*ownMySQL, error) {
	script, err := keeperScript(ctx)
	if err != nil {
		return nil, err
	}
	m, err := startMySQL(ctx, script, os.Stderr)
	if err != nil {
		return nil, err
	}
	o.database = m.url
	_, _ = fmt.Fprintf(out, "A MySQL of our own, with its data in %s\n", m.dir)
	return m, nil
}

// runAll measures what the command line asks for.
func runAll(ctx context.Context, args []string, out io.Writer) (err error) {
	o, err := parse(args)
	if err == nil && o.database == onOwnMySQL && o.needsDatabase() {
		var m *ownMySQL
		if m, err = o.startMySQL(ctx, out); err == nil {
			defer func() { err = errors.Join(err, m.stop()) }()
		}
	}
	if err == nil && (len(o.workloads) > 0 || o.flash > 0) {
		err = run(ctx, o, out)
	}
	if err == nil && o.onSQLite {
		_, _ = fmt.Fprintln(out)
		err = run(ctx, o.sqlite(), out)
	}
	if err == nil && o.beside {
		err = runBeside(ctx, o, out)
	}
	if err == nil && o.growth {
		err = runGrowth(ctx, o, growths(), out)
	}
	if err == nil && o.notices {
		err = runNotices(ctx, o, out)
	}
	if err == nil && o.watch != nil {
		err = runWatch(ctx, o, out)
	}
	if err == nil && o.past != nil {
		err = runPast(ctx, o, out)
	}
	return err
}
