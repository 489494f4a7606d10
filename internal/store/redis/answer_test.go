package redis

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/store"
)

// A sentinel that has no such master says it as a server says that it has no such value.
func TestNoValueIsAnAnswerAndNoMasterIsNone(t *testing.T) {
	var observed error
	s := Open(Options{
		Addresses: []string{"127.0.0.1:1"}, Namespace: "test", Key: make([]byte, keySize), Sentinel: &Sentinel{Master: "m"},
		Observe: func(_ string, err error, _ time.Duration) { observed = err },
	})
	defer s.Close()
	say := func(said error) error {
		return s.do(t.Context(), "get", time.Second, func(context.Context, goredis.UniversalClient) error { return said })
	}
	if err := say(goredis.Nil); err != nil || observed != nil {
		t.Errorf("no value is the error %v, observed %v", err, observed)
	}
	if err := say(fmt.Errorf("no master: %w", goredis.Nil)); !errors.Is(err, store.ErrUnreachable) ||
		!errors.Is(observed, store.ErrUnreachable) {
		t.Errorf("no master is %v, observed %v", err, observed)
	}
}
