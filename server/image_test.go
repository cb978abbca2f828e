package main

import (
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// instructions are those of the Dockerfile, by stage.
func instructions(t *testing.T) [][][2]string {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var stages [][][2]string
	for line := range strings.Lines(string(text)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
			continue
		case word == "FROM":
			stages = append(stages, nil)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], [2]string{word, rest})
	}
	return stages
}

func args(stage [][2]string, word string) []string {
	var out []string
	for _, i := range stage {
		if i[0] == word {
			out = append(out, i[1])
		}
	}
	return out
}

// port is where the program listens in the image.
const port = "8080"

// TestDockerfile holds the image to the program: its Go, its commands, its variables; and to what makes it safe.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	stages := instructions(t)
	if len(stages) != 2 {
		t.Fatalf("%d stages", len(stages))
	}
	build, image := stages[0], stages[1]
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))
	if from := args(build, "FROM"); len(wanted) != 2 || from[0] != "golang:"+wanted[1]+" AS build" {
		t.Errorf("built with %v, and go.mod wants %v", from, wanted)
	}
	if runs := strings.Join(args(build, "RUN"), "\n"); !strings.Contains(runs, "CGO_ENABLED=0 go build") || !strings.Contains(runs, "-o /out/server ./server") {
		t.Errorf("the build is %s", runs)
	}
	if got := args(image, "FROM"); got[0] != "scratch" {
		t.Errorf("the image is made from %v", got)
	}
	if got := args(image, "USER"); len(got) != 1 || strings.HasPrefix(got[0], "0") || !regexp.MustCompile(`^\d+:\d+$`).MatchString(got[0]) {
		t.Errorf("it runs as %v; a number is what orchestrators can tell from root", got)
	}
	if got := args(image, "EXPOSE"); !slices.Equal(got, []string{port}) {
		t.Errorf("it exposes %v", got)
	}
	known := variables(model(t))
	for _, env := range append(args(image, "ENV"), args(build, "ENV")...) {
		name, value, _ := strings.Cut(env, "=")
		if !slices.Contains(known, name) {
			t.Errorf("it sets %s, which the program does not know", name)
		}
		if _, p, err := net.SplitHostPort(value); name == "HOLDFAST_ADDR" && (err != nil || p != port) {
			t.Errorf("it listens at %s", value)
		}
	}
	for _, command := range []string{strings.Join(args(image, "HEALTHCHECK"), " "), strings.Join(args(image, "CMD"), " ")} {
		words := regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(command, -1)
		if len(words) == 0 || !isCommand(t, words[len(words)-1][1]) {
			t.Errorf("%s is no command of the program", command)
		}
	}
}

func isCommand(t *testing.T, name string) bool {
	t.Helper()
	for _, child := range model(t).Children {
		if child.Name == name {
			return true
		}
	}
	return false
}

// composition is compose.yaml, as far as it matters here.
type composition struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Context, Dockerfile string }
		Environment map[string]string
		Ports       []string
		Volumes     []string
		User        string
		Privileged  bool
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck struct{ Test []string }
	}
	Volumes map[string]any
}

// TestCompose holds the compose file to the program.
func TestCompose(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c composition
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	holdfast, mysql := c.Services["holdfast"], c.Services["mysql"]
	if _, err := os.Stat(holdfast.Build.Context + "/" + holdfast.Build.Dockerfile); err != nil {
		t.Errorf("what it builds: %v", err)
	}
	known := variables(model(t))
	for name := range holdfast.Environment {
		if !slices.Contains(known, name) {
			t.Errorf("it sets %s, which the program does not know", name)
		}
	}
	for name, s := range c.Services {
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s can be reached from elsewhere at %s", name, p)
			}
		}
		if s.Privileged {
			t.Errorf("%s is privileged", name)
		}
	}
	if want := []string{"127.0.0.1:" + port + ":" + port}; !slices.Equal(holdfast.Ports, want) || !strings.HasSuffix(holdfast.Environment["HOLDFAST_ADDR"], ":"+port) {
		t.Errorf("ports %v of %s", holdfast.Ports, holdfast.Environment["HOLDFAST_ADDR"])
	}
	if mysql.Image != "mysql:8.4" || len(mysql.Healthcheck.Test) == 0 || holdfast.DependsOn["mysql"].Condition != "service_healthy" {
		t.Errorf("MySQL is %s, checked by %v, and waited for until %q", mysql.Image, mysql.Healthcheck.Test, holdfast.DependsOn["mysql"].Condition)
	}
	if len(mysql.Volumes) != 1 || strings.Split(mysql.Volumes[0], ":")[1] != "/var/lib/mysql" {
		t.Errorf("the data is in %v", mysql.Volumes)
	}
	if _, ok := c.Volumes[strings.Split(mysql.Volumes[0], ":")[0]]; !ok {
		t.Errorf("there is no volume %v", mysql.Volumes)
	}
	checkPasswords(t, string(text))
	if _, on := holdfast.Environment["HOLDFAST_DEMO"]; on || !strings.Contains(string(text), `# HOLDFAST_DEMO: "true"`) {
		t.Error("demo mode is not one commented line away")
	}
	// With its values, and with the commented line, the program takes the configuration.
	for _, demo := range []bool{false, true} {
		s := serveCommand{Addr: holdfast.Environment["HOLDFAST_ADDR"], Hold: minHold, MaxOpen: 1, CompleteAfter: minCompleteAfter}
		s.Database = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(holdfast.Environment["HOLDFAST_DATABASE"], "Secret1")
		s.DemoPublic = holdfast.Environment["HOLDFAST_DEMO_PUBLIC"] == "true"
		if demo {
			s.Demo = &demo
		}
		if err := s.validate(); err != nil || s.demo() != demo {
			t.Errorf("demo %v: %v", demo, err)
		}
		if want := "mysql://" + mysql.Environment["MYSQL_USER"] + ":Secret1@mysql:3306/" + mysql.Environment["MYSQL_DATABASE"]; s.Database != want {
			t.Errorf("it connects to %s, want %s", s.Database, want)
		}
	}
}

// checkPasswords finds passwords that do not come from outside, or may be empty.
func checkPasswords(t *testing.T, text string) {
	t.Helper()
	required := regexp.MustCompile(`^\$\{MYSQL_(ROOT_)?PASSWORD:\?[^}]*\}$`)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if strings.HasPrefix(name, "#") {
			continue
		}
		if strings.HasSuffix(name, "PASSWORD") && !required.MatchString(value) {
			t.Errorf("a password that need not be set: %s", line)
		}
		if _, rest, ok := strings.Cut(value, "holdfast:$"); ok {
			if end := strings.Index(rest, "}"); end < 0 || !required.MatchString("$"+rest[:end+1]) {
				t.Errorf("a password that need not be set: %s", line)
			}
		}
	}
}
