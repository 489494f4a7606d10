package redis

import (
	"context"
	_ "embed" // the script that merges
	"errors"
	"fmt"
	"strconv"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
)

// batchLife is how long the number of a replica's last batch is kept after it: longer than a batch is ever repeated.
const batchLife = 30 * 24 * time.Hour

// Ledger is what one replica has of the ledger that all share. source names whose numbers the batches have; lasting
// keeps the last of them for ever, for what may be sent again after years.
func (s *Server) Ledger(source string, lasting bool) ledger.Shared {
	life := batchLife
	if lasting {
		life = 0
	}
	return &sharedLedger{s, s.key("led", "seq", s.ring.name("ledger source", source)), life}
}

// sharedLedger keeps a row as a hash, and the rows of a kind in a sorted set, by when the server merged them. In the
// hash a field is n and its name for a number, t for a sealed text, b for bits; the sealed name of the row is "=".
type sharedLedger struct {
	s    *Server
	seq  string
	life time.Duration
}

const (
	rowName    = "="
	numberMark = 'n'
	textMark   = 't'
	bitsMark   = 'b'
)

func (l *sharedLedger) index(kind string) string { return l.s.key("led", kind) }

// Merge runs one script: the number and all rows, or nothing.
func (l *sharedLedger) Merge(ctx context.Context, b ledger.Batch) error {
	keys, args := []string{l.seq}, []any{b.Number, int64(l.life / time.Second)}
	for _, d := range b.Deltas {
		id := l.s.ring.name("ledger", d.Kind, d.Name)
		keys = append(keys, l.index(d.Kind), l.s.key("led", d.Kind, id))
		args = append(args, b.Bounds[d.Kind], id, l.s.ring.seal([]byte(d.Name), "ledger", d.Kind, id), len(d.Steps))
		for _, step := range d.Steps {
			text := []byte(step.Text)
			if step.Rule == ledger.Latest {
				text = l.s.ring.seal(text, "ledger", d.Kind, id, step.Field)
			}
			args = append(args, int(step.Rule), step.Field, step.Number, step.At, text)
		}
	}
	limit := l.s.o.Timeout * time.Duration(1+len(b.Deltas)/100)
	_, err := l.s.runWithin(ctx, limit, mergeLedger(), keys, args...)
	return err
}

//go:embed ledger.lua
var mergeLua string

// mergeLedger has KEYS: meta, the number of the last batch, then for each row its index and itself; ARGV: id, the
// number, its life in seconds, then for each row its bound, id, sealed name and number of steps, and five for each
// step. Numbers are compared as texts, for Lua has only 53 bits. Each function follows a rule of ledger.Fields.Apply,
// by its number; sums that somebody made unreadable begin anew.
func mergeLedger() script {
	return newScript("ledger_merge", mergeLua)
}

// indexLedger gives the last batch, how many rows there are, and of those that changed since then ids and when.
func indexLedger() script {
	return newScript("ledger_index", `
return {redis.call('GET', KEYS[2]) or '0', redis.call('ZCARD', KEYS[3]),
	redis.call('ZRANGEBYSCORE', KEYS[3], ARGV[2], '+inf', 'WITHSCORES')}
`)
}

func rowsLedger() script {
	return newScript("ledger_rows", `
local rows = {}
for k = 2, #KEYS do rows[k - 1] = redis.call('HGETALL', KEYS[k]) end
return rows
`)
}

// rowsAtOnce bounds one answer.
const rowsAtOnce = 100

// Rows also seals a row anew that was sealed with the key before.
func (l *sharedLedger) Rows(
	ctx context.Context, kind string, since uint64, f func(ledger.Fields) error,
) (ledger.Sight, error) {
	return l.each(ctx, kind, since, func(key string, row ledger.Fields, old []any) error {
		if err := l.s.replace(ctx, key, old); err != nil {
			return err
		}
		return f(row)
	})
}

// each reads the index, then the rows in pieces: key, row, and what open tells of it. One that does not open, or that
// went meanwhile, is left out.
func (l *sharedLedger) each(
	ctx context.Context, kind string, since uint64, f func(key string, row ledger.Fields, old []any) error,
) (ledger.Sight, error) {
	answer, err := l.s.run(ctx, indexLedger(), []string{l.seq, l.index(kind)}, since)
	if err != nil {
		return ledger.Sight{}, err
	}
	batch, _ := part(answer, 0).(string)
	count, _ := part(answer, 1).(int64)
	sight := ledger.Sight{Until: since, Rows: int(count)}
	if sight.Batch, err = strconv.ParseUint(batch, 10, 64); err != nil {
		return ledger.Sight{}, fmt.Errorf("the number of the last batch of the ledger: %w", err)
	}
	found, ids := texts(part(answer, 2)), []string(nil)
	for n := 0; n+1 < len(found); n += 2 {
		at, err := strconv.ParseFloat(found[n+1], 64)
		if err != nil || at < 0 {
			return ledger.Sight{}, fmt.Errorf("the index of the ledger has %.50q", found[n+1])
		}
		ids, sight.Until = append(ids, found[n]), max(sight.Until, uint64(at))
	}
	for len(ids) > 0 {
		piece := ids[:min(rowsAtOnce, len(ids))]
		if err := l.piece(ctx, kind, piece, f); err != nil {
			return ledger.Sight{}, err
		}
		ids = ids[len(piece):]
	}
	return sight, nil
}

func (l *sharedLedger) piece(
	ctx context.Context, kind string, ids []string, f func(key string, row ledger.Fields, old []any) error,
) error {
	var keys []string
	for _, id := range ids {
		keys = append(keys, l.s.key("led", kind, id))
	}
	answer, err := l.s.run(ctx, rowsLedger(), keys)
	if err != nil {
		return err
	}
	for n, id := range ids {
		raw := texts(part(answer, n))
		if len(raw) == 0 {
			continue
		}
		row, old, err := l.open(kind, id, raw)
		if err != nil {
			l.s.o.OnError(fmt.Errorf("ledger: a row is left out: %w", err))
			continue
		}
		if err := f(keys[n], row, old); err != nil {
			return err
		}
	}
	return nil
}

// open reads the fields of a hash. old are those that were sealed with the key before: name, what is there, and the
// same sealed anew, in turn.
func (l *sharedLedger) open(kind, id string, raw []string) (row ledger.Fields, old []any, err error) {
	row = ledger.NewFields("")
	text := func(field, sealed string, place ...string) (string, error) {
		place = append([]string{"ledger", kind, id}, place...)
		value, before, err := l.s.ring.open([]byte(sealed), place...)
		if before {
			old = append(old, field, sealed, l.s.ring.seal(value, place...))
		}
		return string(value), err
	}
	named := false
	for n := 0; n+1 < len(raw); n += 2 {
		field, value := raw[n], raw[n+1]
		switch {
		case field == rowName:
			row.Name, err = text(field, value)
			named = true
		case field == "":
		case field[0] == numberMark:
			row.Numbers[field[1:]], err = strconv.ParseInt(value, 10, 64)
		case field[0] == textMark:
			row.Texts[field[1:]], err = text(field, value, field[1:])
		case field[0] == bitsMark:
			row.Bits[field[1:]] = value
		}
		if err != nil {
			return row, nil, fmt.Errorf("%.50q: %w", field, err)
		}
	}
	if !named {
		return row, nil, errors.New("it has no name")
	}
	return row, old, nil
}
