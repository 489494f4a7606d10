package cause

// The alerts that tell of causes. Those of conditions stand with their rows alone.
const (
	alertFailing     = "DocuSignIntegrationFailing"
	alertUnreachable = "DocuSignUnreachable"
	alertGuessing    = "DocuSignPasswordGuessing"
	alertStore       = "DocuSignStoreUnreachable"
	alertFault       = "DocuSignProxyFault"
	alertConnections = "DocuSignConnectionsFailing"
	alertConnects    = "DocuSignConnectsRefused"
)

// What the program is shown for several causes (PROTOCOL.md §8.2).
const (
	seesPartner = "401 PARTNER_AUTHENTICATION_FAILED"
	seesUser    = "401 USER_AUTHENTICATION_FAILED"
	seesFormat  = "401 INVALID_TOKEN_FORMAT"
	seesLacks   = "401 USER_LACKS_PERMISSIONS"
	seesToken   = "401 AUTHORIZATION_INVALID_TOKEN"
	seesFault   = "400, or a SOAP fault"
	seesFault4  = "404, or a SOAP fault"
	sees503     = "503 with Retry-After"
	sees502     = "502 or 504"

	seesCertificate = "a certificate error"

	also404 = "; 404" // at a path that DocuSign does not have
	also400 = "; 400" // in a form
)

// byDocuSign is the section about what DocuSign itself answered.
const byDocuSign = "refused-by-docusign-itself"

// credentials are about what the program sends of itself.
func credentials() map[ID]Entry {
	const unknown, alertUnknown = "docusignlegacyfromunknownkey", "DocuSignLegacyFromUnknownKey"
	const nextForm = "compare what the program sends with docs/runbook.md#schemes-and-apis; a capture shows it masked: " +
		"docusign-auth-proxy capture start"
	return map[ID]Entry{
		NoCredential: {"no_credential", "the call carries nothing that could be a credential", Page,
			"compare what the program sends with docs/runbook.md#schemes-and-apis: it is not set up, or a proxy before this " +
				"one removes its header", "a-program-gets-401", alertFailing, seesPartner + also404},
		MisplacedCredential: {"no_credential", "the call carries no credential where its service reads one", Page,
			"api.asmx reads the UsernameToken, dsapi.asmx and accountmanagement.asmx X-DocuSign-Authentication, " +
				"credential.asmx its body: compare what the program sends with docs/runbook.md#schemes-and-apis",
			"a-program-gets-401", alertFailing, seesPartner},
		UnreadableCredential: {"unreadable_credential", "there is a credential that cannot be read", Page, nextForm,
			"schemes-and-apis", alertFailing, seesFormat + also400},
		DigestPassword: {"digest_password", "the password was sent as a digest, so there is none to compare", Page,
			"let the program send the password as text (PasswordText)", "schemes-and-apis", alertFailing, seesFormat},
		SignedCredential: {"signed_credential", "an XML signature covers the token, which can therefore not be replaced",
			Page, "let the program leave the UsernameToken out of its signature", "schemes-and-apis", alertFailing, seesFormat},
		Unreadable: {"unreadable", "the SOAP message cannot be read, so nothing was sent", Page, nextForm,
			"schemes-and-apis", alertFailing, "a SOAP fault"},
		UnknownKey: {"unknown_key", "{key} is in no integration of the configuration", Ticket,
			"add an integration for {key} (the status page has the lines to paste under unknown callers), or set " +
				"unknown: observe", unknown, alertUnknown, seesPartner},
		PrefixedKey: {"unknown_key", "{key} is in no integration of the configuration", Ticket,
			"the same key without its prefix is configured as {integration}: write integrator_key: {key} there, as the " +
				"program sends it, and the key without its prefix into oauth.client_id", unknown, alertUnknown, seesPartner},
		BareKey: {"unknown_key", "{key} is in no integration of the configuration", Ticket,
			"the same key with a prefix is configured as {integration}: write integrator_key: {key} there, as the program " +
				"sends it", unknown, alertUnknown, seesPartner},
		ClientIDAsKey: {"unknown_key", "{key} is in no integration of the configuration", Ticket,
			"the same key is oauth.client_id of {integration}: if this is its program, write integrator_key: {key} there; " +
				"else add an integration for {key}", unknown, alertUnknown, seesPartner},
	}
}

// logins are about whether it is proven who calls, and as whom the call may be made.
func logins() map[ID]Entry {
	return map[ID]Entry{
		BadLogin: {"bad_login", "the password differs from the one in the configuration", Page,
			"store the password that the program sends for {user}: docusign-auth-proxy hash-password", "a-program-gets-401",
			alertGuessing, seesUser},
		UserNotListed: {"bad_login", "{user} is not among the users of {integration}", Page,
			"if {user} should be let in, add them under users of {integration}", "a-program-gets-401", alertGuessing, seesUser},
		NoPassword: {"bad_login", "{user} has no password in the configuration", Page,
			"store the password that the program sends for {user}: docusign-auth-proxy hash-password", "a-program-gets-401",
			alertGuessing, seesUser},
		PinnedPassword: {"bad_login", "the password differs from the one that was kept at the first call of {user}", Page,
			"if it was changed, forget the old one: docusign-auth-proxy pins forget --integration {integration} " +
				"--user {user} --config {config}",
			"tokens-and-pins", alertGuessing, seesUser},
		EmptyPassword: {"bad_login", "{user} has no password in the configuration, and the program sent an empty one", Page,
			"let the program send its password", "tokens-and-pins", alertGuessing, seesUser},
		LongPassword: {"bad_login", "{user} has no password in the configuration, and the one sent is too long to be kept",
			Page, "set password of {user} in the configuration, by file: or argon2id:", "tokens-and-pins", alertGuessing,
			seesUser},
		Throttled: {"throttled", "too many wrong passwords for {user} came from {client}", Page,
			"find the program at {client} that sends a wrong password", "docusignpasswordguessing", alertGuessing, seesUser},
		Busy: {"busy", "too many passwords are being checked at once", Page,
			"raise credentials.remember_for; use bcrypt cost 10", "slow-calls", alertFailing, sees503},
		Overloaded: {"overloaded", "a limit of the proxy is reached", Page,
			"look at the status page which client has so many calls open; limits.* of the configuration", "slow-calls",
			alertFailing, sees503},
		PrincipalNotAllowed: {"principal_not_allowed", "{user} may not act for {principal}", Page,
			"if this is wanted, list {principal} under may_act_for of {user}", "on-behalf", alertFailing, seesLacks},
		NoGUID: {"principal_not_allowed", "no user GUID is known for {user}", Page,
			"write the GUID of {user} into user_id, under users or principals; or set oauth.admin_user_id so that the proxy " +
				"can look it up", "on-behalf", alertFailing, seesLacks},
		NotFoundByAdmin: {"principal_not_allowed", "the administrator sees no user {user}", Page,
			"write user_id of {user} into the configuration: it stands as API Username on the user's page in DocuSign's " +
				"administration (Users); or add {user} to an account that the administrator sees", "on-behalf", alertFailing,
			seesLacks},
		NotMember: {"principal_not_allowed", "{user} is no member of the account in the call", Page,
			"make {user} an active member of that account, or correct the account in the program", "on-behalf", alertFailing,
			seesLacks},
		UnknownToken: {"unknown_token", "a bearer token that neither this proxy issued nor the configuration imports", Page,
			"if the program stored it years ago, list its SHA-256 under tokens of the integration; otherwise let the " +
				"program log in again", "tokens-and-pins", alertFailing, seesToken},
		VoucherChanged: {"unknown_token", "the password that vouched for this token has changed", Page,
			"let the program log in again; if the password is the same, the key file beside the state file was lost: put it " +
				"back from a backup", "tokens-and-pins", alertFailing, seesToken},
		OAuthRefused: {"oauth_refused", "the program's own OAuth token is not let through", Page,
			"set pass_oauth_bearer: true to let it through", "cutting-over", alertFailing, seesToken},
		OAuthAtToken: {"oauth_refused", "the program brings an OAuth access token to the legacy token end point", Page,
			"the program has migrated already; let it use X-DocuSign-Act-On-Behalf or a grant of its own", "cutting-over",
			alertFailing, seesToken},
		Blocked: {"blocked", "the integration is cut over (mode: block)", Ticket,
			"switch the program to OAuth, or set mode: translate to let it go on", "cutting-over", "DocuSignBackToLegacy",
			seesPartner},
		LacksMembership: {"lacks_membership", "UserInfo lists no account for {user}", Page,
			"make {user} an active member of an account in {environment} (demo and production have separate memberships)",
			"a-program-gets-401", alertFailing, "401 USER_LACKS_MEMBERSHIP"},
		PasswordChange: {"password_change", "the program wanted to change a password that DocuSign no longer has", Note,
			"change the password in the configuration, and in the program", Section, "", seesLacks},
	}
}

// requests are about what the call asks for.
func requests() map[ID]Entry {
	return map[ID]Entry{
		BadPath: {"bad_path", "the path has an encoded slash, a backslash or a control character, which servers read in " +
			"different ways", Page, "correct the program's address; doubled slashes are taken as one", Section, alertFailing,
			seesFault},
		BadRequest: {"bad_request", "the form, the envelope or the parts of the body cannot be read", Page,
			"look at what the program sends: docusign-auth-proxy capture start", Section, alertFailing, seesFault},
		ForwardedForMissing: {"bad_request", "a call from a network of listen.forwarded_for has no X-Forwarded-For that " +
			"can be read: {detail}", Page, "let the balancer at {client} set X-Forwarded-For on every call, or take it out " +
			"of listen.forwarded_for", behind, alertFailing, "400"},
		QuestionUnreadable: {"bad_request", "a question of a gateway at listen.forward_auth does not say which call it is " +
			"about: {detail}", Page, "let the gateway set what docs/forward-auth.md lists, and forward_auth.target say where " +
			"it stands", forwardAuth, alertFailing, "400"},
		NotFound: {"not_found", "DocuSign has no such address", Page,
			"correct the program's address: it must begin with /restapi, /api/3.0 or /oauth2", Section, alertFailing, "404"},
		BrowserCameBack: {"not_found", "a signer's browser came back to an address that is no longer valid", Page,
			"nothing, if the signer took more than a day; else look at the key file beside the state file", Section,
			alertFailing, "404"},
		TooLarge: {"too_large", "a body or a SOAP header exceeds a limit", Page,
			"raise limits.header_bytes or limits.soap_header; DocuSign takes 34 MiB at a time", Section, alertFailing, "413"},
		BodyTimeout: {"body_timeout", "the body of the call stopped coming, so that nothing was sent or DocuSign saw only " +
			"a part of it", Page, "look at the network between the program and the proxy; a program that pauses while it " +
			"writes a call needs a higher limits.body_timeout, one whose credential is in the body also a higher " +
			"limits.header_timeout", Section, alertFailing, "408"},
		HostMismatch: {"host_mismatch", "the Host inside is another than that of the connection", Page,
			"the program's own fault, or an attempt to reach another host: look at its settings", Section, alertFailing, "421"},
		WrongEnvironment: {"wrong_environment", "{host} belongs to another environment of DocuSign's, and calls are " +
			"carried out in {environment} here; nothing was sent", Page, "use a host of {environment}, or for {other} a " +
			"second proxy with that environment", Section, alertFailing, "403"},
		UnknownEnvironment: {"wrong_environment", "{host} does not tell which environment of DocuSign it belongs to, and " +
			"calls are carried out in {environment} here; nothing was sent", Page, "if it belongs to {environment}, list it " +
			"under egress.hosts", Section, alertFailing, "403"},
		UnknownService: {"unknown_service", "a SOAP service other than the four: nobody knows where it reads its password",
			Page, "correct the program's address: /api/3.0/ with api.asmx, dsapi.asmx, credential.asmx or " +
				"accountmanagement.asmx", Section, alertFailing, seesFault4},
		FormBinding: {"form_binding", "a call by query or form, service.asmx/Operation, which has the password in it", Page,
			"let the program send a SOAP envelope to the service's own address", Section, alertFailing, seesFault4},
		ClearPassword: {"clear_password", "a password in a query, a path or a form would have left in clear", Page,
			"the program has to send its credential in X-DocuSign-Authentication, in the SOAP message to its service, or " +
				"to oauth2/token",
			Section, alertFailing, seesFault},
		Unsupported: {"unsupported", "a call that the proxy does not carry out as it is configured", Page,
			"see error of the log line: it names what is missing", Section, alertFailing, "501"},
		UnsupportedGrant: {"unsupported_grant", "oauth2/token with a grant other than password", Page,
			"the program has to ask the account server for this grant", Section, alertFailing, "400 unsupported_grant_type"},
	}
}

// soap are about SOAP calls, and how they go to DocuSign.
func soap() map[ID]Entry {
	return map[ID]Entry{
		SOAPRefused: {"soap_refused", "with soap: rest, what the program asks for cannot be carried out; nothing was sent",
			Page, "see docusign-auth-proxy soap operations; let the program do without it, or set soap: app_password",
			"soap-over-rest", alertFailing, `a SOAP fault that ends with "Nothing was sent."`},
		SOAPFailed: {"soap_failed", "with soap: rest, the call could not be finished: the spool is full, the journal " +
			"cannot be written, or nobody knows what became of a creation", Page, "see docusign-auth-proxy soap journal, and " +
			"look in DocuSign before the program sends again; else make room by soap_rest.spool_dir, soap_rest.spool_max or " +
			"for the store", "docusigncreationunresolved", alertFailing,
			`a SOAP fault "The state of the envelope is unknown"`},
		BearerRefused: {"bearer_refused", "DocuSign refused the token, twice, at a SOAP service: soap: bearer does not " +
			"work for this account", Page, "set soap: rest, which needs nothing more, or soap: app_password with an App " +
			"Password of each user", byDocuSign, alertFailing, "a SOAP fault about the log-in"},
		BearerNotAppPassword: {"bearer_refused", "DocuSign refused the token, twice, at a SOAP service: soap: bearer does " +
			"not work for this account", Page, "set soap: app_password, since the configuration has an App Password of {user} " +
			"(each other user needs one too); or soap: rest, which needs nothing more", byDocuSign, alertFailing,
			"a SOAP fault about the log-in"},
		AppPasswordRefused: {"app_password_refused", "DocuSign refused the App Password of {user}", Page,
			"let {user} make a new App Password under Security in DocuSign and write it into app_password; or set soap: rest",
			byDocuSign, alertFailing, "a SOAP fault about the log-in"},
		AppKeyRefused: {"app_password_refused", "DocuSign knows no {key} at its SOAP services, or has disabled it", Page,
			"compare oauth.client_id of {integration}, which goes with an App Password, with Apps and Keys of {environment}; " +
				"or set soap: rest", byDocuSign, alertFailing, "a SOAP fault about the log-in"},
	}
}

// answers are about tokens, what DocuSign answered, and how the call ended.
func answers() map[ID]Entry {
	return map[ID]Entry{
		TokenRefused: {"token_refused", "the account server refuses the token; the reason is the cause beside it", Page,
			"docusign-auth-proxy doctor --config {config} tells each step", "docusignnotoken", "DocuSignNoToken", seesUser},
		NoAppPassword: {"token_refused", "with soap: app_password, {user} has no App Password", Page,
			"let {user} make one under Security & Privacy in DocuSign and set app_password of the user; or set soap: rest",
			"soap-over-rest", "DocuSignNoToken", "a SOAP fault"},
		TokenUnavailable: {"token_unavailable", "{server} cannot be asked for a token now", Page,
			"check the way to {server}: docusign-auth-proxy doctor --config {config}", "docusignunreachable",
			alertUnreachable, sees503},
		UntrustedSite: {"token_unavailable", "DocuSign names a site that is not believed: {host}", Page,
			"if {host} is DocuSign's, add it to egress.hosts", "sites", alertUnreachable, sees503},
		TokenTimeout: {"token_timeout", "{server} did not answer in time", Page,
			"check the way to {server}: docusign-auth-proxy doctor --config {config}", "docusignunreachable",
			alertUnreachable, sees503},
		NotRepeated: {"not_repeated", "DocuSign refused a token or a site; that is mended, but the call was larger than " +
			"limits.replay_body and was not sent again", Note, "nothing: the program's next attempt works; raise " +
			"limits.replay_body to have calls of this size repeated", Section, "", sees503},
		DocuSign401: {"docusign_401", "DocuSign refused the token, twice", Page, "check that {user} is an active member of " +
			"the account in the call", byDocuSign, alertFailing, "401, DocuSign's own"},
		OwnCredentialRefused: {"docusign_401", "DocuSign refused the program's own credential, which passed unchanged", Page,
			"let the program get a new token or log in again", byDocuSign, alertFailing,
			"401, or a SOAP fault, DocuSign's own"},
		OldCredentialRefused: {"docusign_401", "DocuSign refused the program's old credential, which passed unchanged", Page,
			"give {integration} keys and consent, then set mode: translate", byDocuSign, alertFailing,
			"401, or a SOAP fault, DocuSign's own"},
		DocuSign403: {"docusign_403", "DocuSign does not allow {user} this", Page, "check the user's permissions in " +
			"DocuSign: in the browser the same user may not either", byDocuSign, alertFailing,
			"403, or a SOAP fault, DocuSign's own"},
		DocuSign404: {"docusign_404", "DocuSign has nothing at this address, or not what the program asks for", Note,
			"compare path of the log line with /restapi/v2.1/accounts/…: /restapi and the version must stand in it once; if " +
				"the answer names an error, it is the program's own matter", Section, "", "DocuSign's own answer"},
		PlanWithoutAPI: {"docusign_403", "the account's plan has no API (ACCOUNT_LACKS_PERMISSIONS)", Page,
			"ask DocuSign's sales or support to switch the API on for the account", byDocuSign, alertFailing,
			"401 or 403, DocuSign's own"},
		DocuSign429: {"docusign_429", "a limit of DocuSign's is used up", Page, "let the busiest program ask less often; " +
			"it works again when the window is over", "docusignratelimitnear", alertFailing, "429, or 400 with " +
			"old_status_codes, or a SOAP fault"},
		DocuSign4xx: {"docusign_4xx", "DocuSign found fault with the content of the call", Note, "the program's own " +
			"matter: the answer says what is wrong", byDocuSign, "", "DocuSign's own answer"},
		DocuSign5xx: {"docusign_5xx", "DocuSign failed", Page, "quote trace_token of the log line to DocuSign's support",
			byDocuSign, alertFailing, "DocuSign's own answer"},
		SOAPFault: {"soap_fault", "DocuSign found fault with the content of the SOAP message", Note, "the program's own " +
			"matter: the fault says what is wrong", byDocuSign, "", "a SOAP fault, DocuSign's own"},
		ClientGone: {"client_gone", "the program broke off before its answer was there", Note,
			"raise the program's time-out, or see why the call is slow", "slow-calls", "", ""},
		CutOff: {"cut_off", "the connection broke in the middle of an answer", Page,
			"look at the network between DocuSign, the proxy and the program", "slow-calls", alertFailing, "a cut answer"},
		Internal: {"internal", "a fault of the proxy", Ticket, "keep the log and report it with docusign-auth-proxy version",
			"docusignproxyfault", alertFault, "500"},
		NoStore: {"internal", "there is no store for tokens and passwords of the proxy's own", Page,
			"set store: to a file in {config}", "docusignproxyfault", alertFault, "500"},
		StoreUnwritable: {"internal", "the state cannot be written or read", Page,
			"check that the store's file, and the key file beside it, can be read and written, and that the disk has " +
				"room", "docusignproxyfault", alertFault, "500"},
		StoreUnreachable: {"store_unreachable", "the store of all replicas cannot be reached, and only it knows the answer",
			Page, "look at the Redis server: docusign-auth-proxy doctor --config {config} says what is wrong; calls with " +
				"known credentials go on meanwhile", "docusignstoreunreachable", alertStore, sees503},
		Panic: {"panic", "a fault of the proxy", Ticket, "keep the log and report it with docusign-auth-proxy version",
			"docusignproxyfault", alertFault, "500"},
	}
}
