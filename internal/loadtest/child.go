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
)

// child is a process of this program that serves something, seen from its parent.
type child struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Reader
}

// startChild starts this program with these arguments.
func startChild(ctx context.Context, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &child{cmd: exec.CommandContext(context.WithoutCancel(ctx), self, args...)} //nolint:gosec // ourselves; stop ends it
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                          // an interrupt at the terminal is for us alone
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
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	return p, nil
}

func (p *child) answer(into any) error {
	line, err := p.answers.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

// ask sends a line, and reads the one that answers it.
func (p *child) ask(what, into any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		return err
	}
	return p.answer(into)
}

// stop ends the child, whose sockets are closed already or end with it.
func (p *child) stop() error {
	_ = p.in.Close()
	end := time.AfterFunc(stopTimeout, func() { _ = p.cmd.Process.Kill() })
	defer end.Stop()
	return p.cmd.Wait()
}

// residentOf is how much of a process's memory is in RAM, in bytes.
func residentOf(pid int) (int64, error) {
	text, err := proc(pid, "status")
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
