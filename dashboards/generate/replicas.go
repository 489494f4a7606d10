package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// storePanels are about the store that replicas share; they are empty where each proxy has a file.
func storePanels() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		history(about{
			title: "Store reached", unit: "none", width: 12, limits: below(1, 1), anchor: "docusignstoreunreachable",
			what: "Whether each replica reaches the store that all share: 1 or 0.",
			red: "calls with known credentials go on, new tokens and first log-ins do not. All replicas: look at the Redis " +
				"server. One of them: look at the network between the two.",
		}, query{aggregate("min", "instance", of("docusign_auth_proxy_store_up")), "{{instance}}"}).
			NoValue("no store is shared"),
		curves(about{
			title: "Time since the store answered", unit: "s", width: 12, limits: above(60, 3600),
			anchor: "docusignstoreunreachable",
			what: "How long ago the store answered each replica. One that is cut off for store.max_stale, 24 hours unless " +
				"configured otherwise, no longer lets in by issued tokens.",
			red: "an hour: revoked tokens still work at this replica.",
		}, query{
			"time() - " + aggregate("max", "instance", of("docusign_auth_proxy_store_last_contact_timestamp_seconds")),
			"{{instance}}",
		}).NoValue("no store is shared"),
	}
}
