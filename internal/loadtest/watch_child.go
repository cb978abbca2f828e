package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"holdfast/internal/inventory"
)

// watched is a child that serves sockets.
type watched struct {
	*child
	watchHello
}

// startWatched starts a child.
func startWatched(ctx context.Context, who string) (*watched, error) {
	c, err := startChild(ctx, watchChild, who)
	if err != nil {
		return nil, err
	}
	p := &watched{child: c}
	if err := p.answer(&p.watchHello); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", who, err), p.stop())
	}
	return p, nil
}

func (p *watched) look() (l watchLook, err error) { return l, p.ask(watchOrder{}, &l) }

// commit has the first variant change, and returns its last state.
func (p *watched) commit(rate int, length time.Duration) (last inventory.Stock, err error) {
	return last, p.ask(watchOrder{rate, length}, &last)
}

// resident is how much of the child's memory is in RAM, in bytes.
func (p *watched) resident() (int64, error) { return residentOf(p.cmd.Process.Pid) }

// enoughFiles makes sure that there may be so many sockets. Children inherit the limit.
func enoughFiles(sockets int) error {
	need := uint64(sockets) + 100 //nolint:gosec // a small number
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	limit.Cur, limit.Max = need, max(need, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d sockets need as many open files (ulimit -n): %w", sockets, err)
	}
	return nil
}
