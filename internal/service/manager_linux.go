package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"docusign-auth-proxy/deploy/systemd"
	"docusign-auth-proxy/internal/files"
)

const (
	needsFile = false // standard error goes to the journal
	notAdmin  = "only root may do this\nnext: repeat the command with sudo"
)

// unitManager writes unit files and lets the tools of systemd do the rest.
type unitManager struct {
	root string // before every path; "" is the machine itself
	tool func(name string, args ...string) (string, error)
}

// Open gives the service manager of this machine.
func Open() (Manager, error) {
	if _, err := os.Stat("/run/systemd/system"); err != nil { // as sd_booted(3) does it
		return nil, errors.New("systemd does not run this machine, as in a container or on Alpine\nnext: let what runs " +
			"programs here start \"docusign-auth-proxy run --config FILE\", end it with SIGTERM and give it 45 s; " +
			"deploy/README.md has examples for containers")
	}
	return unitManager{tool: run}, nil
}

func run(name string, args ...string) (string, error) {
	out, err := exec.CommandContext(context.Background(), name, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%s is missing, a part of systemd\nnext: install it by the package manager", name)
	case err != nil:
		return text, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// Config implements Manager.
func (unitManager) Config(name string) string { return "/etc/" + name + "/config.yaml" }

// Prepare implements Manager.
func (u unitManager) Prepare(s Spec, say func(string)) error {
	if os.Geteuid() != 0 {
		return errNotAdmin
	}
	if err := errors.Join(hidden(s.Program), hidden(s.Config), u.refuseOpen(s.Program)); err != nil {
		return err
	}
	texts := systemd.Service{Name: s.Name}
	file := s.Name + ".conf"
	for _, f := range []struct {
		folder, text, tool string
		options            []string
		done               string
	}{
		{"sysusers.d", texts.Sysusers(), "systemd-sysusers", nil, "user and group " + s.Name},
		{"tmpfiles.d", texts.Tmpfiles(), "systemd-tmpfiles", []string{"--create"},
			"folders /etc/" + s.Name + " and /var/lib/" + s.Name},
	} {
		// A package has put its own there.
		if _, err := os.Stat(u.root + "/usr/lib/" + f.folder + "/" + file); err != nil {
			if err := u.write("/etc/"+f.folder+"/"+file, f.text, say); err != nil {
				return err
			}
		}
		if _, err := u.call(f.tool, append(f.options, file)...); err != nil {
			return err
		}
		say(f.done + " are there")
	}
	return nil
}

// hidden refuses places that the unit keeps the service from.
func hidden(path string) error {
	for _, folder := range []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp"} {
		if strings.HasPrefix(path, folder+"/") {
			return fmt.Errorf("%s: a service does not see %s\nnext: put the binary into /usr/local/bin, configuration and "+
				"keys below /etc, and repeat the command from there", path, folder)
		}
	}
	return nil
}

// refuseOpen keeps a program that others than root may replace from being started at every boot.
func (u unitManager) refuseOpen(program string) error {
	for path := program; path != "/"; path = filepath.Dir(path) {
		info, err := os.Stat(u.root + path)
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t).Uid //nolint:forcetypeassert // of every file system on Linux
		if owner != 0 || info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("%s may be changed by others than root, and so they could let the service run another "+
				"program\nnext: sudo install -m 0755 %s /usr/local/bin/, and repeat the command from there", path, program)
		}
	}
	return nil
}

// write says so only where something changes.
func (u unitManager) write(path, text string, say func(string)) error {
	if old, err := os.ReadFile(u.root + path); err == nil && string(old) == text {
		return nil
	}
	if err := files.MkdirAll(filepath.Dir(u.root+path), 0o755); err != nil {
		return err
	}
	say("wrote " + path)
	return files.Replace(u.root+path, []byte(text), 0o644)
}

func (u unitManager) remove(path string, say func(string)) error {
	err := os.Remove(u.root + path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		say("removed " + path)
	}
	return err
}

func unitFile(name string) string { return "/etc/systemd/system/" + name + ".service" }
func lowPorts(name string) string { return unitFile(name) + ".d/listen-443.conf" }

// Install implements Manager.
func (u unitManager) Install(s Spec, say func(string)) error {
	uid, err := u.id("/etc/passwd", s.Name)
	if err != nil {
		return err
	}
	gid, err := u.id("/etc/group", s.Name)
	if err != nil {
		return err
	}
	for _, path := range s.Reads {
		if err := u.share(path, s.Name, gid, say); err != nil {
			return err
		}
	}
	writes := slices.DeleteFunc(slices.Clone(s.Writes), func(path string) bool {
		return path == "/var/lib/"+s.Name || strings.HasPrefix(path, "/var/lib/"+s.Name+"/")
	})
	for _, path := range writes {
		if err := u.give(path, s.Name, uid, gid, say); err != nil {
			return err
		}
	}
	unit := systemd.Service{Name: s.Name, Program: s.Program, Config: s.Config, Writes: writes}.Unit()
	packaged, err := os.ReadFile(u.root + "/usr/lib/systemd/system/" + s.Name + ".service")
	if err == nil && string(packaged) == unit {
		err = u.remove(unitFile(s.Name), say) // of an installation by hand
	} else {
		err = u.write(unitFile(s.Name), unit, say)
	}
	if err != nil {
		return err
	}
	if s.LowPort {
		err = u.write(lowPorts(s.Name), systemd.LowPorts(), say)
	} else {
		err = u.remove(lowPorts(s.Name), say)
	}
	if err != nil {
		return err
	}
	if _, err := u.call("systemctl", "daemon-reload"); err != nil {
		return err
	}
	if !s.Configured {
		say("service " + s.Name + ": does not start with the machine before " + s.Config + " is there")
		return nil
	}
	if _, err := u.call("systemctl", "enable", s.Name+".service"); err != nil {
		return err
	}
	say("service " + s.Name + ": starts with the machine, user " + s.Name)
	return nil
}

// call lets a tool of systemd work on the files below root.
func (u unitManager) call(name string, args ...string) (string, error) {
	if u.root != "" {
		args = append([]string{"--root=" + u.root}, args...)
	}
	return u.tool(name, args...)
}

// id finds the number of a user or a group.
func (u unitManager) id(file, name string) (int, error) {
	text, err := os.ReadFile(u.root + file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) > 2 && fields[0] == name {
			return strconv.Atoi(fields[2])
		}
	}
	return 0, fmt.Errorf("%s has no %s, which systemd-sysusers was to make", file, name)
}

// share lets the service's group read a file that others may not read. A group that has rights already keeps them.
func (u unitManager) share(path, name string, gid int, say func(string)) error {
	info, err := os.Stat(u.root + path)
	if err != nil {
		return err
	}
	mode, owner := info.Mode().Perm(), info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // of every file system
	switch {
	case mode&0o004 != 0, int(owner.Gid) == gid && mode&0o040 != 0:
		return nil
	case owner.Gid != 0 && int(owner.Gid) != gid && mode&0o070 != 0:
		say(fmt.Sprintf("warning: %s is another group's, and %s may not read it\nnext: add the user to that group: "+
			"sudo usermod -aG \"$(stat -c %%G %s)\" %s", path, name, path, name))
		return nil
	}
	say("group " + name + " may read " + path)
	return errors.Join(os.Chown(u.root+path, -1, gid), os.Chmod(u.root+path, mode|0o040))
}

// give makes a folder that the service writes to. One that is there keeps its owner.
func (u unitManager) give(path, name string, uid, gid int, say func(string)) error {
	if _, err := os.Stat(u.root + path); err == nil {
		say("the service may write to " + path + ", if its mode lets the user " + name)
		return nil
	}
	say("made " + path + ", owned by " + name)
	return errors.Join(files.MkdirAll(u.root+path, 0o750), os.Chown(u.root+path, uid, gid))
}

// Uninstall implements Manager.
func (u unitManager) Uninstall(ctx context.Context, name string, say func(string)) error {
	if os.Geteuid() != 0 {
		return errNotAdmin
	}
	if err := u.Stop(ctx, name); err != nil {
		return err
	}
	if _, err := u.call("systemctl", "disable", name+".service"); err != nil {
		return err
	}
	for _, path := range []string{
		lowPorts(name), unitFile(name), "/etc/sysusers.d/" + name + ".conf", "/etc/tmpfiles.d/" + name + ".conf",
	} {
		if err := u.remove(path, say); err != nil {
			return err
		}
	}
	if _, err := u.call("systemctl", "daemon-reload"); err != nil {
		return err
	}
	say("service " + name + ": stopped and taken out")
	say("these stay: the binary, /etc/" + name + ", /var/lib/" + name + " and the user " + name)
	return nil
}

// Start implements Manager.
func (u unitManager) Start(_ context.Context, name string) error { return u.control("start", name) }

// Stop implements Manager. systemctl waits until it is so.
func (u unitManager) Stop(_ context.Context, name string) error { return u.control("stop", name) }

func (u unitManager) control(verb, name string) error {
	s, err := u.Status(name)
	switch {
	case err != nil:
		return err
	case !s.Installed:
		return errNotInstalled
	case os.Geteuid() != 0:
		return errNotAdmin
	}
	_, err = u.tool("systemctl", verb, name+".service")
	return err
}

// Status implements Manager.
func (u unitManager) Status(name string) (Status, error) {
	text, err := u.tool("systemctl", "show", name+".service", "--property=LoadState,ActiveState,SubState,MainPID,User,"+
		"UnitFileState,ExecStart,ExecMainStatus")
	s := shown(name, text)
	return s, errors.Join(err, foreign(s))
}

// shown reads what systemctl show says. Only the last argument of ours, the configuration, can have blanks in it.
func shown(name, text string) Status {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		all[key] = value
	}
	if all["LoadState"] != "loaded" {
		return Status{Name: name}
	}
	_, program, _ := strings.Cut(all["ExecStart"], "path=")
	program, _, _ = strings.Cut(program, " ; ")
	_, file, _ := strings.Cut(all["ExecStart"], " run --config ")
	file, _, _ = strings.Cut(file, " ; ")
	pid, _ := strconv.ParseUint(all["MainPID"], 10, 32) // 0 = none
	end := ""
	if code := all["ExecMainStatus"]; all["ActiveState"] != "active" && code != "0" {
		end = "it ended with code " + code
	}
	return Status{
		Name: name, Installed: true, State: all["ActiveState"] + " (" + all["SubState"] + ")",
		Running: all["ActiveState"] == "active", PID: uint32(pid), LastEnd: end, Account: all["User"],
		StartType: all["UnitFileState"], Program: program, Config: file,
	}
}
