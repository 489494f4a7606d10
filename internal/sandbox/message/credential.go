package message

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
)

// Credential is a user name and password in any of the shapes SOAP knows (PROTOCOL.md §4.3).
type Credential struct {
	Username, Password, Key, OnBehalfOf string
	Digest, Malformed                   bool
}

// ReadHeader reads the X-DocuSign-Authentication header, strictly.
func ReadHeader(value string) Credential {
	var h struct {
		XMLName                                           xml.Name `json:"-"`
		Username, Password, IntegratorKey, SendOnBehalfOf string
	}
	var err error
	if strings.HasPrefix(strings.TrimSpace(value), "{") {
		err = json.Unmarshal([]byte(value), &h)
	} else if err = xml.Unmarshal([]byte(value), &h); err == nil && h.XMLName.Local != "DocuSignCredentials" {
		err = errors.New("not DocuSignCredentials")
	}
	return Credential{
		Username: h.Username, Password: h.Password, Key: h.IntegratorKey, OnBehalfOf: h.SendOnBehalfOf,
		Malformed: err != nil,
	}
}

// Split takes the brackets off a user name: "[key]user", "[key][principal]user", or "[principal]user" beside a key.
func (cred *Credential) Split() {
	for {
		name := strings.TrimSpace(cred.Username)
		inner, rest, ok := strings.Cut(strings.TrimPrefix(name, "["), "]")
		if !strings.HasPrefix(name, "[") || !ok {
			cred.Username = name
			return
		}
		if cred.Key == "" {
			cred.Key = strings.TrimSpace(inner)
		} else {
			cred.OnBehalfOf = strings.TrimSpace(inner)
		}
		cred.Username = rest
	}
}
