package config

// exampleMinimal is the least that translates: one program, one user, one key. It needs the file key.pem.
const exampleMinimal = `environment: demo
integrations:
  - name: nightly-billing
    integrator_key: 230546a7-9c55-40ad-8fbf-af205d5494ad
    oauth:
      private_keys: [{file: key.pem}]
    users:
      - username: anna@example.com
        user_id: a1b2c3d4-0000-4000-8000-000000000020
        password: {bcrypt: "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}
`

// exampleObserve translates nothing yet: it passes every call on and counts who still sends which old credential.
const exampleObserve = `environment: production
unknown: observe
interception: {ca_cert: ca.pem, ca_key: ca-key.pem}
`

// exampleAppPassword replaces the passwords of a SOAP program by App Passwords. It needs the two files it names.
const exampleAppPassword = `environment: production
integrations:
  - name: contracts
    integrator_key: DOCU-230546a7-9c55-40ad-8fbf-af205d5494ad
    soap: app_password
    users:
      - username: anna@example.com
        password: {file: old-password.txt}
        app_password: {file: app-password.txt}
`

// examples returns the examples by name.
func examples() map[string]string {
	return map[string]string{"minimal": exampleMinimal, "observe": exampleObserve, "app-password": exampleAppPassword}
}
