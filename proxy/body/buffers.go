package body

import "sync"

// Buffers lends 32 KiB buffers for bodies.
type Buffers struct{ pool sync.Pool }

// Get lends a buffer.
func (p *Buffers) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (p *Buffers) Put(b []byte) { p.pool.Put(&b) }
