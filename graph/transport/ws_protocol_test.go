package transport_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"holdfast/graph/guard"
	"holdfast/graph/transport/wstest"
)

// dialogue is what a client sends, all at once, and what must come, in order.
type dialogue struct {
	name string
	raw  bool // without connection_init and connection_ack before
	send []string
	want []string // as brief shows it
}

// dialogues are what PROTOCOL.md of graphql-ws asks of servers, sentence by sentence.
func dialogues() []dialogue {
	var all []dialogue
	for section, list := range map[string][]dialogue{
		"init": initStatements(), "ping": pingStatements(), "subscribe": subscribeStatements(),
		"complete": completeStatements(), "invalid message": invalidStatements(),
	} {
		for _, d := range list {
			d.name = section + "/" + d.name
			all = append(all, d)
		}
	}
	return all
}

func TestProtocol(t *testing.T) {
	t.Parallel()
	for _, d := range dialogues() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			server, l := newLive(t)
			d.run(t, server.URL)
			eventually(t, time.Second, "streams are closed", func() bool { return l.open.Load() == 0 })
		})
	}
}

// TestProtocolUnderLoad is the same on one server that others are busy with: sockets that read floods of events, that send floods
// of messages, that read nothing, and that come and go.
func TestProtocolUnderLoad(t *testing.T) {
	t.Parallel()
	server, l := newLive(t)
	const each = 8
	done, started := make(chan struct{}), make(chan struct{}, 4*each)
	var load sync.WaitGroup
	for _, busy := range []func(c *wstest.Raw) bool{
		func(c *wstest.Raw) bool { // reads a flood, though not as fast as it can: that would be all that the machine does
			time.Sleep(time.Millisecond)
			_, _, err := c.Next()
			return err == nil
		},
		func(c *wstest.Raw) bool {
			time.Sleep(time.Millisecond)
			c.Send(pingMessage)
			c.Send(`{"type":"pong"}`)
			opcode, _, err := c.Next()
			return err == nil && opcode == wstest.Text
		},
		func(*wstest.Raw) bool { time.Sleep(20 * time.Millisecond); return true },
		func(*wstest.Raw) bool { time.Sleep(5 * time.Millisecond); return false },
	} {
		for range each {
			load.Go(func() { busySocket(t, server.URL, busy, done, started) })
		}
	}
	for range 4 * each {
		<-started
	}
	for _, d := range dialogues() {
		t.Run(d.name, func(t *testing.T) { d.run(t, server.URL) })
	}
	if n := l.open.Load(); n < each {
		t.Errorf("%d streams are open: there is no load", n)
	}
	t.Logf("%d events were taken meanwhile", l.taken.Load())
	close(done)
	load.Wait()
	eventually(t, 10*time.Second, "streams are closed", func() bool { return l.open.Load() == 0 && l.transport.Sockets() == 0 })
}

// busySocket opens sockets, floods each and goes on until done. What busy calls off, and what the server does, gets another socket.
func busySocket(t *testing.T, address string, busy func(*wstest.Raw) bool, done <-chan struct{}, started chan<- struct{}) {
	for first := true; ; first = false {
		c, _, err := wstest.TryRaw(t.Context(), address)
		if err != nil {
			t.Errorf("the load: %v", err)
			started <- struct{}{}
			return
		}
		c.Send(connectionInit)
		c.Send(sub("1", "subscription { flood(size: 200) }"))
		if first {
			started <- struct{}{}
		}
		for goes := true; goes; {
			select {
			case <-done:
				c.Abort()
				return
			default:
				goes = busy(c)
			}
		}
		c.Abort()
	}
}

func (d dialogue) run(t *testing.T, address string) {
	t.Helper()
	var c *wstest.Client
	if d.raw {
		c = wstest.Dial(t, address, nil)
	} else {
		c = wstest.Connect(t, address, "")
	}
	for _, text := range d.send {
		c.SendText(text)
	}
	got, closed := []string{}, false
	for i := 0; i < len(d.want) && !closed; i++ {
		got = append(got, brief(t, c))
		closed = strings.HasPrefix(got[i], "close ")
	}
	if diff := cmp.Diff(d.want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	if closed {
		return
	}
	// Nothing more comes, and the socket still works.
	c.SendText(`{"type":"ping","payload":{"last":1}}`)
	if last := brief(t, c); last != `pong {"last":1}` {
		t.Errorf("after that came %s", last)
	}
	_ = c.Conn.CloseNow()
}

// brief is the next message, or the end of the socket, in a few words.
func brief(t *testing.T, c *wstest.Client) string {
	t.Helper()
	m, err := c.Read(t.Context())
	if err != nil {
		return fmt.Sprintf("close %d", websocket.CloseStatus(err))
	}
	type coded struct {
		Message    string
		Extensions struct{ Code string }
	}
	switch m.Type {
	case "error":
		var errs []coded
		if err := json.Unmarshal(m.Payload, &errs); err != nil || len(errs) == 0 || errs[0].Message == "" {
			return fmt.Sprintf("error %s without errors: %s", m.ID, m.Payload)
		}
		return "error " + m.ID + " " + errs[0].Extensions.Code
	case "next":
		var result struct {
			Data   *json.RawMessage
			Errors []coded
		}
		if err := json.Unmarshal(m.Payload, &result); err != nil {
			return fmt.Sprintf("next %s with %s", m.ID, m.Payload)
		}
		text := "next " + m.ID
		if result.Data == nil {
			text += " null"
		} else {
			text += " " + string(*result.Data)
		}
		for _, err := range result.Errors {
			text += " " + err.Extensions.Code
		}
		return text
	default:
		return strings.TrimSpace(strings.TrimSpace(m.Type+" "+m.ID) + " " + string(m.Payload))
	}
}

// sub is a subscribe message.
func sub(id, text string) string {
	return wstest.Message{ID: id, Type: "subscribe", Payload: json.RawMessage(query(text))}.String()
}

const (
	connectionInit = `{"type":"connection_init"}`
	pingMessage    = `{"type":"ping"}`
)

func initStatements() []dialogue {
	return []dialogue{
		{name: "the client wants a connection: ConnectionAck", raw: true, send: []string{connectionInit}, want: []string{"connection_ack"}},
		{name: "a payload is optional: null", raw: true, send: []string{`{"type":"connection_init","payload":null}`}, want: []string{"connection_ack"}},
		{name: "a payload is a record", raw: true, send: []string{`{"type":"connection_init","payload":{"a":[1,{}],"authorization":null}}`}, want: []string{"connection_ack"}},
		{name: "members nobody knows are passed over", raw: true, send: []string{`{"type":"connection_init","id":7,"x":{}}`}, want: []string{"connection_ack"}},
		{name: "more than one ConnectionInit: 4429", send: []string{connectionInit}, want: []string{"close 4429"}},
		{name: "more than one at any given time: 4429", send: []string{sub("1", "subscription { silent }"), `{"type":"connection_init","payload":{}}`}, want: []string{"close 4429"}},
		{name: "the server rejects the connection: 4403", raw: true, send: []string{`{"type":"connection_init","payload":{"authorization":"Bearer bad"}}`}, want: []string{"close 4403"}},
		{name: "by either spelling: 4403", raw: true, send: []string{`{"type":"connection_init","payload":{"Authorization":"Bearer bad"}}`}, want: []string{"close 4403"}},
		{name: "a fault of the server: 4500", raw: true, send: []string{`{"type":"connection_init","payload":{"authorization":"Bearer panic"}}`}, want: []string{"close 4500"}},
		{name: "a token that is no string: 4400", raw: true, send: []string{`{"type":"connection_init","payload":{"authorization":{"a":1}}}`}, want: []string{"close 4400"}},
		{name: "Subscribe before ConnectionInit: 4401", raw: true, send: []string{sub("1", "{ hello }")}, want: []string{"close 4401"}},
		{name: "Complete before ConnectionAck is of an unknown id", raw: true, send: []string{`{"type":"complete","id":"1"}`, connectionInit}, want: []string{"connection_ack"}},
	}
}

func pingStatements() []dialogue {
	return []dialogue{
		{name: "a Pong must be sent", send: []string{pingMessage}, want: []string{"pong"}},
		{name: "at any time within the socket: before ConnectionInit", raw: true, send: []string{pingMessage, pingMessage, connectionInit}, want: []string{"pong", "pong", "connection_ack"}},
		{name: "the payload comes back", send: []string{`{"type":"ping","payload":{"a":[1.50,"<é>"],"b":null}}`}, want: []string{`pong {"a":[1.50,"<é>"],"b":null}`}},
		{name: "the payload may be null", send: []string{`{"payload":null,"type":"ping"}`}, want: []string{"pong"}},
		{name: "Pong may be sent unsolicited", raw: true, send: []string{`{"type":"pong"}`, `{"type":"pong","payload":{"a":1}}`, connectionInit}, want: []string{"connection_ack"}},
	}
}

func subscribeStatements() []dialogue {
	const silent = "subscription { silent }"
	withPayload := func(payload string) string { return `{"id":"1","type":"subscribe","payload":` + payload + `}` }
	long := strings.Repeat("x", guard.MaxQuery)
	return []dialogue{
		{name: "a query: at most one Next, then Complete", send: []string{sub("1", `{ hello(name: "a") }`)}, want: []string{`next 1 {"hello":"a"}`, "complete 1"}},
		{name: "a mutation: at most one Next, then Complete", send: []string{sub("1", "mutation { set(n: 7) }")}, want: []string{`next 1 {"set":7}`, "complete 1"}},
		{name: "a subscription: Next over time, then Complete", send: []string{sub("1", "subscription { count(to: 3) }")}, want: []string{`next 1 {"count":"1"}`, `next 1 {"count":"2"}`, `next 1 {"count":"3"}`, "complete 1"}},
		{name: "a subscription without results", send: []string{sub("1", "subscription { count(to: 0) }")}, want: []string{"complete 1"}},
		{name: "operationName, variables and extensions", send: []string{withPayload(`{"operationName":"B","query":"query A { hello } query B($n: String) { hello(name: $n) }","variables":{"n":"b"},"extensions":{"x":1},"more":7}`)}, want: []string{`next 1 {"hello":"b"}`, "complete 1"}},
		{name: "they may be null", send: []string{withPayload(`{"operationName":null,"query":"{ hello }","variables":null,"extensions":null}`)}, want: []string{`next 1 {"hello":null}`, "complete 1"}},
		{name: "the id is any string", send: []string{sub(`"<é>\`, "{ hello }")}, want: []string{`next "<é>\ {"hello":null}`, `complete "<é>\`}},
		{name: "an id of 128 bytes", send: []string{sub(strings.Repeat("i", 128), "{ hello }")}, want: []string{"next " + strings.Repeat("i", 128) + ` {"hello":null}`, "complete " + strings.Repeat("i", 128)}},
		{name: "an active subscriber with this id: 4409", send: []string{sub("1", silent), sub("1", silent)}, want: []string{"close 4409"}},
		{name: "regardless of the operation type: 4409", send: []string{sub("1", "{ waits }"), sub("1", silent)}, want: []string{"close 4409"}},
		{name: "Error before the execution: syntax", send: []string{sub("1", "{")}, want: []string{"error 1 BAD_REQUEST"}},
		{name: "Error before the execution: validation", send: []string{sub("1", "{ nothing }")}, want: []string{"error 1 BAD_REQUEST"}},
		{name: "Error before the execution: variables", send: []string{withPayload(`{"query":"query($n: String!) { hello(name: $n) }"}`)}, want: []string{"error 1 BAD_REQUEST"}},
		{name: "Error before the execution: the empty query is one", send: []string{sub("1", "")}, want: []string{"error 1 BAD_REQUEST"}},
		{name: "Error before the execution: no such operation", send: []string{withPayload(`{"operationName":"B","query":"query A { hello }"}`)}, want: []string{"error 1 BAD_REQUEST"}},
		{name: "Error before the execution: a query of more than 16 KiB", send: []string{sub("1", "{ hello } #"+long)}, want: []string{"error 1 COST_EXCEEDED"}},
		{name: "Error before the execution: two root fields", send: []string{sub("1", "subscription { silent count(to: 1) }")}, want: []string{"error 1 BAD_REQUEST"}},
		{name: "Error before the execution: no root field", send: []string{sub("1", "subscription { silent @skip(if: true) }")}, want: []string{"error 1 BAD_REQUEST"}},
		{name: "Error before the execution: __typename is no stream", send: []string{sub("1", "subscription { __typename }")}, want: []string{"error 1 BAD_REQUEST"}},
		{name: "Error: checking permissions", send: []string{sub("1", "subscription { forbidden }")}, want: []string{"error 1 FORBIDDEN"}},
		{name: "Error during the execution ends the operation", send: []string{sub("1", "subscription { breaks }")}, want: []string{`next 1 {"breaks":"1"}`, "error 1 INTERNAL"}},
		{name: "Error from the resolver ends the operation", send: []string{sub("1", "subscription { refusedInside }")}, want: []string{"error 1 FORBIDDEN"}},
		{name: "errors of fields are part of the result", send: []string{sub("1", "{ hello fails }")}, want: []string{`next 1 {"hello":null,"fails":null} INTERNAL`, "complete 1"}},
		{name: "a result may be null", send: []string{sub("1", "{ must }")}, want: []string{"next 1 null INTERNAL", "complete 1"}},
		{name: "errors of an event are part of it", send: []string{sub("1", "subscription { fails }")}, want: []string{`next 1 {"fails":null} INTERNAL`}},
		{name: "a panic of a query is its own", send: []string{sub("1", "{ panics }")}, want: []string{"error 1 INTERNAL"}},
		{name: "a panic of a mutation is its own", send: []string{sub("1", "mutation { panics }")}, want: []string{"error 1 INTERNAL"}},
		{name: "a panic of Open is its own", send: []string{sub("1", "subscription { panicsOpen }")}, want: []string{"error 1 INTERNAL"}},
		{name: "a panic of Take is its own", send: []string{sub("1", "subscription { panicsTake }")}, want: []string{"error 1 INTERNAL"}},
		{name: "a panic of an event is its own", send: []string{sub("1", "subscription { panicsEvent }")}, want: []string{"error 1 INTERNAL"}},
		{name: "a panic of Close is nobody's", send: []string{sub("1", "subscription { panicsClose }"), `{"id":"1","type":"complete"}`, sub("2", "{ hello }")}, want: []string{`next 2 {"hello":null}`, "complete 2"}},
		{name: "a key that is none is an error", send: []string{sub("1", "subscription { uncomparable }")}, want: []string{"error 1 INTERNAL"}},
	}
}

func completeStatements() []dialogue {
	const silent = "subscription { silent }"
	complete := `{"id":"1","type":"complete"}`
	return []dialogue{
		{name: "the client stops: the id is free, and nobody answers", send: []string{sub("1", silent), complete, sub("1", silent), complete}, want: []string{}},
		{name: "no further events", send: []string{sub("1", `subscription { feed }`), complete, sub("1", "subscription { count(to: 1) }")}, want: []string{`next 1 {"count":"1"}`, "complete 1"}},
		{name: "of a query before it resolved: no result", send: []string{sub("1", "{ waits }"), complete, sub("1", `{ hello(name: "b") }`)}, want: []string{`next 1 {"hello":"b"}`, "complete 1"}},
		{name: "unknown ids are ignored", send: []string{complete, `{"id":"never","type":"complete"}`}, want: []string{}},
		{name: "members nobody knows are passed over", send: []string{`{"id":"1","type":"complete","payload":7}`}, want: []string{}},
	}
}

func invalidStatements() []dialogue {
	closes := []string{"close 4400"}
	list := []dialogue{
		{name: "nothing", send: []string{""}},
		{name: "no JSON", send: []string{"hello"}},
		{name: "JSON that is cut off", send: []string{`{"type":"ping"`}},
		{name: "JSON and more", send: []string{`{"type":"ping"} {"type":"ping"}`}},
		{name: "a batch", send: []string{`[{"type":"ping"}]`}},
		{name: "null", send: []string{"null"}},
		{name: "a string", send: []string{`"ping"`}},
		{name: "no UTF-8", send: []string{"{\"type\":\"ping\",\"x\":\"\xff\"}"}},
		{name: "no type", send: []string{`{"id":"1"}`}},
		{name: "a type that is null", send: []string{`{"type":null}`}},
		{name: "a type that is no string", send: []string{`{"type":1}`}},
		{name: "a type that is empty", send: []string{`{"type":""}`}},
		{name: "an unknown type", send: []string{`{"type":"start","id":"1","payload":{"query":"{ hello }"}}`}},
		{name: "the case matters", send: []string{`{"Type":"ping"}`}},
		{name: "a type that only servers send: connection_ack", send: []string{`{"type":"connection_ack"}`}},
		{name: "a type that only servers send: next", send: []string{`{"type":"next","id":"1","payload":{}}`}},
		{name: "a type that only servers send: error", send: []string{`{"type":"error","id":"1","payload":[]}`}},
		{name: "ping with a string", send: []string{`{"type":"ping","payload":"x"}`}},
		{name: "pong with a list", send: []string{`{"type":"pong","payload":[]}`}},
		{name: "connection_init with a string", raw: true, send: []string{`{"type":"connection_init","payload":"x"}`}},
		{name: "connection_init with a list", raw: true, send: []string{`{"type":"connection_init","payload":[1]}`}},
		{name: "connection_init with false", raw: true, send: []string{`{"type":"connection_init","payload":false}`}},
		{name: "complete without an id", send: []string{`{"type":"complete"}`}},
		{name: "complete with an id that is no string", send: []string{`{"type":"complete","id":1}`}},
		{name: "complete with an empty id", send: []string{`{"type":"complete","id":""}`}},
	}
	payload := `"payload":{"query":"{ hello }"}`
	for name, rest := range map[string]string{
		"without an id":                      payload,
		"with an id that is null":            `"id":null,` + payload,
		"with an id that is no string":       `"id":1,` + payload,
		"with an empty id":                   `"id":"",` + payload,
		"with an id of 129 bytes":            `"id":"` + strings.Repeat("i", 129) + `",` + payload,
		"without a payload":                  `"id":"1"`,
		"with a payload that is null":        `"id":"1","payload":null`,
		"with a payload that is a string":    `"id":"1","payload":"{ hello }"`,
		"with a payload that is a list":      `"id":"1","payload":[]`,
		"without a query":                    `"id":"1","payload":{}`,
		"with a query that is null":          `"id":"1","payload":{"query":null}`,
		"with a query that is an object":     `"id":"1","payload":{"query":{}}`,
		"with variables that are a list":     `"id":"1","payload":{"query":"{ hello }","variables":[]}`,
		"with variables that are a string":   `"id":"1","payload":{"query":"{ hello }","variables":"{}"}`,
		"with an operationName that is true": `"id":"1","payload":{"query":"{ hello }","operationName":true}`,
		"with extensions that are a number":  `"id":"1","payload":{"query":"{ hello }","extensions":1}`,
	} {
		list = append(list, dialogue{name: "subscribe " + name, send: []string{`{"type":"subscribe",` + rest + `}`}})
	}
	for i := range list {
		list[i].want = closes
	}
	return list
}
