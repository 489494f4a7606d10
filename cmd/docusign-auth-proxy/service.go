package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/service"
	"docusign-auth-proxy/internal/shown"
)

const (
	startTime    = time.Minute      // for a start until the proxy is ready
	stopTime     = 5 * time.Minute  // for a stop, which limits.shutdown bounds
	moreStopTime = 15 * time.Second // beside limits.shutdown, for what is written at the end
)

func newService() *cobra.Command {
	cmd := &cobra.Command{
		Use: "service", Short: "Let the machine run the proxy: a service of Windows or of systemd",
		Long: `Makes the proxy a service of this machine, which starts with it and is started again after a fault: by the Service Control Manager of
Windows, or by systemd on Linux. "install" needs an administrator, or root, and may be repeated: it repairs what is there, and lets the
service read keys that the configuration names since.`,
	}
	cmd.AddCommand(newServiceInstall(), newServiceUninstall(), newServiceStart(), newServiceStop(), newServiceStatus(),
		newServiceRun())
	return cmd
}

// machineService is what the commands know of the service.
type machineService struct {
	name, config string
	manager      service.Manager
	out          io.Writer
}

func (s *machineService) nameFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&s.name, "name", service.DefaultName, "`NAME` of the service")
	return cmd
}

func (s *machineService) flags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&s.config, "config", "c", "", "configuration `FILE` (default: config.yaml in "+
		"%ProgramData%\\NAME, or in /etc/NAME)")
	return s.nameFlag(cmd)
}

// open finds the manager of this machine.
func (s *machineService) open(cmd *cobra.Command) (err error) {
	s.out = cmd.OutOrStdout()
	s.manager, err = service.Open()
	return err
}

func (s *machineService) say(line string) { fmt.Fprintln(s.out, line) }

// same is the flag that the next command needs for the same service.
func (s *machineService) same() string {
	if s.name == service.DefaultName {
		return ""
	}
	return " --name " + s.name
}

func newServiceInstall() *cobra.Command {
	var s machineService
	return s.flags(&cobra.Command{
		Use: "install", Short: "Install the service, or repair it; start it by service start", Args: noArgs,
		Long: `Checks the configuration as "config check" does, makes the service for the binary that runs this command, and gives its account, which is
made for it alone, the right to read the configuration and the files that it names, and to write state and log. It prints each thing
that it did. Without a configuration it prepares folders and account, so that keys are safe as soon as they are put there; run it again
when the configuration is there.

Windows: the account NT SERVICE\NAME; automatic start; started again 5 s after a fault; errors in the event log; log\proxy.log beside the
configuration unless log.file says another place. Linux: the unit /etc/systemd/system/NAME.service and a user NAME; the log is in the
journal.`,
		Example: "  docusign-auth-proxy service install --config /etc/docusign-auth-proxy/config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.open(cmd); err != nil {
				return err
			}
			return s.install(cmd)
		},
	})
}

func (s *machineService) install(cmd *cobra.Command) error {
	spec, err := s.spec()
	if err != nil {
		return err
	}
	before, err := s.manager.Status(s.name)
	if err != nil {
		return err
	}
	if err := s.manager.Prepare(spec, s.say); err != nil {
		return err
	}
	_, err = os.Stat(spec.Config)
	absent := errors.Is(err, fs.ErrNotExist)
	if !absent {
		cfg, err := checkConfig(cmd, spec.Config)
		if err != nil {
			return err
		}
		needs(&spec, cfg)
	}
	if err := s.manager.Install(spec, s.say); err != nil {
		return err
	}
	next := "docusign-auth-proxy service start" + s.same()
	switch {
	case absent:
		next = fmt.Sprintf("write the configuration %s, put its keys into %s, and repeat this command; docusign-auth-proxy "+
			"discover writes a configuration", spec.Config, filepath.Join(filepath.Dir(spec.Config), "keys"))
	case before.Running:
		next = "docusign-auth-proxy service stop" + s.same() + ", and then start, for what changed"
	}
	s.say("next: " + next)
	return nil
}

// spec is what the service needs before its configuration is known.
func (s *machineService) spec() (service.Spec, error) {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return service.Spec{}, err
	}
	path, err := filepath.Abs(cmp.Or(s.config, s.manager.Config(s.name)))
	if err != nil {
		return service.Spec{}, err
	}
	spec := service.Spec{
		Name: s.name, Program: program, Config: path,
		StopTime: config.Default().Limits.Shutdown + moreStopTime,
	}
	if service.LogNeedsFile {
		dir := filepath.Dir(path)
		spec.Writes = []string{filepath.Join(dir, "state"), filepath.Join(dir, "log")}
	}
	return spec, nil
}

// needs adds what a configuration asks of the machine.
func needs(spec *service.Spec, cfg *config.Config) {
	spec.Reads, spec.StopTime = cfg.Files, cfg.Limits.Shutdown+moreStopTime
	var writes []string
	for _, file := range []string{cfg.Store.File, cfg.Admin.TokenFile, logFile(cfg.Log, spec.Config)} {
		if file != "" {
			writes = append(writes, filepath.Dir(file))
		}
	}
	for _, in := range cfg.Integrations {
		if dir := in.SOAPREST.SpoolDir; dir != "" {
			writes = append(writes, dir)
		}
	}
	slices.Sort(writes)
	spec.Writes = slices.Compact(writes)
	for _, at := range cfg.Listen.Addresses() {
		_, port, _ := net.SplitHostPort(*at.Text) // an empty one is closed
		if n, err := strconv.Atoi(port); err == nil && n > 0 && n < 1024 {
			spec.LowPort = true
		}
	}
}

// logFile is where the service writes its log; "" = to standard error, which the machine keeps.
func logFile(log config.Log, path string) string {
	if service.LogNeedsFile && log.File == "" {
		return filepath.Join(filepath.Dir(path), "log", "proxy.log")
	}
	return log.File
}

func newServiceUninstall() *cobra.Command {
	var s machineService
	return s.nameFlag(&cobra.Command{
		Use: "uninstall", Short: "Stop the service and take it out; configuration, keys and state stay", Args: noArgs,
		Example: "  docusign-auth-proxy service uninstall",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.open(cmd); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), stopTime)
			defer cancel()
			return s.manager.Uninstall(ctx, s.name, s.say)
		},
	})
}

func newServiceStart() *cobra.Command {
	var s machineService
	return s.nameFlag(&cobra.Command{
		Use: "start", Short: "Start the service and wait until the proxy is ready", Args: noArgs,
		Example: "  docusign-auth-proxy service start",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.open(cmd); err != nil {
				return err
			}
			before, err := s.manager.Status(s.name)
			if err != nil {
				return err
			}
			log := logOf(before.Config)
			said := sizeOf(log)
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), startTime, fmt.Errorf("not ready within %s", startTime))
			defer cancel()
			if err = s.manager.Start(ctx, s.name); err == nil {
				err = s.untilReady(ctx)
			}
			if err != nil && before.Installed {
				return fmt.Errorf("%w\n%s", err, s.whereTold(log, said))
			}
			if err == nil {
				s.say(fmt.Sprintf("%s: ready\nnext: docusign-auth-proxy service status%s", s.name, s.same()))
			}
			return err
		},
	})
}

// untilReady waits for the proxy itself: systemd calls a program active as soon as it is begun.
func (s *machineService) untilReady(ctx context.Context) error {
	for {
		now, err := s.manager.Status(s.name)
		switch {
		case err != nil:
			return err
		case !now.Running:
			return fmt.Errorf("the service is %s: %s", now.State, cmp.Or(now.LastEnd, "it ended at once"))
		}
		_, err = askReady(ctx, now.Config)
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

func sizeOf(path string) int64 {
	if info, err := os.Stat(path); err == nil {
		return info.Size()
	}
	return 0
}

// whereTold leads to the log, with the last lines of this start where it is a file.
func (s *machineService) whereTold(file string, said int64) string {
	if file == "" {
		return "next: journalctl -u " + s.name + " -n 20 -o cat"
	}
	const last = 5
	lines := strings.Split(strings.TrimSpace(readFrom(file, said)), "\n")
	return strings.Join(lines[max(0, len(lines)-last):], "\n") + "\nnext: look at " + file +
		" and at the source " + s.name + " of the event log"
}

// readFrom reads what was written to a log meanwhile; "" = the place alone is told.
func readFrom(path string, from int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.NewSectionReader(f, from, 1<<20)) // what could be read is shown
	return string(text)
}

// logOf is the log file of a service whose configuration may be faulty.
func logOf(path string) string {
	log := config.Log{}
	if cfg, err := config.Load(path); err == nil {
		log = cfg.Log
	}
	return logFile(log, path)
}

func newServiceStop() *cobra.Command {
	var s machineService
	return s.nameFlag(&cobra.Command{
		Use: "stop", Short: "Stop the service and wait until calls under way are finished", Args: noArgs,
		Example: "  docusign-auth-proxy service stop",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.open(cmd); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), stopTime, fmt.Errorf("it still runs after %s", stopTime))
			defer cancel()
			if err := s.manager.Stop(ctx, s.name); err != nil {
				return err
			}
			s.say(s.name + ": stopped")
			return nil
		},
	})
}

// serviceStatus is what the status tells beside what the service manager knows.
type serviceStatus struct {
	service.Status
	Version string `json:"version,omitempty"`
	Log     string `json:"log,omitempty"`
	Ready   bool   `json:"ready"`
	Answer  string `json:"answer,omitempty"` // of /-/ready, or why there is none
}

func newServiceStatus() *cobra.Command {
	var s machineService
	var asJSON bool
	cmd := s.nameFlag(&cobra.Command{
		Use: "status", Short: "Tell whether the service is installed, runs and is ready", Args: noArgs,
		Long: `Tells what the service manager and the proxy say: installed, state, process, account, start, binary and its version, configuration, log,
and whether the proxy is ready. Exit code: 0 it runs and is ready, 1 not.`,
		Example: "  docusign-auth-proxy service status",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.open(cmd); err != nil {
				return err
			}
			found, err := s.status(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				err = shown.JSON(s.out, found)
			} else {
				s.say(found.text())
			}
			if err == nil && !found.Ready {
				err = app.ExitError{Code: 1}
			}
			return err
		},
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "answer in JSON, for programs")
	return cmd
}

func (s *machineService) status(cmd *cobra.Command) (found serviceStatus, err error) {
	found.Status, err = s.manager.Status(s.name)
	if err != nil || !found.Installed {
		return found, err
	}
	found.Log = cmp.Or(logOf(found.Config), "journalctl -u "+s.name)
	found.Version = versionOf(found.Program)
	if !found.Running {
		return found, nil
	}
	found.Answer, err = askReady(cmd.Context(), found.Config)
	found.Ready = err == nil
	if err != nil {
		found.Answer = err.Error()
	}
	return found, nil
}

func (f *serviceStatus) text() string {
	if !f.Installed {
		return f.Name + ": not installed\nnext: docusign-auth-proxy service install"
	}
	rows := []string{"service\t" + f.Name, "state\t" + f.State}
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, key+"\t"+value)
		}
	}
	if f.PID > 0 {
		add("process", strconv.FormatUint(uint64(f.PID), 10))
	}
	add("last end", f.LastEnd)
	add("account", f.Account)
	add("start", f.StartType)
	add("program", f.Program)
	add("version", f.Version)
	add("configuration", f.Config)
	add("log", f.Log)
	add("ready", f.Answer)
	return strings.TrimSpace(table(rows))
}

func newServiceRun() *cobra.Command {
	var s machineService
	return s.flags(&cobra.Command{
		Use: "run", Short: "Serve under the service manager, which starts this itself", Args: noArgs,
		Long: `The service manager of Windows starts this; nobody else needs it. It stops as the manager wants it, with calls under way finished, and reads
the configuration again at "sc.exe control NAME paramchange". On Linux it is as "run".`,
		Example: "  docusign-auth-proxy service run --config /etc/docusign-auth-proxy/config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := s.config
			if path == "" {
				if err := s.open(cmd); err != nil {
					return err
				}
				path = s.manager.Config(s.name)
			}
			return service.Run(cmd.Context(), s.name, func(ctx context.Context, also slog.Handler, up func(func())) error {
				return serveAsService(ctx, path, also, up)
			})
		},
	})
}

func serveAsService(ctx context.Context, path string, also slog.Handler, up func(func())) error {
	var file string
	run := proxyRun{
		path: path, also: also,
		file: func(log config.Log) string {
			file = logFile(log, path)
			if err := keepCrash(file); err != nil {
				slog.New(also).Error("the reason of a crash would not be kept", "error", err)
			}
			return file
		},
		up: func(p *app.App) {
			up(func() { _ = p.Reload(ctx) }) // which logs the error
		},
	}
	err := run.until(ctx)
	if run.fault != nil {
		err = run.fault // which the log has already
	}
	if err != nil && file != "" {
		err = fmt.Errorf("%w\n\nlog: %s", err, file)
	}
	return err
}

// versionOf does not run another binary to learn its version: who asks may have more rights than the service.
func versionOf(program string) string {
	if own, err := os.Executable(); err == nil && own == program {
		return versionLine()
	}
	return "of another binary than this one"
}

// keepCrash lets Go's runtime write why it ended the process into crash.log beside the log: a service has no standard
// error.
func keepCrash(log string) error {
	if log == "" {
		return nil
	}
	f, err := files.Open(filepath.Join(filepath.Dir(log), "crash.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close()) // the runtime has its own handle
}
