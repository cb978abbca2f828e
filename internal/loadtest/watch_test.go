package main

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/typeid"
)

// The two are only worth comparing while they tell the same states in the same words.
func TestBothTellTheSame(t *testing.T) {
	s := newShelf(2)
	const sockets = 8
	told := make(map[string]map[string]any)
	for _, who := range []string{holdfast, stockGqlgen} {
		edge, err := newWatchEdge(t.Context(), who, s)
		if err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(edge.handler)
		defer web.Close()
		addr := strings.TrimPrefix(web.URL, "http://")
		c, err := openCrowd(t.Context(), addr, s.variants, sockets)
		defer c.close()
		if err != nil {
			t.Fatal(err)
		}
		c.timing.Store(true)
		busy := &crowd{sockets: c.sockets[:1], failed: c.failed} // of the variant that changes
		last := commitAt(s, edge, watchOrder{Rate: 100, Duration: 200 * time.Millisecond})
		if err := busy.wait(t.Context(), last.Version, 5*time.Second); err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		if n, _ := c.messages(); n <= sockets {
			t.Errorf("%s: %d messages, want more than the first states", who, n)
		}
		if err := busy.wait(t.Context(), last.Version+1, 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "1 of 1 sockets") {
			t.Errorf("%s: sockets that stay behind: %v", who, err)
		}
		told[who] = firstState(t, addr, s.variants[1])
		c.close()
		if took := c.took(); len(took) == 0 || took[0] <= 0 {
			t.Errorf("%s: latencies %v", who, took)
		}
	}
	if diff := cmp.Diff(told[stockGqlgen], told[holdfast]); diff != "" {
		t.Errorf("the first state (-stock gqlgen +Holdfast):\n%s", diff)
	}
}

func TestVersionsMustRise(t *testing.T) {
	w := &watcher{}
	for _, tt := range []struct{ text, wants string }{
		{`{"id":"1","type":"next","payload":{"data":{"stockChanged":{"version":2,"changedAt":"2026-01-02T03:04:05.000006Z"}}}}`, ""},
		{`{"id":"1","type":"next","payload":{"data":{"stockChanged":{"version":2}}}}`, "version 2 after 2"},
		{`{"id":"1","type":"error","payload":[]}`, "unexpected message"},
	} {
		if err := w.hear([]byte(tt.text), tt.wants == ""); (err == nil) != (tt.wants == "") || err != nil && !strings.Contains(err.Error(), tt.wants) {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.wants)
		}
	}
}

func TestFrame(t *testing.T) {
	long := append([]byte{0x81, 126, 0, 200}, make([]byte, 200)...)
	for name, tt := range map[string]struct {
		buf   []byte
		size  int
		wants string
	}{
		"short":      {append([]byte{0x81, 3}, "abcdef"...), 5, ""},
		"long":       {long, 204, ""},
		"cut short":  {long[:203], 0, ""},
		"nothing":    {nil, 0, ""},
		"closed":     {append([]byte{0x88, 4, 0x11, 0x31}, "no"...), 0, "closed with 4401 no"},
		"binary":     {[]byte{0x82, 1, 0, 0}, 0, "unexpected frame"},
		"fragmented": {[]byte{0x01, 1, 0, 0}, 0, "unexpected frame"},
		"very large": {[]byte{0x81, 127, 0, 0}, 0, "unexpected frame"},
	} {
		t.Run(name, func(t *testing.T) {
			_, size, err := frame(tt.buf)
			if size != tt.size || (err == nil) != (tt.wants == "") || err != nil && !strings.Contains(err.Error(), tt.wants) {
				t.Errorf("%d bytes, %v; want %d, %q", size, err, tt.size, tt.wants)
			}
		})
	}
}

// firstState is the payload of the first message of a new socket.
func firstState(t *testing.T, addr string, v typeid.Variant) map[string]any {
	t.Helper()
	w, err := openWatcher(t.Context(), addr, v)
	if err != nil {
		t.Fatal(err)
	}
	defer w.raw.Close()
	text, err := w.next()
	if err != nil {
		t.Fatal(err)
	}
	var message map[string]any
	if err := json.Unmarshal(text, &message); err != nil {
		t.Fatal(err)
	}
	delete(message, "id") // the client's own
	return message
}
