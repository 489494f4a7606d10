package cause

// grants are what the account server says to a request for a token (PROTOCOL.md §6.4).
func grants() map[ID]Entry {
	const none, report = "DocuSignNoToken", "this should not happen; report it with the text of the error"
	return map[ID]Entry{
		ConsentRequired: {"consent_required", "DocuSign answers consent_required: {user} has not allowed {key} to act " +
			"for them with the scopes {scopes}", Page, "let {user} open {consent} in a browser, log in and accept (whoever is " +
			"logged in to DocuSign in that browser already is the one who consents); its redirect URI {redirect} " +
			"must be registered with {key}. To see it happen: docusign-auth-proxy consent wait " +
			"--integration {integration} --user {user} --config {config}",
			"docusignconsentrequired", "DocuSignConsentRequired", seesUser},
		InvalidKey: {"invalid_key", "DocuSign answers no_valid_keys_or_signatures: none of the private keys tried " +
			"({tried}) belongs to {key} in {environment}", Page, "open {key} in Apps and Keys of {environment}: none of " +
			"the private keys tried ({tried}) belongs to it. If its RSA key pair was deleted or was made in the other " +
			"environment (key pairs are not copied at go-live), add a new one and name its private key file first in " +
			"private_keys; check also that this machine's clock is right",
			"docusignnotoken", none, seesUser},
		ExpiredGrant: {"expired_grant", "DocuSign answers expired_grant: by its clock the assertion had expired on arrival",
			Page, "set this machine's clock by NTP", "docusignclockoff", none, seesUser},
		IssuerNotFound: {"issuer_not_found", "DocuSign answers issuer_not_found: {key} is unknown in " +
			"{environment}", Page, "compare {key} with Apps and Keys of {environment}; is environment: right in " +
			"{config}? A key made in demo exists in production only after go-live has been approved (it takes 20 calls with " +
			"OAuth in demo; calls through this proxy count)", "go-live", none, seesUser},
		PrefixedIssuer: {"issuer_not_found", "DocuSign answers issuer_not_found: {key} is unknown in " +
			"{environment}; it has a prefix, which DocuSign's client ids never have", Page, "write the key without its prefix " +
			"into oauth.client_id of {integration}", "go-live", none, seesUser},
		UserNotFound: {"user_not_found", "DocuSign answers user_not_found: {guid} is no active user in {environment}",
			Page, "compare user_id of {user}, {guid}, with the API Username on the user's page in DocuSign's administration " +
				"of the same environment (demo and production have different GUIDs); activate the user if they are closed",
			"docusignnotoken", none, seesUser},
		InvalidSubject: {"invalid_subject", "{guid} is not a GUID: DocuSign gives tokens for GUIDs only, not for e-mail " +
			"addresses", Page, "write the GUID of {user}: it stands as API Username on the user's page in DocuSign's " +
			"administration (Users)", "docusignnotoken", none, seesUser},
		InvalidScope: {"invalid_scope", "DocuSign does not know one of the scopes {scopes}", Page,
			"one of the scopes {scopes} is not DocuSign's: write scopes: [signature, impersonation] into {config}",
			"docusignnotoken", none, seesUser},
		InvalidRequest: {"invalid_request", "the account server does not understand the request", Page, report,
			"docusignnotoken", none, seesUser},
		UnsupportedGrantType: {"unsupported_grant_type", "the account server does not know the grant", Page, report,
			"docusignnotoken", none, seesUser},
		Refused: {"refused", "the account server refuses the grant in words of its own", Page,
			"look the error up in DocuSign's documentation of the JWT grant", "docusignnotoken", none, seesUser},
		NotConfigured: {"not_configured", "{key} has no private key", Page,
			"give {key} a private key in {config}", "docusignnotoken", none, seesUser},
		LoginRequired: {"login_required", "{user} has to log in once more: {detail}", Page,
			"docusign-auth-proxy login --integration {integration} --user {user} --config {config}",
			"docusignnotoken", none, seesUser},
		GrantThrottled: {"throttled", "{server} says that too many tokens were asked for", Page,
			"wait, it passes; if it comes again, find out on the status page who asks: several proxies with one integration " +
				"key share its limit", "docusignunreachable", alertFailing, sees503},
		CodeExpired: {"refused", "DocuSign does not take the code of the log-in: {detail}", Page,
			"log in again: the code of a login is good for two minutes and for one use", "docusignnotoken", none, seesUser},
		ClientSecret: {"refused", "DocuSign does not know {key}, or its client secret is wrong", Page,
			"check that {key} exists in the environment of {server} and that client_secret is the one shown when it was made " +
				"(secrets are not copied at go-live)", "docusignnotoken", none, seesUser},
		ServerError: {"server_error", "the account server has a problem", Page,
			"wait; see status.docusign.com", "docusignunreachable", alertFailing, sees503},
		BadAnswer: {"bad_answer", "the answer of {server} is not the account server's", Page,
			"check what stands between this machine and {server}", "docusignunreachable", alertFailing, sees503},
		Other: {"other", "a cause that has no word of its own", Page, "see error of the log line; docusign-auth-proxy " +
			"doctor tries each step by itself", Section, alertFailing, ""},
	}
}
