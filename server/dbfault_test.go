package main

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/testdb"
)

// TestDatabaseDies kills a MySQL of the test's own, starts it again, freezes it, and takes its writes away, while buyers shop.
func TestDatabaseDies(t *testing.T) {
	t.Parallel()
	own := testdb.Own(t)
	source := own.Source(t)
	s := newStorm(t, source, source)
	t.Run("killed", func(t *testing.T) {
		s.strike(t, trouble{
			begin: func() { own.Kill(t) }, lasts: 1500 * time.Millisecond, end: func() { own.Start(t) }, unready: time.Second,
		})
	})
	t.Run("frozen", func(t *testing.T) {
		s.strike(t, trouble{
			begin: func() { own.Freeze(t) }, lasts: 5 * time.Second, end: func() { own.Thaw(t) }, unready: time.Second,
		})
	})
	t.Run("read-only", func(t *testing.T) {
		admin := administrator(t, source)
		s.strike(t, trouble{
			begin: func() { execute(t, admin, "SET GLOBAL super_read_only = ON") }, lasts: 1500 * time.Millisecond,
			end: func() { execute(t, admin, "SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF") }, unready: time.Second,
		})
	})
	s.end(t)
}

// TestCableToDatabase has the network between a server and its MySQL cut connections where it hurts, be slow, swallow everything,
// and lose one direction, while buyers shop.
func TestCableToDatabase(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.MySQL)
	c, behind := testdb.NewCable(t, source)
	s := newStorm(t, behind, source)
	const cuts = 30
	slow := 6 * time.Second
	if os.Getenv("HOLDFAST_TEST_LONG") != "" {
		slow = time.Minute
	}
	cutAll := func() bool { return c.Left() == 0 }
	t.Run("cut at COMMIT", func(t *testing.T) {
		s.strike(t, trouble{begin: func() { c.Cut(testdb.BeforeCommit, 3, cuts) }, after: cutAll})
	})
	t.Run("cut at the answer of COMMIT", func(t *testing.T) {
		s.strike(t, trouble{begin: func() { c.Cut(testdb.BeforeAnswer, 3, cuts) }, after: cutAll})
	})
	t.Run("slow", func(t *testing.T) {
		s.strike(t, trouble{
			begin: func() { c.Slow(500 * time.Millisecond) }, lasts: slow,
			end: func() { c.Slow(0) },
		})
	})
	t.Run("black hole", func(t *testing.T) {
		s.strike(t, trouble{
			begin: func() { c.Swallow(true) }, lasts: 9 * time.Second, // longer than a connection may say nothing
			end: func() { c.Swallow(false) }, unready: time.Second,
		})
	})
	t.Run("half open to it", func(t *testing.T) { s.strike(t, trouble{begin: func() { c.Halve(true) }}) })
	t.Run("half open from it", func(t *testing.T) { s.strike(t, trouble{begin: func() { c.Halve(false) }}) })
	s.end(t)
}

// TestPoolExhausted has more requests than there are connections wait for one table.
func TestPoolExhausted(t *testing.T) {
	t.Parallel()
	const crowd = 80 // on 48 connections
	lasts := 4 * time.Second
	if os.Getenv("HOLDFAST_TEST_LONG") != "" {
		lasts = 40 * time.Second // longer than any request may take
	}
	source := testdb.Source(t, testdb.MySQL)
	s := newStorm(t, source, source)
	admin := administrator(t, source)
	var waiting sync.WaitGroup
	s.strike(t, trouble{
		begin: func() {
			execute(t, admin, "LOCK TABLES addresses WRITE, checkouts WRITE")
			for i := range crowd {
				waiting.Go(func() { s.buyers[i%len(s.buyers)].readAddresses() })
			}
		},
		lasts: lasts, end: func() { execute(t, admin, "UNLOCK TABLES") }, unready: time.Second,
	})
	waiting.Wait()
	if waits := s.world().scrape(t)[`holdfast_database_waits_total{pool="main"}`]; waits == 0 {
		t.Error("nobody waited for a connection")
	}
	s.end(t)
}

// readAddresses reads the address book until it is answered.
func (b *shopper) readAddresses() {
	var some struct{}
	b.until("read", request{query: `{ it: viewer { ... on Buyer { addresses { id } } } }`}, &some)
}

// administrator is one connection to the database of a source.
func administrator(t *testing.T, source string) *sql.Conn {
	t.Helper()
	u, err := url.Parse(source)
	must(t, err)
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName = "tcp", u.Host, u.User.Username(), u.Path[1:]
	pool, err := sql.Open("mysql", cfg.FormatDSN())
	must(t, err)
	conn, err := pool.Conn(t.Context())
	must(t, err)
	t.Cleanup(func() { // the server may have been killed meanwhile
		_ = conn.Close()
		_ = pool.Close()
	})
	return conn
}

func execute(t *testing.T, conn *sql.Conn, query string) {
	t.Helper()
	if _, err := conn.ExecContext(context.WithoutCancel(t.Context()), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
