package app

import (
	"context"
	"errors"
	"log/slog"

	"docusign-auth-proxy/config"
)

// Running is a program that serves calls until it is stopped.
type Running struct {
	*App
	stop  context.CancelFunc
	ended chan struct{}
	err   error // of Run; set once ended is closed
}

// Start makes a program and runs it. It comes back when all listeners are open. The program outlives ctx for as long as
// Stop needs to end it in order.
func Start(ctx context.Context, holder *config.Holder, log *slog.Logger, h Hooks) (*Running, error) {
	p, err := New(holder, log, h)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &Running{App: p, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = p.Run(running)
	}()
	select {
	case <-p.Ready():
		return r, nil
	case <-r.ended:
		return nil, errors.Join(errors.New("the proxy did not start"), r.Stop())
	}
}

// Ended is closed when the program serves no more.
func (r *Running) Ended() <-chan struct{} { return r.ended }

// Stop ends the program, if it has not ended, and tells what went wrong. A nil Running has nothing to stop.
func (r *Running) Stop() error {
	if r == nil {
		return nil
	}
	r.stop()
	<-r.ended
	return r.err
}
