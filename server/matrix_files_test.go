package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/clock"
	"holdfast/internal/demo"
	"holdfast/internal/identity"
)

// fileRights say who may take out and bring in what as a file, of one's own shop.
var fileRights = map[string]rights{
	"GET /files/orders.csv":    "U  U  F  F  +  +  N  +  N  +",
	"GET /files/movements.csv": "U  U  F  F  +  +  N  +  N  +",
	"POST /files/stock.csv":    "U  U  F  F  +  +  N  +  N  f",
}

// mounted are the addresses of files that the program answers.
func mounted(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("files.go")
	must(t, err)
	var out []string
	for _, found := range regexp.MustCompile(`mux\.Handle\w*\("([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		out = append(out, found[1])
	}
	return out
}

// rightsOfFiles asks for the files of both shops as everybody, and for those of shops that are not there.
func rightsOfFiles(t *testing.T, c *cast) {
	checkNames(t, mounted(t), fileRights)
	for address, row := range fileRights {
		for n, actor := range actors {
			for _, s := range c.sides(actor) {
				as := actor
				if s == &c.there {
					as = mirrored(actor)
				}
				want, letter := row.of(t, as)
				got := c.file(t, actor, address, s.shop.ID)
				if is := fileOutcome(t, got); is != want {
					t.Errorf("%s as %s of %s: %s, want %s: %s", address, actor, s.shop.Name, is, want, got.Body)
					continue
				}
				if letter == "+" || letter == "f" {
					continue
				}
				odd := oddIDs(s.shop.ID)
				for _, other := range []string{absentLike(s.shop.ID), odd[n%len(odd)]} {
					if diff := cmp.Diff(fingerprint(got, s.shop.ID), fingerprint(c.file(t, actor, address, other), other)); diff != "" {
						t.Errorf("%s as %s: %.60q is told from a foreign one (-foreign +absent):\n%s", address, actor, other, diff)
					}
				}
			}
		}
	}
}

// file asks for a file of a shop.
func (c *cast) file(t *testing.T, actor, address, shop string) answer {
	t.Helper()
	method, path, _ := strings.Cut(address, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, c.url+path+"?"+(url.Values{"shop": {shop}}).Encode(), strings.NewReader("sku,delta\nnone,1\n"))
	must(t, err)
	r.Header.Set("Idempotency-Key", unique("file"))
	if who := c.clients[actor]; who.token != "" {
		r.Header.Set("Authorization", "Bearer "+who.token)
	}
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return answer{Status: resp.StatusCode, Header: resp.Header, Body: body}
}

// fileOutcome is what became of the request for a file: its code, with the status that goes with it, or that it came.
func fileOutcome(t *testing.T, a answer) string {
	t.Helper()
	if a.Status == http.StatusOK {
		return shown
	}
	var refused struct{ Code string }
	must(t, json.Unmarshal(a.Body, &refused))
	if want := map[string]int{unauthorized: 401, forbidden: 403, notFound: 404}[refused.Code]; a.Status != want {
		t.Errorf("%s with status %d, want %d", refused.Code, a.Status, want)
	}
	return refused.Code
}

// expired is an access token of an owner that is over by itself.
func (c *cast) expired(t *testing.T) string {
	t.Helper()
	before := identity.New(c.db, clock.Of(func() time.Time { return time.Now().Add(-time.Hour) }), nil, identity.Settings{}, c.app.log)
	begun, err := before.LoginStaff(t.Context(), demo.Merchant, demo.Password)
	must(t, err)
	c.log.keepOut(begun.AccessToken, begun.RefreshToken)
	return begun.AccessToken
}
