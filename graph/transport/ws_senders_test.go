package transport_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/coder/websocket"

	"holdfast/graph/transport/wstest"
)

// TestSlowOnesDelayNobody: what waits, for more sockets than there are senders, is waited for elsewhere.
func TestSlowOnesDelayNobody(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"a stream":   `subscription { feed(name: "slow") }`,
		"a resolver": `subscription { feed(name: "waits") }`,
		"a reader":   `subscription { flood(size: 20000, name: "shared") }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, l := newLive(t)
			defer close(l.proceed)
			other := wstest.Connect(t, server.URL, "")
			other.Subscribe("1", `subscription { feed(name: "shared") }`, "")
			f := <-l.opened
			for i := range 4 * runtime.GOMAXPROCS(0) {
				conn := rawDial(t, server.URL)
				conn.Send(connectionInit)
				rawNext(t, conn)
				conn.Send(sub("1", query))
				(<-l.opened).put(fmt.Sprint("of ", i))
			}
			time.Sleep(100 * time.Millisecond) // they are waited for by now
			start := time.Now()
			for i := range 20 {
				f.put(fmt.Sprint(i))
				wantBrief(t, other, fmt.Sprintf(`next 1 {"feed":"%d"}`, i))
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("20 events of another socket took %s", took)
			}
		})
	}
}

// TestReadersWaitForOneExecution, and none is forgotten.
func TestReadersWaitForOneExecution(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	const readers = 50
	var clients []*wstest.Client
	for i := range readers {
		c := wstest.Connect(t, server.URL, "")
		c.Subscribe(fmt.Sprint(i), `subscription { feed(name: "waits") }`, "")
		clients = append(clients, c)
		(<-l.opened).put("a")
	}
	eventually(t, time.Second, "all have come for it", func() bool { return l.taken.Load() >= readers })
	close(l.proceed)
	for i, c := range clients {
		wantBrief(t, c, fmt.Sprintf(`next %d {"feed":"a"}`, i))
	}
	if n := l.executed.Load(); n != 1 {
		t.Errorf("it was executed %d times", n)
	}
}

// TestFramesAreWhole, though the kernel takes them in parts, and others write between them: answers, and the library.
func TestFramesAreWhole(t *testing.T) { // not beside others, whom it would keep from the machine
	server, l := newLive(t)
	conn := rawDial(t, server.URL)
	conn.Send(connectionInit)
	rawNext(t, conn)
	for i := range 3 {
		conn.Send(sub(fmt.Sprint(i), fmt.Sprintf(`subscription { flood(size: %d, name: "shared") }`, 30_001+i)))
	}
	const pong = 10
	events, answers, pongs := 0, 0, 0
	for events < 500 || answers < 20 || pongs < 20 {
		if events%10 == 0 {
			conn.Send(pingMessage)
			conn.Frame(wstest.Fin|9, "protocol's")
			time.Sleep(5 * time.Millisecond) // until the kernel is full
		}
		opcode, payload, err := conn.Next()
		var m struct{ Type string }
		switch {
		case err != nil:
			t.Fatal(err)
		case opcode == pong:
			pongs++
		case json.Unmarshal(payload, &m) != nil:
			t.Fatalf("after %d events came opcode %d, %.60q", events, opcode, payload)
		case m.Type == "pong":
			answers++
		default:
			events++
		}
	}
	_ = conn.Close()
	eventually(t, time.Second, "the streams are closed", func() bool { return l.open.Load() == 0 })
}

// TestNothingFollowsTheCloseFrame, with which the library answers before anybody else knows.
func TestNothingFollowsTheCloseFrame(t *testing.T) { // not beside others, whom it would keep from the machine
	server, _ := newLive(t)
	for range 100 {
		conn := rawDial(t, server.URL)
		conn.Send(connectionInit)
		rawNext(t, conn)
		conn.Send(sub("1", `subscription { flood(size: 100, name: "shared") }`))
		rawNext(t, conn)
		conn.Frame(wstest.Fin|8, "\x03\xe8")
		closed := false
		for {
			opcode, payload, err := conn.Next()
			if err != nil {
				break
			}
			if closed {
				t.Fatalf("after the close frame came %.60q", payload)
			}
			closed = opcode == 8
		}
		if !closed {
			t.Fatalf("no close frame came, want %d", websocket.StatusNormalClosure)
		}
	}
}

// TestNoNewsIsForgotten that comes while a sender is about to turn away.
func TestNoNewsIsForgotten(t *testing.T) { // not beside others, whom it would keep from the machine
	server, l := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("1", `subscription { feed(name: "shared") }`, "")
	f := <-l.opened
	for range 3000 {
		f.put("a")
		for start := time.Now(); time.Since(start) < time.Duration(rand.IntN(60))*time.Microsecond; { // to sleep takes longer
		}
		f.put("b")
		wantBrief(t, c, `next 1 {"feed":"a"}`, `next 1 {"feed":"b"}`)
	}
}
