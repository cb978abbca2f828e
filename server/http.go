package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"holdfast/graph"
	"holdfast/graph/reference"
	"holdfast/internal/demo"
	"holdfast/internal/web/playground"
)

// handler is every address that the server answers.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/graphql", s.edge())
	if s.playground == nil {
		mux.HandleFunc("GET /{$}", s.index)
	} else {
		mux.Handle("GET /{$}", s.playground)
		mux.Handle("GET "+playground.Path, s.playground)
		mux.Handle("GET "+reference.Path, s.reference)
		mux.Handle("GET "+reference.Path+".css", s.reference)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.handler(s.log))
	if s.weChat != nil {
		mux.HandleFunc("POST "+noticePath, s.notified)
	}
	files := http.NewServeMux()
	newFiles(s).mount(files)
	mux.Handle("/files/", s.fileRoom(files))
	if s.cfg.demo() {
		pictures := http.FileServerFS(demo.Pictures())
		mux.Handle("GET "+demo.ImagePath, http.StripPrefix(demo.ImagePath, cached(pictures)))
	}
	return s.observed(mux)
}

// edge answers GraphQL. What traces is only there when somebody wants traces.
func (s *server) edge() http.Handler {
	edge := s.authenticated(s.socketRoom(s.graphql))
	if s.tracing == nil {
		return edge
	}
	return s.tracing.http("/graphql", edge)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// authenticated reads the bearer token. A token that is refused is told to the fields that are asked for: some, such as
// refreshing the session, do not need it. Who has sent too many requests is refused here.
func (s *server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(s.addressed(r), requestTimeout)
		defer cancel()
		who, err := s.bearer(ctx, r.Header.Get("Authorization"))
		if !s.counted(ctx, w, r, who) {
			return
		}
		next.ServeHTTP(w, r.WithContext(graph.WithPrincipal(ctx, who, err)))
	})
}

// cached lets browsers keep what never changes under its name.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=86400")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// observed gives every request an id, says it in the answer, and logs what became of the request.
func (s *server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.app.now()
		id := requestID(r.Header.Get("X-Request-Id"))
		w.Header().Set("X-Request-Id", id)
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		ctx := graph.WithRequestID(r.Context(), id)
		r = r.WithContext(ctx)
		defer func() {
			if caught := recover(); caught != nil && caught != http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
				s.log.ErrorContext(ctx, "panic", "request_id", id, "panic", caught)
				if !seen.wrote {
					plain(seen, http.StatusInternalServerError, "internal error")
				}
			}
			s.metrics.answered(routeOf(r.Pattern), seen.status)
			level := slog.LevelInfo
			switch r.URL.Path {
			case "/healthz", "/readyz", "/metrics":
				level = slog.LevelDebug // probes come every second
			}
			s.log.LogAttrs(ctx, level, "request", slog.String("request_id", id), slog.String("method", fitToLog(r.Method)),
				slog.String("path", fitToLog(r.URL.EscapedPath())), slog.Int("status", seen.status), slog.Duration("took", max(0, s.app.now().Sub(start))))
		}()
		next.ServeHTTP(seen, r) // which notes the pattern that it matched
	})
}

// routeOf is the path of a pattern such as "GET /readyz"; "other" when nothing matched.
func routeOf(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = path
	}
	if pattern == "" {
		return "other"
	}
	return strings.TrimSuffix(pattern, "{$}")
}

// maxLogged bounds what a client may have logged of its method and path.
const maxLogged = 500

// fitToLog cuts text of printable ASCII, which methods and escaped paths are: others could steer the terminal of who reads the log.
func fitToLog(text string) string {
	if len(text) > maxLogged {
		return text[:maxLogged] + "..."
	}
	return text
}

// maxRequestID bounds what a client may have logged as its request's id.
const maxRequestID = 64

// requestID is the client's own id of the request, if it is fit to log, or a new one.
func requestID(given string) string {
	fit := len(given) > 0 && len(given) <= maxRequestID
	for i := 0; fit && i < len(given); i++ {
		c := given[i]
		fit = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.'
	}
	if fit {
		return given
	}
	return rand.Text()
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController what is underneath.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

//go:embed index.html
var indexHTML string

// index is a plain page with addresses and logins, where there is no playground.
func (s *server) index(w http.ResponseWriter, r *http.Request) {
	page, err := template.New("index").Parse(indexHTML)
	if err != nil {
		s.log.ErrorContext(r.Context(), "parse page", "error", err)
		plain(w, http.StatusInternalServerError, "internal error")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := page.Execute(w, map[string]any{
		"Host": r.Host, "Demo": s.cfg.demo(), "AppID": demo.AppID, "Merchant": demo.Merchant,
		"Operator": demo.Operator, "Password": demo.Password,
	}); err != nil {
		s.log.WarnContext(r.Context(), "write page", "error", err)
	}
}
