package config

import (
	"encoding/hex"
	"errors"
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
	"docusign-auth-proxy/proxy/egress"
)

// complaint is a fault of one value, before it is known where the value stands.
type complaint struct{ message, hint string }

func (c complaint) Error() string { return c.message }

// scalar is a type that stands in the file as one value.
type scalar struct {
	name   string // in the reference
	spoken string // in "must be …"; "" = text
	set    setter
}

// setter puts a text into a field with that tag. The error is a complaint.
type setter func(v reflect.Value, text string, tag reflect.StructTag) error

// scalarOf returns nil for lists, mappings and sections.
func scalarOf(t reflect.Type) *scalar {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &scalar{"duration", "a duration", bounded(parseDuration)}
	case reflect.TypeFor[Size]():
		return &scalar{"size", "a size", bounded(parseSize)}
	case reflect.TypeFor[netip.Prefix]():
		return &scalar{"network", "an IP address or a network", free(parsePrefix)}
	case reflect.TypeFor[netip.AddrPort]():
		return &scalar{"text", "", free(parseResolver)}
	case reflect.TypeFor[egress.Host]():
		return &scalar{"text", "", free(parseTunnel)}
	case reflect.TypeFor[integration.SHA256]():
		return &scalar{"text", "", free(parseSHA256)}
	case reflect.TypeFor[CompanyProxy]():
		return &scalar{"secret text", "", free(parseCompanyProxy)}
	case reflect.TypeFor[secretText]():
		return &scalar{"secret text", "", setText}
	case reflect.TypeFor[Origin]():
		return &scalar{"text", "", setOrigin}
	}
	switch t.Kind() {
	case reflect.String:
		return &scalar{"text", "", setText}
	case reflect.Bool:
		return &scalar{"true | false", "true or false", free(parseBool)}
	case reflect.Int:
		return &scalar{"number", "a whole number", bounded(parseInt)}
	}
	return nil
}

// free is for values without bounds. An empty text is the zero value.
func free[T any](parse func(string) (T, error)) setter {
	return func(v reflect.Value, text string, _ reflect.StructTag) error {
		if text == "" {
			return nil
		}
		value, err := parse(text)
		if err == nil {
			v.Set(reflect.ValueOf(value))
		}
		return err
	}
}

// bounded holds a value to the min and max of the tag, which are written the same way.
func bounded[T int | Size | time.Duration](parse func(string) (T, error)) setter {
	return func(v reflect.Value, text string, tag reflect.StructTag) error {
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
		v.Set(reflect.ValueOf(value))
		return nil
	}
}

// setText sets a string, which an enum in the tag may restrict.
func setText(v reflect.Value, text string, tag reflect.StructTag) error {
	if enum := tag.Get("enum"); enum != "" {
		choices := strings.Split(enum, "|")
		if !slices.Contains(choices, text) {
			wrong := complaint{message: "must be " + orList(choices)}
			if near := nearest(text, choices); near != "" {
				wrong.hint = fmt.Sprintf("did you mean %q?", near)
			}
			return wrong
		}
	}
	v.SetString(text)
	return nil
}

// parseBool takes what YAML has found to be true or false.
func parseBool(text string) (bool, error) { return strings.EqualFold(text, "true"), nil }

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
		hint := fmt.Sprintf("write %ss for seconds or %sm for minutes", text, text)
		return 0, complaint{"must be a duration with a unit", hint}
	}
	return 0, complaint{"must be a duration", "write it as in 90s, 10m or 1h30m"}
}

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

type sizeUnit struct {
	name  string
	bytes int64
}

func sizeUnits() []sizeUnit {
	return []sizeUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
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

func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, complaint{"must be an IP address or a network", "write it as in 10.1.2.3 or 10.1.2.0/24"}
	}
	if prefix != prefix.Masked() {
		hint := fmt.Sprintf("write %s for the network or %s for the host", prefix.Masked(), prefix.Addr())
		return netip.Prefix{}, complaint{"names a host inside a network", hint}
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

func parseResolver(text string) (netip.AddrPort, error) {
	server, ok := parseAddress(text)
	if !ok {
		return server, complaint{
			"must be the IP address of a DNS server, with or without a port", "write it as 10.0.0.53 or 10.0.0.53:5353",
		}
	}
	if server.Port() == 0 {
		server = netip.AddrPortFrom(server.Addr(), 53)
	}
	return server, nil
}

func parseTunnel(text string) (egress.Host, error) {
	h, err := egress.ParseHost(text, 0)
	if err != nil {
		return h, complaint{"must be one host and port", "write it as updates.example.com:443; there are no wildcards"}
	}
	return h, nil
}

func parseSHA256(text string) (integration.SHA256, error) {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != len(integration.SHA256{}) {
		return integration.SHA256{}, complaint{"must be 64 hexadecimal digits", "make them with: printf %s TOKEN | sha256sum"}
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

func setOrigin(v reflect.Value, text string, tag reflect.StructTag) error {
	schemes := strings.Split(tag.Get("schemes"), "|")
	if text == "" {
		return nil
	}
	o, ok := parseOrigin(text)
	if !ok || !slices.Contains(schemes, o.Scheme) {
		return complaint{
			fmt.Sprintf("must be an %s origin", strings.Join(schemes, " or ")),
			"write it as https://host or https://host:port, without a path",
		}
	}
	v.Set(reflect.ValueOf(o))
	return nil
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

func parseCompanyProxy(text string) (CompanyProxy, error) {
	const hint = "write it as http://user@proxy.example:3128"
	u, err := url.Parse(text)
	if err != nil {
		return CompanyProxy{}, complaint{"must be an address", hint}
	}
	user := u.User
	u.User = nil
	origin, ok := parseOrigin(u.String())
	if !ok {
		return CompanyProxy{}, complaint{"must be the http or https address of a proxy", hint}
	}
	password, _ := user.Password()
	return CompanyProxy{origin, user.Username(), secret.New(password)}, nil
}

// parseURI takes an address that a browser can return to.
func parseURI(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
		strings.Contains(text, "#") {
		return nil, errors.New("must be an absolute http or https address without a # part")
	}
	return u, nil
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
