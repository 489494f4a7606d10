package main

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
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/accesslog"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/proxy"
)

func newRun() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Run the proxy",
		Long:    "Run the proxy until SIGTERM or Ctrl-C. Calls under way are finished before it ends.",
		Example: "  docusign-auth-proxy run --config proxy.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			holder := &config.Holder{Path: path}
			cfg, err := holder.Reload()
			if err != nil {
				return err
			}
			return runLogged(os.Stderr, cfg.Log, func(log *slog.Logger, h hooks) error {
				tuneCollector()
				p, err := newProgramWith(holder, log, h)
				if err != nil {
					return err
				}
				return p.run(cmd.Context())
			})
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// tuneCollector trades memory for processor time: the live heap is a few megabytes, so collecting at a fourfold instead of a double
// size costs little memory. An operator who sets GOGC decides otherwise.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
}

// runLogged gives f a log that is written to out in the background. It writes f's error there too, after the log's last line: nobody
// may read out, and what is written past the log would wait for ever.
func runLogged(out io.Writer, cfg config.Log, f func(*slog.Logger, hooks) error) error {
	signal.Ignore(syscall.SIGPIPE) // else a closed standard error ends the process with the next line
	w := accesslog.NewWriter(out)
	log, err := newLogger(w, cfg)
	if err != nil {
		return err
	}
	w.Note = func(dropped uint64) []byte {
		var line bytes.Buffer
		if log, err := newLogger(&line, cfg); err == nil {
			log.Error("log lines dropped", "lines", dropped, "next_step", "look at the program that reads standard error, and its disk")
		}
		return line.Bytes()
	}
	gathered, err := newLogger(w.Gathering(), cfg)
	if err != nil {
		return err
	}
	if err = f(log, hooks{requests: accesslog.New(log.Handler(), gathered.Handler()), logWriter: w}); err != nil {
		fmt.Fprintln(w, "docusign-auth-proxy:", err)
		err = exitError{1}
	}
	_ = w.Flush() // nobody is left to tell
	return err
}

func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", "docusign-auth-proxy.yaml", "configuration `FILE`")
}

// run serves until ctx ends, then stops in the opposite order of starting.
func (p *program) run(ctx context.Context) error {
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
	serve("ledger", func() error { return p.ledger.Run(background) })
	serve("reload", func() error { return p.watch(background) })
	serve("logins", func() error { return p.renewLogins(background) })
	serve("proxy", p.server.Run)
	for _, l := range p.listeners {
		serve("listener "+l.Addr().String(), func() error { return p.server.Serve(l.Listener, l.door) })
		p.log.Info("listening", "door", string(l.door), "address", l.Addr().String())
	}
	if p.adminOn != nil {
		serve("admin", func() error { return p.admin.Serve(p.adminOn) })
		p.log.Info("listening", "door", "admin", "address", p.adminOn.Addr().String())
	}
	p.announce()
	close(p.ready)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(p.stopping)
	err = errors.Join(err, p.shutdown())
	close(p.stopped)
	stopBackground()
	return errors.Join(err, p.lastWrites(&work))
}

// lastWritesTime bounds the end of the program: a disk that does not answer must not keep it.
const lastWritesTime = 5 * time.Second

// lastWrites lets ledger and store write what they still have, and closes everything.
func (p *program) lastWrites(work *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		work.Wait()
		p.closeAll()
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
func (p *program) caught(f func() error) (err error) {
	defer func() {
		if caught := panics.In(err); caught != nil {
			proxy.ReportPanic(p.log, p.metrics, call.PanicBackground, caught)
		}
	}()
	defer panics.Into(&err)
	return f()
}

func (p *program) announce() {
	version, commit, _ := buildVersion()
	cfg := p.holder.Current()
	p.log.Info("started", "version", version, "commit", commit, "environment", cfg.Environment, "integrations", len(cfg.Integrations), "config", p.path)
	if p.current.Load().authority == nil {
		p.log.Info("no interception", "effect", "CONNECT to DocuSign is refused; programs can use the sidecar", "next_step", "docusign-auth-proxy ca init, then interception: in the configuration")
	}
}

func (p *program) shutdown() error {
	limit := p.holder.Current().Limits.Shutdown
	p.log.Info("stopping", "waiting_for_calls", p.server.Active(), "at_most", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := p.server.Shutdown(ctx)
	_ = p.admin.Close() // scrapes are short; the proxy's own calls were waited for
	return err
}

func (p *program) closeAll() {
	for _, l := range p.listeners {
		_ = l.Close()
	}
	if p.adminOn != nil {
		_ = p.adminOn.Close()
	}
	p.removeOperatorToken()
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
