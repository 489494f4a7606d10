package answer

import (
	"math"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/translate/soaprest/definition"
)

// object is one of REST's, as it was answered or as a definition has it. REST writes numbers and booleans as texts;
// JSON's own are read too.
type object map[string]any

func asObject(v any) object {
	switch v := v.(type) {
	case object:
		return v
	case map[string]any:
		return v
	case definition.Object:
		return object(v)
	}
	return nil
}

func (o object) object(member string) object { return asObject(o[member]) }

func (o object) objects(member string) (all []object) {
	add := func(v any) {
		if item := asObject(v); item != nil {
			all = append(all, item)
		}
	}
	switch list := o[member].(type) {
	case []object:
		return list
	case []definition.Object:
		for _, v := range list {
			add(v)
		}
	case []any:
		for _, v := range list {
			add(v)
		}
	}
	return all
}

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// text is "" where there is none.
func (o object) text(member string) string { return asText(o[member]) }

// given is the text, or nil where it is empty or not there: the element is left out then.
func (o object) given(member string) any {
	if s := o.text(member); s != "" {
		return s
	}
	return nil
}

func (o object) texts(member string) (all []string) {
	switch list := o[member].(type) {
	case []string:
		return list
	case []any:
		for _, v := range list {
			all = append(all, asText(v))
		}
	}
	return all
}

func (o object) flag(member string, otherwise bool) bool {
	switch strings.ToLower(o.text(member)) {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}

// date is nil where none of the members is one.
func (o object) date(members ...string) any {
	for _, member := range members {
		switch v := o[member].(type) {
		case time.Time:
			return v
		case string:
			if t, is := date(v); is {
				return t
			}
		}
	}
	return nil
}

// natural is a whole number of at least that, as a text; nil where there is none.
func (o object) natural(member string, least uint64) any {
	if n, err := strconv.ParseUint(o.text(member), 10, 31); err == nil && n >= least {
		return strconv.FormatUint(n, 10)
	}
	return nil
}

// decimal is a number in its shortest form, nil where there is none.
func (o object) decimal(member string) any {
	n, err := strconv.ParseFloat(o.text(member), 64)
	if err != nil || !(math.Abs(n) < math.MaxInt32) {
		return nil
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}
