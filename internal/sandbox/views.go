package sandbox

import (
	"net/http"

	"docusign-auth-proxy/internal/sandbox/envelope"
)

// viewOf opens the console, or a view of an envelope, in a browser (SOAP-REST.md §4.6, §4.7).
func viewOf(c *restRequest) answer {
	name := c.params["{view}"]
	kinds := map[string]string{
		"": "consoleViewRequest", "sender": "returnUrlRequest", "edit": "returnUrlRequest",
		"correct": "correctViewRequest", "recipient": "recipientViewRequest",
	}
	if kinds[name] == "" {
		return c.unread(empty(http.StatusNotFound))
	}
	d, refused := c.body(kinds[name], name != "recipient")
	if refused == nil && name == "recipient" {
		refused = c.checkRecipientView(d)
	}
	if refused == nil && name == "sender" {
		refused = asError(envelope.IsDraft(c.Envelope))
	}
	if refused == nil && name == "correct" {
		refused = asError(envelope.IsUnderWay(c.Envelope))
	}
	if refused != nil {
		return c.refuse(refused)
	}
	return c.tree(http.StatusCreated, "viewUrl", object{"url": c.ViewURL()})
}

// maxReturnURL is REST's limit in characters (SOAP-REST.md §6.6).
const maxReturnURL = 470

func (c *restRequest) checkRecipientView(d object) *apiError {
	switch back := text(d, "returnUrl"); {
	case back == "":
		return refusal("INVALID_REQUEST_PARAMETER", "The returnUrl is missing.")
	case len(back) > maxReturnURL:
		return refusal("INVALID_REQUEST_PARAMETER", "The returnUrl is too long.")
	}
	return asError(envelope.CanSign(c.Envelope, text(d, "clientUserId"), text(d, "userName"), text(d, "email")))
}
