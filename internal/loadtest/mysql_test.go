package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A MySQL of our own is durable, and nothing is left of it.
func TestOwnMySQL(t *testing.T) {
	t.Parallel()
	script, err := keeperScript(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := startMySQL(t.Context(), script, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLab(t.Context(), m.url)
	if err != nil {
		t.Fatal(errors.Join(err, m.stop()))
	}
	var machine bytes.Buffer
	err = printMachine(t.Context(), &machine, l)
	for _, set := range []string{"innodb_flush_log_at_trx_commit=1", "sync_binlog=1", "log_bin=ON", "innodb_doublewrite=ON"} {
		if !strings.Contains(machine.String(), set) {
			t.Errorf("not %s: %s", set, machine.String())
		}
	}
	mysqld := l.mysqld
	if err := errors.Join(err, l.close(), m.stop()); err != nil {
		t.Error(err)
	}
	if mysqld == 0 || !errors.Is(syscall.Kill(mysqld, 0), syscall.ESRCH) {
		t.Errorf("process %d runs on", mysqld)
	}
	if _, err := os.Stat(m.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", m.dir, err)
	}
}

// Where none can be had it is said what to do; an interrupt ends what has only begun. Neither leaves anything.
func TestNoMySQL(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	script := func(text string) string {
		file := filepath.Join(t.TempDir(), "databases")
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, file := range map[string]string{"no script": filepath.Join(t.TempDir(), "none"), "it fails": script("exit 1\n")} {
		if _, err := startMySQL(t.Context(), file, t.Output()); err == nil || !strings.Contains(err.Error(), "name one with -database mysql://") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, interrupt := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer interrupt()
	from := time.Now()
	_, err := startMySQL(ctx, script("sleep 60\n"), t.Output())
	wants(t, err, "interrupted")
	if took := time.Since(from); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
