package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/service"
	"docusign-auth-proxy/internal/words"
)

const (
	startTime = time.Minute     // for a start until the proxy is ready
	stopTime  = 5 * time.Minute // for a stop, which limits.shutdown bounds
)

// Start starts the service and waits until the proxy is ready. An error has the last lines of the log, or leads there.
func (s *Service) Start(ctx context.Context) error {
	before, err := s.Manager.Status(s.Name)
	if err != nil {
		return err
	}
	log := logOf(before.Config)
	said := sizeOf(log)
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("not ready within %s", startTime))
	defer cancel()
	if err = s.Manager.Start(ctx, s.Name); err == nil {
		err = s.untilReady(ctx)
	}
	switch {
	case err == nil:
		s.Say(s.Name + ": ready\nnext: " + s.next("status"))
	case before.Installed:
		err = fmt.Errorf("%w\n%s", err, s.whereTold(log, said))
	}
	return err
}

// untilReady waits for the proxy itself: systemd calls a program active as soon as it is begun.
func (s *Service) untilReady(ctx context.Context) error {
	for {
		now, err := s.Manager.Status(s.Name)
		switch {
		case err != nil:
			return err
		case !now.Running:
			return fmt.Errorf("the service is %s: %s", now.State, cmp.Or(now.LastEnd, "it ended at once"))
		}
		_, err = s.Ready(ctx, now.Config)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// Stop stops the service and waits until calls under way are finished.
func (s *Service) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stopTime, fmt.Errorf("it still runs after %s", stopTime))
	defer cancel()
	if err := s.Manager.Stop(ctx, s.Name); err != nil {
		return err
	}
	s.Say(s.Name + ": stopped")
	return nil
}

// Uninstall stops the service and takes it out.
func (s *Service) Uninstall(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stopTime, fmt.Errorf("it still runs after %s", stopTime))
	defer cancel()
	return s.Manager.Uninstall(ctx, s.Name, s.Say)
}

// Status is what the service manager knows, and what the proxy says.
type Status struct {
	service.Status
	Version string `json:"version,omitempty"`
	Log     string `json:"log,omitempty"` // file, or the command that shows it
	Ready   bool   `json:"ready"`
	Answer  string `json:"answer,omitempty"` // of /-/ready, or why there is none
	Next    string `json:"next,omitempty"`   // a command; "" = the proxy is ready
}

// Status asks both. version is that of the binary at own, which asks: another binary is not run to learn its version,
// since who asks may have more rights than the service.
func (s *Service) Status(ctx context.Context, own, version string) (found Status, err error) {
	found.Status, err = s.Manager.Status(s.Name)
	if err != nil || !found.Installed {
		found.Next = s.next("install")
		return found, err
	}
	found.Log = cmp.Or(logOf(found.Config), "journalctl -u "+s.Name)
	found.Version = "of another binary than this one"
	if own == found.Program {
		found.Version = version
	}
	if !found.Running {
		found.Next = s.next("start")
		return found, nil
	}
	found.Answer, err = s.Ready(ctx, found.Config)
	found.Ready = err == nil
	if err != nil {
		found.Answer, found.Next = err.Error(), "docusign-auth-proxy doctor --config "+words.Argument(found.Config)
	}
	return found, nil
}

// logOf is the log file of a service whose configuration may be faulty.
func logOf(path string) string {
	log := config.Log{}
	if cfg, err := config.Load(path); err == nil {
		log = cfg.Log
	}
	return LogFile(log, path)
}

func sizeOf(path string) int64 {
	if info, err := os.Stat(path); err == nil {
		return info.Size()
	}
	return 0
}

// whereTold leads to the log, with the last lines of this start where it is a file.
func (s *Service) whereTold(file string, said int64) string {
	if file == "" {
		return "next: journalctl -u " + s.Name + " -n 20 -o cat"
	}
	next := "next: look at " + file
	if service.LogNeedsFile {
		next += " and at the source " + s.Name + " of the event log"
	}
	const last = 5
	lines := strings.Split(strings.TrimSpace(readFrom(file, said)+"\n"+next), "\n")
	return strings.Join(lines[max(0, len(lines)-last-1):], "\n")
}

// readFrom reads what was written to a log meanwhile; "" = the place alone is told.
func readFrom(path string, from int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.NewSectionReader(f, from, 1<<20)) // what could be read is shown
	return strings.TrimSpace(string(text))
}
