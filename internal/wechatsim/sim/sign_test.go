package sim

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The key, the signature and the sealed text are published test vectors of WeChat Pay's own Go SDK.
const (
	vectorKey = `-----BEGIN TESTING KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDZUJN33V+dSfvd
fL0Mu+39XrZNXFFMQSy1V15FpncHeV47SmV0TzTqZc7hHB0ddqAdDi8Z5k3TKqb7
6sOwYr5TcAfuR6PIPaleyE0/0KrljBum2Isa2Nyq7Dgc3ElBQ6YN4l/a+DpvKaz1
FSKmKrhLNskqokWVSlu4g8OlKlbPXQ9ibII14MZRQrrkTmHYHzfi7GXXM0thAKuR
0HNvyhTHBh4/lrYM3GaMvmWwkwvsMavnOex6+eioZHBOb1/EIZ/LzC6zuHArPpyW
3daGaZ1rtQB1vVzTyERAVVFsXXgBHvfFud3w3ShsJYk8JvMwK2RpJ5/gV0QSARcm
LDRUAlPzAgMBAAECggEBAMc7rDeUaXiWv6bMGbZ3BTXpg1FhdddnWUnYE8HfX/km
OFI7XtBHXcgYFpcjYz4D5787pcsk7ezPidAj58zqenuclmjKnUmT3pfbI5eCA2v4
C9HnbYDrmUPK1ZcADtka4D6ScDccpNYNa1g2TFHzkIrEa6H+q7S3O2fqxY/DRVtN
0JIXalBb8daaqL5QVzSmM2BMVnHy+YITJWIkP2a3pKs9C0W65JGDsnG0wVrHinHF
+cnhFZIbaPEI//DAFMc9NkrWOKVRTEgcCUxCFaHOZVNxDWZD7A2ZfJB2rK6eg//y
gEiFDR2h6mTaDowMB4YF2n2dsIO4/dCG8vPHI20jn4ECgYEA/ZGu6lEMlO0XZnam
AZGtiNgLcCfM/C2ZERZE7QTRPZH1WdK92Al9ndldsswFw4baJrJLCmghjF/iG4zi
hhBvLnOLksnZUfjdumxoHDWXo2QBWbI5QsWIE7AuTiWgWj1I7X4fCXSQf6i+M/y2
6TogQ7d0ANpZFyOkTNMn/tiJvLECgYEA22XqlamG/yfAGWery5KNH2DGlTIyd6xJ
WtJ9j3jU99lZ0bCQ5xhiBbU9ImxCi3zgTsoqLWgA/p00HhNFNoUcTl9ofc0G3zwT
D1y0ZzcnVKxGJdZ6ohW52V0hJStAigtjYAsUgjm7//FH7PiQDBDP1Wa6xSRkDQU/
aSbQxvEE8+MCgYEA3bb8krW7opyM0XL9RHH0oqsFlVO30Oit5lrqebS0oHl3Zsr2
ZGgoBlWBsEzk3UqUhTFwm/DhJLTSJ/TQPRkxnhQ5/mewNhS9C7yua7wQkzVmWN+V
YeUGTvDGDF6qDz12/vJAgSwDDRym8x4NcXD5tTw7mmNRcwIfL22SkysThIECgYAV
BgccoEoXWS/HP2/u6fQr9ZIR6eV8Ij5FPbZacTG3LlS1Cz5XZra95UgebFFUHHtC
EY1JHJY7z8SWvTH8r3Su7eWNaIAoFBGffzqqSVazfm6aYZsOvRY6BfqPHT3p/H1h
Tq6AbBffxrcltgvXnCTORjHPglU0CjSxVs7awW3AEQKBgB5WtaC8VLROM7rkfVIq
+RXqE5vtJfa3e3N7W3RqxKp4zHFAPfr82FK5CX2bppEaxY7SEZVvVInKDc5gKdG/
jWNRBmvvftZhY59PILHO2X5vO4FXh7suEjy6VIh0gsnK36mmRboYIBGsNuDHjXLe
BDa+8mDLkWu5nHEhOxy2JJZl
-----END TESTING KEY-----`
	vectorSignature = "BKyAfU4iMCuvXMXS0Wzam3V/cnxZ+JaqigPM5OhljS2iOT95OO6Fsuml2JkFANJU9K6q9bLlDhPXuoVz+pp4hAm6pHU4ld815U4jsKu1RkyaII" +
		"+1CYBUYC8TK0XtJ8FwUXXz8vZHh58rrAVN1XwNyvD1vfpxrMT4SL536GLwvpUHlCqIMzoZUguLli/K8V29QiOhuH6IEqLNJn8e9b3nwNcQ7be3" +
		"CzYGpDAKBfDGPCqCv8Rw5zndhlffk2FEA70G4hvMwe51qMN/RAJbknXG23bSlObuTCN7Ndj1aJGH6/L+hdwfLpUtJm4QYVazzW7DFD27EpSQEqA8bX9+8m1rLg=="
)

func TestVectors(t *testing.T) {
	t.Parallel()
	key, err := parsePrivate(strings.ReplaceAll(vectorKey, "TESTING KEY", "PRIVATE KEY"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := sign(key, "source")
	if err != nil || got != vectorSignature {
		t.Errorf("signature %q, %v", got, err)
	}
	if !verify(&key.PublicKey, "source", vectorSignature) {
		t.Error("the published signature is refused")
	}
	if verify(&key.PublicKey, "source ", vectorSignature) || verify(&key.PublicKey, "source", "!") {
		t.Error("a wrong signature is taken")
	}
	const apiV3Key, nonce, additional, text = "testAPIv3Key0000", "wCq51qZv4Yfg", "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8", "FsdXzxryWfKwvLJKf8LG/ToRPTRh8RN9wROC"
	if got, err := seal(apiV3Key, nonce, additional, []byte("Hello World")); err != nil || got != text {
		t.Errorf("sealed %q, %v", got, err)
	}
	if got, err := unseal(apiV3Key, nonce, additional, text); err != nil || string(got) != "Hello World" {
		t.Errorf("unsealed %q, %v", got, err)
	}
	if _, err := unseal("testAPIv3Key1111", nonce, additional, text); err == nil {
		t.Error("a wrong key opens it")
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	const header = `WECHATPAY2-SHA256-RSA2048 mchid="1900009191",nonce_str="593BEC0C930BF1AFEB40B4A08C8FB242",signature="uOVR==",timestamp="1554208460",serial_no="1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C"`
	want := credentials{
		merchant: "1900009191", nonce: "593BEC0C930BF1AFEB40B4A08C8FB242", timestamp: "1554208460",
		serial: "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C", signature: "uOVR==",
	}
	if got, err := parseAuthorization(header); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "Bearer x", strings.Replace(header, "RSA2048 ", "RSA2048", 1), strings.Replace(header, `mchid="1900009191",`, "", 1),
		header + `,mchid="2"`, header + `,more="1"`, strings.ReplaceAll(header, `"`, ""),
	} {
		if got, err := parseAuthorization(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

func TestWhoIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := "/v3/pay/transactions/out-trade-no/number-1?mchid=" + DemoMerchant
	replace := func(old, replacement string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, replacement, 1))
		}
	}
	for name, change := range map[string]func(*http.Request){
		"none":           func(r *http.Request) { r.Header.Del("Authorization") },
		"other merchant": replace(DemoMerchant, DemoPartner),
		"unknown":        replace(DemoMerchant, "1"),
		"serial":         replace(`serial_no="`, `serial_no="0`),
		"nonce":          replace(`nonce_str="`, `nonce_str="0`),
		"long nonce":     replace(`nonce_str="`, `nonce_str="`+strings.Repeat("0", 33)),
		"path":           func(r *http.Request) { r.URL.RawQuery += "&x=1" },
		"method":         func(r *http.Request) { r.Method = http.MethodPost },
		"old": func(r *http.Request) {
			stamp := strconv.FormatInt(w.now().Unix(), 10)
			replace(stamp, strconv.FormatInt(w.now().Add(-6*time.Minute).Unix(), 10))(r)
		},
	} {
		c := w.as(DemoMerchant)
		c.change = change
		if got := c.send("GET", path, nil); got.Code != http.StatusUnauthorized || !strings.Contains(got.Body.String(), "SIGN_ERROR") {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
	w.as(DemoMerchant).refused(404, "ORDER_NOT_EXIST", "GET", path, nil) // and a right one comes through
}

func TestOldAndNewTimestamps(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{-5*time.Minute - time.Second, -5 * time.Minute, 5 * time.Minute, 5*time.Minute + time.Second} {
		w := newWorld(t)
		w.clock.Advance(time.Hour) // so that the platform's certificate is valid before and after
		r := httptest.NewRequest(http.MethodGet, "/v3/certificates", nil)
		w.as(DemoMerchant).authorize(r, "")
		w.clock.Advance(-by)
		out := httptest.NewRecorder()
		w.ServeHTTP(out, r)
		if want := by.Abs() <= 5*time.Minute; (out.Code == http.StatusOK) != want {
			t.Errorf("off by %v: %d", by, out.Code)
		}
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodGet, "/v3/certificates", nil)
	w.as(DemoMerchant).authorize(r, "")
	for i, want := range []int{200, 401, 401} {
		out := httptest.NewRecorder()
		w.ServeHTTP(out, r)
		if out.Code != want {
			t.Errorf("time %d: %d, want %d", i, out.Code, want)
		}
		w.clock.Advance(time.Minute)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, test := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"accept":        {func(r *http.Request) { r.Header.Set("Accept", "text/html") }, 406},
		"no accept":     {func(r *http.Request) { r.Header.Del("Accept") }, 406},
		"any":           {func(r *http.Request) { r.Header.Set("Accept", "*/*") }, 200},
		"content type":  {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"charset":       {func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200},
		"user agent":    {func(r *http.Request) { r.Header.Del("User-Agent") }, 400},
		"platform key":  {func(r *http.Request) { r.Header.Set("Wechatpay-Serial", w.keys.Platform[0].Serial) }, 200},
		"unknown key":   {func(r *http.Request) { r.Header.Set("Wechatpay-Serial", "12AB") }, 400},
		"no public key": {func(r *http.Request) { r.Header.Set("Wechatpay-Serial", "PUB_KEY_ID_1") }, 400},
	} {
		c := w.as(DemoMerchant)
		c.change = test.change
		if got := c.send("POST", "/v3/pay/transactions/jsapi", order("number-1", 100)); got.Code != test.want {
			t.Errorf("%s: %d %s, want %d", name, got.Code, got.Body, test.want)
		}
	}
}

func TestKeyModes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.as(DemoMerchant)
	first := w.keys.Platform[0].Serial
	list := func() []string {
		t.Helper()
		var serials []string
		data, _ := c.ok("GET", "/v3/certificates", nil)["data"].([]any)
		for _, one := range data {
			o, _ := one.(map[string]any)
			sealed, _ := o["encrypt_certificate"].(map[string]any)
			nonce, _ := sealed["nonce"].(string)
			text, _ := sealed["ciphertext"].(string)
			plain, err := unseal("demo-merchant-apiv3-key-00000001", nonce, "certificate", text)
			if err != nil || !strings.HasPrefix(string(plain), "-----BEGIN CERTIFICATE-----") {
				t.Errorf("certificate: %v %s", err, plain)
			}
			serial, _ := o["serial_no"].(string)
			serials = append(serials, serial)
		}
		return serials
	}
	if got := list(); len(got) != 1 || got[0] != first {
		t.Errorf("certificates %v", got)
	}
	k, err := w.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	if got := list(); len(got) != 2 || got[1] != k.Serial {
		t.Errorf("after a rotation %v", got)
	}
	serialOf := func(c client) string {
		return c.send("POST", "/v3/pay/transactions/jsapi", order("number-1", 100)).Header().Get("Wechatpay-Serial")
	}
	if got := serialOf(c); got != k.Serial {
		t.Errorf("signed with %s, want the new one", got)
	}
	old := c
	old.serial = first
	if got := serialOf(old); got != first {
		t.Errorf("signed with %s, want the one that was asked for", got)
	}
	w.clock.Advance(5 * 366 * 24 * time.Hour)
	old.refused(400, "PARAM_ERROR", "GET", "/v3/certificates", nil) // it has expired
	if _, err := w.Rotate(); err != nil {
		t.Fatal(err)
	}
	if got := list(); len(got) != 1 {
		t.Errorf("certificates that have expired are given: %v", got)
	}
	w.Retire(first)
	old.refused(400, "PARAM_ERROR", "GET", "/v3/certificates", nil)

	p := w.as(DemoPartner)
	p.refused(404, "RESOURCE_NOT_EXISTS", "GET", "/v3/certificates", nil)
	if got := p.send("GET", "/v3/certificates", nil); !p.signed(got) || got.Header().Get("Wechatpay-Serial") != w.keys.Merchants[1].PublicKeyID {
		t.Errorf("a merchant in public key mode is answered under %s", got.Header().Get("Wechatpay-Serial"))
	}
}
