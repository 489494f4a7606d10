package soaprest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// place is an envelope as one caller knows it.
type place struct{ integration, user, envelope string }

// finder finds the account in which a call is to do something.
type finder struct{ client }

// place is for whom a call is made: who proved the password does not matter (SOAP-REST.md §6.3, §6.5).
func (f *finder) place(envelope string) place {
	return place{f.Owner.Integration, cmp.Or(f.Owner.Principal, f.Owner.Authenticator), envelope}
}

const absentEnvelope = "Envelope_Does_Not_Exist"

// envelopeID reads the id of an envelope as REST knows it. What is no GUID exists nowhere (SOAP-REST.md §2.3).
func envelopeID(text string) (string, error) {
	id := bare(text)
	if !shown.GUID(id) {
		return "", fault.Named(absentEnvelope, "The EnvelopeID is no GUID.")
	}
	return strings.ToLower(id), nil
}

// bare takes blanks and braces from an id.
func bare(id string) string {
	id = strings.TrimSpace(id)
	if strings.HasPrefix(id, "{") && strings.HasSuffix(id, "}") {
		id = strings.TrimSpace(id[1 : len(id)-1])
	}
	return id
}

// account finds the account that a call names, or the user's default one (SOAP-REST.md §2.3).
func (f *finder) account(ctx context.Context, id string) (Account, error) {
	if id = bare(id); id != "" {
		return f.User.Named(ctx, id)
	}
	all, err := f.User.Accounts(ctx)
	if err != nil {
		return Account{}, err
	}
	if len(all) > 0 && (all[0].Default || len(all) == 1) {
		return all[0], nil
	}
	if a, ok, err := f.User.Configured(ctx); ok || err != nil {
		return a, err
	}
	return Account{}, fault.Named("Unspecified_Error",
		"The message names no AccountId, and the user has several accounts and no default one. Nothing was sent.")
}

// remember notes in which account an envelope is.
func (f *finder) remember(envelope string, a Account) {
	f.engine.places.Put(f.place(strings.ToLower(envelope)), a)
}

// envelope is one in an account where it is, or is looked for.
type envelope struct {
	Account

	id string
}

// path is that of the envelope, or of something below it.
func (e envelope) path(below string) string { return "/envelopes/" + e.id + below }

// read does something with an envelope that changes nothing, in the account where the envelope is: do is called for one
// account after the other until it does not say that the envelope is not there (SOAP-REST.md §6.5). text is the
// EnvelopeID as the program wrote it.
func (f *finder) read(ctx context.Context, text string, do func(context.Context, envelope) error) error {
	id, err := envelopeID(text)
	if err != nil {
		return err
	}
	return f.search(ctx, id, false, do)
}

// change is read for what changes an envelope. An account that is a mere guess is asked first whether it has the
// envelope (SOAP-REST.md §11.8), and no other change of the same user is made meanwhile (§6.3).
func (f *finder) change(ctx context.Context, text string, do func(context.Context, envelope) error) error {
	return f.changeIn(ctx, "", text, do)
}

// changeIn is change in the account that the program names; where it names none, in that which has the envelope.
func (f *finder) changeIn(
	ctx context.Context, account, text string, do func(context.Context, envelope) error,
) error {
	id, err := envelopeID(text)
	if err != nil {
		return err
	}
	f.Notes.Envelope = id
	named := Account{}
	if account = bare(account); account != "" {
		if named, err = f.User.Named(ctx, account); err != nil {
			return err
		}
	}
	release, err := f.engine.locks.acquire(ctx, f.place(id))
	if err != nil {
		return err
	}
	defer release()
	if account != "" {
		return f.try(ctx, envelope{named, id}, false, do)
	}
	return f.search(ctx, id, true, do)
}

func (f *finder) search(ctx context.Context, id string, ask bool, do func(context.Context, envelope) error) error {
	f.Notes.Envelope = id
	accounts, sure, err := f.candidates(ctx, id)
	if err != nil {
		return err
	}
	err = fault.Named(absentEnvelope, "The user has no account.")
	for i, a := range accounts {
		if err = f.try(ctx, envelope{a, id}, ask && i >= sure, do); !absent(err) {
			break
		}
	}
	return err
}

// try does something with an envelope in one account; with ask it looks first whether the envelope is there.
func (f *finder) try(ctx context.Context, e envelope, ask bool, do func(context.Context, envelope) error) error {
	if ask {
		if err := f.get(ctx, e.Account, e.path(""), nil, nil); err != nil {
			return err
		}
		f.remember(e.id, e.Account)
	}
	err := do(ctx, e)
	if err == nil {
		f.remember(e.id, e.Account)
	}
	return err
}

// candidates are the accounts where an envelope may be, in the order of SOAP-REST.md §6.5: the first ones are sure, the
// others guesses.
func (f *finder) candidates(ctx context.Context, id string) (accounts []Account, sure int, err error) {
	if a, ok := f.engine.places.Get(f.place(id)); ok {
		return []Account{a}, 1, nil
	}
	all, err := f.User.Accounts(ctx)
	if err != nil {
		return nil, 0, err
	}
	a, ok, err := f.User.Configured(ctx)
	switch {
	case err != nil:
		return nil, 0, err
	case ok:
		all = slices.DeleteFunc(slices.Clone(all), func(o Account) bool { return o.ID == a.ID })
		return slices.Insert(all, 0, a), 1, nil
	case len(all) == 1:
		return all, 1, nil // there is nothing to guess
	}
	return all, 0, nil
}

func absent(err error) bool {
	f, ok := errors.AsType[*fault.Fault](err)
	return ok && f.Name == absentEnvelope
}
