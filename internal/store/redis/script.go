package redis

import (
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/store"
)

// prologue makes a script refuse a store that is not the one this process knows: KEYS[1] is meta, ARGV[1] its id.
const prologue = `local id = redis.call('HGET', KEYS[1], 'id')
if not id then return redis.error_reply('EMPTIED') end
if id ~= ARGV[1] then return redis.error_reply('REPLACED') end
`

// script is one that runs with Server.run, which puts KEYS[1] and ARGV[1] before its own.
type script struct {
	name string
	*goredis.Script
}

// newScript makes a script of Lua that begins after the prologue.
func newScript(name, lua string) *script { return &script{name, goredis.NewScript(prologue + lua)} }

// scriptErrorOf gives what a script itself refused with: one upper case word that is no error of the server's.
func scriptErrorOf(err error) (error, bool) {
	word, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "ERR "), " ")
	switch word {
	case "EMPTIED":
		return store.ErrEmptied, true
	case "REPLACED":
		return store.ErrReplaced, true
	case "CONFLICT":
		return store.ErrConflict, true
	}
	return nil, false
}
