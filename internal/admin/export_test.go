package admin

import (
	htmltemplate "html/template"
	"net/http/httptest"
	"strings"
	"time"
)

// EachPage makes every page of a status, and makes it again with html/template.
func EachPage(status Status, now time.Time, show func(name, ours, theirs string)) error {
	pages, oracle := newPages(), map[string]*htmltemplate.Template{}
	layout := strings.Replace(text("layout.html"), "<style></style>", "<style>"+string(styleSheet)+"</style>", 1)
	for name := range pages {
		oracle[name] = htmltemplate.New("").Funcs(htmltemplate.FuncMap(functions()))
		for _, s := range []string{layout, text("parts.html"), text(name + ".html")} {
			htmltemplate.Must(oracle[name].Parse(s))
		}
	}
	made := func(name string, p *page) error {
		var ours, theirs strings.Builder
		if err := oracle[name].ExecuteTemplate(&theirs, "layout", p); err != nil {
			return err
		}
		err := pages.execute(&ours, name, p)
		show(name, ours.String(), theirs.String())
		return err
	}
	s := &server{Config: Config{
		Now: func() time.Time { return now }, Status: func() Status { return status }, Retry: func() {},
	}}
	for _, name := range []string{"overview", "attention", "users", "unknown", "security", "causes", "missing"} {
		r := httptest.NewRequest("GET", "/"+name+"?refresh=30&state=failing&q=%22%3Cb%3E", nil)
		if err := made(name, s.page(r, name)); err != nil {
			return err
		}
	}
	r := httptest.NewRequest("GET", "/?day="+now.Format(isoDay), nil)
	for i := range status.Integrations {
		p := s.page(r, "")
		p.Integration = &p.Status.Integrations[i]
		if err := made("integration", p); err != nil {
			return err
		}
		list := p.peopleOf(p.Integration).list
		for _, p.Person = range list[:min(3, len(list))] {
			if err := made("user", p); err != nil {
				return err
			}
		}
	}
	return made("report", &page{lists: lists{Status: complete(status, now)}, Static: true, StylePolicy: "default-src 'none'"})
}
