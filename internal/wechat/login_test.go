package wechat

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/wechatsim/sim"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, app := range []string{firstApp, secondApp} { // each with its own secret
		if got, err := w.OpenID(t.Context(), app, w.sim.Code(app, "oSomebody")); got != "oSomebody" || err != nil {
			t.Errorf("%s: got %q, %v", app, got, err)
		}
	}
	refused := func(name, app, code, text string) {
		t.Helper()
		_, err := w.OpenID(t.Context(), app, code)
		if is, said := refusal(err); is != fault.LoginFailed || said != text {
			t.Errorf("%s: got %v", name, err)
		}
	}
	once := w.sim.Code(firstApp, buyer)
	if _, err := w.OpenID(t.Context(), firstApp, once); err != nil {
		t.Fatal(err)
	}
	refused("twice", firstApp, once, "log-in failed")
	refused("made up", firstApp, "made-up", "log-in failed")
	refused("another's", secondApp, w.sim.Code(firstApp, buyer), "log-in failed")
	w.sim.Block(firstApp, buyer)
	refused("blocked", firstApp, w.sim.Code(firstApp, buyer), "WeChat does not let this user log in")
	before := len(w.sent(loginPath))
	refused("unknown mini-program", "wxother", w.sim.Code(firstApp, buyer), "log-in failed")
	refused("no code", firstApp, "", "log-in failed")
	refused("long code", firstApp, strings.Repeat("x", 513), "log-in failed")
	w.wantCalls(t, loginPath, before)
}

func TestLoginTooOften(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 100 {
		if _, err := w.OpenID(t.Context(), firstApp, "demo-lin"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.OpenID(t.Context(), firstApp, "demo-lin")
	if refused := fault.List(err); len(refused) != 1 || refused[0].Refused().Code != fault.RateLimited || refused[0].Refused().RetryAfter != time.Minute {
		t.Fatalf("got %v", err)
	}
	w.wechats.Advance(time.Minute)
	if _, err := w.OpenID(t.Context(), firstApp, "demo-lin"); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestLoginCodes(t *testing.T) {
	t.Parallel()
	const good = `{"openid":"oSomebody","session_key":"k"}`
	for name, test := range map[string]struct {
		answers []string
		want    fault.Code // of a refusal; empty is an error that is none
		openID  string
		calls   int
	}{
		"good":              {[]string{good}, "", "oSomebody", 1},
		"invalid code":      {[]string{`{"errcode":40029,"errmsg":"invalid code"}`}, fault.LoginFailed, "", 1},
		"used code":         {[]string{`{"errcode":40163,"errmsg":"code been used"}`}, fault.LoginFailed, "", 1},
		"blocked":           {[]string{`{"errcode":40226,"errmsg":"code blocked"}`}, fault.LoginFailed, "", 1},
		"too often":         {[]string{`{"errcode":45011,"errmsg":"quota"}`}, fault.RateLimited, "", 1},
		"busy once":         {[]string{`{"errcode":-1,"errmsg":"system error"}`, good}, "", "oSomebody", 2},
		"busy":              {[]string{`{"errcode":-1,"errmsg":"system error"}`}, "", "", 2},
		"our wrong secret":  {[]string{`{"errcode":40125,"errmsg":"invalid appsecret"}`}, "", "", 1},
		"nobody":            {[]string{`{"session_key":"k"}`}, "", "", 1},
		"no JSON":           {[]string{`<html>`}, "", "", 1},
		"another shape":     {[]string{`{"openid":7}`}, "", "", 1},
		"no such page, 404": {nil, "", "", 1},
	} {
		c, r, _ := scripted(t, map[string][]string{loginPath: test.answers})
		got, err := c.OpenID(t.Context(), firstApp, "the-code")
		if code, _ := refusal(err); code != test.want || got != test.openID || (err == nil) != (got != "") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		r.wantCalls(t, loginPath, test.calls)
	}
}

func TestPhoneNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.sim.PhoneCode(firstApp, "+8613800138000")
	w.sim.Misbehave(sim.Fault{On: "phone", Kind: sim.FailBefore, Times: 1}) // busy: asked again
	got, err := w.PhoneNumber(t.Context(), firstApp, code)
	if diff := cmp.Diff(Phone{Number: "+8613800138000", National: "13800138000", CountryCode: "86"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, bad := range map[string]string{"twice": code, "a log-in's": w.sim.Code(firstApp, buyer), "none": ""} {
		if _, err := w.PhoneNumber(t.Context(), firstApp, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	w.sim.Misbehave(sim.Fault{On: "phone", Kind: sim.Limit})
	if _, err := w.PhoneNumber(t.Context(), firstApp, "code-2"); !fault.Is(err, fault.RateLimited) {
		t.Errorf("got %v", err)
	}
	if _, err := w.PhoneNumber(t.Context(), "wxother", "code-2"); err == nil || len(fault.List(err)) > 0 {
		t.Errorf("a mini-program that is not there: %v", err)
	}
}

// TestPhoneOfAnotherApp proves that the watermark is looked at.
func TestPhoneOfAnotherApp(t *testing.T) {
	t.Parallel()
	c, _, _ := scripted(t, map[string][]string{
		tokenPath: {`{"access_token":"token-one","expires_in":7200}`},
		phonePath: {`{"errcode":0,"phone_info":{"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86","watermark":{"appid":"wxother"}}}`},
	})
	if got, err := c.PhoneNumber(t.Context(), firstApp, "the-code"); err == nil {
		t.Errorf("got %v", got)
	}
}
