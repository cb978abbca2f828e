package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is the server, running.
type process struct {
	cmd  *exec.Cmd
	addr string
	log  string
	done chan error
}

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
)

// startServer builds the server and has it serve the database on a free loopback port.
func startServer(ctx context.Context, l *lab, database string) (*process, error) {
	binary := filepath.Join(l.dir, "server")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "holdfast/server") //nolint:gosec // a folder of our own
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the server: %w\n%s", err, out)
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	p := &process{addr: addr, log: filepath.Join(l.dir, "server.log"), done: make(chan error, 1)}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()                                                      // the process has its own
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary)        //nolint:gosec // what was just built; stop ends it
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                // an interrupt at the terminal is for us alone
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = log, log, append(os.Environ(), // a file, as in production
		"HOLDFAST_DATABASE="+l.source(database), "HOLDFAST_DEMO=true", "HOLDFAST_ADDR="+addr, "HOLDFAST_HOLD=2h",
		"HOLDFAST_MAX_OPEN=1000000", "HOLDFAST_RATE_LIMITS=off")
	if l.configure != nil {
		more, err := l.configure(addr)
		if err != nil {
			return nil, fmt.Errorf("configure the server: %w", err)
		}
		p.cmd.Env = append(p.cmd.Env, more...)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	if err := p.ready(ctx); err != nil {
		return nil, errors.Join(err, p.stop(true))
	}
	return p, nil
}

func freeAddr(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// ready waits until the server would serve.
func (p *process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-p.done:
			p.done <- err
			return fmt.Errorf("the server ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// logTail is how many lines of the server's log are shown when something went wrong.
const logTail = 20

// stop ends the server and shows what it logged beside requests: the last of it when something failed, or else the first
// warning.
func (p *process) stop(failed bool) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	var err error
	select {
	case err = <-p.done:
	case <-time.After(stopTimeout):
		err = errors.Join(errors.New("the server did not end when told to"), p.cmd.Process.Kill())
	}
	text, readErr := os.ReadFile(p.log)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) || failed && !strings.Contains(line, `"level":"INFO"`) {
			lines = append(lines, line)
		}
	}
	if failed || err != nil {
		lines = lines[max(0, len(lines)-logTail):]
	} else {
		lines = lines[:min(1, len(lines))]
	}
	if len(lines) > 0 {
		_, _ = fmt.Fprintf(os.Stderr, "The server logged:\n%s", strings.Join(lines, ""))
	}
	return errors.Join(err, readErr)
}
