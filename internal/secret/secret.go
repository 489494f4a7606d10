// Package secret holds the one type in which passwords, tokens and private material travel.
// A value never prints itself: every formatting verb, log handler and encoder shows Mask instead.
// All packages use it; only the code that puts a secret on the wire or compares it calls Reveal.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Mask is what a Text shows of itself.
const Mask = "[secret]"

// Text is a secret string. The zero value is an empty secret.
type Text struct{ s string }

// New wraps s.
func New(s string) Text { return Text{s} }

// Reveal returns the secret itself.
func (t Text) Reveal() string { return t.s }

// Empty reports whether there is no secret.
func (t Text) Empty() bool { return t.s == "" }

// Equal compares in time that depends on neither the contents nor the lengths.
func (t Text) Equal(o Text) bool {
	a, b := sha256.Sum256([]byte(t.s)), sha256.Sum256([]byte(o.s))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (t Text) String() string   { return Mask }
func (t Text) GoString() string { return Mask }

// Format covers the verbs that fmt would otherwise answer by looking inside the struct.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

func (t Text) LogValue() slog.Value         { return slog.StringValue(Mask) }
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }
func (t Text) MarshalText() ([]byte, error) { return []byte(Mask), nil }
func (t Text) MarshalYAML() (any, error)    { return Mask, nil }
