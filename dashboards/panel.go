package dashboards

import "fmt"

// about is what every panel has to say.
type about struct {
	title, what string
	red         string // what to do when it is red
	anchor      string // section of docs/runbook.md
	unit        string // Grafana's name of the unit
	width       int    // of 24
	limits      Thresholds
}

// query is a PromQL expression and what its series are called.
type query struct{ expr, legend string }

// above colours values that are too high, below those that are too low. green is always good, red always needs somebody.
func above(orange, red float64) Thresholds {
	return Thresholds{"absolute", []Step{{"green", nil}, {"orange", &orange}, {"red", &red}}}
}

func below(green, orange float64) Thresholds {
	return Thresholds{"absolute", []Step{{"red", nil}, {"orange", &orange}, {"green", &green}}}
}

// heat colours amounts without judging them but for the last.
func heat(some, many, most float64) Thresholds {
	return Thresholds{"absolute", []Step{{"transparent", nil}, {"light-yellow", &some}, {"light-orange", &many}, {"red", &most}}}
}

func newPanel(kind string, a about, format string, instant bool, queries []query) *Panel {
	source := byVariable()
	p := &Panel{
		Type: kind, Title: a.title, Description: fmt.Sprintf("%s\n\n**Red:** %s", a.what, a.red), Datasource: &source, GridPos: GridPos{W: a.width},
		Links: []Link{{TargetBlank: true, Title: "Runbook", URL: "${runbook}#" + a.anchor}},
		FieldConfig: &FieldConfig{
			Defaults:  FieldDefaults{Color: map[string]any{"mode": "thresholds"}, Mappings: []any{}, Thresholds: a.limits, Unit: a.unit},
			Overrides: []Override{},
		},
	}
	for i, q := range queries {
		p.Targets = append(p.Targets, Target{
			Datasource: source, EditorMode: "code", Expr: q.expr, Format: format, Instant: instant, Range: !instant, LegendFormat: q.legend, RefID: string(rune('A' + i)),
		})
	}
	return p
}

func lastValue() map[string]any {
	return map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
}

// number is one figure on a coloured ground.
func number(a about, q query) *Panel {
	p := newPanel("stat", a, "time_series", true, []query{q})
	p.Options = map[string]any{
		"reduceOptions": lastValue(), "orientation": "auto", "textMode": "auto", "colorMode": "background", "graphMode": "none", "justifyMode": "auto",
	}
	return p
}

// curves are lines over time; the limits are drawn as dashes.
func curves(a about, queries ...query) *Panel {
	p := newPanel("timeseries", a, "time_series", false, queries)
	zero := 0.0
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "palette-classic"}
	p.FieldConfig.Defaults.Min = &zero
	p.FieldConfig.Defaults.Custom = map[string]any{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 8, "gradientMode": "none", "showPoints": "never", "pointSize": 5,
		"spanNulls": false, "axisPlacement": "auto", "axisLabel": "", "scaleDistribution": map[string]any{"type": "linear"},
		"stacking": map[string]any{"group": "A", "mode": "none"}, "thresholdsStyle": map[string]any{"mode": "dashed"},
		"hideFrom": map[string]any{"legend": false, "tooltip": false, "viz": false},
	}
	p.Options = map[string]any{
		"legend":  map[string]any{"calcs": []string{"lastNotNull", "max"}, "displayMode": "table", "placement": "bottom", "showLegend": true},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return p
}

// stacked puts the curves on top of one another: as "normal" sums, or as shares with "percent".
func (p *Panel) stacked(mode, style string, fill int) *Panel {
	c := p.FieldConfig.Defaults.Custom
	c["stacking"] = map[string]any{"group": "A", "mode": mode}
	c["drawStyle"], c["fillOpacity"], c["lineWidth"] = style, fill, 0
	c["thresholdsStyle"] = map[string]any{"mode": "off"}
	return p
}

// painted gives series their own colours.
func (p *Panel) painted(colours ...[2]string) *Panel {
	for _, c := range colours {
		p.override(c[0], property{"color", map[string]any{"mode": "fixed", "fixedColor": c[1]}})
	}
	return p
}

// bars compares integrations side by side.
func bars(a about, queries ...query) *Panel {
	p := newPanel("bargauge", a, "time_series", true, queries)
	zero := 0.0
	p.FieldConfig.Defaults.Min = &zero
	p.Options = map[string]any{
		"reduceOptions": lastValue(), "orientation": "horizontal", "displayMode": "basic", "showUnfilled": true, "minVizHeight": 16, "minVizWidth": 0, "text": map[string]any{},
	}
	return p
}

// spectrum shows how often each duration occurs, from the buckets of a histogram.
func spectrum(a about, q query) *Panel {
	p := newPanel("heatmap", a, "heatmap", false, []query{q})
	p.FieldConfig.Defaults.Custom = map[string]any{
		"hideFrom": map[string]any{"legend": false, "tooltip": false, "viz": false}, "scaleDistribution": map[string]any{"type": "linear"},
	}
	p.Options = map[string]any{
		"calculate": false, "cellGap": 1, "filterValues": map[string]any{"le": 1e-9}, "legend": map[string]any{"show": true},
		"color":     map[string]any{"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": false},
		"exemplars": map[string]any{"color": "rgba(255,0,255,0.7)"}, "rowsFrame": map[string]any{"layout": "auto"},
		"tooltip": map[string]any{"show": true, "yHistogram": true}, "yAxis": map[string]any{"axisPlacement": "left", "reverse": false, "unit": a.unit},
	}
	return p
}

// history shows each series as a line of coloured cells.
func history(a about, queries ...query) *Panel {
	p := newPanel("status-history", a, "time_series", false, queries)
	p.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 85, "lineWidth": 0}
	p.Options = map[string]any{
		"colWidth": 0.95, "rowHeight": 0.9, "showValue": "never",
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": false},
		"tooltip": map[string]any{"mode": "single", "sort": "none"},
	}
	return p
}

// column is one column of a table: the field, its heading, and what differs from the table's defaults.
type column struct {
	field, heading string
	unit           string
	limits         *Thresholds // nil = plain text
	links          []Link
}

// table joins the answers of its queries on the labels they share. Values that no column names are left out.
func table(a about, columns []column, queries ...query) *Panel {
	p := newPanel("table", a, "table", true, queries)
	p.FieldConfig.Defaults.Custom = map[string]any{"align": "auto", "displayMode": "auto", "filterable": true, "inspect": false}
	order, names := map[string]any{}, map[string]any{}
	for i, c := range columns {
		order[c.field], names[c.field] = i, c.heading
		p.override(c.heading, c.properties()...)
	}
	unnamed := map[string]any{"Time": true}
	for i := range queries {
		if field := valueField(i, len(queries)); names[field] == nil {
			unnamed[field] = true
		}
	}
	p.Transformations = []Transformation{
		{"merge", map[string]any{}},
		{"organize", map[string]any{"excludeByName": unnamed, "indexByName": order, "renameByName": names}},
	}
	p.Options = map[string]any{"showHeader": true, "footer": map[string]any{"show": false, "reducer": []string{"sum"}, "fields": ""}}
	return p
}

// valueField is Grafana's name for the value of the query at index i.
func valueField(i, queries int) string {
	if queries == 1 {
		return "Value"
	}
	return "Value #" + string(rune('A'+i))
}

func (c column) properties() []property {
	var list []property
	if c.unit != "" {
		list = append(list, property{"unit", c.unit})
	}
	if c.limits != nil {
		list = append(list, property{"thresholds", *c.limits}, property{"custom.displayMode", "color-background-solid"})
	}
	if len(c.links) > 0 {
		list = append(list, property{"links", c.links})
	}
	return list
}

// sorted orders a table by a heading.
func (p *Panel) sorted(heading string, falling bool) *Panel {
	p.Options["sortBy"] = []map[string]any{{"displayName": heading, "desc": falling}}
	return p
}

// matrix is a table with a row and a column for each pair of labels, coloured by the value.
func matrix(a about, row, column string, q query) *Panel {
	p := newPanel("table", a, "table", true, []query{q})
	p.FieldConfig.Defaults.Custom = map[string]any{"align": "auto", "displayMode": "color-background-solid", "filterable": false, "inspect": false}
	p.FieldConfig.Defaults.Mappings = []any{}
	p.Transformations = []Transformation{{"groupingToMatrix", map[string]any{"rowField": row, "columnField": column, "valueField": "Value"}}}
	p.override(row+`\`+column, property{"custom.displayMode", "auto"})
	p.Options = map[string]any{"showHeader": true, "footer": map[string]any{"show": false, "reducer": []string{"sum"}, "fields": ""}}
	return p
}

func (p *Panel) override(field string, properties ...property) *Panel {
	if len(properties) > 0 {
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, Override{matcher{"byName", field}, properties})
	}
	return p
}

// noValue is shown instead of "No data".
func (p *Panel) noValue(text string) *Panel {
	p.FieldConfig.Defaults.NoValue = text
	return p
}

// scaled fixes the upper end of the axis.
func (p *Panel) scaled(max float64) *Panel {
	p.FieldConfig.Defaults.Max = &max
	return p
}

// logarithmic suits values of which one is a thousand times another.
func (p *Panel) logarithmic() *Panel {
	p.FieldConfig.Defaults.Custom["scaleDistribution"] = map[string]any{"type": "log", "log": 10}
	p.FieldConfig.Defaults.Min = nil
	return p
}

// unitOf gives one series another unit.
func (p *Panel) unitOf(series, unit string) *Panel { return p.override(series, property{"unit", unit}) }
