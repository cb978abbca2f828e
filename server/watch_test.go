package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// frame is a message of graphql-transport-ws.
type frame struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// watch subscribes over a socket of its own and returns what comes first: an event, or an error, or how the socket is closed.
// Nudge, if set, is called until something comes.
func (c *client) watch(t *testing.T, r request, nudge func()) frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(c.world.url, "http")+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}) //nolint:bodyclose // the library says not to
	if err != nil {
		t.Fatalf("open socket: %v", err)
	}
	defer conn.CloseNow() //nolint:errcheck // whatever it says
	hello := map[string]string{}
	if c.token != "" {
		hello["authorization"] = "Bearer " + c.token
	}
	asked, _ := json.Marshal(map[string]any{"query": r.query, "variables": r.vars})
	greeting, _ := json.Marshal(hello)
	for _, f := range []frame{{Type: "connection_init", Payload: greeting}, {Type: "subscribe", ID: "1", Payload: asked}} {
		if err := wsjson.Write(ctx, conn, f); err != nil {
			break // what the server has to say is read below
		}
		if f.Type == "connection_init" {
			if got := first(ctx, conn); got.Type != "connection_ack" {
				return got
			}
		}
	}
	come := make(chan frame, 1)
	go func() { come <- first(ctx, conn) }()
	for {
		select {
		case got := <-come:
			return got
		case <-time.After(100 * time.Millisecond):
			if nudge != nil {
				nudge()
			}
		}
	}
}

// first reads the next message that is none of keeping alive.
func first(ctx context.Context, conn *websocket.Conn) frame {
	for {
		var got frame
		err := wsjson.Read(ctx, conn, &got)
		var closed websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return frame{Type: fmt.Sprint("closed ", int(closed.Code))}
		case err != nil:
			return frame{Type: "broken: " + err.Error()}
		case got.Type != "ping" && got.Type != "pong":
			return got
		}
	}
}

// watchOutcome is what became of a subscription: the code of its error, or "shown".
func (c *client) watchOutcome(t *testing.T, r request, nudge func()) string {
	t.Helper()
	got := c.watch(t, r, nudge)
	switch got.Type {
	case "next":
		return shown
	case "error":
		var errs []requestError
		if err := json.Unmarshal(got.Payload, &errs); err != nil || len(errs) != 1 {
			t.Fatalf("subscribe: %s (%v)", got.Payload, err)
		}
		return errs[0].Extensions.Code
	default:
		return got.Type
	}
}

// watchCases are the subscriptions and who may have them. A token that is no good opens no socket.
func (c *cast) watchCases() map[string]rootCase {
	const refused = "closed 4403"
	fixed := func(query, id string) func(*testing.T, *client) request {
		return func(*testing.T, *client) request { return request{query, vars{"id": id}} }
	}
	return map[string]rootCase{
		"Subscription.stockChanged": {
			fixed(`subscription($id: ID!) { stockChanged(variantIds: [$id]) { available } }`, c.goods.variants[0]),
			but(public(), refused, "refused token"),
		},
		"Subscription.shopStockChanged": {
			fixed(`subscription($id: ID!) { shopStockChanged(shopId: $id) { available } }`, c.shop.ID),
			but(but(but(but(public(), refused, "refused token"), unauthorized, "anonymous"), forbidden, "buyer", "other buyer"), "BAD_REQUEST", "owner elsewhere", "staff of no shop"),
		},
		"Subscription.orderChanged": {
			fixed(`subscription($id: ID!) { orderChanged(orderId: $id) { status } }`, c.single.Orders[0].ID),
			but(but(ofOrder("BAD_REQUEST"), unauthorized, "anonymous"), refused, "refused token"),
		},
	}
}

// rightsOfWatchers subscribes to everything as everybody, and looks for a difference between what is foreign and what is absent.
func rightsOfWatchers(t *testing.T, c *cast) {
	cases := c.watchCases()
	for _, name := range roots("Subscription") {
		this, ok := cases[name]
		if !ok {
			t.Errorf("%s is new: say in watchCases() who may have it", name)
			continue
		}
		delete(cases, name)
		for _, actor := range actors {
			who := c.clients[actor]
			nudge := func() { c.clients["owner"].adjust(t, vars{"variantId": c.goods.variants[0], "delta": 1}).refused(t) }
			if this.want[actor] != shown || name == "Subscription.orderChanged" {
				nudge = nil // what is shown of an order begins with the order as it is
			}
			if got := who.watchOutcome(t, this.make(t, who), nudge); got != this.want[actor] {
				t.Errorf("%s as %s: %s, want %s", name, actor, got, this.want[actor])
			}
		}
	}
	for name := range cases {
		t.Errorf("%s is expected, and not in the schema", name)
	}
	for query, ids := range map[string][]string{
		`subscription($id: ID!) { shopStockChanged(shopId: $id) { version } }`: {c.shop.ID, "shop_01h455vb4pex5vsknk084sn02q", "x"},
		`subscription($id: ID!) { orderChanged(orderId: $id) { version } }`:    {c.single.Orders[0].ID, "order_01h455vb4pex5vsknk084sn02q", "x"},
	} {
		var foreign string
		for i, id := range ids {
			got := string(c.clients["owner elsewhere"].watch(t, request{query, vars{"id": id}}, nil).Payload)
			if i == 0 {
				foreign = got
			} else if got != foreign {
				t.Errorf("%q is told from a foreign one: %s, %s", id, got, foreign)
			}
		}
	}
}
