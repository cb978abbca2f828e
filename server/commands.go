package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"holdfast/graph"
	"holdfast/internal/catalog"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/typeid"
)

// open opens the database and brings it up to date. Trace may be nil.
func (a *app) open(ctx context.Context, source string, trace db.Trace) (*db.DB, error) {
	opts := a.database
	opts.Trace = trace
	d, err := db.Open(ctx, source, opts)
	if err != nil {
		return nil, fmt.Errorf("%w (HOLDFAST_DATABASE or --database says which to open)", err)
	}
	if err := d.Migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate database: %w", err), d.Close())
	}
	return d, nil
}

// migrateCommand brings a database up to date and ends.
type migrateCommand struct{ databaseFlag }

// Help says when one needs it.
func (migrateCommand) Help() string {
	return "Serving does this as well when it starts. By itself it is for deployments that want it done once, before new servers come up. " +
		"It is safe to run at any time and by several at once, and refuses a database that belongs to a newer version."
}

// Run migrates.
func (c *migrateCommand) Run(ctx context.Context, a *app) error {
	d, err := a.open(ctx, c.source(), nil)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(a.out, "The database is up to date.")
	return d.Close()
}

// staffCreateCommand makes a member of staff. The password comes on standard input: a command line is seen by others.
type staffCreateCommand struct {
	databaseFlag

	Email    string        `required:"" help:"What one logs in with."`
	Operator bool          `help:"An operator of the platform, who sees every shop."`
	Shop     string        `placeholder:"ID" help:"A shop to work for."`
	Role     identity.Role `enum:"OWNER,CLERK" default:"OWNER" help:"What one is in the shop: OWNER or CLERK."`
}

// Help gives examples.
func (staffCreateCommand) Help() string {
	return `The password comes on standard input, at least 12 characters:

  server staff create --email boss@example.com --operator
  server staff create --email clerk@example.com --shop shop_01h455vb4pex5vsknk084sn02q --role CLERK <password.txt`
}

// Run creates the person, and the role if one was named.
func (c *staffCreateCommand) Run(ctx context.Context, a *app) error {
	shop, ok := typeid.Parse[typeid.Shop](c.Shop)
	if c.Shop != "" && !ok {
		return fmt.Errorf("--shop %q is no shop's id, such as shop_01h455vb4pex5vsknk084sn02q", c.Shop)
	}
	_, _ = fmt.Fprintln(a.out, "Password, at least 12 characters, then Enter:")
	password, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && password == "" {
		return errors.New("no password on standard input")
	}
	d, err := a.open(ctx, c.source(), nil)
	if err != nil {
		return err
	}
	err = c.create(ctx, a, d, shop, strings.TrimRight(password, "\r\n"))
	if refused := fault.List(err); refused != nil {
		err = refused[0]
	}
	return errors.Join(err, d.Close())
}

// create looks for the shop first, so that nobody is left behind without the role that was meant.
func (c *staffCreateCommand) create(ctx context.Context, a *app, d *db.DB, shop typeid.Shop, password string) error {
	if !shop.IsZero() {
		found, err := catalog.New(d, a.now).Shops(ctx, []typeid.Shop{shop})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("there is no shop %s", shop)
		}
	}
	people := identity.New(d, a.now, identity.NoCodes{}, identity.Settings{}, a.log)
	id, err := people.CreateStaff(ctx, c.Email, password, c.Operator)
	if err == nil && !shop.IsZero() {
		err = people.GrantRole(ctx, id, shop, c.Role)
	}
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(a.out, "Created", id)
	return nil
}

// staffGrantCommand gives a member of staff a role in a shop, in place of the one they had.
type staffGrantCommand struct {
	databaseFlag

	Email string        `required:"" help:"What one logs in with."`
	Shop  string        `required:"" placeholder:"ID" help:"The shop."`
	Role  identity.Role `enum:"OWNER,CLERK" default:"CLERK" help:"What one is to be in the shop: OWNER or CLERK."`
}

// Run gives the role.
func (c *staffGrantCommand) Run(ctx context.Context, a *app) error {
	shop, ok := typeid.Parse[typeid.Shop](c.Shop)
	if !ok {
		return fmt.Errorf("--shop %q is no shop's id, such as shop_01h455vb4pex5vsknk084sn02q", c.Shop)
	}
	d, err := a.open(ctx, c.source(), nil)
	if err != nil {
		return err
	}
	people := identity.New(d, a.now, identity.NoCodes{}, identity.Settings{}, a.log)
	member, err := people.StaffByEmail(ctx, c.Email)
	if err == nil {
		err = people.GrantRole(ctx, member.ID, shop, c.Role)
	}
	if refused := fault.List(err); refused != nil {
		err = refused[0]
	}
	if err == nil {
		_, _ = fmt.Fprintln(a.out, member.Email, "is", c.Role, "of", shop)
	}
	return errors.Join(err, d.Close())
}

// schemaCommand prints the SDL.
type schemaCommand struct{}

// Run prints.
func (schemaCommand) Run(a *app) error {
	_, err := fmt.Fprint(a.out, graph.SDL())
	return err
}
