package module

import (
	"container/list"
	"sync"
)

// memory is a cache of what was read and verified, bounded by bytes; what was
// not used for longest goes first. Fleets ask for the same few versions again
// and again.
type memory struct {
	mu    sync.Mutex
	left  int64
	most  int64 // of one value: a giant does not evict everything else
	order *list.List
	items map[string]*list.Element
}

type remembered struct {
	key   string
	value any
	size  int64
}

func newMemory(bytes int64) *memory {
	return &memory{left: bytes, most: bytes / 2, order: list.New(), items: map[string]*list.Element{}}
}

func (m *memory) get(key string) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.items[key]
	if !ok {
		return nil, false
	}
	m.order.MoveToFront(e)
	r, ok := e.Value.(*remembered)
	if !ok {
		return nil, false
	}
	return r.value, true
}

func (m *memory) put(key string, value any, size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(m.items[key])
	if size > m.most {
		return
	}
	for m.left < size {
		m.drop(m.order.Back())
	}
	m.left -= size
	m.items[key] = m.order.PushFront(&remembered{key: key, value: value, size: size})
}

func (m *memory) drop(e *list.Element) {
	if e == nil {
		return
	}
	if r, ok := m.order.Remove(e).(*remembered); ok {
		delete(m.items, r.key)
		m.left += r.size
	}
}
