package doctor

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
)

const maxCuts = 300

// partial is a configuration without its faulty parts. The doctor looks at it; it is never run.
type partial struct {
	root   *yaml.Node
	cfg    *config.Config // nil = nothing of it is usable
	owners []owner        // for each problem of the file, where it stands
	lost   []owner        // what cfg goes without, and would otherwise be looked at
}

// owner is an integration, or a user of one.
type owner struct{ integration, user string }

func (o owner) String() string { return strings.TrimSpace(o.integration + " " + o.user) }

// partOf leaves out what the problems stand in until the rest is good.
func partOf(data []byte, path string, problems config.Problems) (p partial) {
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		return p
	}
	p.root = doc.Content[0]
	for _, problem := range problems {
		keys := splitPath(problem.Path)
		p.owners = append(p.owners, ownerOf(keys, nodesAlong(p.root, keys)))
	}
	for range maxCuts {
		if !p.leaveOut(splitPath(problems[0].Path)) {
			return p
		}
		rest, err := yaml.Marshal(p.root)
		if err != nil {
			return p
		}
		p.cfg, err = config.Parse(rest, path, config.Environment{})
		if !errors.As(err, &problems) {
			return p
		}
	}
	return p
}

// leaveOut removes what the keys lead to, or the nearest thing around it; false if that is everything.
func (p *partial) leaveOut(keys []string) bool {
	nodes := nodesAlong(p.root, keys)
	last := len(nodes) - 1
	if len(keys) == 5 && last == 4 && keys[0] == "integrations" && keys[4] == "password" {
		return p.needNoPassword()
	}
	if last == 0 {
		return false
	}
	switch lost := ownerOf(keys, nodes); {
	case keys[0] != "integrations":
	case last == 1:
		for _, in := range nodes[1].Content {
			p.lost = append(p.lost, owner{integration: scalarOf(in, "name")})
		}
	case last == 2, last == 4 && lost.user != "":
		p.lost = append(p.lost, lost)
	}
	removeChild(nodes[last-1], keys[last-1])
	return true
}

// needNoPassword lets users be without a password, which the doctor does not need; false if that is so already.
func (p *partial) needNoPassword() bool {
	const key = "pin_password"
	if scalarOf(p.root, key) == config.FirstUse {
		return false
	}
	removeChild(p.root, key)
	p.root.Content = append(p.root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key},
		&yaml.Node{Kind: yaml.ScalarNode, Value: config.FirstUse})
	return true
}

var pathKeys = regexp.MustCompile(`\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)`)

// splitPath takes the path of a problem apart: integrations[0].users, egress.resolve["a.b"].
func splitPath(path string) (keys []string) {
	for _, m := range pathKeys.FindAllStringSubmatch(path, -1) {
		key := m[2] + m[3]
		if quoted, err := strconv.Unquote(`"` + m[1] + `"`); m[1] != "" && err == nil {
			key = quoted
		}
		keys = append(keys, key)
	}
	return keys
}

// nodesAlong is the root and what each key in turn leads to, as far as that is there.
func nodesAlong(root *yaml.Node, keys []string) []*yaml.Node {
	nodes := []*yaml.Node{root}
	for _, key := range keys {
		parent, i := place(nodes[len(nodes)-1], key)
		if i < 0 {
			break
		}
		nodes = append(nodes, parent.Content[i])
	}
	return nodes
}

// place finds the value of a key; of several equal keys the last, which is the one a problem is about.
func place(n *yaml.Node, key string) (parent *yaml.Node, i int) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i < len(n.Content) {
			return n, i
		}
	case yaml.MappingNode:
		for i := len(n.Content) - 2; i >= 0; i -= 2 {
			if n.Content[i].Value == key {
				return n, i + 1
			}
		}
	}
	return n, -1
}

func removeChild(n *yaml.Node, key string) {
	parent, i := place(n, key)
	switch {
	case i < 0:
	case parent.Kind == yaml.MappingNode:
		parent.Content = slices.Delete(parent.Content, i-1, i+1)
	default:
		parent.Content = slices.Delete(parent.Content, i, i+1)
	}
}

func scalarOf(n *yaml.Node, key string) string {
	if parent, i := place(n, key); i >= 0 && parent.Content[i].Kind == yaml.ScalarNode {
		return parent.Content[i].Value
	}
	return "(without " + key + ")"
}

// ownerOf names the integration and the user that the keys lead into.
func ownerOf(keys []string, nodes []*yaml.Node) (o owner) {
	if len(nodes) > 2 && keys[0] == "integrations" {
		o.integration = scalarOf(nodes[2], "name")
	}
	if len(nodes) > 4 && keys[0] == "integrations" && keys[2] == "users" {
		o.user = scalarOf(nodes[4], "username")
	}
	return o
}
