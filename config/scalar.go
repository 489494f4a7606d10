package config

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/proxy/egress"
)

// complaint is a fault of one value, before it is known where the value stands.
type complaint struct{ message, hint string }

func (c complaint) Error() string { return c.message }

// scalar is a type that stands in the file as one value.
type scalar struct {
	name   string // in the reference
	spoken string // in "must be …"
	parse  func(text string) (any, error)
	types  string // as which JSON types editors see it, with | between them
	shape  string // regular expression of it as a string, no narrower than parse; "" = any
}

// What stands in the file without quotes is text too, where text is asked for.
const plainText = "number|boolean"

const (
	durationShape = `[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)`
	sizeShape     = `\+?[0-9]+|-0+| *(\+?[0-9]+|-0+) *(KiB|MiB|GiB)`
	networkShape  = `|[0-9A-Fa-f:.]+(/[0-9]{1,3})?`
	resolverShape = `|\[?[0-9A-Fa-f:.]+(%[^\]]+)?(\]?:[0-9]+)?`
	tunnelShape   = `|[^\s*/]+:[0-9]+`
	sha256Shape   = `|[0-9A-Fa-f]{64}`
	proxyShape    = `|[Hh][Tt][Tt][Pp][Ss]?://.+`
)

// scalarOf returns nil for lists, mappings and sections.
func scalarOf(t reflect.Type, tag reflect.StructTag) *scalar {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &scalar{"duration", "a duration", parseDuration, "string|integer", durationShape}
	case reflect.TypeFor[Size]():
		return &scalar{"size", "a size", parseSize, "string|integer", sizeShape}
	case reflect.TypeFor[netip.Prefix]():
		return &scalar{"network", "an IP address or a network", parsePrefix, "string", networkShape}
	case reflect.TypeFor[netip.AddrPort]():
		return &scalar{"text", "text", parseResolver, "string", resolverShape}
	case reflect.TypeFor[egress.Host]():
		return &scalar{"text", "text", parseTunnel, "string", tunnelShape}
	case reflect.TypeFor[integration.SHA256]():
		return &scalar{"text", "text", parseSHA256, "string|number", sha256Shape} // 64 digits are a number to editors
	case reflect.TypeFor[CompanyProxy]():
		return &scalar{"secret text", "text", parseCompanyProxy, "string", proxyShape}
	case reflect.TypeFor[secretText]():
		return &scalar{"secret text", "text", parseText, "string|" + plainText, ""}
	case reflect.TypeFor[integration.TimeZone]():
		return &scalar{"time zone", "a time zone", parseTimeZone, "string", ""}
	case reflect.TypeFor[Origin]():
		parse := func(text string) (any, error) { return parseOriginOf(tag, text) }
		return &scalar{"text", "text", parse, "string", originShape(tag)}
	case reflect.TypeFor[*url.URL]():
		return &scalar{"text", "text", func(text string) (any, error) {
			o, err := parseOriginOf(tag, text)
			return o.URL(), err
		}, "string", originShape(tag)}
	}
	switch t.Kind() {
	case reflect.String:
		return &scalar{"text", "text", parseText, "string|" + plainText, ""}
	case reflect.Bool:
		return &scalar{"true | false", "true or false", parseBool, "boolean", ""}
	case reflect.Int:
		return &scalar{"number", "a whole number", parseInt, "integer", ""}
	}
	return nil
}

// set puts a text into a field with that tag. A text without bounds may be empty. What lacks only its format is set as
// well, so that nothing is said of its absence. The error is a complaint.
func (s *scalar) set(v reflect.Value, text string, tag reflect.StructTag) error {
	if enum := tag.Get("enum"); enum != "" {
		if choices := strings.Split(enum, "|"); !slices.Contains(choices, text) {
			return complaint{"must be " + words.Or(choices), words.DidYouMean(words.Nearest(text, choices))}
		}
	}
	low, high := tag.Get("min"), tag.Get("max")
	if text == "" && high == "" {
		v.SetZero()
	} else {
		value, err := s.parse(text)
		if err != nil {
			return err
		}
		given := reflect.ValueOf(value).Convert(v.Type())
		if high != "" && (given.Int() < s.number(low) || given.Int() > s.number(high)) {
			return complaint{message: fmt.Sprintf("must be between %s and %s, is %s", low, high, text)}
		}
		v.Set(given)
	}
	if f, named := formats()[tag.Get("format")]; named && !f.accepts(text) {
		return f.otherwise
	}
	return nil
}

// number reads a bound of the schema, which is written as the value is.
func (s *scalar) number(bound string) int64 {
	n, err := s.parse(bound)
	if err != nil {
		panic(fmt.Sprintf("config: the bound %q: %v", bound, err))
	}
	return reflect.ValueOf(n).Int()
}

func parseText(text string) (any, error) { return text, nil }

// parseBool takes what YAML has found to be true or false.
func parseBool(text string) (any, error) { return strings.EqualFold(text, "true"), nil }

func parseInt(text string) (any, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, complaint{message: "must be a whole number"}
	}
	return n, nil
}

func parseDuration(text string) (any, error) {
	d, err := time.ParseDuration(text)
	if err == nil {
		return d, nil
	}
	if _, err := strconv.Atoi(text); err == nil {
		hint := fmt.Sprintf("write %ss for seconds or %sm for minutes", text, text)
		return nil, complaint{"must be a duration with a unit", hint}
	}
	return nil, complaint{"must be a duration", "write it as in 90s, 10m or 1h30m"}
}

// Size is a number of bytes, written as a plain number or with KiB, MiB or GiB.
type Size = integration.Size

func parseSize(text string) (any, error) {
	number, factor := text, int64(1)
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			number, factor = strings.Trim(rest, " "), 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return nil, complaint{"must be a size", "write a number of bytes, or a number with KiB, MiB or GiB, as in 64KiB"}
	}
	return Size(n * factor), nil
}

func parsePrefix(text string) (any, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return nil, complaint{"must be an IP address or a network", "write it as in 10.1.2.3 or 10.1.2.0/24"}
	}
	if prefix != prefix.Masked() {
		hint := fmt.Sprintf("write %s for the network or %s for the host", prefix.Masked(), prefix.Addr())
		return nil, complaint{"names a host inside a network", hint}
	}
	return prefix, nil
}

// parseAddress takes an IP address, with port 0 where none is given.
func parseAddress(text string) (netip.AddrPort, bool) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), 0), true
	}
	ap, err := netip.ParseAddrPort(text)
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), err == nil && ap.Port() != 0
}

func parseResolver(text string) (any, error) {
	server, ok := parseAddress(text)
	if !ok {
		return nil, complaint{
			"must be the IP address of a DNS server, with or without a port", "write it as 10.0.0.53 or 10.0.0.53:5353",
		}
	}
	if server.Port() == 0 {
		server = netip.AddrPortFrom(server.Addr(), 53)
	}
	return server, nil
}

func parseTunnel(text string) (any, error) {
	h, err := egress.ParseHost(text, 0)
	if err != nil {
		return nil, complaint{"must be one host and port", "write it as updates.example.com:443; there are no wildcards"}
	}
	return h, nil
}

func parseSHA256(text string) (any, error) {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != len(integration.SHA256{}) {
		return nil, complaint{"must be 64 hexadecimal digits", "make them with: printf %s TOKEN | sha256sum"}
	}
	return integration.SHA256(sum), nil
}

// Origin is scheme://host[:port]. The zero value is none.
type Origin struct {
	Scheme string // http or https
	Host   egress.Host
}

// String leaves out the port that the scheme has anyway.
func (o Origin) String() string {
	if o == (Origin{}) {
		return ""
	}
	return o.Scheme + "://" + o.Authority()
}

// Authority is host[:port].
func (o Origin) Authority() string {
	if o.Host.Port() == defaultPort(o.Scheme) {
		return o.Host.WithPort(443).Authority()
	}
	return o.Host.String()
}

// URL is the origin as a URL.
func (o Origin) URL() *url.URL { return &url.URL{Scheme: o.Scheme, Host: o.Authority()} }

func defaultPort(scheme string) uint16 {
	if scheme == "http" {
		return 80
	}
	return 443
}

// parseOriginOf takes an origin with one of the tag's schemes.
func parseOriginOf(tag reflect.StructTag, text string) (Origin, error) {
	schemes := strings.Split(tag.Get("schemes"), "|")
	o, ok := parseOrigin(text)
	if !ok || !slices.Contains(schemes, o.Scheme) {
		message := fmt.Sprintf("must be an %s origin", strings.Join(schemes, " or "))
		return o, complaint{message, "write it as https://host or https://host:port, without a path"}
	}
	return o, nil
}

func originShape(tag reflect.StructTag) string {
	if tag.Get("schemes") == "https" {
		return `|[Hh][Tt][Tt][Pp][Ss]://[^/?#@]+/?`
	}
	return `|[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+/?`
}

// parseOrigin accepts scheme://host[:port] and nothing more.
func parseOrigin(text string) (Origin, bool) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Path != "" && u.Path != "/" || strings.ContainsAny(text, "?#") ||
		(u.Scheme != "http" && u.Scheme != "https") || strings.HasSuffix(u.Hostname(), ".") ||
		strings.HasSuffix(u.Host, ":") {
		return Origin{}, false
	}
	h, err := egress.ParseHost(u.Host, defaultPort(u.Scheme))
	return Origin{u.Scheme, h}, err == nil
}

// CompanyProxy is an HTTP proxy on the way to DocuSign. The zero value is none.
type CompanyProxy struct {
	Origin
	User     string
	Password secret.Text
}

func parseCompanyProxy(text string) (any, error) {
	const hint = "write it as http://user@proxy.example:3128"
	u, err := url.Parse(text)
	if err != nil {
		return nil, complaint{"must be an address", hint}
	}
	user := u.User
	u.User = nil
	origin, ok := parseOrigin(u.String())
	if !ok {
		return nil, complaint{"must be the http or https address of a proxy", hint}
	}
	password, _ := user.Password()
	return CompanyProxy{origin, user.Username(), secret.New(password)}, nil
}
