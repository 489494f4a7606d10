package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/accesslog"
	"docusign-auth-proxy/internal/panics"
)

// ExitError carries the exit code of a command that has said all there is to say.
type ExitError struct{ Code int }

func (e ExitError) Error() string { return fmt.Sprintf("exit %d", e.Code) }

// RunLogged gives f a log that is written in the background: to the file that cfg names, else to out. Lines of level
// error go to also as well, unless it is nil; those of calls do not. It writes f's error to the log too, after its last
// line: nobody may read out, and what is written past the log would wait for ever.
func RunLogged(out io.Writer, cfg config.Log, also slog.Handler, f func(*slog.Logger, Hooks) error) error {
	signal.Ignore(syscall.SIGPIPE) // else a closed standard error ends the process with the next line
	w, end, err := logWriter(out, cfg)
	if err != nil {
		return err
	}
	defer end()
	handler, err := accesslog.NewHandler(w, cfg.Format, cfg.Level)
	if err != nil {
		return err
	}
	calls, err := accesslog.NewGathering(w, cfg.Format, cfg.Level)
	if err != nil {
		return err
	}
	log := slog.New(handler)
	if also != nil {
		aside, end := accesslog.Aside(also)
		defer end()
		log = slog.New(slog.NewMultiHandler(handler, aside))
	}
	if err = f(log, Hooks{requests: calls, logWriter: w}); err != nil {
		fmt.Fprintln(w, "docusign-auth-proxy:", err)
		if cfg.File == "" {
			err = ExitError{Code: 1}
		}
	}
	_ = w.Flush() // nobody is left to tell
	return err
}

// logWriter opens what the log is written to. end is called after the last line.
func logWriter(out io.Writer, cfg config.Log) (w *accesslog.Writer, end func(), err error) {
	line := func(tell func(*slog.Logger)) []byte {
		var b bytes.Buffer
		if h, err := accesslog.NewHandler(&b, cfg.Format, cfg.Level); err == nil {
			tell(advised(slog.New(h), cause.LogStuck))
		}
		return b.Bytes()
	}
	note := func(dropped uint64) []byte {
		return line(func(l *slog.Logger) { l.Error("log lines dropped", "lines", dropped) })
	}
	if cfg.File == "" {
		w := accesslog.NewWriter(out)
		w.Note = note
		return w, func() {}, nil
	}
	file := &accesslog.File{Path: cfg.File, MaxSize: int64(cfg.MaxSize), MaxFiles: cfg.MaxFiles, MaxAge: cfg.MaxAge,
		Unrotated: func(err error) []byte {
			return line(func(l *slog.Logger) { l.Error("the log file could not be renamed, and grows", "error", err) })
		}}
	if err := file.Open(); err != nil {
		return nil, nil, fmt.Errorf("log.file: %w", err)
	}
	fmt.Fprintln(out, "docusign-auth-proxy: the log is written to", cfg.File)
	w = accesslog.NewWriter(file)
	w.Note, w.Behind = note, "the disk of "+cfg.File
	return w, func() { _ = file.Close() }, nil
}

// Run serves until ctx ends, then stops in the opposite order of starting.
func (p *App) Run(ctx context.Context) error {
	background, stopBackground := context.WithCancel(context.Background())
	var work sync.WaitGroup
	failed := make(chan error, 8)
	serve := func(name string, f func() error) {
		work.Go(func() {
			err := p.caught(f)
			for panics.In(err) != nil && sleep(background, restartAfter) {
				err = p.caught(f)
			}
			if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.Canceled) {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	serve("store", func() error { return p.store.Run(background) })
	if p.shared != nil {
		serve("store", func() error { return p.shared.Follow(background) })
		serve("store", func() error { p.shared.server.Watch(background); return nil })
		serve("store", func() error { p.shared.check.run(background); return nil })
		serve("replicas", func() error { return p.replicas.run(background, p.log) })
	}
	serve("ledger", func() error { return p.ledger.Run(background) })
	serve("reload", func() error { return p.watch(background) })
	serve("logins", func() error { return p.renewLogins(background) })
	serve("unsaved logins", func() error { return saveLogins(background, p) })
	serve("creations", func() error { p.resolveCreations(background); return nil })
	serve("proxy", p.Server.Run)
	for _, l := range p.doors {
		serve("listener "+l.Addr().String(), func() error { return p.Server.Serve(l.Listener, l.door) })
		p.log.Info("listening", "door", string(l.door), "address", l.Addr().String())
	}
	serve("admin", func() error { return p.admin.Serve(p.operations) })
	p.log.Info("listening", "door", "admin", "address", p.operations.Addr().String())
	announce(p)
	close(p.opened)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(p.stopping)
	err = errors.Join(err, p.shutdown(stopTime(p.holder.Current().Limits.Shutdown, context.Cause(ctx), runtime.GOOS)))
	close(p.stopped)
	stopBackground()
	return errors.Join(err, p.lastWrites(&work))
}

// lastWritesTime bounds the end of the program: a disk that does not answer must not keep it.
const lastWritesTime = 5 * time.Second

// lastWrites lets ledger and store write what they still have, and closes everything.
func (p *App) lastWrites(work *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		work.Wait()
		p.Close()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(lastWritesTime):
		return fmt.Errorf("the store was not written within %s: look at its disk", lastWritesTime)
	}
}

// restartAfter is the pause before what panicked is begun again: a fault of the ledger must not end the calls.
const restartAfter = time.Second

// sleep reports whether it lasted its time.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// caught runs f; a panic in it is reported and becomes an error.
func (p *App) caught(f func() error) (err error) {
	defer func() {
		if caught := panics.In(err); caught != nil {
			panics.Report(p.log, call.Recorders{p.metrics}, call.PanicBackground, caught)
		}
	}()
	defer panics.Into(&err)
	return f()
}

func announce(p *App) {
	version, commit, _ := BuildVersion()
	cfg := p.holder.Current()
	p.log.Info("started", "version", version, "commit", commit, "environment", cfg.Environment, "integrations",
		len(cfg.Integrations), "config", p.path)
	if p.current.Load().state.Authority == nil {
		p.log.Info("no interception", "effect", "CONNECT to DocuSign is refused; programs can use the sidecar",
			"next_step", cause.NoCA.Next())
	}
}

// EndedBy is the cause of a context that a signal ended.
type EndedBy struct{ os.Signal }

func (e EndedBy) Error() string { return "ended by: " + e.String() }

// closingTime is for calls under way where Windows closes the window, the user logs off or the machine shuts down. It
// kills a console program after 5 s, of which the rest is for what is written at the end. Go tells these as SIGTERM.
const closingTime = 3 * time.Second

// stopTime is how long calls under way may take to finish.
func stopTime(limit time.Duration, cause error, goos string) time.Duration {
	if by, ok := errors.AsType[EndedBy](cause); ok && by.Signal == syscall.SIGTERM && goos == "windows" {
		return min(limit, closingTime)
	}
	return limit
}

func (p *App) shutdown(limit time.Duration) error {
	p.log.Info("stopping", "waiting_for_calls", p.Server.Active(), "at_most", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := p.Server.Shutdown(ctx)
	_ = p.admin.Close() // scrapes are short; the proxy's own calls were waited for
	return err
}

func (p *App) Close() {
	p.listeners.close()
	p.operator.remove()
	p.retired.Wait()
	if a := p.current.Load(); a != nil {
		a.close()
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("store", "error", err)
		}
	}
}
