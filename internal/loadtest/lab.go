package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// onSQLite is the -database that is a file, made for the time being.
const onSQLite = "sqlite"

// lab is the MySQL server on which everything is measured, or a folder of SQLite files, and what is made there for the time
// being.
type lab struct {
	server *url.URL // nil: SQLite
	admin  *sql.DB  // names no database; nil on SQLite
	dir    string
	names  []string
	mysqld int // its process; 0 when it cannot be seen
	conns  int // what max_connections was before it was raised; 0 if it was not
	// configure is the environment of a server that will listen on addr, beside the usual; nil for none.
	configure func(addr string) ([]string, error)
}

// labAt connects to nothing.
func labAt(database string) (*lab, error) {
	if database == onSQLite {
		return &lab{}, nil
	}
	u, err := url.Parse(database)
	if err != nil || u.Scheme != "mysql" || u.Host == "" {
		return nil, errors.New("-database: want sqlite, or a server such as mysql://root@127.0.0.1:3306/") // without the password
	}
	return &lab{server: u}, nil
}

func newLab(ctx context.Context, database string) (*lab, error) {
	l, err := labAt(database)
	if err != nil {
		return nil, err
	}
	if !l.isSQLite() {
		if l.admin, err = l.pool(""); err != nil {
			return nil, err
		}
		if err := l.admin.PingContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("connect to MySQL: %w", err), l.admin.Close())
		}
		l.mysqld = databaseProcess(l.server)
	}
	if l.dir, err = os.MkdirTemp("", "holdfast-loadtest-"); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) isSQLite() bool { return l.server == nil }

// meter reads what it costs, beside a server under test; its process is 0 when there is none.
func (l *lab) meter(server int) meter {
	return meter{admin: l.admin, database: l.mysqld, server: server}
}

// besideClients is how many connections there are beside those of the SQL's clients: the server's, and our own.
const besideClients = 64

// makeRoom lets MySQL take so many clients. Its default is too few; what it was is put back at the end.
func (l *lab) makeRoom(ctx context.Context, clients int) error {
	if l.isSQLite() {
		return nil
	}
	n, err := count(ctx, l.admin, "SELECT @@GLOBAL.max_connections")
	if err != nil || n >= clients+besideClients {
		return err
	}
	if _, err := l.admin.ExecContext(ctx, fmt.Sprint("SET GLOBAL max_connections = ", clients+besideClients)); err != nil {
		return fmt.Errorf("MySQL takes %d connections, %d clients need %d (max_connections): %w", n, clients, clients+besideClients, err)
	}
	l.conns = n
	return nil
}

// pool connects to a database, with the options that Holdfast uses, and these, which are MySQL's.
func (l *lab) pool(database string, options ...func(*mysql.Config)) (*sql.DB, error) {
	if l.isSQLite() {
		pool, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(database)}).String()+
			"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_time_format=sqlite&_txlock=immediate")
		if err != nil {
			return nil, fmt.Errorf("open SQLite: %w", err)
		}
		pool.SetMaxOpenConns(1) // there is one writer
		return pool, nil
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName = "tcp", l.server.Host, l.server.User.Username(), database
	cfg.Passwd, _ = l.server.User.Password()
	cfg.InterpolateParams, cfg.ClientFoundRows = true, true
	for _, set := range options {
		set(cfg)
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("configure MySQL: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// create makes an empty database, to be dropped at the end. On SQLite its name is its file.
func (l *lab) create(ctx context.Context, kind string) (name string, err error) {
	if l.isSQLite() {
		return filepath.Join(l.dir, kind+".db"), nil
	}
	name = "load_" + kind + "_" + strings.ToLower(rand.Text())
	if _, err := l.admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make database: %w", err)
	}
	l.names = append(l.names, name)
	return name, nil
}

// source is what db.Open and HOLDFAST_DATABASE take.
func (l *lab) source(name string) string {
	if l.isSQLite() {
		return "sqlite:" + name
	}
	u := *l.server
	u.Path = "/" + name
	return u.String()
}

const closeTimeout = time.Minute // dropping gigabytes takes its time

func (l *lab) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout) // also after an interrupt
	defer cancel()
	var errs []error
	for _, name := range l.names {
		_, err := l.admin.ExecContext(ctx, "DROP DATABASE "+name)
		errs = append(errs, err)
	}
	if l.conns > 0 {
		_, err := l.admin.ExecContext(ctx, fmt.Sprint("SET GLOBAL max_connections = ", l.conns))
		errs = append(errs, err)
	}
	if l.admin != nil {
		errs = append(errs, l.admin.Close())
	}
	if l.dir != "" {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}
