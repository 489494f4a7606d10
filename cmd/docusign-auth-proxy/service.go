package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/service"
	"docusign-auth-proxy/internal/service/control"
	"docusign-auth-proxy/internal/shown"
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

// machineService is a service with the flags that name it.
type machineService struct {
	control.Service
	config string
	out    io.Writer
}

func (s *machineService) nameFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&s.Name, "name", service.DefaultName, "`NAME` of the service")
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
	s.Say = func(line string) { fmt.Fprintln(s.out, line) }
	s.Check = func(path string) (*config.Config, error) { return checkConfig(cmd, path) }
	s.Ready = askReady
	s.Manager, err = service.Open()
	return err
}

// do is the end of a command that asks for nothing more.
func (s *machineService) do(job func(context.Context) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := s.open(cmd); err != nil {
			return err
		}
		return job(cmd.Context())
	}
}

// ownBinary is the file of this program.
func ownBinary() (string, error) {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	return program, err
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
		RunE: s.do(func(context.Context) error {
			program, err := ownBinary()
			if err != nil {
				return err
			}
			return s.Install(program, s.config)
		}),
	})
}

func newServiceUninstall() *cobra.Command {
	var s machineService
	return s.nameFlag(&cobra.Command{
		Use: "uninstall", Short: "Stop the service and take it out; configuration, keys and state stay", Args: noArgs,
		Example: "  docusign-auth-proxy service uninstall",
		RunE:    s.do(s.Uninstall),
	})
}

func newServiceStart() *cobra.Command {
	var s machineService
	return s.nameFlag(&cobra.Command{
		Use: "start", Short: "Start the service and wait until the proxy is ready", Args: noArgs,
		Example: "  docusign-auth-proxy service start",
		RunE:    s.do(s.Start),
	})
}

func newServiceStop() *cobra.Command {
	var s machineService
	return s.nameFlag(&cobra.Command{
		Use: "stop", Short: "Stop the service and wait until calls under way are finished", Args: noArgs,
		Example: "  docusign-auth-proxy service stop",
		RunE:    s.do(s.Stop),
	})
}

func newServiceStatus() *cobra.Command {
	var s machineService
	var asJSON bool
	cmd := s.nameFlag(&cobra.Command{
		Use: "status", Short: "Tell whether the service is installed, runs and is ready", Args: noArgs,
		Long: `Tells what the service manager and the proxy say: installed, state, process, account, start, binary and its version, configuration, log,
and whether the proxy is ready. Exit code: 0 it runs and is ready, 1 not.`,
		Example: "  docusign-auth-proxy service status",
		RunE: s.do(func(ctx context.Context) error {
			own, err := ownBinary()
			if err != nil {
				return err
			}
			found, err := s.Status(ctx, own, versionLine())
			if err != nil {
				return err
			}
			if asJSON {
				err = shown.JSON(s.out, found)
			} else {
				s.Say(statusText(&found))
			}
			if err == nil && !found.Ready {
				err = app.ExitError{Code: 1}
			}
			return err
		}),
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "answer in JSON, for programs")
	return cmd
}

func statusText(f *control.Status) string {
	next := ""
	if f.Next != "" {
		next = "\nnext: " + f.Next
	}
	if !f.Installed {
		return f.Name + ": not installed" + next
	}
	pid := ""
	if f.PID > 0 {
		pid = strconv.FormatUint(uint64(f.PID), 10)
	}
	var rows []string
	for _, r := range [][2]string{
		{"service", f.Name},
		{"state", f.State},
		{"process", pid},
		{"last end", f.LastEnd},
		{"account", f.Account},
		{"start", f.StartType},
		{"program", f.Program},
		{"version", f.Version},
		{"configuration", f.Config},
		{"log", f.Log},
		{"ready", f.Answer},
	} {
		if r[1] != "" {
			rows = append(rows, r[0]+"\t"+r[1])
		}
	}
	return strings.TrimSpace(table(rows)) + next
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
				path = s.Manager.Config(s.Name)
			}
			return service.Run(cmd.Context(), s.Name, func(ctx context.Context, also slog.Handler, up func(func())) error {
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
			file = control.LogFile(log, path)
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
