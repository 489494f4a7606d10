package store_test

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/store"
)

func TestReturnAddressesOutliveTheProcess(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	c := newClock()
	s := open(t, path, store.Options{Now: c.now})
	cipher, err := s.Returns().Cipher()
	if err != nil {
		t.Fatal(err)
	}
	sealed := cipher.Seal(nil, nil, []byte("told"), nil)
	until := c.now().Add(24 * time.Hour)
	if err := s.Returns().Put(t.Context(), "a", []byte("sealed"), until); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s = open(t, path, store.Options{Now: c.now})
	defer func() { closeStore(t, s) }()
	if cipher, err = s.Returns().Cipher(); err != nil {
		t.Fatal(err)
	}
	if told, err := cipher.Open(nil, nil, sealed, nil); err != nil || string(told) != "told" {
		t.Errorf("the key is another one, %v", err)
	}
	for later, want := range map[time.Duration]bool{23 * time.Hour: true, 49 * time.Hour: false} {
		now := until.Add(later - 24*time.Hour)
		s = reopen(t, s, path, now)
		if value, ok := found(s.Returns().Get(t.Context(), "a")); ok != want || ok && string(value) != "sealed" {
			t.Errorf("%s later it is %q, %v", later, value, ok)
		}
	}
	if _, ok := found(s.Returns().Get(t.Context(), "b")); ok {
		t.Error("an unknown key has a value")
	}
}

func TestReturnAddressesAreBounded(t *testing.T) {
	c := newClock()
	var later atomic.Int64
	now := func() time.Time { return c.now().Add(time.Duration(later.Load())) }
	each(t, store.Options{Now: now, MaxReturns: 8}, func(t *testing.T, s *store.Store) {
		later.Store(0)
		put := func(key string, size int) error {
			return s.Returns().Put(t.Context(), key, make([]byte, size), now().Add(time.Hour))
		}
		for i := range 8 {
			if err := put(strconv.Itoa(i), 1); err != nil {
				t.Fatal(err)
			}
		}
		for key, want := range map[string]error{"0": nil, "8": store.ErrFull, "": store.ErrSize} {
			if err := put(key, 1); !errors.Is(err, want) {
				t.Errorf("%q: %v", key, err)
			}
		}
		if err := put("large", 1<<20); !errors.Is(err, store.ErrSize) {
			t.Errorf("large: %v", err)
		}
		if err := put(strings.Repeat("k", 600), 1); !errors.Is(err, store.ErrSize) {
			t.Errorf("a long key: %v", err)
		}
		later.Store(int64(2 * time.Hour))
		if err := put("8", 1); err != nil {
			t.Errorf("those whose time is over are in the way: %v", err)
		}
		if _, ok := found(s.Returns().Get(t.Context(), "0")); ok {
			t.Error("an old one is still there")
		}
	})
}

func TestTheSameAddressIsWrittenOnceADay(t *testing.T) {
	s := store.Memory()
	for i := range 10 {
		value := []byte(strconv.Itoa(i))
		if err := s.Returns().Put(t.Context(), "a", value, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if value, ok := found(s.Returns().Get(t.Context(), "a")); !ok || string(value) != "0" {
		t.Errorf("got %q", value)
	}
}

func TestAFileOfAnEarlierVersionGetsItsBucket(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	closeStore(t, open(t, path, store.Options{}))
	boltFile(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("returns")) })
	if err := store.Check(path); err != nil {
		t.Errorf("check: %v", err)
	}
	s := open(t, path, store.Options{})
	defer closeStore(t, s)
	if err := s.Returns().Put(t.Context(), "a", []byte("sealed"), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
}

// reopen opens the store again at another time.
func reopen(t *testing.T, s *store.Store, path string, now time.Time) *store.Store {
	t.Helper()
	closeStore(t, s)
	return open(t, path, store.Options{Now: func() time.Time { return now }})
}
