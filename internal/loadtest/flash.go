package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"holdfast/internal/typeid"
)

// flash is the workload of a sale in which most come too late.
const flash = "flash"

const (
	flashStock = 2_000
	// flashPatience is how long it may take until nothing is left.
	flashPatience = 2 * time.Minute
)

// What the rows of a sale are called.
const (
	selling = "Holdfast, until sold out"
	soldOut = "Holdfast, sold out"
	nothing = "{__typename}"
)

// runFlash sells one SKU out in each run: buyers try until it is sold out, and go on trying; then they ask for {__typename}, which
// is what any request costs. It proves that the stock was sold, and not one more.
func runFlash(ctx context.Context, o options, a *all, out io.Writer) ([]*row, error) {
	var rows []*row
	w := workload{name: flash, clients: o.flash, warmup: o.warmup, duration: o.duration}
	m := a.meter(a.market.server.cmd.Process.Pid)
	add := func(run int, who string, s sample) {
		told(out, run, o, w, who, s)
		rows = note(rows, w, who, s)
	}
	for run := range o.runs {
		variant, err := a.market.launch(ctx, fmt.Sprintf("flash-%d", run+1), flashStock)
		if err != nil {
			return nil, err
		}
		buys, asks := make([]place, o.flash), make([]place, o.flash)
		for i, s := range a.market.buyers[:o.flash] {
			buys[i] = s.buys([]string{variant.String()}, 1)
			asks[i] = func(ctx context.Context) outcome { return typename(ctx, &s.conn, s.next()) }
		}
		here := &tally{}
		sold, err := sellOut(ctx, m, buys, here)
		if err != nil {
			return nil, err
		}
		add(run, selling, sold)
		for i := range buys {
			buys[i] = turnsAway(buys[i])
		}
		late, err := drive(ctx, m, buys, w, here)
		if err != nil {
			return nil, err
		}
		add(run, soldOut, late)
		asked, err := drive(ctx, m, asks, w, here)
		if err != nil {
			return nil, err
		}
		add(run, nothing, asked)
		a.placed.join(here)
		if err := proveFlash(ctx, a.lab, a.market.database, variant, flashStock, here); err != nil {
			return nil, err
		}
	}
	_, _ = fmt.Fprintf(out, "flash: %d sales of %d, in each exactly so many were sold\n", o.runs, flashStock)
	return rows, nil
}

// launch puts one more SKU on sale.
func (m *market) launch(ctx context.Context, name string, onHand int) (v typeid.Variant, err error) {
	c := conn{addr: m.server.addr}
	defer c.close()
	token, err := loginMerchant(ctx, &c)
	if err != nil {
		return v, err
	}
	ids, err := createProduct(ctx, &c, token, m.shop, name, 1, onHand)
	if err != nil {
		return v, err
	}
	v, ok := typeid.Parse[typeid.Variant](ids[0])
	if !ok {
		return v, fmt.Errorf("%q is no variant", ids[0])
	}
	return v, nil
}

// sellOut has each client buy until it is refused, and measures from the first call to the last order that was acknowledged.
func sellOut(ctx context.Context, m meter, clients []place, t *tally) (sample, error) {
	start := time.Now()
	before, err := m.readAt(ctx, start)
	diaries := make([]diary, len(clients))
	last := make([]time.Time, len(clients))
	var wg sync.WaitGroup
	for i, next := range clients {
		wg.Go(func() {
			d := &diaries[i]
			d.codes, d.told.faults = make(map[string]int), make(map[string]int)
			for ctx.Err() == nil && time.Since(start) < flashPatience {
				began := time.Now()
				got := next(ctx)
				d.note(got, time.Since(began), true)
				switch {
				case got.code == outOfStock:
					return
				case got.done:
					last[i] = time.Now()
				case got.unsure:
					d.told.faults[got.code]++
					time.Sleep(pause)
				}
			}
		})
	}
	wg.Wait()
	after, err2 := m.readAt(ctx, time.Now())
	if err := t.addAll(ctx, diaries, err, err2); err != nil {
		return sample{}, err
	}
	end := slices.MaxFunc(last, time.Time.Compare)
	if end.Before(start) {
		return sample{}, errors.New("nothing was sold")
	}
	s := summarize(diaries, end.Sub(start), before, after)
	delete(s.codes, outOfStock) // one for each client, which is how it ends
	return s, nil
}

// turnsAway wants to be refused.
func turnsAway(next place) place {
	return func(ctx context.Context) outcome {
		got := next(ctx)
		if got.code == outOfStock {
			return outcome{action: turningAway, done: true, code: got.code}
		}
		return got // what is sold now is one too many, and is proved to be
	}
}

// proveFlash holds the row of what was sold out against what its buyers were told.
func proveFlash(ctx context.Context, l *lab, database string, v typeid.Variant, onHand int, told *tally) error {
	pool, err := l.pool(database)
	if err != nil {
		return err
	}
	defer pool.Close()
	var there, held, holds int
	row := pool.QueryRowContext(ctx, "SELECT on_hand, held, (SELECT COUNT(*) FROM holds h WHERE h.variant_id = s.variant_id AND h.status = 'HELD') FROM stocks s WHERE s.variant_id = ?", v)
	if err := row.Scan(&there, &held, &holds); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("flash: there is no stock of %s", v)
		}
		return fmt.Errorf("flash: %w", err)
	}
	if there != onHand || held != onHand || holds != onHand {
		return fmt.Errorf("flash: of %d on sale %d are on hand, %d held, by %d holds", onHand, there, held, holds)
	}
	if won := told.done[ordering]; won > onHand || won+told.unsure[ordering] < onHand {
		return fmt.Errorf("flash: %d buyers of %d were told that they have one, and %d were left in doubt", won, onHand, told.unsure[ordering])
	}
	return nil
}
