package sandbox

import (
	"sync"
	"time"
)

// settings are what can be changed while the sandbox runs. The zero value has the defaults.
type settings struct {
	mu       sync.Mutex
	current  setting
	failures []FailureSpec // planned and still to come
}

type setting struct {
	offset          time.Duration
	tokenLife       time.Duration
	throttle        bool
	wrongSite       string
	badToken        string
	loginInfoStatus int
	noSOAPBearer    bool
	hourly, burst   int
}

func (s *settings) setting() setting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *settings) set(change func(*setting)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.current)
}

// SetClockOffset moves the sandbox's clock away from Options.Now.
func (s *settings) SetClockOffset(d time.Duration) { s.set(func(v *setting) { v.offset = d }) }

// SetTokenLife sets how long access tokens issued from now on live; default one hour.
func (s *settings) SetTokenLife(d time.Duration) { s.set(func(v *setting) { v.tokenLife = d }) }

// SetThrottle makes the token end point answer 429 (PROTOCOL.md §6.4) until it is switched off.
func (s *settings) SetThrottle(on bool) { s.set(func(v *setting) { v.throttle = on }) }

// SetWrongSite chooses the code for a call at a site where the account does not live: USER_LACKS_MEMBERSHIP (default)
// or PARTNER_AUTHENTICATION_FAILED with "Invalid account specified for user." (PROTOCOL.md §8.2).
func (s *settings) SetWrongSite(code string) { s.set(func(v *setting) { v.wrongSite = code }) }

// SetBadToken chooses the code for an expired, revoked or unknown access token: AUTHORIZATION_INVALID_TOKEN (default)
// or USER_AUTHENTICATION_FAILED with "Invalid access token" (PROTOCOL.md §8.2).
func (s *settings) SetBadToken(code string) { s.set(func(v *setting) { v.badToken = code }) }

// SetLoginInformation switches login_information off with a status (401 or 404), or on again with 0.
func (s *settings) SetLoginInformation(status int) {
	s.set(func(v *setting) { v.loginInfoStatus = status })
}

// SetSOAPBearer tells whether the SOAP services take an access token; at first they do. Nothing public says that the
// real ones do (PROTOCOL.md §4.10).
func (s *settings) SetSOAPBearer(on bool) { s.set(func(v *setting) { v.noSOAPBearer = !on }) }

// SetLimits enforces the hourly and burst limits of PROTOCOL.md §11 per account; 0 counts without enforcing.
func (s *settings) SetLimits(hourly, burst int) {
	s.set(func(v *setting) { v.hourly, v.burst = hourly, burst })
}
