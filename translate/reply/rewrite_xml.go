package reply

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// node is an element seen by walk, by byte offsets: tag is its start tag, inner what stands between the tags. An empty-element tag
// has inner.start == inner.end == tag.end.
type node struct {
	path  string // local names from the root, such as a/b/c
	text  string // character data directly inside, entities resolved
	leaf  bool   // no element inside, and the text is of a sane size
	tag   span
	inner span
	end   int
}

const (
	maxXMLDepth = 64
	maxXMLName  = 64      // bytes; longer names match nothing
	maxXMLText  = 8 << 10 // bytes; an element with more is not looked at
)

// walk calls visit for each element when it ends, so children come before their parents. Only local names count. A document type is
// refused: nothing in these answers needs one, and it could redefine entities.
func (e *editor) walk(visit func(node)) error {
	dec := xml.NewDecoder(bytes.NewReader(e.src))
	var open []node
	for {
		at := int(dec.InputOffset())
		t, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("malformed XML at byte %d", at)
		}
		after := int(dec.InputOffset())
		switch t := t.(type) {
		case xml.Directive:
			return errors.New("document type in XML")
		case xml.StartElement:
			if len(open) == maxXMLDepth {
				return errors.New("XML nested too deeply")
			}
			open = append(open, child(open, t.Name.Local, span{at, after}))
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].add(t)
			}
		case xml.EndElement:
			n := open[len(open)-1]
			open = open[:len(open)-1]
			n.inner, n.end = span{n.tag.end, at}, after
			visit(n)
		}
	}
}

// child makes the node of an element that begins inside the innermost of open.
func child(open []node, name string, tag span) node {
	if len(name) > maxXMLName {
		name = "?"
	}
	if len(open) > 0 {
		parent := &open[len(open)-1]
		parent.leaf = false
		name = parent.path + "/" + name
	}
	return node{path: name, leaf: true, tag: tag}
}

func (n *node) add(text []byte) {
	if len(n.text)+len(text) > maxXMLText {
		n.leaf = false
	}
	if n.leaf {
		n.text += string(text)
	}
}

func (e *editor) loginXML(o RewriteOptions) error {
	const root = "loginInformation"
	var list *node
	var passwords, urls []node
	var ids []string
	chosen, isDefault := false, false
	err := e.walk(func(n node) {
		switch n.path {
		case root + "/apiPassword":
			passwords = append(passwords, n)
		case root + "/loginAccounts":
			list = &n
		case root + "/loginAccounts/loginAccount/accountId", root + "/loginAccounts/loginAccount/accountIdGuid":
			ids = append(ids, strings.TrimSpace(n.text))
		case root + "/loginAccounts/loginAccount/baseUrl":
			urls = append(urls, n)
		case root + "/loginAccounts/loginAccount/isDefault":
			isDefault = n.leaf && strings.EqualFold(strings.TrimSpace(n.text), "true")
		case root + "/loginAccounts/loginAccount":
			if isDefault && !chosen && !e.only {
				e.first, chosen = len(e.slots), true
			}
			isDefault = false
			e.urlsXML(urls, ids)
			urls, ids = nil, nil
			e.slots = append(e.slots, span{n.tag.start, n.end})
		}
	})
	if err != nil {
		return err
	}
	if list == nil {
		return errors.New("no loginAccounts")
	}
	if !e.only {
		e.passwordXML(*list, passwords, o.APIPassword.Reveal())
	}
	return nil
}

func (e *editor) loginSOAP() error {
	const result = "Envelope/Body/LoginResponse/LoginResult"
	found := false
	var urls []node
	var ids []string
	err := e.walk(func(n node) {
		switch n.path {
		case result:
			found = true
		case result + "/Accounts/Account/AccountID":
			ids = append(ids, strings.TrimSpace(n.text))
		case result + "/Accounts/Account/BaseUrl":
			urls = append(urls, n)
		case result + "/Accounts/Account":
			e.urlsXML(urls, ids)
			urls, ids = nil, nil
		}
	})
	if err == nil && !found {
		err = errors.New("no LoginResult")
	}
	return err
}

// urlsXML rewrites the base URLs of one account.
func (e *editor) urlsXML(urls []node, ids []string) {
	for _, n := range urls {
		old := strings.TrimSpace(n.text)
		if !n.leaf || old == "" {
			continue
		}
		if text := e.rewrite(old, ids); text != old {
			e.replace(n.inner.start, n.inner.end, appendXML(nil, text))
		}
	}
}

// passwordXML puts password in the place of every apiPassword, or in front of the accounts if there is none, where the XPath of
// PROTOCOL.md §2.3 does not mind it; an empty one removes them.
func (e *editor) passwordXML(list node, found []node, password string) {
	for _, n := range found {
		if password == "" {
			e.replace(n.tag.start-len(e.gapBefore(n.tag.start)), n.end, nil)
			continue
		}
		e.replace(n.tag.start, n.end, appendElement(nil, e.rawName(n), password))
	}
	if password == "" || len(found) > 0 {
		return
	}
	prefix, _, ok := strings.Cut(e.rawName(list), ":")
	name := "apiPassword"
	if ok {
		name = prefix + ":" + name
	}
	text := appendElement(nil, name, password)
	e.replace(list.tag.start, list.tag.start, append(text, e.gapBefore(list.tag.start)...))
}

// rawName returns the name of n as it is written, prefix included.
func (e *editor) rawName(n node) string {
	tag := e.src[n.tag.start+1 : n.tag.end]
	if i := bytes.IndexAny(tag, " \t\r\n/>"); i >= 0 {
		tag = tag[:i]
	}
	return string(tag)
}
