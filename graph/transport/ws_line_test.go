package transport

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{
		0: "8100", 125: "817d", 126: "817e007e", 65535: "817effff", 65536: "817f0000000000010000",
	} {
		if got := fmt.Sprintf("%x", appendHeader(nil, size)); got != want {
			t.Errorf("%d bytes: %s, want %s", size, got, want)
		}
	}
}

// TestNothingFollowsAFrameThatIsCutShort: who reads on would take the next frame for the rest of it.
func TestNothingFollowsAFrameThatIsCutShort(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	l := &line{Conn: here, timeout: 20 * time.Millisecond}
	first := make(chan byte)
	go func() {
		b := make([]byte, 1)
		_, _ = io.ReadFull(there, b)
		first <- b[0]
	}()
	if err := l.send([]byte("whole")); err == nil {
		t.Fatal("four bytes are missing, and send says nothing")
	}
	<-first
	read := make(chan []byte)
	go func() { all, _ := io.ReadAll(there); read <- all }()
	if err := l.send([]byte("next")); err == nil {
		t.Error("send went on")
	}
	_ = here.Close()
	if diff := cmp.Diff("", string(<-read)); diff != "" {
		t.Errorf("what was read after it (-want +got):\n%s", diff)
	}
}

// TestRestComesFirst: whoever writes next first writes what the kernel had no room for.
func TestRestComesFirst(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	there, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	here, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l := &line{Conn: here, timeout: 5 * time.Second}
	if err := l.offers(); err != nil {
		t.Fatal(err)
	}
	frame := bytes.Repeat([]byte("frame"), 10_007)
	sent := 0
	for rest := false; !rest; sent++ {
		var taken bool
		if taken, rest = l.offer(frame); !taken {
			t.Skip("the kernel took a whole frame last")
		}
	}
	if taken, _ := l.offer(frame); taken {
		t.Error("a frame was taken before the rest of another")
	}
	read := make(chan []byte)
	go func() { all, _ := io.ReadAll(there); read <- all }()
	if err := l.send([]byte("last")); err != nil {
		t.Fatal(err)
	}
	_ = here.Close()
	if want := append(bytes.Repeat(frame, sent), "last"...); !bytes.Equal(<-read, want) {
		t.Error("the frames are torn")
	}
}
