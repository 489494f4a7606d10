// Package spool keeps bytes that are too many for memory: first in memory, then in a file without a name, which goes
// with the process. It must never let all spools of a pool together grow beyond their quota, nor let one be read after
// it was closed. Package soaprest keeps documents in it while a call is under way.
package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

// ErrFull means that the quota of the pool is used up.
var ErrFull = errors.New("the quota of the spool is used up")

// ErrDisk means that the directory of the pool took no more bytes.
var ErrDisk = errors.New("the disk of the spool")

const (
	// MaxMemory bounds what one File holds in memory, in bytes: a call with a large document is to take less than 1 MiB.
	MaxMemory = 512 << 10
	// sharers is how many Files of the largest size all Files together may hold in memory; then each goes to disk at once.
	sharers = 64
	piece   = 64 << 10 // bytes; memory grows by so much
)

// Pool makes Files that share a quota.
type Pool struct {
	dir    string
	memory int64
	quota  int64

	used atomic.Int64 // bytes of all open Files
	held atomic.Int64 // those of them in memory
}

// New makes a pool. A File goes to disk, in dir ("" = the system's directory for temporary files), when it exceeds so
// many bytes of memory, MaxMemory at most. All open Files together hold no more bytes than quota.
func New(dir string, memory int, quota int64) *Pool {
	return &Pool{dir: dir, memory: int64(min(memory, MaxMemory)), quota: quota}
}

// Is reports whether the pool was made for that directory and quota.
func (p *Pool) Is(dir string, quota int64) bool { return p.dir == dir && p.quota == quota }

// Check reports why Files could not go to disk.
func (p *Pool) Check() error {
	f, err := create(p.dir)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return f.Close()
}

// Used is how many bytes all open Files hold, in memory and on disk.
func (p *Pool) Used() int64 { return p.used.Load() }

// New makes an empty File.
func (p *Pool) New() *File { return &File{pool: p} }

// take adds n to a count unless that exceeds its bound.
func take(count *atomic.Int64, n, bound int64) bool {
	if count.Add(n) <= bound {
		return true
	}
	count.Add(-n)
	return false
}

// File is bytes that were written once and may be read any number of times. The zero value is not ready; Pool makes it.
type File struct {
	pool *Pool

	mu     sync.RWMutex // a sender may still read when the call is over and closes the File
	size   int64
	pieces [][]byte // each but the last is full
	disk   *os.File // nil = in memory
	closed bool
}

// Write adds to the end, all of b or nothing. Its error is ErrFull or ErrDisk.
func (f *File) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := int64(len(b))
	switch {
	case f.closed:
		return 0, os.ErrClosed
	case !take(&f.pool.used, n, f.pool.quota):
		return 0, ErrFull
	}
	if err := f.add(b); err != nil {
		f.pool.used.Add(-n)
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			err = path.Err // where it lies is not the program's business, which reads this
		}
		return 0, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	f.size += n
	return len(b), nil
}

func (f *File) add(b []byte) error {
	if f.disk == nil {
		n := int64(len(b))
		if f.size+n <= f.pool.memory && take(&f.pool.held, n, sharers*f.pool.memory) {
			f.keep(b)
			return nil
		}
		if err := f.spill(); err != nil {
			return err
		}
	}
	_, err := f.disk.WriteAt(b, f.size)
	return err
}

// keep adds to memory. The first piece grows with what is written: most Files are small.
func (f *File) keep(b []byte) {
	for len(b) > 0 {
		last := len(f.pieces) - 1
		switch {
		case last < 0:
			f.pieces, last = append(f.pieces, nil), 0
		case len(f.pieces[last]) == piece:
			f.pieces, last = append(f.pieces, make([]byte, 0, piece)), last+1
		}
		n := min(len(b), piece-len(f.pieces[last]))
		f.pieces[last] = append(f.pieces[last], b[:n]...)
		b = b[n:]
	}
}

// spill moves what is in memory to disk.
func (f *File) spill() error {
	disk, err := create(f.pool.dir)
	if err != nil {
		return err
	}
	for i, p := range f.pieces {
		if _, err := disk.WriteAt(p, int64(i)*piece); err != nil {
			return errors.Join(err, disk.Close())
		}
	}
	f.pool.held.Add(-f.size)
	f.disk, f.pieces = disk, nil
	return nil
}

// Size is the number of bytes written.
func (f *File) Size() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.size
}

// ReadAt reads as io.ReaderAt tells.
func (f *File) ReadAt(b []byte, offset int64) (n int, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	switch {
	case f.closed:
		return 0, os.ErrClosed
	case f.disk != nil:
		return f.disk.ReadAt(b, offset)
	}
	for at := offset; n < len(b) && at < f.size; at = offset + int64(n) {
		n += copy(b[n:], f.pieces[at/piece][at%piece:])
	}
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

// Reader reads from the beginning; Readers do not disturb each other. Nothing may be written after the first one.
func (f *File) Reader() io.Reader { return io.NewSectionReader(f, 0, f.Size()) }

// Close gives memory, disk and quota back; what is read later is os.ErrClosed. A second Close does nothing.
func (f *File) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	f.pool.used.Add(-f.size)
	if f.disk == nil {
		f.pool.held.Add(-f.size)
	} else {
		_ = f.disk.Close() // nothing that was in it is wanted any more
	}
	f.pieces, f.disk = nil, nil
}
