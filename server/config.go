package main

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// defaultDatabase is what the server keeps when it is told of no other.
const defaultDatabase = "sqlite:data/holdfast.db"

// databaseFlag is shared by every command that opens the database.
type databaseFlag struct {
	Database string `env:"HOLDFAST_DATABASE" placeholder:"URL" help:"mysql://user:password@host:3306/name or sqlite:PATH. Without it the server keeps data/holdfast.db, in demo mode."`
}

func (f databaseFlag) source() string {
	if f.Database == "" {
		return defaultDatabase
	}
	return f.Database
}

// serveCommand is the configuration of a running server.
type serveCommand struct {
	databaseFlag

	Addr       string        `env:"HOLDFAST_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen. Default: ${default}."`
	Demo       *bool         `env:"HOLDFAST_DEMO" negatable:"" help:"Demo mode: demo shops, demo logins, sandbox payments. On by default only without a database of one's own."`
	DemoPublic bool          `env:"HOLDFAST_DEMO_PUBLIC" help:"Say it twice: demo mode on an address that others can reach."`
	Hold       time.Duration `env:"HOLDFAST_HOLD" default:"15m" placeholder:"DURATION" help:"How long goods are held for a buyer. Default: ${default}."`
	Origins    []string      `env:"HOLDFAST_ORIGINS" placeholder:"HOST,..." help:"Hosts, beside the server's own, whose web pages may open WebSockets."`
	MaxOpen    int           `env:"HOLDFAST_MAX_OPEN" default:"20" placeholder:"N" help:"How many unpaid checkouts a buyer may have. Default: ${default}."`
}

// Limits of what may be configured.
const (
	minHold = time.Second
	maxHold = 2 * time.Hour // WeChat's prepay_id lives no longer
)

// demo tells whether the server runs in demo mode.
func (c *serveCommand) demo() bool {
	if c.Demo != nil {
		return *c.Demo
	}
	return c.Database == ""
}

// validate refuses configurations that could not work or would be unsafe, and says what to do.
func (c *serveCommand) validate() error {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("HOLDFAST_ADDR %q is no HOST:PORT, such as 127.0.0.1:8080: %w", c.Addr, err)
	}
	if c.Hold < minHold || c.Hold > maxHold {
		return fmt.Errorf("HOLDFAST_HOLD is %s; give %s to %s, such as 15m", c.Hold, minHold, maxHold)
	}
	if c.MaxOpen < 1 {
		return errors.New("HOLDFAST_MAX_OPEN must be 1 or more")
	}
	if c.demo() && !loopback(host) && !c.DemoPublic {
		return fmt.Errorf("demo mode has well-known passwords, and %s can be reached by others: listen on 127.0.0.1, "+
			"or give HOLDFAST_DATABASE (and no HOLDFAST_DEMO), or say HOLDFAST_DEMO_PUBLIC=true if you mean it", c.Addr)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
