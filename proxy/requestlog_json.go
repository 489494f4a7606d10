package proxy

import (
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	logDelay  = 100 * time.Millisecond
	logBuffer = 64 << 10
)

// LogWriter gathers the lines of calls that went well and writes them together, since one system call per line costs more than the
// line itself. Everything written through Write, and every line about trouble, goes out at once, after what was gathered before it.
// A process that is killed loses at most a tenth of a second of lines about calls that went well.
type LogWriter struct {
	mu    sync.Mutex
	out   io.Writer
	buf   []byte
	json  jsonLine    // kept here so that a line costs no allocation
	timer *time.Timer // runs while something is gathered
}

// NewLogWriter makes a LogWriter. Flush it before the process ends.
func NewLogWriter(out io.Writer) *LogWriter { return &LogWriter{out: out} }

// Write writes p at once.
func (w *LogWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, p...)
	return len(p), w.flush()
}

// Flush writes what is gathered.
func (w *LogWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}

func (w *LogWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// line gathers one line.
func (w *LogWriter) line(e *Event, level slog.Level) {
	w.mu.Lock()
	defer w.mu.Unlock()
	empty := len(w.buf) == 0
	w.json.b = w.buf
	w.json.begin(e, level)
	describeLine(&w.json, e)
	w.buf = append(w.json.b, '}', '\n')
	switch {
	case level > slog.LevelInfo || len(w.buf) >= logBuffer:
		_ = w.flush() // like slog: a log that cannot be written must not fail the call
	case !empty:
	case w.timer == nil:
		w.timer = time.AfterFunc(logDelay, func() { _ = w.Flush() })
	default:
		w.timer.Reset(logDelay)
	}
}

// JSONRequestLog is RequestLog for a log in JSON: the same fields, written without a slog.Record.
type JSONRequestLog struct {
	out   *LogWriter
	level slog.Level
}

// NewJSONRequestLog makes a JSONRequestLog for lines from level upwards.
func NewJSONRequestLog(out *LogWriter, level slog.Level) *JSONRequestLog {
	return &JSONRequestLog{out: out, level: level}
}

// Record writes the line.
func (l *JSONRequestLog) Record(e *Event) {
	if level := levelOf(e); level >= l.level {
		l.out.line(e, level)
	}
}

// jsonLine appends the fields of a line to a buffer.
type jsonLine struct{ b []byte }

func (l *jsonLine) begin(e *Event, level slog.Level) {
	at := e.Time
	if !at.IsZero() {
		at = at.Add(e.Total)
	}
	l.b = append(l.b, `{"time":"`...)
	l.b = at.AppendFormat(l.b, time.RFC3339Nano)
	l.b = append(l.b, `","level":"`...)
	l.b = append(l.b, level.String()...)
	l.b = append(l.b, `","msg":"request"`...)
}

func (l *jsonLine) key(key string) {
	l.b = append(l.b, ',', '"')
	l.b = append(l.b, key...)
	l.b = append(l.b, '"', ':')
}

func (l *jsonLine) text(key, value string, limit int) {
	if value == "" {
		return
	}
	l.key(key)
	l.b = appendJSONText(l.b, shown(value, limit))
}

// appendJSONText appends a printable text as a JSON string. It escapes what JSON must and leaves the rest as UTF-8.
func appendJSONText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < ' ' || c == 0x7f:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r) // a byte that is not UTF-8 becomes U+FFFD
			i += size
		}
	}
	return append(b, '"')
}

func (l *jsonLine) number(key string, n int64) {
	if n == 0 {
		return
	}
	l.key(key)
	l.b = strconv.AppendInt(l.b, n, 10)
}

func (l *jsonLine) flag(key string) {
	l.key(key)
	l.b = append(l.b, "true"...)
}

func (l *jsonLine) address(key string, a netip.Addr) {
	if !a.IsValid() {
		return
	}
	l.key(key)
	l.b = append(l.b, '"')
	l.b = a.AppendTo(l.b)
	l.b = append(l.b, '"')
}

// duration writes milliseconds, to the microsecond below 100 ms.
func (l *jsonLine) duration(key string, d time.Duration) {
	l.key(key)
	if d >= 100*time.Millisecond {
		l.b = strconv.AppendInt(l.b, d.Round(time.Millisecond).Milliseconds(), 10)
		return
	}
	us := d.Round(time.Microsecond).Microseconds()
	l.b = strconv.AppendInt(l.b, us/1000, 10)
	if us %= 1000; us != 0 {
		l.b = append(l.b, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
		for l.b[len(l.b)-1] == '0' {
			l.b = l.b[:len(l.b)-1]
		}
	}
}
