// Package control does what the commands of "service" do: it brings the configuration, the running proxy and the
// service manager of the machine together. It must never know how a manager works; that is service.Manager.
package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/service"
)

const moreStopTime = 15 * time.Second // beside limits.shutdown, for what is written at the end

// Service is one service of this machine.
type Service struct {
	Name    string
	Manager service.Manager
	Say     func(line string) // lines for the operator
	// Check judges the configuration at path, as before a start.
	Check func(path string) (*config.Config, error)
	// Ready asks the proxy that runs with the configuration at path, and gives its answer.
	Ready func(ctx context.Context, path string) (string, error)
}

// next is a command of the product for this service.
func (s *Service) next(verb string) string {
	command := "docusign-auth-proxy service " + verb
	if s.Name != service.DefaultName {
		command += " --name " + s.Name
	}
	return command
}

// Install makes or repairs the service of the binary at program with the configuration at path; "" = where the manager
// expects it. Without a configuration it prepares folders and account.
func (s *Service) Install(program, path string) error {
	spec, err := s.spec(program, path)
	if err != nil {
		return err
	}
	before, err := s.Manager.Status(s.Name)
	if err != nil {
		return err
	}
	if err := s.Manager.Prepare(spec, s.Say); err != nil {
		return err
	}
	_, err = os.Stat(spec.Config)
	spec.Configured = !errors.Is(err, fs.ErrNotExist)
	if spec.Configured {
		cfg, err := s.Check(spec.Config)
		if err != nil {
			return err
		}
		needs(&spec, cfg)
	}
	if err := s.Manager.Install(spec, s.Say); err != nil {
		return err
	}
	next := s.next("start")
	switch {
	case !spec.Configured:
		next = fmt.Sprintf("write the configuration %s, put its keys into %s, and repeat this command; docusign-auth-proxy "+
			"discover writes a configuration", spec.Config, filepath.Join(filepath.Dir(spec.Config), "keys"))
	case before.Running:
		next = s.next("stop") + ", and then start, for what changed"
	}
	s.Say("next: " + next)
	return nil
}

// spec is what the service needs before its configuration is known.
func (s *Service) spec(program, path string) (service.Spec, error) {
	path, err := filepath.Abs(cmp.Or(path, s.Manager.Config(s.Name)))
	if err != nil {
		return service.Spec{}, err
	}
	spec := service.Spec{
		Name: s.Name, Program: program, Config: path,
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
	for _, file := range []string{cfg.Store.File, cfg.Admin.TokenFile, LogFile(cfg.Log, spec.Config)} {
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

// LogFile is where a service with the configuration at path writes its log; "" = to standard error, which the machine
// keeps.
func LogFile(log config.Log, path string) string {
	if service.LogNeedsFile && log.File == "" {
		return filepath.Join(filepath.Dir(path), "log", "proxy.log")
	}
	return log.File
}
