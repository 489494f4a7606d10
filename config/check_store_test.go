package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTheStoreMeansWhatItSays(t *testing.T) {
	file := func(name string) *Store { return &parseFile(t, "testdata/store-"+name+".good.yml").Store }
	url, sentinel, cluster := file("url"), file("sentinel"), file("cluster")
	tests := []struct {
		name      string
		got, want any
	}{
		{"a url names a server, with the usual port", url.Redis.Addresses, []string{"cache.example:6379"}},
		{"a url names a user", url.Redis.Username, "proxy"},
		{"a url names a database", url.Redis.Database, 2},
		{"rediss is TLS", url.Redis.TLS, true},
		{"redis is not", file("here").Redis.TLS, false},
		{"the authorities are read", len(url.Redis.CAs), 1},
		{"the certificate is read", url.Redis.KeyPair != nil, true},
		{"a password loses its line end", url.Redis.Password.Reveal(), "c4n4ry-file"},
		{"a key is 32 bytes", string(Bytes(url.Key)), strings.Repeat("\x01", 32)},
		{"so is the one before", string(Bytes(url.PreviousKey)), strings.Repeat("\x02", 32)},
		{"zero is for ever", url.MaxStale, time.Duration(0)},
		{"without a word it is a day", cluster.MaxStale, 24 * time.Hour},
		{"without a word a replica waits", cluster.ColdStart, Wait},
		{"sentinels have a user of their own", sentinel.Redis.Sentinel.Username, "watcher"},
		{"the namespace follows the environment", sentinel.Redis.Namespace, "docusign-production"},
		{"redis is a place that lasts", cluster.Lasting(), true},
		{"so is a file", file("file").Lasting(), true},
		{"memory is none", file("memory").Lasting(), false},
		{"nor is it as a section", file("unused").Lasting(), false},
		{"a file as a section is a file", file("file").File, filepath.Join("state", "proxy.db")},
		{"a file that is named is somebody's choice", file("file").Implicit, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !reflect.DeepEqual(tt.got, tt.want) {
				t.Errorf("got %v, want %v", tt.got, tt.want)
			}
		})
	}
}

func TestAChangedStoreIsKnown(t *testing.T) {
	file := func(name string) *Store { return &parseFile(t, "testdata/store-"+name+".good.yml").Store }
	changed := func(change func(*Store)) *Store {
		s := file("url")
		change(s)
		return s
	}
	tests := []struct {
		name  string
		other *Store
		same  bool
	}{
		{"read twice", file("url"), true},
		{"another server", changed(func(s *Store) { s.Redis.Addresses[0] = "other.example:6379" }), false},
		{"another password", changed(func(s *Store) { s.Redis.Password = s.Key }), false},
		{"another certificate", changed(func(s *Store) { s.Redis.KeyPair = nil }), false},
		{"other authorities", changed(func(s *Store) { s.Redis.CAs = nil }), false},
		{"another key", changed(func(s *Store) { s.Key = s.PreviousKey }), false},
		{"another time", changed(func(s *Store) { s.MaxStale = time.Hour }), false},
		{"a file", file("file"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if file("url").Same(tt.other) != tt.same || tt.other.Same(file("url")) != tt.same {
				t.Errorf("they are not told to be the same: %v", !tt.same)
			}
		})
	}
}
