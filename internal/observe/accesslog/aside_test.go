package accesslog_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/observe/accesslog"
)

func TestGraveLinesGoAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		h, end := accesslog.Aside(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		log := slog.New(h)
		log.Warn("a warning")
		log.With("part", "store").WithGroup("g").Error("an error", "why", "disk")
		log.Log(t.Context(), slog.LevelError+4, "worse")
		end()
		got := out.String()
		if strings.Contains(got, "a warning") || !strings.Contains(got, `msg="an error" part=store g.why=disk`) ||
			!strings.Contains(got, "msg=worse") {
			t.Errorf("got %s", got)
		}
		log.Error("after the end") // must not panic
	})
}

// hanging takes nothing until it is let go.
type hanging struct{ let chan struct{} }

func (h hanging) Write(p []byte) (int, error) { <-h.let; return len(p), nil }

func TestAHandlerAsideHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := hanging{make(chan struct{})}
		h, end := accesslog.Aside(slog.NewTextHandler(stuck, nil))
		began := time.Now()
		for range 1000 {
			slog.New(h).Error("an error")
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("whoever logs waited %v", waited)
		}
		end()
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("the end came after %v", waited)
		}
		close(stuck.let)
		end()
	})
}
