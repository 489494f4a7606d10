package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/files/filestest"
)

// FuzzCheckPages looks for bytes that take the checker out of bounds or into a loop.
func FuzzCheckPages(f *testing.F) {
	path := filepath.Join(filestest.TempDir(f), "state.db")
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

// TestBucketsThatShareBytes holds a page of two buckets with the same bytes, which hold two with the same bytes, and so
// on: reading them takes twice as long with each level.
func TestBucketsThatShareBytes(t *testing.T) {
	page := make([]byte, headerSize)
	binary.NativeEndian.PutUint16(page[8:], leafPage)
	for range 40 {
		outer := make([]byte, headerSize+2*elementSize, headerSize+2*elementSize+2+bucketSize+len(page))
		binary.NativeEndian.PutUint16(outer[8:], leafPage)
		binary.NativeEndian.PutUint16(outer[10:], 2)
		for i := range uint32(2) { // the keys "ab" and "b"
			e := outer[headerSize+i*elementSize:]
			binary.NativeEndian.PutUint32(e, bucketElement)
			binary.NativeEndian.PutUint32(e[4:], (2-i)*elementSize+i)
			binary.NativeEndian.PutUint32(e[8:], 2-i)
			binary.NativeEndian.PutUint32(e[12:], uint32(bucketSize+len(page)))
		}
		page = slices.Concat(outer, []byte("ab"), make([]byte, bucketSize), page)
	}
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "too deep") {
			t.Errorf("the answer is %v", p)
		}
	}()
	(&checker{}).elements(page, 0)
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
