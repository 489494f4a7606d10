package app_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
)

// captures asks the operations listener for captures, as the operator.
func (r *rig) captures(t *testing.T, method, path, body string) string {
	t.Helper()
	got := r.Do(nil, apptest.Request(t, method, r.AdminURL()+"/api/capture"+path, strings.NewReader(body),
		"Authorization", "Bearer "+r.OperatorToken(t), "Content-Type", "application/json"))
	if got.Status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, got.Status, got.Body)
	}
	return got.Body
}

// startCapture keeps all calls from now on and gives the capture's ID.
func (r *rig) startCapture(t *testing.T) string {
	t.Helper()
	var info struct {
		ID string `json:"id"`
	}
	asked := `{"integration":"*","requests":500,"max_body":65536,"for":"1h"}`
	if err := json.Unmarshal([]byte(r.captures(t, http.MethodPost, "", asked)), &info); err != nil {
		t.Fatal(err)
	}
	return info.ID
}

// fetchCapture is a capture as text: all files of the archive, and the HAR.
func (r *rig) fetchCapture(t *testing.T, id string) (files map[string]string, har string) {
	t.Helper()
	packed := r.captures(t, http.MethodGet, "/"+id+".zip", "")
	z, err := zip.NewReader(bytes.NewReader([]byte(packed)), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	return apptest.Unzipped(t, z), r.captures(t, http.MethodGet, "/"+id+".har", "")
}
