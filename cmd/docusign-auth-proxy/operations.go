package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/capture"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
)

const (
	operationsTimeout = 30 * time.Second
	// maxAnswer is above what a capture may hold in memory, since HAR writes much of it with escapes.
	maxAnswer = 8 * capture.DefaultMemory
)

// operations is how the commands of the operator reach the operations listener of a running proxy, and how they answer.
type operations struct {
	config, admin, user, passwordFile, tokenFile string
	json                                         bool
	query                                        url.Values
}

func (o *operations) flags(cmd *cobra.Command) *cobra.Command {
	configFlag(cmd, &o.config)
	cmd.Flags().StringVar(&o.admin, "admin", "", "`URL` of the operations listener of the running proxy (default: "+
		"listen.admin of the configuration)")
	cmd.Flags().StringVar(&o.user, "admin-user", "", "`NAME` of admin.basic_auth, when there is no configuration here")
	o.loginFlags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "answer in JSON, for programs")
	return cmd
}

// loginFlags are the two ways to prove the operator.
func (o *operations) loginFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.passwordFile, "admin-password-file", "",
		"`FILE` with the password of admin.basic_auth, when the configuration has only its hash")
	cmd.Flags().StringVar(&o.tokenFile, "admin-token-file", "",
		"`FILE` with the token that the running proxy wrote (default: admin.token_file of the configuration)")
}

// tell answers a person with text, a program with JSON.
func (o *operations) tell(cmd *cobra.Command, v any, text string) error {
	if !o.json {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
		return err
	}
	return shown.JSON(cmd.OutOrStdout(), v)
}

// table aligns rows of cells with tabs between them.
func table(rows []string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(rows, "\n"))
	_ = w.Flush() // writes to memory
	return b.String()
}

// same repeats the flags with which the next command reaches the same proxy.
func (o *operations) same() string {
	var flags strings.Builder
	for _, f := range [][3]string{
		{"config", o.config, defaultConfig}, {"admin", o.admin}, {"admin-user", o.user},
		{"admin-password-file", o.passwordFile}, {"admin-token-file", o.tokenFile},
	} {
		if f[1] != f[2] {
			flags.WriteString(" --" + f[0] + " " + words.Argument(f[1]))
		}
	}
	return flags.String()
}

// loaded is the configuration; with --admin there need be none on this machine.
func (o *operations) loaded(cmd *cobra.Command) (*config.Config, error) {
	if o.admin != "" && !cmd.Flags().Changed("config") {
		if _, err := os.Stat(o.config); errors.Is(err, fs.ErrNotExist) {
			return &config.Config{}, nil
		}
	}
	return config.Load(o.config)
}

// adminURL takes the flag, or the listener of the configuration.
func (o *operations) adminURL(cfg *config.Config) (*url.URL, error) {
	if o.admin != "" {
		u, err := url.Parse(o.admin)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			return nil, errors.New("--admin: not a URL such as http://127.0.0.1:9090")
		}
		return u, nil
	}
	at, err := app.OperationsOrigin(cfg.Listen.Admin)
	if err != nil || at.Port() == "0" {
		return nil, errors.New("give the address of the operations listener with --admin")
	}
	return at, nil
}

// ask calls the operations listener. into is a *[]byte for a file, else what the answer's JSON goes into; nil for none.
func (o *operations) ask(cmd *cobra.Command, method, path string, body []byte, into any) error {
	cfg, err := o.loaded(cmd)
	if err != nil {
		return err
	}
	at, err := o.adminURL(cfg)
	if err != nil {
		return err
	}
	target := at.JoinPath(path)
	target.RawQuery = o.query.Encode()
	r, err := http.NewRequestWithContext(cmd.Context(), method, target.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if err := o.login(cfg, r, true); err != nil {
		return err
	}
	if err := exchange(r, into); err != nil {
		return fmt.Errorf("the operations listener at %s: %w", at.Host, err)
	}
	return nil
}

// login sends the password of admin.basic_auth, whose name is the flag's where no configuration has it, else the token
// from its file. Unless it is needed it may be missing: what only shows can be had without.
func (o *operations) login(cfg *config.Config, r *http.Request, needed bool) error {
	basic := cfg.Admin.BasicAuth
	if basic == nil && needed && o.passwordFile != "" {
		if o.user == "" {
			return errors.New("--admin-password-file needs --admin-user, or a configuration with admin.basic_auth")
		}
		basic = &integration.Login{Username: o.user}
	}
	if basic != nil {
		password := basic.Password.Clear()
		if o.passwordFile != "" {
			var err error
			if password, err = readLine("--admin-password-file", o.passwordFile); err != nil {
				return err
			}
		}
		if !password.Empty() {
			r.SetBasicAuth(basic.Username, password.Reveal())
			return nil
		}
	}
	token, err := readLine("--admin-token-file", cmp.Or(o.tokenFile, cfg.Admin.TokenFile))
	switch {
	case err == nil:
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
	case o.tokenFile != "":
		return err
	case basic != nil:
		return fmt.Errorf("it asks for a login, and the configuration has only a hash: give the password with "+
			"--admin-password-file, "+
			"or run the command as the user of the proxy, who may read the token (%w)", err)
	case needed:
		return fmt.Errorf("the token that the running proxy wrote cannot be read: %w; run the command as the user of "+
			"the proxy, or name the file with --admin-token-file", err)
	}
	return nil
}

// readLine reads a secret from the file that a flag names.
func readLine(flag, path string) (secret.Text, error) {
	if path == "" {
		return secret.Text{}, errors.New(flag + " is not given, and there is no configuration here that names the file")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		told := words.OfFile(path, err, "")
		told.Hint = "" // the caller knows more
		return secret.Text{}, fmt.Errorf("%s: %w", flag, told)
	}
	return secret.New(strings.TrimRight(string(b), "\r\n")), nil
}

// exchange goes past HTTP_PROXY, which on such a machine is this proxy.
func exchange(r *http.Request, into any) error {
	client := &http.Client{
		Timeout:       operationsTimeout,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return adminRefusal(answer, b)
	}
	if len(b) > maxAnswer {
		return fmt.Errorf("its answer is over %d MiB", maxAnswer>>20)
	}
	switch to := into.(type) {
	case nil:
	case *[]byte:
		*to = b
	default:
		if err := json.Unmarshal(b, to); err != nil {
			return fmt.Errorf("its answer cannot be read: %w", err)
		}
	}
	return nil
}

func adminRefusal(answer *http.Response, body []byte) error {
	var said struct{ Error string }
	switch {
	case json.Unmarshal(body, &said) == nil && said.Error != "":
		return errors.New(said.Error)
	case answer.StatusCode == http.StatusUnauthorized && strings.HasPrefix(answer.Request.Header.Get("Authorization"),
		"Basic "):
		return errors.New("the login of admin.basic_auth was refused; give the password with --admin-password-file")
	case answer.StatusCode == http.StatusUnauthorized:
		return errors.New("the token was refused: it is another proxy's, or of an earlier start; name the file with " +
			"--admin-token-file")
	case strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain"):
		return errors.New(strings.TrimSpace(string(body)))
	}
	return fmt.Errorf("it answered %s; is it the operations listener of a docusign-auth-proxy of this version?",
		answer.Status)
}

func newReload() *cobra.Command {
	var o operations
	return o.flags(&cobra.Command{
		Use: "reload", Short: "Let the running proxy read its configuration again", Args: noArgs,
		Long: `A running proxy takes a changed file over by itself within seconds. This does it at once, and fails with the problems of a configuration
that is refused; the last good one then stays in force.`,
		Example: "  docusign-auth-proxy reload --config proxy.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.ask(cmd, http.MethodPost, "-/reload", nil, nil); err != nil {
				return err
			}
			return o.tell(cmd, map[string]bool{"reloaded": true},
				fmt.Sprintf("reloaded\nnext: docusign-auth-proxy report%s", o.same()))
		},
	})
}
