package soap

import (
	"io"
	"slices"
)

// Reader returns the message with its edits; later edits do not reach it. What follows the header region streams from the
// source, so a second Reader works only if Complete. A message that was refused yields only the refusal.
func (e *Envelope) Reader() io.Reader {
	if e.err != nil {
		return &failed{e.err}
	}
	r := &reader{e: e, edits: slices.Clone(e.edits)}
	if !e.options.Answer && !e.options.Credential {
		r.guard = &e.guard
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.source(e.s)
	return r
}

// Original returns the message as it came (in UTF-16 too), edits and checks left aside: for traffic that is only observed.
func (e *Envelope) Original() io.Reader {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &reader{e: e, original: true}
	r.source(e.s)
	return r
}

type failed struct{ err error }

func (f *failed) Read([]byte) (int, error) { return 0, f.err }

// reader gives out the buffer with the edits and then the rest of the source. Only the first part needs the buffer, and
// only there does it hold the lock: a source that hangs does not hold up Release.
type reader struct {
	e        *Envelope
	edits    []edit
	original bool
	guard    *guard
	pos      int // in the buffer
	text     []byte
	drained  bool // the buffer is given out
	src      io.Reader
	srcErr   error
}

func (r *reader) source(s *scanner) {
	if s != nil {
		r.src, r.srcErr = s.src, s.srcErr
	}
}

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !r.drained {
		if n, err := r.fromBuffer(p); n > 0 || err != nil {
			return n, err
		}
		r.drained = true
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
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	s := r.e.s
	if s == nil {
		return 0, refuse(KindState, 0, "the message has been released")
	}
	buf := s.buf
	if r.original && s.raw != nil {
		buf = s.raw
	}
	n := 0
	for n < len(p) {
		if len(r.text) > 0 {
			taken := copy(p[n:], r.text)
			r.text, n = r.text[taken:], n+taken
			continue
		}
		stop := len(buf)
		if len(r.edits) > 0 {
			stop = r.edits[0].start
		}
		if r.pos < stop {
			taken := copy(p[n:], buf[r.pos:stop])
			r.pos, n = r.pos+taken, n+taken
			continue
		}
		if len(r.edits) == 0 {
			break
		}
		r.text, r.pos = r.edits[0].text, r.edits[0].end
		r.edits = r.edits[1:]
	}
	return n, nil
}
