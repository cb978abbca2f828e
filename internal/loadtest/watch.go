package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// watch is the workload of sockets.
const watch = "watch"

const (
	idleSockets = 5_000
	busySockets = 2_000
	// watchedVariants are what idle sockets watch, in turn. Busy ones all watch the first.
	watchedVariants = 50
	// flood is how often a second the variant changes for sockets that nobody could keep up with.
	flood = 200
	// calm is how often it changes for sockets that should be told of every change.
	calm = 10
	// settling is how long idle sockets are left alone before they are measured.
	settling = time.Second
)

// crowds are how many sockets there are.
type crowds struct{ idle, busy int }

// watchSample is what one run measured of one contender.
type watchSample struct {
	goroutines, resident, collected, heap float64 // of an idle socket; bytes
	flood, calm                           pace
	size                                  float64 // bytes of a message
}

// pace is how fast states reached busy sockets.
type pace struct {
	rate     float64       // messages a second, all sockets together
	cpu, own time.Duration // of the server's CPU, and of ours, for 1,000 messages
	share    float64       // of all states that were committed, how much a socket was told
	p50, p99 time.Duration // from commit to client; 0 where it was not measured
}

// runWatch measures both, run after run, and prints the table. They take turns in being first.
func runWatch(ctx context.Context, o options, out io.Writer) error {
	if err := enoughFiles(max(o.watch.idle, o.watch.busy)); err != nil {
		return err
	}
	who := []string{holdfast, stockGqlgen}
	samples := make(map[string][]watchSample)
	for run := range o.runs {
		for i := range who {
			name := who[(run+i)%len(who)]
			s, err := watchOnce(ctx, name, o)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", watch, name, err)
			}
			samples[name] = append(samples[name], s)
			_, _ = fmt.Fprintf(out, "run %d of %d  %-7s %-24s %7.0f messages/s\n", run+1, o.runs, watch, name, s.flood.rate)
		}
	}
	printWatch(out, o, samples[holdfast], samples[stockGqlgen])
	return nil
}

// watchOnce measures one contender: idle sockets in one process, busy ones in another, which nothing came before.
func watchOnce(ctx context.Context, who string, o options) (s watchSample, err error) {
	err = withCrowd(ctx, who, o.watch.idle, watchedVariants, func(p *watched, before idleState, _ *crowd) error {
		time.Sleep(settling)
		after, err := p.idle()
		n := float64(o.watch.idle)
		s.goroutines, s.heap = (after.goroutines-before.goroutines)/n, (after.heap-before.heap)/n
		s.resident, s.collected = (after.resident-before.collected)/n, (after.collected-before.collected)/n
		return err
	})
	if err != nil {
		return s, err
	}
	return s, withCrowd(ctx, who, o.watch.busy, 1, func(p *watched, _ idleState, c *crowd) (err error) {
		if s.calm, err = drivePace(ctx, p, c, calm, o); err != nil {
			return err
		}
		s.flood, err = drivePace(ctx, p, c, flood, o)
		n, bytes := c.messages()
		s.size = float64(bytes) / float64(n)
		return err
	})
}

// withCrowd starts a child and opens sockets to it.
func withCrowd(ctx context.Context, who string, sockets, variants int, do func(*watched, idleState, *crowd) error) (err error) {
	p, err := startWatched(ctx, who)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	before, err := p.idle()
	if err != nil {
		return err
	}
	c, err := openCrowd(ctx, p.Addr, p.Variants[:variants], sockets)
	defer c.close()
	if err != nil {
		return err
	}
	return do(p, before, c)
}

// idleState is what a child takes while nothing happens.
type idleState struct{ goroutines, resident, collected, heap float64 }

func (p *watched) idle() (s idleState, err error) {
	resident, err := p.resident()
	if err != nil {
		return s, err
	}
	within, err := p.look()
	if err != nil {
		return s, err
	}
	collected, err := p.resident()
	return idleState{float64(within.Goroutines), float64(resident), float64(collected), float64(within.Heap)}, err
}

// counted is what has been counted up to some moment.
type counted struct {
	at       time.Time
	messages int64
	newest   int64
	cpu, own time.Duration
}

func countNow(p *watched, c *crowd) (counted, error) {
	cpu, err := usedBy(p.cmd.Process.Pid)
	own, err2 := usedBy(os.Getpid())
	n, _ := c.messages()
	return counted{time.Now(), n, c.newest(), cpu, own}, errors.Join(err, err2)
}

// drivePace changes the variant, and measures from the end of the warm-up. In the end each socket must have the newest state.
func drivePace(ctx context.Context, p *watched, c *crowd, rate int, o options) (pace, error) {
	type end struct {
		version int64
		err     error
	}
	ended := make(chan end, 1)
	go func() {
		last, err := p.commit(rate, o.warmup+o.duration)
		ended <- end{last.Version, err}
	}()
	time.Sleep(o.warmup)
	c.timing.Store(rate == calm)
	before, err := countNow(p, c)
	time.Sleep(o.duration)
	after, err2 := countNow(p, c)
	c.timing.Store(false)
	last := <-ended
	if err := errors.Join(err, err2, last.err); err != nil {
		return pace{}, err
	}
	if err := c.wait(ctx, last.version, callTimeout); err != nil {
		return pace{}, err
	}
	n := float64(after.messages - before.messages)
	perThousand := func(cpu time.Duration) time.Duration { return time.Duration(float64(cpu) / n * 1000) }
	out := pace{
		rate:  n / after.at.Sub(before.at).Seconds(),
		cpu:   perThousand(after.cpu - before.cpu),
		own:   perThousand(after.own - before.own),
		share: n / float64(len(c.sockets)) / float64(after.newest-before.newest),
	}
	if rate == calm {
		took := c.took()
		out.p50, out.p99 = percentile(took, 50), percentile(took, 99)
	}
	return out, nil
}
