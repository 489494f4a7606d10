package cause

// The causes for which the proxy refuses a call, or a call ends badly. A second row of a word stands behind its first.
const (
	NoCredential ID = iota + 1 // 0 is no row
	UnreadableCredential
	DigestPassword
	SignedCredential
	Unreadable
	UnknownKey
	PrefixedKey
	BadLogin
	UserNotListed
	NoPassword
	Throttled
	Busy
	Overloaded
	PrincipalNotAllowed
	NoGUID
	NotFoundByAdmin
	UnknownToken
	VoucherChanged
	OAuthRefused
	Blocked
	LacksMembership
	PasswordChange
	BadPath
	BadRequest
	NotFound
	TooLarge
	BodyTimeout
	HostMismatch
	WrongEnvironment
	UnknownService
	FormBinding
	ClearPassword
	Unsupported
	UnsupportedGrant
	SOAPRefused
	SOAPFailed
	BearerRefused
	AppPasswordRefused
	NoAppPassword
	TokenRefused
	TokenUnavailable
	UntrustedSite
	TokenTimeout
	NotRepeated
	DocuSign401
	DocuSign403
	DocuSign404
	DocuSign429
	DocuSign4xx
	DocuSign5xx
	ClientGone
	CutOff
	Internal
	StoreUnwritable
	Panic

	// Grants.
	ConsentRequired
	InvalidKey
	ExpiredGrant
	IssuerNotFound
	PrefixedIssuer
	UserNotFound
	InvalidSubject
	InvalidScope
	InvalidRequest
	UnsupportedGrantType
	Refused
	NotConfigured
	LoginRequired
	GrantThrottled
	ServerError
	BadAnswer
	Other

	// The step of the way to a host that failed. Their word is unreachable; the account server's is network.
	Unreachable
	NoName
	NoDNS
	ConnectionRefused
	NoRoute
	ConnectTimeout
	PrivateAddress
	OwnAddress
	ProxyDown
	ProxyLogin
	ProxyRefused
	UntrustedCertificate
	ExpiredCertificate
	OtherCertificate
	NoTLS
	TLSRefused
	Reset
	Timeout
	Network

	// Connections that never become a call, and CONNECTs that are refused.
	NotListed
	DocuSignPort
	ClientAddress
	ClientCredentialMissing
	ClientCredential
	TooManyTunnels
	BadTarget
	NoCA
	TLSNotTrusted
	TLSHungUp
	TLSNoCall
	TLSVersion
	TLSSSLv2
	TLSName
	TLSHandshake
	UnreadableRequest
	HeadTooLarge
	UnsupportedCoding
	HeadUnfinished
	TooManyConnections
	ConnectionDisplaced

	// Conditions of the running proxy.
	ConfigNotLoaded
	CAExpired
	CAExpiring
	CANotBegun
	NoConnect
	ClockOff
	CreationUnresolved
	LogStuck
	NeverSeen
	ObserveWorks
	ObserveFails
	SOAPNotChosen
	PortTaken
	PortForbidden
	AddressNotHere
	CannotListen

	ids // their number
)
