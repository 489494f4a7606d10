package proxy

import (
	"net/http"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy/route"
)

// tapInto lets t listen to the request's body, to the way upstream and to the answer.
func (x *exchange) tapInto(t call.Tap, r *http.Request) {
	if t == nil {
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		x.caller.ReadCloser = t.Asked(r.Body)
	}
	x.w.ResponseWriter = t.Answer(x.w.ResponseWriter)
	st := *x.state
	st.Upstream = t.Upstream(st.Upstream)
	x.state, x.tap = &st, t
}

func (x *exchange) carried() call.Carried {
	return call.Carried{
		Secrets:  x.secrets(),
		Password: x.soap.holdsPassword(),
		Native:   x.out != nil && x.out.native,
		Form:     x.route.Local == route.Token || x.route.Local == route.Revoke,
		Page:     x.route.API == call.APIOther,
		Listed:   x.out != nil && x.out.listed,
	}
}

// secrets is what this call is known to have carried.
func (x *exchange) secrets() (all []string) {
	if x.soap != nil {
		for _, p := range x.soap.read.Passwords {
			all = append(all, p.Reveal())
		}
		all = append(all, x.soap.read.Bearer.Reveal())
	}
	if x.token != nil {
		all = append(all, x.token.AccessToken.Reveal())
	}
	if x.rest != nil {
		if sent := x.rest.user.token(); sent != nil {
			all = append(all, sent.AccessToken.Reveal())
		}
	}
	if x.decision != nil {
		if p, ok := x.decision.AppPassword(); ok {
			all = append(all, p.Reveal())
		}
	}
	return all
}
