package wechat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"holdfast/internal/fault"
)

const (
	maxCode = 512
	// quotaPause is when a quota that is counted by the minute has room again.
	quotaPause = time.Minute
)

// OpenID is the user of a mini-program who got the code of wx.login. It is refused with LOGIN_FAILED when WeChat does not know the code, or
// knows it no more, or has blocked its user, or when the mini-program is not configured, and with RATE_LIMITED when the user logs in too often.
// Every other error is a failure of WeChat or of the configuration. The session key in the answer is not even read.
func (c *Client) OpenID(ctx context.Context, appID, code string) (string, error) {
	a := c.apps[appID]
	if a == nil || code == "" || len(code) > maxCode {
		return "", loginFailed()
	}
	var out struct {
		OpenID string `json:"openid"`
	}
	err := c.doTwice(ctx, request{
		method: http.MethodGet, path: "/sns/jscode2session", secrets: []string{code, a.Secret},
		query: url.Values{"appid": {appID}, "secret": {a.Secret}, "js_code": {code}, "grant_type": {"authorization_code"}},
	}, &out)
	if answer, ok := errors.AsType[*Error](err); ok {
		switch answer.Code {
		case codeBadCode, codeCodeUsed:
			return "", loginFailed()
		case codeBlocked:
			return "", fault.New(fault.LoginFailed, "WeChat does not let this user log in")
		case codeMinuteQuota:
			return "", tooOften()
		}
	}
	if err != nil {
		return "", fmt.Errorf("log in at WeChat as %s: %w", appID, err)
	}
	if out.OpenID == "" {
		return "", fmt.Errorf("log in at WeChat as %s: the answer names nobody", appID)
	}
	return out.OpenID, nil
}

// loginFailed says what package identity says of any other log-in.
func loginFailed() error { return fault.New(fault.LoginFailed, "log-in failed") }

func tooOften() error {
	return fault.New(fault.RateLimited, "too many requests; try again later").After(quotaPause)
}

// Phone is a telephone number that WeChat has verified.
type Phone struct {
	Number      string // as it is dialled, with the country's code if it is a foreign one
	National    string // without the country's code
	CountryCode string // such as 86
}

// PhoneNumber trades the code that the phone number button gave to a page for the number. A code that is not known, or no more, is
// INVALID; too many at once are RATE_LIMITED. Every other error is a failure of WeChat or of the configuration.
func (c *Client) PhoneNumber(ctx context.Context, appID, code string) (Phone, error) {
	if code == "" || len(code) > maxCode {
		return Phone{}, badPhoneCode()
	}
	var out struct {
		Info struct {
			Number    string `json:"phoneNumber"`
			National  string `json:"purePhoneNumber"`
			Country   string `json:"countryCode"`
			Watermark struct {
				AppID string `json:"appid"`
			} `json:"watermark"`
		} `json:"phone_info"`
	}
	body := map[string]string{"code": code}
	answer, err := c.post(ctx, appID, "/wxa/business/getuserphonenumber", body, &out, code)
	if err == nil && answer.Code == codeBusy {
		answer, err = c.post(ctx, appID, "/wxa/business/getuserphonenumber", body, &out, code)
	}
	switch {
	case err != nil:
		return Phone{}, fmt.Errorf("ask WeChat for a phone number: %w", err)
	case answer.Code == 0:
	case answer.Code == codeBadCode || answer.Code == codeCodeUsed:
		return Phone{}, badPhoneCode()
	case answer.Code == codeQuota || answer.Code == codeMinuteQuota:
		return Phone{}, tooOften()
	default:
		return Phone{}, fmt.Errorf("ask WeChat for a phone number: %w", &answer)
	}
	if out.Info.National == "" || out.Info.Watermark.AppID != appID {
		return Phone{}, errors.New("ask WeChat for a phone number: the answer is none, or one of another mini-program")
	}
	return Phone{Number: out.Info.Number, National: out.Info.National, CountryCode: out.Info.Country}, nil
}

func badPhoneCode() error {
	return fault.New(fault.Invalid, "the code for the phone number is not valid, or no more; tap the button again")
}
