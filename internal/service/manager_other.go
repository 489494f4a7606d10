//go:build !windows && !linux

package service

import (
	"errors"
)

const (
	needsFile = false
	notAdmin  = "only an administrator may do this"
)

// Open knows no service manager of this system.
func Open() (Manager, error) {
	return nil, errors.New("service is for Windows and for Linux with systemd\nnext: let launchd, or what starts " +
		"programs on this system, run \"docusign-auth-proxy run --config FILE\" and end it with SIGTERM")
}
