package doctor

import (
	"context"
	"fmt"
	"time"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/translate/oauth"
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
	c.shared, c.sharedFault = server.Known(), fault
	switch {
	case fault != "":
		c.skip("replicas", name, "they are listed in the store", fault)
	case server.Known():
		c.checkReplicas(ctx, server)
	}
	c.logClose(server.Close())
}

// openShared reads the store of all replicas, to look for logins in it. It makes none.
func (c *network) openShared(ctx context.Context) {
	const away = "their logins are in the store of all replicas, which cannot be read"
	if c.sharedFault != "" {
		c.logins = Finding{Found: away, Because: c.sharedFault}
		return
	}
	if !c.shared {
		return // nobody has logged in yet
	}
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	_, kept := app.ShareState(c.cfg)
	if err := kept.Read(ctx); err != nil {
		c.logins.Found = away + ": " + err.Error()
		c.logClose(kept.Close())
		return
	}
	c.store = kept
}

// examineLogin looks for a login in the store of all replicas. It is not tried: the token in it may rotate, and the
// replicas exchange it.
func (v *visit) examineLogin(ctx context.Context) (goOn bool) {
	id, err := v.identity(ctx)
	if err != nil {
		return v.refused(ctx, err)
	}
	v.id = id
	_, at, ok, err := v.store.Refresh(oauth.RefreshName(id))
	if err != nil || !ok {
		none := &oauth.GrantError{Kind: oauth.LoginRequired, Identity: id, Description: "this user has not logged in yet"}
		if err != nil {
			none.Description = err.Error()
		}
		return v.refused(ctx, none)
	}
	v.ok("grant", v.subject, fmt.Sprintf("the store of all replicas has the login of %s, renewed %s; it is not tried here",
		id.Subject, at.UTC().Format(time.DateOnly)))
	return true
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

func (c *run) logClose(err error) {
	if err != nil {
		fmt.Fprintln(c.Log, "store:", err)
	}
}
