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

// owner is an integration, or a user of one.
type owner struct{ integration, user string }

func (o owner) String() string { return strings.TrimSpace(o.integration + " " + o.user) }

// rootOf is the mapping that the file is, empty if it is none.
func rootOf(data []byte) *yaml.Node {
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		return &yaml.Node{}
	}
	return doc.Content[0]
}

// partOf leaves out what the problems stand in until the rest is good, and names what would otherwise be looked at. The
// doctor looks at the rest; it is never run. nil = nothing is usable.
func partOf(root *yaml.Node, path string, problems config.Problems) (cfg *config.Config, lost []owner) {
	for range maxCuts {
		gone, ok := leaveOut(root, splitPath(problems[0].Path))
		if !ok {
			return nil, nil
		}
		lost = append(lost, gone...)
		rest, err := yaml.Marshal(root)
		if err != nil {
			return nil, nil
		}
		cfg, err = config.Parse(rest, path, config.Environment{})
		if !errors.As(err, &problems) {
			return cfg, lost
		}
	}
	return nil, nil
}

// leaveOut removes what the keys lead to, or the nearest thing around it; false if that is everything.
func leaveOut(root *yaml.Node, keys []string) (lost []owner, ok bool) {
	places := along(root, keys)
	depth := len(places)
	if depth == 0 {
		return nil, false
	}
	last := places[depth-1]
	if keys[0] == "integrations" {
		o := ownerOf(keys, places)
		switch {
		case depth == 4 && len(keys) == 5 && keys[4] == "password":
			return nil, needNoPassword(root)
		case depth == 1:
			for _, in := range last.node().Content {
				lost = append(lost, owner{integration: scalarOf(in, "name")})
			}
		case depth == 2, depth == 4 && o.user != "":
			lost = []owner{o}
		}
	}
	last.remove()
	return lost, true
}

// needNoPassword lets users be without a password, which the doctor does not need; false if that is so already.
func needNoPassword(root *yaml.Node) bool {
	const key = "pin_password"
	if scalarOf(root, key) == config.FirstUse {
		return false
	}
	for _, p := range along(root, []string{key}) {
		p.remove()
	}
	root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key},
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

// place is a value in the file.
type place struct {
	parent *yaml.Node
	i      int
}

func (p place) node() *yaml.Node { return p.parent.Content[p.i] }

func (p place) remove() {
	from := p.i
	if p.parent.Kind == yaml.MappingNode {
		from-- // with its key
	}
	p.parent.Content = slices.Delete(p.parent.Content, from, p.i+1)
}

// along is what each key in turn leads to, as far as that is there.
func along(n *yaml.Node, keys []string) (places []place) {
	for _, key := range keys {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		i := indexOf(n, key)
		if i < 0 {
			break
		}
		places = append(places, place{n, i})
		n = n.Content[i]
	}
	return places
}

// indexOf finds the value of a key; of several equal keys the last, which is the one a problem is about.
func indexOf(n *yaml.Node, key string) int {
	switch n.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i < len(n.Content) {
			return i
		}
	case yaml.MappingNode:
		for i := len(n.Content) - 2; i >= 0; i -= 2 {
			if n.Content[i].Value == key {
				return i + 1
			}
		}
	}
	return -1
}

func scalarOf(n *yaml.Node, key string) string {
	if found := along(n, []string{key}); len(found) > 0 && found[0].node().Kind == yaml.ScalarNode {
		return found[0].node().Value
	}
	return "(without " + key + ")"
}

// ownerOf names the integration and the user that the keys lead into.
func ownerOf(keys []string, places []place) (o owner) {
	if len(places) > 1 && keys[0] == "integrations" {
		o.integration = scalarOf(places[1].node(), "name")
	}
	if len(places) > 3 && keys[0] == "integrations" && keys[2] == "users" {
		o.user = scalarOf(places[3].node(), "username")
	}
	return o
}
