package ledger

import (
	"context"
	"maps"
	"strings"
)

// Shared is a ledger that replicas fill together. Options.Shared nil = this process keeps its own.
type Shared interface {
	// Merge adds a batch, all or nothing. One whose number it has seen from this replica does nothing, so that it may
	// be repeated.
	Merge(ctx context.Context, b Batch) error
	// Rows calls f for the rows of a kind that changed since Sight.Until of the call before; 0 is all of them.
	Rows(ctx context.Context, kind string, since uint64, f func(Fields) error) (Sight, error)
}

// Batch is what one replica sends at a time.
type Batch struct {
	Number uint64 // one more than the batch before
	Deltas []Delta
	Bounds map[string]int // most rows of each kind; beyond it those that were not changed for longest go
}

// Sight says how far Rows has read.
type Sight struct {
	Until uint64 // Rows(since: Until) gives what changed later, and some rows again
	Batch uint64 // the last batch of this replica that is in what was read
	Rows  int    // of the kind, those that did not change among them
}

// Delta is what happened in one row since the batch before.
type Delta struct {
	Kind  string // one of the kinds below
	Name  string // what makes the row, such as its user; told to nobody
	Steps []Step
}

// Kinds of rows. Those of users are the prefixes of their keys in a file.
const (
	kindRow         = rowPrefix
	kindUnknown     = unknownPrefix
	kindIntegration = integrationPrefix
	kindHours       = "h" // of one day of an integration
	kindRehearsal   = "r" // one cause of one user of an integration
)

// Kinds are all kinds of rows that this version has.
func Kinds() []string {
	return []string{kindRow, kindUnknown, kindIntegration, kindHours, kindRehearsal}
}

// Step changes one field of a row.
type Step struct {
	Rule   Rule
	Field  string // told to everybody
	Number int64
	At     int64
	Text   string // told to nobody, unless it is of Bits
}

// Rule is how what many replicas know of a field becomes one. All but Forget and Bits give the same in any order; those
// two go by the order in which batches come. Numbers of Least, Most and Since, and every At, are not negative.
type Rule uint8

// The rules. A store that merges by itself has to follow Fields.Apply.
const (
	Forget Rule = iota // takes the field away; an empty Field is the whole row
	Sum                // Number is added
	Least              // the smallest Number stands
	Most               // the largest Number stands
	Since              // the smallest Number above the largest At stands
	Latest             // the Text of the largest At stands, among equals the last to come
	Bits               // Text, of 0 and 1, is put behind what is there; the last KeptBits stand
)

// KeptBits bounds a field of Bits.
const KeptBits = 64

// FloorOf is the number that keeps the largest At of a field of Since or Latest.
func FloorOf(field string) string { return field + "@" }

// Fields is a merged row.
type Fields struct {
	Name    string
	Numbers map[string]int64
	Texts   map[string]string
	Bits    map[string]string
}

// NewFields makes an empty row.
func NewFields(name string) Fields {
	return Fields{name, map[string]int64{}, map[string]string{}, map[string]string{}}
}

func (f Fields) clone() Fields {
	return Fields{f.Name, maps.Clone(f.Numbers), maps.Clone(f.Texts), maps.Clone(f.Bits)}
}

// Apply merges a delta of the same row.
func (f *Fields) Apply(d Delta) {
	for _, s := range d.Steps {
		old, is := f.Numbers[s.Field]
		switch s.Rule {
		case Forget:
			f.forget(s.Field)
		case Sum:
			f.Numbers[s.Field] += s.Number
		case Least:
			if !is || s.Number < old {
				f.Numbers[s.Field] = s.Number
			}
		case Most:
			f.Numbers[s.Field] = max(old, s.Number)
		case Since:
			f.since(s)
		case Latest:
			if at := FloorOf(s.Field); s.At >= f.Numbers[at] {
				f.Numbers[at], f.Texts[s.Field] = s.At, s.Text
			}
		case Bits:
			bits := f.Bits[s.Field] + s.Text
			f.Bits[s.Field] = bits[max(0, len(bits)-KeptBits):]
		}
	}
}

func (f *Fields) forget(field string) {
	if field == "" {
		*f = NewFields(f.Name)
	}
	delete(f.Numbers, field)
	delete(f.Numbers, FloorOf(field))
	delete(f.Texts, field)
	delete(f.Bits, field)
}

func (f *Fields) since(s Step) {
	floor := max(f.Numbers[FloorOf(s.Field)], s.At)
	f.Numbers[FloorOf(s.Field)] = floor
	old := f.Numbers[s.Field]
	delete(f.Numbers, s.Field)
	for _, n := range [...]int64{old, s.Number} {
		if best, is := f.Numbers[s.Field]; n > floor && (!is || n < best) {
			f.Numbers[s.Field] = n
		}
	}
}

// starting are the fields that begin so, without that.
func (f *Fields) starting(prefix string) (list []string) {
	for field := range f.Numbers {
		if rest, ok := strings.CutPrefix(field, prefix); ok {
			list = append(list, rest)
		}
	}
	return list
}

// Empty reports whether nothing is left of the row.
func (f *Fields) Empty() bool { return len(f.Numbers)+len(f.Texts)+len(f.Bits) == 0 }
