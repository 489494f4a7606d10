package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

const (
	pendingEvery = 2 * time.Second  // between two signs of progress
	pendingHint  = 20 * time.Second // after which the manager may think that there is none
)

// Exit codes of the service, for who asks the service manager.
const (
	notStarted   = 1
	endedByFault = 2
)

// openLog gives what writes an event. Where the source cannot be opened the service runs all the same: the log file
// has everything.
func openLog(name string) (write func(kind, string) error, done func()) {
	log, err := eventlog.Open(name)
	if err != nil {
		return func(kind, string) error { return err }, func() {}
	}
	write = func(k kind, text string) error {
		if k < failed {
			return log.Info(uint32(k), text)
		}
		return log.Error(uint32(k), text)
	}
	return write, func() { _ = log.Close() }
}

// manage speaks to the Service Control Manager. Signals are left alone: Go's runtime makes one of the log-off of any
// user, which must not end a service.
func manage(_ context.Context, name string, serve managed) error {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	h := &handler{serve: serve}
	err := svc.Run(name, h)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return fmt.Errorf("service run is for the Service Control Manager alone\nnext: docusign-auth-proxy service start "+
			"--name %s, or docusign-auth-proxy run --config FILE to run the proxy in this prompt", name)
	}
	return errors.Join(err, h.err)
}

type handler struct {
	serve managed
	err   error // of serve
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (bool, uint32) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	up, ended := make(chan func(), 1), make(chan struct{})
	go func() {
		defer close(ended)
		h.err = h.serve(ctx, func(reload func()) { up <- reload })
	}()
	ticker := time.NewTicker(pendingEvery)
	defer ticker.Stop()
	reload := func() {}
	now := svc.Status{State: svc.StartPending, WaitHint: uint32(pendingHint.Milliseconds())}
	for {
		changes <- now
		select {
		case <-ended:
			return h.exit()
		case reload = <-up:
			now = svc.Status{
				State:   svc.Running,
				Accepts: svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPreShutdown | svc.AcceptParamChange,
			}
		case <-ticker.C:
			if now.WaitHint > 0 {
				now.CheckPoint++
			}
		case request := <-requests:
			switch request.Cmd {
			case svc.Stop, svc.Shutdown, svc.PreShutdown:
				now = svc.Status{State: svc.StopPending, WaitHint: uint32(pendingHint.Milliseconds())}
				stop()
			case svc.ParamChange:
				go reload()
			}
		}
	}
}

// exit is a code of the service's own, by which the manager knows a fault.
func (h *handler) exit() (bool, uint32) {
	switch {
	case h.err == nil:
		return false, 0
	case errors.Is(h.err, errNotStarted):
		return true, notStarted
	}
	return true, endedByFault
}
