package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// words are what the program says, which it may say while a test reads.
type words struct {
	sync.Mutex
	b bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.Lock()
	defer w.Unlock()
	return w.b.Write(p)
}

func (w *words) String() string {
	w.Lock()
	defer w.Unlock()
	return w.b.String()
}

// The program makes its keys, says where it is, logs a demo buyer in, and ends when told to.
func TestProgram(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out words
	ended := make(chan error, 1)
	dir := t.TempDir()
	go func() { ended <- run(ctx, []string{"-dir", dir, "-addr", "127.0.0.1:0"}, &out) }()
	var base string
	for deadline := time.After(60 * time.Second); base == ""; {
		if _, after, ok := strings.Cut(out.String(), "pay=http://"); ok {
			base = "http://" + strings.Fields(after)[0]
		}
		select {
		case err := <-ended:
			t.Fatalf("ended: %v\n%s", err, out.String())
		case <-deadline:
			t.Fatalf("did not start: %s", out.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet,
		base+"/sns/jscode2session?appid=wxdemo&secret=demo-app-secret-0000000000000000&js_code=demo-lin&grant_type=authorization_code", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), `"session_key"`) {
		t.Errorf("%v %s", err, body)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if err := run(t.Context(), []string{"-dir", dir, "-write"}, &out); err != nil {
		t.Errorf("with its files there: %v", err)
	}
}
