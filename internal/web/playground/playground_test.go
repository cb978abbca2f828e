package playground

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, h *Handler, path, encodings string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", encodings)
	got := httptest.NewRecorder()
	h.ServeHTTP(got, r)
	return got
}

// What a page needs is there, is ours, and is not inline.
func TestPages(t *testing.T) {
	t.Parallel()
	h, err := New(Config{Demo: true, People: []Person{{Key: "buyer", Name: "Lin", Login: map[string]any{"code": "x"}}}})
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`<(?:script|link|img)\s[^>]*(?:src|href)="([^"]*)"`) // what is loaded, not what is linked to
	inline := regexp.MustCompile(`<script(?:\s+[^>]*)?>\s*[^<\s]|\son\w+=|<style|\sstyle=`)
	for name, f := range h.files {
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		if at := inline.Find(f.plain); at != nil {
			t.Errorf("%s has something inline: %s", name, at)
		}
		found := address.FindAllSubmatch(f.plain, -1)
		if len(found) == 0 {
			t.Errorf("%s needs nothing", name)
		}
		for _, m := range found {
			got := get(t, h, string(m[1]), "")
			if !strings.HasPrefix(string(m[1]), Path) || got.Code != http.StatusOK || !strings.Contains(got.Header().Get("Cache-Control"), "immutable") {
				t.Errorf("%s wants %s: %d %v", name, m[1], got.Code, got.Header())
			}
		}
	}
	for _, path := range []string{"/", Path, Path + "index.html"} {
		got := get(t, h, path, "")
		if got.Code != http.StatusOK || got.Header().Get("Cache-Control") != "no-cache" || got.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %v", path, got.Code, got.Header())
		}
		if p := got.Header().Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "unsafe-eval") ||
			strings.Contains(p, "script-src 'self' ") || !strings.Contains(p, "script-src 'self';") {
			t.Errorf("%s: %s", path, p)
		}
	}
	for _, path := range []string{Path + "nothing", Path + "assets/", Path + "../playground.go", Path + "dist/index.html", "/playground", "/playground.go"} {
		if got := get(t, h, path, ""); got.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	told := Config{}
	if err := json.Unmarshal(get(t, h, Path+"config.json", "").Body.Bytes(), &told); err != nil || !told.Demo || len(told.People) != 1 {
		t.Errorf("told %+v: %v", told, err)
	}
}

func TestPacked(t *testing.T) {
	t.Parallel()
	h, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	largest := ""
	for name, f := range h.files {
		if len(f.plain) > len(h.files[largest].plain) {
			largest = name
		}
	}
	want := string(h.files[largest].plain)
	for encodings, packed := range map[string]bool{"": false, "br": false, "gzip;q=0": false, "gzip;q=x": false, "br, gzip": true, "gzip;q=0.5": true} {
		got := get(t, h, Path+largest, encodings)
		body := io.Reader(got.Body)
		if is := got.Header().Get("Content-Encoding") == "gzip"; is != packed || got.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("for %q: %v", encodings, got.Header())
		} else if packed {
			if body, err = gzip.NewReader(got.Body); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := io.ReadAll(body); err != nil || string(text) != want {
			t.Errorf("for %q: %d bytes, %v", encodings, len(text), err)
		}
	}
}
