package proxy

import (
	"errors"
	"time"

	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
)

// causeOf gives a bounded word for metrics and for the cause header.
func causeOf(err error, kind reply.Kind) string {
	var ge *oauth.GrantError
	if errors.As(err, &ge) {
		return ge.Label()
	}
	var te *translate.Error
	if errors.As(err, &te) && te.Kind != translate.KindInternal {
		return te.Kind.String()
	}
	return kind.String()
}

func retryAfter(err error) time.Duration {
	var ge *oauth.GrantError
	if errors.As(err, &ge) && ge.Temporary() {
		return ge.RetryAfter
	}
	return 0 // waiting does not mend a refusal, and the pause is the proxy's own business
}
