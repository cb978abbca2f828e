// Package wechat is the client of WeChat's mini-program server API: log-in, access tokens, phone numbers, subscribe messages and the
// upload of shipping information. It is our own on net/http, because silenceper/wechat v2 keeps its client and URLs in package
// globals, prints URLs with the secret in its errors, takes no ctx in half of its calls, and brings redis and memcache along.
//
// Secrets, codes, session keys and access tokens are in no error, no log and no result.
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
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"holdfast/internal/clock"
)

const (
	// DefaultBaseURL is WeChat's own.
	DefaultBaseURL = "https://api.weixin.qq.com"

	callTimeout = 5 * time.Second
	maxAnswer   = 1 << 20
)

// MiniProgram is one appId with the secret that WeChat gave it.
type MiniProgram struct {
	AppID  string
	Secret string
}

// String leaves the secret out.
func (m MiniProgram) String() string { return m.AppID }

// GoString leaves the secret out.
func (m MiniProgram) GoString() string { return m.AppID }

// LogValue keeps the secret out of logs.
func (m MiniProgram) LogValue() slog.Value { return slog.StringValue(m.AppID) }

// Settings are what a Client is made of.
type Settings struct {
	MiniPrograms []MiniProgram // at least one
	BaseURL      string        // empty is DefaultBaseURL
	Client       *http.Client  // nil is one of its own; it never follows redirects, and takes 5 s for a call if it has no timeout
	Clock        clock.Clock   // required
	Log          *slog.Logger  // nil says nothing
}

// Client calls the API for its mini-programs. All methods may be called at once. Each is bounded by ctx, and each call that it makes
// by 5 s.
type Client struct {
	base   string
	http   *http.Client
	now    clock.Clock
	log    *slog.Logger
	apps   map[string]*app
	tokens singleflight.Group
}

// app is a mini-program and its access token.
type app struct {
	MiniProgram

	mu      sync.Mutex
	token   string
	until   time.Time // when the token is fetched again
	refused string    // the last token that WeChat did not take
	forced  time.Time // when a new one was last asked for by force
}

// New makes a client, or says what is missing in its settings.
func New(s Settings) (*Client, error) {
	if s.Clock == nil || len(s.MiniPrograms) == 0 {
		return nil, errors.New("wechat: a clock and a mini-program are required")
	}
	c := &Client{base: strings.TrimRight(s.BaseURL, "/"), http: ownClient(s.Client), now: s.Clock, log: s.Log, apps: map[string]*app{}}
	if c.base == "" {
		c.base = DefaultBaseURL
	}
	if u, err := url.Parse(c.base); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("wechat: the base URL is no http or https URL")
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for _, m := range s.MiniPrograms {
		switch {
		case m.AppID == "" || m.Secret == "":
			return nil, fmt.Errorf("wechat: mini-program %q lacks its appId or its secret", m.AppID)
		case c.apps[m.AppID] != nil:
			return nil, fmt.Errorf("wechat: mini-program %s is there twice", m.AppID)
		}
		c.apps[m.AppID] = &app{MiniProgram: m}
	}
	return c, nil
}

// ownClient is a copy of the given client, or a new one, that goes nowhere but where it is sent: a redirect would carry the secret
// in the URL to another host.
func ownClient(given *http.Client) *http.Client {
	own := http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: callTimeout,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
	}}
	if given != nil {
		own = *given
	}
	if own.Timeout <= 0 {
		own.Timeout = callTimeout
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// request is one call. What is secret in it, and may be repeated by an answer or by the network's errors, is named.
type request struct {
	method, path string
	query        url.Values
	body         any // nil is none
	secrets      []string
}

// do makes one call and reads its answer into a struct. An answer with an errcode is an *Error; of any other error nobody knows
// whether the call had its effect.
func (c *Client) do(ctx context.Context, q request, into any) error {
	status, body, err := c.roundTrip(ctx, q)
	if err != nil {
		return unanswered(q, err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s: the answer is HTTP %d", q.path, status)
	}
	var head struct {
		Code int    `json:"errcode"`
		Text string `json:"errmsg"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return fmt.Errorf("%s: the answer is not what it should be", q.path)
	}
	if head.Code != 0 {
		return &Error{Path: q.path, Code: head.Code, Text: scrub(head.Text, q.secrets)}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: the answer is not what it should be", q.path)
	}
	return nil
}

func (c *Client) roundTrip(ctx context.Context, q request) (status int, answer []byte, err error) {
	// A reader that net/http does not know keeps it from sending the request a second time on its own when the line is cut: codes
	// are good once. An empty one is not sent.
	body := io.MultiReader()
	if q.body != nil {
		text, err := encode(q.body)
		if err != nil {
			return 0, nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, q.method, c.base+q.path+"?"+q.query.Encode(), body)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "holdfast")
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it has been read
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	return resp.StatusCode, answer, err
}

// encode makes JSON that leaves <, > and & as they are: parts of WeChat show their escapes to people.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// post makes a data call with the access token of a mini-program. When WeChat does not take the token, it is fetched anew and the
// call is repeated, once: it had no effect. The first result is WeChat's answer, with code 0 if it did what was asked; the second says
// that there is none.
func (c *Client) post(ctx context.Context, appID, path string, body, into any, secrets ...string) (Error, error) {
	a := c.apps[appID]
	if a == nil {
		return Error{}, fmt.Errorf("%w: mini-program %q is not configured", ErrNotAsked, appID)
	}
	for again := false; ; again = true {
		token, err := c.accessToken(ctx, a)
		if err != nil {
			return Error{}, fmt.Errorf("%w: fetch the access token of %s: %w", ErrNotAsked, appID, err)
		}
		err = c.do(ctx, request{
			method: http.MethodPost, path: path, query: url.Values{"access_token": {token}}, body: body,
			secrets: append([]string{token, a.Secret}, secrets...),
		}, into)
		answer, answered := errors.AsType[*Error](err)
		switch {
		case err == nil:
			return Error{}, nil
		case !answered:
			return Error{}, err
		case again || !answer.aboutToken():
			return *answer, nil
		}
		a.drop(token)
	}
}
