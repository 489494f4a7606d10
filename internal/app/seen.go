package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
)

// OpenState opens the state file that no proxy has open. It makes none.
func OpenState(path string) (*store.Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return store.Open(path, store.Options{Timeout: 200 * time.Millisecond}) // a running proxy never lets go of it
}

// StoredLedger reads what the store has of the callers: the state file, or the server that replicas share. onError is
// told of what cannot be read.
func StoredLedger(ctx context.Context, cfg *config.Config, onError func(error)) (*ledger.Ledger, error) {
	if cfg.Store.Redis != nil {
		l, err := sharedLedger(ctx, cfg, &admin.Replicas{}, onError)
		return l, err
	}
	opened, err := OpenState(cfg.Store.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }() // nothing was written
	return ledger.New(ledger.Options{Store: opened, OnError: onError})
}

// sharedLedger reads what all replicas have counted, and into all which of them live.
func sharedLedger(ctx context.Context, cfg *config.Config, all *admin.Replicas, onError func(error)) (
	l *ledger.Ledger, err error,
) {
	name := replicaName()
	server := OpenRedis(cfg, redis.Options{Replica: name, LooksOnly: true, OnError: onError})
	defer func() { err = errors.Join(err, server.Close()) }()
	if err = server.Connect(ctx); err != nil {
		return nil, err
	}
	if l, err = ledger.New(ledger.Options{Shared: server.Ledger(name, false), OnError: onError}); err != nil {
		return nil, err
	}
	l.Configure(cfg.Integrations)
	if err = l.Look(); err != nil {
		return nil, err
	}
	all.Made = server.Made()
	all.List, err = readReplicas(ctx, server)
	return l, err
}

// StoredStatus is what a store tells without a running proxy.
func StoredStatus(ctx context.Context, cfg *config.Config) (s admin.Status, err error) {
	version, commit, _ := BuildVersion()
	s = admin.Status{
		Version: version, Commit: commit, Environment: cfg.Environment, UnknownMode: cfg.Unknown,
		Config: admin.ConfigState{Path: cfg.File()},
	}
	onError := func(err error) { s.Config.Warnings = append(s.Config.Warnings, err.Error()) }
	var l *ledger.Ledger
	if r := cfg.Store.Redis; r == nil {
		l, err = StoredLedger(ctx, cfg, onError)
	} else {
		s.Replicas = replicasOf(cfg)
		s.Replicas.AsOf = time.Now()
		l, err = sharedLedger(ctx, cfg, s.Replicas, onError)
	}
	if err != nil {
		return admin.Status{}, err
	}
	if shared := l.Sharing(); shared != nil {
		s.Replicas.Counts = *shared
	}
	s.Integrations, s.Unknown = IntegrationStatus(cfg, l, nil), admin.UnknownOf(l.Unknown())
	return s, nil
}

// Seen gives what is known of the integrations, by their names: from the state file, or from the running proxy that has
// it open.
func Seen(ctx context.Context, cfg *config.Config) (map[string]ledger.Summary, error) {
	summaries := map[string]ledger.Summary{}
	l, err := StoredLedger(ctx, cfg, nil)
	if err == nil {
		for _, s := range l.Integrations(cfg.Integrations) {
			summaries[s.Name] = s
		}
		return summaries, nil
	}
	if !errors.Is(err, store.ErrLocked) && !store.IsAway(err) {
		return nil, err
	}
	text, status, err := AskOperations(ctx, cfg.Listen.Admin, http.MethodGet, "/api/status", tokenOf(cfg))
	if err != nil || status != http.StatusOK {
		return nil, cmp.Or(err, fmt.Errorf("the operations listener answered %d", status))
	}
	var known struct {
		Integrations []struct {
			Name string `json:"name"`
			ledger.Summary
		} `json:"integrations"`
	}
	if err := json.Unmarshal([]byte(text), &known); err != nil {
		return nil, fmt.Errorf("the running proxy's status: %w", err)
	}
	for _, in := range known.Integrations {
		summaries[in.Name] = in.Summary
	}
	return summaries, nil
}
