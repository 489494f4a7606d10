package capture

import (
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"docusign-auth-proxy/internal/shown"
)

// writeZIP writes one text file for each exchange and an index.
func writeZIP(w io.Writer, info Info, exchanges []*exchange) (err error) {
	z := zip.NewWriter(w)
	put := func(name string, at time.Time, text []byte) {
		var f io.Writer
		if err == nil {
			f, err = z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at})
		}
		if err == nil {
			_, err = f.Write(text)
		}
	}
	put("index.txt", info.Started, indexOf(info, exchanges))
	for i, e := range exchanges {
		put(e.fileName(i+1), e.Event.Time, e.text(i+1))
	}
	return cmp.Or(err, z.Close())
}

func indexOf(info Info, exchanges []*exchange) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "capture %s of integration %s, started %s by %s, %d of %d exchanges\n",
		info.ID, info.Integration, stamp(info.Started), info.By, info.Captured, info.Requests)
	b.WriteString("Secrets were masked before anything was kept. What was sent and answered may hold personal data.\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "file\ttime\tintegration\tscheme\tstatus\toutcome\tcause\ttime taken\ttrace token")
	for i, e := range exchanges {
		v := &e.Event
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n",
			e.fileName(i+1), stamp(v.Time), v.Integration, v.Scheme, v.Status, v.Outcome,
			cmp.Or(v.Cause, "-"), milliseconds(v.Total), cmp.Or(name(v.TraceToken), "-"))
	}
	_ = w.Flush() // into memory
	return b.Bytes()
}

// name gives what somebody else chose as a short text for people.
func name(s string) string { return shown.Printable(shown.Cut(s, nameLimit)) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64) + " ms"
}

// text writes an exchange for people.
func (e *exchange) text(n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "exchange %d, %s\n\n", n, stamp(e.Event.Time))
	e.writeFacts(&b)
	b.WriteString("\n=== the program asked ===\n")
	e.Asked.write(&b)
	for i := range e.Attempts {
		a := &e.Attempts[i]
		fmt.Fprintf(&b, "\n=== the proxy sent to DocuSign (%d of %d, %s after the call began) ===\n",
			i+1, len(e.Attempts), milliseconds(a.Started.Sub(e.Event.Time)))
		a.Request.write(&b)
		if a.Answer.Status == 0 {
			fmt.Fprintf(&b, "\n=== no answer after %s: %s ===\n", milliseconds(a.Answered), cmp.Or(a.Error, "unknown"))
			continue
		}
		fmt.Fprintf(&b, "\n=== DocuSign answered after %s ===\n", milliseconds(a.Answered))
		a.Answer.write(&b)
	}
	switch {
	case e.Got.Status == 0:
		b.WriteString("\n=== the program got no answer ===\n")
	case !e.Edited:
		b.WriteString("\n=== the program got that answer as it was ===\n")
	default:
		b.WriteString("\n=== the program got ===\n")
		e.Got.write(&b)
	}
	return b.Bytes()
}

// facts are the fields of the log line, empty ones left out.
func (e *exchange) facts() []field {
	v := &e.Event
	client := ""
	if v.Client.IsValid() {
		client = v.Client.String()
	}
	var out []field
	for _, f := range [...]field{
		{"request id", v.RequestID}, {"integration", v.Integration}, {"scheme", v.Scheme}, {"mode", v.Mode},
		{"door", string(v.Door)}, {"api", string(v.API)}, {"operation", v.Operation}, {"outcome", string(v.Outcome)},
		{"cause", v.Cause}, {"detail", v.Detail}, {"next step", v.NextStep}, {"key", v.Key},
		{"authenticator", v.Authenticator}, {"principal", v.Principal}, {"account", v.Account}, {"site", v.Site},
		{"client", client}, {"replayed", v.Replayed}, {"rehearsal", v.Rehearsal}, {"trace token", v.TraceToken},
	} {
		if f.Value != "" {
			out = append(out, field{f.Name, shown.Printable(f.Value)})
		}
	}
	return out
}

func (e *exchange) writeFacts(b *bytes.Buffer) {
	v := &e.Event
	for _, f := range append(e.facts(),
		field{"time taken", fmt.Sprintf("%s (translate %s, upstream %s)",
			milliseconds(v.Total), milliseconds(v.Translate), milliseconds(v.Upstream))},
		field{"bytes", fmt.Sprintf("%d in, %d out", v.BytesIn, v.BytesOut)},
	) {
		fmt.Fprintf(b, "%-14s %s\n", f.Name, f.Value)
	}
}

func (m *message) write(b *bytes.Buffer) {
	if m.Status != 0 {
		fmt.Fprintf(b, "%s %d %s\n", m.Proto, m.Status, http.StatusText(m.Status))
	} else {
		fmt.Fprintf(b, "%s %s %s\n", m.Method, m.URL, m.Proto)
	}
	for _, f := range m.Header {
		fmt.Fprintf(b, "%s: %s\n", f.Name, f.Value)
	}
	b.WriteByte('\n')
	if m.Body.Text != "" {
		b.WriteString(m.Body.Text + "\n")
	}
	if note := m.Body.note(); note != "" {
		fmt.Fprintf(b, "[%s]\n", note)
	}
}

// note says what of the body is not there.
func (p *body) note() string {
	switch {
	case p.SHA256 != "":
		return fmt.Sprintf("%d bytes, SHA-256 %s", p.Size, p.SHA256)
	case p.Omitted != "":
		return fmt.Sprintf("%d bytes, not shown: %s", p.Size, p.Omitted)
	case p.Cut:
		return fmt.Sprintf("cut; the body has %d bytes", p.Size)
	}
	return ""
}
