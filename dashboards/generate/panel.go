package main

import (
	"fmt"
	"maps"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// The SDK's builders of single visualizations write what the newest Grafana reads (the heatmap's tooltip, the table's
// cells). Options are written here as Grafana 9.3 reads them, and later ones migrate them.

// object is a JSON object that Grafana does not describe in the SDK.
type object = map[string]any

// about is what every panel has to say.
type about struct {
	title, what string
	red         string // what to do when it is red
	anchor      string // section of docs/runbook.md
	unit        string // Grafana's name of the unit
	width       uint32 // of gridWidth
	limits      limits
}

// limits give colours to values.
type limits []dashboard.Threshold

// query is a PromQL expression and what its series are called.
type query struct{ expr, legend string }

// above colours values that are too high, below those that are too low. green is good, red needs somebody.
func above(orange, red float64) limits {
	return limits{{Color: "green"}, {Color: "orange", Value: &orange}, {Color: "red", Value: &red}}
}

func below(green, orange float64) limits {
	return limits{{Color: "red"}, {Color: "orange", Value: &orange}, {Color: "green", Value: &green}}
}

// heat colours amounts without judging them but for the last.
func heat(some, many, most float64) limits {
	return limits{
		{Color: "transparent"},
		{Color: "light-yellow", Value: &some},
		{Color: "light-orange", Value: &many},
		{Color: "red", Value: &most},
	}
}

func (l limits) config() dashboard.ThresholdsConfig {
	return dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: l}
}

// Build makes limits what the SDK's panels take.
func (l limits) Build() (dashboard.ThresholdsConfig, error) { return l.config(), nil }

// newPanel is a panel whose queries are asked over the time range; now asks them for its end alone.
func newPanel(
	kind string, a about, format prometheus.PromQueryFormat, now bool, queries []query,
) *dashboard.PanelBuilder {
	p := dashboard.NewPanelBuilder().
		Type(kind).
		Title(a.title).
		Description(fmt.Sprintf("%s\n\n**Red:** %s", a.what, a.red)).
		Datasource(source()).
		Span(a.width).
		Unit(a.unit).
		Thresholds(a.limits).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		Links([]cog.Builder[dashboard.DashboardLink]{link{
			Type: dashboard.DashboardLinkTypeLink, Title: "Runbook", Tags: []string{},
			Url: new("${runbook}#" + a.anchor), TargetBlank: true,
		}})
	for i, q := range queries {
		target := prometheus.NewDataqueryBuilder().
			Datasource(source()).
			EditorMode(prometheus.QueryEditorModeCode).
			Expr(q.expr).
			Format(format).
			LegendFormat(q.legend).
			RefId(refID(i))
		if now {
			target.Instant()
		} else {
			target.Range()
		}
		p.WithTarget(target)
	}
	return p
}

// refID is Grafana's name of the query at index i.
func refID(i int) string { return string(rune('A' + i)) }

func lastValue() object {
	return object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
}

func shownEverywhere() object { return object{"legend": false, "tooltip": false, "viz": false} }

// number is one figure on a coloured ground.
func number(a about, q query) *dashboard.PanelBuilder {
	return newPanel("stat", a, prometheus.PromQueryFormatTimeSeries, true, []query{q}).Options(object{
		"reduceOptions": lastValue(), "orientation": "auto", "textMode": "auto",
		"colorMode": "background", "graphMode": "none", "justifyMode": "auto",
	})
}

// curves are lines over time; the limits are drawn as dashes.
func curves(a about, queries ...query) *dashboard.PanelBuilder { return lines(nil, a, queries).Min(0) }

// logarithmic are curves for values of which one is a thousand times another.
func logarithmic(a about, queries ...query) *dashboard.PanelBuilder {
	return lines(object{"scaleDistribution": object{"type": "log", "log": 10}}, a, queries)
}

// shape is how stacked curves are drawn.
type shape struct {
	mode  string // normal sums, percent shows shares, none lays one over the other
	style string // line or bars
	fill  int    // percent of opacity
}

// stacked puts the curves on top of one another.
func stacked(s shape, a about, queries ...query) *dashboard.PanelBuilder {
	return lines(object{
		"stacking":  object{"group": "A", "mode": s.mode},
		"drawStyle": s.style, "fillOpacity": s.fill, "lineWidth": 0,
		"thresholdsStyle": object{"mode": "off"},
	}, a, queries).Min(0)
}

func lines(differing object, a about, queries []query) *dashboard.PanelBuilder {
	custom := object{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 8,
		"gradientMode": "none", "showPoints": "never", "pointSize": 5, "spanNulls": false,
		"axisPlacement": "auto", "axisLabel": "", "scaleDistribution": object{"type": "linear"},
		"stacking":        object{"group": "A", "mode": "none"},
		"thresholdsStyle": object{"mode": "dashed"},
		"hideFrom":        shownEverywhere(),
	}
	maps.Copy(custom, differing)
	return newPanel("timeseries", a, prometheus.PromQueryFormatTimeSeries, false, queries).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassic)).
		Custom(custom).
		Options(object{
			"legend": object{
				"calcs": []string{"lastNotNull", "max"}, "displayMode": "table", "placement": "bottom", "showLegend": true,
			},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		})
}

// property changes one setting of the fields that an override names.
func property(id string, value any) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{{Id: id, Value: value}}
}

func colour(name string) []dashboard.DynamicConfigValue {
	return property("color", object{"mode": "fixed", "fixedColor": name})
}

// bars compares integrations side by side.
func bars(a about, queries ...query) *dashboard.PanelBuilder {
	return newPanel("bargauge", a, prometheus.PromQueryFormatTimeSeries, true, queries).Min(0).Options(object{
		"reduceOptions": lastValue(), "orientation": "horizontal", "displayMode": "basic", "showUnfilled": true,
		"minVizHeight": 16, "minVizWidth": 0, "text": object{},
	})
}

// spectrum shows how often each duration occurs, from the buckets of a histogram.
func spectrum(a about, q query) *dashboard.PanelBuilder {
	return newPanel("heatmap", a, prometheus.PromQueryFormatHeatmap, false, []query{q}).
		Custom(object{"hideFrom": shownEverywhere(), "scaleDistribution": object{"type": "linear"}}).
		Options(object{
			"calculate": false, "cellGap": 1, "filterValues": object{"le": 1e-9}, "legend": object{"show": true},
			"color": object{
				"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5,
				"fill": "dark-orange", "reverse": false,
			},
			"exemplars": object{"color": "rgba(255,0,255,0.7)"}, "rowsFrame": object{"layout": "auto"},
			"tooltip": object{"show": true, "yHistogram": true},
			"yAxis":   object{"axisPlacement": "left", "reverse": false, "unit": a.unit},
		})
}

// history shows each series as a line of coloured cells.
func history(a about, queries ...query) *dashboard.PanelBuilder {
	return newPanel("status-history", a, prometheus.PromQueryFormatTimeSeries, false, queries).
		Custom(object{"fillOpacity": 85, "lineWidth": 0}).
		Options(object{
			"colWidth": 0.95, "rowHeight": 0.9, "showValue": "never",
			"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": false},
			"tooltip": object{"mode": "single", "sort": "none"},
		})
}

// column is one column of a table: the field, its heading, and what differs from the table's defaults.
type column struct {
	field, heading string
	unit           string
	limits         limits // nil = plain text
	links          []cellLink
}

// cellLink leads out of a cell.
type cellLink struct {
	TargetBlank bool   `json:"targetBlank"`
	Title       string `json:"title"`
	URL         string `json:"url"`
}

// integrationColumn leads to the status page of each program.
func integrationColumn() column {
	return column{field: "integration", heading: "Integration", links: []cellLink{
		{true, "Status page of ${__value.text}", "${status_page}/integration/${__value.text}"},
	}}
}

// ordering is the heading by which a table is sorted, downwards.
type ordering string

// table joins the answers of its queries on the labels they share. Values that no column names are left out.
func table(a about, sorted ordering, columns []column, queries ...query) *dashboard.PanelBuilder {
	p := newPanel("table", a, prometheus.PromQueryFormatTable, true, queries).
		Custom(object{"align": "auto", "displayMode": "auto", "filterable": true, "inspect": false})
	order, names := object{}, object{}
	for i, c := range columns {
		order[c.field], names[c.field] = i, c.heading
		if properties := c.properties(); len(properties) > 0 {
			p.OverrideByName(c.heading, properties)
		}
	}
	unnamed := object{"Time": true}
	for i := range queries {
		if field := valueField(i, len(queries)); names[field] == nil {
			unnamed[field] = true
		}
	}
	options := tableOptions()
	if sorted != "" {
		options["sortBy"] = []object{{"displayName": sorted, "desc": true}}
	}
	return p.Options(options).
		WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: object{}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: object{
			"excludeByName": unnamed, "indexByName": order, "renameByName": names,
		}})
}

func tableOptions() object {
	return object{"showHeader": true, "footer": object{"show": false, "reducer": []string{"sum"}, "fields": ""}}
}

// valueField is Grafana's name for the value of the query at index i.
func valueField(i, queries int) string {
	if queries == 1 {
		return "Value"
	}
	return "Value #" + refID(i)
}

func (c column) properties() []dashboard.DynamicConfigValue {
	var list []dashboard.DynamicConfigValue
	if c.unit != "" {
		list = append(list, property("unit", c.unit)...)
	}
	if c.limits != nil {
		list = append(list, property("thresholds", c.limits.config())...)
		list = append(list, property("custom.displayMode", "color-background-solid")...)
	}
	if len(c.links) > 0 {
		list = append(list, property("links", c.links)...)
	}
	return list
}

// matrix is a table with a row and a column for each pair of labels, coloured by the value.
func matrix(a about, row, column string, q query) *dashboard.PanelBuilder {
	return newPanel("table", a, prometheus.PromQueryFormatTable, true, []query{q}).
		Custom(object{
			"align": "auto", "displayMode": "color-background-solid", "filterable": false, "inspect": false,
		}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "groupingToMatrix", Options: object{
			"rowField": row, "columnField": column, "valueField": "Value",
		}}).
		OverrideByName(row+`\`+column, property("custom.displayMode", "auto")).
		Options(tableOptions())
}
