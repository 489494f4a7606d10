package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"docusign-auth-proxy/internal/sandbox"
)

// sandboxLog prints a line for each request that reached the stand-in: time, verdict, status, what was asked, and why
// it was refused. It implements slog.Handler for sandbox.Options.Logger.
type sandboxLog struct {
	w io.Writer

	mu      sync.Mutex
	sandbox *sandbox.Sandbox
	before  sandbox.Counts
}

func (l *sandboxLog) watch(sb *sandbox.Sandbox) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sandbox, l.before = sb, sb.Counts()
}

func (l *sandboxLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *sandboxLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *sandboxLog) WithGroup(string) slog.Handler            { return l }

func (l *sandboxLog) Handle(_ context.Context, r slog.Record) error {
	at := map[string]slog.Value{}
	r.Attrs(func(a slog.Attr) bool { at[a.Key] = a.Value; return true })
	clock := r.Time.Format("15:04:05")
	l.mu.Lock()
	defer l.mu.Unlock()
	status, ok := at["status"]
	if !ok || l.sandbox == nil {
		_, err := fmt.Fprintf(l.w, "%s  %s %v\n", clock, r.Message, at)
		return err
	}
	// Counters are shared, so that of two requests at the same moment one may be shown with the reason of the other.
	now := l.sandbox.Counts()
	reasons := whyRefused(l.before, now)
	legacy := legacyText(l.before.Legacy, now.Legacy)
	l.before = now
	verdict := "accepted"
	if status.Int64() >= 400 || len(reasons) > 0 {
		verdict = "REFUSED "
	}
	text := fmt.Sprintf("%s  %s %d  %s %s%s", clock, verdict, status.Int64(), at["method"], at["host"],
		printablePath(at["path"].String()))
	if len(reasons) > 0 {
		text += "  " + strings.Join(reasons, ", ")
	}
	if legacy != "" {
		text += fmt.Sprintf("  LEGACY CREDENTIAL: %s; %d so far", legacy, now.Legacy.Total())
	}
	_, err := io.WriteString(l.w, text+"\n")
	return err
}

// printablePath keeps a caller from writing into the terminal.
func printablePath(path string) string {
	return strings.Trim(fmt.Sprintf("%+q", path), `"`)
}

// whyRefused names the refusals that were counted in between.
func whyRefused(before, now sandbox.Counts) []string {
	var names []string
	for i, by := range refusals(now) {
		for _, name := range slices.Sorted(maps.Keys(by)) {
			if by[name] > refusals(before)[i][name] {
				names = append(names, name)
			}
		}
	}
	return names
}

// refusals are the counters by reason: of REST, of SOAP and of grants.
func refusals(c sandbox.Counts) []map[string]int {
	return []map[string]int{c.Refused, c.SOAPRefused, c.GrantErrors}
}

// legacyText lists the shapes that were counted in between; empty for none.
func legacyText(before, now sandbox.Legacy) string {
	var parts []string
	for _, shape := range []struct {
		n    int
		name string
	}{
		{now.Header - before.Header, "X-DocuSign-Authentication"},
		{now.WSSecurity - before.WSSecurity, "WS-Security password"},
		{now.Body - before.Body, "password in a SOAP body"},
		{now.PasswordGrant - before.PasswordGrant, "password grant"},
		{now.ActAs - before.ActAs, "X-DocuSign-Act-As-User"},
		{now.Bearer - before.Bearer, "old bearer token"},
	} {
		if shape.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", shape.n, shape.name))
		}
	}
	return strings.Join(parts, ", ")
}

// countsText is the summary at the end.
func countsText(c sandbox.Counts) string {
	var b strings.Builder
	line := func(n int, what, separator, more string) {
		if more != "" {
			what += separator + more
		}
		fmt.Fprintf(&b, "%6d  %s\n", n, what)
	}
	line(c.Legacy.Total(), "legacy credentials", ": ", legacyText(sandbox.Legacy{}, c.Legacy))
	line(c.Grants, "tokens issued", "; refused: ", refusedText(c.GrantErrors))
	line(c.API, "REST calls let in", "; refused: ", refusedText(c.Refused))
	line(c.SOAP, "SOAP operations let in", "; refused: ", refusedText(c.SOAPRefused))
	line(c.Envelopes, "envelopes created", "", "")
	return b.String()
}

func refusedText(by map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[name], name))
	}
	return strings.Join(parts, ", ")
}
