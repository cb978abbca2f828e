package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"

	"holdfast/internal/check"
	"holdfast/internal/db"
)

// past is the workload that asks whether a long past makes anything slow.
const past = "past"

// history is how many orders the past has: what is measured on few is measured on many.
type history struct {
	few, many, calls int
	check            bool
}

const (
	fewOrders = 10_000
	pastCalls = 300
)

// pastDB is a database with a past.
type pastDB struct {
	*pastWorld
	*db.DB
	pool   *sql.DB // what plans are asked of
	orders int
}

// runPast measures on MySQL and on SQLite.
func runPast(ctx context.Context, o options, out io.Writer) (err error) {
	l, err := newLab(ctx, o.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := printMachine(ctx, out, l); err != nil {
		return err
	}
	for _, name := range []string{dialect.MySQL, dialect.SQLite} {
		if err := pastOn(ctx, l, name, *o.past, out); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// pastOn fills two databases of one kind, and measures on both in turn.
func pastOn(ctx context.Context, l *lab, name string, h history, out io.Writer) (err error) {
	var both []*pastDB
	for _, n := range []int{h.few, h.many} {
		start := time.Now()
		p, err := newPastDB(ctx, l, name, n)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.Close(), p.pool.Close()) }()
		_, _ = fmt.Fprintf(out, "%s: filled with %d orders in %.0f s\n", name, n, time.Since(start).Seconds())
		both = append(both, p)
	}
	if err := measurePast(ctx, name, both, h.calls, out); err != nil {
		return err
	}
	if h.check {
		for _, p := range both {
			if err := checkPast(ctx, name, p, out); err != nil {
				return err
			}
		}
	}
	return nil
}

func newPastDB(ctx context.Context, l *lab, name string, n int) (_ *pastDB, err error) {
	p := &pastDB{orders: n}
	var source string
	if name == dialect.SQLite {
		path := filepath.Join(l.dir, fmt.Sprintf("past-%d.db", n))
		source = "sqlite:" + path
		p.pool, err = sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path)}).String()+"?_time_format=sqlite&_pragma=busy_timeout(5000)")
	} else {
		database, err := l.create(ctx, past)
		if err != nil {
			return nil, err
		}
		source = l.source(database)
		p.pool, err = l.pool(database, func(cfg *mysql.Config) { cfg.ParseTime = true })
		if err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.pool.Close())
		}
	}()
	before, err := db.Open(ctx, source, db.Options{})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(before.Migrate(ctx), before.Close()); err != nil {
		return nil, err
	}
	if p.pastWorld, err = fillPast(ctx, name, p.pool, n, time.Now()); err != nil {
		return nil, err
	}
	p.DB, err = db.Open(ctx, source, db.Options{Trace: trace})
	return p, err
}

// checkPast proves that what was filled in, and bought since, is in order, and says how long that takes.
func checkPast(ctx context.Context, name string, p *pastDB, out io.Writer) error {
	start := time.Now()
	report, err := check.Run(ctx, p.DB)
	if err != nil {
		return err
	}
	took := time.Since(start)
	_, _ = fmt.Fprintf(out, "%s, %d orders: server check looks at %d rows in %.1f s\n", name, p.orders, report.Looked(), took.Seconds())
	if n := report.Broken(); n > 0 {
		return errors.Join(fmt.Errorf("%d invariants are broken", n), report.WriteText(out, took))
	}
	return nil
}
