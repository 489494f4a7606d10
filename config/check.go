package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/legacy"
)

// check holds the decoded values to the rules that tie fields together, and fills in what follows from others.
func check(s *sources, c *Config) {
	checkEnvironment(s.report, c)
	checkListen(s.report, c)
	if c.Interception != nil {
		checkAuthority(s, c.Interception)
	}
	checkEgress(s.report, c)
	checkUpstream(s, &c.Upstream)
	checkAdmin(s.report, &c.Admin)
	checkStore(s, c)
	checkIntegrations(s.report, c)
}

// Shapes of the identifiers DocuSign gives out (PROTOCOL.md §1.2).
var (
	guidSyntax          = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	integratorKeySyntax = regexp.MustCompile(`^([0-9A-Za-z]{4}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	emailSyntax         = regexp.MustCompile(`^[^\s\[\]<>"@]{1,256}@[^\s\[\]<>"@]{1,256}$`)
	accountNumberSyntax = regexp.MustCompile(`^[0-9]{1,18}$`)
	scopeSyntax         = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`) // RFC 6749 §3.3
)

const guidHint = "a GUID is 32 hexadecimal digits as in a1b2c3d4-0000-4000-8000-000000000001"

func isGUID(text string) bool { return guidSyntax.MatchString(text) }

// checkGUID reports what is no GUID; an empty text is left alone.
func checkGUID(r *report, path, text string) {
	if text != "" && !isGUID(text) {
		r.problem(path, "must be a GUID", guidHint)
	}
}

func checkIntegratorKey(r *report, path, text string) {
	if text != "" && !integratorKeySyntax.MatchString(text) {
		r.problem(path, "must be a GUID, or four characters, a dash and a GUID", guidHint)
	}
}

func isPerson(name string) bool { return emailSyntax.MatchString(name) || isGUID(name) }

func checkPerson(r *report, path, name string) {
	if name != "" && !isPerson(name) {
		r.problem(path, "must be an e-mail address or a GUID", guidHint)
	}
}

// refuseRepeated reports a name that an earlier item of the list has.
func refuseRepeated(r *report, path string, first map[string]int, name string, i int, what string) {
	name = legacy.Fold(name)
	if name == "" {
		return
	}
	if earlier, again := first[name]; again {
		r.problem(path, fmt.Sprintf("is the same %s as in item %d of the list", what, earlier), "")
		return
	}
	first[name] = i
}

func checkLogin(r *report, path string, u integration.Login) {
	if strings.Contains(u.Username, ":") {
		r.problem(child(path, "username"), "must not contain a colon", "RFC 7617 ends the name there")
	}
}

func checkNetworks(r *report, path string, networks []netip.Prefix, effect string) {
	for i, n := range networks {
		if n.IsValid() && n.Bits() == 0 {
			r.warn(item(path, i), fmt.Sprintf("%s %s", n, effect), "name the networks that are meant")
		}
	}
}

// checkURI reports an address that a browser could not return to.
func checkURI(r *report, path, text string) {
	if _, err := parseURI(text); text != "" && err != nil {
		r.problem(path, err.Error(), "write it as it is registered with DocuSign")
	}
}

func checkAdmin(r *report, a *Admin) {
	checkURI(r, "admin.redirect_uri", a.RedirectURI)
	a.Redirect, _ = parseURI(a.RedirectURI)
	if a.BasicAuth != nil {
		checkLogin(r, "admin.basic_auth", *a.BasicAuth)
	}
}

// checkStore looks for the directory alone: the file is made at the first start.
func checkStore(s *sources, c *Config) {
	switch c.Store {
	case Memory:
		c.Store = ""
		if c.PinPassword == FirstUse {
			s.warn("pin_password", "without store, each restart believes the first password again", "add store: state.db")
		}
	case "":
		// No check: where the default cannot be used, the program says so and keeps the state in memory.
		c.Store, c.StoreImplicit = s.defaultStore(), true
	default:
		c.Store = s.resolvePath(c.Store)
		s.checkDirectory("store", filepath.Dir(c.Store))
	}
	switch {
	case c.Admin.TokenFile != "":
		c.Admin.TokenFile = s.resolvePath(c.Admin.TokenFile)
	case c.Store == "":
		c.Admin.TokenFile = s.resolvePath(DefaultStore) + ".admin-token"
	default: // beside the state, in a folder that the proxy can write
		c.Admin.TokenFile = c.Store + ".admin-token"
	}
}

// defaultStore is in the folder that systemd made for the service (StateDirectory=), or else beside the configuration.
func (s *sources) defaultStore() string {
	if dirs, set := s.env.LookupEnv("STATE_DIRECTORY"); set && dirs != "" {
		first, _, _ := strings.Cut(dirs, ":")
		return filepath.Join(first, DefaultStore)
	}
	return s.resolvePath(DefaultStore)
}

func (s *sources) checkDirectory(path, dir string) {
	info, err := s.env.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.problem(path, fmt.Sprintf("the directory %s does not exist", dir), "make it, owned by the user the proxy runs as")
	case err != nil:
		s.problem(path, fmt.Sprintf("cannot look at %s: %v", dir, err), "")
	case !info.IsDir():
		s.problem(path, fmt.Sprintf("%s is not a directory", dir), "")
	}
}
