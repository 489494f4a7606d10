package app

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/trust"
)

// Warnings are those of the configuration, and what only the time and earlier calls tell: a CA out of its term, and
// SOAP calls while nobody has said how they go. l may be nil. The status page has the latter two as entries.
func Warnings(cfg *config.Config, l *ledger.Ledger, now time.Time) config.Problems {
	warnings := slices.Clone(cfg.Warnings)
	add := func(path string, id cause.ID, more string, fill ...string) {
		w := cfg.Problem(path, id.Means(fill...))
		w.Cause, w.Hint = id.String(), id.Next(append(fill, "config", w.File)...)+more
		warnings = append(warnings, w)
	}
	if in := cfg.Interception; in != nil {
		if id, day, wrong := trust.Term(in.Authority.Certificate().NotBefore, in.Authority.Expires(), now); wrong {
			add("interception.ca_cert", id, "", "until", day)
		}
	}
	if l == nil {
		return warnings
	}
	for i := range cfg.Integrations {
		in := &cfg.Integrations[i]
		if s := l.Summary(in.Name, in.Mode); in.SOAPUnset && in.Mode != integration.Block && len(s.Operations) > 0 {
			add(fmt.Sprintf("integrations[%d].soap", i), cause.SOAPNotChosen, "; "+s.Verdict, "integration", in.Name)
		}
	}
	return warnings
}

// advised adds the word of a row, and what an operator does, to the lines of a log.
func advised(log *slog.Logger, id cause.ID, fill ...string) *slog.Logger {
	return log.With("cause", id.String(), "next_step", id.Next(fill...))
}

// warn writes a line for each warning, with what to do about it.
func warn(log *slog.Logger, warnings config.Problems) {
	for _, w := range warnings {
		next := w.Hint
		w.Hint = ""
		args := []any{"warning", w.String()}
		if w.Cause != "" {
			args = append(args, "cause", w.Cause)
		}
		if next != "" {
			args = append(args, "next_step", next)
		}
		log.Warn("config", args...)
	}
}
