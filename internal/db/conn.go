package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/fault"
)

// What bounds a connection to MySQL whose peer says nothing. Each figure leans on the one before it.
const (
	lockWait    = 5 * time.Second // for a row's lock; the longest that a statement of a request is silent for a good reason
	silence     = 7 * time.Second // then there is nobody: a COMMIT, and what has no deadline of its own, ends here
	idleInTx    = 6 * time.Second // whom MySQL has not heard of for so long inside a transaction loses its locks
	idleInPool  = 4 * time.Second // below that, as MySQL does not tell what idles in a transaction from what idles in a pool
	dialTimeout = 5 * time.Second // to connect
	proofOfLife = time.Second     // for an idle connection to answer, once another one was lost
)

// dialer finds out in 8 s that the other side of an idle connection is gone for good.
func dialer() *net.Dialer {
	return &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 3}}
}

// sessionConnector sets up each new connection once, so that BEGIN needs no second round trip for the isolation level.
type sessionConnector struct {
	driver.Connector

	// losses counts the connections of the pool that were lost. It is nil for those that wait as long as it takes.
	losses *atomic.Uint64
}

// session is what every connection runs first. A lock is not waited for longer than a transaction may last.
const session = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"

// settings follow it; those of a pool are told the idle time as well.
const settings = "SET time_zone = '+00:00', innodb_lock_wait_timeout = %d, sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'"

// Connect implements driver.Connector.
func (c sessionConnector) Connect(ctx context.Context) (driver.Conn, error) {
	setUp := fmt.Sprintf(settings, int(lockWait.Seconds()))
	if c.losses == nil {
		return c.connect(ctx, setUp)
	}
	seen := c.losses.Load()
	raw, err := c.connect(ctx, setUp+fmt.Sprintf(", wait_timeout = %d", int(idleInTx.Seconds())))
	if err != nil {
		if lost(err) {
			c.losses.Add(1)
			return nil, &awayError{err}
		}
		return nil, err
	}
	return &conn{mysqlConn: raw, losses: c.losses, seen: seen}, nil
}

func (c sessionConnector) connect(ctx context.Context, setUp string) (mysqlConn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	raw, ok := opened.(mysqlConn)
	if !ok {
		return nil, errors.Join(errors.New("set up connection: the driver lacks what we need"), opened.Close())
	}
	for _, stmt := range []string{session, setUp} {
		if _, err := raw.ExecContext(ctx, stmt, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("set up connection: %w", err), raw.Close())
		}
	}
	return raw, nil
}

// mysqlConn is all that the driver's connection can do.
type mysqlConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn is a connection of the pool. When one is lost it says what that means to the caller, and has the others prove that they
// live before they are used again: where one peer has gone, they mostly all have.
type conn struct {
	mysqlConn

	losses *atomic.Uint64
	seen   uint64 // losses when this connection was last known to be good
	inTx   bool
}

// ResetSession implements driver.SessionResetter. It is called before an idle connection is used.
func (c *conn) ResetSession(ctx context.Context) error {
	if err := c.mysqlConn.ResetSession(ctx); err != nil {
		return err
	}
	losses := c.losses.Load()
	if losses == c.seen {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, proofOfLife)
	defer cancel()
	if err := c.Ping(ctx); err != nil {
		return driver.ErrBadConn // the pool takes another one
	}
	c.seen = losses
	return nil
}

// QueryContext implements driver.QueryerContext. Nothing is lost with a read.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.mysqlConn.QueryContext(ctx, query, args)
	if err != nil { // rows is not nil then, but holds a nil
		return nil, c.judge(err, true)
	}
	return rows, nil
}

// ExecContext implements driver.ExecerContext. Whether a write outside of transactions has happened is not known when its answer
// is lost; inside of one it has not.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	res, err := c.mysqlConn.ExecContext(ctx, query, args)
	return res, c.judge(err, c.inTx || errors.Is(err, driver.ErrBadConn))
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.mysqlConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, c.judge(err, true)
	}
	c.inTx = true
	return &connTx{tx, c}, nil
}

// judge counts a loss, and says that it may be tried again of what has certainly not happened.
func (c *conn) judge(err error, undone bool) error {
	if err == nil || !lost(err) {
		return err
	}
	c.losses.Add(1)
	if undone {
		return &awayError{err}
	}
	return err
}

// connTx ends a transaction of a conn. The loss of a COMMIT is never said to have undone anything.
type connTx struct {
	driver.Tx

	conn *conn
}

// Commit implements driver.Tx.
func (t *connTx) Commit() error {
	t.conn.inTx = false
	return t.conn.judge(t.Tx.Commit(), false)
}

// Rollback implements driver.Tx.
func (t *connTx) Rollback() error {
	t.conn.inTx = false
	return t.conn.judge(t.Tx.Rollback(), false)
}

// awayError says that the database went away, or never came, before anything was done. To a client it is OVERLOADED.
type awayError struct{ cause error }

func (e *awayError) Error() string { return e.cause.Error() }

// Unwrap gives the refusal, and the driver's error to those who look for it.
func (e *awayError) Unwrap() []error {
	return []error{fault.New(fault.Overloaded, "the server is busy; try again").After(time.Second), e.cause}
}

// MySQL's numbers for a server that ends, or has no room.
const (
	tooManyConnections     = 1040
	tooManyUserConnections = 1203
	shuttingDown           = 1053
	offline                = 3032
	idleTooLong            = 4031
)

// lost tells whether the connection, rather than a statement, has failed.
func lost(err error) bool {
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		switch my.Number {
		case tooManyConnections, tooManyUserConnections, shuttingDown, offline, idleTooLong:
			return true
		}
		return false
	}
	var network net.Error // context.DeadlineExceeded is one, context.Canceled is not
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}
