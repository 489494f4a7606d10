package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
)

// readConfig reads the configuration. If it has faults, the rest of it is used. It tells whether the proxy would start
// with it.
func (c *run) readConfig() (whole bool) {
	data, err := os.ReadFile(c.Config)
	if err != nil {
		c.unusable(c.add(problemFinding(config.Unreadable(c.Config, err))))
		return false
	}
	cfg, err := config.Parse(data, c.Config, config.Environment{})
	if problems, faulty := errors.AsType[config.Problems](err); faulty {
		c.readPart(data, problems)
		return false
	}
	c.use(cfg)
	c.ok("config", c.Config, contents(cfg))
	for _, w := range cfg.Warnings {
		c.add(warningFinding(w))
	}
	refused := app.Preflight(cfg)
	for _, problem := range refused {
		c.add(problemFinding(problem))
	}
	return len(refused) == 0
}

// readPart tells the problems of a faulty file, and of what is left of it who can read its secrets.
func (c *run) readPart(data []byte, problems config.Problems) {
	root := rootOf(data)
	first, blame := "", map[owner]string{}
	for _, alike := range sameFaults(root, problems) {
		f := problemFinding(alike[0])
		var owners []owner
		for i, problem := range alike {
			o := ownerIn(root, problem)
			owners = append(owners, o)
			if i == 0 {
				f.Subject = strings.TrimSpace(f.Subject + " " + o.String())
			} else {
				f.Found += fmt.Sprintf("; the same in line %d, %s", problem.Line, cmp.Or(o.String(), problem.Path))
			}
		}
		name := c.add(f)
		first = cmp.Or(first, name)
		for _, o := range owners {
			for _, of := range []owner{o, {integration: o.integration}} {
				blame[of] = cmp.Or(blame[of], name)
			}
		}
	}
	cfg, lost := partOf(root, c.Config, problems)
	if cfg == nil {
		c.unusable(first)
		return
	}
	c.use(cfg)
	for _, w := range cfg.Warnings {
		w.Line, w.Path = 0, "" // they are of what is left of the file
		if f := warningFinding(w); f.Check == "permissions" {
			c.add(f)
		}
	}
	for _, o := range lost {
		c.lost = append(c.lost, Finding{Subject: o.String(), Because: cmp.Or(blame[o], "config")})
	}
	c.ok("config", c.Config, "the rest is usable and is checked below: "+contents(cfg))
}

func ownerIn(root *yaml.Node, p config.Problem) owner {
	keys := splitPath(p.Path)
	return ownerOf(keys, along(root, keys))
}

// sameFaults puts those together that differ in nothing but the entry of a list: one missing file, a key that nobody
// has.
func sameFaults(root *yaml.Node, problems config.Problems) (list []config.Problems) {
	anyEntry := regexp.MustCompile(`\[\d+\]`)
	at := map[config.Problem]int{}
	for _, p := range problems {
		general := config.Problem{Path: anyEntry.ReplaceAllString(p.Path, "[]"), Message: p.Message, Hint: p.Hint}
		if user := ownerIn(root, p).user; user != "" {
			general.Hint = strings.ReplaceAll(p.Hint, user, "")
		}
		i, known := at[general]
		if !known || general.Path == p.Path {
			at[general] = len(list)
			list = append(list, config.Problems{p})
			continue
		}
		list[i] = append(list[i], p)
	}
	return list
}

func (c *run) use(cfg *config.Config) {
	c.cfg, c.mask = cfg, masker(secretsOf(cfg))
	c.report.Environment, c.report.AccountServer = cfg.Environment, cfg.AccountServer.String()
}

func contents(cfg *config.Config) string {
	return fmt.Sprintf("environment %s, integrations: %d", cfg.Environment, len(cfg.Integrations))
}

func (c *run) unusable(because string) {
	c.skip("everything else", "", "nothing of the configuration is usable", because)
}

func placeOf(p config.Problem) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

func problemFinding(p config.Problem) Finding {
	f := Finding{Check: "config", Subject: placeOf(p), Status: Fail,
		Found: strings.TrimPrefix(p.Path+": "+p.Message, ": "),
		Why:   "the proxy does not start with this configuration", Next: p.Hint}
	switch {
	case strings.Contains(p.Path, ".private_keys"):
		f.Check, f.Why = "key", "without a private key no token can be had for this integration"
		f.Next = cmp.Or(f.Next, "copy the key file again, whole, from BEGIN to END") +
			"; if it is lost, make a new key pair in DocuSign (Admin, Apps and Keys, the integration key, Add RSA Keypair)"
	case p.Path == "store":
		f.Check = "store"
	case strings.HasPrefix(p.Path, "interception"):
		f.Check, f.Why = "ca", "without its CA the proxy cannot answer in DocuSign's name"
	}
	f.Next = cmp.Or(f.Next, "mend "+placeOf(p)+"; docusign-auth-proxy config reference explains every key")
	return f
}

func warningFinding(p config.Problem) Finding {
	f := Finding{Check: "config", Subject: placeOf(p), Status: Warn,
		Found: strings.TrimPrefix(p.Path+": "+p.Message, ": "),
		Next:  cmp.Or(p.Hint, "look at "+placeOf(p)+"; docusign-auth-proxy config reference explains every key")}
	if strings.Contains(p.Message, " is open to others ") {
		f.Check, f.Why = "permissions", "whoever logs in to this machine can read the secret and use it"
	}
	return f
}
