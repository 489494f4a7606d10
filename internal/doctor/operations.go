package doctor

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/translate/soaprest"
)

// checkOperations tells which SOAP operations the programs use, and whether REST carries them out, and where the calls
// come from.
func (c *run) checkOperations(ctx context.Context) {
	seen, err := app.Seen(ctx, c.cfg)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.skip("operations", c.cfg.Store.File, "which SOAP operations were seen is not known here: "+err.Error(), "")
		}
		return
	}
	for i := range c.cfg.Integrations {
		in := &c.cfg.Integrations[i]
		if s := seen[in.Name]; len(s.Operations) > 0 {
			c.add(operationsFinding(in, &s))
		}
	}
	c.checkClients(seen)
}

// checkClients tells when the calls of many programs come from one address: a balancer may hide theirs.
func (c *run) checkClients(seen map[string]ledger.Summary) {
	if l := c.cfg.Listen; len(l.ProxyProtocol)+len(l.ForwardedFor) > 0 {
		return
	}
	var rows []ledger.Row
	for name, s := range seen {
		for _, row := range s.Callers {
			row.Integration = name
			rows = append(rows, row)
		}
	}
	client, programs := ledger.OneClient(rows)
	if programs == 0 {
		return
	}
	const found = "wrong passwords of one program slow all of them down, and egress.clients admits all or none"
	count := "calls of " + words.Count(programs, "program", "programs")
	c.add(of("clients", client, Warn, found, cause.OneClient, []string{"client", client, "count", count}))
}

func operationsFinding(in *integration.Integration, s *ledger.Summary) Finding {
	verdict, whole := ledger.Verdict(s.Operations)
	f := Finding{Check: "operations", Subject: in.Name, Status: OK, Found: verdict + losses(s.Operations)}
	over := in.SOAP == integration.OverREST
	switch {
	case in.SOAPUnset:
		f.Status, f.Why = Warn, "nothing says how SOAP calls go, and nobody has shown that DocuSign takes the default's token"
		f.Next = cause.SOAPNotChosen.Next("integration", in.Name)
	case in.SOAP == integration.Bearer && !s.BearerRefused.IsZero():
		f.Status, f.Why = Warn, "DocuSign refused the token at its SOAP services"
		f.Next = cause.BearerRefused.Next()
	case over && !whole:
		f.Status, f.Why = Warn, "calls of what is refused fail, and before such a call nothing is sent"
		f.Next = cause.SOAPRefused.Next()
	}
	return f
}

// losses says for each operation that is not carried out whole what is lost, or why it is not.
func losses(seen []ledger.Operation) string {
	var list []string
	for _, o := range seen {
		if o.Class != string(soaprest.Whole) {
			list = append(list, o.Name+": "+o.Class+", "+o.Loss)
		}
	}
	if list == nil {
		return ""
	}
	return " (" + strings.Join(list, "; ") + ")"
}
