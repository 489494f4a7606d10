package main

import (
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// storePanels are about the store that replicas share; they are empty where each proxy has a file.
func storePanels() []*dashboard.PanelBuilder {
	return slices.Concat(storeReached(), storeAsked(), storeFaults())
}

func storeReached() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		history(about{
			title: "Store reached", unit: "none", width: 6, limits: below(1, 1), anchor: "docusignstoreunreachable",
			what: "Whether each replica reaches the store that all share: 1 or 0.",
			red: "calls with known credentials go on, new tokens and first log-ins do not. All replicas: look at the Redis " +
				"server. One of them: look at the network between the two.",
		}, query{aggregate("min", "instance", of("docusign_auth_proxy_store_up")), "{{instance}}"}).NoValue(unshared),
		curves(about{
			title: "Time since the store answered", unit: "s", width: 6, limits: above(60, 3600),
			anchor: "docusignreplicacutoff",
			what: "How long ago the store answered each replica. One that is cut off for store.max_stale, 24 hours unless " +
				"configured otherwise, no longer lets in by issued tokens.",
			red: "an hour: revoked tokens still work at this replica.",
		}, query{
			"time() - " + aggregate("max", "instance", of("docusign_auth_proxy_store_last_contact_timestamp_seconds")),
			"{{instance}}",
		}).NoValue(unshared),
		curves(about{
			title: "Changes of other replicas come late by", unit: "s", width: 6, limits: above(10, 60),
			anchor: "docusignstorefeedlate",
			what:   "How long ago each replica had all changes of the others. A few seconds are normal.",
			red:    "a minute: a token that was revoked at another replica still works at this one.",
		}, query{aggregate("max", "instance", of("docusign_auth_proxy_store_feed_lag_seconds")), "{{instance}}"}).
			NoValue(unshared),
		curves(about{
			title: "Replicas", unit: "none", width: 6, limits: below(2, 1), anchor: "docusignreplicadown",
			what: "Replicas that are alive by what the store knows, beside those that Prometheus reaches.",
			red: "none. Fewer in the store than Prometheus reaches: some are cut off, or use another namespace. One that " +
				"was killed is gone after 45 seconds.",
		},
			query{aggregate("max", "store", replicasOf(of("docusign_auth_proxy_replicas"))), "{{store}}: in the store"},
			query{aggregate("sum", "store", of(storeInfo)), "{{store}}: that Prometheus reaches"},
		).NoValue(unshared),
	}
}

func storeAsked() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		logarithmic(about{
			title: "How long the store takes", unit: "s", width: 8, limits: above(.05, .25), anchor: "docusignstoreunreachable",
			what: "What 1 % of the questions to the store exceed, by what is asked. Calls with a token in memory ask nothing. " +
				"follow waits for changes, up to two seconds.",
			red: "a quarter of a second: store.redis.timeout ends such a question, and then the store counts as away.",
		}, query{
			"histogram_quantile(0.99, sum by (le, operation) (rate(" +
				of("docusign_auth_proxy_store_operation_duration_seconds_bucket") + "[$__rate_interval]))) >= 0",
			"{{operation}}",
		}).NoValue(unshared),
		stacked(shape{"normal", "line", 40}, about{
			title: "Questions to the store by outcome", unit: "reqps", width: 8, limits: above(1000, 10000),
			anchor: "docusignstoreunreachable",
			what: "Questions a second of all replicas: ok, refused (a condition did not hold, as when another replica was " +
				"first), unreachable, aborted.",
			red: "ten thousand a second: one server takes some 20,000. Keep a program on few replicas, by a hash at the " +
				"balancer.",
		}, query{
			sum("outcome", rate(of("docusign_auth_proxy_store_operation_duration_seconds_count"))), "{{outcome}}",
		}).OverrideByName("unreachable", colour("red")).NoValue(unshared),
		stacked(shape{"normal", "line", 40}, about{
			title: "What replicas fetch for one another", unit: "reqps", width: 8, limits: above(10, 100),
			anchor: "replicas-on-one-store",
			what: "Tokens, UserInfo and look-ups a second that a replica did not have in memory, by what came of asking the " +
				"others: value (one of them had it), turn (this one fetched it for all), busy, failure, unshared.",
			red: "unshared ones: each replica fetches for itself, which may use up the number of tokens that DocuSign allows " +
				"a user.",
		}, query{
			sum("kind, result", rate(of("docusign_auth_proxy_shared_claims_total"))) + " > 0", "{{kind}}: {{result}}",
		}).NoValue(unshared),
	}
}

func storeFaults() []*dashboard.PanelBuilder {
	return []*dashboard.PanelBuilder{
		table(about{
			title: "What is wrong with the store and the replicas", unit: "short", width: 8, limits: above(1, 1),
			anchor: "docusignstoredoubtful",
			what:   "Faults that the replicas know of, by cause, and how many of them see it.",
			red:    "the status page of a replica has the next step for each.",
		}, "", []column{
			{field: "cause", heading: "Cause", links: []cellLink{{true, "Runbook", "${runbook}#replicas-on-one-store"}}},
			{field: "Value", heading: "Replicas", limits: above(1, 1)},
		}, query{aggregate("sum", "cause", of("docusign_auth_proxy_store_fault")), ""}).NoValue("none"),
		curves(about{
			title: "Calls not yet in the store", unit: "none", width: 8, limits: above(1000, 100000),
			anchor: "docusignledgerunsent",
			what: "Calls that each replica has counted and not sent yet. It sends every ten seconds, and keeps them while the " +
				"store is away.",
			red: "a hundred thousand. If the replica ends now, they are missing in the report.",
		}, query{aggregate("max", "instance", of("docusign_auth_proxy_ledger_unsent_calls")), "{{instance}}"}).
			NoValue(unshared),
		curves(about{
			title: "What may be lost or was made twice", unit: "short", width: 8, limits: above(1, 10),
			anchor: "replicas-on-one-store",
			what: "Per step of the curve: changes that no replica of the Redis server confirmed (a fail-over may forget " +
				"them), refresh tokens that two replicas exchanged, records that do not open.",
			red: "ten a step. Unconfirmed: look at the replication of the Redis server. Records that do not open: somebody " +
				"without store.key writes to it.",
		},
			query{
				sum("", growth("docusign_auth_proxy_store_operation_duration_seconds_count{"+one+
					`,operation="copy",outcome="refused"}`)),
				"unconfirmed",
			},
			query{sum("", growth(of("docusign_auth_proxy_refresh_conflicts_total"))), "exchanged twice"},
			query{sum("", growth(of("docusign_auth_proxy_store_unreadable_records_total"))), "do not open"},
		).NoValue(unshared),
	}
}

// unshared is what these panels say where each proxy has a file.
const unshared = "no store is shared"
