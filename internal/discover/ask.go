package discover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/oauth"
)

// askTime is for all that DocuSign is asked once the calls have been watched.
const askTime = time.Minute

// askedKey is the integrator key of the entry that holds what DocuSign is asked with. No program has it.
const askedKey = "00000000-0000-0000-0000-000000000000"

// answers are what DocuSign said about a key and its people.
type answers struct {
	ClientID string            `json:"client_id,omitempty"` // that the account server knows
	GUIDs    map[string]string `json:"user_ids,omitempty"`  // by name
	toDo     []string          // what an operator has still to do for the integration
	userToDo map[string]string // for a user's GUID, by name
}

// ask finds out what DocuSign knows of the keys and people that were seen. Without a private key it cannot be asked.
func (d *discovery) ask(ctx context.Context, o Options, cfg *config.Config) {
	d.mu.Lock() // a call that the end of the watching cut off may still be noted
	defer d.mu.Unlock()
	asked := func(in integration.Integration) bool { return in.IntegratorKey == askedKey }
	with := slices.IndexFunc(cfg.Integrations, asked)
	if with >= 0 && !o.AsJSON && len(d.keys) > 0 {
		fmt.Fprintln(o.Stdout, "asking DocuSign for client ids and user GUIDs, a minute at most")
	}
	for _, k := range d.list() {
		k.answers = answers{GUIDs: map[string]string{}, userToDo: map[string]string{}}
		switch subject := k.anyGUID(o.AdminUserID); {
		case with < 0:
			k.answers.toDo = []string{cause.NotConfigured.Next("key", k.Key, "config", o.Out)}
		case subject != "":
			in := cfg.Integrations[with]
			in.IntegratorKey, in.OAuth.ClientID = k.Key, ""
			k.askWith(ctx, o, cfg, in, subject)
		}
		k.remainingGUIDs(o.AdminUserID != "" && with >= 0)
	}
}

// anyGUID is somebody for whom a token can be asked.
func (k *foundKey) anyGUID(admin string) string {
	if admin != "" {
		return admin
	}
	for _, name := range k.people() {
		if shown.GUID(name) {
			return name
		}
	}
	return ""
}

// people are users and those they act for, each once.
func (k *foundKey) people() []string {
	names := map[string]bool{}
	for name, u := range k.Users {
		names[name] = true
		for other := range u.ActsFor {
			names[other] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (k *foundKey) askWith(
	ctx context.Context, o Options, cfg *config.Config, in integration.Integration, subject string,
) {
	a := &k.answers
	id, err := app.KnownClientID(ctx, cfg, &in, subject, app.ClientIDs(&in))
	a.ClientID = id
	if err != nil {
		a.toDo = append(a.toDo, told(err, subject, o, cfg))
		return
	}
	if in.OAuth.AdminUserID == "" {
		return
	}
	in.OAuth.ClientID = id
	asking := *cfg
	asking.Integrations = []integration.Integration{in}
	client, closeClient := app.TokensOnly(&asking)
	defer closeClient()
	admin := oauth.Identity{Issuer: id, Subject: subject, Scopes: in.OAuth.Scopes.String()}
	for _, name := range k.people() {
		if shown.GUID(name) {
			continue
		}
		guid, err := client.LookupUser(ctx, admin, name)
		lookup, unknown := errors.AsType[*oauth.LookupError](err)
		switch {
		case err == nil:
			a.GUIDs[name] = guid
		case unknown:
			k.missing(name, lookup.Error()+"; "+cause.NotFoundByAdmin.Next("user", name))
		default:
			a.toDo = append(a.toDo, told(err, subject, o, cfg))
			return // it is the same for all
		}
	}
}

// remainingGUIDs says of everybody whose GUID is not known where it stands, unless the proxy will look it up.
func (k *foundKey) remainingGUIDs(lookedUp bool) {
	for _, name := range k.people() {
		if k.GUIDs[name] == "" && !shown.GUID(name) && !lookedUp {
			k.missing(name, "user_id is missing: "+cause.InvalidSubject.Next("user", name))
		}
	}
}

// missing notes what is to be done for a GUID: at the user, or at the integration for one who is only acted for.
func (k *foundKey) missing(name, toDo string) {
	if k.Users[name] == nil {
		k.toDo = append(k.toDo, toDo)
		return
	}
	k.userToDo[name] = toDo
}

// told is an error with what to do about it, for the user whose token was asked for.
func told(err error, user string, o Options, cfg *config.Config) string {
	fill := []string{"user", user, "config", o.Out, "environment", string(cfg.Egress.Policy.Environment)}
	next := cause.TokenUnavailable.Next(fill...)
	if known, ok := errors.AsType[cause.Explained](err); ok {
		next = cause.NextStep(known, fill...)
	}
	return err.Error() + "; " + next
}
