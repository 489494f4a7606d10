//go:build !unix

package lean

// supported: no way is known here to ask an idle socket without waiting.
const supported = false

func nothingThere(uintptr) bool { return false }
