//go:build !unix

package upstream

// supported: no way is known here to ask an idle socket without waiting.
const supported = false

func nothingThere(uintptr) bool { return false }
