package main

import (
	"net"
	"sync"
	"testing"
)

// wire is a connection between a server and its database that can break.
type wire struct {
	addr string

	mu    sync.Mutex
	state wireState
	moved chan struct{} // closed when the state changes
	open  map[net.Conn]bool
}

type wireState int

const (
	wireWhole wireState = iota
	wireSilent
	wireCut
)

// newWire listens for connections to the database at to.
func newWire(t *testing.T, to string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: listener.Addr().String(), moved: make(chan struct{}), open: map[net.Conn]bool{}}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil || !w.add(in, out) {
				_ = in.Close()
				continue
			}
			work.Go(func() { w.carry(in, out) })
			work.Go(func() { w.carry(out, in) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.set(wireCut)
		work.Wait()
	})
	return w
}

// set changes what the wire does. Cutting it breaks every connection, and new ones.
func (w *wire) set(s wireState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = s
	close(w.moved)
	w.moved = make(chan struct{})
	if s == wireCut {
		for c := range w.open {
			_ = c.Close()
		}
		clear(w.open)
	}
}

func (w *wire) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		w.open[c] = true
	}
	if w.state == wireCut {
		for _, c := range conns {
			_ = c.Close()
			delete(w.open, c)
		}
		return false
	}
	return true
}

// carry copies from one end to the other, and holds back while the wire is silent.
func (w *wire) carry(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		for w.state == wireSilent {
			moved := w.moved
			w.mu.Unlock()
			<-moved
			w.mu.Lock()
		}
		w.mu.Unlock()
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
