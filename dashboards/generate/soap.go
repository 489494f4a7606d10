package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

const (
	soapCalls = "docusign_auth_proxy_soap_operations_total"
	carried   = `class=~"whole|approximate"`
)

// soapMigration tells whose SOAP could be carried over REST, and what stands against it.
func soapMigration() []*dashboard.PanelBuilder {
	lost := heat(1, 10, 1000)
	return []*dashboard.PanelBuilder{
		table(about{
			title: "SOAP by integration", unit: "short", width: 9, limits: above(1, 1), anchor: "soap-over-rest",
			what: "SOAP calls of the time range by how well REST carries their operations out, beside the way that the " +
				"configuration has now. Without impossible ones a program can be set to soap: rest.",
			red: "impossible: those calls are refused with soap: rest. Keep app_password, or let its owner do without them.",
		}, "Whole", []column{
			integrationColumn(),
			{field: "soap", heading: "Way now"},
			{field: "Value #B", heading: "Whole"},
			{field: "Value #C", heading: "With a loss", limits: lost},
			{field: "Value #D", heading: "Impossible", limits: above(1, 1)},
		},
			query{
				aggregate("max", "integration, soap", in(info)) + " and on (integration) " + sum("integration", in(soapCalls)),
				"",
			},
			query{sum("integration", grown(in(soapCalls, `class="whole"`))), ""},
			query{sum("integration", grown(in(soapCalls, `class="approximate"`))), ""},
			query{sum("integration", grown(in(soapCalls, `class="impossible"`))), ""},
		).NoValue("no SOAP"),
		matrix(about{
			title: "SOAP operations and how REST carries them", unit: "short", width: 8, limits: heat(1, 100, 10000),
			anchor: "soap-over-rest",
			what: "Operations that programs called in the time range, by their class: whole, approximate (docs/soap.md says " +
				"what is lost) or impossible.",
			red: "more than 10,000 calls: nothing is wrong with them, they are what most of the work is about.",
		}, "operation", "class", query{sum("operation, class", grown(in(soapCalls))) + " > 0", ""}).NoValue("no SOAP"),
		stacked(shape{"percent", "line", 70}, about{
			title: "Ways of SOAP", unit: "reqps", width: 7, limits: above(1, 100), anchor: "soap-over-rest",
			what: "Shares of the SOAP calls by the way of their integration: carried over REST, or sent to DocuSign as SOAP " +
				"(bearer, app_password).",
			red: "SOAP calls with bearer are unproven at DocuSign: see what the doctor says about them.",
		}, query{
			"sum by (soap) (" + sum("integration", rate(in(soapCalls))) + " * on (integration) group_left (soap) " +
				aggregate("max", "integration, soap", in(info)) + ")",
			"{{soap}}",
		}).OverrideByName("rest", colour("green")),
	}
}

// soapPanels are what SOAP over REST does now.
func soapPanels() []*dashboard.PanelBuilder {
	const perCall = "docusign_auth_proxy_soap_rest_calls"
	return []*dashboard.PanelBuilder{
		stacked(shape{"normal", "line", 40}, about{
			title: "SOAP calls by operation and outcome", unit: "reqps", width: 8, limits: above(1, 10),
			anchor: "soap-over-rest",
			what: "SOAP calls a second of all integrations that REST can carry, by operation and how they ended. " +
				"client_error is a fault that the program can mend.",
			red: "ten a second that are not ok: the log line of the call has the fault and its reason.",
		}, query{sum("operation, outcome", rate(in(soapCalls, carried))) + " > 0", "{{operation}} {{outcome}}"}),
		curves(about{
			title: "REST calls per SOAP call", unit: "short", width: 4, limits: above(5, 20), anchor: "docusignratelimitnear",
			what: "How many REST calls, which count against DocuSign's hourly limit, one SOAP call takes: the mean by " +
				"integration, and what 5 % of all calls exceed.",
			red: "twenty: downloads of many documents, or an account that has to be looked for. Compare with Rate limits.",
		},
			query{
				share(sum("integration", rate(in(perCall+"_sum"))), sum("integration", rate(in(perCall+"_count")))),
				"{{integration}}",
			},
			query{quantile("0.95", "", perCall), "95 % of all"},
		),
		curves(about{
			title: "Status answers from memory", unit: "reqps", width: 4, limits: above(10, 100), anchor: "polling",
			what: "Questions for the status of envelopes a second that were answered without DocuSign, since they had just " +
				"been asked (soap_rest.cache_status).",
			red: "a hundred a second: a program asks in a loop. DocuSign allows one read of an envelope in 15 minutes.",
		}, query{sum("integration", rate(in("docusign_auth_proxy_soap_status_cache_hits_total"))), "{{integration}}"}),
	}
}

// soapKeepingPanels are what SOAP over REST keeps: documents while they are under way, and creations.
func soapKeepingPanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		curves(about{
			title: "Documents under way", unit: "bytes", width: 4, limits: above(512<<20, 896<<20), anchor: "soap-over-rest",
			what: "Bytes of documents that SOAP calls under way hold in memory and on disk. When soap_rest.spool_max is " +
				"reached, calls are refused before anything is sent.",
			red: "near the 1 GiB that is the default of soap_rest.spool_max. Raise it, if the disk has room.",
		}, query{aggregate("max", "instance", of("docusign_auth_proxy_soap_spool_bytes")), "{{instance}}"}),
		stacked(shape{"normal", "line", 40}, about{
			title: "Journal of creations", unit: "none", width: 4, limits: above(1, 1), anchor: "docusigncreationunresolved",
			what: "Creations in the journal by what is known of them. intended are under way; unknown ones have no answer.",
			red:  "an unknown one: the program was told that nobody knows. docusign-auth-proxy soap journal names it.",
		}, query{once("state", of("docusign_auth_proxy_soap_journal_entries")) + " > 0", "{{state}}"}).
			OverrideByName("unknown", colour("red")),
		number(about{
			title: "Oldest creation without an answer", unit: "s", width: 6, limits: above(120, 300),
			anchor: "docusigncreationunresolved",
			what:   "How long ago the oldest creation began of which nobody knows whether the envelope was made.",
			red:    "five minutes: the look-ups are over. docusign-auth-proxy soap journal names it and the next step.",
		}, query{
			"time() - min(" + of("docusign_auth_proxy_soap_journal_oldest_unresolved_timestamp_seconds") + ")",
			"ago",
		}).NoValue("none"),
		stacked(shape{"normal", "bars", 80}, about{
			title: "Creations by result", unit: "short", width: 10, limits: above(1, 10), anchor: "docusigncreationunresolved",
			what: "Envelopes that SOAP calls asked REST for, per step of the curve: done, refused, unknown, or repeated (the " +
				"same call came again and was given the same envelope).",
			red: "unknown ones: DocuSign did not say what became of them, and look-ups found nothing.",
		}, query{
			sum("result", growth(in("docusign_auth_proxy_soap_creations_total"))) + " > 0", "{{result}}",
		}).OverrideByName("unknown", colour("red")),
		stacked(shape{"normal", "bars", 80}, about{
			title: "Elements left out", unit: "short", width: 8, limits: above(10, 1000), anchor: "soap-over-rest",
			what: "Elements of SOAP calls that REST has no place for and that nobody sees, per step of the curve. What a " +
				"person would see, sign, pay or be asked for is refused and not left out.",
			red: "(no colour is bad here.) dropped in the log line of the call counts them; docs/soap.md says what they are.",
		}, query{sum("integration", growth(in("docusign_auth_proxy_soap_dropped_elements_total"))), "{{integration}}"}),
	}
}
