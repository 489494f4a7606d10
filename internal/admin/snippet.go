package admin

import (
	"bytes"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
)

const (
	maxSnippetUsers = 50

	replaceGUID = "REPLACE_WITH_USER_GUID"
	whereGUID   = "User ID on the user's page under Users in DocuSign Admin"
)

// snippet is the configuration that would let the callers in, but for what only the operator knows. Whatever the
// callers sent stands in double quotes; it never gets into a comment.
func snippet(u Unknown) string {
	entry := mapping()
	if u.Integration != "" {
		put(entry, "name", plain(u.Integration), "this integration is there already: add the users below to its users")
	} else {
		put(entry, "name", plain(labelFor(known(u.IntegratorKey, ""))), "a label of your choice")
		put(entry, "integrator_key", quoted(known(u.IntegratorKey, "REPLACE_WITH_INTEGRATOR_KEY")), "")
		put(entry, "mode", plain("translate"), "or observe: pass on and count, or block: refuse")
		key := mapping()
		put(key, "file", plain("keys/"+labelFor(known(u.IntegratorKey, ""))+".pem"), "the RSA key of the same integration key, from Apps and Keys")
		oauth := mapping()
		put(oauth, "private_keys", sequence(key), "")
		put(entry, "oauth", oauth, "")
	}
	put(entry, "users", sequence(snippetUsers(u.Callers)...), "")
	put(entry, "principals", snippetPrincipals(u.Callers), "who is acted for and does not log in")
	root := mapping()
	put(root, "integrations", sequence(entry), "")
	return encode(root)
}

// known replaces a text that is not shown, since it may be a secret in the wrong field.
func known(s, placeholder string) string {
	if shown.IsNot(s) {
		return placeholder
	}
	return s
}

func snippetUsers(callers []Caller) []*yaml.Node {
	var names []string
	for _, c := range callers {
		if !slices.Contains(names, c.Authenticator) && c.Authenticator != "" && len(names) < maxSnippetUsers {
			names = append(names, c.Authenticator)
		}
	}
	if len(names) == 0 {
		names = []string{"REPLACE_WITH_USER_NAME"}
	}
	var users []*yaml.Node
	for _, name := range names {
		principals := principalsOf(callers, name)
		name = known(name, "REPLACE_WITH_USER_NAME")
		hash := mapping()
		put(hash, "bcrypt", quoted("REPLACE_WITH_HASH"), "docusign-auth-proxy hash-password < password.txt")
		user := mapping()
		put(user, "username", quoted(name), "")
		put(user, "user_id", plain(replaceGUID), whereGUID)
		put(user, "password", hash, "")
		put(user, "may_act_for", principals, "whom the calls named; leave in only whom you would vouch for")
		users = append(users, user)
	}
	return users
}

func principalsOf(callers []Caller, authenticator string) *yaml.Node {
	var names []string
	for _, c := range callers {
		other := c.Authenticator == authenticator && c.Principal != "" && !shown.IsNot(c.Principal) && !legacy.SameName(c.Principal, authenticator)
		if other && !slices.Contains(names, c.Principal) && len(names) < maxSnippetUsers {
			names = append(names, c.Principal)
		}
	}
	list := sequence()
	for _, name := range names {
		list.Content = append(list.Content, quoted(name))
	}
	return list
}

// snippetPrincipals are those whom the calls named and who never called themselves.
func snippetPrincipals(callers []Caller) *yaml.Node {
	list := sequence()
	var names []string
	for _, c := range callers {
		calls := slices.ContainsFunc(callers, func(o Caller) bool { return legacy.SameName(o.Authenticator, c.Principal) })
		if c.Principal == "" || shown.IsNot(c.Principal) || calls || slices.Contains(names, c.Principal) || len(names) == maxSnippetUsers {
			continue
		}
		names = append(names, c.Principal)
		principal := mapping()
		put(principal, "username", quoted(c.Principal), "")
		put(principal, "user_id", plain(replaceGUID), whereGUID)
		list.Content = append(list.Content, principal)
	}
	return list
}

// labelFor makes a label of letters, digits and dashes from what may be anything.
func labelFor(key string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(key) {
		if b.Len() == 8 {
			break
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	if b.Len() == 0 {
		return "new-program"
	}
	return "program-" + b.String()
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

func sequence(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func quoted(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
}

// put leaves out a list that is empty.
func put(m *yaml.Node, key string, value *yaml.Node, comment string) {
	if value.Kind == yaml.SequenceNode && len(value.Content) == 0 {
		return
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Value: key}
	switch {
	case comment == "":
	case value.Kind == yaml.ScalarNode:
		value.LineComment = comment
	default:
		name.LineComment = comment
	}
	m.Content = append(m.Content, name, value)
}

func encode(n *yaml.Node) string {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return "# no snippet: " + strings.ReplaceAll(err.Error(), "\n", " ") + "\n"
	}
	return b.String()
}
