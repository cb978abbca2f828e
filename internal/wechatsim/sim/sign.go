package sim

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // WeChat names SHA-1 for OAEP
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	scheme = "WECHATPAY2-SHA256-RSA2048"
	// skew is how far a timestamp may be off, on either side.
	skew = 5 * time.Minute
)

// lines joins what is signed: every line ends in \n, the last one too.
func lines(parts ...string) string { return strings.Join(parts, "\n") + "\n" }

// sign is base64 of RSA PKCS#1 v1.5 over SHA-256.
func sign(key *rsa.PrivateKey, message string) (string, error) {
	sum := sha256.Sum256([]byte(message))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// verify tells whether a signature is one of this message.
func verify(key *rsa.PublicKey, message, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(message))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}

// seal is AES-256-GCM with the APIv3 key; the nonce is 12 characters of text.
func seal(apiV3Key, nonce, additional string, plain []byte) (string, error) {
	gcm, err := gcmOf(apiV3Key)
	if err != nil {
		return "", err
	}
	if len(nonce) != gcm.NonceSize() {
		return "", errors.New("seal: the nonce must have 12 bytes")
	}
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), plain, []byte(additional))), nil
}

// unseal is what a merchant does with a sealed text.
func unseal(apiV3Key, nonce, additional, text string) ([]byte, error) {
	gcm, err := gcmOf(apiV3Key)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if len(nonce) != gcm.NonceSize() {
		return nil, errors.New("unseal: the nonce must have 12 bytes")
	}
	return gcm.Open(nil, []byte(nonce), raw, []byte(additional))
}

func gcmOf(apiV3Key string) (cipher.AEAD, error) {
	block, err := aes.NewCipher([]byte(apiV3Key))
	if err != nil {
		return nil, fmt.Errorf("APIv3 key: %w", err)
	}
	return cipher.NewGCM(block)
}

// hide encrypts a sensitive field for whom a public key belongs to.
func hide(key *rsa.PublicKey, text string) (string, error) {
	raw, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, []byte(text), nil) //nolint:gosec // WeChat names SHA-1
	return base64.StdEncoding.EncodeToString(raw), err
}

// reveal decrypts a sensitive field that was encrypted with a platform key.
func reveal(key *rsa.PrivateKey, text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("decode: %w", err)
	}
	plain, err := rsa.DecryptOAEP(sha1.New(), nil, key, raw, nil) //nolint:gosec // WeChat names SHA-1
	return string(plain), err
}

// credentials are what an Authorization header says.
type credentials struct{ merchant, nonce, timestamp, serial, signature string }

// parseAuthorization reads `WECHATPAY2-SHA256-RSA2048 mchid="…",nonce_str="…",…`: the five parts, each once, in any order.
func parseAuthorization(header string) (credentials, error) {
	rest, ok := strings.CutPrefix(header, scheme+" ")
	if !ok {
		return credentials{}, errors.New("unknown scheme")
	}
	var c credentials
	parts := map[string]*string{
		"mchid": &c.merchant, "nonce_str": &c.nonce, "timestamp": &c.timestamp, "serial_no": &c.serial, "signature": &c.signature,
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(part, "=")
		into := parts[name]
		if into == nil || *into != "" || len(value) < 3 || value[0] != '"' || value[len(value)-1] != '"' {
			return credentials{}, fmt.Errorf("part %q", name)
		}
		*into = value[1 : len(value)-1]
	}
	for name, v := range parts {
		if *v == "" {
			return credentials{}, fmt.Errorf("no %s", name)
		}
	}
	return c, nil
}

// authenticate says which merchant signed a request, or refuses it. It remembers nonces, so it is called once a request, with the
// lock held.
func (s *Sim) authenticate(r *http.Request, body []byte) (*merchant, *refusal) {
	c, err := parseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return nil, signError("Authorization 格式错误: " + err.Error())
	}
	m := s.merchants[c.merchant]
	if m == nil {
		return nil, signError("商户号不存在")
	}
	if c.serial != m.Serial {
		return nil, signError("商户证书序列号有误")
	}
	seconds, err := strconv.ParseInt(c.timestamp, 10, 64)
	now := s.now()
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > skew {
		return nil, signError("签名时间戳超过5分钟")
	}
	if len(c.nonce) > 32 {
		return nil, signError("随机串超过32位")
	}
	if !verify(m.Key, lines(r.Method, r.URL.RequestURI(), c.timestamp, c.nonce, string(body)), c.signature) {
		return nil, signError("签名错误，请检查后再试")
	}
	if len(s.nonces) > 100_000 {
		maps.DeleteFunc(s.nonces, func(_ string, until time.Time) bool { return !until.After(now) })
	}
	key := c.merchant + " " + c.nonce
	if until, seen := s.nonces[key]; seen && until.After(now) {
		return nil, signError("随机串重复")
	}
	s.nonces[key] = now.Add(2 * skew)
	return m, nil
}

func signError(message string) *refusal {
	return &refusal{
		status: http.StatusUnauthorized, Code: "SIGN_ERROR", Message: message,
		Detail: object{"field": "signature", "issue": "sign not match", "location": "authorization"},
	}
}

// checkHeaders refuses what the rules of the API ask for and is not there.
func checkHeaders(r *http.Request, body []byte) *refusal {
	accept := r.Header.Get("Accept")
	if !strings.Contains(accept, "application/json") && !strings.Contains(accept, "*/*") {
		return refuse(http.StatusNotAcceptable, "INVALID_REQUEST", "Accept 必须为 application/json")
	}
	if r.Header.Get("User-Agent") == "" {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "缺少 User-Agent")
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if r.Method == http.MethodPost && strings.TrimSpace(kind) != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "INVALID_REQUEST", "Content-Type 必须为 application/json")
	}
	if r.Method == http.MethodGet && len(body) > 0 {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "GET 请求不能有请求体")
	}
	return nil
}
