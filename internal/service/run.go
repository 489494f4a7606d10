package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// restartAfter is how long the service manager waits before it starts again what has ended by a fault.
const restartAfter = 5 * time.Second

// Serve is the program. It runs until ctx ends, gives its lines of level error to also (nil = nobody), and calls up
// when its listeners are open, with what reads the configuration again.
type Serve func(ctx context.Context, also slog.Handler, up func(reload func())) error

// managed is a Serve whose events are told already.
type managed func(ctx context.Context, up func(reload func())) error

// Run serves as the service manager wants it. On a machine whose service manager starts programs as they are, that is
// until ctx ends.
func Run(ctx context.Context, name string, serve Serve) error {
	write, done := openLog(name)
	defer done()
	e := newEvents(write)
	return manage(ctx, name, func(ctx context.Context, up func(func())) error {
		isUp := false
		err := serve(ctx, eventHandler{events: e}, func(reload func()) {
			isUp = true
			e.tell(started, "The service "+name+" is started: its listeners are open.")
			up(reload)
		})
		switch {
		case err == nil:
			e.tell(stopped, "The service "+name+" is stopped. Calls that were under way are finished.")
		case isUp:
			e.tell(broken, fmt.Sprintf("The service %s ended by a fault, and is started again after %s.\n\n%v", name,
				restartAfter, err))
		default:
			e.tell(failed, fmt.Sprintf("The service %s could not start, and tries again after %s.\n\n%v", name,
				restartAfter, err))
			err = errors.Join(errNotStarted, err)
		}
		return err
	})
}

var errNotStarted = errors.New("the proxy could not start")
