package discover

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
)

// write makes the configuration and says what is still missing in it.
func (d *discovery) write(o Options, doc document) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.AsJSON {
		found := map[string]any{"calls": d.calls, "sites": d.hosts, "keys": d.list()}
		if err := shown.JSON(o.Stdout, found); err != nil {
			return err
		}
	}
	if d.leftOut > 0 {
		fmt.Fprintf(o.Stderr, "%s carried an integrator key that is no GUID, or a name that is neither an e-mail address "+
			"nor a GUID: left out, since it may be a secret in the wrong field.\n", words.Count(d.leftOut, "call", "calls"))
	}
	if len(d.keys) == 0 {
		fmt.Fprintf(o.Stderr, "%s seen, and none carried a legacy credential with an integrator key; nothing was written.\n"+
			"next: check that the old program really comes here (its proxy setting or base URL), then run discover again\n",
			words.Count(d.calls, "call", "calls"))
		return app.ExitError{Code: 1}
	}
	var summary strings.Builder
	fmt.Fprintf(&summary, "\n%s seen; wrote %s\n", words.Count(d.calls, "call", "calls"), o.Out)
	taken := doc.names()
	for _, k := range d.list() {
		name := k.nameOf(taken)
		doc.root().appendTo("integrations", k.section(o, name))
		summary.WriteString(k.summary(name))
	}
	text, err := doc.text()
	if err != nil {
		return err
	}
	head := "# Written by docusign-auth-proxy discover. What is still missing, docusign-auth-proxy config check lists.\n"
	if !strings.Contains(string(text), "yaml-language-server") {
		head = config.SchemaHeader(config.SchemaFile) + "\n" + head
	}
	if err := files.Write(o.Out, append([]byte(head), text...), 0o600); err != nil {
		return err
	}
	if err := config.SaveSchema(filepath.Dir(o.Out)); err != nil {
		return fmt.Errorf("the schema for editors: %w", err)
	}
	d.warnOfPasswords(o)
	if o.AsJSON {
		return nil
	}
	out := words.Argument(o.Out)
	_, err = fmt.Fprintf(o.Stdout, "%s\nnext: docusign-auth-proxy doctor --config %s   (it checks the file and what "+
		"DocuSign says to it)\n      docusign-auth-proxy run --config %s\n", summary.String(), out, out)
	return err
}

// names are those that integrations of the document have.
func (d document) names() map[string]bool {
	taken := map[string]bool{"unknown": true}
	if list := d.root().get("integrations"); list != nil {
		for _, n := range list.Content {
			if name := (mapping{n}).get("name"); name != nil {
				taken[strings.ToLower(name.Value)] = true
			}
		}
	}
	return taken
}

// section is the integration as it is written.
func (k *foundKey) section(o Options, name string) *yaml.Node {
	s := sectionOf(o, name, k.Key, k.otherClientID(), integration.Translate)
	s.n.HeadComment = comment(k.seen(), k.toDo)
	users := &yaml.Node{Kind: yaml.SequenceNode}
	for _, user := range slices.Sorted(maps.Keys(k.Users)) {
		u := k.Users[user]
		out := userSection{Username: user, UserID: k.GUIDs[user], MayActFor: slices.Sorted(maps.Keys(u.ActsFor))}
		if u.Pinned {
			out.Password = &pinned{u.hash}
		}
		n := nodeOf(out)
		n.HeadComment = comment(nil, []string{k.userToDo[user], u.otherPasswords(user)})
		users.Content = append(users.Content, n)
	}
	principals := &yaml.Node{Kind: yaml.SequenceNode}
	for _, other := range k.people() {
		if guid := k.GUIDs[other]; guid != "" && k.Users[other] == nil {
			principals.Content = append(principals.Content, nodeOf(principal{other, guid}))
		}
	}
	if soap := k.soap(); soap != nil {
		s.set("soap", soap)
	}
	s.add("users", users)
	s.add("principals", principals)
	return s.n
}

// otherClientID is the client id where it is not the key itself.
func (k *foundKey) otherClientID() string {
	if k.ClientID == k.Key {
		return ""
	}
	return k.ClientID
}

// comment joins lines about what was seen, and what is to be done.
func comment(seen, toDo []string) string {
	lines := slices.Clone(seen)
	for _, text := range toDo {
		if text != "" {
			lines = append(lines, "TO DO: "+shown.Printable(text))
		}
	}
	return strings.Join(lines, "\n")
}

// seen tells what was seen of an integration, and from where.
func (k *foundKey) seen() []string {
	from, to := k.First.UTC().Format(time.DateTime), k.Last.UTC().Format(time.DateTime+" MST")
	lines := []string{words.Count(k.Calls, "call", "calls") + " seen from " + from + " to " + to}
	for _, row := range []struct {
		what string
		m    map[string]int
	}{
		{"from", k.Clients}, {"user agents:", k.Agents}, {"doors:", k.Doors}, {"APIs:", k.APIs},
		{"credentials:", k.Schemes}, {"accounts in paths:", k.Accounts},
	} {
		if len(row.m) > 0 {
			lines = append(lines, "  "+row.what+" "+counted(row.m))
		}
	}
	return lines
}

// summary is what is told of an integration.
func (k *foundKey) summary(name string) string {
	lines := []string{"", "  " + name + ": integrator key " + k.Key}
	add := func(text string) { lines = append(lines, "    "+text) }
	if id := k.otherClientID(); id != "" {
		add("DocuSign knows it as " + id + "; wrote oauth.client_id")
	}
	for _, seen := range k.seen() {
		add(seen)
	}
	for _, user := range slices.Sorted(maps.Keys(k.Users)) {
		said := []string{"no password stored"}
		if k.Users[user].Pinned {
			said[0] = "first password seen stored as a hash"
		}
		if guid := k.GUIDs[user]; guid != "" {
			said = append(said, "user_id "+guid)
		}
		if acts := k.Users[user].ActsFor; len(acts) > 0 {
			said = append(said, "acts for "+strings.Join(slices.Sorted(maps.Keys(acts)), ", "))
		}
		add(user + ": " + strings.Join(said, "; "))
		if todo := k.userToDo[user]; todo != "" {
			add("  to do: " + todo)
		}
	}
	if soap := k.soap(); soap != nil {
		add("SOAP: " + soap.LineComment + "; wrote soap: " + soap.Value)
	}
	for _, todo := range k.toDo {
		add("to do: " + todo)
	}
	return strings.Join(lines, "\n") + "\n"
}

// soap is how SOAP calls are to go, with what was seen beside it; nil = there were none.
func (k *foundKey) soap() *yaml.Node {
	var seen []ledger.Operation
	for _, key := range slices.Sorted(maps.Keys(k.SOAP)) {
		api, name, _ := strings.Cut(key, " ")
		seen = append(seen, ledger.NewOperation(api, name, uint64(k.SOAP[key]))) //nolint:gosec // a count
	}
	verdict, whole := ledger.Verdict(seen)
	way := integration.AppPassword
	switch {
	case verdict == "":
		return nil
	case whole:
		way = integration.OverREST
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: string(way), LineComment: verdict}
}

// maxCounted bounds what is told of each kind.
const maxCounted = 8

// counted tells names with their numbers, the most frequent first.
func counted(m map[string]int) string {
	var out []string
	for _, name := range byCount(m) {
		out = append(out, fmt.Sprintf("%s (%d)", name, m[name]))
	}
	if more := len(out) - maxCounted; more > 0 {
		out = append(out[:maxCounted], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
}
