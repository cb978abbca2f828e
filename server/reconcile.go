package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/job"
	"holdfast/internal/reconcile"
)

// weChatFlag is for commands that ask WeChat.
type weChatFlag struct {
	WeChat string `name:"wechat" env:"HOLDFAST_WECHAT" placeholder:"PATH" help:"A JSON file of mini-programs and merchants: logins and payments go to WeChat."`
}

// reconcileCommand compares a day with the bills, whether or not a server runs.
type reconcileCommand struct {
	databaseFlag
	weChatFlag

	Day      string `placeholder:"YYYY-MM-DD" help:"A day in Beijing, such as 2026-11-22, of the last three months. Without it, the last whose bills are ready."`
	Merchant string `placeholder:"NUMBER" help:"One of the configured merchants. Without it, all."`
}

// Help says what comes of it.
func (reconcileCommand) Help() string {
	return "A running server does this by itself at 10:30 in Beijing, for the day before. What was found before is replaced. " +
		"Of today nothing is written down: its bills are there in the simulator alone (-bills-today)."
}

// Run prints what the bills and the books say, and fails when they say different things.
func (c *reconcileCommand) Run(ctx context.Context, a *app) error {
	if c.WeChat == "" {
		return errors.New("HOLDFAST_WECHAT names no file of merchants: the bills of nobody can be had")
	}
	d, err := a.open(ctx, c.source(), nil)
	if err != nil {
		return err
	}
	return errors.Join(c.run(ctx, a, d), d.Close())
}

func (c *reconcileCommand) run(ctx context.Context, a *app, d *db.DB) error {
	real, err := newWeChat(a, d, c.WeChat, 0)
	if err != nil {
		return err
	}
	r := reconcile.New(d, a.now, real.pay, job.New(d, a.now, a.log), a.log)
	day, merchants := c.Day, []string{c.Merchant}
	if day == "" {
		day = r.Newest()
	}
	if c.Merchant == "" {
		merchants = real.pay.Merchants()
	}
	different := 0
	for _, merchant := range merchants {
		compare := r.Compare
		if day == r.Today() && slices.Contains(real.pay.Merchants(), merchant) {
			compare = r.Preview
		} else if err := r.Check(merchant, day); err != nil {
			if refused := fault.List(err); refused != nil {
				return fmt.Errorf("%s, %s: %w", merchant, day, refused[0])
			}
			return err
		}
		found, err := compare(ctx, merchant, day)
		if err != nil {
			return err
		}
		if c.print(a, found); found.Status != reconcile.Matched {
			different++
		}
	}
	if different > 0 {
		return fmt.Errorf("%s: WeChat Pay and the books say different things of %d of %d merchants", day, different, len(merchants))
	}
	return nil
}

// print writes a line for a merchant, and one for each difference.
func (c *reconcileCommand) print(a *app, r *reconcile.Result) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(a.out, format+"\n", args...) }
	say("%s  %-10s  %-9s  %d payments, %s; %d refunds, %s; fees %s", r.Day, r.Merchant, r.Status, r.Payments, r.Received, r.Refunds, r.Refunded, r.Fees)
	for _, d := range r.Differences {
		order := "no order known"
		if d.OrderID != nil {
			order = d.OrderID.String()
		}
		say("      %s %s, %s, here %d, there %d: %s", d.Kind, d.Subject, order, d.Here.Amount, d.There.Amount, d.Note)
	}
	if more := r.DifferenceCount - len(r.Differences); more > 0 {
		say("      and %d more", more)
	}
}

// providerRecords is how long `check --provider` looks back, and whom it asks.
type providerRecords struct {
	weChatFlag

	Demo     *bool         `env:"HOLDFAST_DEMO" negatable:"" help:"Demo mode, in which the sandbox keeps the records. On by default only without a database of one's own."`
	Provider time.Duration `placeholder:"DURATION" help:"Ask the payment provider, too, about all that was paid, let go, refunded and shared in that time, such as 24h."`
}
