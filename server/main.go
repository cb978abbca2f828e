// Command server is Holdfast: a GraphQL backend-for-frontend for mini-program shops. Without arguments it serves; see
// --help for the other commands.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"holdfast/graph"
	"holdfast/internal/clock"
	"holdfast/internal/db"
)

// commands is the command line.
type commands struct {
	Serve   serveCommand   `cmd:"" default:"withargs" help:"Serve the API (the default)."`
	Migrate migrateCommand `cmd:"" help:"Bring the database up to this program's schema."`
	Staff   struct {
		Create staffCreateCommand `cmd:"" help:"Create a member of staff, or an operator of the platform."`
	} `cmd:"" help:"People who work for shops or for the platform."`
	Schema schemaCommand `cmd:"" help:"Print the API's schema (SDL)."`
}

// app is what every command is given.
type app struct {
	now clock.Clock
	log *slog.Logger
	in  *os.File
	out *os.File
	// What tests look through: a program leaves them zero.
	database db.Options
	edge     graph.Options
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{
		now: clock.Of(time.Now),
		log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		in:  os.Stdin, out: os.Stdout,
	}
	var cli commands
	parsed := kong.Parse(&cli, kong.Name("server"),
		kong.Description("Holdfast: one request prices, holds, orders, divides and prepares the payment of a mini-program's checkout."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a), kong.UsageOnError())
	if err := parsed.Run(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "server:", err)
		stop()
		os.Exit(1)
	}
}
