package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// maxTokens bounds the access tokens kept; the oldest go first.
const maxTokens = 20000

// accessToken is what stands behind a token. An empty user is an application token, which eSignature refuses.
type accessToken struct {
	key, user string
	scopes    []string
	expires   time.Time
}

func (t accessToken) allows(scope string) bool {
	for _, s := range t.scopes {
		if s == scope {
			return true
		}
	}
	return false
}

// tokenStore holds live access tokens.
type tokenStore struct {
	mu    sync.Mutex
	live  map[string]accessToken
	order []string
}

func newTokenStore() *tokenStore { return &tokenStore{live: map[string]accessToken{}} }

func (ts *tokenStore) issue(t accessToken, now time.Time) string {
	text := tokenText(t, now)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.live[text] = t
	ts.order = append(ts.order, text)
	if len(ts.order) > maxTokens {
		delete(ts.live, ts.order[0])
		ts.order = ts.order[1:]
	}
	return text
}

func (ts *tokenStore) find(text string, now time.Time) (accessToken, bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t, ok := ts.live[text]
	if ok && !now.Before(t.expires) {
		delete(ts.live, text)
		return accessToken{}, false
	}
	return t, ok
}

func (ts *tokenStore) revoke(user string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for text, t := range ts.live {
		if t.user == user {
			delete(ts.live, text)
		}
	}
}

// tokenText looks like DocuSign's tokens: three base64url parts, 700 bytes and more, meaningless to the client.
func tokenText(t accessToken, now time.Time) string {
	header := encode([]byte(`{"typ":"MT","alg":"RS256","kid":"681ff1bd-f176-4c04-a926-6ce3d6b0d5c7"}`))
	claims, err := json.Marshal(map[string]any{
		"jti": newGUID(), "client": t.key, "sub": t.user, "scp": t.scopes, "iat": now.Unix(), "exp": t.expires.Unix(),
		"pad": encode(randomBytes(96)),
	})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return strings.Join([]string{header, encode(claims), encode(randomBytes(256))}, ".")
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

func newGUID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
