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

// open opens the database and brings it up to date.
func (a *app) open(ctx context.Context, source string) (*db.DB, error) {
	d, err := db.Open(ctx, source, a.database)
	if err != nil {
		return nil, err
	}
	if err := d.Migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate database: %w", err), d.Close())
	}
	return d, nil
}

// migrateCommand brings a database up to date and ends.
type migrateCommand struct{ databaseFlag }

// Run migrates.
func (c *migrateCommand) Run(ctx context.Context, a *app) error {
	d, err := a.open(ctx, c.source())
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
	d, err := a.open(ctx, c.source())
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

// schemaCommand prints the SDL.
type schemaCommand struct{}

// Run prints.
func (schemaCommand) Run(a *app) error {
	_, err := fmt.Fprint(a.out, graph.SDL())
	return err
}
