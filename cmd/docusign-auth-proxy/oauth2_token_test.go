package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// tokenForm is the body of a legacy oauth2/token, properly encoded.
func tokenForm(username, password, key string) string {
	return url.Values{"grant_type": {"password"}, "client_id": {key}, "username": {username}, "password": {password}, "scope": {"api"}}.Encode()
}

func tokenRequest(t *testing.T, origin, form string, headers ...string) *http.Request {
	t.Helper()
	all := append([]string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"}, headers...)
	return request(t, "POST", origin+"/restapi/v2/oauth2/token", strings.NewReader(form), all...)
}

func accessToken(t *testing.T, got answer) string {
	t.Helper()
	var a struct {
		Token string `json:"access_token"`
		Scope string `json:"scope"`
		Type  string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(got.body), &a); err != nil || got.status != 200 || a.Token == "" || a.Scope != "api" || a.Type != "bearer" {
		t.Fatalf("status %d, body %s (%v)", got.status, got.body, err)
	}
	return a.Token
}

// legacyLogin gets a legacy token as old programs do.
func (r *rig) legacyLogin(t *testing.T, username, password, key string) string {
	t.Helper()
	return accessToken(t, r.do(nil, tokenRequest(t, r.sidecar(), tokenForm(username, password, key))))
}
