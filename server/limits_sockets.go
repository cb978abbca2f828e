package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync"

	"holdfast/internal/limit"
)

// socketRoom refuses one more socket of an address that has too many, before it is one, and counts the others until their
// connections are closed, whatever closes them.
func (s *server) socketRoom(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address, counts := countedAddress(r.Context())
		if s.limits.rates == nil || !counts || !s.sockets.Supports(r) {
			next.ServeHTTP(w, r)
			return
		}
		done, ok := s.limits.sockets.Add(address)
		if !ok {
			s.refuse(w, r, limit.Connections())
			return
		}
		counted := &countedWriter{ResponseWriter: w, done: sync.OnceFunc(done)}
		defer func() {
			if !counted.taken {
				counted.done()
			}
		}()
		next.ServeHTTP(counted, r)
	})
}

// countedWriter gives away a connection that tells when it is closed.
type countedWriter struct {
	http.ResponseWriter
	done  func()
	taken bool
}

// Unwrap gives http.ResponseController what is underneath.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack implements http.Hijacker.
func (w *countedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take connection over: %w", err)
	}
	w.taken = true
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &countedTCP{tcp, w.done}, buffered, nil // the socket sets options of it
	}
	return &countedConn{conn, w.done}, buffered, nil
}

type countedTCP struct {
	*net.TCPConn
	done func()
}

// Close implements net.Conn.
func (c *countedTCP) Close() error {
	defer c.done()
	return c.TCPConn.Close()
}

type countedConn struct {
	net.Conn
	done func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}
