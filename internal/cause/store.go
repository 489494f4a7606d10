package cause

import "maps"

// stores are about the server that all replicas share, and what becomes of replicas that differ. An address is that of
// the server that was asked.
func stores() map[ID]Entry {
	all := serversAway()
	maps.Copy(all, storesRefused())
	maps.Copy(all, replicas())
	return all
}

func serversAway() map[ID]Entry {
	const away = "docusignstoreunreachable"
	return map[ID]Entry{
		StoreAway: {"store_away", "the server of store.redis at {address} cannot be reached: {detail}", Page,
			"start it, or correct its address under store.redis; if it runs, look at the firewall between", away,
			alertStore, ""},
		StoreSlow: {"store_away", "the server of store.redis at {address} does not answer in time", Page,
			"look at its load and at the network between; store.redis.timeout bounds each question", away, alertStore, ""},
		StoreName: {"store_away", "this machine's DNS does not know {host}, where store.redis is", Page,
			"correct the name under store.redis, or this machine's DNS", away, alertStore, ""},
		StoreTLS: {"store_tls", "the certificate of {address} is not believed: {detail}", Page, "name the authority that " +
			"signed it in store.redis.ca_file, and the server as its certificate does", away, alertStore, ""},
		StoreNoTLS: {"store_tls", "the server at {address} does not speak TLS", Page, "take the port on which it speaks " +
			"TLS; without TLS write redis:// (or tls: false), and plaintext: true on another machine", away,
			alertStore, ""},
		StoreWantsTLS: {"store_tls", "the server at {address} speaks TLS alone", Page,
			"write rediss:// (or tls: true) under store.redis", away, alertStore, ""},
		StoreWantsCertificate: {"store_tls", "the server at {address} wants a certificate of the client: {detail}", Page,
			"set store.redis.certificate to a pair that an authority of the server has signed", away, alertStore, ""},
		StorePassword: {"store_login", "the server at {address} refuses user and password", Page,
			"correct store.redis.username and store.redis.password; redis-cli --user USER -a PASSWORD PING tries them", away,
			alertStore, ""},
		StoreNoPassword: {"store_login", "the server at {address} wants a password, and the configuration has none", Page,
			"set store.redis.password", away, alertStore, ""},
		StoreRight: {"store_right", "the user of store.redis may not {detail}", Page, "give it what docs/scale.md lists: " +
			"ACL SETUSER at the server", away, alertStore, ""},
		StoreReplica: {"store_replica", "the server at {address} is a replica of another one and takes no changes", Page,
			"name the primary under store.redis; with Sentinel list the sentinels under addresses, and their set under " +
				"sentinel.master", away, alertStore, ""},
		StoreSentinel: {"store_sentinel", "the sentinels know no set of that name: {detail}", Page,
			"correct store.redis.sentinel.master; redis-cli -p 26379 SENTINEL MASTERS lists the names", away, alertStore, ""},
		StoreCluster: {"store_cluster", "the server at {address} is a node of a cluster and sends us to another one", Page,
			"set cluster: true under store.redis, and list some nodes under addresses", away, alertStore, ""},
		StoreNoCluster: {"store_cluster", "the server at {address} is no node of a cluster", Page,
			"take cluster: true out of store.redis", away, alertStore, ""},
		StoreClusterDown: {"store_away", "the cluster at {address} does not answer for our keys: {detail}", Page,
			"look at redis-cli CLUSTER INFO and CLUSTER NODES: start the nodes that are down, or give their slots to others",
			away, alertStore, ""},
		StoreVersion: {"store_version", "the server at {address} is {detail}, and 7.0 is needed", Page,
			"update it to Redis or Valkey 7.0 or later, or name another server under store.redis", away, alertStore, ""},
		StoreLoading: {"store_loading", "the server at {address} is reading its data back", Page,
			"nothing: it is asked again once a second; if it never ends, look at its log", away, alertStore, ""},
		StoreFull: {"store_full", "the server at {address} has no memory left and takes no changes", Page,
			"raise its maxmemory; docs/scale.md has the sizes", away, alertStore, ""},
		StoreDisk: {"store_full", "the server at {address} cannot write to its disk and takes no changes", Page,
			"look at its log and at the free space of its disk", away, alertStore, ""},
		StoreEmptied: {"store_emptied", "the server that was full is empty", Page, "if it lost its data, fill it from what " +
			"the replicas have: docusign-auth-proxy store restore --config {config}; if its address is wrong, correct " +
			"store.redis", away, alertStore, ""},
		StoreReplaced: {"store_emptied", "another store stands in the place of the one before", Page,
			"correct store.redis if its address is wrong; if the change is meant, restart the replicas one by one", away,
			alertStore, ""},
	}
}

// storesRefused are those that a start ends with.
func storesRefused() map[ID]Entry {
	const refused = "replicas-on-one-store"
	return map[ID]Entry{
		StoreKey: {"store_key", "what the store has was sealed with another store.key", Page, "take the store.key of the " +
			"other replicas; while it is changed, name the one before in store.previous_key", refused, "", ""},
		StoreAccountServer: {"store_foreign", "the store belongs to another environment: {detail}", Page, "demo and " +
			"production need a store each: set another store.redis.namespace, or correct environment", refused, "", ""},
		StoreForeign: {"store_foreign", "the keys of this namespace are not of this program: {detail}", Page,
			"set another store.redis.namespace", refused, "", ""},
		StoreNewer: {"store_newer", "the store was written by a newer version of this program: {detail}", Page,
			"update this replica to the version of the others", refused, "", ""},
	}
}

// replicas are what makes a store doubtful that works, and replicas that are out of step.
func replicas() map[ID]Entry {
	const doubtful, alertDoubtful = "docusignstoredoubtful", "DocuSignStoreDoubtful"
	const differ, alertDiffer = "docusignreplicasdiffer", "DocuSignReplicasDiffer"
	return map[ID]Entry{
		StoreEvicts: {"store_evicts", "the server of store.redis deletes keys when its memory is full: maxmemory-policy is " +
			"{detail}", Ticket, "set maxmemory-policy noeviction at the server, and maxmemory as docs/scale.md says: issued " +
			"tokens and logins must not go", doubtful, alertDoubtful, ""},
		StoreForgets: {"store_forgets", "the server of store.redis forgets what it has when it ends: {detail}", Ticket,
			"set appendonly yes at the server: logins and issued tokens lie in it", doubtful, alertDoubtful, ""},
		StoreUnreadable: {"store_unreadable", "{count} in the store do not open with store.key: somebody without it wrote " +
			"them or moved them", Ticket, "find out who else writes to the server of store.redis, and give this program a " +
			"user of its own there", doubtful, alertDoubtful, ""},
		StoreOldKey: {"store_old_key", "{count} in the store are sealed with the key before", Ticket,
			"keep store.previous_key until there are none: they are sealed anew by themselves, one hour at most", doubtful,
			"", ""},
		StoreClock: {"store_clock", "this machine's clock is {offset} that of the server of store.redis", Ticket,
			"let both machines set their clocks by NTP (timedatectl set-ntp true): times of the two are never compared, but " +
				"logs and lists are hard to read", "docusignclockoff", "", ""},
		FeedBehind: {"feed_behind", "changes of other replicas come {offset} late", Ticket,
			"look at the load of this replica and of the server of store.redis: until then a token revoked elsewhere works " +
				"here", "docusignstorefeedlate", "DocuSignStoreFeedLate", ""},
		ReplicaCutOff: {"replica_cut_off", "this replica has not reached the store since {until}; after store.max_stale it " +
			"no longer lets in by issued tokens", Page, "mend the way from this replica to the server of store.redis, or " +
			"take it out of the balancer", "docusignreplicacutoff", "DocuSignReplicaCutOff", ""},
		ReplicaDiffers: {"replicas_differ", "{count} with another configuration than this one: {detail}", Ticket,
			"give all replicas the same file; what decides about calls must be the same on each", differ, alertDiffer, ""},
		ReplicaVersions: {"replicas_differ", "{count} of another version than this one: {detail}", Ticket,
			"finish the roll-out: all replicas should run the same version", differ, alertDiffer, ""},
		LedgerUnsent: {"ledger_unsent", "{count} are counted in this replica and not yet in the store", Ticket,
			"read error of the lines \"ledger\" in the log; if this replica ends now, they are missing in the report",
			"docusignledgerunsent", "DocuSignLedgerUnsent", ""},
		RefreshConflict: {"refresh_conflict", "two replicas exchanged the same refresh token of {user}", Ticket,
			"nothing, if calls of the user go well; else docusign-auth-proxy login --user {user} --config {config}",
			"docusignrefreshconflict", "DocuSignRefreshConflict", ""},
	}
}
