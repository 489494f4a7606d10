package accesslog

import (
	"log/slog"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"docusign-auth-proxy/internal/call"
)

// JSONLog is RequestLog for a log in JSON: the same fields, written without a slog.Record.
type JSONLog struct {
	out   *Writer
	level slog.Level
}

// NewJSON makes a JSONLog for lines from level upwards.
func NewJSON(out *Writer, level slog.Level) *JSONLog {
	return &JSONLog{out: out, level: level}
}

// Record writes the line.
func (l *JSONLog) Record(e *call.Event) {
	if level := levelOf(e); level >= l.level {
		l.out.line(e, level)
	}
}

// jsonLine appends the fields of a line to a buffer.
type jsonLine struct{ b []byte }

func (l *jsonLine) begin(e *call.Event, level slog.Level) {
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
	l.b = appendJSONText(l.b, fitted(value, limit))
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
