package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"docusign-auth-proxy/internal/files"
)

const (
	needsFile = true
	notAdmin  = "only an administrator may do this\nnext: open a prompt by \"Run as administrator\" and repeat the command"

	title       = "DocuSign legacy authentication proxy"
	description = "Lets programs with DocuSign's legacy authentication go on working over OAuth."
	resetPeriod = 3600 // seconds without a fault, after which the count of faults begins anew
)

type controlManager struct{}

// Open gives the service manager of this machine.
func Open() (Manager, error) { return controlManager{}, nil }

// account is a virtual one: Windows makes it for the service, without a password.
func account(name string) string { return `NT SERVICE\` + name }

func folder(name string) string {
	return filepath.Join(os.Getenv("ProgramData"), name)
}

// Config implements Manager.
func (controlManager) Config(name string) string { return filepath.Join(folder(name), "config.yaml") }

// Prepare implements Manager. A folder that the operator chose may hold other things, and so keeps its rights.
func (controlManager) Prepare(s Spec, say func(string)) error {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return errNotAdmin
	}
	if err := refuseOpen(s.Program); err != nil {
		return err
	}
	dir := filepath.Dir(s.Config)
	_, err := os.Stat(dir)
	ours := err != nil || strings.EqualFold(dir, folder(s.Name))
	if ours {
		if err := refuseForeign(dir); err != nil {
			return err
		}
	}
	for _, below := range []string{"", "keys", "state", "log"} {
		if err := files.MkdirAll(filepath.Join(dir, below), 0o700); err != nil {
			return err
		}
	}
	if ours {
		if err := protect(dir, account(s.Name)); err != nil {
			return fmt.Errorf("%s cannot be protected: %w", dir, err)
		}
		say(dir + " is open to SYSTEM and Administrators alone, and the service may read it")
	}
	return nil
}

// refuseOpen keeps a program that any user may replace, it or a folder above it, from running with the service's
// rights.
func refuseOpen(program string) error {
	for path := program; ; path = filepath.Dir(path) {
		who, err := files.ChangeableBy(path)
		if err != nil {
			return err
		}
		if who != "" {
			return fmt.Errorf("%s: %s, and so could let the service run another program\nnext: copy the binary to %s and "+
				"install from there", path, who, filepath.Join(os.Getenv("ProgramFiles"), DefaultName))
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}

// refuseForeign refuses a folder that an ordinary user has made or may change: everybody may make folders in
// ProgramData, and its owner could open it again.
func refuseForeign(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	who := "it leads to another place"
	if info.Mode().Type() == fs.ModeDir {
		if who, err = files.ChangeableBy(dir); who == "" || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s cannot be trusted: %s\nnext: look at what is in it, move it away, and repeat the command", dir,
		who)
}

// protect takes a folder and all in it out of what is inherited from above, where every user may read.
func protect(dir, account string) error {
	sd, err := windows.SecurityDescriptorFromString("O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	const all = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION |
		windows.PROTECTED_DACL_SECURITY_INFORMATION
	err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, all, owner, nil, dacl, nil)
	return errors.Join(err, files.Grant(dir, account, false))
}

// Install implements Manager.
func (controlManager) Install(s Spec, say func(string)) error {
	err := withManager(windows.SC_MANAGER_ALL_ACCESS, func(m *mgr.Mgr) error {
		service, err := register(m, s, say)
		if err != nil {
			return err
		}
		defer service.Close()
		for _, c := range settings(service, s) {
			if err := c.set(); err != nil {
				say(fmt.Sprintf("warning: %s: not set: %v", c.what, err))
				continue
			}
			say(c.what)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_ = eventlog.Remove(s.Name) // of an earlier installation; if it stays, the next line says so
	if err := eventlog.InstallAsEventCreate(s.Name, eventlog.Info|eventlog.Warning|eventlog.Error); err != nil {
		say(fmt.Sprintf("warning: the event log has no source %s: %v", s.Name, err))
	} else {
		say("events: source " + s.Name + " in the log Application")
	}
	return grant(s, say)
}

// register makes the service, or gives the one that is there the same values.
func register(m *mgr.Mgr, s Spec, say func(string)) (*mgr.Service, error) {
	line := []string{s.Program, "service", "run", "--config", s.Config, "--name", s.Name}
	start, starts := uint32(mgr.StartAutomatic), "starts with the machine"
	if !s.Configured {
		start, starts = mgr.StartManual, "does not start with the machine before "+s.Config+" is there"
	}
	service, err := m.CreateService(s.Name, line[0], mgr.Config{
		StartType: start, ErrorControl: mgr.ErrorNormal, ServiceStartName: account(s.Name), DisplayName: title,
	}, line[1:]...)
	done := "made"
	if errors.Is(err, windows.ERROR_SERVICE_EXISTS) {
		done = "repaired"
		if service, err = m.OpenService(s.Name); err == nil {
			err = change(service, s, start, line)
		}
	}
	if err != nil {
		return nil, explained(err)
	}
	say(fmt.Sprintf("service %s: %s, account %s, %s", s.Name, done, account(s.Name), starts))
	return service, nil
}

func change(service *mgr.Service, s Spec, start uint32, line []string) error {
	var text [4]*uint16
	for i, t := range []string{windows.ComposeCommandLine(line), account(s.Name), "", title} {
		var err error
		if text[i], err = windows.UTF16PtrFromString(t); err != nil {
			return errors.Join(err, service.Close())
		}
	}
	none := []uint16{0, 0} // what another program made of this name may depend on
	err := windows.ChangeServiceConfig(service.Handle, windows.SERVICE_WIN32_OWN_PROCESS, start,
		mgr.ErrorNormal, text[0], nil, nil, &none[0], text[1], text[2], text[3])
	if err != nil {
		return errors.Join(err, service.Close())
	}
	return nil
}

type setting struct {
	what string
	set  func() error
}

func settings(service *mgr.Service, s Spec) []setting {
	wide := func(text string) *uint16 { return &windows.StringToUTF16(text)[0] } // the texts have no NUL
	level := func(what string, level uint32, info unsafe.Pointer) setting {
		return setting{what, func() error { return windows.ChangeServiceConfig2(service.Handle, level, (*byte)(info)) }}
	}
	sid := uint32(windows.SERVICE_SID_TYPE_UNRESTRICTED)
	stop := uint32(s.StopTime.Milliseconds())
	// A list of one, and the empty word that ends the list.
	privileges := struct{ list *uint16 }{&append(windows.StringToUTF16("SeChangeNotifyPrivilege"), 0)[0]}
	again := []mgr.RecoveryAction{{Type: mgr.ServiceRestart, Delay: restartAfter}}
	return []setting{
		level("a description for the list of services", windows.SERVICE_CONFIG_DESCRIPTION,
			unsafe.Pointer(&windows.SERVICE_DESCRIPTION{Description: wide(description)})),
		{fmt.Sprintf("started again %s after a crash, each time", restartAfter), func() error {
			return service.SetRecoveryActions(again, resetPeriod)
		}},
		{"started again after a fault that it told itself, too", func() error {
			return service.SetRecoveryActionsOnNonCrashFailures(true)
		}},
		level("a SID of its own, for the rights of files", windows.SERVICE_CONFIG_SERVICE_SID_INFO, unsafe.Pointer(&sid)),
		level("no privilege but that to pass through folders", windows.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO,
			unsafe.Pointer(&privileges)),
		level(fmt.Sprintf("%s to finish calls when the machine shuts down", s.StopTime),
			windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, unsafe.Pointer(&stop)),
	}
}

// grant gives the account what it needs. What lies in the folder of the configuration has that folder's rights.
func grant(s Spec, say func(string)) error {
	dir := filepath.Dir(s.Config)
	one := func(path string, change bool, what string) error {
		if _, err := os.Stat(path); err != nil {
			return err
		}
		if err := files.Grant(path, account(s.Name), change); err != nil {
			return err
		}
		say(account(s.Name) + " may " + what + " " + path)
		return nil
	}
	if err := one(dir, false, "read"); err != nil {
		return err
	}
	for _, path := range s.Reads {
		if within(dir, path) && inherits(path) {
			continue
		}
		if err := one(path, false, "read"); err != nil {
			return err
		}
	}
	for _, path := range s.Writes {
		if err := files.MkdirAll(path, 0o700); err != nil {
			return err
		}
		if err := one(path, true, "change"); err != nil {
			return err
		}
		if strings.EqualFold(path, dir) {
			say("warning: so it may change its own configuration\nnext: stop the service, move the state file and all whose " +
				"names begin with its name into the folder " + filepath.Join(dir, "state") +
				", write store: state/state.db into " + s.Config + ", and repeat the command")
		}
	}
	return nil
}

func within(dir, path string) bool {
	inside, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(inside)
}

// inherits reports whether a file takes the rights of its folder over. One that was moved here need not.
func inherits(path string) bool {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return false
	}
	control, _, err := sd.Control()
	return err == nil && control&windows.SE_DACL_PROTECTED == 0
}

// Uninstall implements Manager.
func (c controlManager) Uninstall(ctx context.Context, name string, say func(string)) error {
	s, err := c.Status(name)
	if err != nil {
		return err
	}
	if err := c.Stop(ctx, name); err != nil {
		return err
	}
	err = withService(name, windows.DELETE, func(service *mgr.Service) error { return service.Delete() })
	if err != nil {
		return err
	}
	say("service " + name + ": stopped and taken out")
	if err := eventlog.Remove(name); err != nil {
		say(fmt.Sprintf("warning: the source of events stays: %v", err))
	}
	say("these stay: " + s.Program + ", and configuration, keys, state and log in " + filepath.Dir(s.Config))
	return nil
}

// Start implements Manager.
func (controlManager) Start(ctx context.Context, name string) error {
	const access = windows.SERVICE_START | windows.SERVICE_QUERY_STATUS
	return withService(name, access, func(service *mgr.Service) error {
		err := service.Start()
		if err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return err
		}
		return settled(ctx, func() (bool, error) {
			now, err := service.Query()
			if err == nil && now.State == svc.Stopped {
				err = fmt.Errorf("the service is stopped again: %s", cmp.Or(lastEnd(now), "it ended"))
			}
			return now.State == svc.Running, err
		})
	})
}

// lastEnd says in words why a service does not run; "" = it was stopped.
func lastEnd(now svc.Status) string {
	switch code := windows.Errno(now.Win32ExitCode); {
	case code == windows.ERROR_SERVICE_SPECIFIC_ERROR && now.ServiceSpecificExitCode == notStarted:
		return "it could not start"
	case code == windows.ERROR_SERVICE_SPECIFIC_ERROR:
		return "it ended by a fault"
	case code == windows.ERROR_SERVICE_NEVER_STARTED:
		return "it was not started yet"
	case code == windows.ERROR_PROCESS_ABORTED:
		return "its process was ended from outside, or crashed"
	case code != 0:
		return code.Error()
	}
	return ""
}

// Stop implements Manager.
func (controlManager) Stop(ctx context.Context, name string) error {
	const access = windows.SERVICE_STOP | windows.SERVICE_QUERY_STATUS
	return withService(name, access, func(service *mgr.Service) error {
		_, err := service.Control(svc.Stop)
		switch {
		case errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE):
			return nil
		case err != nil && !errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL): // else it is stopping already
			return err
		}
		return settled(ctx, func() (bool, error) {
			now, err := service.Query()
			return now.State == svc.Stopped, err
		})
	})
}

// Status implements Manager.
func (controlManager) Status(name string) (Status, error) {
	s := Status{Name: name}
	const access = windows.SERVICE_QUERY_STATUS | windows.SERVICE_QUERY_CONFIG
	err := withService(name, access, func(service *mgr.Service) error {
		now, err := service.Query()
		if err != nil {
			return err
		}
		s.Installed, s.Running, s.PID = true, now.State == svc.Running, now.ProcessId
		s.State = stateName(now.State)
		if now.State == svc.Stopped {
			s.LastEnd = lastEnd(now)
		}
		return configured(service.Handle, &s)
	})
	if errors.Is(err, errNotInstalled) {
		return s, nil
	}
	return s, err
}

func stateName(state svc.State) string {
	names := []string{"stopped", "starting", "stopping", "running", "continuing", "pausing", "paused"}
	return names[min(int(state), len(names))-1]
}

// configured asks the handle itself, since mgr asks for more than every system answers.
func configured(handle windows.Handle, s *Status) error {
	size := uint32(8 << 10) // the most that there can be, QueryServiceConfigW
	buffer := make([]uint64, size/8)
	c := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buffer[0]))
	if err := windows.QueryServiceConfig(handle, c, size, &size); err != nil {
		return err
	}
	s.Account = windows.UTF16PtrToString(c.ServiceStartName)
	s.StartType = map[uint32]string{
		mgr.StartAutomatic: "automatic", mgr.StartManual: "manual", mgr.StartDisabled: "disabled",
	}[c.StartType]
	line, err := windows.DecomposeCommandLine(windows.UTF16PtrToString(c.BinaryPathName))
	if err != nil || len(line) == 0 {
		return err
	}
	s.Program = line[0]
	if len(line) > 4 && slices.Equal(line[1:4], []string{"service", "run", "--config"}) {
		s.Config = line[4]
	}
	return foreign(*s)
}

func withManager(access uint32, do func(*mgr.Mgr) error) error {
	handle, err := windows.OpenSCManager(nil, nil, access)
	if err != nil {
		return explained(err)
	}
	m := &mgr.Mgr{Handle: handle}
	return errors.Join(do(m), m.Disconnect())
}

// withService asks for no more than is needed, so that everybody may ask for the status.
func withService(name string, access uint32, do func(*mgr.Service) error) error {
	return withManager(windows.SC_MANAGER_CONNECT, func(m *mgr.Mgr) error {
		wide, err := windows.UTF16PtrFromString(name)
		if err != nil {
			return err
		}
		handle, err := windows.OpenService(m.Handle, wide, access)
		if err != nil {
			return explained(err)
		}
		service := &mgr.Service{Name: name, Handle: handle}
		return explained(errors.Join(do(service), service.Close()))
	})
}

func explained(err error) error {
	switch {
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return errNotAdmin
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		return errNotInstalled
	case errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE):
		return errors.New("the service is being taken out, and a program still looks at it\nnext: close services.msc and " +
			"the event viewer, and repeat the command")
	}
	return err
}

// settled asks until the state is what is waited for.
func settled(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
