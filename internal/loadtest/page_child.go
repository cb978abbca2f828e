package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/go-sql-driver/mysql"

	"holdfast/internal/typeid"
)

// pageChild is the hidden argument that makes this program a server of pages, for comparison.
const pageChild = "-serve-page"

const (
	pagePath = "/page"
	// pageConns is how many connections to the database the handler keeps.
	pageConns = 16
)

// pages serves one page of one shop by SQL written by hand.
type pages struct {
	pool  *sql.DB
	shop  typeid.Shop
	after typeid.Product
}

// pageOrder is what the child serves. It comes on standard input, so that no password stands on a command line.
type pageOrder struct {
	Database, Name string
	Shop           typeid.Shop
	After          typeid.Product
}

// openPages connects to the database.
func openPages(l *lab, o pageOrder) (*pages, error) {
	pool, err := l.pool(o.Name, func(cfg *mysql.Config) { cfg.ParseTime = true })
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(pageConns)
	pool.SetMaxIdleConns(pageConns)
	return &pages{pool, o.Shop, o.After}, nil
}

// servePages is the child process. It ends when its standard input does.
func servePages(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	var order pageOrder
	if err := json.NewDecoder(in).Decode(&order); err != nil {
		return err
	}
	l, err := labAt(order.Database)
	if err != nil {
		return err
	}
	p, err := openPages(l, order)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.pool.Close()) }()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+pagePath, p)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: callTimeout}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	if err := json.NewEncoder(out).Encode(listener.Addr().String()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	err = errors.Join(err, web.Close())
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// pageServer is a child that serves pages, seen from its parent.
type pageServer struct {
	*child

	addr string
}

// startPages starts a child that serves what the market's page shows.
func startPages(ctx context.Context, o options, m *market) (*pageServer, error) {
	c, err := startChild(ctx, pageChild)
	if err != nil {
		return nil, err
	}
	p := &pageServer{child: c}
	shop, _ := typeid.Parse[typeid.Shop](m.shop)
	after, _ := typeid.Parse[typeid.Product](m.pageAfter)
	if err := c.ask(pageOrder{o.database, m.database, shop, after}, &p.addr); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	if err := samePage(ctx, m.server.addr, m.page, p.addr); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return p, nil
}

// clients are anonymous readers with a connection each.
func (p *pageServer) clients(_ context.Context, w workload) ([]place, func(), error) {
	out := make([]place, w.clients)
	conns := make([]conn, w.clients)
	for i := range out {
		conns[i].addr = p.addr
		out[i] = func(ctx context.Context) outcome {
			return readPage(ctx, &conns[i], request{method: http.MethodGet, path: pagePath})
		}
	}
	return out, func() {
		for i := range conns {
			conns[i].close()
		}
	}, nil
}

// asChild runs a child when the command line asks for one.
func asChild(ctx context.Context, args []string) (is bool, err error) {
	switch {
	case len(args) == 3 && args[1] == watchChild:
		return true, serveWatched(ctx, args[2], os.Stdin, os.Stdout)
	case len(args) == 2 && args[1] == pageChild:
		return true, servePages(ctx, os.Stdin, os.Stdout)
	}
	return false, nil
}
