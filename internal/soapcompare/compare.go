package soapcompare

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/words"
)

// CompareOptions say what is compared.
type CompareOptions struct {
	Options
	// Operations are some of Operations(); empty = all.
	Operations []string
	// Envelope is what the calls ask about; "" = the first of the last 30 days.
	Envelope string
}

// readOnly is an operation that changes nothing.
type readOnly struct {
	request
	needs string // "", "envelope" or "template"
}

// operations makes the calls about a subject.
func operations(s subject, since time.Time) []readOnly {
	by := func(name, needs string, elements ...string) readOnly {
		return readOnly{request{"api.asmx", name, func(caller) string { return strings.Join(elements, "") }}, needs}
	}
	id := el("EnvelopeID", s.envelope)
	filter := func(inner ...string) string { return wrap("EnvelopeStatusFilter", inner...) }
	const noStart = `<StartAtIndex xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>`
	const noBegin = `<BeginDateTime xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>`
	one := filter(el("AccountId", s.account), noBegin, wrap("EnvelopeIds", el("EnvelopeId", s.envelope)), noStart)
	recent := filter(el("AccountId", s.account), el("BeginDateTime", since.UTC().Format(time.RFC3339)), noStart)
	return []readOnly{
		by("Ping", ""),
		{login(), ""},
		by("RequestStatus", "envelope", id),
		by("RequestStatusEx", "envelope", id),
		by("RequestStatuses", "envelope", one),
		by("RequestStatusesEx", "", recent),
		by("RequestPDF", "envelope", id),
		by("RequestPDFNoWaterMark", "envelope", id),
		by("RequestPDFWithCert", "envelope", id, el("AddWaterMark", "true")),
		by("RequestPDFWithOptions", "envelope", id, wrap("PDFOptions", el("ShowChanges", "false"),
			el("AddWaterMark", "false"), el("IncludeCert", "true"))),
		by("RequestPDFsWithOptions", "envelope", id, wrap("PDFsOptions", el("ShowChanges", "false"))),
		by("RequestCertificate", "envelope", id),
		by("RequestDocumentPDFs", "envelope", id),
		by("RequestDocumentPDFsEx", "envelope", id),
		by("RequestTemplates", "", el("AccountID", s.account), el("IncludeAdvancedTemplates", "true")),
		by("RequestTemplate", "template", el("TemplateID", s.template), el("IncludeDocumentBytes", "false")),
	}
}

// Operations are the names that may be chosen.
func Operations() (names []string) {
	for _, o := range operations(subject{}, time.Time{}) {
		names = append(names, o.operation)
	}
	return names
}

// lookBack is how far the list of envelopes goes.
const lookBack = 30 * 24 * time.Hour

// Compare makes each call both ways and writes a line for each difference.
func Compare(ctx context.Context, o CompareOptions) error {
	for _, name := range o.Operations {
		if !slices.Contains(Operations(), name) {
			return cannotRun(o.Options, "--operations: "+name+" is none of the operations that only read",
				"choose from "+strings.Join(Operations(), ", "))
		}
	}
	return bothWays(ctx, o.Options, func(p *pair, account string) error {
		c := &comparison{pair: p, o: o, subject: subject{account: account, envelope: o.Envelope}}
		return c.run(ctx, time.Now().Add(-lookBack))
	})
}

// comparison is what was found so far.
type comparison struct {
	*pair
	o                      CompareOptions
	subject                subject
	compared, known, other int
}

func (c *comparison) run(ctx context.Context, since time.Time) error {
	if err := c.find(ctx, since); err != nil {
		return cannotRun(c.o.Options, err.Error(), "docusign-auth-proxy doctor --config "+words.Argument(c.o.Config))
	}
	for _, op := range operations(c.subject, since) {
		if len(c.o.Operations) > 0 && !slices.Contains(c.o.Operations, op.operation) {
			continue
		}
		if missing := c.missing(op); missing != "" {
			fmt.Fprintf(c.o.Out, "- %s: not compared, %s\n", op.operation, missing)
			continue
		}
		if err := c.compare(ctx, op); err != nil {
			return cannotRun(c.o.Options, op.operation+": "+err.Error(),
				"docusign-auth-proxy doctor --config "+words.Argument(c.o.Config))
		}
	}
	return c.conclude()
}

// find takes the first envelope and the first template of the lists over REST.
func (c *comparison) find(ctx context.Context, since time.Time) error {
	for _, op := range operations(c.subject, since) {
		switch op.operation {
		case "RequestStatusesEx", "RequestTemplates":
		default:
			continue
		}
		answer, err := c.rest.call(ctx, op.request)
		if err != nil {
			return fmt.Errorf("%s: %w", op.operation, err)
		}
		if op.operation == "RequestTemplates" {
			c.subject.template = answer.value("TemplateID")
		} else if c.subject.envelope == "" {
			c.subject.envelope = answer.value("EnvelopeID")
		}
	}
	return nil
}

// missing tells what the operation cannot be asked for.
func (c *comparison) missing(op readOnly) string {
	switch {
	case op.needs == "envelope" && c.subject.envelope == "":
		return "no envelope in the last 30 days: give --envelope ID"
	case op.needs == "template" && c.subject.template == "":
		return "the account has no template"
	}
	return ""
}

func (c *comparison) compare(ctx context.Context, op readOnly) error {
	soap, err := c.soap.call(ctx, op.request)
	if err != nil {
		return fmt.Errorf("over SOAP: %w", err)
	}
	rest, err := c.rest.call(ctx, op.request)
	if err != nil {
		return fmt.Errorf("over REST: %w", err)
	}
	if soap.name == "Fault" && rest.name == "Fault" && soap.value("faultstring") == rest.value("faultstring") {
		_, err := fmt.Fprintf(c.o.Out, "- %s: not compared, refused both ways: %s\n", op.operation, what(soap))
		return err
	}
	c.compared++
	return c.write(op.operation, found(soap, rest))
}

// found compares what is in two answers.
func found(soap, rest *node) []difference {
	switch {
	case soap.name != rest.name:
		return []difference{{path: "Body", soap: what(soap), rest: what(rest)}}
	case len(soap.children) == 1 && len(rest.children) == 1 && soap.children[0].name == rest.children[0].name:
		return differences(soap.children[0].name, soap.children[0], rest.children[0])
	}
	return differences(soap.name, soap, rest)
}

// write writes a line for each difference.
func (c *comparison) write(operation string, found []difference) error {
	if len(found) == 0 {
		_, err := fmt.Fprintf(c.o.Out, "= %s\n", operation)
		return err
	}
	for _, d := range found {
		mark := "!"
		if d.known != "" {
			mark = "~"
			c.known++
		} else {
			c.other++
		}
		if _, err := fmt.Fprintf(c.o.Out, "%s %s %s\n", mark, operation, d); err != nil {
			return err
		}
	}
	return nil
}

// what names an answer of another kind than the other one.
func what(n *node) string {
	if n.name != "Fault" {
		return "(" + n.name + ")"
	}
	return fmt.Sprintf("(fault %s: %s)", n.value("faultstring"), n.value("Reason"))
}

func (c *comparison) conclude() error {
	fmt.Fprintf(c.o.Out, "%s compared: %s known (~), %d that are not (!)\n",
		words.Count(c.compared, "operation", "operations"),
		words.Count(c.known, "difference that is", "differences that are"), c.other)
	switch {
	case c.compared == 0:
		return cannotRun(c.o.Options, "nothing was compared", "give --envelope ID")
	case c.other > 0:
		fmt.Fprintln(c.o.Out, "next: docs/soap.md, What is unproven: find the switch under soap_rest, or keep app_password")
		return app.ExitError{Code: codeDifferent}
	}
	_, err := fmt.Fprintf(c.o.Out, "next: docusign-auth-proxy soap test-envelope --config %s --to YOUR-ADDRESS\n",
		words.Argument(c.o.Config))
	return err
}
