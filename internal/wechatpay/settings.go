package wechatpay

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core/consts"

	"holdfast/internal/clock"
)

// Mode is in which of WeChat Pay's two ways a merchant calls it.
type Mode string

// The modes.
const (
	// MerchantMode is that of a merchant who takes its own money. A payment of several shops is combined of theirs: each of them
	// is a configured merchant in this mode, as each refunds and shares by itself.
	MerchantMode Mode = "merchant"
	// PartnerMode is that of a service provider, for whose sub-merchants the money is: the receivers of the shops.
	PartnerMode Mode = "partner"
)

// Settings are what a Provider is made of.
type Settings struct {
	Merchants    []Merchant
	MiniPrograms []MiniProgram
	// NotifyURL is where WeChat sends notices: https, without a query; http to a loopback address is for the simulator.
	NotifyURL string
	// BaseURL is where the API is; empty is WeChat's.
	BaseURL string
	Dossiers
	Clock clock.Clock
	Log   *slog.Logger
	// ShareAfter is how long after a payment it may be shared; 0 is WeChat's minute. A simulator may be told another time.
	ShareAfter time.Duration
	// Transport carries the requests; nil is one of the provider's own.
	Transport http.RoundTripper
}

// MiniProgram says which merchant asks for the payments of a mini-program, whose appId is bound to it.
type MiniProgram struct {
	AppID    string
	Merchant string // its MchID
}

// Merchant is a merchant number with its keys. It prints as its number alone.
type Merchant struct {
	MchID  string
	Mode   Mode
	Serial string // of the merchant's API certificate
	// PrivateKey belongs to that certificate: PEM, PKCS #8, as WeChat's tool makes it.
	PrivateKey []byte `json:"-"`
	// APIv3Key has 32 bytes.
	APIv3Key []byte `json:"-"`
	// PublicKeyID (PUB_KEY_ID_…) and PublicKey (PEM) are of the WeChat Pay public key mode. Without them platform certificates are
	// used, which are downloaded.
	PublicKeyID string
	PublicKey   []byte
}

// Format prints the number, whatever the verb: keys never reach a log.
func (m Merchant) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "merchant "+m.MchID) }

// LogValue is the number.
func (m Merchant) LogValue() slog.Value { return slog.StringValue(m.MchID) }

// check says everything that is missing, at once, and never a key.
func (s Settings) check() error {
	var errs []error
	wrong := func(bad bool, text string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(text, args...))
		}
	}
	wrong(s.Clock == nil || s.Log == nil || s.Dossiers == nil, "a clock, a log and dossiers are needed")
	wrong(len(s.Merchants) == 0, "there is no merchant")
	wrong(len(s.MiniPrograms) == 0, "there is no mini-program")
	if err := checkNotifyURL(s.NotifyURL); err != nil {
		errs = append(errs, err)
	}
	modes := map[string]Mode{}
	for _, m := range s.Merchants {
		wrong(modes[m.MchID] != "", "merchant %s is there twice", m.MchID)
		modes[m.MchID] = m.Mode
		errs = append(errs, m.check())
	}
	apps := map[string]bool{}
	for _, a := range s.MiniPrograms {
		wrong(a.AppID == "", "a mini-program has no appId")
		wrong(apps[a.AppID], "mini-program %s is there twice", a.AppID)
		wrong(modes[a.Merchant] == "", "mini-program %s: its merchant %q is not among the merchants", a.AppID, a.Merchant)
		apps[a.AppID] = true
	}
	return errors.Join(errs...)
}

func (m Merchant) check() error {
	var errs []error
	wrong := func(bad bool, text string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("merchant %s: "+text, append([]any{m.MchID}, args...)...))
		}
	}
	wrong(!isNumber(m.MchID), "mchId is the digits of a merchant number")
	wrong(m.Mode != MerchantMode && m.Mode != PartnerMode, "mode is %q, not %s or %s", m.Mode, MerchantMode, PartnerMode)
	wrong(m.Serial == "", "the serial of its API certificate is missing")
	wrong(len(m.PrivateKey) == 0, "the private key of its API certificate is missing")
	wrong(len(m.APIv3Key) != 32, "the APIv3 key has %d bytes, not 32", len(m.APIv3Key))
	wrong((m.PublicKeyID == "") != (len(m.PublicKey) == 0), "the WeChat Pay public key and its id go together")
	return errors.Join(errs...)
}

func checkNotifyURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("notifyUrl %q is no address without a query", text)
	case u.Scheme == "https":
		return nil
	}
	host, err := netip.ParseAddr(u.Hostname())
	if u.Scheme != "http" || u.Hostname() != "localhost" && (err != nil || !host.IsLoopback()) {
		return fmt.Errorf("notifyUrl %q is not https", text)
	}
	return nil
}

// base is where the API is: scheme and host.
func (s Settings) base() (*url.URL, error) {
	text := s.BaseURL
	if text == "" {
		text = consts.WechatPayAPIServer
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("the address of the API, %q, is not a scheme and a host", text)
	}
	return u, nil
}

func isNumber(text string) bool {
	return text != "" && len(text) <= 32 && strings.Trim(text, "0123456789") == ""
}
