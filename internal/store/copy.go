package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// ErrOtherKey means that the two stores of a copy have different keys.
var ErrOtherKey = errors.New("the key of the other store is not this one's, and issued passwords and logins need it")

// copiedAtOnce bounds one commit of a copy.
const copiedAtOnce = 200

// Copied is what became of one kind of record.
type Copied struct {
	Kind  string `json:"kind"`
	Found int    `json:"found"`
	Added int    `json:"added"` // the rest was there already
}

// KindLedger is the kind of the ledger's rows.
const KindLedger = "record of callers"

// kinds are the buckets in the words of an operator.
func kinds() map[string]string {
	return map[string]string{
		bucketTokens: "issued tokens", bucketPasswords: "API passwords", bucketUsers: "learnt users",
		bucketAccounts: "learnt accounts", bucketPins: "pinned passwords", bucketRefresh: "logins",
		bucketLedger: KindLedger, bucketReturns: "return addresses", bucketCreations: "journal of creations",
	}
}

// Read opens the file at path to look at. Nothing is made or changed, and a proxy that has it open is ErrLocked.
func Read(path string) (_ *Store, err error) {
	missing, err := private(path)
	if missing {
		err = &fs.PathError{Op: "open store", Path: path, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	defer wrap(&err, "open store "+path)
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return nil, errors.Join(err, fmt.Errorf("%w: it is empty", ErrForeign))
	}
	f := &file{path: path}
	if err := f.open(checkTimeout, true); err != nil {
		return nil, err
	}
	fresh, err := f.recognise()
	if fresh {
		err = fmt.Errorf("%w: it is empty", ErrForeign)
	}
	s := newStore(Options{}.withDefaults(), f, &keyring{path: path + ".key"})
	if err == nil {
		err = s.load()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// Copy adds to a store what it lacks of another one's records, and looks whether it has them then. Nothing that is
// there gives way, so that a copy that was interrupted may be repeated. The tables of to do not follow: it is to be
// closed. ErrOtherKey: nothing was copied. Rows of the ledger are left out where replicas share one of the stores,
// since they fill them together: see package ledger.
func Copy(ctx context.Context, from, to *Store) (all []Copied, err error) {
	// First, since a server that is empty is made the store of the key that comes to it.
	if err := to.keys.takeFrom(from.keys); err != nil {
		return nil, err
	}
	for _, s := range []*Store{from, to} {
		if s.shared == nil {
			continue
		}
		if err := s.shared.Connect(ctx); err != nil {
			return nil, err
		}
	}
	for _, bucket := range buckets() {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		if bucket == bucketLedger && (from.shared != nil || to.shared != nil) {
			continue
		}
		records, err := from.copyOf(ctx, bucket)
		if err != nil {
			return all, err
		}
		added, err := to.add(ctx, bucket, records)
		if err != nil {
			return all, fmt.Errorf("copy %s: %w", bucket, err)
		}
		all = append(all, Copied{kinds()[bucket], len(records), added})
	}
	return all, nil
}

// copyOf are the records of a bucket, pins of earlier versions by the keys of today.
func (s *Store) copyOf(ctx context.Context, bucket string) (map[string][]byte, error) {
	records := map[string][]byte{}
	err := s.backend.Load(ctx, bucket, func(key string, value []byte) error {
		var p pin
		if bucket == bucketPins && json.Unmarshal(value, &p) == nil {
			key = pinKey(p.Integration, p.Username)
		}
		records[key] = value
		return nil
	})
	return records, err
}

// add puts the records that are not there, and counts them.
func (s *Store) add(ctx context.Context, bucket string, records map[string][]byte) (added int, err error) {
	there, err := s.copyOf(ctx, bucket)
	if err != nil {
		return 0, err
	}
	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if _, known := there[key]; !known {
			changes = append(changes, Change{Bucket: bucket, Key: key, Value: records[key], If: Absent})
		}
	}
	for some := range slices.Chunk(changes, copiedAtOnce) {
		n, err := s.addSome(ctx, some)
		added += n
		if err = errors.Join(err, ctx.Err()); err != nil {
			return added, err
		}
	}
	return added, s.has(ctx, bucket, records, changes)
}

// addSome goes one by one where a replica has made one of the records meanwhile.
func (s *Store) addSome(ctx context.Context, changes []Change) (added int, err error) {
	_, err = s.backend.Commit(ctx, changes)
	switch {
	case err == nil:
		return len(changes), nil
	case !errors.Is(err, ErrConflict):
		return 0, err
	case len(changes) == 1:
		return 0, nil
	}
	for i := range changes {
		n, err := s.addSome(ctx, changes[i:i+1])
		if added += n; err != nil {
			return added, err
		}
	}
	return added, nil
}

// has reads all again: every record has to be there, and those that were written have to be what was read.
func (s *Store) has(ctx context.Context, bucket string, records map[string][]byte, written []Change) error {
	there, err := s.copyOf(ctx, bucket)
	if err != nil {
		return err
	}
	for key := range records {
		if _, ok := there[key]; !ok {
			return errors.New("a record that was copied is not there; copy again")
		}
	}
	for _, c := range written {
		if !bytes.Equal(there[c.Key], c.Value) {
			return errors.New("a record that was copied has changed since; copy again")
		}
	}
	return nil
}

// Records are all that the tables have, and how many of each kind: what an empty server is filled with.
func (s *Store) Records() (all []Change, counts []Copied) {
	for _, bucket := range buckets() {
		t := s.tables[bucket]
		if t == nil {
			continue
		}
		records := t.dump()
		all = append(all, records...)
		counts = append(counts, Copied{kinds()[bucket], len(records), len(records)})
	}
	return all, counts
}
