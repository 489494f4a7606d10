package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const (
	tag = "docusign-auth-proxy"

	// schemaVersion is that of Grafana 9.3; later ones read it and migrate it in memory.
	schemaVersion = 37

	gridWidth = 24
)

// section is a row: a title and the panels below it, side by side. The widths of a line add up to gridWidth.
type section struct {
	title  string
	height uint32 // of each panel, in grid units of 38 pixels
	panels []*dashboard.PanelBuilder
}

// link gives the SDK a link as it is: its own builder adds the placement of Grafana 12.
type link dashboard.DashboardLink

func (l link) Build() (dashboard.DashboardLink, error) { return dashboard.DashboardLink(l), nil }

// newDashboard links to the other dashboards of the project, the status page and the runbook.
func newDashboard(uid, title, from, refresh, description string) *dashboard.DashboardBuilder {
	return dashboard.NewDashboardBuilder(title).
		Uid(uid).
		Description(description).
		Version(1).
		Tags([]string{tag}).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time(from, "now").
		Refresh(refresh).
		Link(link{
			Type: dashboard.DashboardLinkTypeDashboards, Icon: "external link",
			Tags: []string{tag}, IncludeVars: true, KeepTime: true,
		}).
		Link(link{
			Type: dashboard.DashboardLinkTypeLink, Title: "Status page", Icon: "info", Tags: []string{},
			Url: new("${status_page}/"), TargetBlank: true, Tooltip: "The proxy's own page: names, causes, next steps",
		}).
		Link(link{
			Type: dashboard.DashboardLinkTypeLink, Title: "Runbook", Icon: "doc", Tags: []string{},
			Url: new("${runbook}"), TargetBlank: true, Tooltip: "What to do about each alert",
		})
}

// build adds the variables that every dashboard has around its own, and the panels with their numbers.
func build(
	b *dashboard.DashboardBuilder, sections []section, own ...cog.Builder[dashboard.VariableModel],
) (dashboard.Dashboard, error) {
	b.WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").
		Label("Prometheus").Description("Where the metrics are").Type("prometheus"))
	b.WithVariable(labelVariable("instance", "Instance", "Proxies, by the address that Prometheus scrapes",
		"label_values(docusign_auth_proxy_build_info, instance)"))
	b.WithVariable(labelVariable("integration", "Integration",
		"Old programs by their names in the configuration; unknown is every key that is not in it",
		`label_values(docusign_auth_proxy_requests_total{instance=~"$instance"}, integration)`))
	for _, v := range own {
		b.WithVariable(v)
	}
	b.WithVariable(addressVariable("status_page",
		"Address of the proxy's operations listener", "http://localhost:9090"))
	b.WithVariable(addressVariable("runbook", "Address of docs/runbook.md", "/public/runbook.txt"))
	id := uint32(0)
	for _, s := range sections {
		id++
		b.WithRow(dashboard.NewRowBuilder(s.title).Id(id))
		for _, p := range s.panels {
			id++
			b.WithPanel(p.Id(id).Height(s.height))
		}
	}
	d, err := b.Build()
	d.SchemaVersion = schemaVersion
	return d, err
}

func text(s string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{String: &s}
}

func option(value string, selected bool) dashboard.VariableOption {
	return dashboard.VariableOption{Selected: &selected, Text: text(value), Value: text(value)}
}

// labelVariable offers the values of a label; all of them is the start.
func labelVariable(name, label, description, query string) *dashboard.QueryVariableBuilder {
	all := dashboard.VariableOption{
		Selected: new(true),
		Text:     dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
		Value:    dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
	}
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Description(description).
		Datasource(source()).
		Definition(query).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": query, "refId": "StandardVariableQuery"}}).
		Current(all).
		IncludeAll(true).
		AllValue(".+").
		Multi(true).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc)
}

func choiceVariable(name, label, description, start string, values ...string) *dashboard.CustomVariableBuilder {
	options := make([]dashboard.VariableOption, len(values))
	for i, value := range values {
		options[i] = option(value, value == start)
	}
	return dashboard.NewCustomVariableBuilder(name).
		Label(label).
		Description(description).
		Values(dashboard.StringOrMap{String: new(strings.Join(values, ","))}).
		Current(option(start, true)).
		Options(options)
}

// addressVariable is where links lead; whoever keeps things elsewhere changes it here once.
func addressVariable(name, description, address string) *dashboard.TextBoxVariableBuilder {
	return dashboard.NewTextBoxVariableBuilder(name).
		Label(name).
		Description(description).
		DefaultValue(dashboard.StringOrMap{String: &address}).
		Current(option(address, true)).
		Options([]dashboard.VariableOption{option(address, true)}).
		Hide(dashboard.VariableHideHideVariable)
}

// source is the only data source that panels know: the one that the variable chooses.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}
}
