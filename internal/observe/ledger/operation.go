package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/translate/soaprest"
)

// Operation is an operation of SOAP that programs use. Its JSON is part of the operations listener's.
type Operation struct {
	API      string    `json:"api"`
	Name     string    `json:"name"` // "other" = none that DocuSign's WSDLs have
	Calls    uint64    `json:"calls"`
	LastSeen time.Time `json:"last_seen,omitzero"`
	Class    string    `json:"class"`          // how well REST carries it out: whole, approximate or impossible
	Loss     string    `json:"loss,omitempty"` // what is lost, or why it is not carried out
}

// NewOperation fills in how well REST carries an operation out.
func NewOperation(api, name string, calls uint64) Operation {
	o := Operation{API: api, Name: name, Calls: calls, Class: string(soaprest.Impossible), Loss: "it is not in the WSDL"}
	for _, s := range services.All() {
		if string(s.API) == api {
			class, loss := soaprest.Classify(s, name)
			o.Class, o.Loss = string(class), loss
		}
	}
	return o
}

// Verdict says whether soap: rest carries out all that was seen, and which operations it does not; "" = none was seen.
// whole reports that nothing would be lost.
func Verdict(seen []Operation) (text string, whole bool) {
	not := map[string][]string{}
	for _, o := range seen {
		not[o.Class] = append(not[o.Class], o.Name)
	}
	lost, refused := not[string(soaprest.Approximate)], not[string(soaprest.Impossible)]
	total := words.Count(len(seen), "operation", "operations")
	switch {
	case len(seen) == 0:
		return "", false
	case len(refused) > 0:
		return fmt.Sprintf("of %s seen, soap: rest would refuse %s", total, strings.Join(refused, ", ")), false
	case len(lost) > 0:
		return fmt.Sprintf("soap: rest carries out all of %s seen, with a loss in %s", total, strings.Join(lost, ", ")), false
	}
	if len(seen) == 1 {
		return "the 1 operation seen is carried out whole: soap: rest can be set", true
	}
	return "all of " + total + " seen are carried out whole: soap: rest can be set", true
}

// operationKey is one operation of one service. In the store it is a text.
type operationKey struct{ api, name string }

// MarshalText writes the key of a JSON object.
func (k operationKey) MarshalText() ([]byte, error) { return []byte(k.api + " " + k.name), nil }

// UnmarshalText takes any text.
func (k *operationKey) UnmarshalText(text []byte) error {
	k.api, k.name, _ = strings.Cut(string(text), " ")
	return nil
}

// known bounds what is kept: there are so many operations and no more.
func (k operationKey) known() bool {
	return slices.ContainsFunc(services.All(), func(s *services.Service) bool {
		return string(s.API) == k.api && (s.Has(k.name) || k.name == outcomeOther)
	})
}

// used is what is kept of an operation.
type used struct {
	Calls uint64 `json:"n"`
	Last  int64  `json:"last"`
}

// recordSOAP keeps which operations the integration's programs use. What the proxy refuses for its credential may come
// from anybody.
func (i *integrationTally) recordSOAP(e *call.Event, at int64) {
	if !e.API.SOAP() || e.Operation == "" ||
		e.Outcome == call.OutcomeRefused && e.Cause != call.KindNotOverREST.String() {
		return
	}
	switch {
	case e.Cause == cause.BearerRefused.String():
		i.BearerRefused = at
	case e.Outcome == call.OutcomeOK && !e.OverREST:
		i.BearerRefused, i.bearerTaken = 0, at
	}
	k := operationKey{string(e.API), e.Operation}
	u, ok := i.Operations[k]
	if !ok {
		k.name = strings.Clone(k.name)
		if !k.known() {
			return
		}
	}
	if i.Operations == nil {
		i.Operations = map[operationKey]used{}
	}
	i.Operations[k] = used{u.Calls + 1, max(u.Last, at)}
}

// operations lists what was used, the most used first.
func (i *integrationTally) operations() []Operation {
	var list []Operation
	for k, u := range i.Operations {
		o := NewOperation(k.api, k.name, u.Calls)
		o.LastSeen = when(u.Last)
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Name, b.Name), cmp.Compare(a.API, b.API))
	})
	return list
}
