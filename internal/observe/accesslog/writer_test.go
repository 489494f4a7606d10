package accesslog_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/accesslog"
)

// unread is a log that nobody reads until somebody does.
type unread struct {
	lockedBuffer
	read chan struct{} // closed when it is read
}

func (u *unread) Write(p []byte) (int, error) {
	<-u.read
	return u.lockedBuffer.Write(p)
}

func noteOf(dropped uint64) []byte { return fmt.Appendf(nil, "%d dropped\n", dropped) }

func TestALogThatNobodyReadsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &unread{read: make(chan struct{})}
		w := accesslog.NewWriter(out)
		w.Note = noteOf
		log := jsonLog(t, w)
		const calls = 20_000
		for i := range calls {
			log.Record(&call.Event{Time: noon, Status: 401, Outcome: call.OutcomeRefused, Path: fmt.Sprint("/", i),
				Detail: strings.Repeat("x", 200)})
			if i == 0 {
				synctest.Wait() // until the write of the first line has begun, so that one note tells of all that is dropped
			}
		}
		if w.Trouble() != nil {
			t.Error("a log counts as stuck at once")
		}
		time.Sleep(5 * time.Second)
		if err := w.Trouble(); err == nil || !strings.Contains(err.Error(), "nobody has read the log for 5s") {
			t.Errorf("a stuck log: %v", err)
		}
		began := time.Now()
		if err := w.Flush(); err == nil || time.Since(began) > time.Second {
			t.Errorf("Flush took %v and says %v", time.Since(began), err)
		}
		dropped := w.Dropped()
		if dropped == 0 || dropped >= calls {
			t.Fatalf("%d dropped", dropped)
		}
		close(out.read)
		synctest.Wait()
		checkWholeLines(t, out.String(), calls-int(dropped), fmt.Sprint(dropped, " dropped"))
		log.Record(&call.Event{Time: noon, Status: 401, Outcome: call.OutcomeRefused})
		synctest.Wait()
		if got := out.String(); strings.Count(got, "dropped") != 1 || w.Trouble() != nil || w.Dropped() != dropped {
			t.Errorf("told again, or still in trouble: %v, %d dropped", w.Trouble(), w.Dropped())
		}
	})
}

// checkWholeLines looks for the calls' lines and for the note after them.
func checkWholeLines(t *testing.T, text string, calls int, note string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if n := len(lines); n != calls+1 || lines[n-1] != note {
		t.Fatalf("%d lines of calls, want %d; the last line is %q", n-1, calls, lines[n-1])
	}
	for i, line := range lines[:calls] {
		if !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "}") ||
			!strings.Contains(line, fmt.Sprintf(`"path":"/%d"`, i)) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

// disk fails while it is full; then it takes a part of what is written.
type disk struct {
	mu       sync.Mutex
	full     bool
	part     int
	attempts int
	buf      bytes.Buffer
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts++
	if d.full {
		n, _ := d.buf.Write(p[:min(d.part, len(p))])
		d.part = 0
		return n, syscall.ENOSPC
	}
	return d.buf.Write(p)
}

func TestALogThatCannotBeWrittenIsTriedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{full: true, part: 3}
		w := accesslog.NewWriter(d)
		w.Note = noteOf
		for range 40 {
			fmt.Fprintln(w, "abcdef")
			time.Sleep(100 * time.Millisecond)
		}
		if err := w.Trouble(); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("the log's trouble: %v", err)
		}
		if d.attempts > 5 {
			t.Errorf("%d attempts in 4 seconds", d.attempts)
		}
		dropped := w.Dropped()
		d.mu.Lock()
		d.full = false
		d.mu.Unlock()
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		got := d.buf.String()
		if want := fmt.Sprint(dropped, " dropped\n"); !strings.HasPrefix(got, "abc\n") || !strings.HasSuffix(got, want) {
			t.Errorf("got %q, which should begin with the cut line and end with %q", got, want)
		}
		if kept := strings.Count(got, "abcdef\n"); uint64(kept)+dropped != 40 || w.Trouble() != nil {
			t.Errorf("%d lines are there, %d counted as dropped, trouble %v", kept, dropped, w.Trouble())
		}
	})
}

func TestFlushWritesInOrder(t *testing.T) {
	var out bytes.Buffer
	w := accesslog.NewWriter(&out)
	log := jsonLog(t, w)
	log.Record(&call.Event{Time: noon, Status: 200, Outcome: call.OutcomeOK})
	fmt.Fprintln(w, "the last line")
	if err := w.Flush(); err != nil || strings.Count(out.String(), "\n") != 2 ||
		!strings.HasSuffix(out.String(), "the last line\n") {
		t.Errorf("%v, %q", err, out.String())
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
}

// lockedBuffer is written to by the timer as well.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestGatheredLinesGoOutInTimeAndTroubleAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &lockedBuffer{}
		w := accesslog.NewWriter(out)
		log := jsonLog(t, w)
		log.Record(&call.Event{Time: noon, Status: 200, Outcome: call.OutcomeOK})
		if out.String() != "" {
			t.Error("a line about a good call was written by itself")
		}
		time.Sleep(150 * time.Millisecond)
		synctest.Wait()
		if strings.Count(out.String(), "\n") != 1 {
			t.Errorf("after a tenth of a second: %q", out.String())
		}
		log.Record(&call.Event{Time: noon, Status: 200, Outcome: call.OutcomeOK})
		log.Record(&call.Event{Time: noon, Status: 401, Outcome: call.OutcomeRefused})
		synctest.Wait()
		if strings.Count(out.String(), "\n") != 3 {
			t.Errorf("trouble does not go out at once, after what came before it: %q", out.String())
		}
		for range 1000 {
			log.Record(&call.Event{Time: noon, Status: 200, Outcome: call.OutcomeOK})
		}
		synctest.Wait()
		if n := strings.Count(out.String(), "\n"); n < 500 {
			t.Errorf("only %d lines are out although the buffer is full", n)
		}
		if err := w.Flush(); err != nil || strings.Count(out.String(), "\n") != 1003 {
			t.Errorf("%d lines after Flush, %v", strings.Count(out.String(), "\n"), err)
		}
	})
}

// jsonLog writes lines through w, those of good calls gathered.
func jsonLog(t *testing.T, w *accesslog.Writer) *accesslog.Log {
	t.Helper()
	log, err := accesslog.NewGathering(w, "json", "debug")
	if err != nil {
		t.Fatal(err)
	}
	return log
}
