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
	legacy := legacyText(subtract(now.Legacy, l.before.Legacy))
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
	for _, pair := range [][2]map[string]int{{before.Refused, now.Refused}, {before.SOAPRefused, now.SOAPRefused},
		{before.GrantErrors, now.GrantErrors}} {
		for _, name := range slices.Sorted(maps.Keys(pair[1])) {
			if pair[1][name] > pair[0][name] {
				names = append(names, name)
			}
		}
	}
	return names
}

func subtract(a, b sandbox.Legacy) sandbox.Legacy {
	return sandbox.Legacy{
		Header: a.Header - b.Header, WSSecurity: a.WSSecurity - b.WSSecurity, Body: a.Body - b.Body,
		PasswordGrant: a.PasswordGrant - b.PasswordGrant, ActAs: a.ActAs - b.ActAs, Bearer: a.Bearer - b.Bearer,
	}
}

// legacyText lists the shapes that were counted; empty for none.
func legacyText(l sandbox.Legacy) string {
	var parts []string
	for _, shape := range []struct {
		n    int
		name string
	}{
		{l.Header, "X-DocuSign-Authentication"}, {l.WSSecurity, "WS-Security password"},
		{l.Body, "password in a SOAP body"},
		{l.PasswordGrant, "password grant"}, {l.ActAs, "X-DocuSign-Act-As-User"}, {l.Bearer, "old bearer token"},
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
	fmt.Fprintf(&b, "%6d  legacy credentials%s\n", c.Legacy.Total(), withText(": ", legacyText(c.Legacy)))
	fmt.Fprintf(&b, "%6d  tokens issued%s\n", c.Grants, withText("; refused: ", refusedText(c.GrantErrors)))
	fmt.Fprintf(&b, "%6d  REST calls let in%s\n", c.API, withText("; refused: ", refusedText(c.Refused)))
	fmt.Fprintf(&b, "%6d  SOAP operations let in%s\n", c.SOAP, withText("; refused: ", refusedText(c.SOAPRefused)))
	fmt.Fprintf(&b, "%6d  envelopes created\n", c.Envelopes)
	return b.String()
}

func withText(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

func refusedText(by map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[name], name))
	}
	return strings.Join(parts, ", ")
}
