package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// operations is for whoever is on call: is it working, how fast, how full, and since which change.
func operations() (dashboard.Dashboard, error) {
	return build(newDashboard("docusign-operations", "DocuSign auth proxy operations", "now-6h", "30s",
		"Whether the proxy works, what it adds, and how near it is to a limit. "+
			"For who still needs it see the migration dashboard."), []section{
		{"Now", 4, operationsGlance()},
		{"Calls", 9, append(callPanels(), tellingPanels()...)},
		{"What the proxy adds", 8, translationPanels()},
		{"Tokens", 8, tokenPanels()},
		{"DocuSign", 8, upstreamPanels()},
		{"SOAP over REST", 8, append(soapPanels(), soapKeepingPanels()...)},
		{"Rate limits", 8, limitPanels()},
		{"Store and replicas", 8, storePanels()},
		{"Saturation", 8, append(saturationPanels(), troublePanels()...)},
		{"Versions and certificates", 8, versionPanels()},
	})
}

func operationsGlance() []*dashboard.PanelBuilder {
	const expiry = "docusign_auth_proxy_token_earliest_expiry_timestamp_seconds"
	return []*dashboard.PanelBuilder{
		number(about{
			title: "Proxies up", unit: "none", width: 3, limits: below(1, 1), anchor: "docusignproxydown",
			what: "Proxies that answered the last scrape.",
			red:  "none answers. Look at the process and its log; programs cannot reach DocuSign meanwhile.",
		}, query{`sum(up{job="docusign-auth-proxy",` + one + `})`, "up"}).NoValue("0"),
		number(about{
			title: "Calls a second", unit: "reqps", width: 3, limits: above(200, 500), anchor: "docusignproxysaturated",
			what: "Calls a second over the last 15 minutes, all together.",
			red:  "more than 500 a second: look at Saturation and at Rate limits.",
		}, query{"sum(" + in(perTime) + ")", "calls"}),
		number(about{
			title: "Worst integration failing", unit: "percentunit", width: 3, limits: above(.01, .1),
			anchor: "docusignintegrationfailing",
			what:   "The highest share of failing calls that any integration has had in the last 15 minutes.",
			red:    "a tenth of a program's calls fails. Failures by cause says why, the log line says the next step.",
		}, query{"max(" + in("docusign_auth_proxy:failing_requests:ratio_rate15m") + ")", "failing"}).NoValue("no calls"),
		number(about{
			title: "Users whose token fails", unit: "none", width: 3, limits: above(1, 1), anchor: "docusigntokenrefreshfailing",
			what: "Users whose last exchange with the account server failed.",
			red:  "their calls fail now, or when the token in memory ends. Token failures by cause says why.",
		}, query{sum("", once("integration", in("docusign_auth_proxy_failing_identities"))), "users"}),
		number(about{
			title: "Next token ends in", unit: "s", width: 3, limits: below(300, 60), anchor: "docusigntokenrefreshfailing",
			what: "Time until the first of the live tokens ends. They are renewed in use some minutes before; one that " +
				"nobody uses just ends.",
			red: "less than a minute. Only bad while tokens fail.",
		}, query{"min(" + in(expiry) + ") - time()", "left"}).NoValue("no token"),
		number(about{
			title: "Least rate-limit headroom", unit: "percentunit", width: 3, limits: below(.25, .1),
			anchor: "docusignratelimitnear",
			what:   "The smallest part of a limit that DocuSign says is left to any integration, per hour or burst.",
			red: "less than a tenth. DocuSign will answer 429 until the window is over: find the busiest program under Rate " +
				"limits.",
		}, query{"min(" + in("docusign_auth_proxy:api_limit_remaining:ratio") + ")", "left"}).NoValue("not told yet"),
		number(about{
			title: "CA expires in", unit: "s", width: 3, limits: below(30*86400, 7*86400), anchor: "docusigncaexpiring",
			what: "Time until the CA certificate ends that the old machines trust.",
			red:  "less than a week. Renew it and spread it to the machines: docusign-auth-proxy ca renew.",
		}, query{"min(" + of("docusign_auth_proxy_ca_expiry_timestamp_seconds") + ") - time()", "left"}).NoValue("no CA"),
		number(about{
			title: "Configuration", unit: "none", width: 3, limits: below(1, 1), anchor: "docusignconfignotloaded",
			what: "1 when every proxy runs with what its file says; 0 when a file has a fault and an earlier configuration " +
				"stays in force.",
			red: "docusign-auth-proxy config check names every fault with file and line.",
		}, query{"min(" + of("docusign_auth_proxy_config_last_reload_successful") + ")", "good"}),
	}
}

func callPanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		curves(about{
			title: "Calls by integration", unit: "reqps", width: 8, limits: above(200, 500), anchor: "docusignproxysaturated",
			what: "Calls a second that ended, by program.",
			red: "the dashed red line is 500 a second. A sudden drop to nothing is as bad: look at the program's machine " +
				"and at Proxies up.",
		}, query{sum("integration", rate(in(calls))), "{{integration}}"}),
		curves(about{
			title: "Failures by cause", unit: "reqps", width: 8, limits: above(.1, 1), anchor: "causes-of-failures",
			what: "Calls a second that did not end well: what the proxy found wrong, or docusign_ and the status DocuSign " +
				"answered.",
			red: "one a second. The runbook says what each cause means and what to do; the log has cause, error and " +
				"next_step of each call.",
		}, query{
			sum("integration, cause", rate(in("docusign_auth_proxy_request_failures_total"))) + " > 0",
			"{{integration}}: {{cause}}",
		}),
		curves(about{
			title: "How long calls take", unit: "s", width: 8, limits: above(5, 30), anchor: "slow-calls",
			what: "From a call's arrival to the end of its answer: the median, and what 5 % and 1 % of the calls exceed.",
			red:  "30 seconds; many old programs give up then. Compare What the proxy adds with DocuSign's own time.",
		},
			query{quantile("0.5", "", "docusign_auth_proxy_request_duration_seconds"), "median"},
			query{quantile("0.95", "", "docusign_auth_proxy_request_duration_seconds"), "95 %"},
			query{quantile("0.99", "", "docusign_auth_proxy_request_duration_seconds"), "99 %"},
		),
		spectrum(about{
			title: "Spread of durations", unit: "s", width: 16, limits: above(5, 30), anchor: "slow-calls",
			what: "How many calls took how long. Two bands are normal: reads, and sending envelopes.",
			red:  "(no colour is bad here.) A new band at the top is a new kind of slow call, or DocuSign in trouble.",
		}, query{sum("le", growth(in("docusign_auth_proxy_request_duration_seconds_bucket"))), "{{le}}"}),
		stacked(shape{"normal", "line", 50}, about{
			title: "Answers by outcome", unit: "reqps", width: 8, limits: above(1, 10), anchor: "causes-of-failures",
			what: "Calls a second by how they ended and the class of the status.",
			red:  "anything but ok and client_error needs a look: Failures by cause.",
		}, query{sum("outcome, code", rate(in(calls))) + " > 0", "{{outcome}} {{code}}"}),
	}
}

// tellingPanels name what fails, and lead to what to do.
func tellingPanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		table(about{
			title: "Causes by integration", unit: "short", width: 14, limits: above(1, 1), anchor: "causes-of-failures",
			what: "Calls of the time range that did not end well, by program and cause, from the first on. Click a program " +
				"for its status page: it has the next step for each cause.",
			red: "the causes at the top stop most calls. What each means stands in the runbook, by its name.",
		}, "Calls", []column{
			integrationColumn(),
			{field: "cause", heading: "Cause", links: []cellLink{{true, "Runbook", "${runbook}#causes-of-failures"}}},
			{field: "Value", heading: "Calls", limits: above(1, 100)},
		}, query{
			sum("integration, cause", grownAtAll(in("docusign_auth_proxy_request_failures_total"))) + " > 0",
			"",
		}).NoValue("none"),
		table(about{
			title: "Firing alerts", unit: "short", width: 10, limits: above(1, 1), anchor: "alerts",
			what: "Alerts of this project that fire now.",
			red:  "the runbook has a section for each alert, by its name.",
		}, "", []column{
			{field: "alertname", heading: "Alert", links: []cellLink{{true, "Runbook", "${runbook}"}}},
			{field: "severity", heading: "Severity"},
			integrationColumn(),
			{field: "instance", heading: "Instance"},
		}, query{
			`max by (alertname, severity, integration, instance) (ALERTS{alertname=~"DocuSign.+",alertstate="firing"})`,
			"",
		},
		).NoValue("none"),
	}
}

func translationPanels() []*dashboard.PanelBuilder {
	const time = "docusign_auth_proxy_translation_duration_seconds"
	hits := sum("integration", rate(in("docusign_auth_proxy_token_cache_hits_total")))
	return []*dashboard.PanelBuilder{
		logarithmic(about{
			title: "Time added to a call", unit: "s", width: 8, limits: above(.5, 2), anchor: "slow-calls",
			what: "Time before a call goes out: checking the credential, getting the token, finding the site. Microseconds " +
				"from memory, a tenth of a second for a password seen first, more for a new token.",
			red: "two seconds. Look at the cache hits beside this, then at Exchange with the account server.",
		},
			query{quantile("0.5", "", time), "median"},
			query{quantile("0.95", "", time), "95 %"},
			query{quantile("0.99", "", time), "99 %"},
		),
		curves(about{
			title: "Part of the whole", unit: "percentunit", width: 8, limits: above(.1, .5), anchor: "slow-calls",
			what: "How much of the time of all calls is the proxy's own work, by integration.",
			red:  "half: the proxy costs as much as DocuSign itself. Normal for the first calls after a start only.",
		}, query{
			share(sum("integration", rate(in(time+"_sum"))),
				sum("integration", rate(in("docusign_auth_proxy_request_duration_seconds_sum")))),
			"{{integration}}",
		}).Max(1),
		curves(about{
			title: "Tokens served from memory", unit: "percentunit", width: 8, limits: below(.9, .5), anchor: "slow-calls",
			what: "Share of the tokens needed that were already there.",
			red: "less than half: each such call waits for the account server. Either calls are rare, or tokens are refused " +
				"and thrown away (see Calls sent twice).",
		}, query{
			share(hits, hits+" + "+sum("integration", rate(in("docusign_auth_proxy_token_grants_total")))),
			"{{integration}}",
		}).Max(1),
	}
}

func tokenPanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		curves(about{
			title: "Life left in tokens", unit: "s", width: 6, limits: below(600, 60), anchor: "docusigntokenrefreshfailing",
			what: "Time until the first of an integration's live tokens ends. A saw-tooth is right: renewal lifts it before " +
				"it reaches zero.",
			red: "below a minute while calls are made: renewal fails. A token that nobody uses may run out.",
		}, query{
			aggregate("min", "integration", in("docusign_auth_proxy_token_earliest_expiry_timestamp_seconds")) + " - time()",
			"{{integration}}",
		}),
		curves(about{
			title: "Age of tokens, and how many", unit: "none", width: 6, limits: above(1e3, 1e4),
			anchor: "docusigntokenrefreshfailing",
			what: "Live access tokens in memory, one for each user that was active in the last hour (of replicas, those of " +
				"the one that has most), and the age of the oldest.",
			red: "ten thousand users at once: check that user names are not made up by a program.",
		},
			query{once("integration", in("docusign_auth_proxy_live_tokens")), "{{integration}}"},
			query{
				"time() - min(" + in("docusign_auth_proxy_token_oldest_obtained_timestamp_seconds") + ")",
				"age of the oldest",
			},
		).OverrideByName("age of the oldest", property("unit", "s")),
		curves(about{
			title: "Exchange with the account server", unit: "s", width: 6, limits: above(2, 10), anchor: "slow-calls",
			what: "How long the account server takes to give a token: what 5 % of the exchanges exceed.",
			red:  "ten seconds. Calls with a live token do not notice; first calls of a user do.",
		}, query{
			quantile("0.95", "integration", "docusign_auth_proxy_token_grant_duration_seconds") + " >= 0",
			"{{integration}}",
		}),
		stacked(shape{"none", "bars", 60}, about{
			title: "Exchanges and failures by cause", unit: "short", width: 6, limits: above(1, 10),
			anchor: "causes-of-failures",
			what:   "Exchanges with the account server per step of the curve by result, and the failed ones by cause.",
			red: "ten failures a step. consent_required, invalid_key, user_not_found and issuer_not_found do not go away by " +
				"themselves.",
		},
			query{sum("result", growth(in("docusign_auth_proxy_token_grants_total"))), "exchanges: {{result}}"},
			query{sum("error", growth(in("docusign_auth_proxy_token_grant_errors_total"))) + " > 0", "{{error}}"},
		),
	}
}

func upstreamPanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		curves(about{
			title: "DocuSign's own time, by API", unit: "s", width: 8, limits: above(5, 30), anchor: "slow-calls",
			what: "Time until DocuSign's answer begins: what 5 % of the calls exceed.",
			red: "30 seconds. Nothing here can be mended in the proxy: look at DocuSign's status page, quote trace_token of " +
				"the log to its support.",
		}, query{quantile("0.95", "api", "docusign_auth_proxy_upstream_duration_seconds") + " >= 0", "{{api}}"}),
		stacked(shape{"normal", "line", 40}, about{
			title: "Calls sent to DocuSign, by site", unit: "reqps", width: 5, limits: above(200, 500),
			anchor: "docusignratelimitnear",
			what: "Calls a second, by the site where the account lives and the class of DocuSign's answer; none means that " +
				"there was no answer. Calls that were not translated are other.",
			red: "500 a second; its limits are per account and hour. One site alone without answers: DocuSign's status " +
				"page, and the way out of this network.",
		}, query{sum("site, code", rate(of("docusign_auth_proxy_site_requests_total"))) + " > 0", "{{site}} {{code}}"}),
		stacked(shape{"none", "bars", 60}, about{
			title: "Calls sent twice, accounts moved", unit: "short", width: 6, limits: above(1, 10), anchor: "sites",
			what: "Per step of the curve: calls sent again after DocuSign refused the token or named another site, and " +
				"accounts found at another site than before.",
			red: "ten a step. token_refused: somebody revokes tokens, or a key was changed. wrong_site: the account is " +
				"being moved by DocuSign, or UserInfo is out of date.",
		},
			query{sum("reason", growth(in("docusign_auth_proxy_replays_total"))), "again: {{reason}}"},
			query{"sum(" + growth(in("docusign_auth_proxy_site_moves_total")) + ")", "moved"},
		),
		stacked(shape{"none", "bars", 60}, about{
			title: "UserInfo and look-ups", unit: "short", width: 5, limits: above(10, 100), anchor: "sites",
			what: "Questions to the account server about where accounts live, and look-ups of users and accounts by name or " +
				"number, per step and result.",
			red: "a hundred a step with result error: list user_id and accounts in the configuration, then nothing has to " +
				"be looked up.",
		},
			query{sum("result", growth(in("docusign_auth_proxy_userinfo_fetches_total"))), "UserInfo: {{result}}"},
			query{sum("what, result", growth(in("docusign_auth_proxy_lookups_total"))), "{{what}}: {{result}}"},
		),
	}
}

func limitPanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		curves(about{
			title: "Part of DocuSign's limit left", unit: "percentunit", width: 8, limits: below(.25, .1),
			anchor: "docusignratelimitnear",
			what: "What DocuSign last said is left of its limits for an integration's account: per hour, and per burst of 30 " +
				"seconds.",
			red: "below a tenth. Calls will be answered 429 until the window is over.",
		}, query{
			aggregate("min", "integration, window", in("docusign_auth_proxy:api_limit_remaining:ratio")),
			"{{integration}}: {{window}}",
		}).Max(1),
		curves(about{
			title: "Calls left", unit: "short", width: 8, limits: below(300, 50), anchor: "docusignratelimitnear",
			what: "The same in calls. Integrations with the same account share one limit and show the same figures.",
			red:  "fewer than 50 calls are left.",
		}, query{
			aggregate("min", "integration, window", in("docusign_auth_proxy_api_limit_remaining_calls")),
			"{{integration}}: {{window}}",
		}),
		bars(about{
			title: "Hourly limit starts anew in", unit: "s", width: 4, limits: above(3600, 7200),
			anchor: "docusignratelimitnear",
			what:   "Time until the hourly limit is whole again, as DocuSign last told it.",
			red:    "more than two hours cannot be: the clock of this machine is wrong.",
		}, query{
			"clamp_min(" + aggregate("min", "integration", in("docusign_auth_proxy_api_limit_reset_timestamp_seconds")) +
				" - time(), 0)",
			"{{integration}}",
		}).NoValue("not told yet"),
		bars(about{
			title: "The limits", unit: "short", width: 4, limits: below(1000, 100), anchor: "docusignratelimitnear",
			what: "The limits themselves: 3,000 an hour unless DocuSign has set another.",
			red:  "an account with an old or trial limit. Ask DocuSign to raise it.",
		}, query{
			aggregate("min", "integration, window", in("docusign_auth_proxy_api_limit_calls")),
			"{{integration}}: {{window}}",
		}).NoValue("not told yet"),
	}
}

func saturationPanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		curves(about{
			title: "Calls and connections open", unit: "none", width: 6, limits: above(2000, 4000),
			anchor: "docusignproxysaturated",
			what: "Calls under way, connections of programs, tunnels to other hosts. Unless configured otherwise, 4096 " +
				"connections on each listener and 256 tunnels are allowed.",
			red: "4000 connections: the next ones wait. Raise limits.connections, or find the program that does not close " +
				"its connections.",
		},
			query{sum("instance", of("docusign_auth_proxy_active_requests")), "{{instance}} calls"},
			query{sum("instance", of("docusign_auth_proxy_open_connections")), "{{instance}} connections"},
			query{sum("instance", of("docusign_auth_proxy_open_tunnels")), "{{instance}} tunnels"},
		),
		curves(about{
			title: "Processor", unit: "percentunit", width: 4, limits: above(.7, 1.5), anchor: "docusignproxysaturated",
			what: "Processor time used a second; 100 % is one core.",
			red: "one and a half cores. Fresh TLS connections and password checks cost most: see Failures by cause for " +
				"bad_login.",
		}, query{rate(`process_cpu_seconds_total{job="docusign-auth-proxy",` + one + `}`), "{{instance}}"}),
		curves(about{
			title: "Memory", unit: "bytes", width: 4, limits: above(256<<20, 1<<30), anchor: "docusignproxysaturated",
			what: "Resident memory of the process.",
			red:  "a gigabyte. Bodies are streamed, so look for calls under way with large replay buffers (limits.replay_body).",
		}, query{`process_resident_memory_bytes{job="docusign-auth-proxy",` + one + `}`, "{{instance}}"}),
		curves(about{
			title: "File descriptors", unit: "percentunit", width: 5, limits: above(.5, .8), anchor: "docusignproxysaturated",
			what: "Part of the file descriptors in use that the process may have.",
			red:  "80 %. Raise LimitNOFILE of the service, then look for connections that are never closed.",
		}, query{"max by (instance) (process_open_fds{" + one + "} / process_max_fds{" + one + "})", "{{instance}}"}).Max(1),
		curves(about{
			title: "Goroutines", unit: "none", width: 5, limits: above(20000, 50000), anchor: "docusignproxysaturated",
			what: "Goroutines: some for each connection. They must fall when connections do.",
			red:  "50,000, or a line that only rises: a leak. Restart the proxy and report it with its version.",
		}, query{`go_goroutines{job="docusign-auth-proxy",` + one + `}`, "{{instance}}"}),
	}
}

func troublePanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		logarithmic(about{
			title: "Size of bodies", unit: "bytes", width: 12, limits: above(16<<20, 32<<20), anchor: "slow-calls",
			what: "What 1 % of the bodies exceed: sent by programs, and answered.",
			red:  "32 MiB: DocuSign refuses larger calls with 413.",
		},
			query{quantile("0.99", "", "docusign_auth_proxy_request_body_size_bytes"), "sent"},
			query{quantile("0.99", "", "docusign_auth_proxy_response_body_size_bytes"), "answered"},
		),
		stacked(shape{"normal", "bars", 80}, about{
			title: "Tunnels refused, by reason", unit: "short", width: 12, limits: above(1, 100), anchor: "refused-connects",
			what: "CONNECT requests that the proxy refused, per step of the curve.",
			red: "a hundred a step. not_listed: the old machine needs a host that egress.tunnel does not name. " +
				"client_address: it may not use the proxy at all.",
		}, query{
			sum("reason", "increase("+of("docusign_auth_proxy_connects_refused_total")+"[$__rate_interval])") + " > 0",
			"{{reason}}",
		}).NoValue("none refused"),
		stacked(shape{"normal", "bars", 80}, about{
			title: "Connections that never became a call, by cause", unit: "short", width: 12, limits: above(1, 100),
			anchor: "connections-that-never-become-a-call",
			what: "Connections that ended in the TLS handshake or with a request head that cannot be read, per step of the " +
				"curve.",
			red: "a hundred a step. tls_not_trusted, tls_hung_up: a program does not trust the proxy's CA: " +
				"docusign-auth-proxy ca trust.",
		}, query{
			sum("cause", "increase("+of("docusign_auth_proxy_connection_failures_total")+"[$__rate_interval])") + " > 0",
			"{{cause}}",
		}).NoValue("none failed"),
		curves(about{
			title: "Faults, and log lines lost", unit: "short", width: 12, limits: above(1, 100), anchor: "the-log-is-not-read",
			what: "Per step of the curve: faults of the proxy that were caught, by where, and lines of the log that were " +
				"dropped because nobody read it.",
			red: "a hundred a step. Calls go on; look at the program that reads the log, and report faults.",
		},
			query{
				sum("where", "increase("+of("docusign_auth_proxy_panics_total")+"[$__rate_interval])") + " > 0",
				"fault: {{where}}",
			},
			query{"sum(increase(" + of("docusign_auth_proxy_log_lines_dropped_total") + "[$__rate_interval])) > 0", "log lines"},
			query{
				aggregate("max", "instance", of("docusign_auth_proxy_log_stuck_seconds")) + " > 5",
				"seconds without a reader: {{instance}}",
			},
		).NoValue("none"),
	}
}

func versionPanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		table(about{
			title: "Versions", unit: "short", width: 9, limits: above(2, 3), anchor: "versions",
			what: "Which version runs on which instance, since when, and when it last took over a configuration.",
			red:  "(no colour is bad here.) Several versions at once are right during a roll-out only.",
		}, "", []column{
			{field: "instance", heading: "Instance"},
			{field: "version", heading: "Version"},
			{field: "commit", heading: "Commit"},
			{field: "goversion", heading: "Go"},
			{field: "Value #B", heading: "Configuration read", unit: "dateTimeFromNow"},
			{field: "Value #C", heading: "Running for", unit: "s"},
		},
			query{aggregate("max", "instance, version, commit, goversion", of("docusign_auth_proxy_build_info")), ""},
			query{
				aggregate("max", "instance", of("docusign_auth_proxy_config_last_reload_success_timestamp_seconds")) + " * 1000",
				"",
			},
			query{`time() - max by (instance) (process_start_time_seconds{job="docusign-auth-proxy",` + one + `})`, ""},
		),
		bars(about{
			title: "Certificates end in", unit: "s", width: 5, limits: below(30*86400, 7*86400), anchor: "docusigncaexpiring",
			what: "The CA, and the first of the certificates it has signed, which are renewed by themselves.",
			red: "less than a week. For the CA: docusign-auth-proxy ca renew, and spread it. A leaf this near its end means " +
				"that renewal fails.",
		},
			query{
				aggregate("min", "instance", of("docusign_auth_proxy_ca_expiry_timestamp_seconds")) + " - time()",
				"{{instance}} CA",
			},
			query{
				aggregate("min", "instance", of("docusign_auth_proxy_leaf_expiry_timestamp_seconds")) + " - time()",
				"{{instance}} leaf",
			},
		).NoValue("no CA"),
		curves(about{
			title: "Clock", unit: "s", width: 5, limits: above(10, 60), anchor: "docusignclockoff",
			what: "Time of the account server minus time of this machine, without sign.",
			red:  "a minute. Set up NTP on the machine.",
		}, query{
			"abs(" + of("docusign_auth_proxy_account_server_clock_offset_seconds") + ")",
			"{{instance}}",
		}).NoValue("not learnt yet"),
		stacked(shape{"normal", "bars", 80}, about{
			title: "Base URLs rewritten", unit: "short", width: 5, limits: above(1e3, 1e5), anchor: "sites",
			what: "Addresses in log-in answers that were changed so that the program keeps coming through the proxy, per " +
				"step of the curve.",
			red: "very many: a program logs in before each call. It works, at the cost of a call more each time.",
		}, query{sum("integration", growth(in("docusign_auth_proxy_base_uri_rewrites_total"))), "{{integration}}"}),
	}
}
