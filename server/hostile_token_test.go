package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"holdfast/graph/transport/wstest"
	"holdfast/internal/testdb"
	"holdfast/internal/typeid"
)

// forgery is a good token's header and claims, changed, and what it is signed with.
type forgery struct {
	header, claims map[string]any // what is nil there is left out
	method         jwt.SigningMethod
	key            any
}

// TestHostileTokens sends forged tokens over HTTP and over sockets. Some are signed with the server's own key, which no forger has: each check
// of the claims is one more.
func TestHostileTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	lin := w.buyer(t, "lin")
	ours := w.db.SigningKey.Query().OnlyX(t.Context()).Secret
	theirs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&theirs.PublicKey)})
	now := time.Now()
	claim := func(name string, value any) forgery { return forgery{claims: vars{name: value}} }
	forgeries := map[string]forgery{
		"alg none":                  {method: jwt.SigningMethodNone, key: jwt.UnsafeAllowNoneSignatureType},
		"alg nOnE":                  {header: vars{"alg": "nOnE"}},
		"RS256":                     {method: jwt.SigningMethodRS256, key: theirs},
		"EdDSA":                     {method: jwt.SigningMethodEdDSA, key: edwards},
		"HS256 with a public key":   {key: public},
		"HS256, said to be RS256":   {header: vars{"alg": "RS256"}},
		"HS512":                     {method: jwt.SigningMethodHS512, key: ours},
		"a key of zeros":            {key: make([]byte, 32)},
		"no key":                    {key: []byte{}},
		"a key of its own":          {header: vars{"jwk": vars{"kty": "oct", "k": "AAAA"}, "kid": "AAAA"}, key: []byte{0, 0, 0}},
		"a key from elsewhere":      {header: vars{"jku": "http://127.0.0.1:1/keys", "kid": "x"}},
		"a key in a file":           {header: vars{"kid": "../../../../dev/null"}, key: []byte{}},
		"a key from the database":   {header: vars{"kid": "x' UNION SELECT 'x"}, key: []byte("x")},
		"no key's name":             {header: vars{"kid": nil}},
		"wrong audience":            claim("aud", "elsewhere"),
		"no audience":               claim("aud", nil),
		"wrong issuer":              claim("iss", "https://evil.example"),
		"expired":                   claim("exp", now.Add(-time.Second).Unix()),
		"no expiry":                 claim("exp", nil),
		"not yet valid":             claim("nbf", now.Add(time.Hour).Unix()),
		"an order for a subject":    claim("sub", typeid.New[typeid.Order](now).String()),
		"claims of other types":     {claims: vars{"sub": []string{lin.session.Viewer.ID}, "exp": "never"}},
		"more than a token's bytes": claim("x", strings.Repeat("x", 4096)),
	}
	as := func(token string) *client { return &client{world: w, token: token} }
	if got := as(forge(t, lin.token, ours, forgery{})); got.viewerID(t) != lin.session.Viewer.ID {
		t.Fatal("the token as it was is refused: nothing is shown by what follows")
	}
	tokens := map[string]string{"a refresh token": lin.session.RefreshToken, "two": lin.token + "," + lin.token, "a cut one": lin.token[:len(lin.token)-1]}
	for name, f := range forgeries {
		tokens[name] = forge(t, lin.token, ours, f)
	}
	for name, token := range tokens {
		w.log.keepOut(token)
		t.Run(name, func(t *testing.T) {
			if who := as(token).viewerID(t); who != "" {
				t.Errorf("taken for %s", who)
			}
			if got := w.do(t, http.MethodGet, "/files/orders.csv?shop=x", nil, http.Header{"Authorization": {"Bearer " + token}}); got.Status != http.StatusUnauthorized {
				t.Errorf("a file answers %d: %s", got.Status, got.Body)
			}
			c := wstest.Dial(t, w.url+"/graphql", nil)
			c.SendText(fmt.Sprintf(`{"type":"connection_init","payload":{"authorization":%q}}`, "Bearer "+token))
			if code, _ := c.Closed(); code != 4403 {
				t.Errorf("a socket is closed with %d", code)
			}
		})
	}
	t.Run("a family of tokens", func(t *testing.T) { familyEnds(t, w) })
}

// forge changes a good token.
func forge(t *testing.T, good string, key []byte, f forgery) string {
	t.Helper()
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser().ParseUnverified(good, claims)
	if err != nil {
		t.Fatal(err)
	}
	if f.method == nil {
		f.method = jwt.SigningMethodHS256
	}
	if f.key == nil {
		f.key = key
	}
	token.Method, token.Header["alg"] = f.method, f.method.Alg()
	maps.Copy(token.Header, f.header)
	maps.Copy(claims, f.claims)
	gone := func(_ string, v any) bool { return v == nil }
	maps.DeleteFunc(token.Header, gone)
	maps.DeleteFunc(claims, gone)
	out, err := token.SignedString(f.key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// familyEnds has a thief use a refresh token that its owner has used, half a minute later: tokens and sockets of both end.
func familyEnds(t *testing.T, w *world) {
	owner, other := w.buyer(t, "robbed"), w.buyer(t, "robbed")
	next := w.as(t, owner.refresh(t).Session)
	watching := next.socket(t)
	if n, err := w.db.ExecContext(t.Context(), "UPDATE refresh_tokens SET used_at = ? WHERE used_at IS NOT NULL", time.Now().Add(-31*time.Second).UTC().Truncate(time.Microsecond)); err != nil {
		t.Fatal(err, n)
	}
	thief := &client{world: w, session: owner.session}
	thief.refresh(t).refused(t, "SESSION_EXPIRED")
	if code := watching.closedWith(patience); code != 4403 {
		t.Errorf("a socket of the family is closed with %d", code)
	}
	for i, c := range []*client{owner, next} {
		if c.viewerID(t) != "" {
			t.Errorf("access token %d of the family is taken", i)
		}
		c.refresh(t).refused(t, "SESSION_EXPIRED")
	}
	if other.viewerID(t) == "" {
		t.Error("a log-in of its own has ended with them")
	}
	if lines := w.log.String(); !strings.Contains(lines, "refresh token used again, session ended") {
		t.Error("nobody is told of the thief")
	}
}

// TestHostileGuesses guesses passwords and codes, many in one request and over sockets: each guess counts.
func TestHostileGuesses(t *testing.T) {
	t.Parallel()
	w := newLimited(t, nil)
	guesses := func(n int, input string) string {
		var text strings.Builder
		text.WriteString("mutation {")
		for i := range n {
			fmt.Fprintf(&text, " a%d: sessionCreate(input: {%s}) { session { expiresAt } userErrors { code } }", i, strings.ReplaceAll(input, "#", fmt.Sprint(i)))
		}
		return text.String() + "}"
	}
	password := func(email string) string { return guesses(9, `staff: {email: "`+email+`", password: "guess #"}`) }
	// Of n guesses in one request so many are looked at, and the rest is refused.
	expect := func(what string, got answer, n, looked int) {
		t.Helper()
		refused := slices.Repeat([]string{"RATE_LIMITED"}, n-looked)
		if strings.Contains(string(got.Body), "expiresAt") || !slices.Equal(got.codes(), refused) || looked == n && strings.Count(string(got.Data), "LOGIN_FAILED") != n {
			t.Errorf("%s: want %d looked at and %d refused: %s", what, looked, n-looked, got.Body)
		}
	}
	nobody := w.anonymous()
	expect("nine passwords in one request", nobody.from(t, "1.1.1.1", password("merchant@demo.test"), nil), 9, 5)
	expect("nine more, under other spellings", nobody.from(t, "1.1.1.1", password(" Merchant@DEMO.test "), nil), 9, 0)

	s := nobody.socketFrom(t, "1.1.1.1")
	expect("over a socket of the address", s.ran(password("merchant@demo.test"), nil), 9, 0)
	s = nobody.socketFrom(t, "1.1.1.2")
	expect("over a socket from elsewhere", s.ran(password("merchant@demo.test"), nil), 9, 5)
	expect("the same address over HTTP", nobody.from(t, "1.1.1.2", password("merchant@demo.test"), nil), 9, 0)

	// An address: 50 in all, here of codes, which cost nothing to look at.
	for i := range 10 {
		got := nobody.from(t, "1.1.1.4", guesses(6, `weChat: {appId: "wxdemo", code: "guess-#"}`), nil)
		expect(fmt.Sprint("codes of one address ", i), got, 6, max(0, min(6, 50-6*i)))
	}
}

// socketFrom opens a socket from an address.
func (c *client) socketFrom(t *testing.T, address string) *socket {
	t.Helper()
	options := c.dialOptions()
	options.HTTPHeader.Set("X-Forwarded-For", address)
	return c.socketWith(t, options)
}
