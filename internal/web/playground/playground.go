// Package playground serves the pages that one explores the API with. They are made by npm from the sources beside this file, and
// committed, so that the server needs no Node: see .ci/web.
package playground

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Path is where everything but the first page is.
const Path = "/playground/"

//go:embed all:dist
var dist embed.FS

// Person is somebody whom the pages offer to log in as.
type Person struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	// Login is the input of sessionCreate.
	Login map[string]any `json:"login"`
}

// Config is what the pages are told.
type Config struct {
	Demo   bool     `json:"demo"`
	People []Person `json:"people"`
	// Race tells whether there is a page where many want the same. New says it.
	Race bool `json:"race"`
}

// policy lets the pages use what this server serves and nothing else. No script is inline and none is made of text. Monaco, the editor,
// writes styles into the page, and its own style sheet has fonts and pictures inside. A socket to this server counts as 'self'.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// smallest is what is worth packing.
const smallest = 1 << 10

// file is one of the pages' files, and the same packed once somebody takes it so.
type file struct {
	plain  []byte
	kind   string
	cache  string
	packed func() []byte // nil when it would not help
}

// Handler serves the pages: "/" and what is below Path.
type Handler struct{ files map[string]file }

// New prepares the pages for a server that is as config says.
func New(config Config) (*Handler, error) {
	h := &Handler{files: map[string]file{}}
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		h.add(strings.TrimPrefix(name, "dist/"), text)
		return nil
	})
	if err != nil {
		return nil, err
	}
	_, config.Race = h.files["race.html"]
	if config.People == nil {
		config.People = []Person{}
	}
	told, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	h.add("config.json", told)
	return h, nil
}

// kindOf is named here: what the system's tables say differs from one machine to the other.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".ttf":
		return "font/ttf"
	case ".woff2":
		return "font/woff2"
	case ".png":
		return "image/png"
	default:
		return "application/octet-stream"
	}
}

func (h *Handler) add(name string, text []byte) {
	f := file{plain: text, kind: kindOf(name), cache: "no-cache"}
	if strings.HasPrefix(name, "assets/") { // their names change with what they say
		f.cache = "public, max-age=31536000, immutable"
	}
	if len(text) >= smallest && !strings.HasPrefix(f.kind, "font/woff") && f.kind != "image/png" {
		f.packed = sync.OnceValue(func() []byte { return pack(text) })
	}
	h.files[name] = f
}

func pack(text []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(text) // to memory
	_ = w.Close()
	return out.Bytes()
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, Path)
	if r.URL.Path == "/" || name == "" {
		name = "index.html"
	}
	f, ok := h.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	body, header := f.plain, w.Header()
	header.Set("Content-Type", f.kind)
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", f.cache)
	if f.packed != nil {
		header.Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			header.Set("Content-Encoding", "gzip")
			body = f.packed()
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // who hangs up has seen enough
	}
}

// takesGzip reads an Accept-Encoding.
func takesGzip(accepted string) bool {
	for each := range strings.SplitSeq(accepted, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(each), ";")
		if strings.TrimSpace(coding) != "gzip" {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
		return weight == "" || err == nil && q > 0
	}
	return false
}
