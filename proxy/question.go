package proxy

import (
	"context"
	"net/http"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/forwardauth"
	"docusign-auth-proxy/proxy/tunnel"
)

type questionKey struct{}

// serveQuestion answers a gateway that asks what becomes of a call: it goes through the pipeline as every other one, up
// to where it would be sent.
func serveQuestion(s *Server, w http.ResponseWriter, r *http.Request, b *conn.Binding) {
	s.cfg.ForwardAuth.Serve(w, r, b, func(w http.ResponseWriter, q *forwardauth.Question) {
		ctx := context.WithValue(context.WithValue(r.Context(), bindingKey{}, q.Binding(b)), questionKey{}, q)
		s.ServeHTTP(w, q.Call.WithContext(ctx))
	}, func(status int, why cause.ID, fill ...string) {
		s.recordRefusedConnect(r, status, why.String(), why, fill...)
		http.Error(w, tunnel.Text(why, fill...), status)
	})
}
