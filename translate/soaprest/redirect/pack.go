package redirect

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
)

// pack puts each address on a line of its own, for no URL has the end of a line in it, and makes the text short: the
// addresses are alike, so that most of them is said once.
func pack(a Addresses) ([]byte, error) {
	var lines []string
	for _, name := range Outcomes() {
		lines = append(lines, a[name])
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, strings.Join(lines, "\n")); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}

func unpack(packed []byte) (Addresses, error) {
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, fmt.Errorf("read return addresses: %w", err)
	}
	lines := strings.Split(string(text), "\n")
	a := Addresses{}
	for i, name := range Outcomes() {
		if i < len(lines) && lines[i] != "" {
			a[name] = lines[i]
		}
	}
	return a, nil
}
