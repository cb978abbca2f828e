package app_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/db"
	"holdfast/internal/payment"
)

// How a process dies.
const (
	atOnce       = iota
	beforeCommit // with a COMMIT that the server never sees
	afterCommit  // with a COMMIT of which it never hears
	ways
)

// process is a process that can be killed: its line to the database is cut for good, and what it was doing then is heard of no
// more.
type process struct {
	*app.App

	db     *db.DB
	server string
	listen net.Listener

	mu    sync.Mutex
	how   int
	dying bool
	dead  chan struct{}
	conns []net.Conn
}

// start starts a process on the world's database.
func start(t *testing.T, w *world) (*process, error) {
	u, err := url.Parse(w.source)
	if err != nil {
		return nil, err
	}
	p := &process{server: u.Host, dead: make(chan struct{})}
	var lc net.ListenConfig
	if p.listen, err = lc.Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go func() {
		for {
			client, err := p.listen.Accept()
			if err != nil {
				return
			}
			go p.carry(client)
		}
	}()
	u.Host = p.listen.Addr().String()
	if p.db, err = db.Open(t.Context(), u.String(), db.Options{}); err != nil {
		return nil, err
	}
	p.App = w.process(p.db, payment.NewSandbox(p.db, w.clock.Now))
	return p, nil
}

// kill kills the process, now or at its next COMMIT.
func (p *process) kill(how int) {
	p.mu.Lock()
	p.how, p.dying = how, true
	p.mu.Unlock()
	if how == atOnce {
		p.die()
	}
}

// die cuts all lines.
func (p *process) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.dead:
		return
	default:
		close(p.dead)
	}
	_ = p.listen.Close()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// add remembers a connection, unless the process is dead.
func (p *process) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.dead:
		_ = c.Close()
		return false
	default:
		p.conns = append(p.conns, c)
		return true
	}
}

// carry carries packets between the process and the server until one of them hangs up or the process dies.
func (p *process) carry(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.add(client) || !p.add(server) {
		return
	}
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, server)
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
		if string(packet[4:]) == "\x03COMMIT" && p.last(client, server, packet) {
			return
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

// last is the last COMMIT of a process that is about to die, and tells whether this is one.
func (p *process) last(client, server net.Conn, packet []byte) bool {
	p.mu.Lock()
	dying, how := p.dying, p.how
	p.mu.Unlock()
	if !dying {
		return false
	}
	if how == afterCommit {
		_ = client.Close() // before the answer
		_, _ = server.Write(packet)
		_, _ = server.Read(make([]byte, 1))
	}
	p.die()
	return true
}
