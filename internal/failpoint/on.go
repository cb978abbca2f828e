//go:build failpoint

package failpoint

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Enabled tells whether this program can die at its points. What is only worked out for a detail stands behind it.
const Enabled = true

// armed is where this process dies; nil for nowhere.
var armed = sync.OnceValue(func() *spot { //nolint:gochecknoglobals // a process dies once
	text, ok := os.LookupEnv("HOLDFAST_FAILPOINT") //nolint:forbidigo // server cannot hand it over without being built for it
	if !ok {
		return nil
	}
	s, err := parse(text)
	if err != nil {
		panic(err) //nolint:forbidigo // a test that was never armed proves nothing
	}
	return s
})

// spot is where and when to die.
type spot struct {
	point   Point
	with    []string
	without []string

	mu   sync.Mutex
	left int // times until then
}

func parse(text string) (*spot, error) {
	where, texts, _ := strings.Cut(text, ": ")
	point, times, counted := strings.Cut(where, "@")
	s := &spot{point: Point(point), left: 1}
	if counted {
		n, err := strconv.Atoi(times)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("HOLDFAST_FAILPOINT: %q is no number of times", times)
		}
		s.left = n
	}
	switch s.point {
	case Begin, Statement, Commit, Committed, Call, Called, Answer:
	default:
		return nil, fmt.Errorf("HOLDFAST_FAILPOINT: there is no point %q", point)
	}
	for part := range strings.SplitSeq(texts, " && ") {
		if not, ok := strings.CutPrefix(part, "!"); ok {
			s.without = append(s.without, not)
		} else {
			s.with = append(s.with, part)
		}
	}
	return s, nil
}

// reached counts, and tells whether this is the time.
func (s *spot) reached(p Point, detail string) bool {
	if p != s.point {
		return false
	}
	for _, text := range s.with {
		if !strings.Contains(detail, text) {
			return false
		}
	}
	for _, text := range s.without {
		if strings.Contains(detail, text) {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left--
	return s.left == 0
}

// Reach kills the process if this is where it shall die. Nothing is flushed, no deferred function runs, and nobody is told: what
// other goroutines do is cut off wherever they are.
func Reach(p Point, detail string) {
	s := armed()
	if s == nil || !s.reached(p, detail) {
		return
	}
	line, _ := json.Marshal(map[string]string{"msg": "failpoint", "point": string(p), "detail": detail}) // strings always encode
	_, _ = os.Stderr.Write(append(line, '\n'))
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill() // SIGKILL
	}
	select {} // it may take a moment, in which this goroutine does nothing more
}
