package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/secret"
)

// writeOperatorToken makes the token by which commands on this machine prove that they come from the operator. Without a file for
// it there is none: then only a login of admin.basic_auth is believed.
func (p *program) writeOperatorToken(cfg *config.Config) {
	if p.adminOn == nil {
		return
	}
	token := secret.New(rand.Text())
	err := p.ownsState(cfg)
	if err == nil {
		err = replaceFile(cfg.Admin.TokenFile, token.Reveal()+"\n")
	}
	if err == nil {
		p.token, p.tokenFile = token, cfg.Admin.TokenFile
		return
	}
	if cfg.Admin.BasicAuth == nil {
		p.log.Warn("there is no operator's token", "error", err, "effect", "captures, tokens, pins and reload are refused on the operations listener",
			"next_step", "set admin.basic_auth, or admin.token_file to a file in a folder that the proxy may write")
	}
}

// ownsState refuses the default place of the token while another process has the state file: the token there is that one's.
func (p *program) ownsState(cfg *config.Config) error {
	if cfg.Store != "" && !p.store.Durable() && filepath.Dir(cfg.Admin.TokenFile) == filepath.Dir(cfg.Store) {
		return errors.New("the state file beside it cannot be used")
	}
	return nil
}

// replaceFile writes a file that its owner alone can read; nobody sees half of it.
func replaceFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new*") // its mode is 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// removeOperatorToken leaves a file that another process has written since.
func (p *program) removeOperatorToken() {
	if p.tokenFile == "" {
		return
	}
	if now, err := readLine("admin.token_file", p.tokenFile); err == nil && now.Equal(p.token) {
		_ = os.Remove(p.tokenFile) // a token that nobody takes any more does no harm
	}
}

func newReload() *cobra.Command {
	var o captureOptions
	return o.flags(&cobra.Command{
		Use: "reload", Short: "Let the running proxy read its configuration again", Args: cobra.NoArgs,
		Long: `A running proxy takes a changed file over by itself within seconds. This does it at once, and fails with the problems of a configuration
that is refused; the last good one then stays in force.`,
		Example: "  docusign-auth-proxy reload --config proxy.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var said []byte
			if err := o.ask(cmd, http.MethodPost, nil, &said, "-", "reload"); err != nil {
				return err
			}
			return o.tell(cmd, map[string]bool{"reloaded": true}, fmt.Sprintf("reloaded\nnext: docusign-auth-proxy report%s", o.same()))
		},
	})
}
