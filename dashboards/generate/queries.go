package main

import "strings"

// What the variables choose.
const (
	one   = `instance=~"$instance"`
	scope = one + `,integration=~"$integration"`

	legacy = `scheme!~"none|oauth_bearer|other"` // forms of credential that DocuSign has switched off
	// DocuSign, or the proxy for it, did what it was asked or found fault with the content.
	done   = `outcome=~"ok|client_error"`
	listed = `integration!="unknown"`
	failed = `outcome!~"ok|client_error|aborted"`

	calls    = "docusign_auth_proxy_requests_total"
	perTime  = "docusign_auth_proxy:requests:rate15m"
	consents = "docusign_auth_proxy_consent_identities"
	age      = "docusign_auth_proxy:legacy_call_age:seconds"
	info     = "docusign_auth_proxy_integration_info"

	storeInfo = "docusign_auth_proxy_store_info" // of each replica that shares a store

	// translating joins the mode of the configuration to the calls.
	translating = " and on (job, instance, integration) " + info + `{mode="translate"}`
	otherwise   = " unless on (job, instance, integration) " + info + `{mode="translate"}`
	observing   = " and on (integration) " + info + `{mode="observe"}`
)

// in gives a metric's series that the variables and more choose.
func in(metric string, more ...string) string {
	return metric + "{" + strings.Join(append([]string{scope}, more...), ",") + "}"
}

// of is in for metrics without the label integration.
func of(metric string) string { return metric + "{" + one + "}" }

// grown is how much counters grew over the dashboard's whole time range.
func grown(selector string) string { return "increase(" + selector + "[$__range])" }

// grownAtAll is grown for counters that do not begin at zero: one that began within the range, and has not grown since,
// shows its value.
func grownAtAll(selector string) string {
	return "(" + grown(selector) + " > 0 or (" + selector + " unless " + selector + " offset $__range))"
}

// growth is how much counters grow from one point of a curve to the next.
func growth(selector string) string { return "increase(" + selector + "[$__rate_interval])" }

func rate(selector string) string { return "rate(" + selector + "[$__rate_interval])" }

func sum(by, expr string) string { return aggregate("sum", by, expr) }

func aggregate(how, by, expr string) string {
	if by == "" {
		return how + "(" + expr + ")"
	}
	return how + " by (" + by + ") (" + expr + ")"
}

// quantile reads a histogram's classic buckets.
func quantile(q, by, metric string) string {
	labels := "le"
	if by != "" {
		labels += ", " + by
	}
	return "histogram_quantile(" + q + ", " + sum(labels, rate(in(metric+"_bucket"))) + ")"
}

// share is part of the whole; absent when there is no whole.
func share(part, whole string) string { return part + " / (" + whole + " > 0)" }

// replicasOf gives what replicas say the name of their store; what a proxy alone says is left out.
func replicasOf(selector string) string {
	return selector + " * on (job, instance) group_left (store) " + of(storeInfo)
}

// once adds up what proxies say, but takes what replicas say of the store that they share once: the most that any of
// them says.
func once(by, selector string) string {
	return sum(by, aggregate("max", "store, "+by, replicasOf(selector))+" or "+
		aggregate("max", "instance, "+by, selector+" unless on (job, instance) "+of(storeInfo)))
}
