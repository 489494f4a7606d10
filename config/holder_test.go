package config

import (
	"errors"
	"maps"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

func newHolder(t *testing.T) (*Holder, fstest.MapFS) {
	t.Helper()
	files := maps.Clone(machineFiles())
	files["proxy.yml"] = file(exampleMinimal)
	h := &Holder{Path: "proxy.yml", Environment: environment(files, nil)}
	if _, err := h.Reload(); err != nil {
		t.Fatal(err)
	}
	return h, files
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o600} }

func TestReloadKeepsTheLastGoodValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, files := newHolder(t)
		good, since := h.Current(), h.LastSuccess()
		if good == nil || !since.Equal(time.Now()) || h.LastError() != nil {
			t.Fatalf("after the first load: %v, %v, %v", good, since, h.LastError())
		}

		time.Sleep(time.Minute) // of the bubble
		files["proxy.yml"] = file("environment: nowhere")
		if next, err := h.Reload(); err == nil || next != nil {
			t.Errorf("a bad file gives %v and %v", next, err)
		}
		if h.Current() != good || !h.LastSuccess().Equal(since) || h.LastError() == nil {
			t.Error("a bad file replaces the good value, its time or no error")
		}

		files["proxy.yml"] = file(strings.ReplaceAll(exampleMinimal, "nightly-billing", "renamed"))
		next, err := h.Reload()
		if err != nil || h.Current() != next || next.Integrations[0].Name != "renamed" {
			t.Errorf("a mended file gives %v and %v", next, err)
		}
		if !h.LastSuccess().Equal(time.Now()) || h.LastError() != nil {
			t.Error("the time of a good reload is not kept, or the old error is")
		}
	})
}

func TestReloadAsksBeforeItReplaces(t *testing.T) {
	h, files := newHolder(t)
	files["proxy.yml"] = file(exampleMinimal + "\n")
	good := h.Current()
	refused := errors.New("the listener cannot move")
	h.Accept = func(old, next *Config) error {
		if old != good || next == nil || h.Current() != good {
			t.Error("the values offered are wrong")
		}
		return refused
	}
	if _, err := h.Reload(); !errors.Is(err, refused) || h.Current() != good || !errors.Is(h.LastError(), refused) {
		t.Errorf("a refused value is in force, or the refusal is lost: %v", err)
	}
}

func TestAnUnchangedFileIsASuccessThatReplacesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, files := newHolder(t)
		good, asked := h.Current(), 0
		h.Accept = func(_, next *Config) error {
			if asked++; asked == 2 {
				return errors.New("not now")
			}
			return nil
		}
		time.Sleep(time.Minute) // of the bubble
		next, err := h.Reload()
		if err != nil || next != good || h.Current() != good || asked != 0 || !h.LastSuccess().Equal(time.Now()) {
			t.Errorf("an unchanged file gives %v, asked %d times, success at %v", err, asked, h.LastSuccess())
		}
		files["key.pem"] = files["keys/new.pem"]
		if next, err := h.Reload(); err != nil || next == good || asked != 1 {
			t.Errorf("a changed key gives %v, asked %d times", err, asked)
		}
		files["proxy.yml"] = file(exampleMinimal + "\n")
		if _, err := h.Reload(); err == nil {
			t.Error("a refusal is lost")
		}
		if _, err := h.Reload(); err != nil || asked != 3 {
			t.Errorf("what was refused is not tried again: %v, asked %d times", err, asked)
		}
	})
}

func TestReloadsAtTheSameTimeShareOneReading(t *testing.T) {
	h, files := newHolder(t)
	begun, goOn, asked := make(chan struct{}), make(chan struct{}), 0
	h.Accept = func(*Config, *Config) error {
		if asked++; asked == 1 {
			close(begun)
			<-goOn
		}
		return errors.New("counted") // so that the next one reads again
	}
	files["proxy.yml"] = file(exampleMinimal + "\n")
	failed := make(chan error, 101)
	reload := func() { _, err := h.Reload(); failed <- err }
	go reload()
	<-begun
	for range 100 {
		go reload()
	}
	for h.asked.Load() < 1+101 { // with the one of newHolder
		runtime.Gosched()
	}
	close(goOn)
	for range 101 {
		if err := <-failed; err == nil {
			t.Error("an outcome is not shared")
		}
	}
	if asked != 2 {
		t.Errorf("%d readings for one reload and 100 that came while it was under way, want 2", asked)
	}
}

func TestChanged(t *testing.T) {
	tests := []struct {
		name   string
		change func(fstest.MapFS)
		want   bool
	}{
		{"nothing was done", func(fstest.MapFS) {}, false},
		{"the file was touched", func(f fstest.MapFS) {
			f["proxy.yml"] = &fstest.MapFile{Data: []byte(exampleMinimal), Mode: 0o600, ModTime: time.Unix(5000, 0)}
		}, false},
		{"the file has a new line", func(f fstest.MapFS) { f["proxy.yml"] = file(exampleMinimal + "\n") }, true},
		{"a key was replaced", func(f fstest.MapFS) { f["key.pem"] = f["keys/new.pem"] }, true},
		{"a key was removed", func(f fstest.MapFS) { delete(f, "key.pem") }, true},
		{"a file that is not named was changed", func(f fstest.MapFS) { f["password.txt"] = file("other") }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, files := newHolder(t)
			tt.change(files)
			if got := h.Changed(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAMissingFileIsWatchedUntilItComes(t *testing.T) {
	h, files := newHolder(t)
	key := files["key.pem"]
	delete(files, "key.pem")
	if _, err := h.Reload(); err == nil {
		t.Fatal("a missing key is accepted")
	}
	if h.Changed() {
		t.Error("a file that is still missing counts as a change at every tick")
	}
	files["key.pem"] = key
	if !h.Changed() {
		t.Error("the file came and nobody noticed")
	}
}
