package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/integration"
)

// reading is a configuration as the doctor can use it.
type reading struct {
	cfg      *config.Config // nil = nothing of it
	whole    bool           // the proxy would start with it
	findings []Finding
	skipped  []Integration // those of which parts are faulty
}

// readConfig reads a configuration. If it has faults, the rest of it is used.
func readConfig(path string) (r reading) {
	data, err := os.ReadFile(path)
	if err != nil {
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			err = cause.Err
		}
		return unusable(problemFinding(config.Problem{File: path, Message: "cannot be read: " + err.Error(),
			Hint: "name the configuration with --config FILE"}))
	}
	r.cfg, err = config.Parse(data, path, config.Environment{})
	if err == nil {
		r.whole = true
		r.findings = []Finding{{Check: "config", Subject: path, Status: OK, Found: contents(r.cfg)}}
		for _, w := range r.cfg.Warnings {
			r.findings = append(r.findings, warningFinding(w))
		}
		return r
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		return unusable(problemFinding(config.Problem{File: path, Message: err.Error()}))
	}
	return readPart(path, problems, partOf(data, path, problems))
}

// readPart tells the problems of a faulty file, and of what is left of it who can read its secrets.
func readPart(path string, problems config.Problems, p partial) (r reading) {
	blame := map[owner]string{}
	for i, problem := range problems {
		f := problemFinding(problem)
		if i < len(p.owners) {
			o := p.owners[i]
			f.Subject = strings.TrimSpace(f.Subject + " " + o.String())
			blame[o] = cmp.Or(blame[o], f.Name())
			of := owner{integration: o.integration}
			blame[of] = cmp.Or(blame[of], f.Name())
		}
		r.findings = append(r.findings, f)
	}
	if p.cfg == nil {
		return unusable(r.findings...)
	}
	for _, w := range p.cfg.Warnings {
		w.Line, w.Path = 0, "" // they are of what is left of the file
		if f := warningFinding(w); f.Check == "permissions" {
			r.findings = append(r.findings, f)
		}
	}
	for _, o := range p.lost {
		r.skipped = append(r.skipped, Integration{
			Integration: &integration.Integration{Name: o.String()},
			Blocked:     "the configuration has a fault there",
			Because:     cmp.Or(blame[o], "config"),
		})
	}
	r.cfg = p.cfg
	r.findings = append(r.findings, Finding{Check: "config", Subject: path, Status: OK,
		Found: "the rest is usable and is checked below: " + contents(p.cfg)})
	return r
}

func contents(cfg *config.Config) string {
	return fmt.Sprintf("environment %s, integrations: %d", cfg.Environment, len(cfg.Integrations))
}

func unusable(problems ...Finding) reading {
	first := problems[0].Name()
	return reading{findings: append(problems, Finding{Check: "everything else", Status: Skipped, Because: first,
		Found: "nothing of the configuration is usable; first mend: " + first})}
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
			"; if it is lost, make a new key pair in DocuSign " +
			"(Admin, Apps and Keys, the integration key, Add RSA Keypair)"
	case strings.HasPrefix(p.Path, "interception"):
		f.Check, f.Why = "ca", "without its CA the proxy cannot answer in DocuSign's name"
		f.Next = "make CA and key with: docusign-auth-proxy ca init " +
			"(the old machines must then trust the new certificate: docusign-auth-proxy ca trust)"
	case strings.HasSuffix(p.Path, ".user_id"):
		f.Next = "write the user's GUID: it stands as API Username on the user's page in DocuSign's administration " +
			"(Users); " +
			"an e-mail address is not enough"
	}
	f.Next = cmp.Or(f.Next, "mend "+placeOf(p)+"; docusign-auth-proxy config reference explains every key")
	return f
}

func warningFinding(p config.Problem) Finding {
	f := Finding{Check: "config", Subject: placeOf(p), Status: Warn,
		Found: strings.TrimPrefix(p.Path+": "+p.Message, ": "),
		Next:  cmp.Or(p.Hint, "look at "+placeOf(p)+"; docusign-auth-proxy config reference explains every key")}
	if strings.HasPrefix(p.Hint, "chmod ") {
		f.Check, f.Why = "permissions", "whoever logs in to this machine can read the secret and use it"
	}
	return f
}
