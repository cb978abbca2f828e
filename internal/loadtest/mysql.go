package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// onOwnMySQL is the -database that is started for the time being, as the test command starts its own.
const onOwnMySQL = "mysql"

// ownMySQL is a MySQL that this run has for itself.
type ownMySQL struct {
	url    string
	dir    string
	keeper *exec.Cmd
	in     io.Closer // its end is the keeper's, and the database's, also when this process is killed
}

// keeperScript is what keeps a MySQL: it unpacks one into the user's cache if there is none yet.
func keeperScript(ctx context.Context) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), ".ci", "databases"), nil
}

// startMySQL starts one with a fresh folder for its data in $TMPDIR, as durable as by default. What the script has to say goes to log.
func startMySQL(ctx context.Context, script string, log io.Writer) (m *ownMySQL, err error) {
	m = &ownMySQL{}
	if m.dir, err = os.MkdirTemp("", "holdfast-loadtest-mysql-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("no MySQL could be started (%w): name one with -database mysql://user:password@host:3306/ or HOLDFAST_TEST_MYSQL, or take -database sqlite; "+
				".ci/databases starts one on Debian 12 or later, and fetches it the first time", errors.Join(err, m.stop()))
			m = nil
		}
	}()
	m.keeper = exec.CommandContext(context.WithoutCancel(ctx), script, "--keep", m.dir) //nolint:gosec // our own script; stop ends it
	m.keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                          // an interrupt at the terminal is for us alone
	m.keeper.Stderr = log
	if m.in, err = m.keeper.StdinPipe(); err != nil {
		return m, err
	}
	out, err := m.keeper.StdoutPipe()
	if err != nil {
		return m, err
	}
	if err = m.keeper.Start(); err != nil {
		return m, err
	}
	// Until it listens the script hears nothing: an interrupt ends it and all that it has started.
	group := -m.keeper.Process.Pid
	halt := context.AfterFunc(ctx, func() { _ = syscall.Kill(group, syscall.SIGTERM) })
	defer halt()
	line, err := bufio.NewReader(out).ReadString('\n')
	if ctx.Err() != nil {
		return m, errors.New("interrupted")
	}
	m.url = strings.TrimSpace(line)
	return m, err
}

// stop ends it and removes its data.
func (m *ownMySQL) stop() error {
	if m.keeper != nil && m.keeper.Process != nil {
		_ = m.in.Close()
		_ = m.keeper.Wait() // it tells how the database ended, which was killed
	}
	return os.RemoveAll(m.dir) //nolint:gosec // what MkdirTemp made
}
