package element

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
)

// digester makes the digest of all that was understood, so that it does not change with prefixes, white space between
// elements and the names of parts.
type digester struct {
	hash.Hash
	documents map[*Element][]byte // their SHA-256
	text      []byte
}

func digest(root *Element, documents map[*Element][]byte) (digest [32]byte) {
	d := &digester{Hash: sha256.New(), documents: documents}
	d.element(root)
	d.Sum(digest[:0])
	return digest
}

// element adds an element: its texts, its attributes, its children and an end.
func (d *digester) element(e *Element) {
	d.string(e.Name)
	d.string(e.Text)
	d.string(string(d.documents[e]))
	if len(e.Attributes) > 0 {
		for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
			d.string("@" + name)
			d.string(e.Attributes[name])
		}
	}
	for _, c := range e.Children {
		d.element(c)
	}
	d.string("")
}

// string adds a text, with its length before it.
func (d *digester) string(text string) {
	d.text = append(binary.AppendUvarint(d.text[:0], uint64(len(text))), text...)
	d.Write(d.text)
}
