package shown

import (
	"encoding/json"
	"io"
)

// JSON leaves & and < in addresses as they are: people copy them.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
