package soapcompare

import (
	"fmt"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest"
)

// row is what is said of one operation, or of several of which the same is said.
type row struct {
	names         []string
	class         soaprest.Class
	services, why string
}

// OperationTable is all operations with their class and what is lost, in Markdown. docs/soap.md has it.
func OperationTable() string {
	var b strings.Builder
	b.WriteString("| Operation | Service | Carried out over REST | What is lost, or why it is not carried out |\n" +
		"|---|---|---|---|\n")
	for _, class := range []soaprest.Class{soaprest.Whole, soaprest.Approximate, soaprest.Impossible} {
		for _, r := range rows(class) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.Join(r.names, ", "), r.services, r.class, r.why)
		}
	}
	return b.String()
}

// rows are those of one class. Operations that are whole have a row each, so that they are found by their names.
func rows(class soaprest.Class) (list []row) {
	for _, r := range each(class) {
		i := slices.IndexFunc(list, func(have row) bool {
			return class == soaprest.Impossible && have.services == r.services && have.why == r.why
		})
		if i < 0 {
			list = append(list, r)
			continue
		}
		list[i].names = append(list[i].names, r.names...)
	}
	return list
}

// each has a row for each operation of the class; one that two services have is one.
func each(class soaprest.Class) (list []row) {
	for _, s := range services.All() {
		for _, o := range s.Description().Operations {
			is, why := soaprest.Classify(s, o.Name)
			if is != class {
				continue
			}
			i := slices.IndexFunc(list, func(have row) bool { return have.names[0] == o.Name && have.why == why })
			if i < 0 {
				list = append(list, row{[]string{o.Name}, is, s.Base(), why})
				continue
			}
			list[i].services += ", " + s.Base()
		}
	}
	slices.SortStableFunc(list, func(a, b row) int { return strings.Compare(a.names[0], b.names[0]) })
	return list
}
