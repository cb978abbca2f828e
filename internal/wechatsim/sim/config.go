package sim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"time"

	"holdfast/internal/clock"
)

// Config is the world that a simulator plays: who is registered at WeChat, and with which keys.
type Config struct {
	Clock        clock.Clock // required
	MiniPrograms []MiniProgram
	Merchants    []Merchant
	// Others are merchants that receive shares and never call.
	Others []Account
	// Platform are the platform certificates, at least one if a merchant uses them. The last one that is valid signs.
	Platform []PlatformKey
	Rules    Rules
	// DemoCodes lets people log in with codes like demo-lin.
	DemoCodes bool
	// LoopbackHTTP takes a notify_url that is http when its host is a loopback address. WeChat takes https alone.
	LoopbackHTTP bool
	// Seed decides what is random: ids, nonces, and faults that have a chance.
	Seed uint64
	// Client posts the notices; nil is one of its own.
	Client *http.Client
	Log    *slog.Logger // nil says nothing
}

// MiniProgram is one appId.
type MiniProgram struct {
	AppID  string `json:"appId"`
	Secret string `json:"secret"`
	// UnionIDs says that it is bound to an open platform account, so that logins carry a unionid.
	UnionIDs bool `json:"unionIds,omitempty"`
	// Pages of the published version; with none, every page is there.
	Pages []string `json:"pages,omitempty"`
	// Templates are subscribe message templates: the keys of each, such as thing1 and amount2.
	Templates map[string][]string `json:"templates,omitempty"`
}

// Merchant calls the pay API.
type Merchant struct {
	Account
	// Partner says that it is a service provider, which acts for its sub-merchants and not for itself.
	Partner bool
	Subs    []Account
	AppIDs  []string // bound to it
	Serial  string   // of its API certificate
	Key     *rsa.PublicKey
	// APIv3Key has 32 bytes.
	APIv3Key string
	// PublicKeyID and PublicKey are of the WeChat Pay public key mode; a merchant without them uses platform certificates.
	PublicKeyID string
	PublicKey   *rsa.PrivateKey
	// AlsoCertificates lets a merchant in public key mode use certificates too, as during a change from one to the other.
	AlsoCertificates bool
}

// Account is a merchant number that has money.
type Account struct {
	ID   string `json:"mchId"`
	Name string `json:"name"`
	// MaxRatio is how much of an order may be shared, in 1/10,000; 0 is 3,000.
	MaxRatio int64 `json:"maxRatio,omitempty"`
	// Balance is what it has at the start, in fen.
	Balance int64 `json:"balance,omitempty"`
	// NoReturns says that it did not agree to give shares back.
	NoReturns bool `json:"noReturns,omitempty"`
}

// PlatformKey is a platform certificate with its private key.
type PlatformKey struct {
	Serial      string
	Key         *rsa.PrivateKey
	Certificate []byte // PEM
	From, Until time.Time
}

// Rules are what WeChat lets differ, or what a test wants to. Times are of the simulator's clock.
type Rules struct {
	// FeeRate is WeChat's fee in 1/10,000 of the amount, rounded half up to the fen.
	FeeRate int64
	// ShareAfter is how long after payment an order can be shared.
	ShareAfter time.Duration
	// RefundTakes, ShareTakes and ReturnTakes are how long each stays PROCESSING; a return of 0 is answered at once.
	RefundTakes, ShareTakes, ReturnTakes time.Duration
	// SharePause is how far apart two requests to share one order must be.
	SharePause time.Duration
	// PayAfterExpiry lets a cashier that was opened before time_expire pay after it.
	PayAfterExpiry bool
	// PayAfterClose lets a cashier that was opened before the order was closed pay after it.
	PayAfterClose bool
	// RefundFromBalance lets refunds exceed what has not been shared, if the merchant has the money.
	RefundFromBalance bool
	// NoticeSpeed divides the pauses between attempts to deliver a notice; 0 is 1.
	NoticeSpeed float64
	// BillsAt is when, in the morning in Beijing, yesterday's bills are ready.
	BillsAt time.Duration
	// BillsToday gives bills of yesterday and of today, as far as it has come, at any time.
	BillsToday bool
}

// DefaultRules are WeChat's.
func DefaultRules() Rules {
	return Rules{
		FeeRate: 60, ShareAfter: time.Minute, RefundTakes: 2 * time.Second, ShareTakes: 2 * time.Second,
		SharePause: time.Second, PayAfterExpiry: true, NoticeSpeed: 1, BillsAt: 9 * time.Hour,
	}
}

// check says what is missing in a configuration.
func (c Config) check() error {
	switch {
	case c.Clock == nil:
		return errors.New("no clock")
	case len(c.MiniPrograms) == 0:
		return errors.New("no mini-program")
	}
	for _, m := range c.Merchants {
		switch {
		case m.ID == "" || m.Serial == "" || m.Key == nil:
			return fmt.Errorf("merchant %q lacks a number, a serial or a key", m.ID)
		case len(m.APIv3Key) != 32:
			return fmt.Errorf("merchant %s: the APIv3 key has %d bytes, not 32", m.ID, len(m.APIv3Key))
		case (m.PublicKeyID == "") != (m.PublicKey == nil):
			return fmt.Errorf("merchant %s: a public key and its id go together", m.ID)
		case m.PublicKey == nil && len(c.Platform) == 0:
			return fmt.Errorf("merchant %s uses platform certificates, and there are none", m.ID)
		case m.Partner && len(m.Subs) == 0:
			return fmt.Errorf("partner %s has no sub-merchant", m.ID)
		}
	}
	return nil
}

// NewPlatformKey makes a platform certificate that is valid for five years from a moment on.
func NewPlatformKey(from time.Time) (PlatformKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return PlatformKey{}, fmt.Errorf("make a platform key: %w", err)
	}
	serial, pemText, err := certificate(key, "Tenpay.com", from)
	if err != nil {
		return PlatformKey{}, err
	}
	return PlatformKey{Serial: serial, Key: key, Certificate: pemText, From: from, Until: from.AddDate(5, 0, 0)}, nil
}

// certificate signs one for a key with itself, and gives its serial in hex.
func certificate(key *rsa.PrivateKey, name string, from time.Time) (string, []byte, error) {
	number := make([]byte, 20)
	if _, err := rand.Read(number); err != nil {
		return "", nil, fmt.Errorf("make a serial: %w", err)
	}
	number[0] = number[0]&0x3f | 0x40 // positive, and 40 digits
	template := x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number), Subject: pkix.Name{CommonName: name},
		NotBefore: from, NotAfter: from.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return "", nil, fmt.Errorf("make a certificate: %w", err)
	}
	return fmt.Sprintf("%X", number), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
