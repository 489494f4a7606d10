package main

import (
	"net/http"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/store"
)

// operatorRoutes are what the operations listener serves to the operator alone, besides reload.
func (p *program) operatorRoutes() map[string]http.Handler {
	version, _, _ := buildVersion()
	routes := p.capture.Routes(version)
	routes["GET /api/tokens"] = http.HandlerFunc(p.listTokens)
	routes["DELETE /api/tokens"] = http.HandlerFunc(p.revokeTokens)
	routes["GET /api/pins"] = http.HandlerFunc(p.listPins)
	routes["DELETE /api/pins"] = http.HandlerFunc(p.forgetPins)
	return routes
}

// ended reports whether an issued secret is refused; when that cannot be told, it is refused too.
func (p *program) ended(o store.TokenOwner) bool {
	ended, err := p.current.Load().state.Translator.Ended(issuedOwner(o))
	return ended || err != nil
}

func (p *program) listTokens(w http.ResponseWriter, r *http.Request) {
	answerJSON(w, http.StatusOK, describeIssued(selectIssued(p.store, selectionOf(r.URL.Query())), p.ended))
}

func (p *program) listPins(w http.ResponseWriter, r *http.Request) {
	answerJSON(w, http.StatusOK, describePins(selectPins(p.store, selectionOf(r.URL.Query()))))
}

func (p *program) revokeTokens(w http.ResponseWriter, r *http.Request) {
	q := selectionOf(r.URL.Query())
	if err := q.check(); err != nil {
		refuseJSON(w, http.StatusBadRequest, err)
		return
	}
	gone, err := p.store.RevokeWhere(q.issued)
	if err != nil {
		refuseJSON(w, http.StatusInternalServerError, err)
		return
	}
	for _, i := range gone {
		p.log.Warn("revoked", "kind", i.Kind, "fingerprint", i.Fingerprint, "integration", i.Owner.Integration, "authenticator", i.Owner.Authenticator,
			"principal", i.Owner.Principal, "by", admin.By(r))
	}
	answerJSON(w, http.StatusOK, describeIssued(gone, nil))
}

func (p *program) forgetPins(w http.ResponseWriter, r *http.Request) {
	q := selectionOf(r.URL.Query())
	if err := q.check(); err != nil {
		refuseJSON(w, http.StatusBadRequest, err)
		return
	}
	gone, err := p.store.ForgetPins(q.pin)
	if err != nil {
		refuseJSON(w, http.StatusInternalServerError, err)
		return
	}
	for _, pin := range gone {
		p.log.Warn("pin forgotten", "integration", pin.Integration, "authenticator", pin.Username, "by", admin.By(r))
	}
	answerJSON(w, http.StatusOK, describePins(gone))
}

func refuseJSON(w http.ResponseWriter, status int, err error) {
	answerJSON(w, status, map[string]string{"error": err.Error()})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = writeJSON(w, v) // a reader who left is nobody to tell
}
