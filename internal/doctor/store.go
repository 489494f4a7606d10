package doctor

import (
	"context"
	"fmt"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store/redis"
)

// checkStore looks at the server that all replicas share, in the order in which things fail there, and at the replicas.
func (c *run) checkStore(ctx context.Context) {
	if c.cfg.Store.Redis == nil {
		return
	}
	name := c.cfg.Store.Name()
	if c.Offline {
		c.skip("store", name, "the server of all replicas is not asked, since --offline was given", "")
		return
	}
	server := app.OpenRedis(c.cfg, redis.Options{Replica: "doctor"})
	fault := ""
	for _, f := range server.Examine(ctx) {
		told := c.add(c.storeFinding(name, f))
		if f.Row.Of().Severity == cause.Page && f.Check != "rights" {
			fault = told
		}
	}
	switch {
	case fault != "":
		c.skip("replicas", name, "they are listed in the store", fault)
	case server.Known():
		c.checkReplicas(ctx, server)
	}
	if err := server.Close(); err != nil {
		fmt.Fprintln(c.Log, "store:", err)
	}
}

// storeFinding is a finding about the server, with the texts of its row.
func (c *run) storeFinding(name string, f redis.Finding) Finding {
	check := "store"
	if f.Check != check {
		check += " " + f.Check
	}
	if f.Row == 0 {
		return Finding{Check: check, Subject: name, Status: OK, Found: f.Found}
	}
	status := Warn
	if f.Row.Of().Severity == cause.Page {
		status = Fail
	}
	why := map[string]string{
		"server": "new tokens, first log-ins and creations over REST are answered 503, and a replica that starts does not " +
			"become ready; calls with credentials that a running replica knows go on",
		"store":       "the proxy does not start with it, since nothing that it did would be right",
		"keys":        "store.previous_key can go only when nothing is sealed with it any more",
		"memory":      "issued tokens and logins lie in the server; who loses them has to log in again",
		"persistence": "issued tokens and logins lie in the server; who loses them has to log in again",
		"rights":      "what needs them fails when it comes to it",
		"clock":       "each machine writes its own time into its log",
	}[f.Check]
	return of(check, name, status, why, f.Row, append(c.values(), f.Fill...))
}

// checkReplicas compares those that are alive with this configuration and version.
func (c *run) checkReplicas(ctx context.Context, server *redis.Server) {
	const check = "replicas"
	subject := c.cfg.Store.Redis.Namespace
	list, err := app.Replicas(ctx, c.cfg, server)
	if err != nil {
		c.add(Finding{Check: check, Subject: subject, Status: Warn, Found: "they cannot be listed: " + err.Error(),
			Why:  "replicas with another configuration decide otherwise about the same call",
			Next: "look at the status page of each replica"})
		return
	}
	differing := list.Differences(c.now())
	for _, d := range differing {
		c.add(of(check, subject, Warn, "one replica decides otherwise than another about the same call", d.Row,
			append(c.values(), d.Fill...)))
	}
	if len(differing) == 0 {
		c.ok(check, subject, fmt.Sprintf("%d alive, with this configuration and version", len(list.List)))
	}
}
