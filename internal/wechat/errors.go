package wechat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrNotAsked is in errors after which nothing has happened: there was no access token to ask with, or no connection.
var ErrNotAsked = errors.New("not asked")

// Codes that several endpoints answer.
const (
	codeBusy         = -1
	codeCredential   = 40001
	codeToken        = 40014
	codeTokenExpired = 42001
	codeBadCode      = 40029
	codeCodeUsed     = 40163
	codeBlocked      = 40226
	codeFrequency    = 44990
	codeQuota        = 45009
	codeMinuteQuota  = 45011
)

// Error is an answer of WeChat that is an errcode.
type Error struct {
	Path string // which call
	Code int    // errcode
	Text string // errmsg, at most 200 bytes; its rid is what WeChat's support asks for
}

func (e *Error) Error() string { return fmt.Sprintf("%s: errcode %d: %s", e.Path, e.Code, e.Text) }

// aboutToken tells whether the access token was not taken, so that nothing was done.
func (e *Error) aboutToken() bool {
	return e.Code == codeCredential || e.Code == codeToken || e.Code == codeTokenExpired
}

// passing tells whether the same call may do at another time.
func (e *Error) passing() bool {
	return e.aboutToken() || slices.Contains([]int{codeBusy, codeFrequency, codeQuota, codeMinuteQuota}, e.Code)
}

// networkError says what the network did to a call, and nothing of what was sent.
type networkError struct {
	text   string
	causes []error // context's errors, and ErrNotAsked
}

func (e *networkError) Error() string   { return e.text }
func (e *networkError) Unwrap() []error { return e.causes }

// unanswered is an error of the network without its secrets. What it wraps is cut off: it may repeat the URL.
func unanswered(q request, err error) error {
	out := &networkError{}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			out.causes = append(out.causes, cause)
		}
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" { // nobody was there to be asked
		out.causes = append(out.causes, ErrNotAsked)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL
	}
	out.text = q.path + ": " + scrub(err.Error(), q.secrets)
	return out
}

const (
	maxErrorText = 200
	// leastSecret is how long text is before it is struck out. Shorter is no secret, but somebody's try.
	leastSecret = 6
)

// scrub takes secrets out of a text, as they are and as URLs have them, and bounds it.
func scrub(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) < leastSecret {
			continue
		}
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	if len(text) > maxErrorText {
		cut := maxErrorText
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	return text
}
