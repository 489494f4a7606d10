package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzCheckPages looks for bytes that take the checker out of bounds or into a loop.
func FuzzCheckPages(f *testing.F) {
	path := filepath.Join(f.TempDir(), "state.db")
	s, err := Open(path, Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"a", "b", strings.Repeat("c", 400)} {
		if _, err := s.Issue(TokenOwner{Principal: name}); err != nil {
			f.Fatal(err)
		}
	}
	if err := s.WriteLedger(map[string][]byte{"big": make([]byte, 20_000)}, nil); err != nil {
		f.Fatal(err)
	}
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	const pageSize = 4096
	if os.Getpagesize() == pageSize {
		if err := checkPages(bytes.NewReader(whole), int64(len(whole)), pageSize); err != nil {
			f.Fatalf("a sound file: %v", err)
		}
	}
	for at := uint32(0); at < 12*pageSize; at += pageSize / 2 {
		f.Add(at, []byte{0xff, 1, 0, 0xff})
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b := bytes.Clone(whole)
		copy(b[int(at)%len(b):], patch)
		if err := checkPages(bytes.NewReader(b), int64(len(b)), pageSize); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
	})
}

// FuzzLoad looks for records that make a table panic.
func FuzzLoad(f *testing.F) {
	f.Add(strings.Repeat("k", 32), []byte(`{"owner":{"Integration":"a"},"issued":1,"used":2,"salt":"AA=="}`))
	f.Add("a\x00b", []byte(`{"guid":"g","at":1,"hash":"$","integration":"a","username":"b"}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s := Memory()
		for bucket, records := range s.tables {
			if err := records.apply(Change{Bucket: bucket, Key: key, Value: value}); err != nil && err.Error() == "" {
				t.Error("an error without a text")
			}
		}
		s.List()
		s.Pins()
	})
}
