// Package discover writes a configuration from the calls that an old program makes through a proxy without
// integrations. It must never keep a password, but for a hash where that was asked for. The command discover calls it.
package discover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
)

// Options are the flags of discover.
type Options struct {
	Base, Out, Environment, Listen string
	PrivateKey, AdminUserID        string
	Pin, Force, AsJSON             bool
	Limit                          time.Duration
	Stdout, Stderr                 io.Writer
}

// Run watches calls until ctx or the time ends, and writes the configuration.
func Run(ctx context.Context, o Options) error {
	if _, err := os.Stat(o.Out); err == nil && !o.Force && o.Out != o.Base {
		return fmt.Errorf("%s exists: choose another name with --out, or --force to replace it", o.Out)
	}
	doc, err := baseDocument(o)
	if err != nil {
		return err
	}
	found := newDiscovery(o.Pin)
	if err := watchCalls(ctx, o, doc, found); err != nil {
		return err
	}
	return found.write(o, doc)
}

// baseDocument is the configuration without integrations that the calls are watched with, and that the result is built
// on.
func baseDocument(o Options) (map[string]any, error) {
	doc := map[string]any{"environment": o.Environment}
	folder := filepath.Dir(o.Out)
	if o.Base != "" {
		if filepath.Dir(o.Base) != folder {
			return nil, fmt.Errorf("--out must be in the folder of %s, since the paths in it are relative to that "+
				"folder", o.Base)
		}
		text, err := os.ReadFile(o.Base)
		if err != nil {
			return nil, err
		}
		doc = map[string]any{}
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Base, err)
		}
	}
	if _, given := doc["interception"]; !given && hasCA(folder) {
		doc["interception"] = map[string]any{"ca_cert": "ca.pem", "ca_key": "ca-key.pem"}
	}
	if o.Listen != "" {
		listen, _ := doc["listen"].(map[string]any)
		if listen == nil {
			listen = map[string]any{}
		}
		listen["proxy"] = o.Listen
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
func watchCalls(ctx context.Context, o Options, doc map[string]any, found *discovery) error {
	watching := maps.Clone(doc)
	watching["unknown"] = config.Observe
	watching["store"] = config.Memory
	text, err := yaml.Marshal(watching)
	if err != nil {
		return err
	}
	// The file stands beside the result: relative paths in it must go on meaning the same.
	file, err := os.CreateTemp(filepath.Dir(o.Out), ".discover-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	holder := &config.Holder{Path: file.Name()}
	cfg, err := holder.Reload()
	if err != nil {
		return err
	}
	found.clients = cfg.Egress.Clients
	return app.RunLogged(o.Stderr, config.Log{Level: "warn", Format: "text"},
		func(log *slog.Logger, h app.Hooks) error {
			h.OnUnknown, h.Recorder = found.credential, found
			if found.pin {
				log.Warn("passwords are pinned: the first one seen for each user is believed", "clients",
					"this machine and egress.clients only")
			}
			p, err := app.New(holder, log, h)
			if err != nil {
				return err
			}
			return watchFor(ctx, o, p)
		})
}

func watchFor(ctx context.Context, o Options, p *app.App) error {
	if o.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Limit)
		defer cancel()
	}
	go func() {
		<-p.Ready()
		announce(p, o)
	}()
	return p.Run(ctx)
}

func announce(p *app.App, o Options) {
	if o.AsJSON {
		return
	}
	addr := p.Address(call.DoorSidecar)
	end := "press Ctrl-C"
	if o.Limit > 0 {
		end = "wait (it ends after " + o.Limit.String() + ") or press Ctrl-C"
	}
	fmt.Fprintf(o.Stdout, `watching on %[1]s; every call passes to DocuSign unchanged

Point the old program here, in one of these ways:
  its base URL:     http://%[1]s/restapi   (SOAP: http://%[1]s/api/3.0/dsapi.asmx)
  its HTTP proxy:   HTTP_PROXY=http://%[1]s HTTPS_PROXY=http://%[1]s
Let it make the calls it makes, then %[2]s.
`, addr, end)
}
