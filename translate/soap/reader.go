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
	var parts net.Buffers // the buffer, cut at the edits, with their texts between
	pos := 0
	for _, ed := range m.edits {
		parts = append(parts, m.s.buf[pos:ed.start], ed.text)
		pos = ed.end
	}
	parts = append(parts, m.s.buf[pos:])
	rest := m.s.rest()
	if !m.answer && !m.whole {
		rest = &guarded{r: rest, guard: &m.guard}
	}
	if m.root == nil {
		return io.MultiReader(&parts, rest)
	}
	return io.MultiReader(bytes.NewReader(m.root.headWith(m.delta())), &parts, rest, m.root.in)
}

// Original returns the message as it came (in UTF-16 too) but for a content coding, edits and checks left aside: for
// traffic that is only observed.
func (m *Message) Original() io.Reader {
	var parts net.Buffers
	var rest io.Reader
	if m.root != nil {
		parts, rest = append(parts, m.root.head), m.root.in // what is left of the part need not be one
	}
	if m.s != nil {
		came := m.s.buf
		if m.Converted {
			came = m.s.raw
		}
		parts = append(parts, came)
		if m.root == nil {
			rest = m.s.rest()
		}
	}
	return io.MultiReader(&parts, rest)
}

// rest is what the source has left.
func (in *input) rest() io.Reader {
	if in.srcErr != nil {
		return &failed{in.srcErr}
	}
	return in.src
}

type failed struct{ err error }

func (f *failed) Read([]byte) (int, error) { return 0, f.err }

// guarded holds back what is ill-formed: the upstream then sees a message that breaks off.
type guarded struct {
	r     io.Reader
	guard *guard
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if refusal := g.guard.check(p[:n], err); refusal != nil {
		g.r = &failed{refusal}
		return 0, refusal
	}
	return n, err
}
