package sim

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/clock"
)

// What is saved is what is loaded, and the server's side of it has the keys of the other side.
func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	keys, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "wechat")
	if err := keys.Save(dir, "http://127.0.0.1:9090", "http://127.0.0.1:8080/wechatpay/notify"); err != nil {
		t.Fatal(err)
	}
	config, err := Load(filepath.Join(dir, "simulator.json"), clock.NewManual(morning).Now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	s.Know(DemoApp, buyer)
	text, err := os.ReadFile(filepath.Join(dir, "wechat.json"))
	if err != nil {
		t.Fatal(err)
	}
	var server struct {
		Merchants []struct{ MchID, Mode, Serial, PrivateKeyFile, APIV3KeyFile, PublicKeyID, PublicKeyFile string }
		NotifyURL string
	}
	if err := json.Unmarshal(text, &server); err != nil {
		t.Fatal(err)
	}
	if server.NotifyURL != "http://127.0.0.1:8080/wechatpay/notify" || len(server.Merchants) != 2 {
		t.Fatalf("got %s", text)
	}
	for _, m := range server.Merchants {
		pemText, err := os.ReadFile(filepath.Join(dir, m.PrivateKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		key, err := parsePrivate(string(pemText))
		if err != nil || !key.PublicKey.Equal(s.merchants[m.MchID].Key) {
			t.Errorf("%s: the key is not that of the simulator: %v", m.MchID, err)
		}
		if (m.PublicKeyID != "") != (m.Mode == "partner") {
			t.Errorf("got %+v", m)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	w := &world{t: t, clock: clock.NewManual(morning), keys: keys, Sim: s}
	w.paid("number-1", 100) // signed with the keys from before
}

func TestConfigurationThatLacksSomething(t *testing.T) {
	t.Parallel()
	keys, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Config){
		"no clock":        func(c *Config) { c.Clock = nil },
		"no mini-program": func(c *Config) { c.MiniPrograms = nil },
		"32":              func(c *Config) { c.Merchants[0].APIv3Key = "short" },
		"a serial":        func(c *Config) { c.Merchants[0].Serial = "" },
		"there are none":  func(c *Config) { c.Platform = nil },
		"go together":     func(c *Config) { c.Merchants[1].PublicKeyID = "" },
		"no sub-merchant": func(c *Config) { c.Merchants[1].Subs = nil },
	} {
		c := keys.Config
		c.Merchants = append([]Merchant(nil), c.Merchants...)
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want something about %q", err, says)
		}
	}
}

func TestPagesForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(path, body string) *httptest.ResponseRecorder {
		out := httptest.NewRecorder()
		w.ServeHTTP(out, httptest.NewRequest("POST", path, strings.NewReader(body)))
		return out
	}
	p := w.params(DemoMerchant, w.as(DemoMerchant).ok("POST", jsapi, order("number-1", 100)))
	wrong := p
	wrong.PaySign = "AAAA"
	if got := post("/sim/pay", jsonOf(t, wrong)); got.Code != 400 || !strings.Contains(got.Body.String(), "requestPayment:fail") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := post("/sim/pay", jsonOf(t, p)); got.Code != 200 || !strings.Contains(got.Body.String(), "requestPayment:ok") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := answerOf(t, post("/sim/code", `{"appId":"wxdemo","openid":"oSomebody"}`))["code"]; got == "" {
		t.Error("no code")
	}
	if got := post("/sim/faults", `[{"on":"prepay","kind":"limit","times":1}]`); got.Code != 200 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	w.as(DemoMerchant).refused(429, "FREQUENCY_LIMITED", "POST", jsapi, order("number-2", 100))
	post("/sim/accept", `{"appId":"wxdemo","openid":"oSomebody","template":"tmpl-paid"}`)
	if got := answerOf(t, post("/sim/rotate", ``))["serial"]; got == "" {
		t.Error("no serial")
	}
	for accept, says := range map[string]string{"text/html": "<td>number-1", "": `"Number": "number-1"`} {
		r := httptest.NewRequest("GET", "/sim", nil)
		r.Header.Set("Accept", accept)
		out := httptest.NewRecorder()
		w.ServeHTTP(out, r)
		if !strings.Contains(out.Body.String(), says) {
			t.Errorf("%s: %s", accept, out.Body)
		}
	}
}
