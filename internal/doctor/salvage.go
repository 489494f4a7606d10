package doctor

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
)

const maxSalvageRounds = 300

// salvaged is what the doctor can use of a configuration. It is never run.
type salvaged struct {
	cfg      *config.Config  // nil if nothing is usable
	problems config.Problems // of the file as it is
	owners   []lostPart      // for each problem: the integration and user it stands in
	lost     []lostPart      // what cfg goes without, and would otherwise be checked
}

// lostPart is an integration, or a user of one, that the doctor cannot look at.
type lostPart struct{ integration, user string }

// salvage reads a configuration. If it has faults, the faulty parts are left out until the rest is good.
func salvage(path string) salvaged {
	data, err := os.ReadFile(path)
	if err != nil {
		return salvaged{problems: config.Problems{{File: path, Message: "cannot be read: " + plainPathError(err), Hint: "name the configuration with --config FILE"}}}
	}
	var s salvaged
	var root *yaml.Node
	for range maxSalvageRounds {
		cfg, err := config.Parse(data, path, config.Environment{})
		if err == nil {
			s.cfg = cfg
			return s
		}
		var problems config.Problems
		if !errors.As(err, &problems) {
			s.problems = append(s.problems, config.Problem{File: path, Message: err.Error()})
			return s
		}
		if root == nil {
			s.problems, root = problems, new(yaml.Node)
			if yaml.Unmarshal(data, root) != nil || root.Kind != yaml.DocumentNode || root.Content[0].Kind != yaml.MappingNode {
				return s
			}
			for _, p := range problems {
				s.owners = append(s.owners, ownerOf(root.Content[0], SplitPath(p.Path)))
			}
		}
		if !s.leaveOut(root.Content[0], problems[0].Path) {
			return s
		}
		if data, err = yaml.Marshal(root); err != nil {
			return s
		}
	}
	return s
}

func plainPathError(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// leaveOut removes what stands at a path, or the nearest thing around it. It reports false when only everything would be left.
func (s *salvaged) leaveOut(root *yaml.Node, path string) bool {
	keys := SplitPath(path)
	if len(keys) == 0 {
		return false
	}
	if missingPassword(root, keys) {
		return replaceKey(root, "pin_password", config.FirstUse) // the doctor needs no legacy password
	}
	parents, i := []*yaml.Node{root}, 0
	for ; i < len(keys); i++ {
		next := childOf(parents[i], keys[i])
		if next == nil {
			break
		}
		parents = append(parents, next)
	}
	if i == 0 {
		return false
	}
	s.note(parents, keys[:i])
	removeChild(parents[i-1], keys[i-1])
	return true
}

// missingPassword recognises integrations[i].users[j].password that is not there.
func missingPassword(root *yaml.Node, keys []string) bool {
	if len(keys) != 5 || keys[0] != "integrations" || keys[2] != "users" || keys[4] != "password" {
		return false
	}
	at := root
	for _, k := range keys {
		if at = childOf(at, k); at == nil {
			return true
		}
	}
	return false
}

// ownerOf names the integration and the user that a path leads into.
func ownerOf(root *yaml.Node, keys []string) lostPart {
	var owner lostPart
	at := root
	for i, k := range keys {
		if at = childOf(at, k); at == nil || keys[0] != "integrations" {
			break
		}
		switch {
		case i == 1:
			owner.integration = scalarOf(at, "name")
		case i == 3 && keys[2] == "users":
			owner.user = scalarOf(at, "username")
		}
	}
	return owner
}

// blame names the finding for which a part was left out.
func (s *salvaged) blame(l lostPart) string {
	for i, o := range s.owners {
		if o.integration == l.integration && (l.user == "" || o.user == l.user) {
			return s.problem(i).Name()
		}
	}
	return "config"
}

// note remembers an integration or a user that goes.
func (s *salvaged) note(parents []*yaml.Node, keys []string) {
	if keys[0] != "integrations" {
		return
	}
	switch {
	case len(keys) == 2:
		s.lost = append(s.lost, lostPart{integration: scalarOf(parents[2], "name")})
	case len(keys) == 4 && keys[2] == "users":
		s.lost = append(s.lost, lostPart{scalarOf(parents[2], "name"), scalarOf(parents[4], "username")})
	case len(keys) == 1:
		for _, in := range parents[1].Content {
			s.lost = append(s.lost, lostPart{integration: scalarOf(in, "name")})
		}
	}
}

func scalarOf(n *yaml.Node, key string) string {
	if c := childOf(n, key); c != nil && c.Kind == yaml.ScalarNode {
		return c.Value
	}
	return "(without " + key + ")"
}

// SplitPath takes the path of a problem apart: integrations[0].users, egress.resolve["a.b"].
func SplitPath(path string) []string {
	var keys []string
	for _, m := range regexp.MustCompile(`\[("(?:[^"\\]|\\.)*")\]|\[(\d+)\]|([^.\[\]]+)`).FindAllStringSubmatch(path, -1) {
		key := m[2] + m[3]
		if m[1] != "" {
			if text, err := strconv.Unquote(m[1]); err == nil {
				key = text
			}
		}
		keys = append(keys, key)
	}
	return keys
}

func childOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		if i := keyIndex(n, key); i >= 0 {
			return n.Content[i+1]
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}

// keyIndex finds the last of several equal keys, which is the one a problem is about.
func keyIndex(n *yaml.Node, key string) int {
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if n.Content[i].Value == key {
			return i
		}
	}
	return -1
}

func removeChild(n *yaml.Node, key string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.MappingNode {
		i := keyIndex(n, key)
		n.Content = slices.Delete(n.Content, i, i+2)
		return
	}
	if i, err := strconv.Atoi(key); err == nil {
		n.Content = slices.Delete(n.Content, i, i+1)
	}
}

// replaceKey reports false when the key had the value already, so that nothing would change.
func replaceKey(root *yaml.Node, key, value string) bool {
	if i := keyIndex(root, key); i >= 0 {
		if root.Content[i+1].Value == value {
			return false
		}
		removeChild(root, key)
	}
	root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &yaml.Node{Kind: yaml.ScalarNode, Value: value})
	return true
}

// findings tells problems and warnings as the doctor does.
func (s salvaged) findings(path string) []Finding {
	var out []Finding
	for i := range s.problems {
		out = append(out, s.problem(i))
	}
	if s.cfg == nil {
		first := out[0].Name()
		return append(out, Finding{Check: "everything else", Status: Skipped, Found: "nothing of the configuration is usable; first mend: " + first, Because: first})
	}
	for _, w := range s.cfg.Warnings {
		permission := strings.HasPrefix(w.Hint, "chmod ")
		if len(s.problems) > 0 {
			w.Line, w.Path = 0, "" // they are of what was left of the file
		}
		if permission || len(s.problems) == 0 {
			out = append(out, warningFinding(w))
		}
	}
	text := fmt.Sprintf("environment %s, integrations: %d", s.cfg.Environment, len(s.cfg.Integrations))
	if len(s.problems) > 0 {
		return append(out, Finding{Check: "config", Subject: path, Status: OK, Found: "the rest is usable and is checked below: " + text})
	}
	return append([]Finding{{Check: "config", Subject: path, Status: OK, Found: text}}, out...)
}

func placeOf(p config.Problem) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// problem tells a problem of the file in the doctor's way.
func (s salvaged) problem(i int) Finding {
	p := s.problems[i]
	f := Finding{Check: "config", Subject: placeOf(p), Status: Fail, Found: strings.TrimPrefix(p.Path+": "+p.Message, ": "), Why: "the proxy does not start with this configuration", Next: p.Hint}
	switch {
	case strings.Contains(p.Path, ".private_keys"):
		f.Check, f.Why = "key", "without a private key no token can be had for this integration"
		if f.Next == "" {
			f.Next = "copy the key file again, whole, from BEGIN to END"
		}
		f.Next += "; if it is lost, make a new key pair in DocuSign (Admin, Apps and Keys, the integration key, Add RSA Keypair)"
	case strings.HasPrefix(p.Path, "interception"):
		f.Check, f.Why = "ca", "without its CA the proxy cannot answer in DocuSign's name"
		f.Next = "make CA and key with: docusign-auth-proxy ca init (the old machines must then trust the new certificate: docusign-auth-proxy ca trust)"
	case strings.HasSuffix(p.Path, ".user_id"):
		f.Next = "write the user's GUID: it stands as API Username on the user's page in DocuSign's administration (Users); an e-mail address is not enough"
	}
	if f.Next == "" {
		f.Next = "mend " + placeOf(p) + "; docusign-auth-proxy config reference explains every key"
	}
	if i < len(s.owners) {
		f.Subject = strings.TrimSpace(f.Subject + " " + strings.TrimSpace(s.owners[i].integration+" "+s.owners[i].user))
	}
	return f
}

// warningFinding tells a warning; of what faulty files warn, only permissions are worth telling before the rest is mended.
func warningFinding(p config.Problem) Finding {
	f := Finding{Check: "config", Subject: placeOf(p), Status: Warn, Found: strings.TrimPrefix(p.Path+": "+p.Message, ": "), Next: p.Hint}
	if strings.HasPrefix(p.Hint, "chmod ") {
		f.Check, f.Why = "permissions", "whoever logs in to this machine can read the secret and use it"
	}
	if f.Next == "" {
		f.Next = "look at " + placeOf(p) + "; docusign-auth-proxy config reference explains every key"
	}
	return f
}
