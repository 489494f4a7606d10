package dashboards

import (
	"slices"
	"strings"
)

// Variable is a choice above the dashboard.
type Variable struct {
	AllValue    string      `json:"allValue,omitempty"`
	Current     any         `json:"current"`
	Datasource  *Datasource `json:"datasource,omitempty"`
	Definition  string      `json:"definition,omitempty"`
	Description string      `json:"description"`
	Hide        int         `json:"hide"` // 2 = not shown
	IncludeAll  bool        `json:"includeAll"`
	Label       string      `json:"label"`
	Multi       bool        `json:"multi"`
	Name        string      `json:"name"`
	Options     []choice    `json:"options"`
	Query       any         `json:"query"`
	Refresh     int         `json:"refresh"` // 2 = when the time range changes
	Regex       string      `json:"regex"`
	SkipURLSync bool        `json:"skipUrlSync"`
	Sort        int         `json:"sort"`
	Type        string      `json:"type"`
}

type choice struct {
	Selected bool   `json:"selected"`
	Text     string `json:"text"`
	Value    string `json:"value"`
}

type labelQuery struct {
	Query string `json:"query"`
	RefID string `json:"refId"`
}

const hidden = 2

// byVariable is the only data source that panels know.
func byVariable() Datasource { return Datasource{Type: "prometheus", UID: "${datasource}"} }

func dataSourceVariable() Variable {
	return Variable{
		Name: "datasource", Label: "Prometheus", Description: "Where the metrics are", Type: "datasource", Query: "prometheus", Current: struct{}{},
		Options: []choice{}, Refresh: 1,
	}
}

// labelVariable offers the values of a label; all of them is the start.
func labelVariable(name, label, description, query string) Variable {
	source := byVariable()
	return Variable{
		Name: name, Label: label, Description: description, Type: "query", Datasource: &source, Definition: query, Query: labelQuery{query, "StandardVariableQuery"},
		Current: map[string]any{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}, Options: []choice{},
		AllValue: ".+", IncludeAll: true, Multi: true, Refresh: 2, Sort: 1,
	}
}

func choiceVariable(name, label, description, start string, values ...string) Variable {
	v := Variable{Name: name, Label: label, Description: description, Type: "custom", Query: strings.Join(values, ","), Current: choice{true, start, start}}
	for _, value := range values {
		v.Options = append(v.Options, choice{value == start, value, value})
	}
	return v
}

// addressVariable is where links lead; whoever keeps things elsewhere changes it here once.
func addressVariable(name, description, address string) Variable {
	c := choice{true, address, address}
	return Variable{Name: name, Label: name, Description: description, Type: "textbox", Query: address, Current: c, Options: []choice{c}, Hide: hidden}
}

func variables(more ...Variable) []Variable {
	return slices.Concat([]Variable{
		dataSourceVariable(),
		labelVariable("instance", "Instance", "Proxies, by the address that Prometheus scrapes", "label_values(docusign_auth_proxy_build_info, instance)"),
		labelVariable("integration", "Integration", "Old programs by their names in the configuration; unknown is every key that is not in it",
			`label_values(docusign_auth_proxy_requests_total{instance=~"$instance"}, integration)`),
	}, more, []Variable{
		addressVariable("status_page", "Address of the proxy's operations listener", "http://localhost:9090"),
		addressVariable("runbook", "Address of docs/runbook.md", "/public/runbook.txt"),
	})
}
