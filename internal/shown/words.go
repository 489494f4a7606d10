package shown

import (
	"strings"

	"docusign-auth-proxy/internal/services"
)

// Word reports whether s is a word of DocuSign's API, in any case: a path segment, a name of an operation, a state.
func Word(s string) bool {
	return words[s] || len(s) <= longestWord && (words[strings.ToLower(s)] || services.ByBase(s) != nil)
}

// Operation gives the name of a SOAP operation of DocuSign's WSDLs (PROTOCOL.md §4.6, §4.7); of any other only that it
// is one.
func Operation(s string) string {
	if s == "" || services.KnowsOperation(s) {
		return s
	}
	return "other"
}

const longestWord = 48

// words are path segments of REST v2 and v2.1, of the SOAP services and of DocuSign's pages, and the states and kinds
// in messages.
//
//nolint:gochecknoglobals // made once, never changed
var words = set(`
restapi v1 v2 v2.1 v3 service_information help api 3.0 1.0 schema oauth oauth2 token revoke auth userinfo .well-known
favicon.ico dsapi.xsd api.xsd docusign-auth-proxy-ca.pem docusign-auth-proxy-ca.crt signing member startinsession.aspx
console login_information password accounts provisioning billing_plans billing_plan purchased_envelopes credit_card
billing_charges billing_invoices billing_payments downgrade invoices_past_due recipient_names settings shared_access
signatures signature_image signatureproviders supported_languages tab_settings unsupported_file_types workspaces
watermark preview permission_profiles password_rules notification_defaults identity_verification
envelope_purge_configuration enote_configuration e_notary esign_rights custom_fields custom_tabs consumer_disclosure
connect logs failures retry_queue envelopes historical favorite_templates favorites folders search_folders drafts
awaiting_my_signature completed out_for_signature all recyclebin inbox sentitems draft groups users brands logos
resources captive_recipients contacts cloud_storage payment_gateway_accounts seals sites powerforms form_data senders
templates status audit_events attachments correct recipient recipient_preview sender edit envelope view views shared
lock locks notification workflow steps delayedrouting scheduledsending reassign recipients bulk_recipients bulk_send
bulk_send_batch bulk_send_lists bulk_envelopes test send signature initials_image identity_proof_token resource_token
manual_review tabs tabs_blob documents combined certificate archive portfolio pages page_image fields html_definitions
document_visibility responsive_html_preview email_settings comments transcript chunked_uploads generate summary
transfer_rules authorizations agent authorization current_user profile image social identity stamps reserved_domains
request_logs diagnostics transaction rights plans plan_item groups_users linked_accounts organizations asset_groups
account_settings auto_navigate signers agents editors carboncopies certifieddeliveries intermediaries inpersonsigners
witnesses notaries notary jurisdictions journals enotes doc_gen_form_fields docgenformfields templates_delete template
corrected edit_view console_view signing_resource apply delete void resend created sent delivered signed declined
voided timedout deleted processing correct active closed any default true false none signer agent editor carboncopy
certifieddelivery intermediary inpersonsigner faxpending autoresponded needtosend
`)

func set(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}
