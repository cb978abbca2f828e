package main

import (
	"runtime"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"holdfast/internal/db"
	"holdfast/internal/testdb"
)

// model is the command line as the program has it.
func model(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := kong.New(&commands{}, options()...)
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// TestHelp reads the help of the program and of each command as a stranger does.
func TestHelp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := run(t, dir, "", nil, "--help")
	if p.code != 0 || p.err.String() != "" {
		t.Fatalf("ended with %d: %s", p.code, p.err.String())
	}
	known := variables(model(t))
	for _, told := range append(known, "GraphQL", "To begin with", "127.0.0.1:8080", "staff create", "mysql://user:password@host:3306/name") {
		if strings.HasPrefix(told, "OTEL_") {
			continue // beside its own flag
		}
		if !strings.Contains(p.out.String(), told) {
			t.Errorf("--help does not tell of %s", told)
		}
	}
	for _, name := range []string{
		"HOLDFAST_ADDR", "HOLDFAST_COMPLETE_AFTER", "HOLDFAST_DATABASE", "HOLDFAST_DEMO", "HOLDFAST_DEMO_PUBLIC", "HOLDFAST_DOCUMENTS", "HOLDFAST_DRAIN",
		"HOLDFAST_HOLD", "HOLDFAST_MAX_OPEN", "HOLDFAST_MAX_OPERATIONS", "HOLDFAST_ORIGINS", "HOLDFAST_OTLP_ENDPOINT", "HOLDFAST_RATE_LIMITS",
		"HOLDFAST_TRUSTED_ONLY", "HOLDFAST_TRUSTED_PROXIES", "OTEL_EXPORTER_OTLP_ENDPOINT",
	} {
		if !strings.Contains(strings.Join(known, " ")+" ", name+" ") {
			t.Errorf("no flag is set by %s", name)
		}
	}
	var visit func(n *kong.Node, path []string)
	visit = func(n *kong.Node, path []string) {
		if len(n.Children) == 0 && len(path) > 0 {
			got := run(t, dir, "", nil, append(path, "--help")...)
			if got.code != 0 || !strings.Contains(got.out.String(), "Usage: server "+strings.Join(path, " ")) || n.Help == "" {
				t.Errorf("%v --help ended with %d:\n%s", path, got.code, got.out.String())
			}
			for _, flag := range n.Flags {
				if flag.Help == "" {
					t.Errorf("%v: --%s says nothing", path, flag.Name)
				}
			}
		}
		for _, child := range n.Children {
			visit(child, append(append([]string{}, path...), child.Name))
		}
	}
	visit(model(t).Node, nil)
}

// TestVersionCommand says what is running.
func TestVersionCommand(t *testing.T) {
	t.Parallel()
	p := run(t, t.TempDir(), "", nil, "version")
	_, newest, err := db.SchemaVersion()
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range []string{"holdfast  ", "revision  ", "time      ", runtime.Version(), newest, readBuild().version} {
		if p.code != 0 || !strings.Contains(p.out.String(), told) {
			t.Errorf("ended with %d, does not say %q:\n%s%s", p.code, told, p.out.String(), p.err.String())
		}
	}
}

// TestHealthCommand asks a server that is ready, one that is not, and one that is not there.
func TestHealthCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testdb.Source(t, testdb.SQLite))
	dir := t.TempDir()
	addr := strings.TrimPrefix(w.url, "http://")
	_, port, _ := strings.Cut(addr, ":")
	ask := func(at string) *process {
		return run(t, dir, "", []string{"HOLDFAST_ADDR=" + at, "HTTP_PROXY=http://127.0.0.1:1"}, "health")
	}
	for _, at := range []string{addr, "0.0.0.0:" + port, ":" + port, "[::]:" + port} {
		if p := ask(at); p.code != 0 || !strings.Contains(p.out.String(), "ready") {
			t.Errorf("%s: ended with %d: %s%s", at, p.code, p.out.String(), p.err.String())
		}
	}
	w.draining.Store(true)
	if p := ask(addr); p.code != 1 || !strings.Contains(p.err.String(), "shutting down") {
		t.Errorf("while it ends: ended with %d: %s", p.code, p.err.String())
	}
	if p := ask("127.0.0.1:1"); p.code != 1 || !strings.Contains(p.err.String(), "does not answer") {
		t.Errorf("nobody: ended with %d: %s", p.code, p.err.String())
	}
	if p := ask("nonsense"); p.code != 1 || !strings.Contains(p.err.String(), "HOST:PORT") {
		t.Errorf("no address: ended with %d: %s", p.code, p.err.String())
	}
}

// TestUnknownVariables warns of names that were misspelt, and of nothing else.
func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	got := unknownVariables([]string{
		"HOLDFAST_DATABSE=mysql://root:s3cret@h/n", "HOLDFAST_HOLDS=1h", "HOLDFAST_FLAVOUR=mint", "HOLDFAST_ADDR=x", "HOLDFAST_TEST_MYSQL=x",
		"PATH=/bin", "HOLDFAST_OTEL_ENDPOINT=x", "HOLDFAST_=x",
	}, variables(model(t)))
	want := []misspelt{
		{"HOLDFAST_", ""},
		{"HOLDFAST_DATABSE", "HOLDFAST_DATABASE"},
		{"HOLDFAST_FLAVOUR", ""},
		{"HOLDFAST_HOLDS", "HOLDFAST_HOLD"},
		{"HOLDFAST_OTEL_ENDPOINT", "HOLDFAST_OTLP_ENDPOINT"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(misspelt{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p := run(t, t.TempDir(), "", []string{"HOLDFAST_DATABSE=mysql://root:s3cret@h/n"}, "version")
	if p.code != 0 || !strings.Contains(p.err.String(), `"name":"HOLDFAST_DATABSE","did_you_mean":"HOLDFAST_DATABASE"`) || strings.Contains(p.err.String(), "s3cret") {
		t.Errorf("ended with %d: %s", p.code, p.err.String())
	}
	p.checkLog(t)
}

// TestConfigurationRefused gives values that cannot work; each message names the variable and something that would.
func TestConfigurationRefused(t *testing.T) {
	t.Parallel()
	cases := []struct{ env, says, example string }{
		{"HOLDFAST_HOLD=soon", "HOLDFAST_HOLD", "15m"},
		{"HOLDFAST_HOLD=15", "HOLDFAST_HOLD", "15m"},
		{"HOLDFAST_COMPLETE_AFTER=59s", "HOLDFAST_COMPLETE_AFTER", "240h"},
		{"HOLDFAST_COMPLETE_AFTER=2161h", "HOLDFAST_COMPLETE_AFTER", "240h"},
		{"HOLDFAST_DRAIN=-1s", "HOLDFAST_DRAIN", "5s"},
		{"HOLDFAST_DRAIN=301s", "HOLDFAST_DRAIN", "5s"},
		{"HOLDFAST_ORIGINS=https://shop.example/path", "HOLDFAST_ORIGINS", "https://shop.example:8443"},
		{"HOLDFAST_ORIGINS=a.example,*.b.example", "*.b.example", "shop.example"},
		{"HOLDFAST_ORIGINS=ftp://a.example", "ftp://a.example", "shop.example"},
		{"HOLDFAST_OTLP_ENDPOINT=collector:4317", "HOLDFAST_OTLP_ENDPOINT", "http://127.0.0.1:4318"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=s3cret", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"},
		{"HOLDFAST_ADDR=127.0.0.1:99999", "99999", "127.0.0.1:8080"},
		{"HOLDFAST_ADDR=127.0.0.1:http", "http", "127.0.0.1:8080"},
		{"HOLDFAST_DATABASE=postgres://u:s3cret@h/n", "HOLDFAST_DATABASE", "mysql://user:password@host:3306/name"},
		{"HOLDFAST_MAX_OPEN=many", "HOLDFAST_MAX_OPEN", "many"},
		{"HOLDFAST_DEMO=perhaps", "HOLDFAST_DEMO", "bool"},
	}
	for _, c := range cases {
		t.Run(c.env, func(t *testing.T) {
			t.Parallel()
			p := run(t, t.TempDir(), "", []string{"HOLDFAST_ADDR=127.0.0.1:0", c.env}, "serve")
			said := lastLine(p.err.String())
			if p.code == 0 || !strings.HasPrefix(said, "server: ") || !strings.Contains(said, c.says) || !strings.Contains(said, c.example) {
				t.Errorf("ended with %d, want a line with %q and %q:\n%s", p.code, c.says, c.example, p.err.String())
			}
			checkSecrets(t, "the message", p.err.String(), []string{"s3cret"})
		})
	}
}

// TestConfigurationAccepted holds the limits themselves to be fit.
func TestConfigurationAccepted(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{},
		{"--hold=2h", "--complete-after=1m", "--drain=5m"},
		{"--hold=1s", "--complete-after=2160h", "--drain=0s"},
		{"--origins=shop.example,https://shop.example:8443,http://[::1]:3000,localhost:5173", "--otlp-endpoint=https://otel.example/base"},
		{"--addr=:0", "--database=sqlite:x"},
	} {
		var cli commands
		parser, err := kong.New(&cli, options()...)
		if err == nil {
			_, err = parser.Parse(append([]string{"serve"}, args...))
		}
		if err == nil {
			err = cli.Serve.validate()
		}
		if err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	for endpoint, want := range map[string]string{
		"": "", "http://127.0.0.1:4318": "http://127.0.0.1:4318/v1/traces", "https://otel.example/base/": "https://otel.example/base/v1/traces",
	} {
		if got, err := tracesURL(endpoint); got != want || err != nil {
			t.Errorf("traces of %q go to %q (%v), want %q", endpoint, got, err, want)
		}
	}
}
