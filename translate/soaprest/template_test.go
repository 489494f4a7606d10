package soaprest

import (
	"fmt"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/integration"
)

const (
	templateOne  = "70000000-1111-4222-8333-000000000001"
	templatePath = "GET /templates/" + templateOne
	wholeQuery   = "?include=tabs%2Cdocuments%2Ccustom_fields%2Cnotifications"
	templateText = `{"templateId":"` + templateOne + `","name":"Order","lastModified":"2026-10-05T17:00:00.5Z",
		"emailSubject":"Your order","documents":[{"documentId":"1","name":"A.pdf"},{"documentId":"2","name":"B.pdf"}],
		"recipients":{"signers":[{"recipientId":"1","roleName":"Customer","routingOrder":"1"}]}}`
)

// templateList are so many templates of a page, of so many in all.
func templateList(first, count, total int) string {
	var all []string
	for i := range count {
		all = append(all, fmt.Sprintf(`{"templateId":"t%d","name":"Template %d"}`, first+i, first+i))
	}
	return fmt.Sprintf(`{"totalSetSize":"%d","envelopeTemplates":[%s]}`, total, strings.Join(all, ","))
}

func TestTemplatesAreListed(t *testing.T) { // SOAP-REST.md §4.10
	const advanced = "<IncludeAdvancedTemplates>true</IncludeAdvancedTemplates>"
	const plain = "<IncludeAdvancedTemplates>false</IncludeAdvancedTemplates>"
	page := func(include string, start int, answer string) step {
		return step{
			want: fmt.Sprintf("GET /templates?count=2000%s&start_position=%d&user_filter=all", include, start), answer: answer,
		}
	}
	run(t, []scene{
		{
			name: "with advanced ones", operation: "RequestTemplates", body: advanced,
			steps: []step{page("&include=advanced_templates", 0, templateList(0, 2, 2))},
			has:   []string{"<TemplateID>t0</TemplateID>", "<Name>Template 1</Name>"},
		},
		{
			name: "without", operation: "RequestTemplates", body: plain,
			steps: []step{page("", 0, templateList(0, 1, 1))}, has: []string{"<TemplateID>t0</TemplateID>"},
		},
		{
			name: "none", operation: "RequestTemplates", body: plain,
			steps: []step{page("", 0, templateList(0, 0, 0))}, has: []string{"<RequestTemplatesResult />"},
		},
		{
			name: "on and on where REST gives fewer", operation: "RequestTemplates", body: plain,
			steps: []step{page("", 0, templateList(0, 2, 3)), page("", 2, templateList(2, 1, 3))},
			has:   []string{"<TemplateID>t2</TemplateID>"},
		},
		{
			name: "in parts that are too small", operation: "RequestTemplates", body: plain, fault: "Unspecified_Error",
			steps: func() (all []step) {
				for i := range 20 {
					all = append(all, page("", i, templateList(i, 1, 21)))
				}
				return all
			}(),
		},
		{
			name: "in an account", operation: "RequestTemplates", user: twoAccounts,
			body: "<AccountID>" + secondGUID + "</AccountID>" + plain,
			steps: []step{func() step {
				s := page("", 0, templateList(0, 1, 1))
				s.in = secondGUID
				return s
			}()},
		},
		{
			name: "more than REST lists", operation: "RequestTemplates", body: plain,
			steps: []step{page("", 0, templateList(0, 3, 2001))}, fault: "Unspecified_Error", has: []string{"2001 templates"},
		},
		{
			name: "refused", operation: "RequestTemplates", body: plain,
			steps: []step{{want: page("", 0, "").want, status: 400, answer: refusedText}}, fault: "Some_Refusal",
		},
	})
}

func TestATemplate(t *testing.T) { // SOAP-REST.md §4.10
	const id = "<TemplateID>" + templateOne + "</TemplateID>"
	const withBytes, without = "<IncludeDocumentBytes>true</IncludeDocumentBytes>",
		"<IncludeDocumentBytes>false</IncludeDocumentBytes>"
	get := step{want: templatePath + wholeQuery, answer: templateText}
	pdf := func(id string) step {
		return step{want: templatePath + "/documents/" + id, pdf: true, answer: "of " + id}
	}
	bytesOf := func(id string) string { return "<PDFBytes>" + inBase64("of "+id) + "</PDFBytes>" }
	refused := step{want: get.want, status: 400, answer: refusedText}
	run(t, []scene{
		{
			name: "without bytes", operation: "RequestTemplate", body: id + without, steps: []step{get},
			has: []string{
				"<PDFBytes>AA==</PDFBytes>", "<RoleName>Customer</RoleName>", "<AccountId>" + firstGUID + "</AccountId>",
			},
		},
		{
			name: "with bytes", operation: "RequestTemplate", body: id + withBytes,
			steps: []step{get, pdf("1"), pdf("2")}, has: []string{bytesOf("1"), bytesOf("2")},
		},
		{
			name: "with bytes, one after the other", operation: "RequestTemplate", body: id + withBytes,
			set:   func(c *Call) { c.Integration.SOAPREST.SafeDocuments = integration.SafeNever },
			steps: []step{get, pdf("1"), pdf("2")}, has: []string{bytesOf("1"), bytesOf("2")},
		},
		{
			name: "bytes are refused", operation: "RequestTemplate", body: id + withBytes,
			steps: []step{get, {want: templatePath + "/documents/1", status: 400, answer: refusedText}}, fault: "Some_Refusal",
		},
		{
			name: "a document without an id that can be asked for", operation: "RequestTemplate", body: id + withBytes,
			steps: []step{{want: get.want, answer: strings.Replace(templateText, `"documentId":"2"`, `"documentId":2`, 1)}},
			fault: "Unspecified_Error",
		},
		{
			name: "in another account of the user", operation: "RequestTemplate", body: id + without, user: twoAccounts,
			steps: []step{refused, {want: get.want, in: secondGUID, answer: templateText}},
			has:   []string{"<AccountId>" + secondGUID + "</AccountId>"},
		},
		{
			name: "nowhere", operation: "RequestTemplate", body: id + without, user: twoAccounts,
			steps: []step{refused, {want: get.want, in: secondGUID, status: 404}}, fault: "Unspecified_Error",
		},
		{
			name: "trouble is no reason to look elsewhere", operation: "RequestTemplate", body: id + without,
			user: twoAccounts, steps: []step{{want: get.want, status: 503}}, fault: "Unspecified_Error",
		},
		{
			name: "an id that is none", operation: "RequestTemplate", body: "<TemplateID>4711</TemplateID>" + without,
			fault: "Template_Does_Not_Exist",
		},
	})
}

func TestFeaturesAreThoseOfTheOperator(t *testing.T) { // SOAP-REST.md §4.10
	const operation = "GetAccountMembershipFeaturesList"
	const body = "<AccountId>1234567</AccountId>"
	run(t, []scene{
		{
			name: "listed", operation: operation, body: body,
			set: func(c *Call) { c.Integration.SOAPREST.Features = []string{"Send", "Sign"} },
			has: []string{
				"<Email>anna@example.com</Email><UserName>Anna Example</UserName>",
				"<EnabledFeatures>Send</EnabledFeatures><EnabledFeatures>Sign</EnabledFeatures>",
			},
		},
		{
			name: "not listed", operation: operation, body: body, fault: "Unspecified_Error",
			has: []string{operation + ": cannot be carried out over REST (proxy). Nothing was sent."},
		},
	})
}
