package soap

import (
	"bytes"
	"io"
	"net"
)

// Reader returns the message with its edits; later edits do not reach it. What follows the header region streams from
// the source, so only the first Reader yields it. A message that was refused yields only the refusal.
func (m *Message) Reader() io.Reader {
	if m.err != nil {
		return &failed{m.err}
	}
	r := m.reader(false)
	if !m.options.Answer && !m.options.Credential {
		r.guard = &m.guard
	}
	if m.root == nil {
		return r
	}
	return io.MultiReader(bytes.NewReader(m.root.headWith(m.delta())), r, m.root.in)
}

// Original returns the message as it came (in UTF-16 too) but for a content coding, edits and checks left aside: for
// traffic that is only observed.
func (m *Message) Original() io.Reader {
	r := m.reader(true)
	if m.root == nil {
		return r
	}
	return io.MultiReader(bytes.NewReader(m.root.head), r)
}

type failed struct{ err error }

func (f *failed) Read([]byte) (int, error) { return 0, f.err }

// reader gives out the buffer with the edits and then the rest of the source. Only the first part needs the buffer, and
// only there does it hold the lock: a source that hangs does not hold up Release.
type reader struct {
	m      *Message
	guard  *guard
	parts  net.Buffers // of the buffer, which is wiped by Release, and of the edits
	src    io.Reader
	srcErr error
}

func (m *Message) reader(original bool) *reader {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &reader{m: m}
	if m.released {
		r.srcErr = errReleased()
		return r
	}
	if m.s != nil {
		r.parts, r.src, r.srcErr = m.parts(original), m.s.src, m.s.srcErr
	}
	if original && m.root != nil { // what is left of the part need not be one
		r.src, r.srcErr = m.root.in, nil
	}
	return r
}

// parts cuts the buffer at the edits and puts their texts between.
func (m *Message) parts(original bool) net.Buffers {
	if original && m.s.raw != nil {
		return net.Buffers{m.s.raw}
	}
	if original {
		return net.Buffers{m.s.buf}
	}
	parts := make(net.Buffers, 0, 2*len(m.edits)+1)
	pos := 0
	for _, ed := range m.edits {
		parts = append(parts, m.s.buf[pos:ed.start], ed.text)
		pos = ed.end
	}
	return append(parts, m.s.buf[pos:])
}

func errReleased() *Error { return refuse(KindState, 0, "the message has been released") }

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.parts) > 0 {
		if n, err := r.fromBuffer(p); n > 0 || err != nil {
			return n, err
		}
	}
	if r.srcErr != nil {
		return 0, r.srcErr
	}
	n, err := r.src.Read(p)
	if r.guard != nil {
		if refusal := r.check(p[:n], err); refusal != nil {
			r.srcErr = refusal
			return 0, refusal
		}
	}
	r.srcErr = err
	return n, err
}

// check holds back what is ill-formed: the upstream then sees a message that breaks off.
func (r *reader) check(p []byte, err error) *Error {
	if refusal := r.guard.write(p); refusal != nil {
		return refusal
	}
	if err == io.EOF {
		return r.guard.finish()
	}
	return nil
}

// fromBuffer copies what it can of the buffer and the edits; nothing, once they are given out.
func (r *reader) fromBuffer(p []byte) (int, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.m.released {
		return 0, errReleased()
	}
	n, _ := r.parts.Read(p) // io.EOF says that nothing is left
	return n, nil
}
