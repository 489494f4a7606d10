package dashboards

const tag = "docusign-auth-proxy"

// newDashboard makes a dashboard without panels that links to the others of the project, the status page and the runbook.
func newDashboard(uid, title, from, refresh, description string) *Dashboard {
	return &Dashboard{
		UID: uid, Title: title, Description: description, SchemaVersion: schemaVersion, Version: 1, Style: "dark", Tags: []string{tag}, Editable: true, GraphTooltip: 1,
		Annotations: annotations{List: []any{}}, Time: timeRange{from, "now"}, Refresh: refresh, Timezone: "browser",
		Links: []dashboardLink{
			{Type: "dashboards", Title: "", Icon: "external link", Tags: []string{tag}, IncludeVars: true, KeepTime: true},
			{Type: "link", Title: "Status page", Icon: "info", Tags: []string{}, URL: "${status_page}/", TargetBlank: true, Tooltip: "The proxy's own page: names, causes, next steps"},
			{Type: "link", Title: "Runbook", Icon: "doc", Tags: []string{}, URL: "${runbook}", TargetBlank: true, Tooltip: "What to do about each alert"},
		},
	}
}

// Files gives the dashboards' files by name.
func Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, d := range map[string]*Dashboard{"migration.json": Migration(), "operations.json": Operations()} {
		content, err := d.JSON()
		if err != nil {
			return nil, err
		}
		files[name] = content
	}
	return files, nil
}
