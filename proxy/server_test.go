package proxy_test

import (
	"net"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy"
	"docusign-auth-proxy/proxy/egress"
)

func TestShutdownMayBeCalledAgainAndAtTheSameTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := proxy.New(proxy.UsualConfig(), &proxy.State{Policy: &egress.Policy{}})
	var serving, stopping sync.WaitGroup
	serving.Go(func() { _ = s.Run() })
	serving.Go(func() { _ = s.Serve(l, call.DoorSidecar) })
	for range 3 {
		stopping.Go(func() {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	stopping.Wait()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	serving.Wait()
}
