// Package db opens the database, whichever it is, and gives the rest of the program one way to read and one to write:
// an ent client, and WithTx. MySQL, MariaDB and SQLite behave alike from here on: READ COMMITTED or stricter, UTC times with
// microseconds, rows locked on purpose alone.
package db

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"holdfast/ent"
)

// DB is an open database.
type DB struct {
	*ent.Client
	// Dialect is dialect.MySQL (MariaDB included) or dialect.SQLite.
	Dialect string

	write, read *sql.DB       // the same pool on MySQL
	mysql       *mysql.Config // nil on SQLite
	txTimeout   time.Duration
}

// Options are what only some callers want.
type Options struct {
	// OnStatement, if set, is told of every statement that is sent, BEGIN and COMMIT apart. It must be quick and safe for concurrent use.
	OnStatement func(query string)
	// Trace, if set, is told of statements and transactions, and when they end. Without it nothing is wrapped.
	Trace Trace
	// MaxConns bounds the connections to MySQL; 0 means 48.
	MaxConns int
	// MaxPages bounds the file of SQLite, as a disk does that is full; what the file has already it keeps. 0 means no bound.
	MaxPages int
	// TxTimeout is how long a transaction may take, all its tries together; 0 means 15 s.
	TxTimeout time.Duration
}

const (
	defaultMaxConns = 48
	connMaxLifetime = 4 * time.Minute // under the 5 minutes after which middleboxes drop connections
)

// Open connects to the database that source names: mysql://user:password@host:3306/name (?tls=true, skip-verify or preferred),
// or sqlite:PATH, whose folder is made if need be. It does not migrate. Errors never hold the password.
func Open(ctx context.Context, source string, opts Options) (*DB, error) {
	scheme, rest, _ := strings.Cut(source, ":")
	switch scheme {
	case "mysql":
		return openMySQL(ctx, source, opts)
	case "sqlite":
		return openSQLite(ctx, rest, opts)
	default:
		return nil, errors.New("database: want mysql://user:password@host:3306/name or sqlite:PATH")
	}
}

// Close closes every connection.
func (d *DB) Close() error {
	err := d.write.Close()
	if d.read != d.write {
		err = errors.Join(err, d.read.Close())
	}
	return err
}

// ErrReadOnly says that the database answers, but takes no writes: a replica, or a primary that is one no more.
var ErrReadOnly = errors.New("the database is read-only")

// Ping tells whether the database answers, to reads and to writes. It may fail with ErrReadOnly.
func (d *DB) Ping(ctx context.Context) error {
	if d.Dialect == dialect.MySQL {
		var readOnly bool
		if err := d.read.QueryRowContext(ctx, "SELECT @@GLOBAL.read_only").Scan(&readOnly); err != nil {
			return fmt.Errorf("ping database: %w", err)
		}
		if readOnly {
			return fmt.Errorf("ping database: %w", ErrReadOnly)
		}
		return nil
	}
	if err := d.read.PingContext(ctx); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	if err := d.write.PingContext(ctx); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	return nil
}

func newDB(name string, write, read *sql.DB, opts Options) *DB {
	split := &splitDriver{Driver: entsql.OpenDB(name, write), read: entsql.OpenDB(name, read), observe: opts.OnStatement}
	var drv dialect.Driver = split
	if opts.Trace != nil {
		drv = &tracedDriver{Driver: split, raw: split, trace: opts.Trace}
	}
	return &DB{Client: ent.NewClient(ent.Driver(drv)), Dialect: name, write: write, read: read, txTimeout: cmp.Or(opts.TxTimeout, txTimeout)}
}

// mysqlConfig turns the URL into the driver's configuration.
func mysqlConfig(source string) (*mysql.Config, error) {
	u, err := url.Parse(source)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		// Not wrapped: url.Error repeats the whole text, the password with it.
		return nil, errors.New("database: want mysql://user:password@host:3306/name, with special characters of the password percent-encoded")
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr = "tcp", u.Host
	if u.Port() == "" {
		cfg.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.DBName = strings.Trim(u.Path, "/")
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.InterpolateParams = true    // one round trip a statement instead of two
	cfg.MultiStatements = true      // for what is sent together (conn); values are never part of a statement's text
	cfg.ClientFoundRows = true      // or a write that changes nothing looks like a lost compare-and-set
	cfg.Logger = &mysql.NopLogger{} // every error comes back to us; it would be told twice, and not as a line of our log
	cfg.RejectReadOnly = true       // after a fail-over, drop connections to the former primary
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = dialTimeout, silence, silence
	cfg.DialFunc = dialer().DialContext
	for key, values := range u.Query() {
		if key != "tls" {
			return nil, fmt.Errorf("database: unknown parameter %q; tls is the only one", key)
		}
		switch values[0] {
		case "true":
			cfg.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		case "skip-verify", "preferred", "false":
			cfg.TLSConfig = values[0]
		default:
			return nil, fmt.Errorf("database: tls=%q; want true, skip-verify, preferred or false", values[0])
		}
	}
	return cfg, nil
}

func openMySQL(ctx context.Context, source string, opts Options) (*DB, error) {
	cfg, err := mysqlConfig(source)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("configure database: %w", err)
	}
	pool := sql.OpenDB(sessionConnector{connector, new(atomic.Uint64)})
	conns := opts.MaxConns
	if conns == 0 {
		conns = defaultMaxConns
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxLifetime(connMaxLifetime)
	pool.SetConnMaxIdleTime(idleInPool)
	var version string
	if err := pool.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to database at %s: %w", cfg.Addr, err), pool.Close())
	}
	if err := supported(version); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	d := newDB(dialect.MySQL, pool, pool, opts)
	d.mysql = cfg
	return d, nil
}

// supported refuses servers that lack CHECK constraints or window functions as we use them.
func supported(version string) error {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("database: cannot read its version %q", version)
	}
	at := major*1000 + minor
	if strings.Contains(version, "MariaDB") {
		if at < 10011 {
			return fmt.Errorf("database: MariaDB %s is too old; 10.11 is the oldest that works", version)
		}
		return nil
	}
	if at < 8004 {
		return fmt.Errorf("database: MySQL %s is too old; 8.4 is the oldest that works", version)
	}
	return nil
}

func openSQLite(ctx context.Context, path string, opts Options) (*DB, error) {
	if path == "" {
		return nil, errors.New("database: sqlite: names no file; want sqlite:PATH")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make the database's folder: %w", err)
	}
	// It holds password hashes and the key that signs tokens: SQLite itself would let every local user read it.
	own, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the database's file: %w", err)
	}
	if err := own.Close(); err != nil {
		return nil, fmt.Errorf("make the database's file: %w", err)
	}
	file := (&url.URL{Scheme: "file", Opaque: url.PathEscape(path)}).String()
	const common = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_time_format=sqlite"
	writing := common + "&_txlock=immediate"
	if opts.MaxPages > 0 {
		writing += fmt.Sprintf("&_pragma=max_page_count(%d)", opts.MaxPages)
	}
	write, err := sql.Open("sqlite", file+writing)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	write.SetMaxOpenConns(1) // SQLite has one writer; waiting here is fairer than its busy loop
	if err := pingSQLite(ctx, write); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), write.Close())
	}
	read, err := sql.Open("sqlite", file+common+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), write.Close())
	}
	readers := max(4, 2*runtime.NumCPU())
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return newDB(dialect.SQLite, write, read, opts), nil
}

// pingSQLite connects. Of several processes that open a new file at once, one switches it to WAL, and the others are told that it is
// busy without the wait that busy_timeout promises.
func pingSQLite(ctx context.Context, pool *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	for {
		err := pool.PingContext(ctx)
		if err == nil || !broken(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
