package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/graph"
	"holdfast/internal/db"
	"holdfast/internal/demo"
	"holdfast/internal/testdb"
)

// TestServe starts the program as it is started the first time, ends it while it is busy, and starts it again.
func TestServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, took := serve(t, dir)
	t.Logf("ready for the first time after %v", took)
	for _, told := range []string{first.url + "/graphql", demo.AppID, "demo-lin", demo.Merchant, demo.Operator, demo.Password} {
		if !strings.Contains(first.out.String(), told) {
			t.Errorf("does not say %s:\n%s", told, first.out.String())
		}
	}
	w := first.world()
	buyer, v := w.buyer(t, "lin"), w.goods(t, w.shops(t)[0], 100, 9)[0]
	placed := buyer.buy(t, vars{"lines": lines(v, 2)})

	if until := time.Until(placed.HeldUntil); until > 15*time.Minute || until < 14*time.Minute { // the process has another time zone
		t.Errorf("held for %v, want 15 minutes", until)
	}
	shops := len(w.shops(t))

	busy := sendHalf(t, buyer, placeBody(t, vars{"lines": lines(v, 3)}))
	first.terminate(t)
	waitFor(t, "the listener to close", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(first.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	if got := busy.finish(t); !strings.Contains(got, `"checkout":{"id":"chk_`) {
		t.Errorf("a request in flight was answered: %s", got)
	}
	first.wait(t)
	if first.code != 0 {
		t.Errorf("ended with %d", first.code)
	}
	first.checkLog(t)
	checkSecrets(t, "the log", first.err.String(), []string{demo.Password, buyer.token, buyer.session.RefreshToken})

	second, took := serve(t, dir)
	t.Logf("ready again after %v", took)
	buyer.world = second.world()
	buyer.world.admin = &client{world: buyer.world, token: w.admin.token}
	if o := buyer.order(t, placed.Orders[0].ID); o == nil || o.Status != "PENDING_PAYMENT" {
		t.Errorf("the order after a new start: %+v", o)
	}
	checkStock(t, "the server started again", buyer.world.merchant(t).stock(t, v), 9, 5, 0)
	buyer.confirm(t, placed.Payment.ID).refused(t)
	if n := len(buyer.world.shops(t)); n != shops {
		t.Errorf("%d shops, then %d: the demo was filled in again", shops, n)
	}
	second.end(t)
}

// half is a request of which a part has been sent.
type half struct {
	conn net.Conn
	rest []byte
}

func sendHalf(t *testing.T, c *client, body []byte) half {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.world.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		c.token, len(body), body[:len(body)/2])
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // until the server has read the headers
	return half{conn, body[len(body)/2:]}
}

// finish sends the rest and returns the answer's body.
func (h half) finish(t *testing.T) string {
	t.Helper()
	if _, err := h.conn.Write(h.rest); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(h.conn), nil)
	if err != nil {
		t.Fatalf("the request in flight: %v", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// TestServeTwice starts two processes on one database at once.
func TestServeTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"HOLDFAST_ADDR=127.0.0.1:0", "HOLDFAST_DATABASE=sqlite:shared/holdfast.db", "HOLDFAST_DEMO=true"}
	other := program(t, dir, "", env)
	other.start(t)
	p, _ := serve(t, dir, env...)
	waitFor(t, "the other process", func() bool {
		if m := greeting.FindStringSubmatch(other.out.String()); m != nil {
			other.url = "http://" + m[1]
		}
		return other.url != "" && other.isReady(t)
	})
	a, b := p.world(), other.world()
	if len(a.shops(t)) != 4 || len(b.shops(t)) != 4 {
		t.Errorf("%d and %d shops, want the demo once", len(a.shops(t)), len(b.shops(t)))
	}
	buyer, v := a.buyer(t, "roaming"), a.goods(t, a.shops(t)[0], 100, 2)[0]
	placed := buyer.buy(t, vars{"lines": lines(v, 1)})
	(&client{world: b, token: buyer.token}).buy(t, vars{"lines": lines(v, 1)})
	buyer.place(t, vars{"lines": lines(v, 1)}).refused(t, "OUT_OF_STOCK")
	(&client{world: b, token: buyer.token}).confirm(t, placed.Payment.ID).refused(t)
	p.end(t)
	other.end(t)
}

// TestServeRefuses starts the program with what cannot work. It says why, in one line, and never a password.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const secret = "s3cr3t-pa55"
	cases := map[string]struct {
		env  []string
		args []string
		says string
	}{
		"demo for everybody":     {[]string{"HOLDFAST_ADDR=0.0.0.0:0"}, nil, "HOLDFAST_DEMO_PUBLIC"},
		"demo on every address":  {[]string{"HOLDFAST_ADDR=:0"}, nil, "demo mode"},
		"demo by name":           {[]string{"HOLDFAST_ADDR=example.test:0", "HOLDFAST_DATABASE=sqlite:x.db", "HOLDFAST_DEMO=true"}, nil, "demo mode"},
		"no port":                {[]string{"HOLDFAST_ADDR=127.0.0.1"}, nil, "HOLDFAST_ADDR"},
		"an address in use":      {[]string{"HOLDFAST_ADDR=" + taken.Addr().String()}, nil, "another"},
		"a hold too short":       {[]string{"HOLDFAST_HOLD=1ms"}, nil, "HOLDFAST_HOLD"},
		"a hold too long":        {[]string{"HOLDFAST_HOLD=48h"}, nil, "HOLDFAST_HOLD"},
		"no duration":            {[]string{"HOLDFAST_HOLD=soon"}, nil, "duration"},
		"no checkouts":           {[]string{"HOLDFAST_MAX_OPEN=0"}, nil, "HOLDFAST_MAX_OPEN"},
		"another database":       {[]string{"HOLDFAST_DATABASE=postgres://root:" + secret + "@127.0.0.1/x"}, nil, "mysql://user:password@host:3306/name"},
		"no file":                {[]string{"HOLDFAST_DATABASE=sqlite:"}, nil, "sqlite:PATH"},
		"a folder":               {[]string{"HOLDFAST_DATABASE=sqlite:."}, nil, "."},
		"no database's name":     {[]string{"HOLDFAST_DATABASE=mysql://root:" + secret + "@127.0.0.1:3306"}, nil, "mysql://user:password@host:3306/name"},
		"a password unescaped":   {[]string{"HOLDFAST_DATABASE=mysql://root:" + secret + "%zz@127.0.0.1/x"}, nil, "percent-encoded"},
		"an unknown parameter":   {[]string{"HOLDFAST_DATABASE=mysql://root:" + secret + "@127.0.0.1/x?charset=utf8"}, nil, "charset"},
		"nobody answers":         {[]string{"HOLDFAST_DATABASE=mysql://root:" + secret + "@127.0.0.1:1/x"}, nil, "127.0.0.1:1"},
		"no such host":           {[]string{"HOLDFAST_DATABASE=mysql://root:" + secret + "@nowhere.invalid/x"}, nil, "nowhere.invalid"},
		"an unknown flag":        {nil, []string{"--colour"}, "--colour"},
		"an unknown command":     {nil, []string{"sell"}, "sell"},
		"a secret in a bad flag": {nil, []string{"--database=mysql://root:" + secret + "@127.0.0.1"}, "mysql://user:password@host:3306/name"},
	}
	if server := os.Getenv("HOLDFAST_TEST_MYSQL"); server != "" {
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		u.User, u.Path = url.UserPassword("nobody", secret), "/none"
		wrong := cases["nobody answers"]
		wrong.env, wrong.says = []string{"HOLDFAST_DATABASE=" + u.String()}, "Access denied"
		cases["a wrong password"] = wrong
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := run(t, dir, "", append([]string{"HOLDFAST_ADDR=127.0.0.1:0"}, c.env...), c.args...)
			said := p.err.String()
			if p.code == 0 || !strings.Contains(said, c.says) || !strings.HasPrefix(lastLine(said), "server: ") {
				t.Errorf("ended with %d, want a line with %q:\n%s%s", p.code, c.says, p.out.String(), said)
			}
			checkSecrets(t, "the message", p.out.String()+said, []string{secret, "s3cr3t", "goroutine"})
			if strings.Contains(p.out.String(), "serves") {
				t.Errorf("served all the same: %s", p.out.String())
			}
		})
	}
}

func lastLine(text string) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return all[len(all)-1]
}

// TestMigrateCommand brings an empty database up to date, and keeps off a newer one.
func TestMigrateCommand(t *testing.T) {
	t.Parallel()
	for _, kind := range []testdb.Kind{testdb.MySQL, testdb.SQLite} {
		t.Run(string(kind), func(t *testing.T) {
			source := testdb.Empty(t, kind)
			env, dir := []string{"HOLDFAST_DATABASE=" + source}, t.TempDir()
			for range 2 {
				if p := run(t, dir, "", env, "migrate"); p.code != 0 || !strings.Contains(p.out.String(), "up to date") || p.err.String() != "" {
					t.Fatalf("migrate ended with %d:\n%s%s", p.code, p.out.String(), p.err.String())
				}
			}
			if n, err := testdb.Open(t, source, db.Options{}).Order.Query().Count(t.Context()); n != 0 || err != nil {
				t.Errorf("a migrated database has %d orders (%v)", n, err)
			}
			d := testdb.Open(t, source, db.Options{})
			_, err := d.ExecContext(t.Context(), "INSERT INTO holdfast_migrations (version, done, started, total, hash, changed_at) VALUES ('29990101000000_later', 1, 1, 1, 'x', '2999-01-01 00:00:00')")
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"migrate"}, {"serve", "--addr=127.0.0.1:0"}, {"staff", "create", "--email=a@b.test"}} {
				p := run(t, dir, "a long enough password\n", env, args...)
				if p.code != 1 || !strings.Contains(p.err.String(), "newer version") || !strings.Contains(p.err.String(), "29990101000000_later") {
					t.Errorf("%v on a newer database ended with %d:\n%s%s", args, p.code, p.out.String(), p.err.String())
				}
			}
		})
	}
}

// TestSchemaCommand prints the SDL, and leaves no trace.
func TestSchemaCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := run(t, dir, "", nil, "schema")
	if p.code != 0 || p.out.String() != graph.SDL() || p.err.String() != "" {
		t.Errorf("ended with %d:\n%.300s\n%s", p.code, p.out.String(), p.err.String())
	}
	printed, err := gqlparser.LoadSchema(&ast.Source{Input: p.out.String()})
	if err != nil || printed.Types["Checkout"] == nil || !strings.Contains(p.out.String(), "in one request") {
		t.Errorf("what is printed is no schema with descriptions: %v", err)
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			t.Errorf("the command made %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestStaffCommand makes people who can log in.
func TestStaffCommand(t *testing.T) {
	t.Parallel()
	testdb.EachSource(t, func(t *testing.T, source string) {
		w := newWorld(t, source)
		shop := w.shops(t)[1].ID
		env, dir := []string{"HOLDFAST_DATABASE=" + source}, t.TempDir()
		create := func(stdin string, args ...string) *process {
			t.Helper()
			p := run(t, dir, stdin, env, append([]string{"staff", "create"}, args...)...)
			if password := strings.TrimSpace(stdin); password != "" {
				checkSecrets(t, "the command", p.out.String()+p.err.String(), []string{password})
			}
			return p
		}
		const password = "correct horse 马"
		if p := create(password+"\n", "--email=Boss@Example.test", "--operator"); p.code != 0 || !strings.Contains(p.out.String(), "staff_") {
			t.Fatalf("ended with %d:\n%s%s", p.code, p.out.String(), p.err.String())
		}
		if v := w.staff(t, "boss@example.test", password).session.Viewer; !v.IsOperator {
			t.Errorf("the operator: %+v", v)
		}
		if p := create(password, "--email=clerk@example.test", "--shop="+shop, "--role=CLERK"); p.code != 0 { // the input ends without a line
			t.Fatalf("ended with %d:\n%s%s", p.code, p.out.String(), p.err.String())
		}
		type roles struct {
			Viewer struct {
				Shops struct {
					Edges []struct {
						Role string
						Node struct{ ID string }
					}
				}
			}
		}
		got := ask[roles](t, w.staff(t, "clerk@example.test", password), `{ viewer { ... on Staff { shops(first: 9) { edges { role node { id } } } } } }`, nil).Viewer.Shops.Edges
		if len(got) != 1 || got[0].Role != "CLERK" || got[0].Node.ID != shop {
			t.Errorf("the clerk works for %+v", got)
		}
		for name, c := range map[string]struct {
			stdin string
			args  []string
			says  string
		}{
			"somebody who exists": {password, []string{"--email=boss@example.test"}, "somebody"},
			"a short password":    {"elevenchars", []string{"--email=a@example.test"}, "12"},
			"no password":         {"", []string{"--email=a@example.test"}, "password"},
			"no e-mail address":   {password, []string{"--email=a"}, "e-mail"},
			"no e-mail":           {password, nil, "--email"},
			"no shop's id":        {password, []string{"--email=a@example.test", "--shop=x"}, "--shop"},
			"no role":             {password, []string{"--email=a@example.test", "--shop=" + shop, "--role=BOSS"}, "--role"},
			"no such shop":        {password, []string{"--email=a@example.test", "--shop=shop_01h455vb4pex5vsknk084sn02q"}, "shop"},
		} {
			if p := create(c.stdin, c.args...); p.code == 0 || !strings.Contains(p.err.String(), c.says) {
				t.Errorf("%s: ended with %d, want %q:\n%s%s", name, p.code, c.says, p.out.String(), p.err.String())
			}
		}
		// None of those left anybody behind.
		if p := create(password, "--email=a@example.test"); p.code != 0 {
			t.Errorf("after refusals: ended with %d:\n%s", p.code, p.err.String())
		}
	})
}

// TestServeLosesDatabase takes MySQL away from a running process. What it then writes is still a log.
func TestServeLosesDatabase(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(testdb.Source(t, testdb.MySQL))
	if err != nil {
		t.Fatal(err)
	}
	wire := newWire(t, u.Host)
	u.Host = wire.addr
	p, _ := serve(t, t.TempDir(), "HOLDFAST_DATABASE="+u.String(), "HOLDFAST_DEMO=true")
	p.world().buyer(t, "patient") // or the first log-in, within a second, would repeat how reading the signing keys failed
	wire.set(wireCut)
	waitFor(t, "the server to notice", func() bool { return !p.isReady(t) })
	wire.set(wireWhole)
	waitFor(t, "the server to be ready again", func() bool { return p.isReady(t) })
	p.world().buyer(t, "patient")
	p.end(t)
}
