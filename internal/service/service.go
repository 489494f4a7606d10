// Package service makes the proxy a service of the machine that it runs on: by the Service Control Manager of Windows,
// or by systemd. It must never decide what the proxy does, and it knows no configuration: what of it matters comes as
// a Spec. The command "service" calls it.
package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"docusign-auth-proxy/deploy/systemd"
)

// DefaultName is the name of the service unless the operator chooses another.
const DefaultName = systemd.Name

// Manager is the service manager of this machine. What say is given are lines for the operator.
type Manager interface {
	// Config is where the configuration of a service lies unless the operator says another place.
	Config(name string) string
	// Prepare makes account and folders, so that a key that is put there is open to nobody else from the first moment.
	Prepare(s Spec, say func(string)) error
	// Install makes or repairs the service. It does not start it.
	Install(s Spec, say func(string)) error
	// Uninstall stops the service and takes it out; files of the operator stay.
	Uninstall(ctx context.Context, name string, say func(string)) error
	// Start and Stop come back when it is so.
	Start(ctx context.Context, name string) error
	Stop(ctx context.Context, name string) error
	// Status refuses to tell of another program's service.
	Status(name string) (Status, error)
}

// Spec is what a service needs of the machine.
type Spec struct {
	Name       string
	Program    string        // absolute path of the binary
	Config     string        // absolute path of the configuration
	Configured bool          // it is there; else the service would fail again and again after each boot
	Reads      []string      // files that it reads
	Writes     []string      // folders that it writes to
	LowPort    bool          // a listener has a port below 1024
	StopTime   time.Duration // how long it may take to end
}

// Status is what the machine knows of a service.
type Status struct {
	Name      string `json:"name"`
	Installed bool   `json:"installed"`
	State     string `json:"state,omitempty"` // in the words of the service manager
	Running   bool   `json:"running"`
	PID       uint32 `json:"pid,omitempty"`
	LastEnd   string `json:"last_end,omitempty"` // why it does not run, in words; "" where it was stopped
	Account   string `json:"account,omitempty"`
	StartType string `json:"start_type,omitempty"`
	Program   string `json:"program,omitempty"`
	Config    string `json:"config,omitempty"` // "" = another program's
}

// LogNeedsFile says that standard error of a service goes nowhere on this machine.
const LogNeedsFile = needsFile

// What is wrong with a request, told with the next step.
var (
	errNotInstalled = errors.New("the service is not installed\nnext: docusign-auth-proxy service install")
	errNotAdmin     = errors.New(notAdmin)
)

// foreign refuses a service that another program has: whoever mistypes a name must not lose it. With the usual name
// alone may it be what an earlier version needed, such as a wrapper.
func foreign(s Status) error {
	if !s.Installed || s.Config != "" || s.Name == DefaultName {
		return nil
	}
	return fmt.Errorf("the service %s is another program's: %s\nnext: take another --name", s.Name, s.Program)
}
