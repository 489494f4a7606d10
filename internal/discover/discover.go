// Package discover writes a configuration from the calls that an old program makes through a proxy without
// integrations. It must never keep a password, but for a hash where that was asked for. The command discover calls it.
package discover

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/integration"
)

// Options are the flags of discover.
type Options struct {
	Base, Out, Environment, Listen, Admin string
	PrivateKey, AdminUserID               string
	Pin, Force, AsJSON                    bool
	Limit                                 time.Duration
	Stdout, Stderr                        io.Writer
}

// Run watches calls until ctx or the time ends, and writes the configuration.
func Run(ctx context.Context, o Options) error {
	if _, err := os.Stat(o.Out); err == nil && !o.Force && o.Out != o.Base {
		return fmt.Errorf("%s exists\nnext: choose another name with --out, or --force to replace it", o.Out)
	}
	if o.Limit < 0 {
		return fmt.Errorf("--for %s: the time must not be negative\nnext: write it as in --for 10m", o.Limit)
	}
	doc, err := baseDocument(o)
	if err != nil {
		return err
	}
	path, err := doc.watching(o)
	defer os.Remove(path)
	if err != nil {
		return err
	}
	holder := &config.Holder{Path: path}
	cfg, err := holder.Reload()
	if err != nil {
		return flagErrors(o, err)
	}
	found := newDiscovery(o.Pin, cfg.Egress.Clients)
	if err := watchCalls(ctx, o, holder, found); err != nil {
		return err
	}
	// The watching has ended, perhaps by Ctrl-C: what follows has its own time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	found.ask(ctx, o, cfg)
	return found.write(o, doc)
}

func baseDocument(o Options) (document, error) {
	doc := newDocument()
	folder := filepath.Dir(o.Out)
	if o.Base == "" {
		doc.root().set("environment", o.Environment)
	} else {
		if filepath.Dir(o.Base) != folder {
			return doc, fmt.Errorf("--out must be in the folder of %s, since the paths in it are relative to that folder",
				o.Base)
		}
		if _, err := config.Load(o.Base); err != nil {
			return doc, err
		}
		text, err := os.ReadFile(o.Base)
		if err = errors.Join(err, yaml.Unmarshal(text, doc.file)); err != nil {
			return doc, err
		}
	}
	listen := doc.root().at("listen")
	for _, a := range []struct{ key, address string }{{"proxy", o.Listen}, {"admin", o.Admin}} {
		if a.address != "" {
			listen.set(a.key, a.address)
			doc.root().set("listen", listen.n)
		}
	}
	if doc.root().get("interception") == nil && hasCA(folder) {
		doc.root().set("interception", &struct {
			Cert string `yaml:"ca_cert"`
			Key  string `yaml:"ca_key"`
		}{"ca.pem", "ca-key.pem"})
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

// watching writes the configuration that is in force while calls are watched. It stands beside the result, since
// relative paths in it must go on meaning the same, and is removed in the end.
func (d document) watching(o Options) (path string, err error) {
	copied, err := d.text()
	if err != nil {
		return "", err
	}
	w := newDocument()
	if err := yaml.Unmarshal(copied, w.file); err != nil {
		return "", err
	}
	w.root().set("unknown", config.Observe)
	w.root().set("store", config.Memory)
	if o.PrivateKey != "" {
		w.root().appendTo("integrations", sectionOf(o, "discover", askedKey, "", integration.Observe).n)
	}
	text, err := w.text()
	if err != nil {
		return "", err
	}
	path = filepath.Join(filepath.Dir(o.Out), ".discover-"+rand.Text()+".yaml")
	return path, files.Create(path, text, 0o600)
}

// flagErrors speaks of the flag where a problem is about its value: the file that would be named does not exist yet.
func flagErrors(o Options, err error) error {
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		return err
	}
	var said []error
	for _, p := range problems {
		place := p.Path
		for name, flag := range map[string]string{"private_keys": "--private-key " + o.PrivateKey,
			"admin_user_id": "--admin-user-id " + o.AdminUserID, "listen.proxy": "--listen " + o.Listen,
			"listen.admin": "--admin " + o.Admin, "environment": "--environment " + o.Environment} {
			if strings.Contains(p.Path, name) {
				place = flag
			}
		}
		text := place + ": " + p.Message
		if p.Hint != "" {
			text += "\nnext: " + p.Hint
		}
		said = append(said, errors.New(text))
	}
	return errors.Join(said...)
}

// watchCalls runs the proxy until the time is over or Ctrl-C.
func watchCalls(ctx context.Context, o Options, holder *config.Holder, found *discovery) error {
	return app.RunLogged(o.Stderr, config.Log{Level: "warn", Format: "text"}, nil,
		func(log *slog.Logger, h app.Hooks) error {
			h.OnUnknown, h.Recorder = found.credential, found
			if found.pin {
				log.Warn("passwords are pinned: the first one seen for each user is believed", "clients",
					"this machine and egress.clients only")
			}
			p, err := app.New(holder, log, h)
			if err != nil {
				return otherFlag(err)
			}
			return watchFor(ctx, o, p)
		})
}

// otherFlag names the flag by which another address is chosen.
func otherFlag(err error) error {
	taken, ok := errors.AsType[*app.ListenError](err)
	if !ok {
		return err
	}
	if flag := map[string]string{"proxy": "--listen ", "admin": "--admin "}[taken.Key]; flag != "" {
		return taken.Instead("use " + flag + taken.Free)
	}
	return taken
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
                    (.NET, WinHTTP and Java: docusign-auth-proxy ca trust --for dotnet,winhttp,java)
Let it make the calls it makes, then %[2]s.
`, addr, end)
}
