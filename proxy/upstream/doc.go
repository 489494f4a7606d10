// Package upstream sends calls over HTTPS in HTTP/1.1 as net/http does, but reads and writes in the caller's goroutine:
// net/http keeps two more for each connection, and waking them up costs a third of a small call. It must never send a
// call twice that may have had an effect, hand on bytes that belong to another call, or take a call it does not fully
// understand: those go to another transport. The upstream side of the proxy calls it.
package upstream
