package wechatpay

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core/auth"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	sdkcipher "github.com/wechatpay-apiv3/wechatpay-go/core/cipher"
	"github.com/wechatpay-apiv3/wechatpay-go/core/cipher/encryptors"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"holdfast/internal/clock"
)

// keys are WeChat's, as one merchant knows them: they verify what it says, and hide from others what it is told.
type keys interface {
	auth.Verifier
	sdkcipher.Encryptor
	// ready has a key to begin with.
	ready(ctx context.Context) error
	// learn looks once for a key that is not known; ErrForged says that there is none.
	learn(ctx context.Context, serial string) error
	// renew reads the keys again.
	renew(ctx context.Context) error
}

// publicKey is the WeChat Pay public key, which never changes.
type publicKey struct {
	*verifiers.SHA256WithRSAPubkeyVerifier
	*encryptors.WechatPayPubKeyEncryptor
	id string
}

func newPublicKey(id string, key *rsa.PublicKey) *publicKey {
	return &publicKey{verifiers.NewSHA256WithRSAPubkeyVerifier(id, *key), encryptors.NewWechatPayPubKeyEncryptor(id, *key), id}
}

func (*publicKey) ready(context.Context) error { return nil }

func (*publicKey) renew(context.Context) error { return nil }

func (k *publicKey) learn(_ context.Context, serial string) error {
	if serial != k.id {
		return fmt.Errorf("%w: its key is not known", ErrForged)
	}
	return nil
}

const (
	// certificatesLast is after how long the certificates are read again, in case there are new ones: WeChat asks for at most 12 hours.
	certificatesLast = 12 * time.Hour
	// lookAgain is how far apart two looks for an unknown certificate are: anybody can name one.
	lookAgain = 10 * time.Second
)

// certificates are WeChat's platform certificates, which change every few years. They are read when they are first needed, twice a day, and
// when a serial is not known; nothing runs beside the calls.
type certificates struct {
	*verifiers.SHA256WithRSAVerifier
	*encryptors.WechatPayEncryptor
	fetch func(context.Context) (map[string]*x509.Certificate, error)
	now   clock.Clock
	log   *slog.Logger

	loading chan struct{} // full while they are read; guards the next two
	looked  time.Time     // when one was last looked for that was not known
	failed  error         // and what came of it

	mu     sync.RWMutex
	known  map[string]*x509.Certificate
	loaded time.Time
}

func newCertificates(fetch func(context.Context) (map[string]*x509.Certificate, error), now clock.Clock, log *slog.Logger) *certificates {
	c := &certificates{fetch: fetch, now: now, log: log, loading: make(chan struct{}, 1)}
	c.SHA256WithRSAVerifier, c.WechatPayEncryptor = verifiers.NewSHA256WithRSAVerifier(c), encryptors.NewWechatPayEncryptor(c)
	return c
}

// Get implements core.CertificateGetter.
func (c *certificates) Get(_ context.Context, serial string) (*x509.Certificate, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found, ok := c.known[serial]
	return found, ok && !c.now().After(found.NotAfter)
}

// GetAll implements core.CertificateGetter.
func (c *certificates) GetAll(context.Context) map[string]*x509.Certificate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return maps.Clone(c.known)
}

// GetNewestSerial implements core.CertificateGetter: of those that are valid now.
func (c *certificates) GetNewestSerial(context.Context) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	serial, now := "", c.now()
	for s, one := range c.known {
		if utils.IsCertificateValid(*one, now) && (serial == "" || one.NotBefore.After(c.known[serial].NotBefore)) {
			serial = s
		}
	}
	return serial
}

func (c *certificates) ready(ctx context.Context) error {
	c.mu.RLock()
	loaded, have := c.loaded, len(c.known) > 0
	c.mu.RUnlock()
	if have && c.now().Sub(loaded) < certificatesLast {
		return nil
	}
	err := c.load(ctx, loaded)
	if err != nil && have { // the old ones may do
		c.log.WarnContext(ctx, "WeChat Pay's certificates cannot be read again", "error", err)
		return nil
	}
	return err
}

func (c *certificates) renew(ctx context.Context) error {
	c.mu.RLock()
	loaded := c.loaded
	c.mu.RUnlock()
	return c.load(ctx, loaded)
}

func (c *certificates) learn(ctx context.Context, serial string) error {
	if _, ok := c.Get(ctx, serial); ok {
		return nil
	}
	release, err := c.acquire(ctx) // whoever looks already may find it
	if err != nil {
		return err
	}
	defer release()
	if _, ok := c.Get(ctx, serial); ok {
		return nil
	}
	if c.looked.IsZero() || c.now().Sub(c.looked) >= lookAgain {
		c.looked = c.now()
		c.failed = c.read(ctx)
	}
	if c.failed != nil { // whether it is forged is not known
		return c.failed
	}
	if _, ok := c.Get(ctx, serial); !ok {
		return fmt.Errorf("%w: its certificate is not known", ErrForged)
	}
	return nil
}

// acquire has one at a time read the certificates; nobody waits longer than their own call may take.
func (c *certificates) acquire(ctx context.Context) (release func(), err error) {
	select {
	case c.loading <- struct{}{}:
		return func() { <-c.loading }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("read WeChat Pay's certificates: %w", ctx.Err())
	}
}

// load reads the certificates, unless somebody has since a moment.
func (c *certificates) load(ctx context.Context, since time.Time) error {
	release, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	c.mu.RLock()
	done := c.loaded.After(since)
	c.mu.RUnlock()
	if done {
		return nil
	}
	return c.read(ctx)
}

func (c *certificates) read(ctx context.Context) error {
	found, err := c.fetch(ctx)
	if err != nil {
		return fmt.Errorf("read WeChat Pay's certificates: %w", err)
	}
	if len(found) == 0 {
		return errors.New("read WeChat Pay's certificates: there are none")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.loaded = found, c.now()
	return nil
}

// certificates reads the platform certificates. They are sealed with the APIv3 key, which proves whose they are.
func (m *merchant) certificates(ctx context.Context) (map[string]*x509.Certificate, error) {
	var answer struct {
		Data []struct {
			Serial string `json:"serial_no"`
			Sealed sealed `json:"encrypt_certificate"`
		} `json:"data"`
	}
	if err := m.once(ctx, m.plain, http.MethodGet, "/v3/certificates", nil, &answer); err != nil {
		return nil, err
	}
	out := make(map[string]*x509.Certificate, len(answer.Data))
	for _, d := range answer.Data {
		text, err := d.Sealed.open(m.key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", d.Serial, err)
		}
		one, err := utils.LoadCertificate(string(text))
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", d.Serial, err)
		}
		if _, ok := one.PublicKey.(*rsa.PublicKey); !ok {
			continue // of another algorithm
		}
		out[d.Serial] = one
	}
	return out, nil
}

// sealed is what WeChat encrypted with the APIv3 key.
type sealed struct {
	Algorithm  string `json:"algorithm"`
	Ciphertext string `json:"ciphertext"`
	Additional string `json:"associated_data"`
	Nonce      string `json:"nonce"`
	Original   string `json:"original_type"`
}

func (s sealed) open(key string) ([]byte, error) {
	if s.Algorithm != "AEAD_AES_256_GCM" {
		return nil, fmt.Errorf("it is sealed with %q", s.Algorithm)
	}
	raw, err := base64.StdEncoding.DecodeString(s.Ciphertext)
	if err != nil {
		return nil, errors.New("unseal: it is no base64")
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, errors.New("unseal: the APIv3 key has a wrong length")
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	if len(s.Nonce) != gcm.NonceSize() { // the SDK's own function would panic
		return nil, errors.New("unseal: the nonce has a wrong length")
	}
	plain, err := gcm.Open(nil, []byte(s.Nonce), raw, []byte(s.Additional))
	if err != nil {
		return nil, errors.New("unseal: it was sealed with another APIv3 key")
	}
	return plain, nil
}
