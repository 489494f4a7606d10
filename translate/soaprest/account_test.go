package soaprest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/translate/soaprest/fault"
)

const (
	isAbsent  = `{"errorCode":"ENVELOPE_DOES_NOT_EXIST","message":"The envelope specified does not exist."}`
	onePath   = "/envelopes/" + envelopeOne
	noSuchOne = 404
)

func newTask(e *Engine, u User) *task {
	return e.begin(newCall(u, "RequestStatus", ""))
}

func several() []Account {
	all := []Account{accountOf(firstGUID), accountOf(secondGUID), accountOf(thirdGUID)}
	all[0].Default = true
	return all
}

func TestTheAccountOfAnEnvelope(t *testing.T) { // SOAP-REST.md §6.5, §11.8
	second := accountOf(secondGUID)
	get := func(in string, answer string) step {
		s := step{want: "GET " + onePath, in: in, answer: answer}
		if answer != "{}" {
			s.status = noSuchOne
		}
		return s
	}
	put := func(in string, status int, answer string) step {
		return step{want: "PUT " + onePath, in: in, status: status, answer: answer}
	}
	for _, tc := range []struct {
		name       string
		accounts   []Account
		configured *Account
		remembered *Account
		change     bool
		steps      []step
		in         string // "" = nowhere
		fault      string
	}{
		{"the only account is no guess", nil, nil, nil, true, []step{put("", 200, "{}")}, firstGUID, ""},
		{"one that is remembered is the only one asked", several(), nil, &second, true,
			[]step{put(secondGUID, 200, "{}")}, secondGUID, ""},
		{"one that is remembered may have lost it", several(), nil, &second, false,
			[]step{get(secondGUID, isAbsent)}, secondGUID, "Envelope_Does_Not_Exist"},
		{"the configured account comes first", several(), &second, nil, false,
			[]step{get(secondGUID, "{}")}, secondGUID, ""},
		{"then the default one, then the others", several(), &second, nil, false,
			[]step{get(secondGUID, isAbsent), get(firstGUID, isAbsent), get(thirdGUID, "{}")}, thirdGUID, ""},
		{"no account has it", several(), nil, nil, false,
			[]step{get(firstGUID, isAbsent), get(secondGUID, isAbsent), get(thirdGUID, isAbsent)},
			"", "Envelope_Does_Not_Exist"},
		{"404 without a body says the same", several(), nil, nil, false,
			[]step{get(firstGUID, ""), get(secondGUID, "{}")}, secondGUID, ""},
		{"another refusal ends the search", several(), nil, nil, false,
			[]step{get(firstGUID, `{"errorCode":"USER_LACKS_PERMISSIONS","message":"-"}`)}, "", "User_Lacks_Permissions"},
		{"a change trusts the configured account", several(), &second, nil, true,
			[]step{put(secondGUID, 200, "{}")}, secondGUID, ""},
		{"a change asks before it trusts the default account", several(), nil, nil, true,
			[]step{get(firstGUID, isAbsent), get(secondGUID, "{}"), put(secondGUID, 200, "{}")}, secondGUID, ""},
		{"a change asks the others when the configured one does not have it", several(), &second, nil, true,
			[]step{put(secondGUID, noSuchOne, isAbsent), get(firstGUID, "{}"), put(firstGUID, 200, "{}")}, firstGUID, ""},
		{"a change is never tried where nothing was found", several(), nil, nil, true,
			[]step{get(firstGUID, isAbsent), get(secondGUID, isAbsent), get(thirdGUID, isAbsent)},
			"", "Envelope_Does_Not_Exist"},
		{"a change that is refused is not tried elsewhere", several(), nil, nil, true,
			[]step{get(firstGUID, "{}"), put(firstGUID, 400, `{"errorCode":"ENVELOPE_INVALID_STATUS","message":"-"}`)},
			firstGUID, "Envelope_Invalid_Status"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := &script{t: t, accounts: tc.accounts, configured: tc.configured, steps: tc.steps}
			e, _ := newEngine()
			task := newTask(e, u)
			if tc.remembered != nil {
				task.remember(strings.ToUpper(envelopeOne), *tc.remembered)
			}
			do, method := task.read, "GET"
			if tc.change {
				do, method = task.change, "PUT"
			}
			err := do(t.Context(), " {"+strings.ToUpper(envelopeOne)+"} ", func(ctx context.Context, en envelope) error {
				return task.call(ctx, &Request{Method: method, Account: en.Account, Path: en.path("")}, nil)
			})
			u.done()
			f, _ := errors.AsType[*fault.Fault](err)
			if (f == nil) != (tc.fault == "") || f != nil && f.Name != tc.fault {
				t.Errorf("the error is %v", err)
			}
			a, known := e.places.Get(task.place(envelopeOne))
			if known != (tc.in != "") || a.ID != tc.in {
				t.Errorf("remembered is %v, %v", a, known)
			}
			if task.Notes.Envelope != envelopeOne || task.Notes.RESTCalls != len(tc.steps) {
				t.Errorf("the notes are %+v", task.Notes)
			}
		})
	}
}

func TestWhatIsNoGUIDExistsNowhere(t *testing.T) { // SOAP-REST.md §2.3
	e, _ := newEngine()
	for _, text := range []string{"", "   ", "{}", "1234567", envelopeOne + "0", "{" + envelopeOne, "../" + envelopeOne[3:]} {
		err := newTask(e, &script{t: t}).read(t.Context(), text, nil)
		if !absent(err) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTheAccountThatAMessageNames(t *testing.T) { // SOAP-REST.md §2.3
	second := accountOf(secondGUID)
	without := several()
	without[0].Default = false
	for _, tc := range []struct {
		name, id   string
		accounts   []Account
		configured *Account
		want       string
		refused    bool
	}{
		{"by GUID in braces", " {" + secondGUID + "} ", several(), nil, secondGUID, false},
		{"by number", "1234567", several(), nil, firstGUID, false},
		{"one of somebody else", "7654321", several(), nil, "", true},
		{"none is the default one", " ", several(), &second, firstGUID, false},
		{"none, without a default one, is the only one", "", without[:1], nil, firstGUID, false},
		{"none, without a default one, is the configured one", "", without, &second, secondGUID, false},
		{"none, without a default one, is a fault", "", without, nil, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, _ := newEngine()
			u := &script{t: t, accounts: tc.accounts, configured: tc.configured}
			a, err := newTask(e, u).account(t.Context(), tc.id)
			if a.ID != tc.want || (err != nil) != tc.refused {
				t.Errorf("got %v, %v", a, err)
			}
			if is := call.KindOf(err); tc.id == "7654321" && is != call.KindNotAllowed {
				t.Errorf("the kind is %v", is)
			}
		})
	}
}

func TestChangesOfAnEnvelopeComeOneAfterTheOther(t *testing.T) { // SOAP-REST.md §6.3
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine()
		under, most := 0, 0
		var mu sync.Mutex
		change := func(ctx context.Context, id string) error {
			return newTask(e, &script{t: t}).change(ctx, id, func(context.Context, envelope) error {
				mu.Lock()
				under++
				most = max(most, under)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				under--
				mu.Unlock()
				return nil
			})
		}
		began := time.Now()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := change(t.Context(), envelopeOne); err != nil {
					t.Error(err)
				}
			})
		}
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		synctest.Wait()
		if err := change(short, envelopeOne); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who leaves gets %v", err)
		}
		all.Wait()
		if took := time.Since(began); most != 1 || took != 5*time.Second {
			t.Errorf("%d at once, in %v", most, took)
		}
		for _, id := range []string{envelopeOne, secondGUID} {
			all.Go(func() {
				if err := change(t.Context(), id); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most != 2 || len(e.locks.held) != 0 {
			t.Errorf("%d at once, %d locks are left", most, len(e.locks.held))
		}
	})
}
