package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// app is a mini-program and those who use it.
type app struct {
	MiniProgram
	openIDs  map[string]bool
	blocked  map[string]bool
	codes    map[string]code
	logins   map[string][]time.Time // of the last minute
	accepted map[string]int         // openid and template: how many messages may be sent

	token, previous token
	refreshed       []time.Time // by force, of the last day
	tokenCalls      []time.Time // of the last minute
	messages        []Message
}

// code is what wx.login or the phone number button gave a client.
type code struct {
	openID, phone string
	until         time.Time
}

type token struct {
	text  string
	until time.Time
}

const (
	codeLives   = 5 * time.Minute
	tokenLives  = 2 * time.Hour
	tokenEarly  = 5 * time.Minute // before its end a token gets a successor, and both are good
	forcePause  = 30 * time.Second
	forcePerDay = 20
	tokenCalls  = 10_000 // a minute
	userLogins  = 100    // a minute
)

func newApp(p MiniProgram) *app {
	return &app{
		MiniProgram: p, openIDs: map[string]bool{}, blocked: map[string]bool{}, codes: map[string]code{},
		logins: map[string][]time.Time{}, accepted: map[string]int{},
	}
}

// Code is what wx.login gives a user of a mini-program: good once, for five minutes.
func (s *Sim) Code(appID, openID string) string {
	return s.addCode(appID, code{openID: openID})
}

// PhoneCode is what the button that asks for the phone number gives.
func (s *Sim) PhoneCode(appID, phone string) string {
	return s.addCode(appID, code{phone: phone})
}

func (s *Sim) addCode(appID string, c code) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil {
		return ""
	}
	text := "0" + s.text(31)
	c.until = s.now().Add(codeLives)
	a.codes[text] = c
	if c.openID != "" {
		a.openIDs[c.openID] = true
	}
	return text
}

// Know makes a user of a mini-program known without a login.
func (s *Sim) Know(appID, openID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[appID]; a != nil {
		a.openIDs[openID] = true
	}
}

// Block makes logins of a user fail with 40226.
func (s *Sim) Block(appID, openID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[appID]; a != nil {
		a.blocked[openID] = true
	}
}

// OpenID is who logs in with the code demo-<name>.
func OpenID(appID, name string) string {
	sum := sha256.Sum256([]byte(appID + " " + name))
	return "o" + base64.RawURLEncoding.EncodeToString(sum[:])[:27]
}

// miniCall is one request to the mini-program API.
type miniCall struct {
	app     *app
	request *http.Request
	body    []byte
}

// miniError is an error as the mini-program API answers it, with status 200.
type miniError struct {
	code int
	text string
}

func (s *Sim) miniRoutes() {
	for path, e := range map[string]struct {
		name string
		do   func(*miniCall) (object, *miniError)
	}{
		"/sns/jscode2session":                          {"login", s.code2Session},
		"/cgi-bin/stable_token":                        {"token", s.stableToken},
		"/wxa/business/getuserphonenumber":             {"phone", s.withToken(s.phoneNumber)},
		"/cgi-bin/message/subscribe/send":              {"subscribe", s.withToken(s.subscribeSend)},
		"/wxa/sec/order/upload_shipping_info":          {"ship", s.withToken(s.uploadShipping)},
		"/wxa/sec/order/upload_combined_shipping_info": {"ship.combined", s.withToken(s.uploadCombinedShipping)},
		"/wxa/sec/order/get_order":                     {"ship.query", s.withToken(s.shippingOrder)},
	} {
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.serveMini(w, r, e.name, e.do) })
	}
}

func (s *Sim) serveMini(w http.ResponseWriter, r *http.Request, name string, do func(*miniCall) (object, *miniError)) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "body", http.StatusRequestEntityTooLarge)
		return
	}
	s.mu.Lock()
	s.catchUp()
	f := s.draw(name, "", FailBefore, HangBefore, Limit)
	var out object
	var bad *miniError
	if f == nil {
		out, bad = do(&miniCall{request: r, body: body})
		if bad == nil {
			f = s.draw(name, "", FailAfter, HangAfter, CutAfter)
		} else {
			s.refused(r, &refusal{status: http.StatusOK, Code: fmt.Sprint(bad.code), Message: bad.text})
		}
	}
	rid := s.uuid()
	s.mu.Unlock()
	if f != nil {
		switch f.Kind {
		case HangBefore, HangAfter:
			cut(w, r, f.Delay)
			return
		case CutAfter:
			cut(w, r, time.Nanosecond)
			return
		case Limit:
			bad = &miniError{45009, "reach max api minute frequency limit"}
		default:
			bad = &miniError{-1, "system error"}
		}
	}
	if bad != nil {
		out = object{"errcode": bad.code, "errmsg": bad.text + " rid: " + rid[:8] + "-" + rid[9:13] + rid[14:18] + "-" + rid[24:32]}
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return // the caller left
	}
}

func (s *Sim) code2Session(c *miniCall) (object, *miniError) {
	q := c.request.URL.Query()
	a := s.apps[q.Get("appid")]
	switch {
	case c.request.Method != http.MethodGet || q.Get("appid") == "":
		return nil, &miniError{41002, "appid missing"}
	case a == nil:
		return nil, &miniError{40013, "invalid appid"}
	case q.Get("secret") == "":
		return nil, &miniError{41004, "appsecret missing"}
	case q.Get("secret") != a.Secret:
		return nil, &miniError{40125, "invalid appsecret"}
	case q.Get("grant_type") != "authorization_code":
		return nil, &miniError{40002, "invalid grant_type"}
	case q.Get("js_code") == "":
		return nil, &miniError{41008, "missing code"}
	}
	text := q.Get("js_code")
	name, demo := strings.CutPrefix(text, "demo-")
	openID := OpenID(a.AppID, name)
	if !demo || !s.demo || name == "" {
		known := a.codes[text]
		delete(a.codes, text)
		if known.openID == "" || s.now().After(known.until) {
			return nil, &miniError{40029, "invalid code"}
		}
		openID = known.openID
	}
	if a.blocked[openID] {
		return nil, &miniError{40226, "code blocked"}
	}
	a.logins[openID] = lately(append(a.logins[openID], s.now()), s.now(), time.Minute)
	if len(a.logins[openID]) > userLogins {
		return nil, &miniError{45011, "api minute-quota reach limit"}
	}
	a.openIDs[openID] = true
	s.effects["login"]++
	out := object{"openid": openID, "session_key": base64.StdEncoding.EncodeToString([]byte(s.text(16)))}
	if a.UnionIDs {
		sum := sha256.Sum256([]byte("union " + openID))
		out["unionid"] = "o" + base64.RawURLEncoding.EncodeToString(sum[:])[:27]
	}
	return out, nil
}

// lately keeps the moments of a time before now.
func lately(all []time.Time, now time.Time, within time.Duration) []time.Time {
	for len(all) > 0 && now.Sub(all[0]) >= within {
		all = all[1:]
	}
	return all
}

func (s *Sim) stableToken(c *miniCall) (object, *miniError) {
	var f struct {
		Grant  string `json:"grant_type"`
		AppID  string `json:"appid"`
		Secret string `json:"secret"`
		Force  bool   `json:"force_refresh"`
	}
	if c.request.Method != http.MethodPost {
		return nil, &miniError{43002, "require POST method"}
	}
	if bad := decodeMini(c.body, &f); bad != nil {
		return nil, bad
	}
	a := s.apps[f.AppID]
	switch {
	case f.AppID == "":
		return nil, &miniError{41002, "appid missing"}
	case f.Grant != "client_credential":
		return nil, &miniError{40002, "invalid grant_type"}
	case a == nil:
		return nil, &miniError{40013, "invalid appid"}
	case f.Secret == "":
		return nil, &miniError{41004, "appsecret missing"}
	case f.Secret != a.Secret:
		return nil, &miniError{40125, "invalid appsecret"}
	}
	now := s.now()
	a.tokenCalls = lately(append(a.tokenCalls, now), now, time.Minute)
	if len(a.tokenCalls) > tokenCalls {
		return nil, &miniError{45009, "reach max api minute frequency limit"}
	}
	a.refreshed = lately(a.refreshed, now, 24*time.Hour)
	n := len(a.refreshed)
	force := f.Force && n < forcePerDay && (n == 0 || now.Sub(a.refreshed[n-1]) >= forcePause)
	if force {
		a.refreshed = append(a.refreshed, now)
		a.previous = token{}
	}
	if force || a.token.until.Sub(now) < tokenEarly {
		if !force {
			a.previous = a.token
		}
		a.token = token{text: s.text(512), until: now.Add(tokenLives)} // as long as the documentation says it may be
		s.effects["token"]++
	}
	return object{"access_token": a.token.text, "expires_in": int(a.token.until.Sub(now) / time.Second)}, nil
}

// withToken lets a call through that has the access token of a mini-program, and posts.
func (s *Sim) withToken(do func(*miniCall) (object, *miniError)) func(*miniCall) (object, *miniError) {
	return func(c *miniCall) (object, *miniError) {
		if c.request.Method != http.MethodPost {
			return nil, &miniError{43002, "require POST method"}
		}
		given := c.request.URL.Query().Get("access_token")
		if given == "" {
			return nil, &miniError{41001, "access_token missing"}
		}
		var until time.Time
		if c.app, until = s.appOf(given); c.app == nil {
			return nil, &miniError{40001, "invalid credential, access_token is invalid or not latest"}
		}
		if !s.now().Before(until) {
			return nil, &miniError{42001, "access_token expired"}
		}
		out, bad := do(c)
		if bad == nil {
			out["errcode"], out["errmsg"] = 0, "ok"
		}
		return out, bad
	}
}

// appOf finds whose token it is, and until when it is good.
func (s *Sim) appOf(text string) (*app, time.Time) {
	for _, a := range s.apps {
		for _, t := range []token{a.token, a.previous} {
			if t.text == text {
				return a, t.until
			}
		}
	}
	return nil, time.Time{}
}

// decodeMini reads a body of the mini-program API, as strictly as one of the pay API; what is wrong is 47001.
func decodeMini(body []byte, into any) *miniError {
	if bad := decode(body, into); bad != nil {
		return &miniError{47001, "data format error: " + bad.Message}
	}
	return nil
}

func (s *Sim) phoneNumber(c *miniCall) (object, *miniError) {
	var f struct {
		Code   string `json:"code" rule:"required"`
		OpenID string `json:"openid"`
	}
	if bad := decodeMini(c.body, &f); bad != nil {
		return nil, bad
	}
	known := c.app.codes[f.Code]
	delete(c.app.codes, f.Code)
	if known.phone == "" || s.now().After(known.until) {
		return nil, &miniError{40029, "invalid code"}
	}
	return object{"phone_info": object{
		"phoneNumber": known.phone, "purePhoneNumber": strings.TrimPrefix(known.phone, "+86"), "countryCode": "86",
		"watermark": object{"timestamp": s.now().Unix(), "appid": c.app.AppID},
	}}, nil
}
