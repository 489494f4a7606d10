package app

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store"
)

// saying is an error with a row and a text.
type saying struct {
	explained
	text string
}

func (s saying) Error() string { return s.text }

func TestAnOutageIsOneLineForEachThingToDo(t *testing.T) {
	cut, refused := saying{explained{cause.StoreAway}, "cut"}, saying{explained{cause.StoreAway}, "refused"}
	const known, waits, serves = "what this replica knows", "this replica is not ready", "that need no store go on"
	for _, test := range []struct {
		name      string
		coldStart string
		told      []error
		want      []string // of each line a part
	}{
		{"the text alone changes", "wait", []error{nil, cut, refused, cut, nil},
			[]string{"is followed", known, "is followed"}},
		{"it goes away twice", "wait", []error{nil, cut, nil, cut}, []string{"is followed", known, "is followed", known}},
		{"something else is to be done", "wait", []error{nil, cut, explained{cause.StorePassword}},
			[]string{"is followed", "cause=store_away", "cause=store_login"}},
		{"an error without a row", "wait", []error{nil, store.ErrUnreachable, fmt.Errorf("x: %w", store.ErrUnreachable)},
			[]string{"is followed", "cause=store_unreachable"}},
		{"the feed was trimmed", "wait", []error{nil, store.ErrGap}, []string{"is followed", "level=WARN"}},
		{"it was never read", "wait", []error{cut, refused}, []string{waits}},
		{"it was never read, and calls are served", "serve", []error{cut, refused}, []string{serves}},
	} {
		var log bytes.Buffer
		s := &shared{
			cfg: config.Store{Redis: &config.Redis{}, ColdStart: test.coldStart},
			log: slog.New(slog.NewTextHandler(&log, nil)), back: func() {},
		}
		for _, err := range test.told {
			s.away(err)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != len(test.want) {
			t.Errorf("%s: %d lines, want %d:\n%s", test.name, len(lines), len(test.want), &log)
			continue
		}
		for i, part := range test.want {
			if !strings.Contains(lines[i], part) || strings.Contains(lines[i], "ERROR") != strings.Contains(lines[i], "next_step") {
				t.Errorf("%s: line %d is %s, want %q", test.name, i+1, lines[i], part)
			}
		}
	}
}

func TestAStoreThatTakesNoChangesIsTold(t *testing.T) {
	var log bytes.Buffer
	s := &shared{cfg: config.Store{Redis: &config.Redis{}}, log: slog.New(slog.NewTextHandler(&log, nil))}
	s.read.Store(true)
	s.refused(errors.Join(explained{cause.StoreFull}))
	s.refused(nil)
	for _, part := range []string{"takes no changes", "cause=store_full", "takes changes again"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("nothing says %q:\n%s", part, &log)
		}
	}
}
