// Package fault is why an operation of SOAP is not carried out, as the program reads it (SOAP-REST.md §5). It knows
// names and numbers; package answer writes them.
package fault

import "fmt"

// Fault is an answer that says no. It is an error, so that every step may return one.
type Fault struct {
	// Client = the caller can mend it; else it is trouble of ours or of DocuSign's.
	Client bool
	// Own = the trouble is the proxy's own: its disk, its journal.
	Own bool
	// Name is the faultstring: the symbolic name, or for Schema the whole sentence.
	Name string
	// Number is the ErrorCode of the detail; 1 = no other is known.
	Number int
	// Reason is the sentence of the detail.
	Reason string
	// Schema faults have an empty detail (SOAP-REST.md §5.2, recorded).
	Schema bool
	// Status and Code are DocuSign's, where REST refused: the HTTP status and the errorCode.
	Status int
	Code   string
	// RetryAfter is passed on, as DocuSign wrote it.
	RetryAfter string
}

// Error is for the operator's log.
func (f *Fault) Error() string {
	if f.Reason == "" {
		return f.Name
	}
	return f.Name + ": " + f.Reason
}

const (
	unspecified = "Unspecified_Error"
	nothingSent = " Nothing was sent."
)

// Refused says that an element, or with none the operation itself, has no place in REST (SOAP-REST.md §5.1).
func Refused(operation, element string) *Fault {
	if element != "" {
		element = " " + element
	}
	return &Fault{
		Client: true, Name: unspecified, Number: 1,
		Reason: operation + ":" + element + " cannot be carried out over REST (proxy)." + nothingSent,
	}
}

// Invalid says that the message breaks the schema or a rule of it; the sentence names the element and ends without a
// full stop.
func Invalid(format string, values ...any) *Fault {
	sentence := "Validation error: " + fmt.Sprintf(format, values...) + "."
	return &Fault{Client: true, Schema: true, Name: sentence + nothingSent}
}

// Server is trouble that the caller cannot mend.
func Server(format string, values ...any) *Fault {
	return &Fault{Name: unspecified, Number: 1, Reason: fmt.Sprintf(format, values...)}
}

// Own is trouble that the operator of the proxy can mend.
func Own(format string, values ...any) *Fault {
	f := Server(format, values...)
	f.Own = true
	return f
}

// Named is a refusal of SOAP's own by its symbolic name.
func Named(name, reason string) *Fault {
	return &Fault{Client: true, Name: name, Number: 1, Reason: reason}
}
