package main

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// poller tells which sockets have something to read.
type poller struct{ fd int }

func newPoller() (poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return poller{fd}, err
}

// add has a socket told of, under a number, each time that something comes.
func (p poller) add(fd, number int) error {
	const edge = 1 << 31 // syscall.EPOLLET, which is negative
	return syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{
		Events: syscall.EPOLLIN | edge, Fd: int32(number), //nolint:gosec // a small number, which comes back as it is
	})
}

// wait appends the numbers of sockets that have something, and of as many as there is room for.
func (p poller) wait(ready []int, patience time.Duration) ([]int, error) {
	events := make([]syscall.EpollEvent, max(1, cap(ready)))
	n, err := syscall.EpollWait(p.fd, events, int(patience.Milliseconds()))
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return ready, err
	}
	for _, e := range events[:max(0, n)] {
		ready = append(ready, int(e.Fd))
	}
	return ready, nil
}

func (p poller) close() { _ = syscall.Close(p.fd) }

// leaveRuntime takes the socket from Go's runtime, which would be woken for whatever comes.
func (w *watcher) leaveRuntime() (err error) {
	tcp, ok := w.raw.(*net.TCPConn)
	if !ok {
		return errors.New("this is no TCP connection")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var err2 error
	err = raw.Control(func(fd uintptr) {
		w.fd, err2 = syscall.Dup(int(fd))
	})
	w.raw = nil
	return errors.Join(err, err2, tcp.Close())
}
