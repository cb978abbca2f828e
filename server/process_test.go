package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is this program, running by itself, in a folder and an environment of its own.
type process struct {
	cmd      *exec.Cmd
	out, err output
	url      string
	exited   chan struct{} // closed when it has ended
	code     int
	signal   syscall.Signal // what killed it; 0 for none
}

// output is what a process writes, while it writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String is what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// program prepares the server as a command. Of the environment it sees env alone. The test binary plays the server, so that
// nothing has to be built again: see TestMain.
func program(t *testing.T, dir, stdin string, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return programAt(t, self, dir, stdin, append([]string{beServer + "=1", "GORACE=atexit_sleep_ms=10"}, env...), args...)
}

// programAt is program for another binary.
func programAt(t *testing.T, binary, dir, stdin string, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), binary, args...), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"HOME=" + dir, "TZ=Asia/Shanghai"}, env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(stdin), &p.out, &p.err
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %v: %v", p.cmd.Args, err)
	}
	go func() {
		defer close(p.exited)
		var failed *exec.ExitError
		if err := p.cmd.Wait(); errors.As(err, &failed) {
			p.code = failed.ExitCode()
			if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				p.signal = status.Signal()
			}
		} else if err != nil {
			p.code = -1
		}
	}()
	t.Cleanup(func() {
		select {
		case <-p.exited:
		default:
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
	})
}

// run runs a command to its end.
func run(t *testing.T, dir, stdin string, env []string, args ...string) *process {
	t.Helper()
	p := program(t, dir, stdin, env, args...)
	p.start(t)
	p.wait(t)
	return p
}

// wait waits for the end.
func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		t.Fatalf("%v does not end; it said:\n%s%s", p.cmd.Args, p.out.String(), p.err.String())
	}
}

// terminate sends SIGTERM.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("terminate: %v", err)
	}
}

// end terminates it and expects a good end.
func (p *process) end(t *testing.T) {
	t.Helper()
	p.terminate(t)
	p.wait(t)
	if p.code != 0 {
		t.Errorf("ended with %d:\n%s", p.code, p.err.String())
	}
	p.checkLog(t)
}

// checkLog looks at standard error, where a server writes its log and nothing else.
func (p *process) checkLog(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(p.err.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is no JSON: %s", line)
		}
	}
}

var greeting = regexp.MustCompile(`http://(\S+)/graphql`)

// serve starts a server on a free port and waits until it is ready; took is how long that was.
func serve(t *testing.T, dir string, env ...string) (p *process, took time.Duration) {
	t.Helper()
	p = program(t, dir, "", append([]string{"HOLDFAST_ADDR=127.0.0.1:0"}, env...))
	start := time.Now()
	p.start(t)
	if !p.awaitReady(t) {
		t.Fatalf("the server ended with %d:\n%s%s", p.code, p.out.String(), p.err.String())
	}
	return p, time.Since(start)
}

// awaitReady waits until the server is ready, or false: until it has ended.
func (p *process) awaitReady(t *testing.T) bool {
	t.Helper()
	for start := time.Now(); time.Since(start) < 30*time.Second; {
		select {
		case <-p.exited:
			return false
		case <-time.After(5 * time.Millisecond):
		}
		if m := greeting.FindStringSubmatch(p.out.String()); m != nil {
			p.url = "http://" + m[1]
		}
		if p.url != "" && p.isReady(t) {
			return true
		}
	}
	t.Fatalf("the server never became ready:\n%s%s", p.out.String(), p.err.String())
	return false
}

func (p *process) isReady(t *testing.T) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// world is the process as the helpers of the stories take it.
func (p *process) world() *world { return &world{url: p.url, log: &logBuffer{}} }
