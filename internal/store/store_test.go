package store_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
)

// clock is a time that moves a second at each look, so that no two uses are simultaneous.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Second)
	return c.t
}

func open(t *testing.T, path string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// each runs a test on a file and in memory: both have to behave alike.
func each(t *testing.T, o store.Options, f func(*testing.T, *store.Store)) {
	t.Run("file", func(t *testing.T) { f(t, open(t, filepath.Join(filestest.TempDir(t), "state.db"), o)) })
	t.Run("memory", func(t *testing.T) { f(t, open(t, "", o)) })
}

func anna() store.TokenOwner {
	return store.TokenOwner{Integration: "billing", Authenticator: "svc@example.com", Principal: "anna@example.com"}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func fileBytes(t *testing.T, path string) []byte {
	t.Helper()
	return must[[]byte](t)(os.ReadFile(path))
}

func TestMemoryNeedsNothing(t *testing.T) {
	s := store.Memory()
	token := must[secret.Text](t)(s.Issue(anna()))
	if o, ok := found(s.Lookup(t.Context(), token)); !ok || o != anna() {
		t.Errorf("the owner is %v, %v", o, ok)
	}
	closeStore(t, s)
}

func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("modes mean nothing on Windows")
		return
	}
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{})
	must[secret.Text](t)(s.IssuePassword(anna()))
	for _, name := range []string{path, path + ".key", path + ".owner"} {
		info := must[os.FileInfo](t)(os.Stat(name))
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	closeStore(t, s)
	for _, name := range []string{path, path + ".key"} {
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Open(path, store.Options{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a store that everybody can read opens: %v", err)
	}
	if err := os.Chmod(path, 0o660); err != nil { // what an orchestrator makes of a shared volume
		t.Fatal(err)
	}
	s = open(t, path, store.Options{})
	if _, err := s.IssuePassword(anna()); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that everybody can read is used: %v", err)
	}
}

func TestTheLockNamesItsHolder(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{})
	_, err := store.Open(path, store.Options{Timeout: time.Millisecond})
	if !errors.Is(err, store.ErrLocked) {
		t.Fatalf("a second open gives %v", err)
	}
	for _, part := range []string{path, "process " + strconv.Itoa(os.Getpid()), "stop that process"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if err := os.WriteFile(path+".owner", []byte("evil\x1b[2J\nline"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(path, store.Options{Timeout: time.Millisecond}); strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("control characters of the note reach the error: %q", err)
	}
	closeStore(t, s)
	open(t, path, store.Options{})
}

func boltFile(t *testing.T, path string, fill func(*bbolt.Tx) error) {
	t.Helper()
	db := must[*bbolt.DB](t)(bbolt.Open(path, 0o600, nil))
	if err := errors.Join(db.Update(fill), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	valid := func(t *testing.T, path string) {
		s := open(t, path, store.Options{})
		must[secret.Text](t)(s.Issue(anna()))
		closeStore(t, s)
	}
	meta := func(key, value string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			valid(t, path)
			boltFile(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte(key), []byte(value)) })
		}
	}
	cut := func(left func(size int64) int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			valid(t, path)
			if err := os.Truncate(path, left(must[os.FileInfo](t)(os.Stat(path)).Size())); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name string
		make func(*testing.T, string)
		want error
	}{
		{"a file of a newer schema", meta("schema", "2"), store.ErrNewer},
		{"a file without a schema version", meta("schema", "x"), store.ErrCorrupt},
		{"a bbolt file of another program that has a meta bucket", meta("program", "other"), store.ErrForeign},
		{"a bbolt file of another program", func(t *testing.T, path string) {
			boltFile(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		}, store.ErrForeign},
		{"a store without one of its buckets", func(t *testing.T, path string) {
			valid(t, path)
			boltFile(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("pins")) })
		}, store.ErrCorrupt},
		{"a file that is no bbolt file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("text "), 9000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, store.ErrCorrupt},
		{"meta pages that are sound and say that a page has no size", func(t *testing.T, path string) {
			valid(t, path)
			b := fileBytes(t, path)
			for _, at := range []int{16, os.Getpagesize() + 16} {
				meta := b[at : at+64]
				binary.NativeEndian.PutUint32(meta[8:], 0)
				sum := fnv.New64a()
				sum.Write(meta[:56])
				binary.NativeEndian.PutUint64(meta[56:], sum.Sum64())
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}, store.ErrCorrupt},
		{"a file cut to a few bytes", cut(func(int64) int64 { return 100 }), store.ErrCorrupt},
		{"a file cut in the middle", cut(func(int64) int64 { return 5 * 4096 }), store.ErrCorrupt},
		{"a record that is sound and makes no sense", func(t *testing.T, path string) {
			valid(t, path)
			boltFile(t, path, func(tx *bbolt.Tx) error {
				sum := crc32.Checksum([]byte("pinspinno JSON"), crc32.MakeTable(crc32.Castagnoli))
				return tx.Bucket([]byte("pins")).Put([]byte("pin"), append(binary.BigEndian.AppendUint32(nil, sum), "no JSON"...))
			})
		}, store.ErrCorrupt},
		{"a record with a flipped bit", func(t *testing.T, path string) {
			valid(t, path)
			b := fileBytes(t, path)
			at := bytes.LastIndex(b, []byte("anna@example.com"))
			b[at] ^= 1
			if at = bytes.Index(b, []byte("anna@example.com")); at >= 0 {
				b[at] ^= 1
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}, store.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(filestest.TempDir(t), "state.db")
			test.make(t, path)
			before, note := fileBytes(t, path), path+".owner"
			if err := os.WriteFile(note, []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second shows that the first let the lock go
				_, err := store.Open(path, store.Options{Timeout: time.Millisecond})
				if !errors.Is(err, test.want) {
					t.Fatalf("the error is %v", err)
				}
				if !strings.Contains(err.Error(), path) {
					t.Errorf("%q does not name the file", err)
				}
				if checked := store.Check(path); checked == nil || checked.Error() != err.Error() {
					t.Errorf("Check says %v, Open %v", checked, err)
				}
			}
			if !bytes.Equal(before, fileBytes(t, path)) {
				t.Error("the file was changed")
			}
			if _, err := os.Stat(note); err != nil && test.want != store.ErrCorrupt {
				t.Errorf("the note of another program: %v", err)
			}
		})
	}
}

// A file is told to be damaged each time it is opened: the lock of a failed opening does not outlive it.
func TestAFileThatCannotBeOpenedIsNotLeftLocked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a panic of bbolt leaves its mapping until the process ends, and Windows deletes no file that is mapped")
	}
	path := filepath.Join(filestest.TempDir(t), "state.db")
	closeStore(t, open(t, path, store.Options{}))
	const freelist = 0x10 // flags of a page, at byte 8 of it
	b, size, found := fileBytes(t, path), os.Getpagesize(), false
	for at := 2 * size; at < len(b); at += size {
		if binary.NativeEndian.Uint16(b[at+8:]) == freelist {
			b[at+8], found = 0x01, true
		}
	}
	if !found {
		t.Fatal("no list of free pages")
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := store.Open(path, store.Options{Timeout: time.Second}); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestDamageAnywhereIsAnErrorOrHarmless(t *testing.T) {
	dir := filestest.TempDir(t)
	path := filepath.Join(dir, "state.db")
	s := open(t, path, store.Options{})
	for i := range 40 {
		o := anna()
		o.Principal = strings.Repeat("x", 300) + strconv.Itoa(i)
		must[secret.Text](t)(s.Issue(o))
	}
	closeStore(t, s)
	whole := fileBytes(t, path)
	random := rand.New(rand.NewPCG(1, 2))
	hurt := filepath.Join(dir, "hurt.db")
	refused := 0
	for range 150 {
		b := bytes.Clone(whole)
		at := random.IntN(len(b))
		for i := at; i < min(len(b), at+1+random.IntN(4096)); i++ {
			b[i] = byte(random.Uint32())
		}
		if err := os.WriteFile(hurt, b, 0o600); err != nil {
			t.Fatal(err)
		}
		checked := store.Check(hurt)
		s, err := store.Open(hurt, store.Options{Timeout: 10 * time.Second})
		if (checked == nil) != (err == nil) {
			t.Errorf("damage at %d: Check says %v, Open %v", at, checked, err)
		}
		if err == nil {
			closeStore(t, s)
			continue
		}
		if refused++; !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrForeign) {
			t.Errorf("damage at %d gives %v", at, err)
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}

func TestCheckMakesAndChangesNothing(t *testing.T) {
	dir := filestest.TempDir(t)
	path := filepath.Join(dir, "state.db")
	names := func() string {
		var names []string
		for _, e := range must[[]os.DirEntry](t)(os.ReadDir(dir)) {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	check := func(name, left string) {
		t.Helper()
		if err := store.Check(path); err != nil || names() != left {
			t.Errorf("%s: %v, files %q, want %q", name, err, names(), left)
		}
	}
	check("no file yet", "")
	s := open(t, path, store.Options{})
	check("a store that a process has", "state.db state.db.owner")
	if _, err := s.Issue(anna()); err != nil {
		t.Errorf("the store after it was checked: %v", err)
	}
	closeStore(t, s)
	before := fileBytes(t, path)
	check("a store that nobody has", "state.db")
	if !bytes.Equal(before, fileBytes(t, path)) {
		t.Error("the file was changed")
	}
	if err := store.Check(""); err != nil {
		t.Error(err)
	}
	for name, at := range map[string]string{
		"a directory": dir, "a missing directory": filepath.Join(dir, "no", "state.db"),
	} {
		if err := store.Check(at); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestAnEmptyFileIsANewStore(t *testing.T) {
	for name, fill := range map[string]func(string) error{
		"nothing in it": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"what bbolt writes before the first bucket": func(path string) error {
			boltFile(t, path, func(*bbolt.Tx) error { return nil })
			return nil
		},
	} {
		path := filepath.Join(filestest.TempDir(t), "state.db")
		if err := errors.Join(fill(path), store.Check(path)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		open(t, path, store.Options{})
	}
}

func TestAClosedStoreStillLooksUpAndWritesNoMore(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, s *store.Store) {
		token := must[secret.Text](t)(s.Issue(anna()))
		closeStore(t, s)
		closeStore(t, s)
		if _, ok := found(s.Lookup(t.Context(), token)); !ok {
			t.Error("the token is gone")
		}
		_, issue := s.Issue(anna())
		_, revoke := s.Revoke(t.Context(), token)
		_, pin := s.Pin("billing", "anna@example.com", "$hash")
		for _, err := range []error{issue, revoke, pin, s.PutRefresh("a", secret.New("r")), s.Flush(),
			s.WriteLedger(map[string][]byte{"a": nil}, nil), s.LedgerRows(func(string, []byte) error { return nil })} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("the error is %v", err)
			}
		}
	})
}

func TestRunFlushesNowAndThenAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := must[*store.Store](t)(store.Open("", store.Options{OnError: func(err error) { t.Error(err) }}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(3 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		closeStore(t, s)
	})
}

func TestRunTellsOfAFlushThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 10)
		s := must[*store.Store](t)(store.Open("", store.Options{OnError: func(err error) { failed <- err }}))
		closeStore(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		if err := <-failed; !errors.Is(err, store.ErrClosed) {
			t.Errorf("OnError is told %v", err)
		}
		cancel()
		if err := <-done; !errors.Is(err, store.ErrClosed) {
			t.Errorf("Run returns %v", err)
		}
	})
}

func TestLedgerRowsSurvive(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s := open(t, path, store.Options{})
	for _, err := range []error{
		s.WriteLedger(map[string][]byte{"a": []byte("1"), "b": []byte("2"), "c": {}}, nil),
		s.WriteLedger(map[string][]byte{"a": []byte("3")}, []string{"a", "b"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []map[string][]byte{{"": nil}, {strings.Repeat("k", 600): nil}, {"big": make([]byte, 1<<20)}} {
		if err := s.WriteLedger(bad, nil); !errors.Is(err, store.ErrSize) {
			t.Errorf("the error is %v", err)
		}
	}
	closeStore(t, s)
	s = open(t, path, store.Options{})
	got := map[string]string{}
	if err := s.LedgerRows(func(k string, v []byte) error { got[k] = string(v); return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "map[a:3 c:]" {
		t.Errorf("the rows are %v", got)
	}
	stop := errors.New("stop")
	if err := s.LedgerRows(func(string, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error comes back as %v", err)
	}
}

const childVariable = "STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		child(path)
	}
	os.Exit(m.Run())
}

// child issues tokens until it is killed, and tells each one after it was issued.
func child(path string) {
	s, err := store.Open(path, store.Options{PerOwner: 1 << 20})
	for err == nil {
		var token secret.Text
		if token, err = s.Issue(anna()); err == nil {
			fmt.Println(token.Reveal())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestAnIssuedTokenSurvivesAKill(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	lines := bufio.NewScanner(out)
	for len(tokens) < 5 && lines.Scan() {
		tokens = append(tokens, lines.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it told before it died counts too
		tokens = append(tokens, lines.Text())
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	s := open(t, path, store.Options{})
	if len(tokens) < 5 {
		t.Fatalf("the child told %d tokens", len(tokens))
	}
	for _, token := range tokens {
		if o, ok := found(s.Lookup(t.Context(), secret.New(token))); len(token) == 28 && (!ok || o != anna()) {
			t.Errorf("a token is lost")
		}
	}
}

// found is a look-up that nothing was in the way of.
func found[V any](v V, ok bool, err error) (V, bool) {
	if err != nil {
		panic(err)
	}
	return v, ok
}
