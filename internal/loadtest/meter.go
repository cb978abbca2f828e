package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// meter reads what a measurement costs.
type meter struct {
	admin            *sql.DB // nil when the database is no server
	database, server int     // their processes; 0 for none that can be seen
}

// reading is what has been counted up to some moment.
type reading struct {
	questions, resident int64
	lockWait            time.Duration
	own                 time.Duration // CPU time of this process
	server, database    time.Duration // of those; -1 where it cannot be seen
}

// readAt reads when the time has come.
func (m meter) readAt(ctx context.Context, at time.Time) (r reading, err error) {
	select {
	case <-ctx.Done():
		return r, ctx.Err()
	case <-time.After(time.Until(at)):
	}
	if m.admin != nil {
		got, err := namesAndValues(ctx, m.admin, "SHOW GLOBAL STATUS WHERE Variable_name IN ('Questions', 'Innodb_row_lock_time')")
		if err != nil {
			return r, err
		}
		if r.questions, err = strconv.ParseInt(got["Questions"], 10, 64); err != nil {
			return r, err
		}
		waited, _ := strconv.ParseInt(got["Innodb_row_lock_time"], 10, 64)
		r.lockWait = time.Duration(waited) * time.Millisecond
	}
	r.server, r.database = cpuOf(m.server), cpuOf(m.database)
	if m.server != 0 {
		if r.resident, err = residentOf(m.server); err != nil {
			return r, err
		}
	}
	r.own, err = usedBy(os.Getpid())
	return r, err
}

// cpuOf is usedBy, or -1 where it cannot be seen.
func cpuOf(pid int) time.Duration {
	if pid == 0 {
		return -1
	}
	used, err := usedBy(pid)
	if err != nil {
		return -1
	}
	return used
}

func between(before, after time.Duration, n int) time.Duration {
	if before < 0 || after < 0 {
		return -1
	}
	return (after - before) / time.Duration(n)
}

// listening is the state of a socket in /proc/net/tcp that takes connections.
const listening = "0A"

// databaseProcess is the process of the MySQL at an address of this machine, found by its port; 0 when it cannot be seen.
func databaseProcess(server *url.URL) int {
	port, err := strconv.ParseUint(server.Port(), 10, 16)
	if err != nil || !slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, server.Hostname()) {
		return 0
	}
	sockets := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table) //nolint:gosec // one of these two
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == listening && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if to, err := os.Readlink(file); err != nil || !sockets[to] {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil {
			return pid
		}
	}
	return 0
}

// namesAndValues runs one of MySQL's SHOW statements.
func namesAndValues(ctx context.Context, admin *sql.DB, query string) (map[string]string, error) {
	rows, err := admin.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	out := make(map[string]string)
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, rows.Err()
}
