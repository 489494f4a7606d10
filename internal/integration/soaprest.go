package integration

import (
	_ "embed" // the configuration's reference is made from the comments of this file
	"net/url"
	"time"
)

//go:embed soaprest.go
var sourceSOAPREST string

// AnswerHeader says which SOAP header answers have.
type AnswerHeader string

const (
	HeaderRecorded  AnswerHeader = "recorded"
	HeaderOnRequest AnswerHeader = "on_request"
	HeaderNever     AnswerHeader = "never"
)

// StatusMembers says which elements the status of an envelope has.
type StatusMembers string

const (
	MembersRecorded StatusMembers = "recorded"
	MembersFull     StatusMembers = "full"
)

// ClientURLs says what becomes of the addresses of RequestRecipientToken.
type ClientURLs string

const (
	Redirect    ClientURLs = "redirect"
	Passthrough ClientURLs = "passthrough"
)

// CertificateID says how the certificate stands among the documents.
type CertificateID string

const (
	OmitCertificateID  CertificateID = "omit"
	EmptyCertificateID CertificateID = "empty"
)

// SafeDocuments says when documents are read to their end before any is answered.
type SafeDocuments string

const (
	SafeAuto   SafeDocuments = "auto"
	SafeAlways SafeDocuments = "always"
	SafeNever  SafeDocuments = "never"
)

// SOAPREST is how the SOAP calls of an integration with soap rest are carried out over REST (SOAP-REST.md §11.1).
type SOAPREST struct {
	// Time zone of the dates in SOAP answers, and of dates without a zone in requests: an IANA name. UTC is written with
	// a Z, others without an offset, as DocuSign did. Danger: a wrong zone shifts every date that the program stores;
	// the default was seen at demo, in 2011 and 2012 only.
	TimeZone TimeZone `yaml:"time_zone" default:"America/Los_Angeles"`
	// The SOAP header of answers: recorded is DocuSign's own, on api.asmx always; on_request a Timestamp for those that
	// sent one; never none.
	AnswerHeader AnswerHeader `yaml:"answer_header" enum:"recorded|on_request|never" default:"recorded"`
	// Elements of an envelope's status: recorded are those that DocuSign was seen to send, full all that REST knows.
	StatusMembers StatusMembers `yaml:"status_members" enum:"recorded|full" default:"recorded"`
	// How many points REST v2.1 draws signatures higher than SOAP did; it is added to their place in requests and taken
	// off in answers. Danger: with a wrong number contracts are signed in the wrong spot.
	TabOffset TabOffset `yaml:"tab_offset"`
	// Origin of this proxy for the browsers of signers, who come back through it. Needed where a program names
	// different addresses for "signed", "declined" and so on. They need /ds-return/ alone, and no place in
	// egress.clients for it.
	// Default: sidecar.public_url.
	PublicURL *url.URL `yaml:"public_url" schemes:"https|http"`
	// Where a browser goes after DocuSign's console. Without it GetAuthenticationToken and RequestEnvelopeHistoryToken
	// are refused.
	ConsoleReturnURL string `yaml:"console_return_url" default:"" format:"uri"`
	// What becomes of the addresses of RequestRecipientToken: redirect leads browsers over public_url, passthrough hands
	// them to DocuSign in a member that it does not document.
	ClientURLs ClientURLs `yaml:"client_urls" enum:"redirect|passthrough" default:"redirect"`
	// DocumentID of the certificate among the documents: omit leaves it out, empty is what DocuSign sent, against its
	// own schema.
	CertificateDocumentID CertificateID `yaml:"certificate_document_id" enum:"omit|empty" default:"omit"`
	// Documents are read to their end before any is answered: auto does so below 20 MB.
	SafeDocuments SafeDocuments `yaml:"safe_documents" enum:"auto|always|never" default:"auto"`
	// How long the status of an envelope is answered again without asking DocuSign; 0s asks every time.
	CacheStatus time.Duration `yaml:"cache_status" default:"60s" min:"0s" max:"15m"`
	// Directory for documents above 512 KiB while a call is under way. Danger: they lie there in clear, in files without a
	// name.
	// Default: the system's directory for temporary files.
	SpoolDir string `yaml:"spool_dir"`
	// Bytes that all calls under way may keep there and in memory. A call that finds no room is refused before anything
	// of it is sent.
	SpoolMax Size `yaml:"spool_max" default:"1GiB" min:"1MiB" max:"1024GiB"`
	// What GetAccountMembershipFeaturesList answers, since REST does not tell; without it the operation is refused.
	Features []string `yaml:"features" default:""`
	// Lets envelopes with AuthoritativeCopy be made. Danger: the export of such a copy exists in SOAP alone.
	AuthoritativeCopy bool `yaml:"authoritative_copy" default:"false"`
}

// TabOffset is in points (SOAP-REST.md §3.4).
type TabOffset struct {
	// For SignHere.
	SignHere int `yaml:"sign_here" default:"21" min:"-100" max:"100"`
	// For InitialHere.
	InitialHere int `yaml:"initial_here" default:"16" min:"-100" max:"100"`
}

// TimeZone is a zone of the IANA database.
type TimeZone struct{ *time.Location }

// Size is a number of bytes.
type Size int64
