package wechat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

const (
	// tokenOverlap is how long before the end of a token WeChat has its successor, while both are good.
	tokenOverlap = 5 * time.Minute
	// forcePause is how far apart two tokens by force must be; WeChat gives no new one sooner.
	forcePause = 30 * time.Second
)

// accessToken is the token of a mini-program, from memory or, once for all who wait, from WeChat. The stable API gives every process
// the same one, so nothing is shared between them here.
func (c *Client) accessToken(ctx context.Context, a *app) (string, error) {
	if token, ok := a.current(c.now()); ok {
		return token, nil
	}
	// Whoever came first may leave, and the others still want it.
	fetched := c.tokens.DoChan(a.AppID, func() (any, error) { return c.fetchToken(context.WithoutCancel(ctx), a) })
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-fetched:
		token, _ := r.Val.(string)
		return token, r.Err
	}
}

// fetchToken asks WeChat for the token. It is the same one until shortly before its end; when that is the one that was just refused,
// a new one is asked for by force, which makes the old one invalid for everybody.
func (c *Client) fetchToken(ctx context.Context, a *app) (string, error) {
	now := c.now()
	if token, ok := a.current(now); ok { // fetched while we came here
		return token, nil
	}
	token, lives, err := c.askToken(ctx, a, false)
	if err != nil {
		return "", err
	}
	if a.mayForce(token, now) {
		c.log.WarnContext(ctx, "access token was refused; forcing a new one", slog.String("app_id", a.AppID))
		if token, lives, err = c.askToken(ctx, a, true); err != nil {
			return "", err
		}
	}
	a.keep(token, now.Add(max(lives-tokenOverlap, lives/10))) // at its very end it is kept for a moment too: asking is limited
	return token, nil
}

func (c *Client) askToken(ctx context.Context, a *app, force bool) (token string, lives time.Duration, err error) {
	var out struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"` // seconds
	}
	q := request{
		method: http.MethodPost, path: "/cgi-bin/stable_token", secrets: []string{a.Secret},
		body: map[string]any{
			"grant_type": "client_credential", "appid": a.AppID, "secret": a.Secret, "force_refresh": force,
		},
	}
	if err := c.doTwice(ctx, q, &out); err != nil {
		return "", 0, err
	}
	if out.Token == "" || out.Expires <= 0 || out.Expires > int64(24*time.Hour/time.Second) {
		return "", 0, fmt.Errorf("%s: the answer is no token", q.path)
	}
	return out.Token, time.Duration(out.Expires) * time.Second, nil
}

// doTwice is do with one more try when WeChat is busy: it says so to be asked again, and has done nothing.
func (c *Client) doTwice(ctx context.Context, q request, into any) error {
	err := c.do(ctx, q, into)
	if answer, ok := errors.AsType[*Error](err); ok && answer.Code == codeBusy {
		return c.do(ctx, q, into)
	}
	return err
}

// current is the token in memory, if it is good for more than the overlap.
func (a *app) current(now time.Time) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.token, a.token != "" && now.Before(a.until)
}

func (a *app) keep(token string, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token, a.until = token, until
}

// drop forgets a token that WeChat did not take, unless another one has come since.
func (a *app) drop(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == token {
		a.token, a.refused = "", token
	}
}

// mayForce tells whether a token is the one that was refused and a new one may be asked for by force, and counts that.
func (a *app) mayForce(token string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if token != a.refused || !a.forced.IsZero() && now.Sub(a.forced) < forcePause {
		return false
	}
	a.forced = now
	return true
}
