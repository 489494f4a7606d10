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
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
)

// OpenState opens the state file that no proxy has open. It makes none.
func OpenState(path string) (*store.Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return store.Open(path, store.Options{Timeout: 200 * time.Millisecond}) // a running proxy never lets go of it
}

// StoredLedger reads what the state file has of the callers. onError is told of what cannot be read.
func StoredLedger(path string, onError func(error)) (*ledger.Ledger, error) {
	opened, err := OpenState(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }() // nothing was written
	return ledger.New(ledger.Options{Store: opened, OnError: onError})
}

// Seen gives what is known of the integrations, by their names: from the state file, or from the running proxy that has
// it open.
func Seen(ctx context.Context, cfg *config.Config) (map[string]ledger.Summary, error) {
	summaries := map[string]ledger.Summary{}
	l, err := StoredLedger(cfg.Store.File, nil)
	if err == nil {
		for _, s := range l.Integrations(cfg.Integrations) {
			summaries[s.Name] = s
		}
		return summaries, nil
	}
	if !errors.Is(err, store.ErrLocked) {
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
