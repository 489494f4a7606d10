package main

import (
	"context"
	"docusign-auth-proxy/internal/call"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
)

// discoverOptions are the flags of discover.
type discoverOptions struct {
	base, out, environment, listen string
	privateKey, adminUserID        string
	pin, force, asJSON             bool
	limit                          time.Duration
}

func newDiscover() *cobra.Command {
	o := discoverOptions{}
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "Watch the old program call and write a configuration from what it sends",
		Long: `Runs the proxy without integrations: every call passes to DocuSign unchanged, and the integrator keys, users, principals and accounts in it
are written down. Let the old program make its calls (they may fail at DocuSign, that does not matter), then end with Ctrl-C or --for.
The configuration that comes out is complete but for what only DocuSign can give: a private key, and user GUIDs unless --admin-user-id is given.`,
		Example: `  docusign-auth-proxy discover --environment demo --private-key key.pem --admin-user-id a1b2c3d4-0000-4000-8000-000000000022 --for 10m`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDiscover(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.base, "config", "", "`FILE` whose settings (listeners, egress, upstream) are taken over; its integrations are kept")
	f.StringVar(&o.out, "out", "docusign-auth-proxy.yaml", "`FILE` to write")
	f.StringVar(&o.environment, "environment", "demo", "demo or production, without --config; calls to hosts of the other are refused")
	f.StringVar(&o.listen, "listen", "", "`ADDRESS` for forward proxy and sidecar (default 127.0.0.1:8080, or as in --config)")
	f.StringVar(&o.privateKey, "private-key", "", "PEM `FILE` of the RSA key made in DocuSign under Apps and Keys")
	f.StringVar(&o.adminUserID, "admin-user-id", "", "`GUID` of an administrator, by whose token e-mails become user GUIDs")
	f.BoolVar(&o.pin, "pin-passwords", false, "store a hash of the first password seen for each user, from this machine only; whoever comes first decides")
	f.BoolVar(&o.force, "force", false, "overwrite the file named by --out")
	f.BoolVar(&o.asJSON, "json", false, "print what was found as JSON")
	f.DurationVar(&o.limit, "for", 0, "stop after this `TIME` (default: at Ctrl-C)")
	return cmd
}

func runDiscover(cmd *cobra.Command, o discoverOptions) error {
	if _, err := os.Stat(o.out); err == nil && !o.force && o.out != o.base {
		return fmt.Errorf("%s exists: choose another name with --out, or --force to replace it", o.out)
	}
	doc, err := discoverBase(o)
	if err != nil {
		return err
	}
	found := newDiscovery(o.pin)
	if err := watchCalls(cmd, o, doc, found); err != nil {
		return err
	}
	return found.write(cmd, o, doc)
}

// discoverBase is the configuration without integrations that the calls are watched with, and that the result is built on.
func discoverBase(o discoverOptions) (map[string]any, error) {
	doc := map[string]any{"environment": o.environment}
	folder := filepath.Dir(o.out)
	if o.base != "" {
		if filepath.Dir(o.base) != folder {
			return nil, fmt.Errorf("--out must be in the folder of %s, since the paths in it are relative to that folder", o.base)
		}
		text, err := os.ReadFile(o.base)
		if err != nil {
			return nil, err
		}
		doc = map[string]any{}
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return nil, fmt.Errorf("%s: %w", o.base, err)
		}
	}
	if _, given := doc["interception"]; !given && hasCA(folder) {
		doc["interception"] = map[string]any{"ca_cert": "ca.pem", "ca_key": "ca-key.pem"}
	}
	if o.listen != "" {
		listen, _ := doc["listen"].(map[string]any)
		if listen == nil {
			listen = map[string]any{}
		}
		listen["proxy"] = o.listen
		doc["listen"] = listen
	}
	return doc, nil
}

// hasCA finds the CA that ca init makes in a folder.
func hasCA(folder string) bool {
	for _, name := range []string{"ca.pem", "ca-key.pem"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

// watchCalls runs the proxy until the time is over or Ctrl-C.
func watchCalls(cmd *cobra.Command, o discoverOptions, doc map[string]any, found *discovery) error {
	watching := map[string]any{}
	for k, v := range doc {
		watching[k] = v
	}
	watching["unknown"] = config.Observe
	watching["store"] = config.Memory
	text, err := yaml.Marshal(watching)
	if err != nil {
		return err
	}
	// The file stands beside the result: relative paths in it must go on meaning the same.
	file, err := os.CreateTemp(filepath.Dir(o.out), ".discover-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	holder := &config.Holder{Path: file.Name()}
	cfg, err := holder.Reload()
	if err != nil {
		return err
	}
	found.clients = cfg.Egress.Clients
	return runLogged(cmd.ErrOrStderr(), config.Log{Level: "warn", Format: "text"}, func(log *slog.Logger, h hooks) error {
		h.onUnknown, h.recorder = found.credential, found
		return watchWith(cmd, o, holder, found, log, h)
	})
}

func watchWith(
	cmd *cobra.Command, o discoverOptions, holder *config.Holder, found *discovery, log *slog.Logger, h hooks,
) error {
	if found.pin {
		log.Warn("passwords are pinned: the first one seen for each user is believed", "clients", "this machine and egress.clients only")
	}
	p, err := newProgramWith(holder, log, h)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if o.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.limit)
		defer cancel()
	}
	go func() {
		<-p.ready
		announceDiscover(cmd, p, o)
	}()
	return p.run(ctx)
}

func announceDiscover(cmd *cobra.Command, p *program, o discoverOptions) {
	if o.asJSON {
		return
	}
	addr := ""
	for _, l := range p.listeners {
		if l.door == call.DoorSidecar {
			addr = l.Addr().String()
		}
	}
	end := "press Ctrl-C"
	if o.limit > 0 {
		end = "wait (it ends after " + o.limit.String() + ") or press Ctrl-C"
	}
	fmt.Fprintf(cmd.OutOrStdout(), `watching on %[1]s; every call passes to DocuSign unchanged

Point the old program here, in one of these ways:
  its base URL:     http://%[1]s/restapi   (SOAP: http://%[1]s/api/3.0/dsapi.asmx)
  its HTTP proxy:   HTTP_PROXY=http://%[1]s HTTPS_PROXY=http://%[1]s
Let it make the calls it makes, then %[2]s.
`, addr, end)
}
