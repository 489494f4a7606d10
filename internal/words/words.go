// Package words makes the small parts of sentences that all commands write alike: a number with its noun, a list of
// choices, the word that was most likely meant, what is wrong with a file. It knows nothing else of the house.
package words

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
)

// Count gives "1 call" or "7 calls".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Or gives "a, b or c".
func Or(list []string) string { return join(list, " or ") }

// And gives "a, b and c"; of more than limit it tells how many more there are.
func And(list []string, limit int) string {
	if more := len(list) - limit; more > 0 {
		list = append(slices.Clone(list[:limit]), fmt.Sprintf("%d more", more))
	}
	return join(list, " and ")
}

func join(list []string, before string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + before + list[last]
}

// DidYouMean asks for the word that Nearest found, and is silent where it found none.
func DidYouMean(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", word)
}

// FileError is the error of a file that cannot be used, on one line with what to do next.
type FileError struct {
	Name string
	What string // as in "does not exist"
	Hint string // what to do next; may be empty
	err  error
}

// Message is without the hint.
func (e *FileError) Message() string { return "the file " + e.Name + " " + e.What }

func (e *FileError) Error() string {
	if e.Hint == "" {
		return e.Message()
	}
	return e.Message() + " (" + e.Hint + ")"
}

func (e *FileError) Unwrap() error { return e.err }

// OfFile tells what is wrong with a file that could not be read. absent is what to do where it does not exist. An error
// that tells it already stays as it is.
func OfFile(name string, err error, absent string) *FileError {
	if told, ok := errors.AsType[*FileError](err); ok {
		return told
	}
	reason := err
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		reason = inner.Err
		if st, err := os.Stat(inner.Path); err == nil && st.IsDir() {
			reason = errors.New("is a directory") // of which Windows says: incorrect function
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &FileError{name, "does not exist", absent, err}
	case errors.Is(err, fs.ErrPermission):
		hint := "make the user that the proxy runs as its owner, and run the command as that user"
		if runtime.GOOS == "windows" {
			hint = "run the command " + AsAdministrator() + "; the proxy's own account needs: icacls " + Argument(name) +
				" /grant ACCOUNT:R"
		}
		return &FileError{name, "may not be read by this user", hint, err}
	}
	return &FileError{name, "cannot be read: " + reason.Error(), "", err}
}

// Argument quotes an argument of a command to be pasted, where it needs that, for the shells of this system.
func Argument(s string) string {
	if runtime.GOOS == "windows" {
		return QuoteWindows(s)
	}
	return QuotePOSIX(s)
}

const unquoted = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+=,-"

// QuotePOSIX is Argument for a POSIX shell.
func QuotePOSIX(s string) string {
	if s != "" && strings.Trim(s, unquoted) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// QuoteWindows is Argument for cmd and PowerShell alike, to which @ and a comma are more than letters.
func QuoteWindows(s string) string {
	if s != "" && strings.Trim(s, unquoted+`\~`) == "" && !strings.ContainsAny(s, "@,%") {
		return s
	}
	s = strings.ReplaceAll(s, `"`, `\"`)
	if strings.HasSuffix(s, `\`) {
		s += `\` // else it would quote the mark behind it
	}
	return `"` + s + `"`
}

// AsAdministrator ends the sentence "run the command".
func AsAdministrator() string {
	if runtime.GOOS == "windows" {
		return "in a prompt that was opened with Run as administrator"
	}
	return "as root (sudo)"
}

// Nearest returns the candidate that a mistyped word most likely stands for, or "".
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", min(len(word)/3, 3)+1
	for _, c := range candidates {
		if plain(c) == plain(word) {
			return c
		}
		if d := distance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	for _, c := range candidates { // user for username, and warning for warn
		begins := strings.HasPrefix(c, word) || strings.HasPrefix(word, c)
		if best == "" && begins && min(len(word), len(c)) > 3 {
			best = c
		}
	}
	return best
}

// plain makes integratorKey, integrator-key and integrator_key the same word.
func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

// distance counts the letters to insert, delete, change or swap with a neighbour. Long words are not compared.
func distance(a, b string) int {
	const far = 64
	if len(a) > far || len(b) > far {
		return far
	}
	var d [far + 1][far + 1]int // between the first i and j letters
	for i := range len(a) + 1 {
		for j := range len(b) + 1 {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			d[i][j] = min(d[i-1][j], d[i][j-1], d[i-1][j-1]) + 1
			if a[i-1] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-1][j-1])
			} else if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
