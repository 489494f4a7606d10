package config

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/secret"
)

// Size is a number of bytes, written as a plain number or with KiB, MiB or GiB.
type Size int64

// String returns the size with the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits() {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText makes encoders write the size as an operator would.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

type sizeUnit struct {
	name  string
	bytes int64
}

func sizeUnits() []sizeUnit {
	return []sizeUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

// complaint is a fault of one value, before it is known where the value stands.
type complaint struct{ message, hint string }

func (c complaint) Error() string { return c.message }

// setScalar puts text into v, a string, bool, int, duration, size, network or secret, obeying the field's tags.
func setScalar(v reflect.Value, text string, tag reflect.StructTag) error {
	switch p := v.Addr().Interface().(type) {
	case *time.Duration:
		return setBounded(p, text, tag, parseDuration)
	case *Size:
		return setBounded(p, text, tag, parseSize)
	case *int:
		return setBounded(p, text, tag, parseInt)
	case *netip.Prefix:
		return setPrefix(p, text)
	case *secret.Text:
		*p = secret.New(text)
		return nil
	case *bool:
		return setBool(p, text)
	}
	if v.Kind() != reflect.String {
		return complaint{message: "cannot hold a single value"}
	}
	if choices := tag.Get("enum"); choices != "" {
		return setChoice(v, text, strings.Split(choices, "|"))
	}
	v.SetString(text)
	return nil
}

// setBounded parses text and holds it to the min and max of the tag, which are written the same way.
func setBounded[T int | Size | time.Duration](p *T, text string, tag reflect.StructTag, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err != nil {
		return err
	}
	low, errLow := parse(tag.Get("min"))
	high, errHigh := parse(tag.Get("max"))
	if errLow != nil || errHigh != nil {
		return fmt.Errorf("the schema has no bounds for %T", value)
	}
	if value < low || value > high {
		return complaint{message: fmt.Sprintf("must be between %s and %s, is %s", tag.Get("min"), tag.Get("max"), text)}
	}
	*p = value
	return nil
}

func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, complaint{message: "must be a whole number"}
	}
	return n, nil
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil {
		return d, nil
	}
	if _, err := strconv.Atoi(text); err == nil {
		return 0, complaint{"must be a duration with a unit", fmt.Sprintf("write %ss for seconds or %sm for minutes", text, text)}
	}
	return 0, complaint{"must be a duration", "write it as in 90s, 10m or 1h30m"}
}

func parseSize(text string) (Size, error) {
	number, factor := text, int64(1)
	for _, u := range sizeUnits() {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return 0, complaint{"must be a size", "write a number of bytes, or a number with KiB, MiB or GiB, as in 64KiB"}
	}
	return Size(n * factor), nil
}

func setPrefix(p *netip.Prefix, text string) error {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		*p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return complaint{"must be an IP address or a network", "write it as in 10.1.2.3 or 10.1.2.0/24"}
	}
	if prefix != prefix.Masked() {
		return complaint{"names a host inside a network", fmt.Sprintf("write %s for the network or %s for the host", prefix.Masked(), prefix.Addr())}
	}
	*p = prefix
	return nil
}

func setBool(p *bool, text string) error {
	switch strings.ToLower(text) {
	case "true":
		*p = true
	case "false":
		*p = false
	default:
		return complaint{"must be true or false", ""}
	}
	return nil
}

func setChoice(v reflect.Value, text string, choices []string) error {
	for _, c := range choices {
		if c == text {
			v.SetString(text)
			return nil
		}
	}
	wrong := complaint{message: "must be " + orList(choices)}
	if near := nearest(text, choices); near != "" {
		wrong.hint = fmt.Sprintf("did you mean %q?", near)
	}
	return wrong
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
