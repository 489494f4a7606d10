package admin

import (
	"net/netip"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const maxText = 2000 // bytes of one text that are shown

// clean makes a text safe for a page, a terminal and a log: controls, marks of direction and broken UTF-8 become
// U+FFFD. Line ends stay, for errors have several lines.
func clean(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(cut(s[:maxText]), "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}

// cut takes away an address that is no longer whole.
func cut(s string) string {
	if i := strings.LastIndexAny(s, " \n") + 1; strings.Contains(s[i:], "://") {
		return s[:i]
	}
	return s
}

// scrub copies s with every text in it cleaned. It goes by reflection so that a field added later is not forgotten.
func scrub(s Status) Status { return scrubValue(reflect.ValueOf(s)).Interface().(Status) }

func scrubValue(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		out.SetString(clean(v.String()))
	case reflect.Slice:
		// An empty list is never null in JSON.
		out = reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(scrubValue(v.Index(i)))
		}
	case reflect.Map:
		out = reflect.MakeMap(v.Type())
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(scrubValue(it.Key()), scrubValue(it.Value()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out = reflect.New(v.Type().Elem())
			out.Elem().Set(scrubValue(v.Elem()))
		}
	case reflect.Struct:
		switch t := v.Interface().(type) {
		case time.Time:
			return reflect.ValueOf(t.UTC())
		case netip.Addr:
			return v
		}
		for i := range v.NumField() {
			out.Field(i).Set(scrubValue(v.Field(i)))
		}
	default:
		out.Set(v)
	}
	return out
}
