package sandbox

// Counts is what the sandbox saw since it started.
type Counts struct {
	Grants          int            // access tokens issued
	GrantErrors     map[string]int // refused grants by "error" or "error/error_description"
	UserInfo        int            // userinfo answered
	UserInfoRefused int
	API             int            // REST calls let in
	Refused         map[string]int // REST calls refused, by error code
	Envelopes       int            // created, by REST and SOAP
	SOAP            int            // SOAP operations let in
	SOAPRefused     map[string]int // SOAP operations refused, by error code
	Legacy          Legacy
	Paths           map[string]int // calls by "METHOD host pattern"
}

// Legacy counts refused legacy credentials by shape.
type Legacy struct {
	Header        int // X-DocuSign-Authentication
	WSSecurity    int // UsernameToken with a password that is no App Password
	Body          int // Credential operations with a password that is no App Password
	PasswordGrant int // grant_type=password, at a site or at the account server
	ActAs         int // X-DocuSign-Act-As-User
	Bearer        int // lower-case scheme, bare token, or a token that OAuth never issues
}

// Total is the number of legacy credentials of any shape.
func (l Legacy) Total() int {
	return l.Header + l.WSSecurity + l.Body + l.PasswordGrant + l.ActAs + l.Bearer
}

func newCounts() Counts {
	return Counts{
		GrantErrors: map[string]int{}, Refused: map[string]int{}, SOAPRefused: map[string]int{}, Paths: map[string]int{},
	}
}
