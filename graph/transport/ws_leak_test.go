package transport_test

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/graph/transport/wstest"
)

// These tests count goroutines, so they do not run in parallel.

// rawDial opens a socket by hand.
func rawDial(t *testing.T, address string) *wstest.Raw {
	t.Helper()
	conn, status, err := wstest.TryRaw(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if status != http.StatusSwitchingProtocols || conn.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("status %d, headers %v", status, conn.Header)
	}
	return conn
}

// rawNext reads a frame's payload.
func rawNext(t *testing.T, conn *wstest.Raw) []byte {
	t.Helper()
	_, payload, err := conn.Next()
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("there is no /proc here")
	}
	return len(entries)
}

// settled waits until goroutines and files are no more than they were.
func settled(t *testing.T, figure time.Duration, goroutines, files int) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	eventually(t, figure, fmt.Sprintf("%d goroutines and %d files as before", goroutines, files), func() bool {
		return ofSockets() == 0 && runtime.NumGoroutine() <= goroutines && openFiles(t) <= files
	})
}

func TestTwoGoroutinesWhileIdle(t *testing.T) {
	server, l := newLive(t)
	conn := rawDial(t, server.URL)
	conn.Send(connectionInit)
	if got := rawNext(t, conn); string(got) != `{"type":"connection_ack"}` {
		t.Fatalf("%s came", got)
	}
	for i := range 20 {
		conn.Send(sub(fmt.Sprint(i), "subscription { silent }"))
	}
	eventually(t, time.Second, "20 streams are open", func() bool { return l.open.Load() == 20 })
	eventually(t, time.Second, "there are two goroutines", func() bool { return ofSockets() == 2 })
	time.Sleep(100 * time.Millisecond)
	if n := ofSockets(); n != 2 {
		t.Errorf("%d goroutines while idle, want 2", n)
	}
	_ = conn.Close()
	eventually(t, time.Second, "there are none", func() bool { return ofSockets() == 0 && l.open.Load() == 0 })
}

// ofSockets counts the goroutines that serve sockets, and the requests that have become some.
func ofSockets() int {
	buffer := make([]byte, 1<<20)
	count := 0
	for stack := range strings.SplitSeq(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
		for _, function := range []string{"graph/transport.(*", "coder/websocket.", "net/http.(*conn).serve"} {
			if strings.Contains(stack, function) {
				count++
				break
			}
		}
	}
	return count
}

// TestHalfOpenSocketIsFound: the peer is gone and nobody was told.
func TestHalfOpenSocketIsFound(t *testing.T) {
	server, l := newLive(t, func(l *live) {
		l.transport.PingEvery, l.transport.PingTimeout, l.transport.CloseTimeout = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	})
	conn := rawDial(t, server.URL)
	conn.Send(connectionInit)
	rawNext(t, conn)
	conn.Send(sub("1", "subscription { silent }"))
	eventually(t, time.Second, "the stream is open", func() bool { return l.open.Load() == 1 })
	eventually(t, 300*time.Millisecond, "the socket is gone", func() bool { return ofSockets() == 0 && l.open.Load() == 0 })
}

// TestPeerThatStops in the middle of a message, while the server closes: the library alone would wait for ever.
func TestPeerThatStops(t *testing.T) {
	server, _ := newLive(t, func(l *live) {
		l.transport.ReadTimeout, l.transport.CloseTimeout = 200*time.Millisecond, 100*time.Millisecond
	})
	for name, start := range map[string]string{
		"in a message":           string(wstest.FrameHeader(wstest.Fin|wstest.Text, 1000)) + `{"type":`,
		"after one that is none": string(wstest.FrameHeader(wstest.Fin|wstest.Text, 1)) + "x" + string(wstest.FrameHeader(wstest.Fin|wstest.Text, 1<<20)) + "x",
		"that is too large":      string(wstest.FrameHeader(wstest.Fin|wstest.Text, 1<<20)) + strings.Repeat("x", 300<<10),
		"in a header":            "\x81\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			conn := rawDial(t, server.URL)
			conn.Send(connectionInit)
			_, _ = conn.Write([]byte(start))
			if name == "in a header" {
				_ = conn.Close() // that takes a ping
			}
			time.Sleep(20 * time.Millisecond)
			eventually(t, 300*time.Millisecond, "the socket is gone", func() bool { return ofSockets() == 0 })
		})
	}
}

func TestStuckReaderIsCut(t *testing.T) {
	const timeout = time.Second
	server, l := newLive(t, func(l *live) { l.transport.WriteTimeout = timeout })
	other := wstest.Connect(t, server.URL, "")
	other.Subscribe("1", "subscription { feed }", "")
	f := <-l.opened

	conn := rawDial(t, server.URL)
	conn.Send(connectionInit)
	time.Sleep(50 * time.Millisecond)
	conn.Send(sub("1", "subscription { flood(size: 20000) }"))
	<-l.opened
	start := time.Now()
	var slowest time.Duration
	for l.open.Load() == 2 {
		sent := time.Now()
		f.put("x")
		wantBrief(t, other, `next 1 {"feed":"x"}`)
		slowest = max(slowest, time.Since(sent))
		if time.Since(start) > 3*2*timeout {
			t.Fatalf("the stuck reader is still there after %s", time.Since(start))
		}
		time.Sleep(5 * time.Millisecond)
	}
	if took := time.Since(start); took < timeout {
		t.Errorf("cut after %s, though it may take %s", took, timeout)
	}
	if slowest >= timeout {
		t.Errorf("another reader has waited %s", slowest)
	}
	if n := l.taken.Load(); n > 2000 {
		t.Errorf("%d events were taken for a reader that reads nothing", n)
	}
	_ = other.Conn.CloseNow()
	eventually(t, time.Second, "nothing is left", func() bool { return ofSockets() == 0 })
}

// TestBadConnects leaves nothing behind.
func TestBadConnects(t *testing.T) {
	server, l := newLive(t, func(l *live) {
		l.transport.InitTimeout, l.transport.CloseTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	_ = wstest.Connect(t, server.URL, "").Conn.CloseNow()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	kinds := []func(*wstest.Raw){
		func(*wstest.Raw) { time.Sleep(300 * time.Millisecond) }, // half-open until 4408, and nobody answers that
		func(conn *wstest.Raw) {
			conn.Send(`{"type":"connection_init","payload":"x"}`)
			time.Sleep(20 * time.Millisecond)
		},
		func(conn *wstest.Raw) {
			conn.Send(connectionInit)
			time.Sleep(20 * time.Millisecond)
			for range 2 {
				conn.Send(sub("1", "subscription { silent }"))
			}
			time.Sleep(20 * time.Millisecond)
		},
		func(conn *wstest.Raw) {
			conn.Send(connectionInit)
			time.Sleep(20 * time.Millisecond)
			for i := range 5 {
				conn.Send(sub(fmt.Sprint(i), "subscription { flood(size: 1000) }"))
			}
			_, _ = conn.Write([]byte{0x81})
			conn.Abort()
		},
	}
	const each, batch = 500, 100
	for kind, bad := range kinds {
		for range each / batch {
			var wg sync.WaitGroup
			for range batch {
				conn := rawDial(t, server.URL)
				wg.Go(func() {
					bad(conn)
					_ = conn.Close()
				})
			}
			wg.Wait()
		}
		t.Logf("kind %d: %d goroutines and %d files; before %d and %d", kind, runtime.NumGoroutine(), openFiles(t), goroutines, files)
	}
	settled(t, time.Second, goroutines, files)
	eventually(t, time.Second, "the streams are closed", func() bool { return l.open.Load() == 0 })
}
