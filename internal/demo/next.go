package demo

// NextStep is something that the operator does next: a command and what it is for, or only the latter.
type NextStep struct {
	Command string `json:"command,omitempty"`
	Why     string `json:"why"`
}

// NextSteps is the way to a real account.
func NextSteps() []NextStep {
	const program = "docusign-auth-proxy "
	return []NextStep{
		{"", "In DocuSign under Apps and Keys: add an RSA key to your integrator key, keep it as key.pem"},
		{program + "discover --private-key key.pem", "your program calls, it writes the file"},
		{program + "hash-password < password.txt", "for the password that your program sends"},
		{program + "ca init", "for HTTPS only; your program must trust it"},
		{program + "consent", "each user agrees once, in a browser"},
		{program + "doctor", "tries it all, and says what is missing"},
		{program + "run", "for your program, as in 2 to 5 above"},
	}
}
