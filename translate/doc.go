// Package translate turns a legacy DocuSign credential into what DocuSign takes today: it proves the credential against
// the configured directory, picks the principal, and yields a bearer token and the site where the account lives.
// It opens no listener, holds no global and never lets a credential through that it has not proven.
// Package proxy calls it once per request; package cmd builds it from the configuration.
package translate
