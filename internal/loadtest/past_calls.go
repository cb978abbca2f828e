package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/catalog"
	"holdfast/internal/checkout"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/identity"
	orders "holdfast/internal/order"
	"holdfast/internal/page"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// pastCall is one thing that is asked of a database with a past.
type pastCall struct {
	name string
	// planned is set when the plans of its statements are worth showing: those of a read.
	planned bool
	call    func(ctx context.Context, a *app.App) error
}

// pastApp is the business on a database.
func pastApp(d *db.DB) *app.App {
	now := clock.Of(time.Now)
	return app.New(d, now, slog.New(slog.DiscardHandler), app.Settings{Hold: 15 * time.Minute, MaxOpen: 1_000_000, Provider: payment.NewSandbox(d, now)})
}

// calls are what shops, buyers and the server itself ask for all day.
func (p *pastDB) calls() []pastCall {
	list := func(name string, of typeid.Shop, f orders.Filter, after typeid.UUID, least int) pastCall {
		return pastCall{name, true, func(ctx context.Context, a *app.App) error {
			got, err := a.Orders.OfShops(ctx, []typeid.Shop{of}, f, page.Query{First: 20, After: after})
			return enough(len(got[of].Items), least, err)
		}}
	}
	shop := func(name string, f orders.Filter, after typeid.UUID, least int) pastCall {
		return list("shop's orders: "+name, p.shops[0], f, after, least)
	}
	small := func(name string, f orders.Filter, after typeid.UUID, least int) pastCall {
		return list("small shop's orders: "+name, p.shops[pastShops-1], f, after, least)
	}
	buyer := func(name string, f orders.Filter, least int) pastCall {
		return pastCall{"buyer's history: " + name, true, func(ctx context.Context, a *app.App) error {
			got, err := a.Orders.OfBuyers(ctx, p.buyers[:1], f, page.Query{First: 20})
			return enough(len(got[p.buyers[0]].Items), least, err)
		}}
	}
	from, before := p.when.Add(-84*time.Hour), p.when.Add(84*time.Hour)
	week := orders.Filter{PlacedFrom: &from, PlacedBefore: &before}
	someInWeek := week
	someInWeek.Statuses = []orders.Status{orders.Completed, orders.Cancelled, orders.Refunded}
	goods := p.goods[0]
	return []pastCall{
		shop("first page", orders.Filter{}, typeid.UUID{}, 20),
		shop("a page in the middle", orders.Filter{}, p.middle.UUID, 20),
		shop("one status", orders.Filter{Statuses: []orders.Status{orders.Paid}}, typeid.UUID{}, 20),
		shop("three statuses", orders.Filter{Statuses: []orders.Status{orders.Paid, orders.Completed, orders.Refunded}}, typeid.UUID{}, 20),
		shop("a week", week, typeid.UUID{}, 20),
		shop("a week, three statuses", someInWeek, typeid.UUID{}, 20),
		shop("by number", orders.Filter{Text: p.number}, typeid.UUID{}, 1),
		shop("by phone", orders.Filter{Text: p.phone}, typeid.UUID{}, 1),
		shop("by a rare sku", orders.Filter{Text: goods[len(goods)-1].sku}, typeid.UUID{}, 5),
		shop("by a common sku", orders.Filter{Text: goods[0].sku}, typeid.UUID{}, 20),
		shop("by a common sku, one status", orders.Filter{Text: goods[0].sku, Statuses: []orders.Status{orders.Completed}}, typeid.UUID{}, 20),
		small("a page in the middle", orders.Filter{}, p.middle.UUID, 20),
		small("one status", orders.Filter{Statuses: []orders.Status{orders.Cancelled}}, p.middle.UUID, 1),
		small("a week", week, typeid.UUID{}, 1),
		small("a week, three statuses", someInWeek, typeid.UUID{}, 1),
		buyer("first page", orders.Filter{}, 20),
		buyer("one status", orders.Filter{Statuses: []orders.Status{orders.Cancelled}}, 1),
		buyer("a sku", orders.Filter{Text: goods[0].sku}, 1),
		{"low stock of a shop", true, func(ctx context.Context, a *app.App) error {
			got, err := a.Catalog.VariantsOfShops(ctx, p.shops[:1], catalog.VariantQuery{Query: page.Query{First: 20}, OnlyLow: true})
			return enough(len(got[p.shops[0]].Items), 15, err)
		}},
		{"stock movements of a variant", true, func(ctx context.Context, a *app.App) error {
			got, err := a.Inventory.MovementsOf(ctx, []typeid.Variant{goods[0].id}, page.Query{First: 20})
			return enough(len(got[goods[0].id].Items), 20, err)
		}},
		{"a shop's books: first page", true, func(ctx context.Context, a *app.App) error {
			got, err := a.Payments.EntriesOfShops(ctx, p.shops[:1], page.Query{First: 20})
			return enough(len(got[p.shops[0]].Items), 20, err)
		}},
		{"a shop's balances", true, func(ctx context.Context, a *app.App) error {
			got, err := a.Payments.BalancesOfShops(ctx, p.shops[:1])
			return enough(len(got), 3, err)
		}},
		{"sweeper: overdue checkouts", true, sweep},
		{"job queue: due jobs", true, func(ctx context.Context, a *app.App) error {
			_, err := a.Jobs.RunDue(ctx)
			return err
		}},
		{"checkout and payment", false, p.buy},
	}
}

func enough(got, least int, err error) error {
	if err == nil && got < least {
		return fmt.Errorf("found %d, want %d or more", got, least)
	}
	return err
}

// sweeping is asked by trace to end a sweep once it has looked.
type sweeping struct{ looked context.CancelFunc }

type sweepKey struct{}

// sweep looks for overdue checkouts once, as the server does all day.
func sweep(ctx context.Context, a *app.App) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.Checkouts.Sweep(context.WithValue(ctx, sweepKey{}, sweeping{cancel}))
	return nil
}

// trace ends a sweep when its first statement has ended.
func trace(ctx context.Context, _ string) (context.Context, func(error)) {
	s, ok := ctx.Value(sweepKey{}).(sweeping)
	if !ok {
		return ctx, func(error) {}
	}
	return ctx, func(error) { s.looked() }
}

// pastBuyer counts, so that each purchase is of a buyer of its own.
//
//nolint:gochecknoglobals // a counter
var pastBuyer atomic.Int64

// buy places a checkout and pays it.
func (p *pastDB) buy(ctx context.Context, a *app.App) error {
	n := int(pastBuyer.Add(1))
	who := identity.Principal{Buyer: p.buyers[1+n%(len(p.buyers)-1)], MiniProgram: p.mini}
	placed, err := a.Checkouts.Place(ctx, who, checkout.Input{
		IdempotencyKey: rand.Text(),
		Lines:          []checkout.LineInput{{VariantID: p.goods[0][n%len(p.goods[0])].id.String(), Quantity: 1}},
		ShipTo:         &orders.Address{Name: shipTo.Name, Phone: shipTo.Phone, Country: "CN", Province: shipTo.Province, City: shipTo.City, Street: shipTo.Street},
	})
	if err != nil {
		return err
	}
	_, err = a.Checkouts.SandboxConfirm(ctx, who, placed.Payment.ID.String())
	return err
}

// measurePast has both databases do everything in turn, so that what else the machine does hits both, and prints medians.
func measurePast(ctx context.Context, name string, both []*pastDB, times int, out io.Writer) error {
	apps, calls := make([]*app.App, len(both)), make([][]pastCall, len(both))
	for i, p := range both {
		apps[i], calls[i] = pastApp(p.DB), p.calls()
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s, median of %d\t%d orders, ms\t%d orders, ms\tratio\tplan with %d\n", name, times, both[0].orders, both[1].orders, both[1].orders)
	for c, what := range calls[0] {
		took := make([][]float64, len(both))
		for n := range times + times/10 { // a tenth to warm up
			for i := range both {
				start := time.Now()
				if err := calls[i][c].call(ctx, apps[i]); err != nil {
					return errors.Join(fmt.Errorf("%s, %d orders: %w", what.name, both[i].orders, err), w.Flush())
				}
				if n >= times/10 {
					took[i] = append(took[i], millis(time.Since(start)))
				}
			}
		}
		few, many := median(took[0]), median(took[1])
		plan := ""
		if what.planned {
			var err error
			if plan, err = both[len(both)-1].plan(ctx, calls[len(both)-1][c]); err != nil {
				return errors.Join(fmt.Errorf("%s: explain: %w", what.name, err), w.Flush())
			}
		}
		_, _ = fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%s\n", what.name, few, many, many/few, plan)
	}
	return w.Flush()
}

func (p *pastDB) plan(ctx context.Context, c pastCall) (string, error) {
	seen, err := p.spy(ctx, c)
	if err != nil {
		return "", err
	}
	var plans []string
	for _, s := range seen {
		plan, err := p.explain(ctx, s)
		if err != nil {
			return "", err
		}
		plans = append(plans, plan)
	}
	return strings.Join(slices.Compact(plans), " | "), nil
}
