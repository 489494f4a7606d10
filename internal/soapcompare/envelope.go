package soapcompare

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/words"
)

// EnvelopeOptions say what test envelope is made.
type EnvelopeOptions struct {
	Options
	// To is the signer's e-mail address.
	To string
	// Send = mails go out, else drafts are made.
	Send bool
}

// kind is a kind of tab, tried at a fixed place and at an anchor.
type kind struct{ name, soap string }

// kinds are those whose place SOAP answers tell (SOAP-REST.md §4.2).
func kinds() []kind {
	custom := func(word string, more ...string) string {
		return el("Type", "Custom") + "%s" + el("CustomTabType", word) + strings.Join(more, "")
	}
	of := func(word string) string { return el("Type", word) + "%s" }
	return []kind{
		{"sign", of("SignHere")},
		{"initial", of("InitialHere")},
		{"name", of("FullName")},
		{"company", of("Company")},
		{"title", of("Title")},
		{"date", of("DateSigned")},
		{"text", custom("Text")},
		{"checkbox", custom("Checkbox")},
		{"list", custom("List", el("CustomTabListItems", "red;green"))},
		{"number", custom("Number")},
	}
}

const (
	fixedX, anchoredX = 72, 342 // of the two columns
	firstY, nextY     = 54, 72
	anchorOffset      = 20 // pixels, right and down
)

func (k kind) label(anchored bool) string {
	if anchored {
		return k.name + "-anchored"
	}
	return k.name + "-fixed"
}

// tab is the SOAP element.
func (k kind) tab(i int, anchored bool) string {
	place := el("XPosition", strconv.Itoa(fixedX)) + el("YPosition", strconv.Itoa(firstY+i*nextY))
	if anchored {
		offset := strconv.Itoa(anchorOffset)
		place = wrap("AnchorTabItem", el("AnchorTabString", "/"+k.name+"/"), el("XOffset", offset),
			el("YOffset", offset), el("Unit", "Pixels"), el("IgnoreIfNotPresent", "false"))
	}
	label := el("Name", k.label(anchored)) + el("TabLabel", k.label(anchored))
	return wrap("Tab", el("DocumentID", "1"), el("RecipientID", "1"), el("PageNumber", "1"), place,
		fmt.Sprintf(k.soap, label))
}

// envelope is the SOAP element, with a subject that tells which way made it.
func (o EnvelopeOptions) envelope(account, way string) string {
	var crosses, texts []mark
	var tabs strings.Builder
	for i, k := range kinds() {
		y := firstY + i*nextY
		crosses = append(crosses, mark{fixedX, y, k.name})
		texts = append(texts, mark{anchoredX, y, "/" + k.name + "/"})
		tabs.WriteString(k.tab(i, false) + k.tab(i, true))
	}
	pdf := base64.StdEncoding.EncodeToString(page(crosses, texts))
	return wrap("Envelope", el("AccountId", account),
		wrap("Documents", wrap("Document", el("ID", "1"), el("Name", "test.pdf"), el("PDFBytes", pdf),
			el("FileExtension", "pdf"))),
		wrap("Recipients", wrap("Recipient", el("ID", "1"), el("UserName", "Test Signer"), el("Email", o.To),
			el("Type", "Signer"), el("AccessCode", ""), el("RequireIDLookup", "false"), el("RoutingOrder", "1"))),
		wrap("Tabs", tabs.String()),
		el("Subject", "Test of "+way), el("EmailBlurb", "A test of where fields land. Please ignore it."))
}

// point is a place on the page, in points.
type point struct{ x, y float64 }

func (p point) String() string { return fmt.Sprintf("%.0f, %.0f", p.x, p.y) }

// made is one test envelope and where its tabs lie, by label.
type made struct {
	by, id             string
	saysSOAP, saysREST map[string]point
}

// TestEnvelope makes the same envelope both ways, tells where each tab lies, and what tab_offset should be.
func TestEnvelope(ctx context.Context, o EnvelopeOptions) error {
	return bothWays(ctx, o.Options, func(p *pair, account string) error { return o.makeBoth(ctx, p, account) })
}

func (o EnvelopeOptions) makeBoth(ctx context.Context, p *pair, account string) (err error) {
	var both []made
	for _, w := range []*way{p.soap, p.rest} {
		m := made{by: w.name}
		if err = m.make(ctx, w, o, account); err == nil {
			fmt.Fprintf(o.Out, "%s made %s\n", w.name, m.id)
			err = m.read(ctx, p, account)
		}
		if err != nil {
			return cannotRun(o.Options, w.name+": "+err.Error(), "docusign-auth-proxy doctor --config "+words.Argument(o.Config))
		}
		both = append(both, m)
	}
	return o.report(both[0], both[1], p.offset)
}

func (m *made) make(ctx context.Context, w *way, o EnvelopeOptions, account string) error {
	operation := "CreateEnvelope"
	if o.Send {
		operation = "CreateAndSendEnvelope"
	}
	answer, err := w.call(ctx, request{"api.asmx", operation, func(caller) string {
		return o.envelope(account, "soap: "+w.name)
	}})
	if err != nil {
		return err
	}
	if m.id = answer.value("EnvelopeID"); m.id == "" {
		return errors.New(what(answer))
	}
	return nil
}

// read asks both APIs where the tabs are.
func (m *made) read(ctx context.Context, p *pair, account string) error {
	answer, err := p.soap.call(ctx, request{"api.asmx", "RequestStatusEx", func(caller) string {
		return el("EnvelopeID", m.id)
	}})
	if err != nil {
		return err
	}
	if answer.name == "Fault" {
		return errors.New(what(answer))
	}
	m.saysSOAP = map[string]point{}
	for _, tab := range answer.all("TabStatus") {
		const scale = 72.0 / 150 // SOAP answers are in 150ths of an inch (SOAP-REST.md §3.4)
		if at, ok := readPoint(tab.value("XPosition"), tab.value("YPosition")); ok {
			m.saysSOAP[tab.value("TabLabel")] = point{at.x * scale, at.y * scale}
		}
	}
	var recipients struct {
		Signers []struct{ Tabs map[string][]restTab }
	}
	path := "/envelopes/" + url.PathEscape(m.id) + "/recipients"
	if err := p.rest.get(ctx, account, path, url.Values{"include_tabs": {"true"}}, &recipients); err != nil {
		return err
	}
	m.saysREST = map[string]point{}
	for _, s := range recipients.Signers {
		for _, tabs := range s.Tabs {
			for _, tab := range tabs {
				if at, ok := readPoint(tab.XPosition, tab.YPosition); ok {
					m.saysREST[tab.TabLabel] = at
				}
			}
		}
	}
	return nil
}

type restTab struct{ TabLabel, XPosition, YPosition string }

func readPoint(x, y string) (point, bool) {
	atX, err := strconv.ParseFloat(x, 64)
	atY, otherErr := strconv.ParseFloat(y, 64)
	return point{atX, atY}, err == nil && otherErr == nil
}

// report writes the table and what follows from it.
func (o EnvelopeOptions) report(soap, rest made, now integration.TabOffset) error {
	w := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nin points\t\tmade by SOAP\t\tmade by REST")
	fmt.Fprintln(w, "tab\tasked for\tSOAP says\tREST says\tSOAP says\tREST says\tby REST it lies")
	differ := 0
	for i, k := range kinds() {
		for _, anchored := range []bool{false, true} {
			label := k.label(anchored)
			asked := point{fixedX, float64(firstY + i*nextY)}.String()
			if anchored {
				asked = fmt.Sprintf("/%s/ + %d pixels", k.name, anchorOffset)
			}
			off, differs := moved(soap.saysREST, rest.saysREST, label)
			if differs {
				differ++
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", label, asked, shown(soap.saysSOAP, label),
				shown(soap.saysREST, label), shown(rest.saysSOAP, label), shown(rest.saysREST, label), off)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return errors.Join(o.suggest(soap, now), o.conclude(differ))
}

func shown(says map[string]point, label string) string {
	if at, ok := says[label]; ok {
		return at.String()
	}
	return "not told"
}

// moved says how far the tab of REST's envelope lies from that of SOAP's, as REST tells it.
func moved(soap, rest map[string]point, label string) (string, bool) {
	a, ok := soap[label]
	b, both := rest[label]
	if !ok || !both {
		return "not told", false
	}
	x, y := b.x-a.x, b.y-a.y
	if math.Abs(x) <= 1 && math.Abs(y) <= 1 { // both are rounded
		return "there", false
	}
	return fmt.Sprintf("off by %+.0f, %+.0f", x, y), true
}

// suggest compares what was asked of SOAP with where REST v2.1 says that it lies.
func (o EnvelopeOptions) suggest(soap made, now integration.TabOffset) error {
	sign, signTold := soap.saysREST[kinds()[0].label(false)]
	initial, initialTold := soap.saysREST[kinds()[1].label(false)]
	if !signTold || !initialTold {
		_, err := fmt.Fprintln(o.Out, "\ntab_offset: REST did not tell where signature and initials lie; look at both by eye")
		return err
	}
	want := integration.TabOffset{
		SignHere: int(math.Round(sign.y)) - firstY, InitialHere: int(math.Round(initial.y)) - firstY - nextY,
	}
	text := fmt.Sprintf("{sign_here: %d, initial_here: %d}", want.SignHere, want.InitialHere)
	if math.Abs(float64(want.SignHere-now.SignHere)) <= 1 && math.Abs(float64(want.InitialHere-now.InitialHere)) <= 1 {
		text = fmt.Sprintf("{sign_here: %d, initial_here: %d}, as configured, fits this account",
			now.SignHere, now.InitialHere)
	}
	_, err := fmt.Fprintf(o.Out, "\nsoap_rest.tab_offset: %s\n", text)
	return err
}

func (o EnvelopeOptions) conclude(differ int) error {
	next := "open both drafts in DocuSign and compare them by eye; delete them then"
	if o.Send {
		next = "open both from your mail and compare them by eye; void them in DocuSign then"
	}
	fmt.Fprintf(o.Out, "%s elsewhere when made by REST\nnext: %s\n",
		words.Count(differ, "tab lies", "tabs lie"), next)
	if differ > 0 {
		return app.ExitError{Code: codeDifferent}
	}
	return nil
}
