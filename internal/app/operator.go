package app

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
)

// operatorToken is the secret by which commands on this machine prove that they come from the operator.
type operatorToken struct {
	token secret.Text // empty = there is none
	file  string      // where it was written
}

// write makes the token. Without a file for it there is none: then only a login of admin.basic_auth is believed.
func (o *operatorToken) write(cfg *config.Config, state *store.Store, log *slog.Logger) {
	token := secret.New(rand.Text())
	err := ownsState(cfg, state)
	if err == nil {
		err = files.Replace(cfg.Admin.TokenFile, []byte(token.Reveal()+"\n"), 0o600)
	}
	if err == nil {
		o.token, o.file = token, cfg.Admin.TokenFile
		return
	}
	if cfg.Admin.BasicAuth == nil {
		advised(log, cause.NoOperatorToken).Warn("there is no operator's token", "error", err, "effect",
			"captures, tokens, pins and reload are refused on the operations listener")
	}
}

// ownsState refuses the default place of the token while another process has the state file: the token there is that
// one's.
func ownsState(cfg *config.Config, state *store.Store) error {
	if cfg.Store.File != "" && !state.Durable() && filepath.Dir(cfg.Admin.TokenFile) == filepath.Dir(cfg.Store.File) {
		return errors.New("the state file beside it cannot be used")
	}
	return nil
}

// remove leaves a file that another process has written since.
func (o *operatorToken) remove() {
	if o.file == "" {
		return
	}
	now, err := os.ReadFile(o.file)
	if err == nil && secret.New(strings.TrimSpace(string(now))).Equal(o.token) {
		_ = os.Remove(o.file) // a token that nobody takes any more does no harm
	}
}
