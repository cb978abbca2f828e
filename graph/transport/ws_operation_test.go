package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"holdfast/graph/transport"
	"holdfast/graph/transport/wstest"
	"holdfast/internal/fault"
)

func TestIDIsFreeAfterTheEnd(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	for range 200 {
		c.Subscribe("1", "subscription { forbidden }", "")
		wantBrief(t, c, "error 1 FORBIDDEN")
		c.Subscribe("1", "{ nothing }", "")
		wantBrief(t, c, "error 1 BAD_REQUEST")
		c.Subscribe("1", "subscription { count(to: 1) }", "")
		wantBrief(t, c, `next 1 {"count":"1"}`, "complete 1")
		c.Subscribe("1", "{ hello }", "")
		wantBrief(t, c, `next 1 {"hello":null}`, "complete 1")
	}
}

// TestNothingAfterComplete uses one id again and again for streams that always have something: what comes of an earlier one
// would be taken for the later one's.
func TestNothingAfterComplete(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	for i := range 30 {
		alias := fmt.Sprintf("a%d", i)
		c.Subscribe("1", "subscription { "+alias+": flood(size: 10000) }", "")
		c.Subscribe("mark"+alias, `{ hello(name: "`+alias+`") }`, "")
		for seen := false; ; {
			m := c.Next()
			if string(m.Payload) == `{"data":{"hello":"`+alias+`"}}` {
				seen = true // before it has read this, the server has read that the earlier one is complete
			}
			if m.ID != "1" {
				continue
			}
			var payload struct{ Data map[string]string }
			if err := json.Unmarshal(m.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			if _, ours := payload.Data[alias]; seen && !ours {
				t.Fatalf("%s came for %s", m.Payload, alias)
			} else if ours {
				break
			}
		}
		c.Complete("1")
	}
	_ = c.Conn.CloseNow()
	eventually(t, time.Second, "streams are closed", func() bool { return l.open.Load() == 0 })
}

func TestFiftyOperations(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	for i := range transport.MaxOperations {
		c.Subscribe(fmt.Sprint(i), "subscription { silent }", "")
	}
	c.Subscribe("more", "{ hello }", "")
	m := c.Next()
	var errs []struct {
		Message    string
		Extensions struct {
			Code         string
			RetryAfterMs int
		}
	}
	if err := json.Unmarshal(m.Payload, &errs); err != nil || m.ID != "more" || m.Type != "error" {
		t.Fatalf("%s came (%v)", m, err)
	}
	if e := errs[0]; e.Extensions.Code != "RATE_LIMITED" || e.Extensions.RetryAfterMs != 1000 || e.Message == "" {
		t.Errorf("%s came", m)
	}
	// One that goes makes room at once.
	for i := range 200 {
		c.Complete(fmt.Sprint(i))
		c.Subscribe(fmt.Sprint(i+transport.MaxOperations), "subscription { silent }", "")
	}
	c.SendText(pingMessage)
	wantBrief(t, c, "pong")
	eventually(t, time.Second, "there are 50 streams", func() bool { return l.open.Load() == transport.MaxOperations })
	_ = c.Conn.CloseNow()
	eventually(t, time.Second, "all are closed", func() bool { return l.open.Load() == 0 })
}

// TestFlood starts work and completes it, over and over: what is not done yet bounds what is begun.
func TestFlood(t *testing.T) {
	t.Parallel()
	server, l := newLive(t, func(l *live) { l.waiting = make(chan struct{}, 1000) })
	c := wstest.Connect(t, server.URL, "")
	for i := range 500 {
		c.Subscribe(fmt.Sprint(i), "mutation { waits }", "")
		c.Complete(fmt.Sprint(i))
	}
	time.Sleep(300 * time.Millisecond)
	if n := len(l.waiting); n > 2*transport.MaxOperations {
		t.Errorf("%d mutations run for one socket", n)
	}
	close(l.proceed)
	eventually(t, 5*time.Second, "all are executed", func() bool { return l.set.Load() == 500 })
}

func TestCompleteStopsAQueryAndNoMutation(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("q", "{ waits }", "")
	c.Subscribe("m", "mutation { waits }", "")
	<-l.waiting
	<-l.waiting
	c.Complete("q")
	c.Complete("m")
	c.SendText(pingMessage)
	wantBrief(t, c, "pong") // both have been read
	eventually(t, time.Second, "the query is cancelled", func() bool { return l.cancelled.Load() == 1 })
	close(l.proceed)
	eventually(t, time.Second, "the mutation is done", func() bool { return l.set.Load() == 1 })
	c.Subscribe("m", "{ hello }", "")
	wantBrief(t, c, `next m {"hello":null}`, "complete m")
}

// TestContextOfItsOwn: operations end with the socket also when Begin has not made their context of its own.
func TestContextOfItsOwn(t *testing.T) {
	t.Parallel()
	server, l := newLive(t, func(l *live) {
		l.transport.Begin = func(context.Context, string) (transport.Session, error) {
			return transport.Session{Context: t.Context()}, nil
		}
	})
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("1", "{ waits }", "")
	<-l.waiting
	_ = c.Conn.CloseNow()
	eventually(t, time.Second, "the query is cancelled", func() bool { return l.cancelled.Load() == 1 })
}

// TestMutationOutlivesItsSocket: a client that hangs up does not undo what it has asked for.
func TestMutationOutlivesItsSocket(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("m", "mutation { waits }", "")
	c.Subscribe("q", "{ waits }", "")
	<-l.waiting
	<-l.waiting
	_ = c.Conn.CloseNow()
	eventually(t, time.Second, "the query is cancelled", func() bool { return l.cancelled.Load() == 1 })
	close(l.proceed)
	eventually(t, time.Second, "the mutation is done", func() bool { return l.set.Load() == 1 })
}

func TestOperationTimeout(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t, func(l *live) { l.transport.OperationTimeout = 100 * time.Millisecond })
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("1", "{ waits }", "")
	wantBrief(t, c, `next 1 {"waits":"at last"}`, "complete 1") // this resolver stops, and answers
}

// TestStreamsTakeTurns: a stream that always has something does not keep others waiting, nor the socket.
func TestStreamsTakeTurns(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("flood", "subscription { flood(size: 100) }", "")
	c.Subscribe("feed", "subscription { feed }", "")
	f, other := <-l.opened, <-l.opened
	if f.name != "feed" {
		f = other
	}
	for i := range 20 {
		f.put(fmt.Sprint(i))
		want := fmt.Sprintf(`{"data":{"feed":"%d"}}`, i)
		for n := 0; ; n++ {
			m := c.Next()
			if m.ID == "feed" && string(m.Payload) == want {
				break
			}
			if n > 10_000 {
				t.Fatal("the flood has it all")
			}
		}
	}
}

func TestEndsOfAStream(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	for _, tc := range []struct {
		err  error
		want string
	}{
		{nil, "complete 1"},
		{fault.New(fault.Forbidden, "not any more"), "error 1 FORBIDDEN"},
		{errors.New("disk full"), "error 1 INTERNAL"},
	} {
		c.Subscribe("1", "subscription { mine: feed }", "")
		f := <-l.opened
		f.put("a", "b")
		f.finish(tc.err)
		wantBrief(t, c, `next 1 {"mine":"a"}`, `next 1 {"mine":"b"}`, tc.want)
		eventually(t, time.Second, "the stream is closed", func() bool { return l.open.Load() == 0 })
		f.notify() // late, as it may be
		f.mu.Lock()
		if f.misuse != "" {
			t.Error(f.misuse)
		}
		f.mu.Unlock()
	}
}

func TestErrorsOfAStreamHaveAPlace(t *testing.T) {
	t.Parallel()
	server, _ := newLive(t)
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("1", "subscription {\n  mine: forbidden }", "")
	const want = `[{"message":"not for you","path":["mine"],"locations":[{"line":2,"column":3}],"extensions":{"code":"FORBIDDEN"}}]`
	if got := c.Next(); string(got.Payload) != want {
		t.Errorf("got  %s\nwant %s", got.Payload, want)
	}
}

// TestStreamsAreUsedOneCallAtATime ends operations while events come.
func TestStreamsAreUsedOneCallAtATime(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	var feeds []*feed
	for range 10 {
		c := wstest.Connect(t, server.URL, "")
		for i := range 5 {
			c.Subscribe(fmt.Sprint(i), "subscription { feed }", "")
			feeds = append(feeds, <-l.opened)
		}
		var wg sync.WaitGroup
		for _, f := range feeds[len(feeds)-5:] {
			for range 3 {
				wg.Go(func() {
					for i := range 50 {
						f.put(fmt.Sprint(i))
					}
				})
			}
		}
		c.Complete("1")
		c.Next()
		c.Complete("2")
		wg.Go(func() { _ = c.Conn.CloseNow() })
		wg.Wait()
	}
	eventually(t, time.Second, "the streams are closed", func() bool { return l.open.Load() == 0 })
	for _, f := range feeds {
		f.mu.Lock()
		if f.misuse != "" || !f.closed {
			t.Errorf("%s; closed %t", f.misuse, f.closed)
		}
		f.mu.Unlock()
	}
}

// TestSharedPayloads: events with one key are executed once, and each reader gets them under its own id.
func TestSharedPayloads(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	const readers = 20
	var clients []*wstest.Client
	var feeds []*feed
	for i := range readers {
		c := wstest.Connect(t, server.URL, "")
		c.Subscribe(fmt.Sprint(i), `subscription { feed(name: "shared") }`, "")
		clients, feeds = append(clients, c), append(feeds, <-l.opened)
	}
	for _, value := range []string{"a", "b", "c"} {
		for _, f := range feeds {
			f.put(value)
		}
		for i, c := range clients {
			wantBrief(t, c, fmt.Sprintf(`next %d {"feed":"%s"}`, i, value))
		}
	}
	if n := l.executed.Load(); n != 3 {
		t.Errorf("%d events were executed, want 3", n)
	}
}

// TestErrorsAreNotShared: what fails for one is tried again for the next.
func TestErrorsAreNotShared(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	for range 3 {
		c := wstest.Connect(t, server.URL, "")
		c.Subscribe("1", "subscription { fails }", "")
		wantBrief(t, c, `next 1 {"fails":null} INTERNAL`)
	}
	if n := l.executed.Load(); n != 3 {
		t.Errorf("%d events were executed, want 3", n)
	}
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	idle, half, busy := wstest.Connect(t, server.URL, ""), wstest.Dial(t, server.URL, nil), wstest.Connect(t, server.URL, "")
	idle.Subscribe("1", "subscription { silent }", "")
	busy.Subscribe("1", "mutation { waits }", "")
	<-l.waiting
	done := make(chan error, 1)
	go func() { done <- l.transport.Shutdown(t.Context()) }()
	wantClosed(t, idle, 1001, "the server is shutting down")
	wantClosed(t, half, 1001, "the server is shutting down")
	busy.Subscribe("2", "{ hello }", "")
	wantBrief(t, busy, "error 2 OVERLOADED")
	if _, err := wstest.TryDial(t, server.URL, nil); err == nil {
		t.Error("there are new sockets during a shutdown")
	}
	select {
	case err := <-done:
		t.Errorf("Shutdown did not wait for the mutation: %v", err)
	default:
	}
	close(l.proceed)
	wantBrief(t, busy, `next 1 {"waits":1}`, "complete 1")
	wantClosed(t, busy, 1001, "the server is shutting down")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := l.transport.Shutdown(t.Context()); err != nil {
		t.Errorf("once more: %v", err)
	}
}

// TestShutdownIsBounded by its ctx, when a mutation does not end and a peer does not answer.
func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	t.Cleanup(func() { close(l.proceed) })
	wstest.Connect(t, server.URL, "") // it does not read, and so does not answer the close frame
	c := wstest.Connect(t, server.URL, "")
	c.Subscribe("1", "mutation { waits }", "")
	<-l.waiting
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := l.transport.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown says %v", err)
	}
	if took := time.Since(start); took > 600*time.Millisecond {
		t.Errorf("Shutdown took %s", took)
	}
	if code, _ := c.Closed(); code != -1 {
		t.Errorf("closed with %d, want an end without a word", code)
	}
}
