package template

import (
	"fmt"
	"io"
	"reflect"
	"text/template/parse"
)

// run is one execution of one template.
type run struct {
	*Set
	w    io.Writer
	vars []variable
}

type variable struct {
	name  string
	value reflect.Value
}

func (r *run) list(dot reflect.Value, l *parse.ListNode) {
	if l == nil {
		return
	}
	defer func(vars int) { r.vars = r.vars[:vars] }(len(r.vars))
	for _, n := range l.Nodes {
		r.node(dot, n)
	}
}

func (r *run) node(dot reflect.Value, n parse.Node) {
	switch n := n.(type) {
	case *parse.TextNode:
		r.write(string(n.Text))
	case *parse.ActionNode:
		if v := r.pipe(dot, n.Pipe); len(n.Pipe.Decl) == 0 {
			r.show(n, v)
		}
	case *parse.TemplateNode:
		var data reflect.Value
		if n.Pipe != nil {
			data = r.pipe(dot, n.Pipe)
		}
		r.call(r.w, n.Name, data)
	case *parse.IfNode:
		r.branch(dot, &n.BranchNode, func(reflect.Value) { r.list(dot, n.List) })
	case *parse.WithNode:
		r.branch(dot, &n.BranchNode, func(v reflect.Value) { r.list(v, n.List) })
	case *parse.RangeNode:
		r.branch(dot, &n.BranchNode, func(v reflect.Value) { r.each(v, n) })
	default:
		panic(fmt.Sprintf("%s is not supported", n))
	}
}

func (r *run) branch(dot reflect.Value, n *parse.BranchNode, then func(reflect.Value)) {
	defer func(vars int) { r.vars = r.vars[:vars] }(len(r.vars))
	if v := r.pipe(dot, n.Pipe); truth(v) {
		then(v)
	} else {
		r.list(dot, n.ElseList)
	}
}

// each has the last variable of {{range}} be the item, and the one before it the index.
func (r *run) each(list reflect.Value, n *parse.RangeNode) {
	item, index := len(r.vars)-1, len(r.vars)-2
	for i := range list.Len() {
		v := inner(list.Index(i))
		if len(n.Pipe.Decl) > 0 {
			r.vars[item].value = v
		}
		if len(n.Pipe.Decl) > 1 {
			r.vars[index].value = reflect.ValueOf(i)
		}
		r.list(v, n.List)
	}
}

func (r *run) show(n parse.Node, v reflect.Value) {
	text := ""
	if v.IsValid() {
		text = fmt.Sprint(v.Interface())
	}
	if r.special != nil {
		text = r.escapes[n](text)
	}
	r.write(text)
}

func (r *run) write(s string) {
	if _, err := io.WriteString(r.w, s); err != nil {
		panic(err)
	}
}

// pipe is the value of {{…}} or (…), set to the variables before it.
func (r *run) pipe(dot reflect.Value, p *parse.PipeNode) reflect.Value {
	if len(p.Cmds) != 1 {
		panic(fmt.Sprintf("%s: one command at a time", p))
	}
	v := r.command(dot, p.Cmds[0])
	for _, d := range p.Decl {
		if p.IsAssign {
			*r.variable(d.Ident[0]) = v
		} else {
			r.vars = append(r.vars, variable{d.Ident[0], v})
		}
	}
	return v
}

func (r *run) variable(name string) *reflect.Value {
	for i := len(r.vars) - 1; i >= 0; i-- {
		if r.vars[i].name == name {
			return &r.vars[i].value
		}
	}
	panic("no variable " + name) // not in what parses
}

func (r *run) command(dot reflect.Value, c *parse.CommandNode) reflect.Value {
	arguments := func() (all []reflect.Value) {
		for _, n := range c.Args[1:] {
			all = append(all, r.value(dot, n))
		}
		return all
	}
	switch n := c.Args[0].(type) {
	case *parse.FieldNode:
		return r.chain(dot, n.Ident, arguments())
	case *parse.VariableNode:
		return r.chain(*r.variable(n.Ident[0]), n.Ident[1:], arguments())
	case *parse.IdentifierNode:
		if n.Ident == "and" || n.Ident == "or" {
			return r.choose(dot, n.Ident == "or", c.Args[1:])
		}
		return call(n.Ident, r.funcs[n.Ident], arguments())
	}
	return r.value(dot, c.Args[0])
}

// choose is the first value that decides, or the last. Those after it are not asked for.
func (r *run) choose(dot reflect.Value, until bool, args []parse.Node) (v reflect.Value) {
	for _, n := range args {
		if v = r.value(dot, n); truth(v) == until {
			break
		}
	}
	return v
}

// value is that of an argument.
func (r *run) value(dot reflect.Value, n parse.Node) reflect.Value {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.PipeNode:
		return r.pipe(dot, n)
	case *parse.StringNode:
		return reflect.ValueOf(n.Text)
	case *parse.NumberNode:
		if n.IsInt {
			return reflect.ValueOf(int(n.Int64))
		}
	case *parse.BoolNode:
		return reflect.ValueOf(n.True)
	case *parse.FieldNode, *parse.VariableNode, *parse.IdentifierNode:
		return r.command(dot, &parse.CommandNode{Args: []parse.Node{n}})
	}
	panic(fmt.Sprintf("%s is not supported", n))
}

// chain goes from a value to a field or a method of it, and on to the next; the last one may take arguments.
func (r *run) chain(v reflect.Value, names []string, args []reflect.Value) reflect.Value {
	for i, name := range names {
		if i < len(names)-1 {
			v = r.member(v, name, nil)
		} else {
			v = r.member(v, name, args)
		}
	}
	return v
}

func (r *run) member(v reflect.Value, name string, args []reflect.Value) reflect.Value {
	if f := r.funcs[name]; f.IsValid() && v.IsValid() {
		if receiver, fits := fit(v, f.Type().In(0)); fits {
			return call(name, f, append([]reflect.Value{receiver}, args...))
		}
	}
	from := v
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		from = v.Elem()
	}
	var field reflect.Value
	switch {
	case len(args) > 0:
	case from.Kind() == reflect.Struct:
		field = from.FieldByName(name)
	case from.Kind() == reflect.Map:
		if field = from.MapIndex(reflect.ValueOf(name)); !field.IsValid() {
			field = reflect.Zero(from.Type().Elem())
		}
	}
	if !field.IsValid() {
		panic(fmt.Sprintf("%s has no %s that takes %d arguments", kind(v), name, len(args)))
	}
	return inner(field)
}
