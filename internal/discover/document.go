package discover

import (
	"bytes"
	"errors"
	"slices"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/integration"
)

// document is the configuration that the calls are watched with, and that the result is built on. Comments and order of
// a file that it was read from stay.
type document struct{ file *yaml.Node }

func newDocument() document {
	return document{&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}}
}

func (d document) root() mapping { return mapping{d.file.Content[0]} }

func (d document) text() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(d.file)
	return b.Bytes(), errors.Join(err, e.Close())
}

// mapping is one section of a document.
type mapping struct{ n *yaml.Node }

// get is the value of a key, nil if there is none.
func (m mapping) get(key string) *yaml.Node {
	for i := 0; i+1 < len(m.n.Content); i += 2 {
		if m.n.Content[i].Value == key {
			return m.n.Content[i+1]
		}
	}
	return nil
}

// at is the section below a key, an empty one if there is none.
func (m mapping) at(key string) mapping {
	if found := m.get(key); found != nil && found.Kind == yaml.MappingNode {
		return mapping{found}
	}
	return mapping{&yaml.Node{Kind: yaml.MappingNode}}
}

// set puts a value in the place that the reference gives the key among those that discover writes.
func (m mapping) set(key string, value any) {
	if found := m.get(key); found != nil {
		*found = *nodeOf(value)
		return
	}
	order := []string{"environment", "listen", "interception", "unknown", "store", "integrations", "soap", "oauth"}
	place := len(m.n.Content)
	for i := 0; i+1 < len(m.n.Content); i += 2 {
		if slices.Index(order, m.n.Content[i].Value) > slices.Index(order, key) {
			place = i
			break
		}
	}
	m.n.Content = slices.Insert(m.n.Content, place, nodeOf(key), nodeOf(value))
}

// appendTo adds a value to a list.
func (m mapping) appendTo(key string, value *yaml.Node) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	if found := m.get(key); found != nil && found.Kind == yaml.SequenceNode {
		list = found
		list.Style = 0 // what is added has comments, which the short style [] has no room for
	}
	list.Content = append(list.Content, value)
	m.set(key, list)
}

// nodeOf is a value as it is written.
func nodeOf(value any) *yaml.Node {
	if n, ok := value.(*yaml.Node); ok {
		return n
	}
	n := &yaml.Node{}
	if err := n.Encode(value); err != nil {
		panic(err) // texts and the structs below can be encoded
	}
	return n
}

// add puts a value at the end, if there is one.
func (m mapping) add(key string, value *yaml.Node) {
	if value != nil && len(value.Content)+len(value.Value) > 0 {
		m.n.Content = append(m.n.Content, nodeOf(key), value)
	}
}

type oauthSection struct {
	ClientID    string    `yaml:"client_id,omitempty"`
	PrivateKeys []keyFile `yaml:"private_keys,omitempty,flow"`
	AdminUserID string    `yaml:"admin_user_id,omitempty"`
}

type keyFile struct {
	File string `yaml:"file"`
}

type userSection struct {
	Username  string   `yaml:"username"`
	UserID    string   `yaml:"user_id,omitempty"`
	Password  *pinned  `yaml:"password,omitempty,flow"`
	MayActFor []string `yaml:"may_act_for,omitempty,flow"`
}

type pinned struct {
	Bcrypt string `yaml:"bcrypt"`
}

type principal struct {
	Username string `yaml:"username"`
	UserID   string `yaml:"user_id"`
}

// sectionOf is an integration, with its keys in the order of the reference.
func sectionOf(o Options, name, key, clientID string, mode integration.Mode) mapping {
	oauth := oauthSection{ClientID: clientID, AdminUserID: o.AdminUserID}
	if o.PrivateKey != "" {
		oauth.PrivateKeys = []keyFile{{o.PrivateKey}}
	}
	m := mapping{&yaml.Node{Kind: yaml.MappingNode}}
	m.add("name", nodeOf(name))
	m.add("integrator_key", nodeOf(key))
	m.add("mode", nodeOf(mode))
	m.add("oauth", nodeOf(oauth))
	return m
}
