package sandbox

import (
	"fmt"
	"sync"
	"testing"
)

func TestManyWhoRegisterAtOnceAllStay(t *testing.T) {
	t.Parallel()
	const many = 200
	var d registry
	d.AddIntegration(Integration{Key: GUIDKey})
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() { d.AddRedirectURI(GUIDKey, fmt.Sprintf("http://127.0.0.1:%d/callback", 1024+i)) })
	}
	wg.Wait()
	if got, _ := d.findIntegration(GUIDKey); len(got.RedirectURIs) != many {
		t.Errorf("%d of %d redirect URIs are registered", len(got.RedirectURIs), many)
	}
}
