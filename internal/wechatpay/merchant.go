package wechatpay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/signers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/validators"
	"github.com/wechatpay-apiv3/wechatpay-go/core/consts"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"holdfast/internal/clock"
)

const (
	// signedFor is how far a signature's time may be off.
	signedFor = 5 * time.Minute
	// answerMost is how many bytes an answer may have; bills are the long ones.
	answerMost = 256 << 20
	// patience is for callers that name no deadline.
	patience = 30 * time.Second
)

// merchant calls WeChat Pay as one merchant number.
type merchant struct {
	id     string
	mode   Mode
	key    string // the APIv3 key
	signer auth.Signer
	keys   keys
	client *core.Client
	plain  *core.Client // does not verify: what it fetches is sealed, or has a checksum that was signed
}

func newMerchant(m Merchant, base *url.URL, s Settings) (*merchant, error) {
	private, err := utils.LoadPrivateKey(string(m.PrivateKey))
	if err != nil {
		return nil, errors.New("its private key is no PEM of an RSA key in PKCS #8") // the cause might quote it
	}
	out := &merchant{
		id: m.MchID, mode: m.Mode, key: string(m.APIv3Key),
		signer: &signers.SHA256WithRSASigner{MchID: m.MchID, PrivateKey: private, CertificateSerialNo: m.Serial},
	}
	client := &http.Client{
		Timeout:       patience,
		Transport:     &transport{next: s.Transport, base: base, signer: out.signer, now: s.Clock},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if out.plain, err = newClient(client, &validators.NullValidator{}); err != nil {
		return nil, err
	}
	if m.PublicKeyID != "" {
		public, err := utils.LoadPublicKey(string(m.PublicKey))
		if err != nil {
			return nil, errors.New("the WeChat Pay public key is no PEM of an RSA key")
		}
		out.keys = newPublicKey(m.PublicKeyID, public)
	} else {
		out.keys = newCertificates(out.certificates, s.Clock, s.Log)
	}
	out.client, err = newClient(client, validator{out.keys, s.Clock})
	return out, err
}

func newClient(client *http.Client, v auth.Validator) (*core.Client, error) {
	return core.NewClientWithDialSettings(context.TODO(), &core.DialSettings{HTTPClient: client, Signer: unsigned{}, Validator: v}) //nolint:forbidigo // it is not used
}

// unsigned lets the SDK leave out its signature, of a time that it reads from the machine: transport signs.
type unsigned struct{}

func (unsigned) Sign(context.Context, string) (*auth.SignatureResult, error) {
	return &auth.SignatureResult{}, nil
}

func (unsigned) Algorithm() string { return "SHA256-RSA2048" }

// transport signs requests at the time of our clock and sends them to where the API is: in the SDK, that is a constant.
type transport struct {
	next   http.RoundTripper
	base   *url.URL
	signer auth.Signer
	now    clock.Clock
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = t.base.Scheme, t.base.Host, ""
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	nonce, err := utils.GenerateNonce()
	if err != nil {
		return nil, err
	}
	at := t.now().Unix()
	signed, err := t.signer.Sign(r.Context(), fmt.Sprintf(consts.SignatureMessageFormat, r.Method, r.URL.RequestURI(), at, nonce, body))
	if err != nil {
		return nil, errors.New("sign request") // the cause might quote the key
	}
	r.Header.Set(consts.Authorization, fmt.Sprintf(consts.HeaderAuthorizationFormat, "WECHATPAY2-"+t.signer.Algorithm(),
		signed.MchID, nonce, at, signed.CertificateSerialNo, signed.Signature))
	res, err := t.next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, answerMost)
	}
	return res, err
}

// validator verifies answers.
type validator struct {
	keys keys
	now  clock.Clock
}

// Validate implements auth.Validator.
func (v validator) Validate(ctx context.Context, r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if err := verify(ctx, v.keys, v.now, r.Header, body); err != nil {
		return fmt.Errorf("answer of WeChat Pay: %w", err)
	}
	return nil
}

// pinned names the key that a request was encrypted with, in its context.
type pinned struct{}

// GetAcceptSerial implements auth.Validator: the key that answers should be signed with.
func (v validator) GetAcceptSerial(ctx context.Context) (string, error) {
	if serial, ok := ctx.Value(pinned{}).(string); ok {
		return serial, nil
	}
	return v.keys.GetSerial(ctx)
}

// verify tells whether WeChat signed these bytes in the last minutes.
func verify(ctx context.Context, k keys, now clock.Clock, h http.Header, body []byte) error {
	stamp, nonce, serial := h.Get(consts.WechatPayTimestamp), h.Get(consts.WechatPayNonce), h.Get(consts.WechatPaySerial)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || nonce == "" || serial == "" {
		return fmt.Errorf("%w: it is not signed", ErrForged)
	}
	if now().Sub(time.Unix(seconds, 0)).Abs() >= signedFor {
		return fmt.Errorf("%w: it was signed at another time", ErrForged)
	}
	if err := k.learn(ctx, serial); err != nil {
		return err
	}
	message := stamp + "\n" + nonce + "\n" + string(body) + "\n"
	if err := k.Verify(ctx, serial, message, h.Get(consts.WechatPaySignature)); err != nil {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	return nil
}

// get asks a question.
func (m *merchant) get(ctx context.Context, path string, into any) error {
	return m.ask(ctx, http.MethodGet, path, nil, into)
}

// post asks for something to be done. Without into, no answer is expected.
func (m *merchant) post(ctx context.Context, path string, body, into any) error {
	return m.ask(ctx, http.MethodPost, path, body, into)
}

// ask calls the API. What WeChat refuses is a *refusal; of every other error, nothing is known.
func (m *merchant) ask(ctx context.Context, method, path string, body, into any) error {
	if err := m.keys.ready(ctx); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	err := m.once(ctx, m.client, method, path, body, into)
	if r := refused(err); r != nil && r.Code == "PARAM_ERROR" && strings.Contains(r.Message, consts.WechatPaySerial) && ctx.Value(pinned{}) == nil {
		// The certificate that answers should be signed with is gone: nothing was done, and there is a newer one.
		if err := m.keys.renew(ctx); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return m.once(ctx, m.client, method, path, body, into)
	}
	return err
}

func (m *merchant) once(ctx context.Context, client *core.Client, method, path string, body, into any) error {
	name, _, _ := strings.Cut(path, "?")
	result, err := func() (*core.APIResult, error) {
		if method == http.MethodGet {
			return client.Get(ctx, consts.WechatPayAPIServer+path)
		}
		return client.Post(ctx, consts.WechatPayAPIServer+path, body)
	}()
	if result != nil && result.Response != nil {
		defer func() { _ = result.Response.Body.Close() }()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, refusalOf(err))
	}
	if into == nil {
		return nil
	}
	text, err := io.ReadAll(result.Response.Body)
	if err != nil {
		return fmt.Errorf("%s: read answer: %w", name, err)
	}
	if raw, ok := into.(*[]byte); ok {
		*raw = text
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: read answer: %w", name, err)
	}
	return nil
}
