package wechat

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/fault"
	"holdfast/internal/identity"
	"holdfast/internal/wechatsim/sim"
)

var _ identity.CodeExchanger = (*Client)(nil)

// morning is when the tests begin: 10 o'clock in Beijing.
var morning = time.Date(2026, 3, 4, 2, 0, 0, 0, time.UTC)

const (
	firstApp  = "wxfirst"
	secondApp = "wxsecond"
	buyer     = "oBuyer-0000000000000000000001"
)

func secretOf(appID string) string { return "secret-of-" + appID }

// world is a client with the simulator behind real HTTP. Their clocks are apart, so that they can disagree.
type world struct {
	*Client
	*recorder
	t       *testing.T
	sim     *sim.Sim
	clock   *clock.Manual
	wechats *clock.Manual
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOf(t, sim.Config{DemoCodes: true, MiniPrograms: []sim.MiniProgram{
		{
			AppID: firstApp, Secret: secretOf(firstApp), Pages: []string{"pages/order/order"},
			Templates: map[string][]string{"paid": {"character_string1", "amount2", "time3"}, "restock": {"thing1"}},
		},
		{AppID: secondApp, Secret: secretOf(secondApp)},
	}})
}

func worldOf(t *testing.T, config sim.Config) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewManual(morning), wechats: clock.NewManual(morning)}
	config.Clock, config.Seed = w.wechats.Now, 1
	var err error
	if w.sim, err = sim.New(config); err != nil {
		t.Fatal(err)
	}
	w.recorder = record(t, w.sim)
	var apps []MiniProgram
	for _, m := range config.MiniPrograms {
		apps = append(apps, MiniProgram{AppID: m.AppID, Secret: m.Secret})
	}
	w.Client = clientOf(t, Settings{MiniPrograms: apps, BaseURL: w.url, Clock: w.clock.Now})
	return w
}

func clientOf(t *testing.T, s Settings) *Client {
	t.Helper()
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// recorder is a server that remembers what it was sent.
type recorder struct {
	url string

	mu     sync.Mutex
	bodies map[string][]string // by path
}

func record(t *testing.T, h http.Handler) *recorder {
	t.Helper()
	r := &recorder{bodies: map[string][]string{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		r.mu.Lock()
		r.bodies[q.URL.Path] = append(r.bodies[q.URL.Path], string(body))
		r.mu.Unlock()
		q.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, q)
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// sent are the bodies that a path got.
func (r *recorder) sent(path string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bodies[path]...)
}

func (r *recorder) wantCalls(t *testing.T, path string, want int) {
	t.Helper()
	if got := len(r.sent(path)); got != want {
		t.Errorf("%d calls of %s, want %d", got, path, want)
	}
}

// script answers a path with these bodies, one after the other; the last one stays.
type script struct {
	mu      sync.Mutex
	answers map[string][]string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.answers[r.URL.Path]
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	if len(list) > 1 {
		s.answers[r.URL.Path] = list[1:]
	}
	_, _ = io.WriteString(w, list[0])
}

// scripted is a client of the first mini-program whose WeChat says what it is told to.
func scripted(t *testing.T, answers map[string][]string) (*Client, *recorder, *clock.Manual) {
	t.Helper()
	r := record(t, &script{answers: answers})
	now := clock.NewManual(morning)
	c := clientOf(t, Settings{
		MiniPrograms: []MiniProgram{{AppID: firstApp, Secret: secretOf(firstApp)}}, BaseURL: r.url, Clock: now.Now,
		Log: slog.New(slog.DiscardHandler),
	})
	return c, r, now
}

const (
	loginPath   = "/sns/jscode2session"
	tokenPath   = "/cgi-bin/stable_token"
	phonePath   = "/wxa/business/getuserphonenumber"
	messagePath = "/cgi-bin/message/subscribe/send"
	shipPath    = "/wxa/sec/order/upload_shipping_info"
	combinePath = "/wxa/sec/order/upload_combined_shipping_info"
)

// refusal is the code and text of a refusal, or empty.
func refusal(err error) (fault.Code, string) {
	if r, ok := errors.AsType[*fault.Error](err); ok {
		return r.Code, r.Error()
	}
	return "", ""
}

func TestSettings(t *testing.T) {
	t.Parallel()
	good := Settings{MiniPrograms: []MiniProgram{{"wxa", "s"}}, Clock: clock.NewManual(morning).Now}
	if c, err := New(good); err != nil || c.base != DefaultBaseURL || c.http.Timeout != 5*time.Second {
		t.Errorf("got %v", err)
	}
	for name, change := range map[string]func(*Settings){
		"no clock":  func(s *Settings) { s.Clock = nil },
		"no app":    func(s *Settings) { s.MiniPrograms = nil },
		"no secret": func(s *Settings) { s.MiniPrograms = []MiniProgram{{"wxa", ""}} },
		"no id":     func(s *Settings) { s.MiniPrograms = []MiniProgram{{"", "s"}} },
		"twice":     func(s *Settings) { s.MiniPrograms = []MiniProgram{{"wxa", "s"}, {"wxa", "t"}} },
		"no URL":    func(s *Settings) { s.BaseURL = "weixin" },
		"no host":   func(s *Settings) { s.BaseURL = "https:///x" },
		"a file":    func(s *Settings) { s.BaseURL = "file://host/x" },
	} {
		s := good
		change(&s)
		if _, err := New(s); err == nil {
			t.Errorf("%s: nothing is wrong with it", name)
		}
	}
}
