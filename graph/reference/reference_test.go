package reference_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"holdfast/graph"
	"holdfast/graph/reference"
)

// TestPage asks for the page of the whole API: everything that the schema has is on it, described, and every link leads somewhere.
func TestPage(t *testing.T) {
	t.Parallel()
	h, err := reference.New(graph.Schema())
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (string, http.Header) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: HTTP %d", path, w.Code)
		}
		return w.Body.String(), w.Header()
	}
	page, header := get(reference.Path)
	if csp := header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("the page may do anything: %s", csp)
	}
	for name, def := range graph.Schema().Types {
		if strings.HasPrefix(name, "__") {
			continue
		}
		root := name == "Query" || name == "Mutation" || name == "Subscription"
		if !root && !strings.Contains(page, `<section id="`+name+`">`) {
			t.Errorf("%s is not there", name)
		}
		for _, f := range def.Fields {
			if root && !strings.HasPrefix(f.Name, "__") && !strings.Contains(page, `<section id="`+name+"."+f.Name+`">`) {
				t.Errorf("%s.%s is not there", name, f.Name)
			}
		}
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+link[1]+`"`) {
			t.Errorf("#%s leads nowhere", link[1])
		}
	}
	for _, want := range []string{
		`<a href="#CheckoutPlacePayload">CheckoutPlacePayload</a>!`, // what a mutation gives
		`<code>nodes</code> <span class="type">[<a href="#Order">Order</a>!]!</span>`,
		`<code>PENDING_PAYMENT</code>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not there", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "style=") {
		t.Error("the page has what its policy forbids")
	}
	if css, header := get(reference.Path + ".css"); !strings.Contains(css, "@media") || !strings.HasPrefix(header.Get("Content-Type"), "text/css") {
		t.Error("there is no style sheet")
	}
}
