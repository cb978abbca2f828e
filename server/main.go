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
	Serve   serveCommand   `cmd:"" default:"withargs" help:"Serve the API. It is what happens without a command."`
	Migrate migrateCommand `cmd:"" help:"Bring the database up to this program's schema, and end."`
	Staff   struct {
		Create staffCreateCommand `cmd:"" help:"Create a member of staff, or an operator of the platform."`
		Grant  staffGrantCommand  `cmd:"" help:"Give a member of staff a role in a shop."`
	} `cmd:"" help:"People who work for shops or for the platform."`
	Check     checkCommand     `cmd:"" help:"Prove the invariants on the database, while it is in use."`
	Reconcile reconcileCommand `cmd:"" help:"Compare a day with WeChat Pay's bills, now."`
	Schema    schemaCommand    `cmd:"" help:"Print the API's schema (GraphQL SDL)."`
	Health    healthCommand    `cmd:"" help:"Ask a running server whether it is ready."`
	Version   versionCommand   `cmd:"" help:"Say what this program is: version, revision, Go, database schema."`
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
	parsed := kong.Parse(&cli, append(options(), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a))...)
	a.warn(ctx, unknownVariables(os.Environ(), variables(parsed.Model)))
	if err := parsed.Run(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "server:", err)
		stop()
		os.Exit(1)
	}
}

// warn tells of variables that do nothing, before anybody wonders why.
func (a *app) warn(ctx context.Context, found []misspelt) {
	for _, m := range found {
		if m.meant == "" {
			a.log.WarnContext(ctx, "an environment variable is not known; see server --help for those that are", "name", m.name)
			continue
		}
		a.log.WarnContext(ctx, "an environment variable is not known", "name", m.name, "did_you_mean", m.meant)
	}
}
