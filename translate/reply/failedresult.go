package reply

import "docusign-auth-proxy/internal/services"

// failedResult writes the answer of an operation whose result has a place for a failure: ErrorCode or Error. What
// else the result requires has the value of an empty .NET object, because strict readers miss it otherwise. ok = it
// has a place.
func (c Caller) failedResult(namespace, operation string, e entry, message string) (b []byte, ok bool) {
	service := services.ByNamespace(namespace)
	if service == nil {
		return nil, false
	}
	declared := service.Description().Operation(operation)
	if declared == nil {
		return nil, false
	}
	result := declared.Result()
	if result == nil || result.Element("ErrorCode") == nil && result.Element("Error") == nil {
		return nil, false
	}
	b = c.openResult(namespace, operation)
	for _, element := range result.Elements {
		switch element.Name {
		case "Success":
			b = append(b, `<Success>false</Success>`...)
		case "ErrorCode":
			b = appendElement(b, "ErrorCode", e.login)
		case "AuthenticationMessage":
			b = appendElement(b, "AuthenticationMessage", message)
		case "Error":
			b = append(b, `<Error>`...)
			b = appendElement(b, "ErrorCode", e.member)
			b = appendElement(b, "Description", message)
			b = append(b, `</Error>`...)
		default:
			if element.Min > 0 {
				b = appendElement(b, element.Name, emptyValue(element.Type))
			}
		}
	}
	return closeResult(b, operation), true
}

func emptyValue(t *services.Type) string {
	switch t.Base {
	case "dateTime":
		return "0001-01-01T00:00:00"
	case "boolean":
		return "false"
	}
	return "0"
}
