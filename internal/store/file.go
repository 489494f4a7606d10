package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/lease"
	"docusign-auth-proxy/internal/shown"
)

// Schema is the version of the file's layout that this program writes.
const Schema = 1

const (
	bucketMeta = "meta"
	keyProgram = "program"
	keySchema  = "schema"
	program    = "docusign-auth-proxy"
)

// checkTimeout is how long Check waits for a lock; bbolt tries once in it.
const checkTimeout = 50 * time.Millisecond

// file is the backend of a store with one: bbolt, with a checksum over every record because bbolt has none over its
// pages.
type file struct {
	lease.Local
	path string
	db   *bbolt.DB
}

func openFile(path string, timeout time.Duration) (_ *file, err error) {
	made, err := private(path)
	if err != nil {
		return nil, err
	}
	defer wrap(&err, "open store "+path)
	f := &file{path: path}
	if err := f.open(timeout, false); err != nil {
		return nil, err
	}
	if err := f.prepare(made); err != nil {
		return nil, errors.Join(err, f.db.Close()) // a note that is there is another's
	}
	return f, nil
}

// Check tells why Open would refuse the file at path. It makes and changes nothing, and holds a running proxy up no
// longer than it reads. A store that another process has is no fault: it is in use.
func Check(path string) (err error) {
	if path == "" {
		return nil
	}
	missing, err := private(path)
	if err != nil {
		return err
	}
	defer wrap(&err, "open store "+path)
	if err := files.Writable(filepath.Dir(path)); err != nil {
		return fmt.Errorf("its directory cannot be written to: %w", err)
	}
	if info, err := os.Stat(path); missing || err == nil && info.Size() == 0 {
		return nil
	}
	f := &file{path: path}
	if err := f.open(checkTimeout, true); errors.Is(err, ErrLocked) {
		return nil
	} else if err != nil {
		return err
	}
	fresh, err := f.recognise()
	if err == nil && !fresh {
		err = newStore(Options{}.withDefaults(), f, &keyring{}).load()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return files.Writable(path)
}

// private refuses a file that everybody on the machine may touch, and reports whether there is none yet.
// The group is let be: orchestrators give it to the files of a shared volume by themselves.
func private(path string) (missing bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("open store: %w", err)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("open store %s: not a regular file", path)
	case openToAll(info):
		return false, fmt.Errorf("open store %s: mode %04o lets every user of the machine in; run: chmod 600 %s",
			path, info.Mode().Perm(), path)
	}
	return false, nil
}

// openToAll does not know on Windows, where the configuration warns of it.
func openToAll(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0
}

// open maps the file and reads all of it once, so that damage shows at the start and not at the first write.
// bbolt panics, or faults, on damaged pages; here that is an error.
func (f *file) open(timeout time.Duration, readOnly bool) (err error) {
	var handle *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = f.damaged(fmt.Errorf("%v", p))
			if handle != nil {
				err = errors.Join(err, unlock(handle), handle.Close())
			}
		}
	}()
	f.db, err = bbolt.Open(f.path, 0o600, &bbolt.Options{
		Timeout:  timeout,
		ReadOnly: readOnly,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			h, err := files.Open(name, flag, mode)
			if err != nil {
				return nil, err
			}
			if damage := checkLength(h); damage != nil {
				return nil, errors.Join(f.damaged(damage), h.Close())
			}
			handle = h
			return h, nil
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return f.locked()
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum),
		errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrInvalidMapping):
		return f.damaged(err)
	case err != nil:
		return err
	}
	info, err := handle.Stat()
	if err == nil {
		if damage := checkPages(handle, info.Size(), f.db.Info().PageSize); damage != nil {
			err = f.damaged(damage)
		}
	}
	if err != nil {
		return errors.Join(err, f.db.Close())
	}
	return nil
}

func (f *file) damaged(cause error) error {
	return fmt.Errorf("%w (%v): nothing was changed in it; put a copy from a backup in its place, or move it away to "+
		"start empty (issued tokens and the ledger are then lost)", ErrCorrupt, cause)
}

// prepare tells an own file from a foreign or newer one before anything is written.
func (f *file) prepare(made bool) error {
	fresh, err := f.recognise()
	if err != nil {
		return err
	}
	if fresh {
		err = f.db.Update(initialise)
	} else {
		err = f.complete()
	}
	if err == nil && made {
		err = syncDir(filepath.Dir(f.path))
	}
	if err != nil {
		return err
	}
	return files.Write(f.ownerFile(), []byte(owner()), 0o600)
}

func (f *file) recognise() (fresh bool, err error) {
	err = f.db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bucketMeta))
		if meta == nil {
			first, _ := tx.Cursor().First()
			fresh = first == nil
		}
		if fresh {
			return nil
		}
		if meta == nil || string(meta.Get([]byte(keyProgram))) != program {
			return fmt.Errorf("%w: give another path", ErrForeign)
		}
		n, err := strconv.Atoi(string(meta.Get([]byte(keySchema))))
		if err != nil || n < 1 {
			return f.damaged(errors.New("no schema version"))
		}
		if n > Schema {
			return fmt.Errorf("%w: it has schema %d, this program knows %d; start the newer program again, "+
				"or give another path", ErrNewer, n, Schema)
		}
		return nil
	})
	return fresh, err
}

func initialise(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	meta, err := tx.CreateBucket([]byte(bucketMeta))
	if err != nil {
		return err
	}
	return errors.Join(meta.Put([]byte(keyProgram), []byte(program)),
		meta.Put([]byte(keySchema), strconv.AppendInt(nil, Schema, 10)))
}

// complete makes the buckets that an earlier version did not know. That version reads the file as before. A file that
// has them is not written to.
func (f *file) complete() error {
	var missing []string
	err := f.db.View(func(tx *bbolt.Tx) error {
		missing = slices.DeleteFunc(added(), func(name string) bool { return tx.Bucket([]byte(name)) != nil })
		return nil
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range missing {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *file) Commit(_ context.Context, changes []Change) (Mark, error) {
	err := f.db.Update(func(tx *bbolt.Tx) error {
		for _, c := range changes {
			if err := apply(tx.Bucket([]byte(c.Bucket)), c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Mark{}, fmt.Errorf("write store %s: %w", f.path, err)
	}
	return Mark{}, nil
}

func apply(b *bbolt.Bucket, c Change) error {
	var old []byte
	if kept := b.Get([]byte(c.Key)); len(kept) >= sealSize {
		old = kept[sealSize:]
	}
	switch {
	case !c.holds(old):
		return ErrConflict
	case c.skips(old):
		return nil
	}
	if c.Value == nil {
		return b.Delete([]byte(c.Key))
	}
	sealed := binary.BigEndian.AppendUint32(nil, checksum(c.Bucket, []byte(c.Key), c.Value))
	return b.Put([]byte(c.Key), append(sealed, c.Value...))
}

func (f *file) Load(_ context.Context, bucket string, add func(string, []byte) error) error {
	return f.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil && slices.Contains(added(), bucket) {
			return nil
		}
		if b == nil {
			return f.damaged(fmt.Errorf("no bucket %s", bucket))
		}
		return b.ForEach(func(k, sealed []byte) error {
			if len(sealed) < sealSize || binary.BigEndian.Uint32(sealed) != checksum(bucket, k, sealed[sealSize:]) {
				return f.damaged(fmt.Errorf("%s: a record's checksum is wrong", bucket))
			}
			return add(string(k), bytes.Clone(sealed[sealSize:])) // bbolt's memory ends with the transaction
		})
	})
}

const sealSize = 4

func checksum(bucket string, key, value []byte) uint32 {
	return crc32.Checksum(slices.Concat([]byte(bucket), key, value), crc32.MakeTable(crc32.Castagnoli))
}

func (f *file) Close() error {
	if f.db.IsReadOnly() { // it left no note
		return f.db.Close()
	}
	// While the lock is still held, so that never the next owner's note is removed.
	err := os.Remove(f.ownerFile())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.db.Close())
}

func (f *file) ownerFile() string { return f.path + ".owner" }

// owner is the note that lets a second process say who holds the lock, in another container too.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("process %d on %s, since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
}

func (f *file) locked() error {
	holder := "a process that left no note"
	if note, err := os.ReadFile(f.ownerFile()); err == nil && len(note) > 0 {
		holder = strings.TrimSpace(shown.Printable(string(note[:min(len(note), 300)])))
	}
	return fmt.Errorf("%w: held by %s; stop that process, or give this one a file of its own", ErrLocked, holder)
}

// syncDir makes a new directory entry durable; Windows has no such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
