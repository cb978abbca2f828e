package transport

import (
	"container/list"
	"context"
	"sync"
)

// Bounds of what payloads keeps. Events are read by all their readers within moments, so little is enough.
const (
	maxPayloads     = 4096
	maxPayloadBytes = 16 << 20
	payloadOverhead = 256 // about what an entry takes beside its text
)

// payloads are encoded responses that several readers get, by the Share of their event. The oldest go first.
type payloads struct {
	mu      sync.Mutex
	entries map[any]*list.Element
	order   list.List // of *payload, the one used last in front
	size    int
}

type payload struct {
	key  any
	made chan struct{} // closed when text is there, or will not be
	text []byte        // nil when it cannot be shared; written once, before ready
	size int           // what it counts for

	// These are under the lock of payloads.
	ready   bool
	waiting []*operation // they come again when it is
}

// get returns the payload of key. Of those who ask at the same time one makes it, and the others wait. Nil means that
// there is none to share, or that ctx has ended.
func (p *payloads) get(ctx context.Context, key any, make func() []byte) []byte {
	entry, mine, _ := p.entry(key, nil)
	if !mine {
		select {
		case <-entry.made:
			return entry.text
		case <-ctx.Done():
			return nil
		}
	}
	p.fill(entry, make)
	return entry.text
}

// fill makes an entry's payload, for all who wait for it.
func (p *payloads) fill(entry *payload, make func() []byte) {
	defer func() { // also when make panics, and then without a text
		waiting := p.keep(entry)
		close(entry.made)
		for _, op := range waiting {
			op.socket.t.senders.add(op)
		}
	}()
	entry.text = make()
}

// entry finds or begins the entry of key. Until it is ready, waits, unless nil, is remembered; who began it has to fill it.
func (p *payloads) entry(key any, waits *operation) (entry *payload, mine, ready bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		if ready = entry != nil && entry.ready; !ready && waits != nil && entry != nil {
			entry.waiting = append(entry.waiting, waits)
		}
	}()
	if element, ok := p.entries[key]; ok {
		p.order.MoveToFront(element)
		return asPayload(element), false, false
	}
	if p.entries == nil {
		p.entries = make(map[any]*list.Element)
	}
	entry = &payload{key: key, made: make(chan struct{})}
	p.entries[key] = p.order.PushFront(entry)
	p.count(entry, payloadOverhead)
	return entry, true, false
}

// keep counts an entry that was just made, unless it has been pushed out, and forgets one that cannot be shared. It
// returns those who wait for it.
func (p *payloads) keep(entry *payload) (waiting []*operation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting, entry.waiting, entry.ready = entry.waiting, nil, true
	element := p.entries[entry.key]
	if element == nil || asPayload(element) != entry {
		return waiting
	}
	if entry.text == nil {
		p.drop(element)
	} else {
		p.count(entry, len(entry.text))
	}
	return waiting
}

// count adds to the size of entry, and makes room for it.
func (p *payloads) count(entry *payload, size int) {
	entry.size += size
	p.size += size
	for len(p.entries) > maxPayloads || p.size > maxPayloadBytes {
		p.drop(p.order.Back())
	}
}

func (p *payloads) drop(element *list.Element) {
	entry := asPayload(element)
	p.order.Remove(element)
	delete(p.entries, entry.key)
	p.size -= entry.size
}

func asPayload(element *list.Element) *payload {
	entry, _ := element.Value.(*payload) // there is nothing else in the list
	return entry
}
