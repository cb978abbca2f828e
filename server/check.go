package main

import (
	"context"
	"errors"
	"fmt"

	"holdfast/internal/check"
	"holdfast/internal/db"
	"holdfast/internal/payment"
)

// checkCommand proves the invariants on a database, be it in use or not.
type checkCommand struct {
	databaseFlag
	providerRecords

	Format string `enum:"text,json" default:"text" help:"How to print the report: text or json. Default: ${default}."`
}

// Run prints what became of every invariant. It changes nothing, and fails when one is broken.
func (c *checkCommand) Run(ctx context.Context, a *app) error {
	d, err := db.Open(ctx, c.source(), a.database)
	if err != nil {
		return err
	}
	return errors.Join(c.run(ctx, a, d), d.Close())
}

func (c *checkCommand) run(ctx context.Context, a *app, d *db.DB) error {
	err := d.Current(ctx)
	if errors.Is(err, db.ErrOldSchema) {
		return fmt.Errorf("%w; run server migrate first", err)
	}
	if err != nil {
		return err
	}
	start := a.now()
	report, err := check.Run(ctx, d)
	if err != nil {
		return err
	}
	if c.Provider > 0 {
		records, err := c.records(a, d)
		if err != nil {
			return err
		}
		there, err := check.Provider(ctx, d, records, start.Add(-c.Provider))
		if err != nil {
			return err
		}
		report.Results = append(report.Results, there.Results...)
	}
	write := report.WriteText
	if c.Format == "json" {
		write = report.WriteJSON
	}
	if err := write(a.out, a.now().Sub(start)); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if n := report.Broken(); n > 0 {
		return fmt.Errorf("%d of %d invariants are broken", n, len(report.Results))
	}
	return nil
}

// records is whom the check asks what was paid.
func (c *checkCommand) records(a *app, d *db.DB) (payment.Records, error) {
	if c.WeChat != "" {
		real, err := newWeChat(a, d, c.WeChat, 0)
		if err != nil {
			return nil, err
		}
		return real.pay, nil
	}
	if c.Demo != nil && *c.Demo || c.Demo == nil && c.Database == "" {
		return payment.NewSandbox(d, a.now), nil
	}
	return nil, errors.New("--provider needs HOLDFAST_WECHAT, or demo mode: there is no provider to ask")
}
