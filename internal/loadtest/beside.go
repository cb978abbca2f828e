package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// beside is the workload of one buyer while others crowd into another shop.
const beside = "beside"

// crowdSizes are how many want one SKU at once.
func crowdSizes() []int { return []int{0, 64, 256, 1024} }

// runBeside prints what one buyer notices of crowds in another shop, then proves that nothing was oversold or lost.
func runBeside(ctx context.Context, o options, out io.Writer) (err error) {
	l, err := newLab(ctx, o.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	sizes := crowdSizes()
	o.accounts = 1
	m, err := openMarket(ctx, l, slices.Max(sizes)+1, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.server.stop(err != nil)) }()
	placed := &tally{}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "in the other shop\torders/s\trefused\tone buyer's p50 ms\tp99 ms\ttimes as long")
	var quiet time.Duration
	for _, size := range sizes {
		crowd, one, err := m.crowd(ctx, l, size, o, placed)
		if err != nil {
			return err
		}
		if size == 0 {
			quiet = one.p50
		}
		_, _ = fmt.Fprintf(w, "%d\t%.0f\t%s\t%.1f\t%.1f\t%.1f\n", size, crowd.rate, codes([]sample{crowd}),
			millis(one.p50), millis(one.p99), float64(one.p50)/float64(max(1, quiet)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return prove(ctx, l, []proof{{m.database, holdfast, placed}}, out)
}

// crowd has size buyers want one SKU while one buys in another shop, and measures both.
func (m *market) crowd(ctx context.Context, l *lab, size int, o options, placed *tally) (crowd, one sample, err error) {
	w := workload{name: beside, clients: size, warmup: o.warmup, duration: o.duration}
	clients := make([]place, size)
	for i, s := range m.buyers[1 : size+1] {
		clients[i] = s.buys(m.hot, 1)
	}
	var wg sync.WaitGroup
	var err2 error
	wg.Go(func() { crowd, err2 = drive(ctx, l.meter(0), clients, w, placed) })
	one, err = drive(ctx, l.meter(0), []place{m.buyers[0].buys(m.other, 1)}, w, placed)
	wg.Wait()
	return crowd, one, errors.Join(err, err2)
}
