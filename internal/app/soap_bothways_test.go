package app_test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/services/servicestest"
	"docusign-auth-proxy/translate/soaprest"
)

// bothWays is a proxy whose two integrations carry SOAP calls of one user: over DocuSign's SOAP with an App Password,
// and over REST.
type bothWays struct{ *rig }

const (
	bySOAP, byREST = sandbox.LegacyKey, sandbox.GUIDKey
	transaction    = "order 4711"
	programUser    = "legacy.user@example.com"
)

func newBothWays(t *testing.T) bothWays {
	t.Helper()
	return bothWays{newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			integrations[0]["soap"] = "app_password"
			integrations[1]["soap"] = "rest"
			integrations[1]["soap_rest"] = map[string]any{
				"cache_status": "0s", "public_url": "https://proxy.example.com",
				"console_return_url": "https://app.example.com/done",
				"features":           []string{"CanSendEnvelope", "CanManageTemplates"},
			}
		}
	})}
}

// element is one of an answer.
type answerElement struct {
	XMLName  xml.Name
	Attrs    []xml.Attr      `xml:",any,attr"`
	Text     string          `xml:",chardata"`
	Children []answerElement `xml:",any"`
}

// call makes one call and gives the elements of the body of its answer, one line each.
func (b bothWays) call(t *testing.T, key, service, operation, inner string) (status int, lines []string) {
	t.Helper()
	s := services.ByBase(service + ".asmx")
	body := "<" + operation + ` xmlns="` + s.Namespace + `">` + inner + "</" + operation + ">"
	header, headers := security(usernameToken("["+key+"]"+programUser, escapeText(legacyPassword))), []string(nil)
	switch s.Reads {
	case services.HeaderOrToken:
		header, headers = "", []string{"X-DocuSign-Authentication", "<DocuSignCredentials><Username>" + programUser +
			"</Username><Password>" + escapeText(legacyPassword) + "</Password><IntegratorKey>" + key +
			"</IntegratorKey></DocuSignCredentials>"}
	case services.Body:
		header = ""
		body = strings.Replace(body, "{credential}", el("Email", "["+key+"]"+programUser)+
			el("Password", escapeText(legacyPassword)), 1)
	}
	got := b.Do(nil, soapPost(t, b.Sidecar()+s.Path, soapEnvelope(header, body), headers...))
	var envelope answerElement
	if err := xml.Unmarshal([]byte(got.Body), &envelope); err != nil {
		t.Fatalf("%d %v: %s", got.Status, err, got.Body)
	}
	if got.Status == 200 {
		if err := servicestest.Check(s, got.Body); err != nil {
			t.Errorf("the answer is not valid: %v", err)
		}
	}
	for _, part := range envelope.Children {
		if part.XMLName.Local == "Body" && len(part.Children) == 1 {
			lines = part.Children[0].lines("", lines)
		}
	}
	return got.Status, lines
}

func escapeText(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a strings.Builder takes everything
	return out.String()
}

// lines tells each element by its path: its text, its attributes, or nothing where others are in it.
func (e answerElement) lines(parent string, to []string) []string {
	path := parent + "/" + e.XMLName.Local
	line := path
	for _, a := range e.Attrs {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			line += " @" + a.Name.Local + "=" + a.Value
		}
	}
	if len(e.Children) == 0 {
		line += " = " + e.Text
	}
	to = append(to, line)
	// REST has tabs in an array for each kind, so the order between kinds is lost (SOAP-REST.md §3.4).
	if name := e.XMLName.Local; name == "TabStatuses" || name == "Tabs" {
		slices.SortFunc(e.Children, func(a, b answerElement) int { return strings.Compare(a.place(), b.place()) })
	}
	seen := map[string]int{}
	for _, c := range e.Children {
		c.XMLName.Local += c.place()
		seen[c.XMLName.Local]++
		if n := seen[c.XMLName.Local]; n > 1 {
			c.XMLName.Local += "[" + strconv.Itoa(n) + "]"
		}
		to = c.lines(path, to)
	}
	return to
}

// place is by what a tab is known: its kind and where it is.
func (e answerElement) place() string {
	if e.XMLName.Local != "Tab" && e.XMLName.Local != "TabStatus" {
		return ""
	}
	values := map[string]string{}
	for _, c := range e.Children {
		values[c.XMLName.Local] = c.Text
	}
	return "[" + values["TabType"] + values["Type"] + "," + values["XPosition"] + "," + values["YPosition"] + "]"
}

// made makes an envelope over SOAP, moves it to a status, and gives its id.
func (b bothWays) made(t *testing.T, status string) string {
	t.Helper()
	operation := map[bool]string{true: "CreateEnvelope", false: "CreateAndSendEnvelope"}[status == "created"]
	made := richEnvelope("<AccountId>1703061</AccountId>")
	if status == "large" {
		made = strings.Replace(made, "JVBERi0xLjQK", "JVBERi0xLjQK"+strings.Repeat("JVBERi0x", 1<<19), 1)
	}
	if status == "everything" {
		made = everything()
	}
	if status == "transaction" {
		made = strings.Replace(made, "<Envelope>", "<Envelope>"+el("TransactionID", transaction), 1)
	}
	code, lines := b.call(t, bySOAP, "api", operation, made)
	id := valueOf(lines, "/EnvelopeID")
	if code != 200 || id == "" {
		t.Fatalf("%d %s", code, lines)
	}
	switch status {
	case "delivered":
		b.Sandbox.Deliver(id)
	case "completed":
		b.Sandbox.Complete(id)
	case "declined":
		b.Sandbox.Decline(id, "1", "too dear")
	}
	return id
}

// valueOf is the text of the first element whose path ends so.
func valueOf(lines []string, end string) string {
	for _, line := range lines {
		if path, text, _ := strings.Cut(line, " = "); strings.HasSuffix(path, end) {
			return text
		}
	}
	return ""
}

// richEnvelope has something of everything that SOAP over REST carries.
func richEnvelope(account string) string {
	tab := func(recipient, kind, x, y, more string) string {
		return "<Tab><DocumentID>1</DocumentID><RecipientID>" + recipient + "</RecipientID><PageNumber>1</PageNumber>" +
			"<XPosition>" + x + "</XPosition><YPosition>" + y + "</YPosition><Type>" + kind + "</Type>" + more + "</Tab>"
	}
	custom := func(x, y, label, value, kind, more string) string {
		return tab("1", "Custom", x, y, "<TabLabel>"+label+"</TabLabel>"+value+"<CustomTabType>"+kind+"</CustomTabType>"+more)
	}
	return "<Envelope>" + account + "<Documents><Document><ID>1</ID><Name>Contract</Name><PDFBytes>JVBERi0xLjQKJSVFT0YK" +
		"</PDFBytes><FileExtension>pdf</FileExtension></Document><Document><ID>2</ID><Name>Terms.pdf</Name>" +
		"<PDFBytes>JVBERi0xLjQKJSVFT0YK</PDFBytes></Document></Documents><Recipients>" +
		"<Recipient><ID>1</ID><UserName>Ben</UserName><Email>ben@example.com</Email><Type>Signer</Type><AccessCode>1234" +
		"</AccessCode><RequireIDLookup>false</RequireIDLookup><CaptiveInfo><ClientUserId>77</ClientUserId></CaptiveInfo>" +
		"<CustomFields><CustomField>one</CustomField><CustomField>two</CustomField></CustomFields>" +
		"<RoutingOrder>1</RoutingOrder><Note>please</Note></Recipient>" +
		"<Recipient><ID>2</ID><UserName>Hugo</UserName><SignerName>Ina</SignerName><Email>hugo@example.com</Email>" +
		"<Type>InPersonSigner</Type><AccessCode/><RoutingOrder>2</RoutingOrder></Recipient>" +
		"<Recipient><ID>3</ID><UserName>Cora</UserName><Email>cora@example.com</Email><Type>CarbonCopy</Type><AccessCode/>" +
		"<RoutingOrder>3</RoutingOrder></Recipient></Recipients><Tabs>" +
		tab("1", "SignHere", "195", "126", "<ScaleValue>0.8</ScaleValue><Name>Sign</Name><TabLabel>sig1</TabLabel>") +
		tab("1", "InitialHereOptional", "33", "500", "") + tab("2", "SignHere", "100", "300", "") +
		tab("1", "DateSigned", "300", "140", "<TabLabel>date1</TabLabel>") +
		custom("60", "200", "order", "<Value>A-17</Value>", "Text", "<CustomTabWidth>120</CustomTabWidth>") +
		custom("60", "230", "new", "<Value>X</Value>", "Radio", "<CustomTabRadioGroupName>kind</CustomTabRadioGroupName>") +
		custom("60", "250", "old", "", "Radio", "<CustomTabRadioGroupName>kind</CustomTabRadioGroupName>") +
		custom("60", "280", "colour", "", "List", "<CustomTabListItems>Red;Blue</CustomTabListItems><CustomTabListValues>r;b"+
			"</CustomTabListValues><CustomTabListSelectedValue>b</CustomTabListSelectedValue>") +
		custom("60", "310", "agree", "<Value>X</Value>", "Checkbox", "") +
		"</Tabs><Subject>Please sign &amp; return</Subject><EmailBlurb>Line one</EmailBlurb>" +
		"<SigningLocation>Online</SigningLocation><CustomFields><CustomField><Name>CRM</Name><Show>true</Show>" +
		"<Required>false</Required><Value>4711</Value><CustomFieldType>Text</CustomFieldType></CustomField><CustomField>" +
		"<Name>Region</Name><Show>true</Show><Required>true</Required><Value>West</Value><CustomFieldType>List" +
		"</CustomFieldType><ListItems>West;East</ListItems></CustomField></CustomFields></Envelope>"
}

// bothWaysCall is a call that is made both ways: of the same envelope, or each of its own that was made the same way.
type bothWaysCall struct {
	name, service, operation string
	of                       string // the status of the envelope; "" = there is none
	own                      bool   // each has an envelope of its own, since the call changes it
	inner                    func(id string) string
	allowed                  map[string]string // differences by the end of a path, with the reason
	fault                    string            // the faultstring; "" = there is none
	creates                  bool              // what was made is compared, too
}

func TestSOAPCallsMadeBothWays(t *testing.T) {
	t.Parallel()
	b := newBothWays(t)
	shared := map[string]string{}
	for _, c := range bothWaysCalls() {
		t.Run(c.service+", "+c.operation+c.name, func(t *testing.T) {
			ids := [2]string{shared[c.of], shared[c.of]}
			for i := range ids {
				if c.of != "" && (c.own || ids[i] == "") {
					ids[i] = b.made(t, c.of)
				}
				if !c.own {
					shared[c.of], ids[1] = ids[i], ids[i]
				}
			}
			c.compare(t, b, ids)
		})
	}
	b.NoLeak()
}

// Each operation that REST carries out is among the calls, for each service that has it.
func TestEveryOperationOfRESTIsMadeBothWays(t *testing.T) {
	t.Parallel()
	made := map[string]bool{}
	for _, c := range bothWaysCalls() {
		made[c.service+" "+c.operation] = made[c.service+" "+c.operation] || c.fault == ""
	}
	for _, service := range []string{"api", "dsapi", "credential"} {
		s := services.ByBase(service + ".asmx")
		for _, o := range s.Description().Operations {
			if class, _ := soaprest.Classify(s, o.Name); (class != soaprest.Impossible) != made[service+" "+o.Name] {
				t.Errorf("%s of %s is %s, made both ways: %t", o.Name, service, class, made[service+" "+o.Name])
			}
		}
	}
}

// A list has a thousand statuses at most; the rest is asked for by where it begins (SOAP-REST.md §4.3).
func TestAThousandStatusesBothWays(t *testing.T) {
	t.Parallel()
	b := newBothWays(t)
	day := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	for n := range 1050 {
		at := day.Add(time.Duration(n) * time.Minute)
		b.Sandbox.AddEnvelope(sandbox.Envelope{
			AccountID: sandbox.CaptureAccountID, SenderID: sandbox.LegacyID, Status: "sent", Created: at, Changed: at,
			Subject:    "Order " + strconv.Itoa(n),
			Recipients: []sandbox.Recipient{{ID: "1", Email: "ben@example.com", Name: "Ben", Type: "signers"}},
		})
	}
	for start, want := range map[int]int{0: 1000, 1000: 50} {
		c := bothWaysCall{service: "dsapi", operation: "RequestStatuses", inner: func(string) string {
			return el("EnvelopeStatusFilter", "<AccountId>1703061</AccountId><BeginDateTime>2026-11-01T00:00:00"+
				"</BeginDateTime><EndDateTime>2026-11-02T00:00:00</EndDateTime>"+el("StartAtIndex", strconv.Itoa(start)))
		}}
		c.compare(t, b, [2]string{})
		_, lines := b.call(t, byREST, c.service, c.operation, c.inner(""))
		got := 0
		for _, line := range lines {
			if strings.Contains(line, "/Subject = Order ") {
				got++
			}
		}
		if got != want || valueOf(lines, "/ResultSetSize") != "1050" {
			t.Errorf("from %d: %d statuses, %s in all", start, got, valueOf(lines, "/ResultSetSize"))
		}
	}
}

func (c bothWaysCall) compare(t *testing.T, b bothWays, ids [2]string) {
	t.Helper()
	var lines [2][]string
	var status [2]int
	var changed [2]map[string]int
	for i, key := range []string{bySOAP, byREST} {
		b.Sandbox.ResetCounts()
		status[i], lines[i] = b.call(t, key, c.service, c.operation, c.inner(ids[i]))
		counts := b.Sandbox.Counts()
		changed[i] = maps.Clone(counts.Changes)
		if changed[i] == nil {
			changed[i] = map[string]int{}
		}
		changed[i]["envelopes"], changed[i]["mails"] = counts.Envelopes, counts.Mails
		if c.creates {
			lines[i] = append(lines[i], b.stored(valueOf(lines[i], "/EnvelopeID"))...)
		}
		for n, line := range lines[i] {
			lines[i][n] = c.alike(line, ids[i])
		}
	}
	if status[0] != status[1] || (status[0] == 200) != (c.fault == "") {
		t.Fatalf(
			"by SOAP %d %q, by REST %d %q",
			status[0],
			lines[0][:min(len(lines[0]), 6)],
			status[1],
			lines[1][:min(len(lines[1]), 6)],
		)
	}
	if !maps.Equal(changed[0], changed[1]) {
		t.Errorf("changes by SOAP %v, by REST %v", changed[0], changed[1])
	}
	if got := valueOf(lines[0], "/faultstring"); !strings.HasPrefix(got, c.fault) || c.fault == "" && got != "" {
		t.Errorf("the fault is %q, want %q", got, c.fault)
	}
	for _, d := range differences(lines[0], lines[1]) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(c.allowed)), func(end string) bool {
			path, _, _ := strings.Cut(strings.TrimLeft(d, "+- "), " ")
			return strings.HasSuffix(path, end) || strings.Contains(path, end+"/")
		}) {
			t.Error(d)
		}
	}
}

// stored tells what the sandbox keeps of an envelope, in lines.
func (b bothWays) stored(id string) (lines []string) {
	for _, e := range b.Sandbox.Envelopes() {
		if e.ID != id {
			continue
		}
		lines = membersOf(e.Members, "stored")
		for _, d := range e.Documents {
			path := "stored/document[" + d.ID + "]"
			lines = append(lines, fmt.Sprint(path, " = ", d.Name, " ", d.Size, " ", d.SHA256))
			lines = append(lines, membersOf(d.Members, path)...)
		}
		for _, r := range e.Recipients {
			path := "stored/" + r.Type + "[" + r.ID + "]"
			lines = append(lines, fmt.Sprint(path, " = ", r.Name, " ", r.Email))
			lines = append(lines, membersOf(r.Members, path)...)
			for _, tab := range r.Tabs {
				at := fmt.Sprint(path, "/", tab.Kind, "[", tab.X, ",", tab.Y, "]")
				lines = append(append(lines, at), membersOf(tab.Members, at)...)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func membersOf(members map[string]any, path string) (lines []string) {
	for name, v := range members {
		lines = append(lines, fmt.Sprint(path, "/", name, " = ", v))
	}
	return lines
}

var ( // made once
	guids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	times = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?`)
)

// alike takes out of a line what two envelopes cannot have in common, and what is made for each answer.
func (c bothWaysCall) alike(line, id string) string {
	if id != "" {
		line = strings.ReplaceAll(line, id, "{id}")
	}
	if c.own || c.of == "" || strings.Contains(line, "/Signing/") {
		line = guids.ReplaceAllString(line, "{guid}")
		line = times.ReplaceAllString(line, "{time}")
	}
	return line
}

// differences lists the lines that only one has: - by SOAP, + by REST; and where the order is another.
func differences(soap, rest []string) (all []string) {
	only := func(mark string, of, other []string) {
		known := map[string]bool{}
		for _, line := range other {
			known[line] = true
		}
		for _, line := range of {
			if !known[line] {
				all = append(all, mark+line)
			}
		}
	}
	only("- ", soap, rest)
	only("+ ", rest, soap)
	if len(all) == 0 && !slices.Equal(soap, rest) {
		all = append(all, "order: "+fmt.Sprintf("%q, by REST %q", soap, rest))
	}
	return all
}
