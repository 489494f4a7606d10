package cause

// Sections about balancers, and about gateways that ask.
const behind, forwardAuth = "clients-behind-a-balancer", "gateways-that-ask"

// connects are about CONNECTs that are refused. No alert tells of those that are usual where a whole machine goes
// through the proxy.
func connects() map[ID]Entry {
	const refused, sees403 = "refused-connects", "403 at CONNECT"
	return map[ID]Entry{
		NotListed: {"not_listed", "{host} is neither DocuSign's nor listed", Ticket,
			`add "{host}" to egress.tunnel if the program needs it`, refused, "", sees403},
		OtherProduct: {"not_listed", "{host} is another product of DocuSign's, to which nothing is sent", Ticket,
			"let the program reach {host} without the proxy", refused, "", sees403},
		DocuSignPort: {"docusign_port", "{host} is DocuSign's, but its port is not intercepted", Ticket,
			"let the program call it on port 443", refused, alertConnects, sees403},
		ClientAddress: {"client_address", "{client} is not among the networks that may use the proxy", Ticket,
			"if {client} is one of yours, add it to egress.clients", refused, alertConnects, sees403},
		ClientUnnamed: {"client_address", "a balancer passed the call on and named no program's address", Ticket,
			"let the balancer pass on the address of the program; a program on the balancer's own machine calls the proxy " +
				"past it, and listen.forwarded_for lists balancers alone", behind, alertConnects, sees403},
		GatewayRefused: {"client_address", "{client} may not ask at listen.forward_auth: it lacks {detail}", Page,
			"if {client} is your gateway, list it under forward_auth.clients, and let it ask over TLS with the secret of " +
				"forward_auth.secret", forwardAuth, alertConnects, "403"},
		ClientCredentialMissing: {"client_credential_missing", "the program sent no proxy user", Ticket,
			"set user and password of the proxy in the program, or take egress.proxy_users out", refused, "", "407"},
		ClientCredential: {"client_credential", "the proxy user or its password is wrong", Ticket,
			"correct the program's proxy user, or egress.proxy_users", refused, alertConnects, "407"},
		TooManyTunnels: {"too_many_tunnels", "limits.tunnels, or one client's share of it, is reached", Ticket,
			"raise limits.tunnels, or find what does not close them", refused, alertConnects, sees403},
		BadTarget: {"bad_target", "the CONNECT names no host and port: {detail}", Ticket,
			"correct the program's proxy setting or URL", refused, "", sees403},
		WrongDoor: {"bad_target", "a CONNECT where none is taken: {detail}", Ticket,
			"set the program's proxy to the address of listen.proxy", refused, "", "405 at CONNECT"},
	}
}

// connections are about what never becomes a call.
func connections() map[ID]Entry {
	const (
		never, trust = "connections-that-never-become-a-call", "a-program-does-not-trust-the-certificate"
		nextTrust    = "let the program's machine trust the proxy's CA: docusign-auth-proxy ca trust; Java, Node.js, " +
			"Python and Firefox keep lists of their own"
		nextMany = "find out why the client keeps so many connections; limits.client_idle closes idle ones sooner, " +
			"limits.connections and limits.client_share allow more"
	)
	return map[ID]Entry{
		NoCA: {"no_ca", "https to a proxy without a CA", Page,
			"make a CA with docusign-auth-proxy ca init and name it under interception; or let the program call http://, or " +
				"set its base URL to the proxy", never, alertConnections, "403 at CONNECT, or an error of TLS"},
		TLSNotTrusted: {"tls_not_trusted", "the program does not trust the proxy's CA", Page, nextTrust, trust,
			alertConnections, seesCertificate},
		TLSHungUp: {"tls_hung_up", "the program ended the TLS handshake without a word", Page, nextTrust, trust,
			alertConnections, seesCertificate},
		TLSNoCall: {"tls_no_call", "the program closed the connection after the handshake without a call", Ticket,
			"nothing if it is a health check; else " + nextTrust, trust, alertConnections, seesCertificate},
		TLSVersion: {"tls_version", "the program's TLS is older than 1.2", Page,
			"set interception.tls: legacy, which also takes TLS 1.0, 1.1 and their ciphers", "old-tls",
			alertConnections, "an error of TLS"},
		TLSSSLv2: {"tls_sslv2", "the program greets in the form of SSLv2", Page,
			"switch the SSLv2 form of the greeting off in the program: for Java -Dhttps.protocols=TLSv1", "old-tls",
			alertConnections, "an error of TLS"},
		TLSName: {"tls_name", "the program asked for a host that is not DocuSign's", Ticket,
			"correct the hosts file or proxy setting of the program's machine", never, alertConnections, seesCertificate},
		TLSHandshake: {"tls_handshake", "the TLS handshake failed", Page,
			"check that the program speaks TLS 1.2; older ones need interception.tls: legacy", never,
			alertConnections, "an error of TLS"},
		UnreadableRequest: {"unreadable_request", "the request head cannot be read", Page,
			"look for blanks or other characters in the program's URLs and headers that must be written as %20 and the " +
				"like; curl -v against the same address shows the answer", never, alertConnections, "400 Bad Request"},
		HeadTooLarge: {"head_too_large", "the request head exceeds limits.header_bytes", Page,
			"raise limits.header_bytes if the program really needs a head of this size", never, alertConnections, "431"},
		UnsupportedCoding: {"unsupported_coding", "a Transfer-Encoding that is not chunked", Page,
			"the program must send its body with Content-Length or with Transfer-Encoding: chunked", never,
			alertConnections, "501"},
		HeadUnfinished: {"head_unfinished", "the connection ended in the middle of a request head", Note,
			"nothing if it is a port scan or a health check; else look at the network between the program and the proxy, or " +
				"raise limits.header_timeout", never, "", ""},
		ProxyHeaderMissing: {"proxy_header", "a connection from a network of listen.proxy_protocol begins without a PROXY " +
			"header", Page, "let the balancer send it (HAProxy: send-proxy-v2, and check-send-proxy for its checks; nginx: " +
			"proxy_protocol on), or take {client} out of listen.proxy_protocol", behind, alertConnections,
			"a connection that ends"},
		ProxyHeaderUnlisted: {"proxy_header", "a connection begins with a PROXY header, and {client} is not a network of " +
			"listen.proxy_protocol", Page, "if {client} is your balancer, add it to listen.proxy_protocol", behind,
			alertConnections, "a connection that ends"},
		ProxyHeaderUnreadable: {"proxy_header", "the PROXY header of a balancer cannot be read", Page,
			"let the balancer send version 1 or 2 of the PROXY protocol", behind, alertConnections, "a connection that ends"},
		TooManyConnections: {"too_many_connections", "limits.connections is reached", Page, nextMany, never,
			alertConnections, "a connection that ends"},
		ConnectionDisplaced: {"connection_displaced", "an idle connection was closed for another one", Ticket,
			nextMany, never, alertConnections, "a connection that ends"},
	}
}

// conditions are what is wrong with the running proxy itself, without a call.
func conditions() map[ID]Entry {
	return map[ID]Entry{
		ConfigNotLoaded: {"config_not_loaded", "the file changed and has a fault; the configuration before it is in force: " +
			"{detail}", Ticket, "mend the file, check it with docusign-auth-proxy config check --config {config}; it is taken " +
			"over by itself", "docusignconfignotloaded", "DocuSignConfigNotLoaded", ""},
		CAExpired: {"ca_expired", "the CA expired on {until}: every program that uses CONNECT or the hosts file refuses " +
			"the proxy", Page, "make a new certificate for the same key: docusign-auth-proxy ca renew --config {config}; let " +
			"the old machines trust it (docusign-auth-proxy ca trust --config {config})", "docusigncaexpired",
			"DocuSignCAExpired", seesCertificate},
		CAExpiring: {"ca_expiring", "the CA expires on {until}; then every program that uses CONNECT or the hosts file fails",
			Ticket, "make a new certificate for the same key: docusign-auth-proxy ca renew --config {config}; let the old " +
				"machines trust it before the last day (docusign-auth-proxy ca trust --config {config})", "docusigncaexpiring",
			"DocuSignCAExpiring", ""},
		CANotBegun: {"ca_not_begun", "the CA is not valid before {until}", Page, "check this machine's clock and time zone",
			"docusignclockoff", "", seesCertificate},
		NoConnect: {"no_connect", "{client} reaches the proxy by CONNECT, and no call of it ever came through", Page,
			"let the program's machine trust the proxy's CA: docusign-auth-proxy ca trust",
			"a-program-does-not-trust-the-certificate", "", seesCertificate},
		ClockOff: {"clock_off", "this machine's clock is {offset} the account server's", Ticket,
			"let this machine set its clock by NTP (timedatectl set-ntp true; on Windows: w32tm /resync), and check its time " +
				"zone", "docusignclockoff", "DocuSignClockOff", ""},
		CreationUnresolved: {"creation_unresolved", "nobody knows of {count} whether DocuSign made the envelope", Ticket,
			"see what they are: docusign-auth-proxy soap journal --config {config}. A message that comes again is looked up " +
				"first", "docusigncreationunresolved", "DocuSignCreationUnresolved", ""},
		LogStuck: {"log_stuck", "the log is not read, or cannot be written", Ticket,
			"look at the program behind standard error and at its disk; with log.file at the disk of that file, and for " +
				"programs that have it open", "the-log-is-not-read", "DocuSignLogStuck", ""},
		NeverSeen: {"never_seen", "no call of {integration} ever came", Note,
			"check that the program's proxy setting or base URL points here, and that {key} is the key it sends",
			"who-is-still-on-legacy", "", ""},
		ObserveWorks: {"observe_works", "{count} would work", Note, "set mode: translate for {integration}",
			"observed-programs", "", ""},
		ObserveFails: {"observe_fails", "{count} would work; {detail}", Note, "mend that before mode: translate is set",
			"observed-programs", "", ""},
		ObserveRefused: {"observe_refused", "the calls of {integration} go out as they came, and DocuSign refuses them: it " +
			"takes no old credentials any more", Ticket, "give {integration} keys and consent, then set mode: translate",
			"observed-programs", "", ""},
		SeveralCredentials: {"several_credentials", "{integration} sends several credentials in one call", Note,
			"find out which one is meant; the others are taken out, unread", "schemes-and-apis", "", ""},
		OneClient: {"one_client", "{count} come from the one address {client}, as if a balancer hid where they come from",
			Note, "if {client} is a balancer: let it send the PROXY protocol and list it under listen.proxy_protocol, or " +
				"X-Forwarded-For and listen.forwarded_for; else nothing", behind, "", ""},
		SOAPNotChosen: {"soap_not_chosen", "the configuration does not say which way the SOAP calls of {integration} go",
			Ticket, "set soap: rest, or soap: app_password with an App Password of each user", "soap-over-rest", "", ""},
		PortTaken: {"port_taken", "{program} has {address}{detail}", Page,
			"stop it, or {instead}", Section, "", ""},
		PortForbidden: {"port_forbidden", "this user may not open port {port}", Page, "on Linux: setcap " +
			"cap_net_bind_service=+ep on the program, or AmbientCapabilities=CAP_NET_BIND_SERVICE in its systemd unit; or " +
			"choose a port above 1023 in {listener}", Section, "", ""},
		PortReserved: {"port_forbidden", "port {port} is one that Windows does not give to this program", Page,
			"if netsh int ipv4 show excludedportrange protocol=tcp has it, Hyper-V, WSL or Docker took it: {instead}, or see " +
				"deploy/windows/README.md, Ports; else {program} has it: stop that", Section, "", ""},
		AddressNotHere: {"address_not_here", "this machine does not have the address {address}", Page,
			"put one of its own addresses into {listener}, or 127.0.0.1", Section, "", ""},
		CannotListen: {"cannot_listen", "cannot listen on {address}: {detail}", Page,
			"choose another address in {listener}", Section, "", ""},
	}
}

// notes are what the log alone tells of: it is the proxy's own, and no call fails for it.
func notes() map[ID]Entry {
	return map[ID]Entry{
		StateInMemory: {"state_in_memory", "the state is kept in memory only: issued tokens and the ledger are lost at the " +
			"next restart", Ticket, "set store: to a file in a folder that the proxy may write, or store: memory if this is " +
			"wanted", "tokens-and-pins", "", ""},
		StateInUse: {"state_in_memory", "the state is kept in memory only, since another process has the state file",
			Ticket, "end the other process, or set store: to a file of this proxy's own", "tokens-and-pins", "", ""},
		NoOperatorToken: {"no_operator_token", "there is no operator's token: captures, tokens, pins and reload are " +
			"refused on the operations listener", Ticket, "set admin.basic_auth, or admin.token_file to a file in a folder " +
			"that the proxy may write", Section, "", ""},
		SpoolUnwritable: {"spool_unwritable", "large documents of SOAP calls of {integration} cannot be kept while they " +
			"are under way", Ticket, "set soap_rest.spool_dir of {integration} to a directory that the proxy may write",
			"soap-over-rest", "", ""},
		TokensNotTakenOver: {"tokens_not_taken_over", "tokens issued by an earlier version are refused", Ticket,
			"check that the proxy may write the state file and the key file beside it, then restart", "tokens-and-pins", "",
			""},
		LoginNotRenewed: {"login_not_renewed", "a refresh token could not be renewed", Ticket, "docusign-auth-proxy login " +
			"--user USER --config {config} for the user named, before the 30 days are over", "docusignnotoken", "", ""},
		PasswordPinned: {"password_pinned", "the password of {user} is kept at its first call", Note, "take the line for " +
			"the configuration from docusign-auth-proxy pins list --config {config}; then set pin_password: never",
			"tokens-and-pins", "", ""},
		CaptureStarted: {"capture_started", "calls of {integration} are kept in memory, with secrets masked; they may hold " +
			"personal data", Note, "end it as soon as it has what you need: docusign-auth-proxy capture stop", Section, "", ""},
	}
}
