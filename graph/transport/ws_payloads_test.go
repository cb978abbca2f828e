package transport

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func TestPayloadsAreMadeOnce(t *testing.T) {
	t.Parallel()
	var p payloads
	var made atomic.Int64
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			<-start
			for key := range 100 {
				want := fmt.Sprint(key)
				if got := p.get(t.Context(), key, func() []byte { made.Add(1); return []byte(want) }); string(got) != want {
					t.Errorf("reader %d gets %q for %s", i, got, want)
				}
			}
		})
	}
	close(start)
	wg.Wait()
	if n := made.Load(); n != 100 {
		t.Errorf("%d payloads were made, want 100", n)
	}
}

func TestPayloadsThatCannotBeShared(t *testing.T) {
	t.Parallel()
	var p payloads
	if got := p.get(t.Context(), "a", func() []byte { return nil }); got != nil {
		t.Errorf("%q came of nothing", got)
	}
	func() {
		defer func() { _ = recover() }()
		p.get(t.Context(), "a", func() []byte { panic("of make") })
	}()
	if got := p.get(t.Context(), "a", func() []byte { return []byte("x") }); string(got) != "x" {
		t.Errorf("%q, want x: what failed was kept", got)
	}
	if p.size != 1+payloadOverhead || len(p.entries) != 1 || p.order.Len() != 1 {
		t.Errorf("%d bytes in %d entries", p.size, len(p.entries))
	}
}

// TestPayloadWhoseMakerIsSlow is not waited for beyond the ctx.
func TestPayloadWhoseMakerIsSlow(t *testing.T) {
	t.Parallel()
	var p payloads
	begun, proceed, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		p.get(t.Context(), "a", func() []byte { close(begun); <-proceed; return []byte("x") })
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := p.get(ctx, "a", func() []byte { return []byte("y") }); got != nil {
		t.Errorf("%q, want none", got)
	}
	close(proceed)
	<-done
}

func TestPayloadsAreBounded(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"many": 10, "large": 1 << 20, "larger than all": maxPayloadBytes + 1} {
		var p payloads
		text := make([]byte, size)
		for key := range 2 * maxPayloads {
			p.get(t.Context(), key, func() []byte { return text })
			if size < maxPayloadBytes {
				p.get(t.Context(), "used", func() []byte { return text })
			}
		}
		counted := 0
		for element := p.order.Front(); element != nil; element = element.Next() {
			counted += len(asPayload(element).text) + payloadOverhead
		}
		if len(p.entries) > maxPayloads || p.size > maxPayloadBytes || p.size != counted || p.order.Len() != len(p.entries) {
			t.Errorf("%s: %d entries, %d bytes, counted %d", name, len(p.entries), p.size, counted)
		}
		if _, kept := p.entries["used"]; !kept && size < maxPayloadBytes {
			t.Errorf("%s: what is in use was pushed out", name)
		}
	}
}

// TestPayloadPushedOutWhileMade is not counted.
func TestPayloadPushedOutWhileMade(t *testing.T) {
	t.Parallel()
	var p payloads
	p.get(t.Context(), "slow", func() []byte {
		for key := range maxPayloads {
			p.get(t.Context(), key, func() []byte { return []byte("x") })
		}
		return []byte("slow")
	})
	if want := maxPayloads * (1 + payloadOverhead); p.size != want || p.entries["slow"] != nil {
		t.Errorf("%d bytes, want %d", p.size, want)
	}
}
