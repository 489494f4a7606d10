package app

import (
	"net/http"

	"docusign-auth-proxy/translate"
)

// What the tests see of a running proxy beside what everybody sees.

var (
	ClientsOf = clientsOf
	OpenStore = openStore
)

func (p *App) Retry() { p.current.retry() }

func (p *App) Operations() http.Handler { return p.admin.Handler }

func (p *App) ForgetConfiguration() { p.holder = nil }

func (p *App) Translator() *translate.Translator { return p.current.Load().state.Translator }

// State tells one state from another, and when it is given back.
func (p *App) State() (state any, released <-chan struct{}) {
	a := p.current.Load()
	return a, a.released
}
