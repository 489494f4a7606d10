package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The layout of a bbolt file, version 2. The library's own check trusts the lengths in the pages it checks: on a damaged
// one it leaves the mapping, in a goroutine of its own, and takes the process down. This one reads with bounds.
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

	maxNesting = 4 // buckets within buckets: this program makes one level
	maxDepth   = 64
)

// checker walks all pages that a bbolt file's newest valid meta page leads to.
type checker struct {
	r        io.ReaderAt
	pageSize uint64
	end      uint64 // the first page number that is not in use
	seen     map[uint64]bool
}

// checkPages reports the first damage in the structure of a bbolt file of size bytes.
func checkPages(r io.ReaderAt, size int64, pageSize int) error {
	c := &checker{r: r, pageSize: uint64(pageSize), seen: map[uint64]bool{0: true, 1: true}}
	root, freelist, err := c.meta()
	if err != nil {
		return err
	}
	if c.end > uint64(size)/c.pageSize {
		return fmt.Errorf("%d bytes are left of %d pages", size, c.end)
	}
	if err := c.tree(root, 0, 0); err != nil {
		return err
	}
	if freelist == noFreelist {
		return nil
	}
	return c.freelist(freelist)
}

// meta takes the newer of the two meta pages that have a right checksum, as bbolt does.
func (c *checker) meta() (root, freelist uint64, err error) {
	err = errors.New("no valid meta page")
	var newest uint64
	for id := range uint64(2) {
		b := make([]byte, headerSize+metaSize)
		if _, readErr := c.r.ReadAt(b, int64(id*c.pageSize)); readErr != nil {
			return 0, 0, readErr
		}
		m := b[headerSize:]
		sum := fnv.New64a()
		sum.Write(m[:metaSize-8])
		tx := u64(m[48:])
		if u32(m) != boltMagic || u32(m[4:]) != boltVersion || u64(m[56:]) != sum.Sum64() || (err == nil && tx < newest) {
			continue
		}
		root, freelist, c.end, newest, err = u64(m[16:]), u64(m[32:]), u64(m[40:]), tx, nil
	}
	return root, freelist, err
}

// page reads a page with its overflow and marks it as reached: one reached twice is damage, and could be a loop.
func (c *checker) page(id uint64) ([]byte, error) {
	if id < 2 || id >= c.end {
		return nil, fmt.Errorf("page %d is out of range", id)
	}
	head := make([]byte, headerSize)
	if _, err := c.r.ReadAt(head, int64(id*c.pageSize)); err != nil {
		return nil, err
	}
	overflow := uint64(u32(head[12:]))
	if u64(head) != id || overflow >= c.end-id {
		return nil, fmt.Errorf("page %d has a wrong header", id)
	}
	for i := id; i <= id+overflow; i++ {
		if c.seen[i] {
			return nil, fmt.Errorf("page %d is reached twice", i)
		}
		c.seen[i] = true
	}
	b := make([]byte, (overflow+1)*c.pageSize)
	_, err := c.r.ReadAt(b, int64(id*c.pageSize))
	return b, err
}

func (c *checker) tree(id uint64, depth, nesting int) error {
	b, err := c.page(id)
	if err != nil {
		return err
	}
	if depth > maxDepth || nesting > maxNesting {
		return fmt.Errorf("page %d lies too deep", id)
	}
	if err := c.elements(b, depth, nesting); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// elements checks a branch or leaf page, which may be one that lies inside a leaf (an inline bucket).
func (c *checker) elements(b []byte, depth, nesting int) error {
	if len(b) < headerSize {
		return errors.New("no header")
	}
	flags, count := u16(b[8:]), int(u16(b[10:]))
	if headerSize+count*elementSize > len(b) {
		return errors.New("more elements than it can hold")
	}
	if flags != branchPage && flags != leafPage {
		return fmt.Errorf("kind %#x in a tree", flags)
	}
	var last []byte
	for i := range count {
		at := headerSize + i*elementSize
		key, err := c.element(b, at, flags == branchPage, depth, nesting)
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return errors.New("keys out of order")
		}
		last = key
	}
	return nil
}

func (c *checker) element(b []byte, at int, branch bool, depth, nesting int) (key []byte, err error) {
	e := b[at : at+elementSize]
	if branch {
		if key, err = slice(b, at, u32(e), u32(e[4:])); err != nil {
			return nil, err
		}
		return key, c.tree(u64(e[8:]), depth+1, nesting)
	}
	key, err = slice(b, at, u32(e[4:]), u32(e[8:]))
	if err != nil || len(key) == 0 {
		return nil, errors.New("a key lies outside")
	}
	value, err := slice(b, at, u32(e[4:])+u32(e[8:]), u32(e[12:]))
	if err != nil || u32(e)&bucketElement == 0 {
		return key, err
	}
	return key, c.bucket(value, nesting)
}

func (c *checker) bucket(value []byte, nesting int) error {
	if len(value) < bucketSize {
		return errors.New("half a bucket")
	}
	if root := u64(value); root != 0 {
		return c.tree(root, 0, nesting+1)
	}
	if nesting >= maxNesting {
		return errors.New("too many buckets within buckets")
	}
	return c.elements(value[bucketSize:], 0, nesting+1)
}

// freelist checks that no page that is in use is for the taking.
func (c *checker) freelist(id uint64) error {
	b, err := c.page(id)
	if err != nil {
		return err
	}
	count, ids := uint64(u16(b[10:])), b[headerSize:]
	if count == manyFree {
		count, ids = u64(ids), ids[8:]
	}
	if u16(b[8:]) != freelistPage || count > uint64(len(ids)/8) {
		return errors.New("the list of free pages is damaged")
	}
	for i := range count {
		free := u64(ids[i*8:])
		if free >= c.end || c.seen[free] {
			return fmt.Errorf("page %d cannot be free", free)
		}
		c.seen[free] = true
	}
	return nil
}

// slice returns size bytes at pos behind the element at at.
func slice(b []byte, at int, pos, size uint32) ([]byte, error) {
	from := uint64(at) + uint64(pos)
	to := from + uint64(size)
	if to > uint64(len(b)) {
		return nil, errors.New("data lies outside")
	}
	return b[from:to], nil
}

// bbolt writes numbers as the machine has them.
func u16(b []byte) uint16 { return binary.NativeEndian.Uint16(b) }
func u32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
func u64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }
