package cause

// The causes for which the proxy refuses a call, or a call ends badly. A second row of a word stands behind its first.
const (
	NoCredential ID = iota + 1 // 0 is no row
	MisplacedCredential
	UnreadableCredential
	DigestPassword
	SignedCredential
	Unreadable
	UnknownKey
	PrefixedKey
	BareKey
	ClientIDAsKey
	BadLogin
	UserNotListed
	NoPassword
	PinnedPassword
	EmptyPassword
	LongPassword
	Throttled
	Busy
	Overloaded
	PrincipalNotAllowed
	NoGUID
	NotFoundByAdmin
	NotMember
	UnknownToken
	VoucherChanged
	OAuthRefused
	OAuthAtToken
	Blocked
	LacksMembership
	PasswordChange
	BadPath
	BadRequest
	NotFound
	BrowserCameBack
	TooLarge
	BodyTimeout
	HostMismatch
	WrongEnvironment
	UnknownEnvironment
	UnknownService
	FormBinding
	ClearPassword
	Unsupported
	UnsupportedGrant
	SOAPRefused
	SOAPFailed
	BearerRefused
	BearerNotAppPassword
	AppPasswordRefused
	AppKeyRefused
	TokenRefused
	NoAppPassword
	TokenUnavailable
	UntrustedSite
	TokenTimeout
	NotRepeated
	DocuSign401
	OwnCredentialRefused
	OldCredentialRefused
	DocuSign403
	PlanWithoutAPI
	DocuSign404
	DocuSign429
	DocuSign4xx
	DocuSign5xx
	SOAPFault
	ClientGone
	CutOff
	Internal
	NoStore
	StoreUnwritable
	StoreUnreachable
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
	CodeExpired
	ClientSecret
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
	ForbiddenAddress
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
	OtherProduct
	DocuSignPort
	ClientAddress
	ClientCredentialMissing
	ClientCredential
	TooManyTunnels
	BadTarget
	WrongDoor
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
	ObserveRefused
	SOAPNotChosen
	SeveralCredentials

	// What the log alone tells of.
	StateInMemory
	StateInUse
	NoOperatorToken
	SpoolUnwritable
	TokensNotTakenOver
	LoginNotRenewed
	PasswordPinned
	CaptureStarted
	PortTaken
	PortForbidden
	AddressNotHere
	CannotListen

	ids // their number
)
