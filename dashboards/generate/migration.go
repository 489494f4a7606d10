package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// migration is for whoever leads the programs off the legacy authentication: how far, who is left, what is in the way.
func migration() (dashboard.Dashboard, error) {
	return build(newDashboard("docusign-migration", "DocuSign migration", "now-30d", "5m",
		"How far the programs are on their way from DocuSign's legacy authentication to OAuth, "+
			"who is left, and what is in the way. "+
			"When the first figure has been 100 % for long enough, the proxy can go."), []section{
		{"At a glance", 5, migrationGlance()},
		{"Burn-down", 9, burnDown()},
		{"By integration", 11, []*dashboard.PanelBuilder{integrationTable()}},
		{"What is still used", 10, stillUsed()},
		{"SOAP", 9, soapMigration()},
		{"Observed programs: can they be translated?", 9, observed()},
		{"What is in the way", 9, inTheWay()},
		{"Ready", 9, ready()},
	}, choiceVariable("idle_days", "Idle after (days)",
		"How long a program must have sent nothing legacy to count as idle", "7", "1", "3", "7", "14", "30", "90"))
}

func migrationGlance() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		number(about{
			title: "Programs off legacy", unit: "percentunit", width: 4, limits: below(1, .5), anchor: "who-is-still-on-legacy",
			what: "Share of the integrations in the configuration without a legacy call for 7 days. At 100 % for long " +
				"enough, the proxy can go.",
			red: "less than half. Take the busiest rows of the table below first.",
		}, query{
			"1 - (count(" + aggregate("min", "integration", in(age, listed)) + " < 7 * 86400) or vector(0)) / count(" +
				aggregate("max", "integration", in(info)) + ")",
			"off legacy",
		}).NoValue("none configured"),
		number(about{
			title: "Calls made with OAuth by the program", unit: "percentunit", width: 4, limits: below(.95, .5),
			anchor: "who-is-still-on-legacy",
			what: "Share of calls over the time range in which the program itself sent an OAuth token: it no longer needs " +
				"the proxy.",
			red: "less than half of the traffic has been moved. The table says whose is left.",
		}, query{
			share(sum("", grown(in(calls, `scheme="oauth_bearer"`))), sum("", grown(in(calls)))),
			"native",
		}).NoValue("no calls"),
		number(about{
			title: "Calls failing", unit: "percentunit", width: 4, limits: above(.01, .05), anchor: "docusignintegrationfailing",
			what: "Share of calls over the time range that the proxy refused, could get no token for, or DocuSign did not " +
				"carry out. Calls whose content DocuSign refuses are not among them.",
			red: "a twentieth of the calls fails. Sort the table by Failing, open that integration's status page.",
		}, query{
			share(sum("", grown(in(calls, failed))), sum("", grown(in(calls, `outcome!="aborted"`)))),
			"failing",
		}).NoValue("no calls"),
		number(about{
			title: "Users without consent", unit: "none", width: 4, limits: above(1, 1), anchor: "docusignconsentrequired",
			what: "Users for whom DocuSign gives no token until they, or an administrator for all, consent.",
			red:  "their calls fail. Send them the consent link of the status page, or let an administrator consent for all.",
		}, query{sum("", once("integration", in(consents, `state="required"`))) + " or vector(0)", "users"}),
		number(about{
			title: "Last legacy call of an unlisted program", unit: "s", width: 4, limits: below(7*86400, 86400),
			anchor: "docusignlegacyfromunknownkey",
			what:   "How long ago a legacy call came whose integrator key is not in the configuration.",
			red: "within the last day. Find the program on the page Unknown of the status pages and list it, or it will " +
				"stop when the proxy goes.",
		}, query{"min(" + age + `{` + one + `,integration="unknown"})`, "ago"}).NoValue("never"),
		number(about{
			title: "Integrations ready to go live", unit: "percentunit", width: 4, limits: below(1, .5), anchor: "go-live",
			what: "Share of the integrations in the configuration with 20 or more successful OAuth calls in the last 24 " +
				"hours, which DocuSign wants to see before a key may go to production. Calls that the proxy translates count.",
			red: "less than half are. Let the others run through the proxy against the demo environment for a day.",
		}, query{
			"avg(" + aggregate("max", "integration", in("docusign_auth_proxy_go_live_calls", listed)) + " >= bool 20)",
			"ready",
		}).NoValue("none configured"),
	}
}

func burnDown() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		curves(about{
			title: "Programs that still send legacy credentials", unit: "none", width: 8, limits: above(1, 10),
			anchor: "who-is-still-on-legacy",
			what: "Integrations, unlisted ones counted as one, by how recently they sent a legacy credential, beside all " +
				"that are in the configuration. The lines should fall to zero.",
			red: "the dashed red line is ten programs. If the curve has stopped falling, nobody is moving them: take the " +
				"table to whoever owns them.",
		},
			query{"count(" + aggregate("min", "integration", in(age)) + " < 86400) or vector(0)", "in the last 24 hours"},
			query{"count(" + aggregate("min", "integration", in(age)) + " < 7 * 86400) or vector(0)", "in the last 7 days"},
			query{"count(" + aggregate("max", "integration", in(info)) + ")", "in the configuration"},
		),
		stacked(shape{"normal", "bars", 80}, about{
			title: "Legacy calls by program", unit: "short", width: 8, limits: above(1, 1000), anchor: "who-is-still-on-legacy",
			what: "Calls with a legacy credential per step of the curve, stacked by integration.",
			red:  "the tallest colour is the program whose move takes the most off.",
		}, query{sum("integration", growth(in(calls, legacy))), "{{integration}}"}),
		stacked(shape{"percent", "line", 70}, about{
			title: "How calls get through", unit: "reqps", width: 8, limits: above(1, 100), anchor: "docusignintegrationfailing",
			what: "Shares of the calls: translated by the proxy, made with OAuth by the program itself, passed on unchanged " +
				"(observed or unlisted), without any credential, failing.",
			red: "the red part is calls that fail; yellow ones fail when DocuSign switches their credential off. Native " +
				"(green) should grow into the whole.",
		},
			query{"sum(" + in(perTime, legacy, done) + translating + ")", "translated"},
			query{"sum(" + in(perTime, `scheme="oauth_bearer"`, done) + ")", "native"},
			query{"sum(" + in(perTime, legacy, done) + otherwise + ")", "passed on unchanged"},
			query{"sum(" + in(perTime, `scheme=~"none|other"`, done) + ")", "without credential"},
			query{"sum(" + in(perTime, failed) + ")", "failing"},
		).
			OverrideByName("translated", colour("blue")).
			OverrideByName("native", colour("green")).
			OverrideByName("passed on unchanged", colour("yellow")).
			OverrideByName("without credential", colour("#808080")).
			OverrideByName("failing", colour("red")),
	}
}

func integrationTable() *dashboard.PanelBuilder {
	const name = "${__value.text}" // of the cell that is clicked
	failing, consent, idle, old := above(.01, .05), above(1, 1), below(7*86400, 86400), heat(1, 100, 10000)
	return table(about{
		title: "Integrations", unit: "short", width: gridWidth, limits: above(1, 1), anchor: "who-is-still-on-legacy",
		what: "One row for each program. Calls are those of the time range; a program's first call of a new kind may be " +
			"missing. Native calls stand in the row of their program if the token names it, else under unknown. Click a name " +
			"for its status page, its operations, or this page about it alone.",
		red: "Failing: open the status page, it names cause and next step. Last legacy call: still in use today. Without " +
			"consent: send the link of the status page.",
	}, "Legacy calls", []column{
		{field: "integration", heading: "Integration", links: []cellLink{
			{true, "Status page of " + name, "${status_page}/integration/" + name},
			{
				false, "Operations of " + name,
				"/d/docusign-operations?var-datasource=${datasource}&var-instance=All&var-integration=" + name,
			},
			{
				false, "This page for " + name + " alone",
				"/d/docusign-migration?var-datasource=${datasource}&var-instance=All&var-integration=" + name,
			},
		}},
		{field: "mode", heading: "Mode"},
		{field: "soap", heading: "SOAP"},
		{field: "Value #B", heading: "Legacy calls", limits: old},
		{field: "Value #C", heading: "Native calls"},
		{field: "Value #D", heading: "Failing", unit: "percentunit", limits: failing},
		{field: "Value #E", heading: "Last legacy call", unit: "s", limits: idle},
		{field: "Value #F", heading: "Without consent", limits: consent},
		{field: "Value #G", heading: "On behalf of others"},
	},
		query{aggregate("max", "integration, mode, soap", in(info)), ""},
		query{sum("integration", grown(in(calls, legacy))), ""},
		query{sum("integration", grown(in(calls, `scheme="oauth_bearer"`))), ""},
		query{aggregate("max", "integration", in("docusign_auth_proxy:failing_requests:ratio_rate15m")), ""},
		query{aggregate("min", "integration", in(age)), ""},
		query{once("integration", in(consents, `state="required"`)), ""},
		query{sum("integration", grown(in("docusign_auth_proxy_on_behalf_requests_total"))), ""},
	)
}

func stillUsed() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		matrix(about{
			title: "Credentials and APIs", unit: "short", width: 12, limits: heat(1, 100, 10000), anchor: "schemes-and-apis",
			what: "Calls of the time range by form of the credential (down) and part of DocuSign's API (across). " +
				"oauth_bearer and none are no legacy forms.",
			red: "more than 10,000 calls: the form and API that most of the remaining work is about.",
		}, "scheme", "api", query{sum("scheme, api", grown(in(calls))) + " > 0", ""}),
		history(about{
			title: "Credentials over time", unit: "reqps", width: 12, limits: heat(.0001, .1, 10), anchor: "schemes-and-apis",
			what: "How many calls a second came with each form of credential. A form whose line has turned blank has been " +
				"migrated.",
			red: "more than ten calls a second. Not a fault, but the form that matters most.",
		}, query{sum("scheme", in(perTime)), "{{scheme}}"}),
		bars(about{
			title: "Ways in", unit: "short", width: 6, limits: above(1e5, 1e6), anchor: "schemes-and-apis",
			what: "Calls of the time range by how they reach the proxy: forward (HTTP_PROXY, plain), connect (HTTPS_PROXY), " +
				"sidecar (base URL), hosts (hosts file).",
			red: "a million calls. Each way in that is used has to be undone on those machines before the proxy goes.",
		}, query{sum("door", grown(in(calls))), "{{door}}"}),
		curves(about{
			title: "Calls on behalf of others (SOBO)", unit: "reqps", width: 9, limits: above(1, 10), anchor: "on-behalf",
			what: "Calls a second in which one user acts for another. With OAuth each of the people acted for needs consent " +
				"and a token of their own.",
			red: "ten a second. Before such a program moves, every principal must have consented: prefer an administrator's " +
				"consent for all.",
		}, query{sum("integration", rate(in("docusign_auth_proxy_on_behalf_requests_total"))), "{{integration}}"}),
		stacked(shape{"normal", "line", 40}, about{
			title: "TLS of the programs", unit: "reqps", width: 9, limits: above(1, 10), anchor: "old-tls",
			what: "Calls a second by the TLS version between program and proxy; none is plain HTTP. DocuSign itself takes " +
				"1.2 and newer only.",
			red: "programs on 1.0 or 1.1 cannot reach DocuSign without the proxy, whatever their credential: their machines " +
				"need an update as well.",
		}, query{sum("version", rate(in("docusign_auth_proxy_caller_tls_requests_total"))) + " > 0", "{{version}}"}),
	}
}

// observed is what mode observe has found out: a program whose calls all would have worked can be translated.
func observed() []*dashboard.PanelBuilder {
	const metric, works, worksNot = "docusign_auth_proxy_rehearsals_total", `result="would_work"`, `result!="would_work"`
	tried := sum("integration", grownAtAll(in(metric)))
	return []*dashboard.PanelBuilder{
		table(about{
			title: "Verdict", unit: "short", width: 10, limits: above(1, 1), anchor: "observed-programs",
			what: "For each program in mode observe: for how many of its calls translation was tried beside them, and how " +
				"many would have worked. At 100 % for some days, its rarest job included, set mode: translate. The status page " +
				"has the exact figures, and the next step for what would not work.",
			red: "calls that would not work. The matrix beside this says why, the status page of the program what to do.",
		}, "Would not work", []column{
			integrationColumn(),
			{field: "Value #A", heading: "Calls tried"},
			{field: "Value #B", heading: "Would work", unit: "percentunit", limits: below(1, .99)},
			{field: "Value #C", heading: "Would not work", limits: above(1, 1)},
		},
			query{tried + observing, ""},
			query{
				share("("+sum("integration", grownAtAll(in(metric, works)))+" or "+tried+" * 0)", tried) + observing, "",
			},
			query{sum("integration", grownAtAll(in(metric, worksNot))) + observing, ""},
		).NoValue("nothing is observed"),
		matrix(about{
			title: "Rehearsals of observed programs", unit: "short", width: 14, limits: heat(1, 100, 10000),
			anchor: "observed-programs",
			what: "For programs in mode observe: whether their calls would have worked translated. would_work, or the cause " +
				"why not.",
			red: "many. In any column but would_work that cause must be mended before the program's mode becomes translate.",
		}, "integration", "result", query{
			sum("integration, result", grownAtAll(in(metric))) + " > 0",
			"",
		}).NoValue("nothing is observed"),
	}
}

func inTheWay() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		bars(about{
			title: "Consent", unit: "none", width: 12, limits: above(1e3, 1e4), anchor: "docusignconsentrequired",
			what: "Users by what is known of their consent: given, required, or unknown because no token was asked for yet.",
			red:  "every user under required blocks their own calls. unknown turns into one of the others at their first call.",
		}, query{once("integration, state", in(consents)), "{{integration}}: {{state}}"}),
		stacked(shape{"normal", "bars", 80}, about{
			title: "Calls with two credentials", unit: "short", width: 12, limits: above(1, 100), anchor: "schemes-and-apis",
			what: "Calls that carry more than one credential, per step of the curve: a program half way through its own " +
				"migration, or a proxy before this one that adds one.",
			red: "a hundred a step. Ask its owner which is meant; the log line has conflict=true.",
		}, query{sum("integration", growth(in("docusign_auth_proxy_credential_conflicts_total"))), "{{integration}}"}),
	}
}

func ready() []*dashboard.PanelBuilder {
	idle := below(30*86400, 7*86400)
	return []*dashboard.PanelBuilder{
		table(about{
			title: "Idle: can be cut over", unit: "short", width: 8, limits: above(1, 1), anchor: "cutting-over",
			what: "Programs in the configuration without a legacy call for the chosen days, or with none since the proxy's " +
				"record began. Monthly and yearly runs look idle too: ask first.",
			red: "idle for less than a week; a weekly run may still come. Then set mode: block, and after the next due run " +
				"remove the entry.",
		}, "", []column{
			integrationColumn(),
			{field: "Value #A", heading: "Idle for", unit: "s", limits: idle},
			{field: "mode", heading: "Never seen; mode"},
		},
			query{aggregate("min", "integration", in(age, listed)) + " > $idle_days * 86400", ""},
			query{aggregate("max", "integration, mode", in(info)) + " unless on (integration) " + in(age), ""},
		).NoValue("every program is in use"),
		bars(about{
			title: "Go-live readiness", unit: "none", width: 8, limits: below(20, 1), anchor: "go-live",
			what: "Successful OAuth calls of the last 24 hours, in steps of an hour. DocuSign wants 20 with the key before " +
				"it may go to production. An App Password is no OAuth and does not count.",
			red: "none. Run the program through the proxy against the demo environment; look at Failing above if it has " +
				"been running.",
		}, query{
			aggregate("max", "integration", in("docusign_auth_proxy_go_live_calls", listed)),
			"{{integration}}",
		}).Max(20),
		stacked(shape{"normal", "bars", 80}, about{
			title: "Polling that the go-live review refuses", unit: "short", width: 8, limits: above(1, 100), anchor: "polling",
			what: "Reads of the same path within 15 minutes, per step of the curve. DocuSign's rule allows one per envelope; " +
				"the review before production looks at it.",
			red: "a hundred a step. Let the program ask less often, or use Connect (webhooks) once it is moved.",
		}, query{
			sum("integration, resource", growth(in("docusign_auth_proxy_polling_violations_total"))),
			"{{integration}}: {{resource}}",
		}),
	}
}
