package soaprest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// membershipFeatures answers with what the operator lists: REST does not tell (SOAP-REST.md §4.10). Old programs call
// it to see whether their password is right.
func membershipFeatures(ctx context.Context, t *task) (*answer.Answer, error) {
	features := t.Integration.SOAPREST.Features
	if len(features) == 0 {
		return nil, fault.Refused(t.Operation, "")
	}
	if _, err := t.account(ctx, t.root.Value("AccountId")); err != nil {
		return nil, err
	}
	me, err := t.User.Me(ctx)
	if err != nil {
		return nil, err
	}
	return t.writer.Result(answer.Fields{
		"Email": me.Email, "UserName": me.Name, "EnabledFeaturesSet": answer.Fields{"EnabledFeatures": features},
	})
}

const (
	// maxListedTemplates is how many templates REST lists at most (SOAP-REST.md §1.2).
	maxListedTemplates = 2000
	// maxTemplateCalls bounds the calls for a list that REST gives in parts.
	maxTemplateCalls = 20
)

// requestTemplates lists the templates of an account.
func requestTemplates(ctx context.Context, t *task) (*answer.Answer, error) {
	a, err := t.account(ctx, t.root.Value("AccountID"))
	if err != nil {
		return nil, err
	}
	query := url.Values{"user_filter": {"all"}, "count": {strconv.Itoa(maxListedTemplates)}}
	if t.root.True("IncludeAdvancedTemplates") {
		query.Set("include", "advanced_templates")
	}
	var all []any
	for call, total := 0, 1; len(all) < total; call++ {
		if call == maxTemplateCalls {
			return nil, fault.Server("REST gave %d of %d templates in %d calls", len(all), total, call)
		}
		query.Set("start_position", strconv.Itoa(len(all)))
		var page map[string]any
		if err := t.get(ctx, a, "/templates", query, &page); err != nil {
			return nil, err
		}
		list, _ := page["envelopeTemplates"].([]any)
		if total, err = strconv.Atoi(textOf(page["totalSetSize"])); err != nil || len(list) == 0 {
			total = 0 // that was all
		}
		if total > maxListedTemplates {
			return nil, fault.Server("the account has %d templates, and REST lists %d at most", total, maxListedTemplates)
		}
		all = append(all, list...)
	}
	return t.writer.Result(answer.Templates(map[string]any{"envelopeTemplates": all}))
}

// requestTemplate answers with a template as an envelope to be sent, with its documents if the program wants them.
func requestTemplate(ctx context.Context, t *task) (*answer.Answer, error) {
	a, path, template, err := t.findTemplate(ctx)
	if err != nil {
		return nil, err
	}
	d := &documents{task: t}
	if !t.root.True("IncludeDocumentBytes") {
		return d.answer(t.writer.Template(template, a.ID, nil), nil)
	}
	var ids []string
	for _, one := range listOf(template, "documents") {
		id := textOf(one["documentId"])
		if id == "" {
			return nil, fault.Server("a document of the template has no id")
		}
		ids = append(ids, id)
	}
	streams, err := d.streams(ctx, &Request{Account: a, Path: path + "/documents/"}, ids, 0)
	if err != nil {
		return d.answer(nil, err)
	}
	return d.answer(t.writer.Template(template, a.ID, func(id string) answer.Stream {
		return streams[slices.Index(ids, id)]
	}), nil)
}

// findTemplate looks for a template where an envelope would be looked for (SOAP-REST.md §6.5).
func (t *task) findTemplate(ctx context.Context) (a Account, path string, template map[string]any, err error) {
	id := strings.ToLower(bare(t.root.Value("TemplateID")))
	if !shown.GUID(id) {
		return a, "", nil, fault.Named("Template_Does_Not_Exist", "The TemplateID is no GUID.")
	}
	accounts, _, err := t.candidates(ctx, id)
	if err != nil {
		return a, "", nil, err
	}
	path = "/templates/" + id
	query := url.Values{"include": {"tabs,documents,custom_fields,notifications"}}
	for _, a = range accounts {
		if err = t.get(ctx, a, path, query, &template); err == nil {
			t.remember(id, a)
			break
		}
		if !refusedWith(err, http.StatusBadRequest) && !refusedWith(err, http.StatusNotFound) {
			break
		}
	}
	return a, path, template, err
}
