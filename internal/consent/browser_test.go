package consent

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestARedirectURIWithoutAPathIsServed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f := &BrowserOptions{Listen: DefaultBrowserListen}
	b, err := f.listen("http://"+address, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	resp, err := http.Get("http://" + address + "?code=x&state=guessed")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(page), "(state)") {
		t.Errorf("%d %v %s", resp.StatusCode, err, page)
	}
}
