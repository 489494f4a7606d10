package service

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/secret"
)

// eventLog is a log of the machine that keeps what it is given.
type eventLog struct {
	kinds []kind
	texts []string
}

func (l *eventLog) write(k kind, text string) error {
	l.kinds, l.texts = append(l.kinds, k), append(l.texts, text)
	return nil
}

func TestLinesOfLevelErrorAreEventsThatSayCauseAndNextStep(t *testing.T) {
	var l eventLog
	e := newEvents(l.write)
	log := slog.New(eventHandler{events: e})
	log.Warn("not grave enough")
	log.With("cause", "config_not_loaded", "next_step", "mend it").WithGroup("at").Error("not reloaded",
		"error", errors.New("line 3"), "password", secret.New("canary-7"))
	want := "not reloaded\n\ncause: config_not_loaded\nnext_step: mend it\nat.error: line 3\nat.password: " + secret.Mask
	if len(l.texts) != 1 || l.texts[0] != want || l.kinds[0] != errorLine {
		t.Errorf("%v %q, want %q", l.kinds, l.texts, want)
	}
}

func TestTheSameCauseIsToldOnceInTenMinutes(t *testing.T) {
	var l eventLog
	e := newEvents(l.write)
	now := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	e.now = func() time.Time { return now }
	log := slog.New(eventHandler{events: e})
	for _, step := range []struct {
		name  string
		after time.Duration
		log   func()
	}{
		{"the first", 0, func() { log.Error("call", "cause", "dns") }},
		{"the same cause by another line", time.Minute, func() { log.Error("grant", "cause", "dns") }},
		{"another cause", 0, func() { log.Error("call", "cause", "tls") }},
		{"a line without a cause", 0, func() { log.Error("disk") }},
		{"the same line", time.Second, func() { log.Error("disk") }},
		{"the first cause, later", sameAgain, func() { log.Error("call", "cause", "dns") }},
	} {
		now = now.Add(step.after)
		step.log()
	}
	want := []string{"call\n\ncause: dns", "call\n\ncause: tls", "disk\n",
		"call\n\ncause: dns\n\nThis came 1 more times since it was told here last. The log has each."}
	if fmt.Sprintf("%q", l.texts) != fmt.Sprintf("%q", want) {
		t.Errorf("%q, want %q", l.texts, want)
	}
}

func TestAnEventHasABoundedText(t *testing.T) {
	var l eventLog
	e := newEvents(l.write)
	e.tell(errorLine, "x"+strings.Repeat("é", maxEvent))
	if len(l.texts) != 1 || len(l.texts[0]) > maxEvent+len(" …") || !strings.HasSuffix(l.texts[0], "é …") {
		t.Errorf("%d texts, the first with %d bytes", len(l.texts), len(l.texts[0]))
	}
}
