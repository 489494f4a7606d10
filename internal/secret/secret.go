// Package secret holds the one type in which passwords, tokens and private material travel.
// A value never prints itself: every formatting verb, log handler and encoder shows Mask instead.
// All packages use it; only the code that puts a secret on the wire or compares it calls Reveal.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"unique"
)

// Mask is what a Text shows of itself.
const Mask = "[secret]"

// Text is a secret string. The zero value is an empty secret. Two of them are == when their texts are.
//
// The text is held by a handle and not by value: fmt cannot call the methods of a field it may not see, and would print
// what lies in it.
type Text struct{ h unique.Handle[string] }

// New wraps s.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{unique.Make(s)}
}

// Reveal returns the secret itself.
func (t Text) Reveal() string {
	if t.Empty() {
		return ""
	}
	return t.h.Value()
}

// Empty reports whether there is no secret.
func (t Text) Empty() bool { return t == Text{} }

// Equal compares in time that depends on neither the contents nor the lengths.
func (t Text) Equal(o Text) bool {
	a, b := sha256.Sum256([]byte(t.Reveal())), sha256.Sum256([]byte(o.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (t Text) String() string { return Mask }

// Format covers the verbs that fmt would otherwise answer by looking inside the struct.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

// LogValue is for handlers of logs, MarshalText for them and for JSON and YAML.
func (t Text) LogValue() slog.Value         { return slog.StringValue(Mask) }
func (t Text) MarshalText() ([]byte, error) { return []byte(Mask), nil }
