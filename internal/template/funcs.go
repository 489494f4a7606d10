package template

import (
	"cmp"
	"fmt"
	"reflect"
)

// builtins are those of text/template that are in use.
func builtins() Funcs {
	return Funcs{
		"not":    func(v reflect.Value) bool { return !truth(v) },
		"eq":     func(a, b reflect.Value) bool { return compare(a, b) == 0 },
		"ne":     func(a, b reflect.Value) bool { return compare(a, b) != 0 },
		"lt":     func(a, b reflect.Value) bool { return compare(a, b) < 0 },
		"gt":     func(a, b reflect.Value) bool { return compare(a, b) > 0 },
		"len":    func(v reflect.Value) int { return v.Len() },
		"index":  func(v reflect.Value, i int) any { return v.Index(i).Interface() },
		"print":  fmt.Sprint,
		"printf": fmt.Sprintf,
	}
}

// call calls a function of Funcs, which may return an error beside its value.
func call(name string, f reflect.Value, args []reflect.Value) reflect.Value {
	t := f.Type()
	named := t.NumIn()
	if t.IsVariadic() {
		named--
	}
	if len(args) < named || len(args) > named && !t.IsVariadic() {
		panic(fmt.Sprintf("%s takes %d arguments, not %d", name, named, len(args)))
	}
	for i, v := range args {
		want := t.In(min(i, t.NumIn()-1))
		if i >= named {
			want = want.Elem()
		}
		var fits bool
		if args[i], fits = fit(v, want); !fits {
			panic(fmt.Sprintf("%s takes a %s, not a %s", name, want, kind(v)))
		}
	}
	out := f.Call(args)
	if len(out) > 1 && !out[1].IsNil() {
		panic(out[1].Interface())
	}
	return inner(out[0])
}

// fit makes of a value what a parameter takes: itself, what it points to, or a pointer to it.
func fit(v reflect.Value, want reflect.Type) (reflect.Value, bool) {
	switch {
	case want == reflect.TypeFor[reflect.Value]():
		return reflect.ValueOf(v), true
	case !v.IsValid():
		return reflect.Zero(want), want.Kind() == reflect.Interface
	case v.Type().AssignableTo(want):
		return v, true
	case v.Kind() == reflect.Pointer && !v.IsNil() && v.Type().Elem().AssignableTo(want):
		return v.Elem(), true
	case v.CanAddr() && v.Addr().Type().AssignableTo(want):
		return v.Addr(), true
	}
	return v, false
}

// inner is what an interface holds; nothing = not a valid value.
func inner(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Interface {
		return v.Elem()
	}
	return v
}

// truth is false for what is empty, and true for every struct.
func truth(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return false
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() > 0
	case reflect.Struct:
		return true
	}
	return !v.IsZero()
}

// compare compares texts, or numbers of one kind.
func compare(a, b reflect.Value) int {
	switch {
	case a.Kind() == reflect.String && b.Kind() == reflect.String:
		return cmp.Compare(a.String(), b.String())
	case a.CanInt() && b.CanInt():
		return cmp.Compare(a.Int(), b.Int())
	case a.CanUint() && b.CanUint():
		return cmp.Compare(a.Uint(), b.Uint())
	}
	panic(fmt.Sprintf("cannot compare a %s with a %s", kind(a), kind(b)))
}

func kind(v reflect.Value) string {
	if !v.IsValid() {
		return "nil"
	}
	return v.Type().String()
}
