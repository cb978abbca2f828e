package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/inventory"
)

// watched is a child process of this program that serves sockets, seen from its parent.
type watched struct {
	watchHello

	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Reader
}

// startWatched starts a child.
func startWatched(ctx context.Context, who string) (*watched, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &watched{cmd: exec.CommandContext(context.WithoutCancel(ctx), self, watchChild, who)} //nolint:gosec // ourselves; stop ends it
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                                    // an interrupt at the terminal is for us alone
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", who, err)
	}
	if err := p.answer(&p.watchHello); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", who, err), p.stop())
	}
	return p, nil
}

func (p *watched) answer(into any) error {
	line, err := p.answers.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

func (p *watched) ask(o watchOrder, into any) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		return err
	}
	return p.answer(into)
}

func (p *watched) look() (l watchLook, err error) { return l, p.ask(watchOrder{}, &l) }

// commit has the first variant change, and returns its last state.
func (p *watched) commit(rate int, length time.Duration) (last inventory.Stock, err error) {
	return last, p.ask(watchOrder{rate, length}, &last)
}

// stop ends the child, whose sockets are closed already or end with it.
func (p *watched) stop() error {
	_ = p.in.Close()
	end := time.AfterFunc(stopTimeout, func() { _ = p.cmd.Process.Kill() })
	defer end.Stop()
	return p.cmd.Wait()
}

// resident is how much of the child's memory is in RAM, in bytes.
func (p *watched) resident() (int64, error) {
	text, err := proc(p.cmd.Process.Pid, "status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(text, "VmRSS:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " kB")
	n, err := strconv.ParseInt(number, 10, 64)
	return n << 10, err
}

// clockTick is the unit of /proc/PID/stat on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// usedBy is how much CPU time a process has taken.
func usedBy(pid int) (time.Duration, error) {
	text, err := proc(pid, "stat")
	if err != nil {
		return 0, err
	}
	// The name, which comes first, may have spaces in it.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("read CPU time: %q", text)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(err, err2)
}

func proc(pid int, file string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	return string(bytes.TrimSpace(text)), err
}

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
