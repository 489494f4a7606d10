package doctor

import (
	"errors"
	"fmt"
	"strings"

	"docusign-auth-proxy/config"
)

// readConfig reads a configuration and tells its problems and warnings; cfg is nil if it has problems.
func readConfig(path string) (cfg *config.Config, out []Finding) {
	cfg, err := config.Load(path)
	if err == nil {
		text := fmt.Sprintf("environment %s, integrations: %d", cfg.Environment, len(cfg.Integrations))
		out = append(out, Finding{Check: "config", Subject: path, Status: OK, Found: text})
		for _, w := range cfg.Warnings {
			out = append(out, warningFinding(w))
		}
		return cfg, out
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		problems = config.Problems{{File: path, Message: err.Error(),
			Hint: "name the configuration with --config FILE"}}
	}
	for _, p := range problems {
		out = append(out, problemFinding(p))
	}
	first := out[0].Name()
	return nil, append(out, Finding{Check: "everything else", Status: Skipped, Because: first,
		Found: "the configuration is not usable; first mend: " + first})
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
		f.Next = orElse(f.Next, "copy the key file again, whole, from BEGIN to END") +
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
	f.Next = orElse(f.Next, "mend "+placeOf(p)+"; docusign-auth-proxy config reference explains every key")
	return f
}

func warningFinding(p config.Problem) Finding {
	f := Finding{Check: "config", Subject: placeOf(p), Status: Warn,
		Found: strings.TrimPrefix(p.Path+": "+p.Message, ": "),
		Next:  orElse(p.Hint, "look at "+placeOf(p)+"; docusign-auth-proxy config reference explains every key")}
	if strings.HasPrefix(p.Hint, "chmod ") {
		f.Check, f.Why = "permissions", "whoever logs in to this machine can read the secret and use it"
	}
	return f
}
