package soaprest

import (
	"testing"

	"docusign-auth-proxy/internal/services"
)

func TestTheTableNamesWhatTheServicesHave(t *testing.T) {
	for namespace, operations := range table() {
		for name := range operations {
			known := false
			for _, s := range services.All() {
				known = known || s.Namespace == namespace && s.Has(name)
			}
			if !known {
				t.Errorf("%s has no %s", namespace, name)
			}
		}
	}
}

func TestOperationsHaveAClass(t *testing.T) {
	for _, tc := range []struct {
		name, service, operation string
		want                     Class
		loss                     string
	}{
		{"one that REST has no way for", "api.asmx", "TransferEnvelope", Impossible,
			"REST hands over all envelopes of a user, never one alone"},
		{"one of a later version", "api.asmx", "GetFolderList", Impossible, "not carried out by this version"},
		{"one that only the other service has", "dsapi.asmx", "RequestStatusCodes", Impossible,
			"the service has no such operation"},
		{"one that the proxy answers itself", "credential.asmx", "Login", Whole, ""},
		{"one about money", "accountmanagement.asmx", "IncrementAccountSeats", Impossible,
			"it is about plans and seats, which are paid for"},
		{"a secret of the proxy's own", "accountmanagement.asmx", "GetEncryptedPassword", Whole, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			class, loss := Classify(services.ByBase(tc.service), tc.operation)
			if class != tc.want || loss != tc.loss {
				t.Errorf("got %s, %q", class, loss)
			}
		})
	}
}
