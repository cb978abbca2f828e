package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
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
//
// What needs no answer of its own, BEGIN and what later marks, waits in ahead and is sent with the next statement: a round trip
// costs both sides more than most statements do.
type conn struct {
	mysqlConn

	losses *atomic.Uint64
	seen   uint64 // losses when this connection was last known to be good
	inTx   bool
	ahead  script
}

// script is statements that are sent together. It fails with the first that does, and answers as the last.
type script struct {
	text string
	args []driver.NamedValue
}

func (s *script) add(query string, args []driver.NamedValue) {
	if s.text != "" {
		s.text += ";"
	}
	s.text += query
	s.args = append(s.args, args...)
}

// with is the script up to this statement. After it nothing is ahead any more.
func (c *conn) with(query string, args []driver.NamedValue) (string, []driver.NamedValue) {
	if c.ahead.text == "" {
		return query, args
	}
	all := c.ahead
	c.ahead = script{}
	all.add(query, args)
	for i := range all.args {
		all.args[i].Ordinal = i + 1
	}
	return all.text, all.args
}

// whole keeps database/sql from preparing the last statement alone when the driver does not take all of a script.
func whole(err error, text, query string) error {
	if err == driver.ErrSkip && text != query { //nolint:errorlint // as database/sql compares it
		return errors.New("send statements together: they are too long, or their arguments do not fit")
	}
	return err
}

type laterKey struct{}

// later marks a statement inside a transaction whose answer nobody needs: it may be sent with the next one, which then fails if it does.
func later(ctx context.Context) context.Context { return context.WithValue(ctx, laterKey{}, true) }

// unsent is the answer to a statement that waits.
type unsent struct{}

var errUnsent = errors.New("the statement was sent later, and its answer not kept")

func (unsent) LastInsertId() (int64, error) { return 0, errUnsent }
func (unsent) RowsAffected() (int64, error) { return 0, errUnsent }

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
	text, all := c.with(query, args)
	rows, err := c.mysqlConn.QueryContext(ctx, text, all)
	if err != nil { // rows is not nil then, but holds a nil
		return nil, c.judge(whole(err, text, query), true)
	}
	sets, ok := rows.(rowSets)
	if !ok {
		return nil, errors.Join(errors.New("query: the driver's rows lack what we need"), rows.Close())
	}
	return connRows{sets, c}, nil
}

// rowSets are the rows of several answers, one after the other, and all else that the driver's rows can do.
type rowSets interface {
	driver.Rows
	driver.RowsNextResultSet
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// connRows are rows whose connection may yet be lost. io.EOF itself is their end, and no loss.
type connRows struct {
	rowSets

	conn *conn
}

// Next implements driver.Rows.
func (r connRows) Next(dest []driver.Value) error {
	err := r.rowSets.Next(dest)
	if err == io.EOF { //nolint:errorlint // as database/sql compares it
		return err
	}
	return r.conn.judge(err, true)
}

// NextResultSet implements driver.RowsNextResultSet.
func (r connRows) NextResultSet() error {
	err := r.rowSets.NextResultSet()
	if err == io.EOF { //nolint:errorlint // as above
		return err
	}
	return r.conn.judge(err, true)
}

// ExecContext implements driver.ExecerContext. Whether a write outside of transactions has happened is not known when its answer
// is lost; inside of one it has not.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.inTx && ctx.Value(laterKey{}) != nil && len(c.ahead.args)+len(args) <= maxArgs {
		c.ahead.add(query, args)
		return unsent{}, nil
	}
	text, all := c.with(query, args)
	res, err := c.mysqlConn.ExecContext(ctx, text, all)
	err = whole(err, text, query)
	return res, c.judge(err, c.inTx || errors.Is(err, driver.ErrBadConn))
}

// BeginTx implements driver.ConnBeginTx. A transaction of the session's own kind begins with its first statement.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.ahead = script{}
	if opts == (driver.TxOptions{}) && ctx.Err() == nil {
		c.ahead.text, c.inTx = begin, true
		return &connTx{c}, nil
	}
	if _, err := c.mysqlConn.BeginTx(ctx, opts); err != nil { // it is ended by connTx too
		return nil, c.judge(err, true)
	}
	c.inTx = true
	return &connTx{c}, nil
}

const begin = "START TRANSACTION"

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
type connTx struct{ conn *conn }

// Commit implements driver.Tx.
func (t *connTx) Commit() error {
	c := t.conn
	switch c.ahead.text {
	case "":
	case begin: // nothing was done
		return t.Rollback()
	default: // on its own, so that an answer to COMMIT is about COMMIT
		text, args := c.ahead.text, c.ahead.args
		c.ahead = script{}
		if _, err := c.ExecContext(context.Background(), text, args); err != nil { //nolint:forbidigo // driver.Tx has no ctx; silence bounds it
			return errors.Join(err, t.Rollback())
		}
	}
	return t.end("COMMIT")
}

// Rollback implements driver.Tx. What is ahead was never sent.
func (t *connTx) Rollback() error {
	began := !strings.HasPrefix(t.conn.ahead.text, begin)
	t.conn.ahead = script{}
	if !began {
		t.conn.inTx = false
		return nil
	}
	return t.end("ROLLBACK")
}

func (t *connTx) end(with string) error {
	t.conn.inTx = false
	_, err := t.conn.mysqlConn.ExecContext(context.Background(), with, nil) //nolint:forbidigo // as above
	my, told := errors.AsType[*mysql.MySQLError](err)
	return t.conn.judge(err, told && my.Number == idleTooLong) // MySQL gave the transaction up, as it never heard of this
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
