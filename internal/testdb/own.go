package testdb

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/db"
)

// Server is a MySQL that one test has for itself, to be killed, frozen and started again.
type Server struct {
	// URL names it without a database, as HOLDFAST_TEST_MYSQL does.
	URL string

	say  io.WriteCloser
	hear *bufio.Scanner
}

// Own starts a MySQL, which takes some 5 s, and ends it with the test. Where there is none the test is
// skipped, and fails in CI.
func Own(t *testing.T) *Server {
	t.Helper()
	shared(t, "HOLDFAST_TEST_MYSQL")
	ctx := context.WithoutCancel(t.Context())                                                                   // the keeper has to end by itself
	keeper := exec.CommandContext(ctx, filepath.Join(repository(t), ".ci", "databases"), "--keep", t.TempDir()) //nolint:gosec // our own script
	keeper.Stderr = t.Output()
	s := &Server{}
	var err error
	if s.say, err = keeper.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := keeper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.hear = bufio.NewScanner(out)
	if err := keeper.Start(); err != nil {
		t.Fatalf("start a MySQL of the test's own: %v", err)
	}
	t.Cleanup(func() {
		_ = s.say.Close() // at which the keeper kills what it keeps
		_ = keeper.Wait() // whatever it says of that
	})
	if s.URL, err = s.answer(); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("there is no MySQL that a test may kill: .ci/databases, which needs Debian, does not start one: %v", err)
		}
		t.Fatalf("start a MySQL of the test's own: %v", err)
	}
	return s
}

// Source makes a fresh, migrated database there.
func (s *Server) Source(t *testing.T) string {
	t.Helper()
	source := create(t, s.URL)
	if err := Open(t, source, db.Options{}).Migrate(t.Context()); err != nil {
		t.Fatalf("migrate test database: %v", err)
	}
	return source
}

// Kill ends the server as a crash does. The caller starts it again before its test ends.
func (s *Server) Kill(t *testing.T) { s.order(t, "kill") }

// Start starts what was killed, at the same address, and returns when it listens.
func (s *Server) Start(t *testing.T) { s.order(t, "start") }

// Freeze stops the server where it is: its connections stay, and say nothing.
func (s *Server) Freeze(t *testing.T) { s.order(t, "freeze") }

// Thaw has it go on.
func (s *Server) Thaw(t *testing.T) { s.order(t, "thaw") }

func (s *Server) order(t *testing.T, what string) {
	t.Helper()
	_, err := fmt.Fprintln(s.say, what)
	if err == nil {
		_, err = s.answer()
	}
	if err != nil {
		t.Fatalf("%s the test's own MySQL: %v", what, err)
	}
}

func (s *Server) answer() (string, error) {
	if !s.hear.Scan() {
		return "", fmt.Errorf("its keeper has ended: %w", s.hear.Err())
	}
	return strings.TrimSpace(s.hear.Text()), nil
}

// repository is the folder of go.mod, above the package that is tested.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("there is no go.mod above this package")
		}
		dir = up
	}
}
