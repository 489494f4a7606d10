//go:build !windows

package doctor

// systemProxies knows none: this system has no setting for all programs.
func systemProxies() []systemProxy { return nil }
