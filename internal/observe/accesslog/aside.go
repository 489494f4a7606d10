package accesslog

import (
	"context"
	"log/slog"
	"time"
)

// asideLines bounds what waits for the handler beside the log. More is dropped: the log has it.
const asideLines = 64

// Aside gives lines of level error and above to h, in the background: whoever logs never waits for it. end waits a
// second at most for the last of them.
func Aside(h slog.Handler) (handler slog.Handler, end func()) {
	queue, ended := make(chan func(), asideLines), make(chan struct{})
	go func() {
		defer close(ended)
		for handle := <-queue; handle != nil; handle = <-queue {
			handle()
		}
	}()
	return aside{h, queue}, func() {
		late := time.After(logFlush)
		select {
		case queue <- nil:
		case <-late:
			return
		}
		select {
		case <-ended:
		case <-late:
		}
	}
}

type aside struct {
	slog.Handler
	queue chan<- func()
}

func (a aside) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && a.Handler.Enabled(ctx, level)
}

func (a aside) Handle(ctx context.Context, r slog.Record) error {
	select {
	case a.queue <- func() { _ = a.Handler.Handle(context.WithoutCancel(ctx), r) }: // the log itself has the line
	default:
	}
	return nil
}

func (a aside) WithAttrs(attrs []slog.Attr) slog.Handler {
	return aside{a.Handler.WithAttrs(attrs), a.queue}
}

func (a aside) WithGroup(name string) slog.Handler { return aside{a.Handler.WithGroup(name), a.queue} }
