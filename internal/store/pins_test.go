package store

import (
	"errors"
	"strings"
	"testing"
)

func TestAPinOfAnEarlierVersionIsFoundUnderTheFoldOfToday(t *testing.T) {
	const kelvin, kate = "\u212Aate@example.com", "kate@example.com" // K, which strings.ToLower makes a k
	disk := newMemory()
	pins := newStore(Options{}.withDefaults(), disk, &keyring{}).pins
	for _, p := range []pin{{"erp", "Anna@Example.com", "hash-anna", 1}, {"erp", kelvin, "hash-kelvin", 2}} {
		c := pins.put(p.Integration+"\x00"+strings.ToLower(p.Username), p)
		_, err := disk.Commit(t.Context(), []Change{c})
		if err != nil {
			t.Fatal(err)
		}
	}
	open := func() *Store {
		s := newStore(Options{}.withDefaults(), disk, &keyring{})
		if err := errors.Join(s.load(), s.foldPins()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if _, err := s.Pin("erp", kate, "hash-kate"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // now, and after a restart
		for name, want := range map[string]string{"anna@example.com": "hash-anna", kelvin: "hash-kelvin", kate: "hash-kate"} {
			if got, _, _ := s.Pinned("erp", name); got != want {
				t.Errorf("%s has %q, want %q", name, got, want)
			}
		}
		s = open()
	}
	if _, err := s.ForgetPins(func(p Pin) bool { return p.Username == kelvin }); err != nil {
		t.Fatal(err)
	}
	if got, ok, _ := open().Pinned("erp", kelvin); ok {
		t.Errorf("a forgotten pin is back: %q", got)
	}
}
