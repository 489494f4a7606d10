package integration

import "time"

// SOAPREST is how the SOAP calls of an integration with soap rest are carried out over REST.
type SOAPREST struct {
	// Time zone of the dates in SOAP answers, and of dates without a zone in requests: an IANA name. UTC is written with
	// a Z, others without an offset, as DocuSign did. Danger: a wrong zone shifts every date that the program stores.
	TimeZone TimeZone `yaml:"time_zone" default:"America/Los_Angeles" format:"time zone"`
	// The SOAP header of answers: recorded is DocuSign's own, on api.asmx always; on_request a Timestamp for those that
	// sent one; never none.
	AnswerHeader string `yaml:"answer_header" enum:"recorded|on_request|never" default:"recorded"`
	// Elements of an envelope's status: recorded are those that DocuSign was seen to send, full all that REST knows.
	StatusMembers string `yaml:"status_members" enum:"recorded|full" default:"recorded"`
	// How much lower REST draws signatures than SOAP asked, so that they are asked for that much higher up.
	TabOffset TabOffset `yaml:"tab_offset"`
	// Origin of this proxy for the browsers of signers, who come back through it. Needed where a program names
	// different addresses for "signed", "declined" and so on.
	// Default: sidecar.public_url.
	PublicURL string `yaml:"public_url" format:"origin"`
	// Where a browser goes after DocuSign's console. Needed for GetAuthenticationToken and RequestEnvelopeHistoryToken.
	ConsoleReturnURL string `yaml:"console_return_url" default:"" format:"uri"`
	// What becomes of the addresses of RequestRecipientToken: redirect leads browsers over public_url, passthrough hands
	// them to DocuSign in a member that it does not document.
	ClientURLs string `yaml:"client_urls" enum:"redirect|passthrough" default:"redirect"`
	// DocumentID of the certificate among the documents: omit leaves it out, empty is what DocuSign sent, against its
	// own schema.
	CertificateDocumentID string `yaml:"certificate_document_id" enum:"omit|empty" default:"omit"`
	// Documents are read to their end before any is answered: auto does so below 20 MB.
	SafeDocuments string `yaml:"safe_documents" enum:"auto|always|never" default:"auto"`
	// How long the status of an envelope is answered again without asking DocuSign; 0s asks every time.
	CacheStatus time.Duration `yaml:"cache_status" default:"60s" min:"0s" max:"15m"`
	// Directory for documents above 1 MiB while a call is under way.
	// Default: the system's directory for temporary files.
	SpoolDir string `yaml:"spool_dir"`
	// Bytes that all calls under way may keep there and in memory.
	SpoolMax int64 `yaml:"spool_max" default:"1GiB" min:"1MiB" max:"1TiB"`
	// What GetAccountMembershipFeaturesList answers, since REST does not tell; without it the operation is refused.
	Features []string `yaml:"features" default:""`
	// Lets envelopes with AuthoritativeCopy be made. Danger: the export of such a copy exists in SOAP alone.
	AuthoritativeCopy bool `yaml:"authoritative_copy" default:"false"`
}

// TabOffset is in points (SOAP-REST.md §3.4).
type TabOffset struct {
	// Of SignHere.
	SignHere int `yaml:"sign_here" default:"21" min:"-100" max:"100"`
	// Of InitialHere.
	InitialHere int `yaml:"initial_here" default:"16" min:"-100" max:"100"`
}

// TimeZone is a zone of the IANA database.
type TimeZone struct{ *time.Location }
