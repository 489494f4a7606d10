package cause

// ofAddress is the row for a rule by which package egress refuses an address.
func ofAddress(rule string) (ID, bool) {
	switch rule {
	case "self":
		return OwnAddress, true
	case "multicast", "reserved", "unspecified", "not_an_address":
		return ForbiddenAddress, true
	case "loopback", "private", "link_local", "metadata", "shared", "documentation", "special", "translation":
		return PrivateAddress, true
	}
	return 0, false
}

// network are the steps of the way to a host of DocuSign's, each with what the machine lacks.
func network() map[ID]Entry {
	step := func(means, next string) Entry {
		return Entry{"unreachable", means, Page, next, "docusignunreachable", alertUnreachable, sees502}
	}
	return map[ID]Entry{
		Unreachable: step("{host} cannot be reached",
			"check the way to {host}: docusign-auth-proxy doctor --config {config}"),
		NoName: step("this machine's DNS does not know {host}",
			"compare nslookup {host} with another machine's; set egress.resolver to a DNS server that knows names outside, or "+
				"upstream.proxy if only the company's proxy does"),
		NoDNS: step("the DNS server gives no answer about {host}: {detail}",
			"look at this machine's DNS server, or set egress.resolver to one that answers"),
		ConnectionRefused: step("{address} refuses the connection for {host}",
			"look at the firewall between this machine and {host}, or set upstream.proxy"),
		NoRoute: step("this machine has no route to {address} for {host}",
			"look at this machine's network and its default route, or set upstream.proxy"),
		LocalFirewall: step("this machine forbids the connection to {address} for {host}",
			"let the proxy out to port 443 in the firewall and the security software of this machine (on Windows: "+
				"deploy/windows/README.md, The firewall), or set upstream.proxy"),
		ConnectTimeout: step("{address} does not answer the connection for {host}",
			"a firewall drops it: open port 443 to {host}, or set upstream.proxy to the company's proxy"),
		PrivateAddress: step("{host} leads to {address}, which is inside and not DocuSign's",
			"look at this machine's DNS and hosts file; if {address} is meant, add it to egress.allow_addresses"),
		ForbiddenAddress: step("{host} leads to {address}, to which no connection is made: {detail}",
			"mend this machine's DNS or hosts file, or name the right address in egress.resolve: nothing allows this one"),
		OwnAddress: step("{host} leads to {address}, which is the proxy itself",
			"the hosts file of this machine sends {host} here: set egress.resolver to the address of your DNS server in "+
				"{config} (or egress.resolve to a fixed address); if no program needs the line, remove it from the hosts file"),
		ProxyDown: step("the company's proxy {proxy} does not answer", "check host and port in upstream.proxy with "+
			"whoever runs it, and that a firewall lets this machine through to it"),
		ProxyLogin: step("the company's proxy {proxy} wants a log-in (407)",
			"write the user into upstream.proxy: http://user@{proxy}, and the password into upstream.proxy_password; if they "+
				"stand there already, they are wrong"),
		ProxyRefused: step("the company's proxy {proxy} refuses the connection to {host}: {detail}",
			"ask its administrator to let this machine through to {host} on port 443"),
		UntrustedCertificate: step("the certificate of {host} is signed by a CA that this machine does not know: {detail}",
			"if it is your company's TLS inspection, get its root certificate as PEM and name it in upstream.ca_file; if it "+
				"is a public authority, bring this machine's trust store up to date (ca-certificates); if you do not know it, do "+
				"not go on"),
		ExpiredCertificate: step("the certificate of {host} is out of its term",
			"check this machine's clock; else what stands between it and {host}"),
		OtherCertificate: step("the certificate is for another host than {host}: {detail}",
			"check egress.resolve and the hosts file: something else answers at {address}"),
		NoTLS: step("what answers for {host} does not speak TLS", "check upstream.proxy and egress.resolve"),
		TLSRefused: step("what answers for {host} refuses the TLS handshake: {detail}",
			"find out what stands between this machine and {host}: a firewall or a proxy that cuts TLS"),
		Reset: step("the connection to {host} was cut before an answer came",
			"if it happens at every call, a firewall or an inspecting proxy cuts it: let this machine through to {host} on "+
				"port 443, or set upstream.proxy; a call may have been carried out, so look for the envelope before sending again"),
		Timeout: {"timeout", "{host} did not answer in time", Page, "DocuSign is slow, or the answer is lost on the way: a " +
			"call cut off by upstream.response_timeout may have been carried out, so look for the envelope before sending again",
			"docusignunreachable", alertUnreachable, sees502},
		Network: {"network", "{server} cannot be reached", Page,
			"check the way to {server}: docusign-auth-proxy doctor --config {config}", "docusignunreachable",
			alertUnreachable, sees503},
	}
}
