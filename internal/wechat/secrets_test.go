package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What must never be seen. The blank and the slash make URLs write it in other ways.
const (
	canarySecret  = "canary/secret one"
	canaryCode    = "canary/code two"
	canarySession = "canary/session three"
	canaryToken   = "canary/token four"
)

// canaries are all forms of them.
func canaries() []string {
	var out []string
	for _, c := range []string{canarySecret, canaryCode, canarySession, canaryToken} {
		out = append(out, c, url.QueryEscape(c), url.PathEscape(c))
	}
	return out
}

// echo is all that a request holds, in several ways of writing.
func echo(r *http.Request) string {
	text, _ := io.ReadAll(r.Body)
	out := r.URL.String() + " " + r.URL.Query().Encode()
	for _, v := range r.URL.Query() {
		out = fmt.Sprint(v, " ", url.PathEscape(v[0]), " ", out)
	}
	return strings.ReplaceAll(string(text), `"`, "") + " " + out
}

// TestNothingSecretIsTold lets every call fail in every way, and looks at all that comes of it.
func TestNothingSecretIsTold(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]http.HandlerFunc{
		"errmsg": func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"errcode": 40001, "errmsg": echo(r), "session_key": canarySession})
		},
		"another errmsg": func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"errcode": 47003, "errmsg": echo(r), "session_key": canarySession})
		},
		"status":  func(w http.ResponseWriter, r *http.Request) { http.Error(w, echo(r), http.StatusBadGateway) },
		"no JSON": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, echo(r)) },
		"strings": func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintf(w, `{"errcode":%q}`, echo(r)) },
		"only this": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"session_key":%q}`, canarySession)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://%zz/"+r.URL.RawQuery+url.QueryEscape(echo(r)))
			w.WriteHeader(http.StatusFound)
		},
		"cut": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
		"header": func(w http.ResponseWriter, r *http.Request) {
			if c, buffer, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = buffer.WriteString("HTTP/1.1 " + echo(r) + "\r\n" + strings.TrimSpace(echo(r)) + "\r\n\r\n")
				_ = buffer.Flush()
				_ = c.Close()
			}
		},
		"silence": func(http.ResponseWriter, *http.Request) { time.Sleep(200 * time.Millisecond) }, // the caller waits for 50 ms
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tellsNothing(t, name, fail, false)
			tellsNothing(t, name, fail, true)
		})
	}
}

// tellsNothing makes every call to a server that fails so; with token, only after it gave one.
func tellsNothing(t *testing.T, name string, fail http.HandlerFunc, token bool) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token && r.URL.Path == tokenPath {
			_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":7200}`, canaryToken)
			return
		}
		fail(w, r)
	}))
	defer s.Close()
	var log bytes.Buffer
	settings := Settings{
		MiniPrograms: []MiniProgram{{firstApp, canarySecret}}, BaseURL: s.URL, Clock: func() time.Time { return morning },
		Log: slog.New(slog.NewJSONHandler(&log, nil)), Client: &http.Client{Timeout: 50 * time.Millisecond},
	}
	c := clientOf(t, settings)
	_, loginErr := c.OpenID(t.Context(), firstApp, canaryCode)
	_, phoneErr := c.PhoneNumber(t.Context(), firstApp, canaryCode)
	message, messageErr := c.Send(t.Context(), Message{AppID: firstApp})
	upload, uploadErr := c.UploadShipping(t.Context(), goodUpload())
	all := []any{message, upload, settings}
	for _, err := range []error{loginErr, phoneErr, messageErr, uploadErr} {
		for ; err != nil; err = errors.Unwrap(err) {
			all = append(all, err)
		}
	}
	if loginErr == nil || phoneErr == nil {
		t.Fatal("nothing failed")
	}
	for _, one := range all {
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", slog.Any("x", fmt.Sprintf("%v %+v %#v", one, one, one)))
	}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", slog.Any("app", settings.MiniPrograms[0]))
	for _, canary := range canaries() {
		for line := range strings.SplitSeq(log.String(), "\n") {
			if strings.Contains(line, canary) {
				t.Errorf("%s (token %v): %q is in %s", name, token, canary, line)
			}
		}
	}
}

// TestRefusedConnection proves the same of a server that is not there.
func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c := clientOf(t, Settings{MiniPrograms: []MiniProgram{{firstApp, canarySecret}}, BaseURL: s.URL, Clock: func() time.Time { return morning }})
	_, err := c.OpenID(t.Context(), firstApp, canaryCode)
	if err == nil || strings.ContainsAny(err.Error(), "?=") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

// TestRedirectIsNotFollowed proves that the secret goes to no other host.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var visited atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited.Store(true) }))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/?"+r.URL.RawQuery, http.StatusFound)
	}))
	defer s.Close()
	c := clientOf(t, Settings{
		MiniPrograms: []MiniProgram{{firstApp, canarySecret}}, BaseURL: s.URL, Clock: func() time.Time { return morning }, Client: &http.Client{},
	})
	if _, err := c.OpenID(t.Context(), firstApp, canaryCode); err == nil || visited.Load() {
		t.Errorf("followed: %v, %v", visited.Load(), err)
	}
}

// TestOneRequest proves that net/http does not send a log-in twice when a line that was used before is cut: the code is good once.
func TestOneRequest(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, `{"openid":"oSomebody"}`)
	}))
	defer s.Close()
	c := clientOf(t, Settings{MiniPrograms: []MiniProgram{{firstApp, "secret"}}, BaseURL: s.URL, Clock: func() time.Time { return morning }})
	if _, err := c.OpenID(t.Context(), firstApp, "code-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.OpenID(t.Context(), firstApp, "code-2"); err == nil || n.Load() != 2 {
		t.Errorf("%d requests, %v", n.Load(), err)
	}
}

// TestEndlessAnswer proves that reading stops at the bound.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	sent := make(chan int, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := 0
		for ; n < 64; n++ {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1<<20)); err != nil {
				break
			}
		}
		sent <- n
	}))
	defer s.Close()
	c := clientOf(t, Settings{MiniPrograms: []MiniProgram{{firstApp, "secret"}}, BaseURL: s.URL, Clock: func() time.Time { return morning }})
	if _, err := c.OpenID(t.Context(), firstApp, "code-1"); err == nil {
		t.Error("it is taken")
	}
	if n := <-sent; n == 64 {
		t.Errorf("all %d MiB were read", n)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, `{"openid":"oSomebody"}`)
	}))
	defer s.Close()
	c := clientOf(t, Settings{MiniPrograms: []MiniProgram{{firstApp, "secret"}}, BaseURL: s.URL, Clock: func() time.Time { return morning }})
	if got, err := c.OpenID(t.Context(), firstApp, "code-1"); err == nil || !strings.Contains(err.Error(), "HTTP 502") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	var pad atomic.Int64
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if pad.Load() < 0 {
			<-hang
			return
		}
		_, _ = io.WriteString(w, `{"openid":"oSomebody"}`+strings.Repeat(" ", int(pad.Load())))
	}))
	defer s.Close()
	defer close(hang)
	settings := Settings{MiniPrograms: []MiniProgram{{firstApp, "secret"}}, BaseURL: s.URL, Clock: func() time.Time { return morning }}
	c := clientOf(t, settings)
	pad.Store(1<<20 - 22) // 1 MiB with the object
	if _, err := c.OpenID(t.Context(), firstApp, "code-1"); err != nil {
		t.Errorf("1 MiB: %v", err)
	}
	pad.Add(1)
	if _, err := c.OpenID(t.Context(), firstApp, "code-1"); err == nil {
		t.Error("more than 1 MiB is read")
	}
	pad.Store(-1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.OpenID(ctx, firstApp, "code-1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of ctx: %v", err)
	}
	settings.Client = &http.Client{Timeout: 50 * time.Millisecond}
	began := time.Now()
	if _, err := clientOf(t, settings).OpenID(t.Context(), firstApp, "code-1"); err == nil || time.Since(began) > 4*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}
