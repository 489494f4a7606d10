module docusign-auth-proxy/internal/bench

go 1.26.0

require (
	docusign-auth-proxy v0.0.0
	github.com/elazarl/goproxy v1.9.2
	golang.org/x/crypto v0.58.0
	golang.org/x/sys v0.49.0
	gopkg.in/yaml.v3 v3.0.1
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace docusign-auth-proxy => ../..
