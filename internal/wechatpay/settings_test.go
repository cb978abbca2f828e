package wechatpay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"holdfast/internal/wechatpay"
)

func TestSettings(t *testing.T) {
	w := first(t)
	for want, spoil := range map[string]func(*wechatpay.Settings){
		"a clock, a log and dossiers are needed":                         func(s *wechatpay.Settings) { s.Clock = nil },
		"there is no merchant":                                           func(s *wechatpay.Settings) { s.Merchants = nil },
		"there is no mini-program":                                       func(s *wechatpay.Settings) { s.MiniPrograms = nil },
		"a mini-program has no appId":                                    func(s *wechatpay.Settings) { s.MiniPrograms[0].AppID = "" },
		"mini-program wxdemo is there twice":                             func(s *wechatpay.Settings) { s.MiniPrograms = append(s.MiniPrograms, s.MiniPrograms[0]) },
		`its merchant "1" is not among the merchants`:                    func(s *wechatpay.Settings) { s.MiniPrograms[0].Merchant = "1" },
		"merchant 1900000001 is there twice":                             func(s *wechatpay.Settings) { s.Merchants = append(s.Merchants, s.Merchants[0]) },
		"mchId is the digits":                                            func(s *wechatpay.Settings) { s.Merchants[0].MchID = "x" },
		"merchant 1900000001: mode is \"\"":                              func(s *wechatpay.Settings) { s.Merchants[0].Mode = "" },
		"merchant 1900000001: the serial of its API certificate":         func(s *wechatpay.Settings) { s.Merchants[0].Serial = "" },
		"merchant 1900000001: the private key":                           func(s *wechatpay.Settings) { s.Merchants[0].PrivateKey = nil },
		"merchant 1900000001: the APIv3 key has 31 bytes, not 32":        func(s *wechatpay.Settings) { s.Merchants[0].APIv3Key = s.Merchants[0].APIv3Key[1:] },
		"merchant 1900000001: the WeChat Pay public key and its id":      func(s *wechatpay.Settings) { s.Merchants[0].PublicKeyID = "PUB_KEY_ID_1" },
		`notifyUrl "http://shop.example/n" is not https`:                 func(s *wechatpay.Settings) { s.NotifyURL = "http://shop.example/n" },
		`notifyUrl "https://shop.example/n?a=b" is no address without`:   func(s *wechatpay.Settings) { s.NotifyURL = "https://shop.example/n?a=b" },
		`notifyUrl "" is no address`:                                     func(s *wechatpay.Settings) { s.NotifyURL = "" },
		`the address of the API, "shop.example", is not a scheme and a`:  func(s *wechatpay.Settings) { s.BaseURL = "shop.example" },
		"merchant 1900000001: its private key is no PEM of an RSA key":   func(s *wechatpay.Settings) { s.Merchants[0].PrivateKey = []byte("canary") },
		"merchant 1900000100: the WeChat Pay public key is no PEM of an": func(s *wechatpay.Settings) { s.Merchants[1].PublicKey = []byte("canary") },
	} {
		s := w.settings(t)
		spoil(&s)
		_, err := wechatpay.New(s)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestKeysStaySecret prints all that holds keys, in every way, and looks for them.
func TestKeysStaySecret(t *testing.T) {
	w := first(t)
	trade, d := w.owe(true, 1999)
	w.pay(t, trade)
	w.hear(t)
	d.OpenID = "oNobody"
	other, spoilt := w.owe(true, 1999)
	spoilt.OpenID = "oNobody"
	_, refusal := w.Prepare(t.Context(), other)
	s := w.settings(t)
	_, broken := wechatpay.New(wechatpay.Settings{Merchants: s.Merchants})
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).InfoContext(t.Context(), "x", "settings", s.Merchants, "merchant", s.Merchants[0])
	text, err := json.Marshal(s.Merchants)
	must(t, err)
	said := fmt.Sprintf("%v %+v %#v %s", s.Merchants, s, s.Merchants[0], s.Merchants) + fmt.Sprintf("%v %+v", w.Provider, w.Provider) +
		log.String() + string(text) + fmt.Sprint(refusal, broken) + string(w.logs.text)
	for _, m := range s.Merchants {
		body := strings.Split(string(m.PrivateKey), "\n")[1]
		for what, secret := range map[string]string{"the APIv3 key": string(m.APIv3Key), "its bytes": fmt.Sprintf("%d", m.APIv3Key), "the private key": body} {
			if strings.Contains(said, strings.Trim(secret, "[]")) {
				t.Errorf("%s of %s is told", what, m.MchID)
			}
		}
	}
	if !strings.Contains(string(w.logs.text), "PARAM_ERROR") {
		t.Error("the log does not say why WeChat refused")
	}
}
