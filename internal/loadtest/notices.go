package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/wechatsim/sim"
)

// notices is the workload of buyers who pay at WeChat, whose notices arrive while others check out.
const notices = "notices"

// weChat is a simulator in this process, which a server started by the lab talks to.
type weChat struct {
	*sim.Sim
	end func()
}

// startWeChat begins to simulate, and has the lab's next server pay there.
func startWeChat(ctx context.Context, l *lab) (*weChat, error) {
	world, err := sim.Demo(clock.Of(time.Now))
	if err != nil {
		return nil, err
	}
	made, err := sim.New(world.Config)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve WeChat: %w", err)
	}
	server := &http.Server{Handler: made, ReadHeaderTimeout: callTimeout}
	running, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { _ = server.Serve(listener) })
	work.Go(func() { made.Run(running) })
	l.configure = func(addr string) ([]string, error) {
		dir := filepath.Join(l.dir, "wechat")
		err := world.Save(dir, "http://"+listener.Addr().String(), "http://"+addr+"/wechatpay/notify")
		// No share falls into the measurement: it is of notices.
		return []string{"HOLDFAST_WECHAT=" + filepath.Join(dir, "wechat.json"), "HOLDFAST_SHARE_AFTER=2h"}, err
	}
	return &weChat{made, func() {
		_ = server.Close()
		stop()
		work.Wait()
	}}, nil
}

// settled waits until every notice was taken, and returns how long each attempt took that was, since the first so many.
func (w *weChat) settled(ctx context.Context, since int) ([]time.Duration, int, error) {
	for open, lost := w.Undelivered(); open > 0; open, lost = w.Undelivered() {
		if lost > 0 || ctx.Err() != nil {
			return nil, 0, errors.Join(fmt.Errorf("%d notices were given up", lost), ctx.Err())
		}
		time.Sleep(pause)
	}
	var took []time.Duration
	refused := 0
	for _, d := range w.Deliveries()[since:] {
		if d.Taken() {
			took = append(took, d.Took)
		} else {
			refused++
		}
	}
	return took, refused, nil
}

// paysAt buys, and pays what was bought before, in turn.
func (s *shopper) paysAt(w *weChat, goods []string) place {
	return func(ctx context.Context) outcome {
		if len(s.unpaid) == 0 {
			got, u := buy(ctx, &s.conn, s.next(), rand.Text(), pick(goods, 1))
			if got.done {
				s.unpaid = append(s.unpaid, u)
			}
			return got
		}
		u := s.unpaid[0]
		s.unpaid = s.unpaid[1:]
		if err := w.Pay(u.weChat, ""); err != nil {
			return outcome{action: paying, code: err.Error(), unsure: true}
		}
		return outcome{action: paying, done: true}
	}
}

// runNotices prints what checkouts lose by the notices of those that are paid, and how soon notices are acknowledged, then proves that
// everything that was paid at WeChat is paid here.
func runNotices(ctx context.Context, o options, out io.Writer) (err error) {
	l, err := newLab(ctx, o.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := printMachine(ctx, out, l); err != nil {
		return err
	}
	wx, err := startWeChat(ctx, l)
	if err != nil {
		return err
	}
	defer wx.end()
	buyers := o.buyers
	if buyers == 0 {
		buyers = 64
	}
	m, err := openMarket(ctx, l, buyers, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.server.stop(err != nil)) }()
	var without, with []sample
	var took []time.Duration
	refused, placed := 0, &tally{}
	for range o.runs {
		s, err := m.pressed(ctx, l, o, buyers, nil, placed)
		if err != nil {
			return err
		}
		without = append(without, s)
		since := len(wx.Deliveries())
		if s, err = m.pressed(ctx, l, o, buyers, wx, placed); err != nil {
			return err
		}
		with = append(with, s)
		some, again, err := wx.settled(ctx, since)
		if err != nil {
			return err
		}
		took, refused = append(took, some...), refused+again
	}
	printNotices(out, without, with, took, refused)
	return prove(ctx, l, []proof{{m.database, holdfast, placed}}, out)
}

// pressed has all buyers check out, and pay at wx unless it is nil.
func (m *market) pressed(ctx context.Context, l *lab, o options, buyers int, wx *weChat, placed *tally) (sample, error) {
	clients := make([]place, buyers)
	for i, s := range m.buyers[:buyers] {
		if wx == nil {
			clients[i] = s.buys(m.spread, 1)
		} else {
			clients[i] = s.paysAt(wx, m.spread)
		}
	}
	w := workload{name: notices, clients: buyers, warmup: o.warmup, duration: o.duration}
	return drive(ctx, l.meter(m.server.cmd.Process.Pid), clients, w, placed)
}

func printNotices(out io.Writer, without, with []sample, took []time.Duration, refused int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\ncheckouts\t/s\tp50 ms\tp99 ms\tpaid/s\trefused")
	for _, r := range []struct {
		name    string
		samples []sample
	}{{"nobody pays", without}, {"all pay at WeChat", with}} {
		middle := func(value func(sample) float64) float64 { return median(each(r.samples, value)) }
		_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.1f\t%.0f\t%s\n", r.name,
			middle(func(s sample) float64 { return s.each[ordering].rate }), middle(func(s sample) float64 { return millis(s.each[ordering].p50) }),
			middle(func(s sample) float64 { return millis(s.each[ordering].p99) }), middle(func(s sample) float64 { return s.each[paying].rate }),
			codes(r.samples))
	}
	_ = w.Flush()
	slices.Sort(took)
	_, _ = fmt.Fprintf(out, "%d notices acknowledged: p50 %.1f ms, p99 %.1f ms, longest %.1f ms; %d attempts were not\n\n",
		len(took), millis(percentile(took, 50)), millis(percentile(took, 99)), millis(percentile(took, 100)), refused)
}
