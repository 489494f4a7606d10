package sandbox

import (
	"slices"
	"strings"
)

// What a route's query may be beside a list of names.
const (
	open     = "open" // no credential is needed, and no parameter looked at
	anything = "*"
)

func restRoutes() []route {
	const (
		version  = "restapi/{version}"
		account  = version + "/accounts/{account}"
		envelope = account + "/envelopes/{envelope}"
		template = account + "/templates/{template}"
		document = "certificate documents_by_userid encoding encrypt language recipient_id shared_user_id show_changes " +
			"size watermark"
	)
	return []route{
		{"GET", "restapi", open, show("serviceInformation")},
		{"GET", "restapi/service_information", open, show("serviceInformation")},
		{"GET", "restapi/help", open, help},
		{"GET", version, open, show("resources")},
		{"POST", version + "/oauth2/token", open, passwordGrant},
		{"POST", version + "/oauth2/revoke", open, passwordGrant},
		{"GET", version + "/login_information", anything, loginInformation},
		{"PUT", version + "/login_information/password", anything, changePassword},
		{"GET", account, "include_account_settings", show("accountInformation")},
		{"GET", account + "/users", "additional_info count email email_substring group_id include_usersettings_for_csv " +
			"login_status not_group_id start_position status user_name_substring", listUsers},
		{"POST", account + "/views/console", "", viewOf},
		{"POST", account + "/envelopes", "cdse_mode change_routing_order completed_documents_only merge_roles_on_draft " +
			"tab_label_exact_matches", createEnvelope},
		{"GET", account + "/envelopes", "ac_status block cdse_mode continuation_token count custom_field email " +
			"envelope_ids exclude folder_ids folder_types from_date from_to_status include include_purge_information " +
			"intersecting_folder_ids last_queried_date order order_by powerformids query_budget requester_date_format " +
			"search_text start_position status to_date transaction_ids user_filter user_id user_name", listEnvelopes},
		{"GET", envelope, "advanced_update include", showEnvelope},
		{"PUT", envelope, "advanced_update resend_envelope", updateEnvelope},
		{"GET", envelope + "/recipients", "include_anchor_tab_locations include_extended include_metadata include_tabs",
			showRecipients},
		{"PUT", envelope + "/recipients", "combine_same_order_recipients offline_signing resend_envelope",
			updateRecipients},
		{"GET", envelope + "/notification", "", showNotification},
		{"PUT", envelope + "/notification", "", updateNotification},
		{"GET", envelope + "/documents", "documents_by_userid include_docgen_formfields include_document_size " +
			"include_metadata include_tabs recipient_id shared_user_id", showDocuments},
		{"GET", envelope + "/documents/{document}", document, getDocument},
		{"POST", envelope + "/views/{view}", "", viewOf},
		{"GET", account + "/templates", "count created_from_date created_to_date folder_ids folder_types from_date " +
			"include is_deleted_template_only is_download modified_from_date modified_to_date order order_by " +
			"search_fields search_text shared_by_me start_position template_ids to_date used_from_date used_to_date " +
			"user_filter user_id", listTemplates},
		{"GET", template, "include", showTemplate},
		{"GET", template + "/documents/{document}", "encrypt file_type show_changes size", getTemplateDocument},
	}
}

// checkQuery wants none but known parameters, each once.
func (c *restRequest) checkQuery(known string) *apiError {
	if known == open || known == anything {
		return nil
	}
	for name, values := range c.URL.Query() {
		if !slices.Contains(strings.Fields(known), name) || len(values) > 1 {
			return refusal("INVALID_REQUEST_PARAMETER", "The query parameter "+name+" is not known here, or there twice.")
		}
	}
	for _, word := range c.include() {
		if !slices.Contains(included(), word) {
			return refusal("INVALID_REQUEST_PARAMETER", "include "+word)
		}
	}
	return nil
}

// included are the words of include, of envelopes and of templates.
func included() []string {
	return strings.Fields("custom_fields documents attachments extensions folders recipients powerform tabs " +
		"payment_tabs workflow powerforms favorite_template_status notifications advanced_templates")
}
