package soaprest

const assertionElement = `<AuthenticationAssertion><AuthenticationInstant>2026-11-20T10:06:00Z</AuthenticationInstant>` +
	`<AuthenticationMethod>Password</AuthenticationMethod></AuthenticationAssertion>`
