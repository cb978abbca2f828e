package checkout_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"holdfast/internal/checkout"
	"holdfast/internal/db"
	"holdfast/internal/inventory"
	"holdfast/internal/payment"
	"holdfast/internal/testdb"
)

// What a cutter does with the next COMMIT.
const (
	passIt        = iota
	loseIt        // the server never sees it
	loseItsAnswer // the server commits, and nobody hears of it
)

// cutter is a line to a MySQL server that breaks when told to.
type cutter struct {
	server string
	next   atomic.Int32
	cuts   atomic.Int32
}

// newCutter listens in front of the server of source and returns the source that leads through it.
func newCutter(t *testing.T, source string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(source)
	must(t, err)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	c := &cutter{server: u.Host}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.carry(client)
		}
	}()
	u.Host = l.Addr().String()
	return c, u.String()
}

// carry carries packets between a client and the server until one of them, or the cutter, hangs up.
func (c *cutter) carry(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var swallow atomic.Bool
	go func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || swallow.Load() {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	for {
		packet := make([]byte, 4) // three bytes of length, one of sequence
		if _, err := io.ReadFull(client, packet); err != nil {
			return
		}
		length := binary.LittleEndian.Uint32(append(packet[:3:3], 0))
		packet = append(packet, make([]byte, length)...)
		if _, err := io.ReadFull(client, packet[4:]); err != nil {
			return
		}
		if string(packet[4:]) == "\x03COMMIT" { // the command "query"
			next := c.next.Swap(passIt)
			if next != passIt {
				c.cuts.Add(1)
			}
			if next == loseIt {
				return
			}
			swallow.Store(next == loseItsAnswer)
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

// TestLostCommit breaks the line at each COMMIT, before and after the server has seen it: whoever asked gets the answer all the
// same, and everything has happened once.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	source := testdb.Source(t, testdb.MySQL)
	c, through := newCutter(t, source)
	w := newWorld(t, testdb.Open(t, through, db.Options{}))
	ctx, tea := t.Context(), w.variant(t, 0, 1999, 1000)
	owner, sold := w.owner(0), 0
	for _, how := range []int32{loseIt, loseItsAnswer} {
		who := w.buyer(t)
		w.fill(t, who, tea, 2)
		cut := func(name string, fn func() error) {
			t.Helper()
			before := c.cuts.Load()
			c.next.Store(how)
			if err := fn(); err != nil {
				t.Errorf("%s, %d: %v", name, how, err)
			}
			if c.cuts.Load() == before {
				t.Errorf("%s, %d: nothing was committed", name, how)
			}
			w.check(t)
		}
		var placed *checkout.Checkout
		in := checkout.Input{IdempotencyKey: w.key()} // the cart: empty when it is looked for again
		cut("place", func() (err error) { placed, err = w.Checkouts.Place(ctx, who, in); return err })
		if again := w.place(t, who, in); again.ID != placed.ID {
			t.Error("the repeat gave another checkout")
		}
		w.sees(t, tea, 1000-sold, 2)
		cut("pay", func() error {
			p, err := w.Checkouts.SandboxConfirm(ctx, who, placed.Payment.ID.String())
			if err == nil && p.Status != payment.Paid {
				t.Errorf("paid, and answered %s", p.Status)
			}
			return err
		})
		sold += 2
		w.sees(t, tea, 1000-sold, 0)
		placed = w.place(t, who, w.buy(tea, 1))
		cut("cancel", func() error {
			out, err := w.Checkouts.Cancel(ctx, who, placed.ID.String())
			if err == nil && out.Status != checkout.Cancelled {
				t.Errorf("cancelled, and answered %s", out.Status)
			}
			return err
		})
		w.place(t, who, w.buy(tea, 1))
		w.clock.Advance(w.Checkouts.Hold())
		cut("expire", func() error { _, err := w.Checkouts.SweepOnce(ctx); return err })
		w.sees(t, tea, 1000-sold, 0)
		cut("adjust", func() error {
			delta := 2
			got, err := w.Inventory.Adjust(ctx, owner, inventory.AdjustInput{VariantID: tea.String(), Delta: &delta, Reason: "count", IdempotencyKey: w.key()})
			if err == nil && got.OnHand != 1000-sold+2 {
				t.Errorf("adjusted to %d", got.OnHand)
			}
			return err
		})
		sold -= 2
	}
}
