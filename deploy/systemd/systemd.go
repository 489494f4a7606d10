// Package systemd has the files by which the proxy is a service of systemd, so that the command "service install", the
// packages and the guide beside it say the same. It must never touch the machine. internal/service and what makes the
// packages call it.
package systemd

import (
	_ "embed"
	"strings"
)

// Name is how unit, user, group and folders are called unless the operator chooses another name.
const Name = "docusign-auth-proxy"

//go:embed docusign-auth-proxy.service
var unit string

//go:embed docusign-auth-proxy.sysusers.conf
var sysusers string

//go:embed docusign-auth-proxy.tmpfiles.conf
var tmpfiles string

//go:embed listen-443.conf
var lowPorts string

// Service is what the files depend on.
type Service struct {
	Name    string   // of unit, user and group, and of the folders below /etc and /var/lib
	Program string   // path of the binary
	Config  string   // path of the configuration
	Writes  []string // folders that the proxy writes to, besides the one below /var/lib
}

// Unit goes to NAME.service in a folder of systemd's units.
func (s Service) Unit() string {
	const after = "StateDirectoryMode=0700\n"
	var writable strings.Builder
	writable.WriteString(after)
	for _, folder := range s.Writes {
		writable.WriteString("ReadWritePaths=" + quoted(folder) + "\n")
	}
	return strings.NewReplacer(
		"/usr/local/bin/"+Name, quoted(s.Program), "/etc/"+Name+"/config.yaml", quoted(s.Config),
		"="+Name+"\n", "="+s.Name+"\n", after, writable.String(),
	).Replace(unit)
}

// LowPorts goes beside the unit, as NAME.service.d/listen-443.conf, where a listener has a port below 1024.
func LowPorts() string { return lowPorts }

// Sysusers goes to sysusers.d/NAME.conf.
func (s Service) Sysusers() string { return strings.ReplaceAll(sysusers, Name, s.Name) }

// Tmpfiles goes to tmpfiles.d/NAME.conf.
func (s Service) Tmpfiles() string { return strings.ReplaceAll(tmpfiles, Name, s.Name) }

// quoted makes one word of a path, systemd.service(5), "Command lines", and systemd.unit(5), "Specifiers".
func quoted(path string) string {
	path = strings.NewReplacer("%", "%%", "$", "$$").Replace(path)
	if !strings.ContainsAny(path, " \t\\\"';") {
		return path
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}
