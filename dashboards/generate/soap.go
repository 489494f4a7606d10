package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// soapPanels are about SOAP calls, and what is kept while REST carries them out.
func soapPanels() []*dashboard.PanelBuilder {
	const unresolved = "docusign_auth_proxy_soap_journal_oldest_unresolved_timestamp_seconds"
	return []*dashboard.PanelBuilder{
		curves(about{
			title: "SOAP operations", unit: "reqps", width: 8, limits: above(100, 200), anchor: "causes-of-failures",
			what: "SOAP calls a second by operation, and how well REST carries it out. Calls that go to DocuSign as SOAP count " +
				"too.",
			red: "(no colour is bad here.) impossible: with soap: rest such a call is refused.",
		}, query{
			sum("operation, class, outcome", rate(in("docusign_auth_proxy_soap_operations_total"))) + " > 0",
			"{{operation}} ({{class}}) {{outcome}}",
		}),
		curves(about{
			title: "REST calls for one SOAP call", unit: "none", width: 8, limits: above(10, 50), anchor: "docusignratelimitnear",
			what: "How many REST calls a SOAP call takes, at most, for 95 % of the calls. Each counts under DocuSign's limits.",
			red:  "more than fifty: programs fetch envelopes of many documents. Look at Rate limits.",
		}, query{quantile("0.95", "integration", "docusign_auth_proxy_soap_rest_calls"), "{{integration}}"}),
		curves(about{
			title: "Envelopes asked for", unit: "reqps", width: 8, limits: above(100, 200), anchor: "causes-of-failures",
			what: "Creations a second: done, refused, unknown (nobody knows yet whether the envelope was made), repeated (the " +
				"call came again and got the same envelope).",
			red: "(no colour is bad here.) unknown is bad: look at Unresolved creations.",
		}, query{
			sum("integration, result", rate(in("docusign_auth_proxy_soap_creations_total"))) + " > 0",
			"{{integration}}: {{result}}",
		}),
		curves(about{
			title: "Unresolved creations", unit: "s", width: 6, limits: above(60, 600), anchor: "causes-of-failures",
			what: "Age of the oldest creation of which nobody knows whether DocuSign made the envelope.",
			red:  "ten minutes. docusign-auth-proxy soap journal lists them.",
		}, query{"time() - " + of(unresolved), "{{instance}}"}).NoValue("none"),
		curves(about{
			title: "Journal of creations", unit: "none", width: 6, limits: above(50000, 90000), anchor: "causes-of-failures",
			what: "Entries of the journal, by what is known of them. They go after a week.",
			red:  "very many envelopes a week.",
		}, query{sum("state", of("docusign_auth_proxy_soap_journal_entries")), "{{state}}"}),
		curves(about{
			title: "Documents under way", unit: "bytes", width: 6, limits: above(536870912, 966367641), anchor: "slow-calls",
			what: "Bytes of documents that SOAP calls under way hold in memory and on disk.",
			red:  "near the default of spool_max: further calls with documents are refused.",
		}, query{sum("instance", of("docusign_auth_proxy_soap_spool_bytes")), "{{instance}}"}),
		curves(about{
			title: "Answered from memory, left out", unit: "reqps", width: 6, limits: above(100, 200), anchor: "slow-calls",
			what: "Status calls a second that were answered without DocuSign, and elements a second that were left out as " +
				"decoration.",
			red: "(no colour is bad here.)",
		},
			query{sum("integration", rate(in("docusign_auth_proxy_soap_status_cache_hits_total"))), "{{integration}}: from memory"},
			query{sum("integration", rate(in("docusign_auth_proxy_soap_dropped_elements_total"))), "{{integration}}: left out"},
		),
	}
}
