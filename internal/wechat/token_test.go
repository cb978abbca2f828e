package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// use makes a call that needs a token, and wants it to be let through.
func (w *world) use(app string) {
	w.t.Helper()
	got, err := w.Send(w.t.Context(), Message{AppID: app, OpenID: "nobody", TemplateID: "none"})
	if err != nil || got.State != BadRecipient {
		w.t.Errorf("%s: got %v, %v", app, got, err)
	}
}

func TestTokenIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	step := func(by time.Duration, fetched int) {
		t.Helper()
		w.clock.Advance(by)
		w.wechats.Advance(by)
		w.use(firstApp)
		w.wantCalls(t, tokenPath, fetched)
	}
	step(0, 1)
	step(time.Hour, 1)
	step(55*time.Minute-time.Second, 1) // 5 minutes and a second are left
	step(time.Second, 2)                // the same one, which has just 5 minutes left
	step(time.Second, 2)                // and is kept a little while all the same
	step(time.Minute, 3)                // its successor
	step(time.Hour, 3)
	w.use(secondApp) // has one of its own
	w.wantCalls(t, tokenPath, 4)
	for _, body := range w.sent(tokenPath) {
		var got struct {
			Force *bool `json:"force_refresh"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Force == nil || *got.Force {
			t.Errorf("asked by force: %s", body)
		}
	}
}

func TestTokenIsFetchedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range 50 {
		app := []string{firstApp, secondApp}[i%2]
		w.sim.Know(app, "only-in-"+app)
		all.Go(func() {
			<-start
			got, err := w.Send(t.Context(), Message{AppID: app, OpenID: "only-in-" + app, TemplateID: "none"})
			if err != nil || got.State != BadTemplate { // with the other's token it would be a BadRecipient
				t.Errorf("%s: got %v, %v", app, got, err)
			}
		})
	}
	close(start)
	all.Wait()
	w.wantCalls(t, tokenPath, 2)
}

// TestFetchOutlivesItsCaller proves that the others get the token when the one who came first leaves.
func TestFetchOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			close(asked)
			<-answer
			_, _ = io.WriteString(w, `{"access_token":"token-one","expires_in":7200}`)
			return
		}
		_, _ = io.WriteString(w, `{"errcode":0}`)
	}))
	defer s.Close()
	c := clientOf(t, Settings{MiniPrograms: []MiniProgram{{firstApp, "secret"}}, BaseURL: s.URL, Clock: func() time.Time { return morning }})
	ctx, leave := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	send := func(ctx context.Context, done chan<- error) {
		_, err := c.Send(ctx, Message{AppID: firstApp})
		done <- err
	}
	go send(ctx, first)
	<-asked
	go send(t.Context(), second)
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrNotAsked) {
		t.Errorf("the first: %v", err)
	}
	close(answer)
	if err := <-second; err != nil {
		t.Errorf("the second: %v", err)
	}
}

// TestTokenRefused proves that a token which became invalid is replaced, without force, and the call repeated.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.use(firstApp)
	// Another process asked by force: 40001.
	body := `{"grant_type":"client_credential","appid":"` + firstApp + `","secret":"` + secretOf(firstApp) + `","force_refresh":true}`
	r := httptest.NewRecorder()
	w.sim.ServeHTTP(r, httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader(body)))
	w.use(firstApp)
	w.wantCalls(t, tokenPath, 2)
	w.wantCalls(t, messagePath, 3)
	// WeChat's clock is ahead: 42001.
	w.wechats.Advance(3 * time.Hour)
	w.use(firstApp)
	w.wantCalls(t, tokenPath, 3)
	w.wantCalls(t, messagePath, 5)
	if n := w.sim.Effects()["token"]; n != 3 {
		t.Errorf("%d tokens were made, want 3: one of them by force, and not by us", n)
	}
}

// TestSameTokenAgain proves when force is used: only when WeChat hands out the very token that it refuses, and at most once in 30 s.
func TestSameTokenAgain(t *testing.T) {
	t.Parallel()
	same := `{"access_token":"token-one","expires_in":7200}`
	for _, code := range []string{"40001", "42001", "40014"} {
		c, r, now := scripted(t, map[string][]string{
			tokenPath:   {same},
			messagePath: {`{"errcode":` + code + `,"errmsg":"invalid credential"}`},
		})
		send := func(forced, calls int) {
			t.Helper()
			got, err := c.Send(t.Context(), Message{AppID: firstApp})
			if err != nil || got.State != Later {
				t.Errorf("got %v, %v", got, err)
			}
			n := 0
			for _, body := range r.sent(tokenPath) {
				if strings.Contains(body, `"force_refresh":true`) {
					n++
				}
			}
			if n != forced {
				t.Errorf("%s: %d tokens by force, want %d", code, n, forced)
			}
			r.wantCalls(t, messagePath, calls)
		}
		send(1, 2)
		send(1, 4)
		now.Advance(29 * time.Second)
		send(1, 6)
		now.Advance(time.Second)
		send(2, 8)
	}
}

func TestForceGivesANewToken(t *testing.T) {
	t.Parallel()
	c, r, _ := scripted(t, map[string][]string{
		tokenPath: {
			`{"access_token":"token-one","expires_in":7200}`, `{"access_token":"token-one","expires_in":7200}`,
			`{"access_token":"token-two","expires_in":7200}`,
		},
		messagePath: {`{"errcode":40001,"errmsg":"invalid credential"}`, `{"errcode":0,"errmsg":"ok"}`},
	})
	for range 2 {
		if got, err := c.Send(t.Context(), Message{AppID: firstApp}); err != nil || got.State != Done {
			t.Errorf("got %v, %v", got, err)
		}
	}
	r.wantCalls(t, tokenPath, 3)
}

// TestLateRefusal proves that a refusal of an older token does not take the newer one away.
func TestLateRefusal(t *testing.T) {
	t.Parallel()
	a := &app{}
	a.keep("new", morning.Add(time.Hour))
	a.drop("old")
	if token, ok := a.current(morning); token != "new" || !ok {
		t.Errorf("got %q, %v", token, ok)
	}
	if a.mayForce("old", morning) {
		t.Error("what was refused late is forced")
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answers []string
		calls   int
	}{
		"busy":         {[]string{`{"errcode":-1,"errmsg":"system error"}`}, 2},
		"wrong secret": {[]string{`{"errcode":40001,"errmsg":"invalid credential"}`}, 1}, // no reason to ask again
		"empty":        {[]string{`{"expires_in":7200}`}, 1},
		"no time":      {[]string{`{"access_token":"token-one","expires_in":0}`}, 1},
		"long time":    {[]string{`{"access_token":"token-one","expires_in":9000000000000000000}`}, 1},
	} {
		c, r, _ := scripted(t, map[string][]string{tokenPath: test.answers, messagePath: {`{"errcode":0}`}})
		if got, err := c.Send(t.Context(), Message{AppID: firstApp}); !errors.Is(err, ErrNotAsked) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		r.wantCalls(t, tokenPath, test.calls)
		r.wantCalls(t, messagePath, 0)
	}
	c, _, _ := scripted(t, map[string][]string{
		tokenPath: {`{"errcode":-1,"errmsg":"system error"}`, `{"access_token":"token-one","expires_in":7200}`}, messagePath: {`{"errcode":0}`},
	})
	if got, err := c.Send(t.Context(), Message{AppID: firstApp}); err != nil || got.State != Done {
		t.Errorf("busy once: got %v, %v", got, err)
	}
}
