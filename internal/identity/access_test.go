package identity

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"holdfast/internal/fault"
	"holdfast/internal/typeid"
)

// forge makes a token from a good one's claims and the right key, after change has had its way with them.
func forge(t *testing.T, w *world, s Session, change func(header map[string]any, c jwt.MapClaims) (method jwt.SigningMethod, key any)) string {
	t.Helper()
	kid, secret, err := w.tokens.keys.signing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := jwt.MapClaims{
		"iss": issuer, "aud": issuer, "sub": s.Viewer.Buyer.String(), "mp": s.Viewer.MiniProgram.String(),
		"sid": s.Viewer.Session.String(), "iat": start.Unix(), "exp": start.Add(time.Minute).Unix(),
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
	token.Header["kid"] = kid
	method, key := change(token.Header, c)
	if method == nil {
		method = jwt.SigningMethodHS256
	}
	if key == nil {
		key = secret
	}
	token.Method, token.Header["alg"] = method, method.Alg()
	out, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestForgedTokens(t *testing.T) {
	set := func(name string, value any) func(map[string]any, jwt.MapClaims) (jwt.SigningMethod, any) {
		return func(_ map[string]any, c jwt.MapClaims) (jwt.SigningMethod, any) {
			c[name] = value
			return nil, nil
		}
	}
	without := func(name string) func(map[string]any, jwt.MapClaims) (jwt.SigningMethod, any) {
		return func(_ map[string]any, c jwt.MapClaims) (jwt.SigningMethod, any) {
			delete(c, name)
			return nil, nil
		}
	}
	header := func(name string, value any) func(map[string]any, jwt.MapClaims) (jwt.SigningMethod, any) {
		return func(h map[string]any, _ jwt.MapClaims) (jwt.SigningMethod, any) {
			h[name] = value
			return nil, nil
		}
	}
	forgeries := map[string]func(map[string]any, jwt.MapClaims) (jwt.SigningMethod, any){
		"alg none": func(map[string]any, jwt.MapClaims) (jwt.SigningMethod, any) {
			return jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
		},
		"alg HS512 with our key": func(map[string]any, jwt.MapClaims) (jwt.SigningMethod, any) {
			return jwt.SigningMethodHS512, nil
		},
		"wrong key": func(map[string]any, jwt.MapClaims) (jwt.SigningMethod, any) {
			return nil, make([]byte, secretLen)
		},
		"empty key": func(map[string]any, jwt.MapClaims) (jwt.SigningMethod, any) {
			return nil, []byte{}
		},
		"unknown key":             header("kid", "other"),
		"no key named":            header("kid", nil),
		"key is no text":          header("kid", 1),
		"wrong audience":          set("aud", "elsewhere"),
		"no audience":             without("aud"),
		"wrong issuer":            set("iss", "elsewhere"),
		"no issuer":               without("iss"),
		"no expiry":               without("exp"),
		"expiry is no number":     set("exp", "tomorrow"),
		"no session":              without("sid"),
		"session of a cart":       set("sid", typeid.New[typeid.Cart](start).String()),
		"no subject":              without("sub"),
		"a shop as subject":       set("sub", typeid.New[typeid.Shop](start).String()),
		"no mini-program":         without("mp"),
		"staff in a mini-program": set("sub", typeid.New[typeid.Staff](start).String()),
		"not yet":                 set("nbf", start.Add(time.Second).Unix()),
	}
	each(t, func(t *testing.T, w *world) {
		s := w.buyer(t)
		for name, forgery := range forgeries {
			token := forge(t, w, s, forgery)
			_, err := w.Authenticate(t.Context(), token)
			wantCode(t, err, fault.Unauthenticated, token)
			if err == nil || err.Error() != tokenInvalid().Error() {
				t.Errorf("%s: got %v, want %v", name, err, tokenInvalid())
			}
		}
		good := forge(t, w, s, set("more", "is ignored"))
		if _, err := w.Authenticate(t.Context(), good); err != nil {
			t.Fatalf("the unforged token: %v", err)
		}
		parts := strings.Split(good, ".")
		for name, token := range map[string]string{
			"nothing":         "",
			"garbage":         "garbage",
			"dots":            "..",
			"bearer":          "Bearer " + good,
			"trailing part":   good + ".x",
			"trailing blank":  good + " ",
			"no signature":    parts[0] + "." + parts[1] + ".",
			"cut signature":   good[:len(good)-1],
			"other claims":    parts[0] + "." + parts[0] + "." + parts[2],
			"long":            strings.Repeat("a", maxToken+1),
			"refresh token":   s.RefreshToken,
			"padded":          parts[0] + "." + parts[1] + "." + parts[2] + "=",
			"loose last bits": good[:len(good)-1] + string(good[len(good)-1]+1),
		} {
			_, err := w.Authenticate(t.Context(), token)
			wantCode(t, err, fault.Unauthenticated, token)
			if err == nil {
				t.Errorf("%s was taken", name)
			}
		}
	})
}

func TestAccessTokensExpire(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, s := range map[string]Session{"buyer": w.buyer(t), "staff": w.owner(t)} {
			w.clock.Advance(s.ExpiresAt.Sub(w.clock.Now()) - time.Microsecond)
			if _, err := w.Authenticate(t.Context(), s.AccessToken); err != nil {
				t.Errorf("%s: the last microsecond: %v", name, err)
			}
			w.clock.Advance(time.Microsecond)
			_, err := w.Authenticate(t.Context(), s.AccessToken)
			wantCode(t, err, fault.Unauthenticated, s.AccessToken)
			if err == nil || err.Error() != tokenExpired().Error() {
				t.Errorf("%s: got %v, want %v", name, err, tokenExpired())
			}
			w.clock.Advance(start.Sub(w.clock.Now())) // back, for the next
		}
	})
}
