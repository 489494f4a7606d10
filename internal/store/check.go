package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The layout of a bbolt file, version 2. The library's own check trusts the lengths in the pages it checks: on a
// damaged one it leaves the mapping, in a goroutine of its own, and takes the process down. This one reads with
// bounds.
const (
	headerSize  = 16 // id 8, flags 2, count 2, overflow 4
	elementSize = 16
	bucketSize  = 16 // root 8, sequence 8
	metaSize    = 64

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10

	bucketElement = 0x01
	manyFree      = 0xFFFF // the count is in the first id
	noFreelist    = ^uint64(0)

	minPageSize = 1 << 10 // that bbolt looks for
	maxPageSize = 1 << 24

	maxDepth    = 64           // of pages
	bucketDepth = maxDepth / 4 // a bucket's weight in it: buckets may share bytes, so each one more doubles the work
)

// checker walks all pages that a bbolt file's newest valid meta page leads to. It panics with the first damage; what
// lies outside a page shows as a slice out of range.
type checker struct {
	r        io.ReaderAt
	pageSize uint64
	end      uint64 // the first page number that is not in use
	seen     map[uint64]bool
}

// checkLength reports that a file has no valid meta page, or lacks pages which the newest counts. bbolt would find the
// same, but on Windows it makes the file as long as its mapping before. Another process may write meanwhile: it makes
// the file longer before it counts the pages, hence the order here.
func checkLength(f *os.File) (err error) {
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return err
	}
	defer recovered(&err)
	c := &checker{r: f}
	for at := uint64(0); at <= maxPageSize; at = max(2*at, minPageSize) { // where bbolt looks for one as well
		if m, valid := c.metaAt(at); valid {
			c.pageSize = uint64(u32(m[8:]))
			break
		}
	}
	require(c.pageSize >= minPageSize && c.pageSize <= maxPageSize, "no valid meta page")
	end := u64(c.meta()[40:])
	info, err := f.Stat()
	if err == nil {
		c.holds(end, info.Size())
	}
	return err
}

// checkPages reports the first damage in the structure of a bbolt file of size bytes.
func checkPages(r io.ReaderAt, size int64, pageSize int) (err error) {
	defer recovered(&err)
	c := &checker{r: r, pageSize: uint64(pageSize), seen: map[uint64]bool{0: true, 1: true}}
	meta := c.meta()
	c.end = u64(meta[40:])
	c.holds(c.end, size)
	c.tree(u64(meta[16:]), 0)
	if freelist := u64(meta[32:]); freelist != noFreelist {
		c.freelist(freelist)
	}
	return nil
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}

// holds requires that a file of size bytes has all pages before end.
func (c *checker) holds(end uint64, size int64) {
	require(end <= uint64(size)/c.pageSize, "%d bytes are left of %d pages", size, end)
}

func require(ok bool, otherwise string, args ...any) {
	if !ok {
		panic(fmt.Errorf(otherwise, args...))
	}
}

func (c *checker) read(at, size uint64) []byte {
	b := make([]byte, size)
	if _, err := c.r.ReadAt(b, int64(at)); err != nil {
		panic(err)
	}
	return b
}

// meta takes the newer of the two meta pages that have a right checksum, as bbolt does.
func (c *checker) meta() (newest []byte) {
	for id := range uint64(2) {
		m, valid := c.metaAt(id * c.pageSize)
		if valid && (newest == nil || u64(m[48:]) >= u64(newest[48:])) {
			newest = m
		}
	}
	require(newest != nil, "no valid meta page")
	return newest
}

// metaAt reads a meta page; what lies outside of the file is none.
func (c *checker) metaAt(at uint64) (m []byte, valid bool) {
	m = make([]byte, metaSize)
	if _, err := c.r.ReadAt(m, int64(at+headerSize)); err != nil {
		return nil, false
	}
	sum := fnv.New64a()
	sum.Write(m[:metaSize-8])
	return m, u32(m) == boltMagic && u32(m[4:]) == boltVersion && u64(m[56:]) == sum.Sum64()
}

// page reads a page with its overflow and marks it as reached: one reached twice is damage, and could be a loop.
func (c *checker) page(id uint64) []byte {
	require(id >= 2 && id < c.end, "page %d is out of range", id)
	head := c.read(id*c.pageSize, headerSize)
	overflow := uint64(u32(head[12:]))
	require(u64(head) == id && overflow < c.end-id, "page %d has a wrong header", id)
	for i := id; i <= id+overflow; i++ {
		require(!c.seen[i], "page %d is reached twice", i)
		c.seen[i] = true
	}
	return c.read(id*c.pageSize, (overflow+1)*c.pageSize)
}

func (c *checker) tree(id uint64, depth int) { c.elements(c.page(id), depth) }

// elements checks a branch or leaf page, which may be one that lies inside a leaf (an inline bucket).
func (c *checker) elements(b []byte, depth int) {
	require(depth <= maxDepth, "the tree is too deep")
	flags, count := u16(b[8:]), int(u16(b[10:]))
	require(flags == branchPage || flags == leafPage, "kind %#x in a tree", flags)
	var last []byte
	for i := range count {
		e := b[headerSize+i*elementSize:] // positions count from here
		var key []byte
		if flags == branchPage {
			key = slice(e, u32(e), u32(e[4:]))
			c.tree(u64(e[8:]), depth+1)
		} else {
			key = slice(e, u32(e[4:]), u32(e[8:]))
			require(len(key) > 0, "an empty key")
			c.value(slice(e, u32(e[4:])+u32(e[8:]), u32(e[12:])), u32(e), depth+bucketDepth)
		}
		require(i == 0 || bytes.Compare(last, key) < 0, "keys out of order")
		last = key
	}
}

func (c *checker) value(value []byte, flags uint32, depth int) {
	if flags&bucketElement == 0 {
		return
	}
	if root := u64(value); root != 0 {
		c.tree(root, depth)
		return
	}
	c.elements(value[bucketSize:], depth)
}

// freelist checks that no page that is in use is for the taking.
func (c *checker) freelist(id uint64) {
	b := c.page(id)
	count, ids := uint64(u16(b[10:])), b[headerSize:]
	if count == manyFree {
		count, ids = u64(ids), ids[8:]
	}
	require(u16(b[8:]) == freelistPage, "the list of free pages is damaged")
	for i := range count {
		free := u64(ids[i*8:])
		require(free < c.end && !c.seen[free], "page %d cannot be free", free)
		c.seen[free] = true
	}
}

func slice(b []byte, pos, size uint32) []byte {
	end := uint64(pos) + uint64(size)
	return b[pos:end:end]
}

// bbolt writes numbers as the machine has them.
func u16(b []byte) uint16 { return binary.NativeEndian.Uint16(b) }
func u32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
func u64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }
