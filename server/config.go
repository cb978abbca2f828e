package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/db"
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

	Addr          string        `env:"HOLDFAST_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen. Default: ${default}."`
	Demo          *bool         `env:"HOLDFAST_DEMO" negatable:"" help:"Demo mode: demo shops, demo logins, sandbox payments. On by default only without a database of one's own."`
	DemoPublic    bool          `env:"HOLDFAST_DEMO_PUBLIC" help:"Say it twice: demo mode on an address that others can reach."`
	WeChat        string        `name:"wechat" env:"HOLDFAST_WECHAT" placeholder:"PATH" help:"A JSON file of mini-programs and merchants: logins and payments go to WeChat."`
	ShareAfter    time.Duration `env:"HOLDFAST_SHARE_AFTER" default:"1m" placeholder:"DURATION" help:"How long after a payment WeChat takes its shares; less is for the simulator. Default: ${default}."`
	Hold          time.Duration `env:"HOLDFAST_HOLD" default:"15m" placeholder:"DURATION" help:"How long goods are held for a buyer, 1s to 2h. Default: ${default}."`
	MaxOpen       int           `env:"HOLDFAST_MAX_OPEN" default:"20" placeholder:"N" help:"How many unpaid checkouts a buyer may have. Default: ${default}."`
	CompleteAfter time.Duration `env:"HOLDFAST_COMPLETE_AFTER" default:"240h" placeholder:"DURATION" help:"How long after it was shipped an order completes by itself, 1m to 2160h (90 days). Default: ${default}."`
	Origins       []string      `env:"HOLDFAST_ORIGINS" placeholder:"HOST" help:"Hosts, beside the server's own, whose web pages may open WebSockets."`
	Drain         time.Duration `env:"HOLDFAST_DRAIN" default:"0s" placeholder:"DURATION" help:"How long, once told to stop, /readyz says no while requests are still served, up to 5m; 5s suits most load balancers. Default: ${default}."`
	// The zero values of these bound nothing: tests send very many requests from one address.
	RateLimits     string   `env:"HOLDFAST_RATE_LIMITS" enum:"on,off," default:"on" placeholder:"on|off" help:"Bound what one client may do in a second, and how often a password may be guessed. Default: ${default}."`
	TrustedProxies []string `env:"HOLDFAST_TRUSTED_PROXIES" placeholder:"CIDR" help:"Networks of the proxies in front, such as 10.0.0.0/8, whose X-Forwarded-For says where clients are."`
	MaxOperations  string   `env:"HOLDFAST_MAX_OPERATIONS" default:"auto" placeholder:"N" help:"How many queries, and how many mutations, run at once; off is any number. Default: ${default}, which is as many queries as there are connections to the database."`
	Documents      string   `env:"HOLDFAST_DOCUMENTS" placeholder:"PATH" help:"A file or folder of trusted documents: operations that clients name instead of sending their text."`
	TrustedOnly    bool     `env:"HOLDFAST_TRUSTED_ONLY" help:"Run trusted documents and no others."`
	Playground     string   `env:"HOLDFAST_PLAYGROUND" enum:"auto,on,off," default:"auto" placeholder:"auto|on|off" help:"Pages to explore the API with, and introspection, which they need. Default: ${default}, which is in demo mode only."`
	OTLPEndpoint   string   `name:"otlp-endpoint" env:"HOLDFAST_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" help:"Where to send OpenTelemetry traces, over HTTP, such as http://127.0.0.1:4318. Without it there are none."`
}

// Limits of what may be configured.
const (
	minHold          = time.Second
	maxHold          = 2 * time.Hour // WeChat's prepay_id lives no longer
	minCompleteAfter = time.Minute
	maxCompleteAfter = 90 * 24 * time.Hour
	maxDrain         = 5 * time.Minute
	maxOperations    = 10_000
)

// demo tells whether the server runs in demo mode.
func (c *serveCommand) demo() bool {
	if c.Demo != nil {
		return *c.Demo
	}
	return c.Database == ""
}

// playground tells whether there are pages to explore the API with, and introspection.
func (c *serveCommand) playground() bool {
	return c.Playground == "on" || c.Playground != "off" && c.demo()
}

// validate refuses configurations that could not work or would be unsafe, and says what to do.
func (c *serveCommand) validate() error {
	host, err := hostOf(c.Addr)
	if err != nil {
		return err
	}
	if c.Hold < minHold || c.Hold > maxHold {
		return fmt.Errorf("HOLDFAST_HOLD is %s; give %s to %s, such as 15m", c.Hold, minHold, maxHold)
	}
	if c.MaxOpen < 1 {
		return errors.New("HOLDFAST_MAX_OPEN must be 1 or more")
	}
	if c.CompleteAfter < minCompleteAfter || c.CompleteAfter > maxCompleteAfter {
		return fmt.Errorf("HOLDFAST_COMPLETE_AFTER is %s; give 1m to 2160h (90 days), such as 240h", c.CompleteAfter)
	}
	if c.Drain < 0 || c.Drain > maxDrain {
		return fmt.Errorf("HOLDFAST_DRAIN is %s; give 0s to 5m, such as 5s", c.Drain)
	}
	for _, origin := range c.Origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	if c.TrustedOnly && c.Documents == "" {
		return errors.New("HOLDFAST_TRUSTED_ONLY leaves nothing to run without HOLDFAST_DOCUMENTS: name a file or folder of documents")
	}
	if _, err := parseProxies(c.TrustedProxies); err != nil {
		return err
	}
	if _, err := parseOperations(c.MaxOperations); err != nil {
		return err
	}
	if _, err := tracesURL(c.OTLPEndpoint); err != nil {
		return err
	}
	if c.demo() && !loopback(host) && !c.DemoPublic {
		return fmt.Errorf("demo mode has well-known passwords, and %s can be reached by others: listen on 127.0.0.1, "+
			"or give HOLDFAST_DATABASE (and no HOLDFAST_DEMO), or say HOLDFAST_DEMO_PUBLIC=true if you mean it", c.Addr)
	}
	return nil
}

// hostOf is the host of a HOST:PORT, or an error that says what one is.
func hostOf(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("HOLDFAST_ADDR %q is no HOST:PORT, such as 127.0.0.1:8080: %w", addr, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("HOLDFAST_ADDR %q has the port %q; give a number up to 65535 (0 for any that is free), such as 127.0.0.1:8080", addr, port)
	}
	return host, nil
}

// checkOrigin takes shop.example, shop.example:8443 and https://shop.example.
func checkOrigin(origin string) error {
	scheme, rest, found := strings.Cut(origin, "://")
	if !found {
		scheme, rest = "https", origin
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err == nil && (scheme == "http" || scheme == "https") && u.Host == rest && u.Hostname() != "" && !strings.ContainsAny(rest, "*, ") {
		return nil
	}
	return fmt.Errorf("HOLDFAST_ORIGINS has %q; give hosts such as shop.example or https://shop.example:8443, with commas between them, "+
		"without a path and without *", origin)
}

// autoOperations leaves the numbers to us.
const autoOperations = -1

// parseOperations is how many operations may run at once; 0 for any number.
func parseOperations(text string) (int, error) {
	switch text {
	case "", "off":
		return 0, nil
	case "auto":
		return autoOperations, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxOperations {
		return 0, fmt.Errorf("HOLDFAST_MAX_OPERATIONS is %q; give auto, off, or a number up to %d", text, maxOperations)
	}
	return n, nil
}

// operations is how many queries and how many mutations may run at once on d; 0 for any number.
func (c *serveCommand) operations(d *db.DB) (reads, changes int, err error) {
	n, err := parseOperations(c.MaxOperations)
	if n != autoOperations {
		return n, n, err
	}
	for _, pool := range d.Pools() {
		reads += pool.MaxOpenConnections
	}
	return max(reads, minReads), autoChanges, nil // what SQLite makes wait does not wait long
}

// tracesURL is where the traces of an OTLP endpoint go; "" for none.
func tracesURL(endpoint string) (string, error) {
	if endpoint == "" {
		return "", nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		// Not repeated: it may hold a token.
		return "", errors.New("HOLDFAST_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_ENDPOINT) is no URL of OTLP over HTTP, such as http://127.0.0.1:4318")
	}
	return u.JoinPath("v1", "traces").String(), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
