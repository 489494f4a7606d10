package spool_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/spool"
)

func random(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// write writes in pieces of that size.
func write(t *testing.T, f *spool.File, b []byte, size int) {
	t.Helper()
	for len(b) > 0 {
		n := min(size, len(b))
		if written, err := f.Write(b[:n]); err != nil || written != n {
			t.Fatalf("%d, %v, want %d", written, err, n)
		}
		b = b[n:]
	}
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	for name, test := range map[string]struct {
		size, write, memory int
	}{
		"nothing":                                 {0, 1, 1000},
		"one byte":                                {1, 1, 1000},
		"all of the memory":                       {1000, 7, 1000},
		"one byte above it":                       {1001, 7, 1000},
		"one write above it":                      {5000, 5000, 1000},
		"no memory":                               {5000, 100, 0},
		"memory in several pieces":                {200_000, 10_000, 300_000},
		"pieces that end where a write ends":      {256 << 10, 64 << 10, 300_000},
		"many pieces, then disk":                  {400_000, 10_001, 300_000},
		"more memory asked for than is allowed":   {3 << 20, 100_000, 100 << 20},
		"less memory than none, as for no memory": {10, 10, -1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filestest.TempDir(t)
			pool := spool.New(dir, test.memory, 1<<30)
			f := pool.New()
			defer f.Close()
			want := random(test.size)
			write(t, f, want, test.write)
			if f.Size() != int64(test.size) || pool.Used() != int64(test.size) {
				t.Errorf("size %d, used %d, want %d", f.Size(), pool.Used(), test.size)
			}
			if test.size <= 1001 { // it takes the square of the time
				if err := iotest.TestReader(f.Reader(), want); err != nil {
					t.Error(err)
				}
			}
			if got, err := io.ReadAll(f.Reader()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes read, %v", len(got), err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 && runtime.GOOS != "windows" {
				t.Errorf("%v, %v in the folder while the file is open", left, err)
			}
			f.Close()
			f.Close()
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%v, %v in the folder after Close", left, err)
			}
			if pool.Used() != 0 {
				t.Errorf("%d bytes used after Close", pool.Used())
			}
		})
	}
}

func TestReadersDoNotDisturbEachOther(t *testing.T) {
	for name, memory := range map[string]int{"in memory": 1 << 20, "on disk": 100} {
		t.Run(name, func(t *testing.T) {
			f := spool.New(filestest.TempDir(t), memory, 1<<30).New()
			defer f.Close()
			want := random(300_000)
			write(t, f, want, 10_000)
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					if got, err := io.ReadAll(f.Reader()); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%d bytes read, %v", len(got), err)
					}
				})
			}
			wait.Wait()
		})
	}
}

func TestTheQuotaIsOfAllFilesTogether(t *testing.T) {
	pool := spool.New(filestest.TempDir(t), 100, 1000)
	a, b := pool.New(), pool.New()
	defer b.Close()
	write(t, a, random(600), 50)
	write(t, b, random(400), 50)
	if n, err := b.Write([]byte{1}); n != 0 || !errors.Is(err, spool.ErrFull) {
		t.Fatalf("%d, %v", n, err)
	}
	if pool.Used() != 1000 || b.Size() != 400 {
		t.Errorf("used %d, size %d", pool.Used(), b.Size())
	}
	a.Close()
	write(t, b, random(600), 50)
	if pool.Used() != 1000 {
		t.Errorf("used %d", pool.Used())
	}
}

func TestTheQuotaHoldsForWritersAtOneTime(t *testing.T) {
	const each, quota = 1000, 5500
	pool := spool.New(filestest.TempDir(t), 100, quota)
	files := make([]*spool.File, 8)
	var wait sync.WaitGroup
	for i := range files {
		files[i] = pool.New()
		wait.Go(func() {
			for range 10 {
				if _, err := files[i].Write(make([]byte, each/10)); err != nil && !errors.Is(err, spool.ErrFull) {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	var sum int64
	for _, f := range files {
		sum += f.Size()
	}
	if sum > quota || sum != pool.Used() {
		t.Errorf("%d bytes in files, %d used", sum, pool.Used())
	}
	for _, f := range files {
		f.Close()
	}
	if pool.Used() != 0 {
		t.Errorf("%d used after all were closed", pool.Used())
	}
}

func TestAClosedFileIsNeitherReadNorWritten(t *testing.T) {
	for name, memory := range map[string]int{"in memory": 1 << 20, "on disk": 100} {
		t.Run(name, func(t *testing.T) {
			pool := spool.New(filestest.TempDir(t), memory, 1<<30)
			f := pool.New()
			write(t, f, random(300_000), 10_000)
			late := f.Reader()
			if _, err := io.CopyN(io.Discard, late, 1000); err != nil {
				t.Fatal(err)
			}
			f.Close()
			if n, err := io.Copy(io.Discard, late); n != 0 || !errors.Is(err, os.ErrClosed) {
				t.Errorf("read %d bytes, %v", n, err)
			}
			if n, err := f.Write([]byte{1}); n != 0 || !errors.Is(err, os.ErrClosed) {
				t.Errorf("wrote %d bytes, %v", n, err)
			}
			if pool.Used() != 0 {
				t.Errorf("%d bytes used", pool.Used())
			}
		})
	}
}

func TestADiskThatFailsTakesNoQuota(t *testing.T) {
	pool := spool.New(filepath.Join(filestest.TempDir(t), "absent"), 100, 1000)
	f := pool.New()
	write(t, f, random(60), 60)
	if n, err := f.Write(random(60)); n != 0 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%d, %v", n, err)
	}
	if pool.Used() != 60 {
		t.Errorf("%d bytes used", pool.Used())
	}
	f.Close()
	if pool.Used() != 0 {
		t.Errorf("%d bytes used after Close", pool.Used())
	}
}

// With all their memory in use, small files go to disk: they then need a directory, and here there is none.
func TestAllFilesTogetherHoldSoMuchInMemory(t *testing.T) {
	const memory, files = 1000, 64
	pool := spool.New(filepath.Join(filestest.TempDir(t), "absent"), memory, 1<<30)
	var open []*spool.File
	for range files {
		f := pool.New()
		defer f.Close()
		write(t, f, random(memory), memory)
		open = append(open, f)
	}
	f := pool.New()
	defer f.Close()
	if _, err := f.Write([]byte{1}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want an attempt to make a file", err)
	}
	open[0].Close()
	write(t, f, random(memory), memory)
}

func TestAPoolKnowsWhetherItCanUseItsDirectory(t *testing.T) {
	dir := filestest.TempDir(t)
	if err := spool.New(dir, spool.MaxMemory, 1<<20).Check(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
	if err := spool.New(filepath.Join(dir, "absent"), spool.MaxMemory, 1<<20).Check(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the directory: %v", err)
	}
}
