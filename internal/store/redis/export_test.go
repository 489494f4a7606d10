package redis

// Calls are what tryOut asks the server about.
func Calls() []string { return calls() }
